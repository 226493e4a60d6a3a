//! Canonical forms: states that no action and no guarantee can tell apart are explored once.
//!
//! [`normal_form`] drops what no later action and no guarantee reads. [`canonical_form`] also sorts
//! the guests, because they are symmetric. Each reduction states why it keeps every verdict; a test
//! compares the verdicts with and without it. The states of a trace, and those that lockstep
//! compares, are at most in normal form: sorting would rename the guests on the way.

use crate::state::{Account, Kind, MAX_GUESTS, ReaderRelation, Scope, Standing, State};
use guest_access_rules::decision_point::{
    EndedToken, EvaluatedAt, JoinedOpens, LeftReader, OwnMembership, ReadChoices, SettingChange,
    UpgradeToken, UserIds, WorldReadableMeans,
};
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::HistoryVisibility;

/// Drops what no later action and no guarantee reads:
///
/// - *The relation of an ended account to the tagged event.* An account without a live token never
///   reads again. (This does not hold where a server serves a guest's ended token, or revives the
///   token.)
/// - *The order of the two values of a change.* If either value of a changed setting opens the event,
///   the rules and the guarantees read only the set of the two values. The same holds for the reader's
///   own member event. (An event that stays in the current state changes neither: its two values are
///   equal.)
/// - *The relations to an event of a `world_readable` room.* Such an event is open to everyone for
///   good, whatever the membership of a reader was or becomes. (This does not hold for state events.)
/// - *A later join of a reader who was joined at the event.* The membership at the event already opens
///   everything that a later join opens.
#[must_use]
pub fn normal_form(profile: &Profile, state: &State) -> State {
    normal_form_by(&ReadChoices::new(&profile.choices), state)
}

/// The normal form by these choices. `choices` remembers which points were read.
pub(crate) fn normal_form_by(choices: &ReadChoices<'_>, state: &State) -> State {
    let mut state = *state;
    let Some(tagged) = &mut state.tagged else {
        return state;
    };
    let ends_for_good = choices.ended_token() == EndedToken::Refused
        && choices.user_ids() == UserIds::Distinct
        && choices.upgrade_token() != UpgradeToken::Unchecked;
    if ends_for_good {
        for (relation, account) in tagged.relations.iter_mut().zip(state.accounts) {
            if matches!(account, Account::GuestEnded | Account::UserEnded) {
                *relation = DROPPED;
            }
        }
    }
    if choices.setting_change() == SettingChange::Either && tagged.before > tagged.after {
        std::mem::swap(&mut tagged.before, &mut tagged.after);
    }
    if choices.own_membership() == OwnMembership::Either && tagged.kind == Kind::Member {
        for relation in &mut tagged.relations {
            if relation.before > relation.after {
                std::mem::swap(&mut relation.before, &mut relation.after);
            }
        }
    }
    let opens_for_good = choices.world_readable() == WorldReadableMeans::Opens
        && choices.left_reader() == LeftReader::AtLeastAsStranger
        && choices.setting_change() == SettingChange::Either
        && choices.evaluated_at() == EvaluatedAt::Event;
    let world_readable = [tagged.before, tagged.after].contains(&HistoryVisibility::WorldReadable);
    if opens_for_good && world_readable && tagged.kind != Kind::State {
        tagged.relations = [DROPPED; MAX_GUESTS];
    }
    if choices.joined_opens() == JoinedOpens::Opens
        && choices.own_membership() == OwnMembership::Either
    {
        for relation in &mut tagged.relations {
            let was_joined = [relation.before, relation.after].contains(&Standing::Join);
            relation.joined_later |= was_joined;
        }
    }
    state
}

/// Replaces a dropped relation. No later join changes this relation.
const DROPPED: ReaderRelation = ReaderRelation { joined_later: true, ..ReaderRelation::STRANGER };

/// The normal form, with the guests sorted.
///
/// No rule names a guest, so exchanging two guests exchanges their actions and keeps the verdicts.
/// (Where the first guest is special, the order is kept.)
#[must_use]
pub fn canonical_form(profile: &Profile, scope: Scope, state: &State) -> State {
    sort_guests(profile, scope, normal_form(profile, state))
}

/// Sorts the guests.
#[must_use]
pub(crate) fn sort_guests(profile: &Profile, scope: Scope, mut state: State) -> State {
    use guest_access_rules::decision_point::FirstGuest;
    if profile.choices.first_guest != FirstGuest::Plain {
        return state;
    }
    // Bubble sort: there are at most three guests.
    for round in 1..scope.guests {
        for guest in 0..scope.guests - round {
            if of_guest(&state, guest) > of_guest(&state, guest + 1) {
                exchange(&mut state, guest, guest + 1);
            }
        }
    }
    state
}

/// Everything that a state contains about one guest.
fn of_guest(state: &State, guest: usize) -> impl Ord + use<> {
    (
        state.accounts[guest],
        state.rooms.map(|room| (room.members[guest], room.past[guest])),
        state.tagged.map(|tagged| tagged.relations[guest]),
    )
}

/// Exchanges two guests.
pub(crate) fn exchange(state: &mut State, one: usize, other: usize) {
    state.accounts.swap(one, other);
    for room in &mut state.rooms {
        room.members.swap(one, other);
        room.past.swap(one, other);
    }
    if let Some(tagged) = &mut state.tagged {
        tagged.relations.swap(one, other);
    }
}
