//! The observation of an action on a homeserver, and whether the rules predict the same.

use guest_access_model::action::{Answer, Observation};
use guest_access_model::state::MAX_GUESTS;
use guest_access_rules::vocabulary::{ErrCode, Membership};

use super::call_effect::CallEffect;
use super::not_run::{NotRunKind, NotRunReason};

/// The verdict of a homeserver on a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallVerdict {
    /// The homeserver allowed the call.
    Allowed,
    /// The homeserver denied the call, or failed: it answered with a status from 500 on, and an error
    /// code.
    Denied {
        /// The HTTP status.
        status: u16,
        /// The error code, if the answer had one.
        errcode: Option<String>,
    },
    /// The homeserver rejected the made-up parameters of the call. The caller got as far as the check of
    /// the parameters, which counts as allowed unless an ordinary user gets further with the same call.
    ParametersRejected {
        /// The HTTP status.
        status: u16,
        /// The error code, if the answer had one.
        errcode: Option<String>,
    },
    /// The response does not tell, for this reason.
    Inconclusive(NotRunReason),
}

/// Whether responses held the tagged event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventPresence {
    /// Every response that could hold the event did.
    Present,
    /// No response held the event.
    Absent,
    /// The responses held the event when the timeline was read in this direction only.
    Partial(Direction),
    /// No response held the event, and no response reached back to the event. A homeserver may give fewer
    /// events than the request asks for.
    CutOff,
}

/// A direction in which a timeline is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the newest event to the oldest: `dir=b`.
    Backwards,
    /// From the oldest event to the newest: `dir=f`.
    Forwards,
}

/// The content of responses, as far as the rules speak of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseContent {
    /// Nothing that the rules speak of, or nothing that the session read.
    Nothing,
    /// Of a read: whether the responses held the tagged event.
    Gave(EventPresence),
    /// Of `whoami`: the value of `is_guest`.
    IsGuest(bool),
    /// Of a list of members: the memberships now, and the memberships at the place that the sync of a
    /// joined caller has reached.
    Listed {
        /// The memberships without `at`.
        now: Memberships,
        /// The memberships with `at`, if the caller is joined.
        at: Option<Memberships>,
    },
    /// Of the registration of a guest: whether the user id is the one that the request asked for.
    Named(bool),
    /// Of a call whose effect the session looked at: whether the call had the effect.
    Effect {
        /// The effect.
        effect: CallEffect,
        /// Whether the call had the effect.
        holds: bool,
    },
    /// The session could not look at the effect of the call, for this reason.
    Unread(NotRunReason),
}

impl ResponseContent {
    /// The content of the response to a call that lacks this effect.
    pub const fn without(effect: CallEffect) -> Self {
        Self::Effect { effect, holds: false }
    }
}

/// The memberships in one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memberships {
    /// The memberships of the guests, by number.
    pub guests: [Membership; MAX_GUESTS],
    /// The membership of the ordinary user.
    pub user: Membership,
}

/// What a client observes of an action on a homeserver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpObservation {
    /// Whether the homeserver allowed the action.
    pub verdict: CallVerdict,
    /// What the responses held.
    pub content: ResponseContent,
}

impl CallVerdict {
    /// Why the response does not tell, if it does not.
    pub const fn not_run(&self) -> Option<&NotRunReason> {
        match self {
            Self::Inconclusive(reason) => Some(reason),
            _ => None,
        }
    }
}

impl HttpObservation {
    /// The observation of an allowed action whose responses hold nothing that the rules speak of.
    pub const fn allowed() -> Self {
        Self { verdict: CallVerdict::Allowed, content: ResponseContent::Nothing }
    }

    /// The observation of an action whose responses do not tell the verdict, for this reason.
    pub fn inconclusive(kind: NotRunKind, because: impl Into<String>) -> Self {
        let verdict = CallVerdict::Inconclusive(NotRunReason::new(kind, because));
        Self { verdict, content: ResponseContent::Nothing }
    }

    /// The observation of an allowed call that lacks this effect.
    pub const fn without(effect: CallEffect) -> Self {
        Self { verdict: CallVerdict::Allowed, content: ResponseContent::without(effect) }
    }

    /// The effect that the call had to have and did not have.
    pub const fn missing_effect(&self) -> Option<CallEffect> {
        match self.content {
            ResponseContent::Effect { effect, holds: false } => Some(effect),
            _ => None,
        }
    }

    /// Why the session could not look at the effect of the call, if it could not.
    pub const fn unread(&self) -> Option<&NotRunReason> {
        match &self.content {
            ResponseContent::Unread(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether the rules predict this observation.
    pub fn fits(&self, expected: &Observation) -> bool {
        self.decides_as(expected) && (!self.is_allowed() || self.content_agrees(expected.answer))
    }

    /// Whether the homeserver let the call through.
    pub const fn is_allowed(&self) -> bool {
        matches!(self.verdict, CallVerdict::Allowed | CallVerdict::ParametersRejected { .. })
    }

    /// Whether the rules decide the same, whatever the responses held.
    pub fn decides_as(&self, expected: &Observation) -> bool {
        let decision = &expected.decision;
        match &self.verdict {
            CallVerdict::Allowed | CallVerdict::ParametersRejected { .. } => decision.allows(),
            // Where no clause names the error of a denial, any error fits. A failure is no denial.
            CallVerdict::Denied { status: ..500, .. }
                if decision.status == 403 && decision.clauses.is_empty() =>
            {
                true
            }
            // No text names the error of a call that lacks a parameter, or has a wrong one.
            CallVerdict::Denied { status: 400 | 403 | 404, .. }
                if decision.errcode == Some(ErrCode::MissingParam)
                    || decision.errcode == Some(ErrCode::InvalidParam) =>
            {
                true
            }
            CallVerdict::Denied { status, errcode } => {
                !decision.allows()
                    && decision.status == *status
                    && decision.errcode.map(ErrCode::as_str) == errcode.as_deref()
            }
            CallVerdict::Inconclusive(_) => true,
        }
    }

    // An effect does not depend on the variant: every profile expects it of an allowed call.
    fn content_agrees(&self, expected: Answer) -> bool {
        match (&self.content, expected) {
            (ResponseContent::Gave(presence), Answer::Gave { tagged }) => match presence {
                EventPresence::Present => tagged,
                EventPresence::Absent => !tagged,
                EventPresence::Partial(_) => false,
                EventPresence::CutOff => true,
            },
            (ResponseContent::IsGuest(observed), Answer::IsGuest(expected))
            | (ResponseContent::Named(observed), Answer::Named(expected)) => *observed == expected,
            (ResponseContent::Effect { holds, .. }, _) => *holds,
            // The session read nothing that could differ.
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use guest_access_model::action::Observation;
    use guest_access_rules::vocabulary::Decision;

    use super::*;

    fn observation(decision: Decision) -> Observation {
        Observation { decision, answer: Answer::Nothing }
    }

    #[test]
    fn an_allowed_call_without_its_effect_fits_nothing() {
        let allowed = observation(Decision::allow(&[], "anybody may"));
        for holds in [true, false] {
            let content = ResponseContent::Effect { effect: CallEffect::NameStored, holds };
            let observed = HttpObservation { content, ..HttpObservation::allowed() };
            assert_eq!(observed.fits(&allowed), holds);
        }
    }

    #[test]
    fn a_failure_fits_no_denial_without_a_documented_error() {
        let any = observation(Decision::deny(403, ErrCode::Forbidden, &[], "nobody may"));
        for (status, fits) in [(400, true), (403, true), (500, false)] {
            let verdict = CallVerdict::Denied { status, errcode: Some("M_UNKNOWN".to_owned()) };
            let observed = HttpObservation { verdict, content: ResponseContent::Nothing };
            assert_eq!(observed.fits(&any), fits, "{status}");
        }
    }
}
