//! The credentials in a request.

use axum::extract::Query;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use ruma::OwnedUserId;
use serde::Deserialize;

use crate::reference::Credentials;

/// The credentials in a request. They are secret, so the type has no `Debug`.
#[derive(Clone)]
pub(super) struct RequestCredentials {
    token: Option<String>,
    user_id: Option<OwnedUserId>,
}

#[derive(Default, Deserialize)]
struct QueryCredentials {
    access_token: Option<String>,
    user_id: Option<OwnedUserId>,
}

impl RequestCredentials {
    /// The credentials of this request. The token is in the header, or else in the query.
    pub(super) fn of(request: &Parts) -> Self {
        let query = Query::<QueryCredentials>::try_from_uri(&request.uri);
        let QueryCredentials { access_token, user_id } =
            query.map(|Query(query)| query).unwrap_or_default();
        let header = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer =
            header.and_then(|header| header.split_once(' ')).and_then(|(scheme, token)| {
                scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim().to_owned())
            });
        Self { token: bearer.or(access_token), user_id }
    }

    /// The credentials, as the reference takes them.
    pub(super) fn as_reference_credentials(&self) -> Credentials<'_> {
        Credentials { token: self.token.as_deref(), user_id: self.user_id.as_deref() }
    }
}
