//! What the texts leave open of an answer, and no option of a decision point can say.

use guest_access_model::action::{Action, Actor, Answer, Credential, Operation};
use guest_access_model::decide::Outcome;
use guest_access_model::state::{Kind, State};
use guest_access_rules::endpoint::{Gives, KNOWN};
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, JoinRule, Membership};

use crate::subject::server::{
    CallVerdict, EventPresence, HttpObservation, NotRunKind, NotRunReason, ResponseContent,
};

use super::judge::{Expected, StepRecord};

/// Why no rule says whether the answer is right, if the question is open.
pub(super) fn open_question(
    step: &Action,
    before: &State,
    (observed, expected): (&HttpObservation, &[Expected]),
    log: &[StepRecord],
) -> Option<NotRunReason> {
    let ours = &expected.first()?.outcome;
    let Actor::Guest(guest) = step.by else { return None };
    let guest = usize::from(guest);
    let is_ordinary = is_allowed_or_refused(observed);
    let because = if is_ordinary && leaves_after_removal(step, guest, before, log) {
        "no rule says whether who was removed may leave (A63)"
    } else if is_ordinary && knocks_again(step, guest, before) {
        "no rule says whether who is knocking may knock again (A63)"
    } else if is_refused_as_guest(observed) && is_banned_from_closed_room(step, guest, before) {
        "no rule says which of two refusals comes first: of the banned, or of guests (A22)"
    } else if is_summary_not_found(step, guest, before, observed) {
        "no rule says of which rooms a guest may have the summary (A70)"
    } else if is_given_state_at_leaving(step, guest, before, (observed, ours), log) {
        "no rule says whether who left an invite or a knock is given the state as of its leaving (A72)"
    } else if is_left_out_of_a_preview(step, guest, before, (observed, expected)) {
        "a preview may leave out the event, whatever else shows it to the reader (RP-10)"
    } else if is_refused_relations(step, guest, before, observed) {
        "no rule says whether a reader who is not joined may see the event whose relations it asks for (CS-81)"
    } else if is_event_by_time_forbidden(step, guest, before, observed) {
        "no rule says how who may not read the room is refused an event by its time (A67)"
    } else {
        return None;
    };
    Some(NotRunReason::new(NotRunKind::BeyondTheRules, because))
}

/// Whether a guest leaves a room from which somebody else removed the guest.
///
/// Reading A63: a homeserver may answer who left and refuse who was removed.
fn leaves_after_removal(step: &Action, guest: usize, before: &State, log: &[StepRecord]) -> bool {
    let Operation::Leave(_) = step.operation else { return false };
    let Some(room) = step.room() else { return false };
    let membership = |state: &State| state.rooms[room].members[guest];
    if step.with != Credential::Own || membership(before) != Membership::Leave {
        return false;
    }
    let was_out = |number: &usize| {
        let before = number.checked_sub(1).map(|previous| membership(&log[previous].after));
        before.is_some_and(|before| before != Membership::Leave)
    };
    let end = (0..log.len()).rev().find(was_out);
    end.is_some_and(|end| log[end].step.by != step.by)
}

/// Whether a guest that is knocking knocks again, in a room whose join rule permits no knock any more.
///
/// Reading A63: a homeserver may answer an event that repeats the last one as it answered the first.
fn knocks_again(step: &Action, guest: usize, before: &State) -> bool {
    let Operation::Knock(_) = step.operation else { return false };
    let room = step.room().and_then(|room| before.rooms.get(room));
    step.with == Credential::Own
        && room.is_some_and(|room| {
            room.members[guest] == Membership::Knock && room.join_rule != JoinRule::Knock
        })
}

/// Whether a banned guest joins a room that guests may not join: two sentences refuse the call.
///
/// Reading A22: no text says which refusal a server tells first.
fn is_banned_from_closed_room(step: &Action, guest: usize, before: &State) -> bool {
    let Operation::Join(_) = step.operation else { return false };
    let room = step.room().and_then(|room| before.rooms.get(room));
    step.with == Credential::Own
        && before.accounts[guest].is_guest()
        && room.is_some_and(|room| {
            room.members[guest] == Membership::Ban && room.guest_access != GuestAccess::CanJoin
        })
}

/// Whether a guest asks for the summary of a room, and is told that there is no such room.
///
/// Reading A70: a homeserver may give guests summaries, and then gives none of a room that the caller may not
/// know of.
fn is_summary_not_found(
    step: &Action,
    guest: usize,
    before: &State,
    observed: &HttpObservation,
) -> bool {
    step.operation.endpoint() == Some(KNOWN.room_summary)
        && before.accounts[guest].is_guest()
        && matches!(&observed.verdict, CallVerdict::Denied { status: 404, errcode }
            if errcode.as_deref() == Some("M_NOT_FOUND"))
}

/// Whether a call is refused since guests may not make it.
fn is_refused_as_guest(observed: &HttpObservation) -> bool {
    matches!(&observed.verdict, CallVerdict::Denied { status: 403, errcode }
        if errcode.as_deref() == Some("M_GUEST_ACCESS_FORBIDDEN"))
}

/// Whether a call is allowed, or refused with 403.
fn is_allowed_or_refused(observed: &HttpObservation) -> bool {
    matches!(observed.verdict, CallVerdict::Allowed | CallVerdict::Denied { status: 403, .. })
}

/// Whether a guest that left an invite or a knock is given the state as of its leaving.
///
/// Reading A72: a user that left an invite or a knock may be given the state as of its leaving.
fn is_given_state_at_leaving(
    step: &Action,
    guest: usize,
    before: &State,
    (observed, expected): (&HttpObservation, &Outcome),
    log: &[StepRecord],
) -> bool {
    let gives_state = matches!(
        step.operation.endpoint().and_then(|endpoint| endpoint.get().gives),
        Some(Gives::State | Gives::StateEvent | Gives::InitialSync)
    );
    let is_given = observed.is_allowed()
        && observed.content == ResponseContent::Gave(EventPresence::Present)
        && expected.observation.answer != Answer::Gave { tagged: true };
    let is_state = before.tagged.is_some_and(|tagged| tagged.kind == Kind::State);
    if !(gives_state && is_given && is_state) || step.with != Credential::Own {
        return false;
    }
    let membership = |state: &State| state.rooms[0].members[guest];
    let is_out = |membership| matches!(membership, Membership::Leave | Membership::Ban);
    let states = || log.iter().map(|record| &record.after);
    if !is_out(membership(before)) {
        return false;
    }
    let left = states().rposition(|state| !is_out(membership(state)));
    let sent = states().position(|state| state.tagged.is_some());
    let (Some(left), Some(sent)) = (left, sent) else { return false };
    membership(&log[left].after) != Membership::Join && sent <= left
}

/// Whether `GET /events` leaves out an event that was not sent under `world_readable`, for a guest who is not
/// joined and to whom some reading shows the event.
///
/// RP-10: A user who has not joined is given only events at which `m.room.history_visibility` was
/// present and `world_readable`.
fn is_left_out_of_a_preview(
    step: &Action,
    guest: usize,
    before: &State,
    (observed, expected): (&HttpObservation, &[Expected]),
) -> bool {
    let is_stream = step
        .operation
        .endpoint()
        .is_some_and(|endpoint| endpoint.get().gives == Some(Gives::Stream));
    let is_hidden = before.tagged.is_some_and(|tagged| {
        [tagged.before, tagged.after].iter().all(|at| *at != HistoryVisibility::WorldReadable)
    });
    is_stream
        && is_hidden
        && before.rooms[0].members[guest] != Membership::Join
        && observed.is_allowed()
        && observed.content == ResponseContent::Gave(EventPresence::Absent)
        && expected
            .iter()
            .any(|by| by.outcome.observation.answer == (Answer::Gave { tagged: true }))
}

/// Whether a guest who is not joined is refused the relations of an event with 403 or 404.
///
/// CS-81: `GET /rooms/{roomId}/relations/{eventId}` gives the events that relate to the event.
///
/// The reader may not see every event, and then there are no relations to give.
fn is_refused_relations(
    step: &Action,
    guest: usize,
    before: &State,
    observed: &HttpObservation,
) -> bool {
    let called = step.operation.endpoint();
    let room = step.room().and_then(|room| before.rooms.get(room));
    called.is_some_and(|endpoint| endpoint.get().id.contains("/relations/"))
        && room.is_some_and(|room| room.members[guest] != Membership::Join)
        && matches!(observed.verdict, CallVerdict::Denied { status: 403 | 404, .. })
}

/// Whether a guest who is not joined is refused an event by its time with 403, in a room that it may not read.
///
/// Reading A67: the texts name no error of this call but that of an event that does not exist.
fn is_event_by_time_forbidden(
    step: &Action,
    guest: usize,
    before: &State,
    observed: &HttpObservation,
) -> bool {
    let is_by_time = step
        .operation
        .endpoint()
        .is_some_and(|endpoint| endpoint.get().id.ends_with("/timestamp_to_event"));
    let room = step.room().and_then(|room| before.rooms.get(room));
    is_by_time
        && room.is_some_and(|room| {
            room.members[guest] != Membership::Join
                && room.visibility != Some(HistoryVisibility::WorldReadable)
        })
        && matches!(&observed.verdict, CallVerdict::Denied { status: 403, errcode }
            if errcode.as_deref() == Some("M_FORBIDDEN"))
}
