//! What a request shows of its caller.

use axum::extract::Query;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use ruma::OwnedUserId;
use serde::Deserialize;

use crate::reference::Credentials;

/// What a request shows of its caller. It holds a secret and is never shown.
#[derive(Clone)]
pub(super) struct Shown {
    token: Option<String>,
    user_id: Option<OwnedUserId>,
}

#[derive(Default, Deserialize)]
struct InQuery {
    access_token: Option<String>,
    user_id: Option<OwnedUserId>,
}

impl Shown {
    /// What these headers and this query show: the token is in the header, or else in the query.
    pub(super) fn by(request: &Parts) -> Self {
        let query = Query::<InQuery>::try_from_uri(&request.uri);
        let InQuery { access_token, user_id } = query.map(|Query(shown)| shown).unwrap_or_default();
        let header = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer =
            header.and_then(|header| header.split_once(' ')).and_then(|(scheme, token)| {
                scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim().to_owned())
            });
        Self { token: bearer.or(access_token), user_id }
    }

    /// The same for the reference.
    pub(super) fn credentials(&self) -> Credentials<'_> {
        Credentials { token: self.token.as_deref(), user_id: self.user_id.as_deref() }
    }
}
