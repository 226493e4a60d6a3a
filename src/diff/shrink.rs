//! Shrinking: finds the smallest scenario that still shows a divergence.
//!
//! A divergence was seen in the last step of a trace. Three kinds of smaller traces are tried, in this
//! order:
//!
//! 1. The shortest trace of the model into the same [`RelevantState`], followed by the step
//!    ([`ShortestTraces`]).
//! 2. The steps of the trace that matter to the relevant state. They keep the way in which the guests came to
//!    their memberships ([`relevant_steps`]), for homeservers where this way makes a difference.
//! 3. The trace without single parts, as long as the rest is possible and the divergence shows
//!    ([`shorter`]).

use std::cell::RefCell;
use std::collections::BTreeMap;

use guest_access_model::action::{Action, Actor, Answer, Key, Message, Operation, Place, Upgrade};
use guest_access_model::actions::actions;
use guest_access_model::decide::{initial, outcome};
use guest_access_model::shortest_trace::{Search, reachable_states};
use guest_access_model::state::{Account, MAX_GUESTS, Past, ReaderRelation, Room, Scope, State};
use guest_access_rules::endpoint::Gives;
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, JoinRule, Membership};

use super::judge::StepRecord;
use super::renaming::Renaming;
use super::runner::possible;
use super::scenario_run::Difference;
use super::taken_step::{TakenStep, take_steps};

/// The greatest number of states in which a relevant state is searched for.
const MOST_STATES: usize = 40_000;

/// The shortest traces into relevant states.
pub(super) struct ShortestTraces<'a> {
    profile: &'a Profile,
    /// The reachable states, by the number of guests and rooms.
    reached: RefCell<BTreeMap<(usize, usize), Search<State, Action>>>,
}

impl<'a> ShortestTraces<'a> {
    pub(super) fn new(profile: &'a Profile) -> Self {
        Self { profile, reached: RefCell::default() }
    }

    /// The shortest trace that ends with the step of `record` in the same relevant state, with renamed
    /// guests. `None` if the search finds no such trace among the first states.
    pub(super) fn shortest(
        &self,
        difference: &Difference,
        record: &StepRecord,
    ) -> Option<Vec<Action>> {
        let view = StepView::of(difference, record);
        let StepView { step, guests, .. } = view;
        let mut before = view.renaming.state(&difference.before);
        self.reset_visibility(&step, &mut before);
        let rooms = step.room().map_or(1, |room| room + 1);
        let mut reached = self.reached.borrow_mut();
        let reached = reached.entry((guests, rooms)).or_insert_with(|| {
            reachable_states(
                self.profile,
                &plain_steps(self.profile, Scope { guests, rooms }),
                MOST_STATES,
            )
        });
        let expected = difference.expected.observation;
        let wanted = view.relevant_state(&before);
        let is_wanted = |state: &State| {
            view.relevant_state(state) == wanted
                && outcome(self.profile, state, &step).is_some_and(|outcome| {
                    outcome.observation.decision.is_like(&expected.decision)
                        && outcome.observation.answer == expected.answer
                })
        };
        let number = reached.states().iter().position(is_wanted)?;
        Some(reached.trace(number, step))
    }

    /// Resets the history visibility of the first room to its initial value, if the outcome of the step
    /// stays the same.
    fn reset_visibility(&self, step: &Action, before: &mut State) {
        let mut with_initial = *before;
        with_initial.rooms[0].visibility = initial(self.profile).rooms[0].visibility;
        let outcome_in = |state: &State| {
            let outcome = outcome(self.profile, state, step)?;
            let room = outcome.next.rooms[0];
            Some((outcome.observation, room.members, room.visibility == state.rooms[0].visibility))
        };
        let reads = matches!(step.operation, Operation::Read(_) | Operation::ReadThroughOtherRoom);
        if !reads && outcome_in(&with_initial) == outcome_in(before) {
            *before = with_initial;
        }
    }
}

/// A step with renamed guests. The guests that matter to the step have the lowest numbers.
struct StepView {
    renaming: Renaming,
    step: Action,
    /// The number of guests that matter.
    guests: usize,
    /// Whether the step may give the tagged event.
    gives: bool,
}

impl StepView {
    fn of(difference: &Difference, record: &StepRecord) -> Self {
        let guests = guests_of_difference(difference, record);
        let renaming = Renaming::with_others(&record.step, &guests);
        let step = renaming.step(&record.step);
        // The other guests do not matter to the step.
        let guests = guests.into_iter().map(|guest| renaming.guest(guest));
        let guests = guests.chain(step.guests()).map(|guest| usize::from(guest) + 1).max();
        let gives = matches!(difference.expected.observation.answer, Answer::Gave { .. });
        Self { renaming, step, guests: guests.unwrap_or(1), gives }
    }

    /// The relevant state of the step in a state with renamed guests.
    fn relevant_state(&self, state: &State) -> RelevantState {
        RelevantState::of(&self.step, state, self.guests, self.gives)
    }

    /// Whether the guest with this original name matters to the step.
    fn matters(&self, guest: u8) -> bool {
        usize::from(self.renaming.guest(guest)) < self.guests
    }
}

/// The trace before the step of `record`, reduced to the steps that matter, and then the step.
///
/// In the reduced trace, the guests that matter end in the same relevant state, and the same step gave each of
/// them its membership. With `has_queries`, the trace also keeps the steps of these guests that changed
/// no state.
pub(super) fn relevant_steps(
    profile: &Profile,
    difference: &Difference,
    record: &StepRecord,
    before: &[Action],
    has_queries: bool,
) -> Vec<Action> {
    let view = StepView::of(difference, record);
    let is_about_others = |step: &Action| {
        let mut guests = step.guests().peekable();
        guests.peek().is_some() && !guests.any(|guest| view.matters(guest))
    };
    let end = |lead: &[(usize, Action)]| {
        let mut state = initial(profile);
        let mut moved_by = [None; MAX_GUESTS];
        for taken in take_steps(profile, state, lead.iter().map(|(_, step)| step)) {
            state = taken.outcome?.next;
            for guest in guests_with_changed_membership(&taken.before, &state)
                .into_iter()
                .filter(|guest| view.matters(*guest))
            {
                moved_by[usize::from(guest)] = Some(taken.step);
            }
        }
        Some((view.relevant_state(&view.renaming.state(&state)), moved_by))
    };
    let taken = take_steps(profile, initial(profile), before);
    let (lead, queries): (Vec<_>, Vec<_>) =
        taken.filter(|taken| taken.outcome.is_some()).partition(TakenStep::changes_state);
    let numbered = |taken: Vec<TakenStep>| {
        taken.into_iter().map(|taken| (taken.number, taken.step)).collect::<Vec<_>>()
    };
    let (mut lead, queries) = (numbered(lead), numbered(queries));
    let wanted = end(&lead);
    let mut without_others = lead.clone();
    without_others.retain(|(_, step)| !is_about_others(step));
    if end(&without_others) == wanted {
        lead = without_others;
    }
    // First remove single steps. Then remove pairs: a step, and the step that undid it. Then remove
    // single steps again, which only the pairs needed.
    for removed_at_once in [1, 2, 1] {
        let mut last = lead.len();
        while last > 0 {
            last -= 1;
            let firsts = if removed_at_once == 1 { last..last + 1 } else { 0..last };
            for first in firsts.rev() {
                let mut shorter = lead.clone();
                shorter.remove(last);
                if first < last {
                    shorter.remove(first);
                }
                if end(&shorter) == wanted {
                    lead = shorter;
                    last = last.min(lead.len());
                    break;
                }
            }
        }
    }
    if has_queries {
        let is_relevant = |step: &Action| step.guests().any(|guest| view.matters(guest));
        lead.extend(queries.into_iter().filter(|(_, step)| is_relevant(step)));
        lead.sort_unstable_by_key(|(place, _)| *place);
    }
    let scenario: Vec<_> = lead.into_iter().map(|(_, step)| step).collect();
    let (mut scenario, _) = possible(profile, &scenario, |_| false);
    scenario.push(record.step);
    scenario
}

/// The part of a state that matters to a step. The rest has its initial value.
#[derive(PartialEq, Eq)]
struct RelevantState(State);

impl RelevantState {
    /// The relevant state of a step in a state, for the first `guests` guests. The tagged event matters only
    /// if the step `gives` an event.
    fn of(step: &Action, state: &State, guests: usize, gives: bool) -> Self {
        let reads = matches!(step.operation, Operation::Read(_) | Operation::ReadThroughOtherRoom);
        let is_about = |room: usize| match step.place {
            Place::Room(number) => {
                room == usize::from(number) || step.operation == Operation::ReadThroughOtherRoom
            }
            // A read without a room, such as `/sync`, shows the first room.
            Place::Nowhere => reads && room == 0,
            Place::Elsewhere => false,
        };
        let mut state = *state;
        for account in &mut state.accounts[guests..] {
            *account = Account::Absent;
        }
        for (number, room) in state.rooms.iter_mut().enumerate() {
            if !is_about(number) {
                *room = IRRELEVANT_ROOM;
            }
            for membership in &mut room.members[guests..] {
                *membership = Membership::Never;
            }
        }
        if !gives && !names_an_event(step) {
            state.tagged = None;
        }
        if let Some(tagged) = &mut state.tagged {
            for relation in &mut tagged.relations[guests..] {
                *relation = ReaderRelation::STRANGER;
            }
        }
        Self(state)
    }
}

/// Stands in for a room that does not matter to the step.
const IRRELEVANT_ROOM: Room = Room {
    visibility: None,
    guest_access: GuestAccess::Forbidden,
    join_rule: JoinRule::Public,
    members: [Membership::Never; MAX_GUESTS],
    user: Membership::Join,
    past: [Past::Unkept; MAX_GUESTS],
};

/// Whether a step names the tagged event by its id.
fn names_an_event(step: &Action) -> bool {
    match step.operation {
        Operation::Read(endpoint) => {
            let endpoint = endpoint.get();
            let renaming = endpoint.id.contains("{eventId}");
            renaming || matches!(endpoint.gives, Some(Gives::Event | Gives::StateEvent))
        }
        operation => operation == Operation::ReadThroughOtherRoom,
    }
}

/// The guests whose membership differs between the two states.
fn guests_with_changed_membership(before: &State, after: &State) -> Vec<u8> {
    let has_changed = |guest: &u8| {
        let of = |state: &State| state.rooms.map(|room| room.members[usize::from(*guest)]);
        of(before) != of(after)
    };
    (0_u8..).take(MAX_GUESTS).filter(has_changed).collect()
}

/// The guests whose membership the step changed, should have changed, or listed wrongly.
fn guests_of_difference(difference: &Difference, record: &StepRecord) -> Vec<u8> {
    let Difference { before, expected, .. } = difference;
    let rooms = record.members.iter().flatten().zip(&before.rooms);
    let has_changed = |guest: &u8| {
        let number = usize::from(*guest);
        let is_gone = record.gone[number];
        rooms.clone().any(|(seen, room)| !is_gone && seen.guests[number] != room.members[number])
    };
    let mut all = guests_with_changed_membership(before, &expected.next);
    let is_listed_otherwise = |guest: &u8| record.lists_otherwise(*guest);
    let others = (0_u8..).take(MAX_GUESTS).filter(|guest| !all.contains(guest));
    let others = others.filter(|guest| has_changed(guest) || is_listed_otherwise(guest));
    all.extend(others.collect::<Vec<_>>());
    all
}

/// The steps from which shortest traces are built. Of several steps with the same effect, only the
/// plainest is used.
pub(super) fn plain_steps(profile: &Profile, scope: Scope) -> Vec<Action> {
    let is_plain = |step: &Action| match step.operation {
        Operation::Register { named } => !named,
        Operation::SetVisibility(_, key) | Operation::SetGuestAccess(_, key) => {
            key == Key::Empty && step.by == Actor::Moderator
        }
        Operation::Send(Message::Message) | Operation::SendState => step.tag,
        Operation::Join(way) | Operation::Leave(way) | Operation::Knock(way) => {
            way == MembershipEndpoint::Own && step.place != Place::Elsewhere
        }
        Operation::Upgrade(Upgrade::Own(_))
        | Operation::LogOut
        | Operation::SetJoinRule(_)
        | Operation::RedactSetting(_)
        | Operation::Invite(_)
        | Operation::Kick(_)
        | Operation::Ban(_)
        | Operation::Unban(_) => true,
        _ => false,
    };
    actions(scope, &[profile]).into_iter().filter(is_plain).collect()
}

/// The shorter traces with the same last step. Each leaves out one part of `size` steps, and the steps
/// that are impossible without that part.
pub(super) fn shorter(profile: &Profile, scenario: &[Action], size: usize) -> Vec<Vec<Action>> {
    let Some((last, before)) = scenario.split_last() else { return Vec::new() };
    let starts = (0..before.len()).step_by(size.max(1));
    let mut shorter: Vec<Vec<Action>> = Vec::new();
    for start in starts {
        let rest = before[..start].iter().chain(before.iter().skip(start + size)).copied();
        let (mut rest, _) = possible(profile, &rest.collect::<Vec<_>>(), |_| false);
        rest.push(*last);
        if can_happen(profile, &rest) && rest.len() < scenario.len() && !shorter.contains(&rest) {
            shorter.push(rest);
        }
    }
    shorter
}

fn can_happen(profile: &Profile, scenario: &[Action]) -> bool {
    take_steps(profile, initial(profile), scenario).all(|taken| taken.outcome.is_some())
}

#[cfg(test)]
mod tests {
    use guest_access_model::action::Says;
    use guest_access_rules::endpoint::KNOWN;
    use guest_access_rules::rules::Rules;

    use super::*;
    use crate::subject::server::{CallVerdict, HttpObservation, ResponseContent};

    #[test]
    fn relevant_steps_omit_other_guests_and_undone_steps() {
        let profile = Rules::find("latest").unwrap().profile();
        let guest = |number, operation| Action::new(Actor::Guest(number), operation);
        let register = |number| guest(number, Operation::Register { named: false });
        let moderator = |operation| Action::new(Actor::Moderator, operation).at(0);
        let access = |value| moderator(Operation::SetGuestAccess(Says::Value(value), Key::Empty));
        let can_join = access(GuestAccess::CanJoin);
        let join = |number| guest(number, Operation::Join(MembershipEndpoint::Own)).at(0);
        let (kick, leave) = (
            moderator(Operation::Kick(1)),
            guest(1, Operation::Leave(MembershipEndpoint::Own)).at(0),
        );
        let (invite, send) = (
            moderator(Operation::Invite(1)),
            moderator(Operation::Send(Message::Message)).tagged(),
        );
        let read = guest(1, Operation::Read(KNOWN.messages)).at(0);
        let before = vec![
            register(0),
            register(1),
            can_join,
            join(0),
            join(1),
            read,
            leave,
            send,
            invite,
            kick,
        ];
        let state = before
            .iter()
            .fold(initial(&profile), |state, step| outcome(&profile, &state, step).unwrap().next);
        let expected = outcome(&profile, &state, &leave).unwrap();
        let difference = Difference {
            at: before.len(),
            before: state,
            expected,
            variants: vec![],
            cause: None,
            inconsistency: None,
        };
        let observed =
            HttpObservation { verdict: CallVerdict::Allowed, content: ResponseContent::Nothing };
        let record = StepRecord {
            step: leave,
            observed,
            members: None,
            unseen: None,
            listing: None,
            content: Vec::new(),
            gone: [false; MAX_GUESTS],
            diverges: true,
            after: state,
        };
        let scenario =
            |has_queries| relevant_steps(&profile, &difference, &record, &before, has_queries);
        assert_eq!(scenario(false), [register(1), can_join, invite, kick, leave]);
        assert_eq!(scenario(true), [register(1), can_join, read, invite, kick, leave]);
    }
}
