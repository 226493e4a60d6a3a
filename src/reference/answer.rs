//! What a call shows of its caller, and what it gets: an answer, with the decision behind it.

use guest_access_rules::vocabulary::{Decision, ErrCode};
use ruma::UserId;

/// What a call shows of its caller.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The access token, if there is one.
    pub token: Option<&'a str>,
    /// The user that the query names in `user_id`, as application services do.
    pub user_id: Option<&'a UserId>,
}

impl<'a> Credentials<'a> {
    /// No token at all.
    pub const NONE: Self = Self { token: None, user_id: None };

    /// This access token, and nothing else.
    pub const fn token(token: &'a str) -> Self {
        Self { token: Some(token), user_id: None }
    }
}

/// What came of a call.
pub type Answer<T> = Result<Granted<T>, Refusal>;

/// A call that was allowed: what it gets, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted<T> {
    /// The decision, which allows.
    pub decision: Decision,
    /// The response.
    pub response: T,
}

impl<T> Granted<T> {
    pub(super) const fn new(decision: Decision, response: T) -> Self {
        Self { decision, response }
    }
}

/// The decision on a call of which there is nothing to say but that the caller may make it.
pub(super) const OPEN: Decision =
    Decision::allow(&["GA-2", "RG-2"], "the endpoint is open to the caller");

/// A call that was denied, with its status, error code and reason.
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

    /// 403 `M_FORBIDDEN`: what anybody in the caller's position would be refused.
    pub(super) const fn forbidden(clauses: &'static [&'static str], because: &'static str) -> Self {
        Self::new(403, ErrCode::Forbidden, clauses, because)
    }

    /// 403 `M_GUEST_ACCESS_FORBIDDEN`: what only guests are refused.
    pub(super) const fn of_guests(clauses: &'static [&'static str], because: &'static str) -> Self {
        Self::new(403, ErrCode::GuestAccessForbidden, clauses, because)
    }

    /// 404 `M_NOT_FOUND`.
    pub(super) const fn not_found(clauses: &'static [&'static str], because: &'static str) -> Self {
        Self::new(404, ErrCode::NotFound, clauses, because)
    }
}
