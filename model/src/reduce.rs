//! Reductions: states that no step and no guarantee can tell apart are explored once.
//!
//! Each comes with the reason why it keeps every verdict; a test compares the verdicts with and
//! without them. The states that a story passes through, and those that lockstep compares, are
//! reduced by [`forget`] only or not at all: exchanging guests would rename them on the way.

use crate::state::{Account, Kind, MAX_GUESTS, Scope, Standing, State, Witness};
use guest_access_rules::decision_point::{
    EndedToken, EvaluatedAt, JoinedOpens, LeftReader, OwnMembership, SettingChange, UpgradeToken,
    UserIds, WorldReadableMeans,
};
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::HistoryVisibility;

/// Forgets what nothing will ask for again.
///
/// - *How an ended account stands to the tagged event.* With no live token there is no reader, and
///   there never will be one. (Not where a guest's ended token is served, or can come back to life.)
/// - *Which side of a change was which.* Where a change of the setting is judged by either side, the
///   rules and the guarantees ask only which values the two sides have; likewise for one's own
///   membership. What becomes state is a note, whose sides are equal.
/// - *Who was there when the room was `world_readable`.* Such an event, unless it is a note, is open
///   to everyone for good, whatever anyone's membership was or becomes.
/// - *Who joined after an event at which it was joined.* The first opens what the second could.
#[must_use]
pub fn forget(profile: &Profile, state: &State) -> State {
    let mut state = *state;
    let Some(tagged) = &mut state.tagged else {
        return state;
    };
    let choices = &profile.choices;
    let ends_for_good = choices.ended_token == EndedToken::Refused
        && choices.user_ids == UserIds::Distinct
        && choices.upgrade_token != UpgradeToken::Unchecked;
    if ends_for_good {
        for (witness, account) in tagged.witnesses.iter_mut().zip(state.accounts) {
            if matches!(account, Account::GuestEnded | Account::UserEnded) {
                *witness = FORGOTTEN;
            }
        }
    }
    if choices.setting_change == SettingChange::Either && tagged.before > tagged.after {
        std::mem::swap(&mut tagged.before, &mut tagged.after);
    }
    if choices.own_membership == OwnMembership::Either && tagged.kind == Kind::Member {
        for witness in &mut tagged.witnesses {
            if witness.before > witness.after {
                std::mem::swap(&mut witness.before, &mut witness.after);
            }
        }
    }
    let opens_for_good = choices.world_readable == WorldReadableMeans::Opens
        && choices.left_reader == LeftReader::AtLeastAsStranger
        && choices.setting_change == SettingChange::Either
        && choices.evaluated_at == EvaluatedAt::Event;
    let world_readable = [tagged.before, tagged.after].contains(&HistoryVisibility::WorldReadable);
    if opens_for_good && world_readable && tagged.kind != Kind::State {
        tagged.witnesses = [FORGOTTEN; MAX_GUESTS];
    }
    if choices.joined_opens == JoinedOpens::Opens && choices.own_membership == OwnMembership::Either
    {
        for witness in &mut tagged.witnesses {
            let was_joined = [witness.before, witness.after].contains(&Standing::Join);
            witness.joined_later |= was_joined;
        }
    }
    state
}

/// In place of what was forgotten: a witness that no later join changes.
const FORGOTTEN: Witness = Witness { joined_later: true, ..Witness::STRANGER };

/// Forgets, and orders the guests.
///
/// No rule names a guest, so exchanging two of them exchanges the steps and keeps the verdicts. (Not
/// where the first guest is special: then the order is kept.)
#[must_use]
pub fn reduce(profile: &Profile, scope: Scope, state: &State) -> State {
    order(profile, scope, forget(profile, state))
}

/// Orders the guests.
#[must_use]
pub(crate) fn order(profile: &Profile, scope: Scope, mut state: State) -> State {
    use guest_access_rules::decision_point::FirstGuest;
    if profile.choices.first_guest != FirstGuest::Plain {
        return state;
    }
    // A few exchanges of neighbours sort so few.
    for round in 1..scope.guests {
        for guest in 0..scope.guests - round {
            if of_guest(&state, guest) > of_guest(&state, guest + 1) {
                exchange(&mut state, guest, guest + 1);
            }
        }
    }
    state
}

/// All that a state says of one guest.
fn of_guest(state: &State, guest: usize) -> impl Ord + use<> {
    (
        state.accounts[guest],
        state.rooms.map(|room| room.members[guest]),
        state.tagged.map(|tagged| tagged.witnesses[guest]),
    )
}

/// Exchanges two guests.
pub(crate) fn exchange(state: &mut State, one: usize, other: usize) {
    state.accounts.swap(one, other);
    for room in &mut state.rooms {
        room.members.swap(one, other);
    }
    if let Some(tagged) = &mut state.tagged {
        tagged.witnesses.swap(one, other);
    }
}
