//! What the texts leave open of an answer, and no option of a decision point can say.

use guest_access_model::action::Action;
use guest_access_model::action::{Actor, Answer, Credential};
use guest_access_model::decide::Outcome;
use guest_access_model::state::{Kind, State};
use guest_access_rules::endpoint::Gives;
use guest_access_rules::vocabulary::Membership;

use crate::subject::server::{
    EventPresence, HttpObservation, NotRunKind, NotRunReason, ResponseContent,
};

use super::judge::StepRecord;

/// Why no rule says whether the answer is right, if the question is open.
///
/// Reading A72: a user that left an invite or a knock may be given the state as of its leaving.
pub(super) fn open_question(
    step: &Action,
    before: &State,
    (observed, expected): (&HttpObservation, &Outcome),
    log: &[StepRecord],
) -> Option<NotRunReason> {
    let Actor::Guest(guest) = step.by else { return None };
    let guest = usize::from(guest);
    let gives_state = matches!(
        step.operation.endpoint()?.get().gives,
        Some(Gives::State | Gives::StateEvent | Gives::InitialSync)
    );
    let is_given = observed.is_allowed()
        && observed.content == ResponseContent::Gave(EventPresence::Present)
        && expected.observation.answer != Answer::Gave { tagged: true };
    let is_state = before.tagged.is_some_and(|tagged| tagged.kind == Kind::State);
    if !(gives_state && is_given && is_state) || step.with != Credential::Own {
        return None;
    }
    let membership = |state: &State| state.rooms[0].members[guest];
    let is_out = |membership| matches!(membership, Membership::Leave | Membership::Ban);
    let states = || log.iter().map(|record| &record.after);
    if !is_out(membership(before)) {
        return None;
    }
    let left = states().rposition(|state| !is_out(membership(state)))?;
    if membership(&log[left].after) == Membership::Join {
        return None;
    }
    let sent = states().position(|state| state.tagged.is_some())?;
    let because = "no rule says whether who left an invite or a knock is given the state as of its leaving (A72)";
    (sent <= left).then(|| NotRunReason::new(NotRunKind::BeyondTheRules, because))
}
