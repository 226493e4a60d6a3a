//! User-interactive authentication, with the one stage that asks for nothing.

use axum::response::Response;
use ruma::api::client::uiaa::{AuthData, AuthFlow, AuthType, UiaaInfo, UiaaResponse};

use super::answer::respond;

/// The response that asks for the dummy stage, unless `given` has gone through it. Since the stage
/// asks for nothing, nothing is remembered between the two requests: the session has a name because
/// clients give one back.
pub(super) fn challenge(given: Option<&AuthData>) -> Option<Response> {
    if matches!(given, Some(AuthData::Dummy(_))) {
        return None;
    }
    let mut info = UiaaInfo::new(vec![AuthFlow::new(vec![AuthType::Dummy])]);
    info.session = Some("dummy".to_owned());
    Some(respond(UiaaResponse::AuthResponse(info)))
}
