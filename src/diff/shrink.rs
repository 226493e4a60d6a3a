//! Shrinking: the smallest scenario that still shows a divergence.
//!
//! The model knows the shortest way into the situation in which the step was taken, so that is tried
//! first. Where the homeserver does not do the same there, its own story is cut down: step by step,
//! as long as the rest can happen and the divergence shows.

use std::cell::RefCell;
use std::collections::BTreeMap;

use guest_access_model::decide::{initial, outcome};
use guest_access_model::endpoint::Gives;
use guest_access_model::profile::Profile;
use guest_access_model::state::{Account, MAX_GUESTS, Room, Scope, State, Witness};
use guest_access_model::step::{Act, Actor, Answer, Key, Message, Place, Step, Upgrade, Way};
use guest_access_model::steps::steps;
use guest_access_model::story::{Reached, reach};
use guest_access_model::vocabulary::{GuestAccess, JoinRule, Membership};

use super::signature::{Names, concerned};
use super::story::{Difference, possible};

/// The most states in which a situation is looked for.
const MOST_STATES: usize = 40_000;

/// Shortest ways into situations.
pub(super) struct Ways<'a> {
    profile: &'a Profile,
    /// The states that can be reached, by the number of guests and rooms.
    reached: RefCell<BTreeMap<(usize, usize), Reached>>,
}

impl<'a> Ways<'a> {
    pub(super) fn new(profile: &'a Profile) -> Self {
        Self { profile, reached: RefCell::default() }
    }

    /// The shortest story that ends with the step of `difference` in a situation like its own, by
    /// the guests' new names; `None` if there is none near.
    pub(super) fn shortest(&self, difference: &Difference, step: &Step) -> Option<Vec<Step>> {
        let moved = moved(&difference.before, &difference.expected.next);
        let names = Names::with_others(step, &moved);
        let (step, mut before) = (names.step(step), names.state(&difference.before));
        // What guests are whom the step is not about does not matter.
        let moved = moved.into_iter().map(|guest| names.guest(guest));
        let guests = moved.chain(concerned(&step)).map(|guest| usize::from(guest) + 1).max();
        let guests = guests.unwrap_or(1);
        self.forget_visibility(&step, &mut before);
        let rooms = step.room().map_or(1, |room| room + 1);
        let mut reached = self.reached.borrow_mut();
        let reached = reached.entry((guests, rooms)).or_insert_with(|| {
            reach(self.profile, &plain_steps(self.profile, Scope { guests, rooms }), MOST_STATES)
        });
        let expected = difference.expected.observation;
        let gives = matches!(expected.answer, Answer::Gave { .. });
        let wanted = Situation::of(&step, &before, guests, gives);
        let is_it = |state: &State| {
            Situation::of(&step, state, guests, gives) == wanted
                && outcome(self.profile, state, &step).is_some_and(|outcome| {
                    outcome.observation.decision.is_like(&expected.decision)
                        && outcome.observation.answer == expected.answer
                })
        };
        let number = reached.states().iter().position(is_it)?;
        let mut story = reached.story_to(number);
        story.push(step);
        Some(story)
    }

    /// Lets the first room's history visibility be what it is at first, if the step comes to the same.
    fn forget_visibility(&self, step: &Step, before: &mut State) {
        let mut first = *before;
        first.rooms[0].visibility = initial(self.profile).rooms[0].visibility;
        let come_to = |state: &State| {
            let outcome = outcome(self.profile, state, step)?;
            let room = outcome.next.rooms[0];
            Some((outcome.observation, room.members, room.visibility == state.rooms[0].visibility))
        };
        let looks = matches!(step.act, Act::Read(_) | Act::ReadThroughOtherRoom);
        if !looks && come_to(&first) == come_to(before) {
            *before = first;
        }
    }
}

/// What of a state matters to a step: the rest is as in the first state.
#[derive(PartialEq, Eq)]
struct Situation(State);

impl Situation {
    /// The situation of a step, of these guests, in this state; with the tagged event, if the step
    /// gives any.
    fn of(step: &Step, state: &State, guests: usize, gives: bool) -> Self {
        let reads = matches!(step.act, Act::Read(_) | Act::ReadThroughOtherRoom);
        let about = |room: usize| match step.place {
            Place::Room(number) => {
                room == usize::from(number) || step.act == Act::ReadThroughOtherRoom
            }
            // What is read of no room in particular is read of the first.
            Place::Nowhere => reads && room == 0,
            Place::Elsewhere => false,
        };
        let mut state = *state;
        for account in &mut state.accounts[guests..] {
            *account = Account::Absent;
        }
        for (number, room) in state.rooms.iter_mut().enumerate() {
            if !about(number) {
                *room = NOWHERE;
            }
            for membership in &mut room.members[guests..] {
                *membership = Membership::Never;
            }
        }
        if !gives && !names_an_event(step) {
            state.tagged = None;
        }
        if let Some(tagged) = &mut state.tagged {
            for witness in &mut tagged.witnesses[guests..] {
                *witness = Witness::STRANGER;
            }
        }
        Self(state)
    }
}

/// In place of a room that a step is not about.
const NOWHERE: Room = Room {
    visibility: None,
    guest_access: GuestAccess::Forbidden,
    join_rule: JoinRule::Public,
    members: [Membership::Never; MAX_GUESTS],
    user: Membership::Join,
};

/// Whether a step asks for the tagged event by its id.
fn names_an_event(step: &Step) -> bool {
    match step.act {
        Act::Read(endpoint) => {
            matches!(endpoint.get().gives, Some(Gives::Event | Gives::StateEvent))
        }
        act => act == Act::ReadThroughOtherRoom,
    }
}

/// The guests whose membership is another in the second state.
fn moved(before: &State, after: &State) -> Vec<u8> {
    let is_moved = |guest: &u8| {
        let of = |state: &State| state.rooms.map(|room| room.members[usize::from(*guest)]);
        of(before) != of(after)
    };
    (0_u8..).take(MAX_GUESTS).filter(is_moved).collect()
}

/// The steps by which stories come to where they are: of several ways to the same, the plain one.
fn plain_steps(profile: &Profile, scope: Scope) -> Vec<Step> {
    let is_plain = |step: &Step| match step.act {
        Act::Register { named } => !named,
        Act::SetVisibility(_, key) | Act::SetGuestAccess(_, key) => {
            key == Key::Empty && step.by == Actor::Moderator
        }
        Act::Send(Message::Message) | Act::SendState => step.tag,
        Act::Join(way) | Act::Leave(way) | Act::Knock(way) => {
            way == Way::Own && step.place != Place::Elsewhere
        }
        Act::Upgrade(Upgrade::Own(_))
        | Act::LogOut
        | Act::SetJoinRule(_)
        | Act::RedactSetting(_)
        | Act::Invite(_)
        | Act::Kick(_)
        | Act::Ban(_)
        | Act::Unban(_) => true,
        _ => false,
    };
    steps(scope, &[profile]).into_iter().filter(is_plain).collect()
}

/// The story without some of the steps that lead to its last: each part of `size` steps is left out
/// in one of them, with what cannot happen without it.
pub(super) fn shorter(profile: &Profile, story: &[Step], size: usize) -> Vec<Vec<Step>> {
    let Some((last, before)) = story.split_last() else { return Vec::new() };
    let starts = (0..before.len()).step_by(size.max(1));
    let mut shorter: Vec<Vec<Step>> = Vec::new();
    for start in starts {
        let rest = before[..start].iter().chain(before.iter().skip(start + size)).copied();
        let (mut rest, _) = possible(profile, &rest.collect::<Vec<_>>(), |_| false);
        rest.push(*last);
        if can_happen(profile, &rest) && rest.len() < story.len() && !shorter.contains(&rest) {
            shorter.push(rest);
        }
    }
    shorter
}

fn can_happen(profile: &Profile, story: &[Step]) -> bool {
    let mut state = initial(profile);
    story.iter().all(|step| {
        let outcome = outcome(profile, &state, step);
        state = outcome.map_or(state, |outcome| outcome.next);
        outcome.is_some()
    })
}
