//! Credentials and answers. Every answer carries the decision that allowed or denied the call.

use guest_access_rules::vocabulary::{Decision, ErrCode};
use ruma::UserId;

/// The credentials of a call.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The access token, if there is one.
    pub token: Option<&'a str>,
    /// The `user_id` of the query, by which an application service acts as a user.
    pub user_id: Option<&'a UserId>,
}

impl<'a> Credentials<'a> {
    /// No token.
    pub const NONE: Self = Self { token: None, user_id: None };

    /// This access token, and no `user_id`.
    pub const fn token(token: &'a str) -> Self {
        Self { token: Some(token), user_id: None }
    }
}

/// The answer to a call.
pub type Answer<T> = Result<AllowedResponse<T>, Refusal>;

/// The answer to a call that was allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedResponse<T> {
    /// The decision, which allows the call.
    pub decision: Decision,
    /// The response.
    pub response: T,
}

impl<T> AllowedResponse<T> {
    pub(super) const fn new(decision: Decision, response: T) -> Self {
        Self { decision, response }
    }
}

/// The decision for a call that depends on nothing but the access to its endpoint.
pub(super) const OPEN: Decision =
    Decision::allow(&["GA-2", "RG-2"], "the endpoint is open to the caller");

/// The denial of a call, with the status, the error code, the clauses and the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", .0, .0.because)]
pub struct Refusal(pub Decision);

impl Refusal {
    pub(super) const fn new(
        status: u16,
        errcode: ErrCode,
        clauses: &'static [&'static str],
        because: &'static str,
    ) -> Self {
        Self(Decision::deny(status, errcode, clauses, because))
    }

    /// 403 `M_FORBIDDEN`: a refusal that a user in the same position would get too.
    pub(super) const fn forbidden(clauses: &'static [&'static str], because: &'static str) -> Self {
        Self::new(403, ErrCode::Forbidden, clauses, because)
    }

    /// 403 `M_GUEST_ACCESS_FORBIDDEN`: a refusal that only guests get.
    pub(super) const fn guest_access_forbidden(
        clauses: &'static [&'static str],
        because: &'static str,
    ) -> Self {
        Self::new(403, ErrCode::GuestAccessForbidden, clauses, because)
    }

    /// 404 `M_NOT_FOUND`.
    pub(super) const fn not_found(clauses: &'static [&'static str], because: &'static str) -> Self {
        Self::new(404, ErrCode::NotFound, clauses, because)
    }
}
