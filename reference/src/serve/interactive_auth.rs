//! User-interactive authentication, with the dummy stage only.

use axum::response::Response;
use ruma::api::client::uiaa::{AuthData, AuthFlow, AuthType, UiaaInfo, UiaaResponse};

use super::response::respond;

/// The response that demands the dummy stage, unless `auth` completes the dummy stage. The dummy stage
/// needs no data, so the server stores nothing between the two requests. The response has a session
/// because clients send the session back.
pub(super) fn challenge(auth: Option<&AuthData>) -> Option<Response> {
    if matches!(auth, Some(AuthData::Dummy(_))) {
        return None;
    }
    let mut info = UiaaInfo::new(vec![AuthFlow::new(vec![AuthType::Dummy])]);
    info.session = Some("dummy".to_owned());
    Some(respond(UiaaResponse::AuthResponse(info)))
}
