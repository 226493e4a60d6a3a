//! The memberships that a list of a room's members has to show to its reader.
//!
//! The model decides whether the reader gets an answer. The model keeps only one event of a room, so the
//! content of the list is computed here, from the states that the scenario went through.

use guest_access_model::action::{Action, Actor, Credential, Operation};
use guest_access_model::decide::initial;
use guest_access_model::state::{MAX_GUESTS, State};
use guest_access_rules::decision_point::GuestReads;
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::{HistoryVisibility, Membership};
use serde::Serialize;

use crate::subject::server::Memberships;

/// The answer that shows a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MembershipSource {
    /// The state of the room with this number, read after the step.
    Room(usize),
    /// The list of members in the answer to the step.
    List,
    /// The list of members in the answer to the same call with the parameter `at`.
    ListAt,
}

/// The memberships that a list of members has to show. `None` stands for a membership that the rules
/// leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listing {
    guests: [Option<Membership>; MAX_GUESTS],
    user: Option<Membership>,
    /// Whether the list shows the current members, and not the members when the reader left.
    pub(super) is_current: bool,
}

impl Listing {
    /// The list for `step`, after steps that led from the initial state through `states`. `None` if the
    /// step lists no members, or if the rules leave the whole list open.
    pub(super) fn of(
        profile: &Profile,
        states: &[State],
        step: &Action,
        ended_accounts: [bool; MAX_GUESTS],
    ) -> Option<Self> {
        let room = step.room()?;
        if step.operation != Operation::Read(KNOWN.members) || step.with != Credential::Own {
            return None;
        }
        // GA-16: A guest is given only events at which `m.room.history_visibility` was present and
        // `world_readable`.
        if profile.choices.guest_reads == GuestReads::WorldReadableOnly {
            return None;
        }
        let first = initial(profile);
        let states: Vec<_> = std::iter::once(&first).chain(states).collect();
        let now = states[states.len() - 1];
        let is_joined = |state: &State| own(state, room, step.by) == Some(Membership::Join);
        let listing = match own(now, room, step.by)? {
            // CS-22: A joined user is given the current state of a room.
            Membership::Join => Self::at(&[now], room, true),
            // Reading A48: if the room is `world_readable` now, the current members are permitted too.
            Membership::Leave
                if now.rooms[room].visibility == Some(HistoryVisibility::WorldReadable) =>
            {
                return None;
            }
            // CS-25: A user who left a room is given its members as of the time it left.
            Membership::Leave => {
                let last = states.iter().rposition(|state| is_joined(state))?;
                // Reading A72: who left an invite or a knock later may be given the members as of then.
                let is_invited = |state: &&State| {
                    matches!(
                        own(state, room, step.by),
                        Some(Membership::Invite | Membership::Knock)
                    )
                };
                if states[last + 1..].iter().any(is_invited) {
                    return None;
                }
                // Others who left by the same step left before the reader, or after the reader.
                let mut listing = Self::at(&[states[last], states[last + 1]], room, false);
                // The reader may have left by a ban, and the ban may have been lifted since.
                if let Some(left) = own(states[last + 1], room, step.by) {
                    listing.set(step.by, left);
                }
                listing
            }
            _ => return None,
        };
        Some(listing.without(ended_accounts))
    }

    /// The memberships that are the same in all these states.
    fn at(states: &[&State], room: usize, is_current: bool) -> Self {
        let same = |of: &dyn Fn(&State) -> Membership| {
            let first = of(states[0]);
            states.iter().all(|state| of(state) == first).then_some(first)
        };
        let guest = |guest: usize| same(&|state: &State| state.rooms[room].members[guest]);
        let user = same(&|state: &State| state.rooms[room].user);
        Self { guests: std::array::from_fn(guest), user, is_current }
    }

    fn set(&mut self, member: Actor, membership: Membership) {
        match member {
            Actor::Guest(number) => self.guests[usize::from(number)] = Some(membership),
            Actor::User => self.user = Some(membership),
            Actor::Moderator | Actor::Nobody | Actor::Server => {}
        }
    }

    /// Leaves the memberships of these guests open. Their accounts have ended, and the rules are silent
    /// on them.
    fn without(mut self, ended_accounts: [bool; MAX_GUESTS]) -> Self {
        for (known, has_ended) in self.guests.iter_mut().zip(ended_accounts) {
            *known = known.filter(|_| !has_ended);
        }
        self
    }

    /// The required memberships, and the `seen` membership where the rules leave one open.
    pub(super) fn completed_by(self, seen: Memberships) -> Memberships {
        let guests = std::array::from_fn(|guest| self.guests[guest].unwrap_or(seen.guests[guest]));
        Memberships { guests, user: self.user.unwrap_or(seen.user) }
    }
}

/// The caller's membership of a room.
fn own(state: &State, room: usize, by: Actor) -> Option<Membership> {
    let room = state.rooms.get(room)?;
    match by {
        Actor::Guest(number) => Some(room.members[usize::from(number)]),
        Actor::User => Some(room.user),
        Actor::Moderator | Actor::Nobody | Actor::Server => None,
    }
}

#[cfg(test)]
mod tests {
    use guest_access_model::action::Says;
    use guest_access_model::decide::outcome;
    use guest_access_rules::rules::Rules;
    use guest_access_rules::vocabulary::GuestAccess;
    use guest_access_rules::vocabulary::MembershipEndpoint;

    use super::*;

    /// The list of the first room's members for the first guest, after these steps.
    fn listing(steps: &[Action]) -> Option<Listing> {
        let profile = Rules::find("latest").unwrap().profile();
        let mut now = initial(&profile);
        let mut states = Vec::new();
        for step in steps {
            now = outcome(&profile, &now, step).unwrap().next;
            states.push(now);
        }
        let step = guest(0, Operation::Read(KNOWN.members)).at(0);
        Listing::of(&profile, &states, &step, [false; MAX_GUESTS])
    }

    fn guest(number: u8, operation: Operation) -> Action {
        Action::new(Actor::Guest(number), operation)
    }

    fn moderator(operation: Operation) -> Action {
        Action::new(Actor::Moderator, operation).at(0)
    }

    /// Two guests join.
    fn both_join() -> Vec<Action> {
        let register = |number| guest(number, Operation::Register { named: false });
        let can_join = Says::Value(GuestAccess::CanJoin);
        let open =
            moderator(Operation::SetGuestAccess(can_join, guest_access_model::action::Key::Empty));
        let join = |number| guest(number, Operation::Join(MembershipEndpoint::Own)).at(0);
        vec![register(0), register(1), open, join(0), join(1)]
    }

    #[test]
    fn a_joined_reader_gets_the_current_members() {
        let mut steps = both_join();
        steps.push(moderator(Operation::Kick(1)));
        let listing = listing(&steps).unwrap();
        assert_eq!(listing.guests[..2], [Some(Membership::Join), Some(Membership::Leave)]);
        assert!(listing.is_current);
    }

    #[test]
    fn a_reader_who_left_gets_the_members_at_that_time() {
        let mut steps = both_join();
        steps.extend([moderator(Operation::Kick(0)), moderator(Operation::Kick(1))]);
        let listed = listing(&steps).unwrap();
        assert_eq!(listed.guests[..2], [Some(Membership::Leave), Some(Membership::Join)]);
        assert!(!listed.is_current);
        // The reader left by a ban, which was lifted since.
        steps.extend([moderator(Operation::Ban(0)), moderator(Operation::Unban(0))]);
        assert_eq!(listing(&steps).unwrap().guests[0], Some(Membership::Leave));
        let mut steps = both_join();
        steps.extend([moderator(Operation::Ban(0)), moderator(Operation::Unban(0))]);
        assert_eq!(listing(&steps).unwrap().guests[0], Some(Membership::Ban));
    }

    #[test]
    fn the_order_of_guests_removed_by_one_step_is_open() {
        let mut steps = both_join();
        let forbidden = Says::Value(GuestAccess::Forbidden);
        let close = Operation::SetGuestAccess(forbidden, guest_access_model::action::Key::Empty);
        steps.push(moderator(close));
        let listing = listing(&steps).unwrap();
        assert_eq!(listing.guests[..2], [Some(Membership::Leave), None]);
    }

    #[test]
    fn the_list_for_a_stranger_is_open() {
        assert_eq!(listing(&both_join()[..1]), None);
    }
}
