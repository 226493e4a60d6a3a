//! What came of a step on a homeserver, and whether the rules say the same.

use guest_access_model::action::{Answer, Observation};
use guest_access_model::state::MAX_GUESTS;
use guest_access_rules::vocabulary::Membership;

/// Whether a call was allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallVerdict {
    /// It was.
    Allowed,
    /// It was not.
    Denied {
        /// The HTTP status.
        status: u16,
        /// The error code, if the answer had one.
        errcode: Option<String>,
    },
    /// It failed on its parameters, which are made up, and so was looked at: as good as allowed,
    /// unless an ordinary user gets further with the same call.
    ParametersRejected {
        /// The HTTP status.
        status: u16,
        /// The error code, if the answer had one.
        errcode: Option<String>,
    },
    /// The answer does not tell: why.
    Inconclusive(String),
}

/// Whether an answer held the tagged event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventPresence {
    /// It did, wherever it could be.
    Present,
    /// It did not.
    Absent,
    /// It did in one part and not in another: which is said in words.
    Partial(String),
}

/// What an answer held, as far as the rules care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseContent {
    /// Nothing that the rules speak of, or nothing that was looked at.
    Nothing,
    /// A read: whether the tagged event was given.
    Gave(EventPresence),
    /// `whoami`: whether it says that the caller is a guest.
    IsGuest(bool),
    /// The members of a room: their memberships now, and as of the place in its streams at which the
    /// caller is, if it is joined.
    Listed {
        /// Without a place.
        now: Memberships,
        /// With `at`, if that was asked for.
        at: Option<Memberships>,
    },
    /// A guest's registration: whether the user id is the one that was asked for.
    Named(bool),
}

/// The memberships in one room: the guests', by number, and the ordinary user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memberships {
    /// The guests' memberships.
    pub guests: [Membership; MAX_GUESTS],
    /// The ordinary user's.
    pub user: Membership,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpObservation {
    /// Whether it was allowed.
    pub verdict: CallVerdict,
    /// What the answer held.
    pub content: ResponseContent,
}

impl HttpObservation {
    /// A step that was allowed, with nothing that the rules speak of.
    pub const fn allowed() -> Self {
        Self { verdict: CallVerdict::Allowed, content: ResponseContent::Nothing }
    }

    /// A step whose answer does not tell what came of it.
    pub fn inconclusive(why: impl Into<String>) -> Self {
        Self { verdict: CallVerdict::Inconclusive(why.into()), content: ResponseContent::Nothing }
    }

    /// Whether the rules say the same.
    pub fn fits(&self, expected: &Observation) -> bool {
        self.decides_as(expected) && (!self.is_allowed() || self.content_agrees(expected.answer))
    }

    /// Whether the call was let through.
    pub const fn is_allowed(&self) -> bool {
        matches!(self.verdict, CallVerdict::Allowed | CallVerdict::ParametersRejected { .. })
    }

    /// Whether the rules decide the same, whatever the answer held.
    pub fn decides_as(&self, expected: &Observation) -> bool {
        let decision = &expected.decision;
        match &self.verdict {
            CallVerdict::Allowed | CallVerdict::ParametersRejected { .. } => decision.allows(),
            // With which error a call is denied that is for no user does not matter where no clause
            // says so.
            CallVerdict::Denied { .. } if decision.status == 403 && decision.clauses.is_empty() => {
                true
            }
            CallVerdict::Denied { status, errcode } => {
                !decision.allows()
                    && decision.status == *status
                    && decision.errcode.map(guest_access_rules::vocabulary::ErrCode::as_str)
                        == errcode.as_deref()
            }
            CallVerdict::Inconclusive(_) => true,
        }
    }

    fn content_agrees(&self, expected: Answer) -> bool {
        match (&self.content, expected) {
            (ResponseContent::Gave(given), Answer::Gave { tagged }) => match given {
                EventPresence::Present => tagged,
                EventPresence::Absent => !tagged,
                EventPresence::Partial(_) => false,
            },
            (ResponseContent::IsGuest(said), Answer::IsGuest(expected))
            | (ResponseContent::Named(said), Answer::Named(expected)) => *said == expected,
            // What was not looked at cannot differ.
            _ => true,
        }
    }
}
