//! What came of a step on a homeserver, and whether the rules say the same.

use guest_access_model::action::{Answer, Observation};
use guest_access_model::state::MAX_GUESTS;
use guest_access_rules::vocabulary::Membership;

/// Whether a call was allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
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
    Parameters {
        /// The HTTP status.
        status: u16,
        /// The error code, if the answer had one.
        errcode: Option<String>,
    },
    /// The answer does not tell: why.
    Untold(String),
}

/// Whether an answer held the tagged event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// It did, wherever it could be.
    Yes,
    /// It did not.
    No,
    /// It did in one part and not in another: which is said in words.
    InPart(String),
}

/// What an answer held, as far as the rules care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// Nothing that the rules speak of, or nothing that was looked at.
    Nothing,
    /// A read: whether the tagged event was given.
    Gave(Given),
    /// `whoami`: whether it says that the caller is a guest.
    IsGuest(bool),
    /// The members of a room: their memberships now, and as of the place in its streams at which the
    /// caller is, if it is joined.
    Listed {
        /// Without a place.
        now: Members,
        /// With `at`, if that was asked for.
        at: Option<Members>,
    },
    /// A guest's registration: whether the user id is the one that was asked for.
    Named(bool),
}

/// The memberships in one room: the guests', by number, and the ordinary user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Members {
    /// The guests' memberships.
    pub guests: [Membership; MAX_GUESTS],
    /// The ordinary user's.
    pub user: Membership,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Whether it was allowed.
    pub verdict: Verdict,
    /// What the answer held.
    pub held: Held,
}

impl Observed {
    /// A step that was allowed, with nothing that the rules speak of.
    pub const fn allowed() -> Self {
        Self { verdict: Verdict::Allowed, held: Held::Nothing }
    }

    /// A step whose answer does not tell what came of it.
    pub fn untold(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Untold(why.into()), held: Held::Nothing }
    }

    /// Whether the rules say the same.
    pub fn fits(&self, expected: &Observation) -> bool {
        self.decided_as(expected) && (!self.is_allowed() || self.held_fits(expected.answer))
    }

    /// Whether the call was let through.
    pub const fn is_allowed(&self) -> bool {
        matches!(self.verdict, Verdict::Allowed | Verdict::Parameters { .. })
    }

    /// Whether the rules decide the same, whatever the answer held.
    pub fn decided_as(&self, expected: &Observation) -> bool {
        let decision = &expected.decision;
        match &self.verdict {
            Verdict::Allowed | Verdict::Parameters { .. } => decision.allows(),
            // With which error a call is denied that is for no user does not matter where no clause
            // says so.
            Verdict::Denied { .. } if decision.status == 403 && decision.clauses.is_empty() => true,
            Verdict::Denied { status, errcode } => {
                !decision.allows()
                    && decision.status == *status
                    && decision.errcode.map(guest_access_rules::vocabulary::ErrCode::as_str)
                        == errcode.as_deref()
            }
            Verdict::Untold(_) => true,
        }
    }

    fn held_fits(&self, expected: Answer) -> bool {
        match (&self.held, expected) {
            (Held::Gave(given), Answer::Gave { tagged }) => match given {
                Given::Yes => tagged,
                Given::No => !tagged,
                Given::InPart(_) => false,
            },
            (Held::IsGuest(said), Answer::IsGuest(expected))
            | (Held::Named(said), Answer::Named(expected)) => *said == expected,
            // What was not looked at cannot differ.
            _ => true,
        }
    }
}
