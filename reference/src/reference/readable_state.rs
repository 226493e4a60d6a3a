//! The state of a room that a caller may read.

use guest_access_rules::decision_point::{
    GuestReads, LeftReader, StateCheck, StateLeft, StatePreview,
};
use guest_access_rules::vocabulary::{HistoryVisibility, Membership};

use super::authorisation::Caller;
use super::{Reference, Room};

impl Reference {
    /// The places of the state events that the caller may read, in the state of `room` before the event at
    /// `at`. For the current state, `at` is the length of the timeline.
    pub(super) fn readable_state(&self, caller: &Caller, room: &Room, at: usize) -> Vec<usize> {
        let choices = self.choices();
        let current = || room.before(at).places();
        if choices.state_check == StateCheck::Unchecked {
            return current().collect();
        }
        let previewed = |place: &usize| self.is_previewed(room, *place);
        let limited = caller.guest && choices.guest_reads == GuestReads::WorldReadableOnly;
        // HV-19: A user who left may still see every event that it was allowed to see before it
        // left.
        let only_its_own_time = choices.left_reader == LeftReader::OnlyItsOwnTime;
        match caller.membership(room) {
            // CS-22: A joined user is given the current state of a room.
            Membership::Join => {
                // GA-16: A guest is given only events at which `m.room.history_visibility` was
                // present and `world_readable`.
                current().filter(|&place| !limited || self.may_see(caller, room, place)).collect()
            }
            Membership::Leave | Membership::Ban if limited && only_its_own_time => Vec::new(),
            Membership::Leave | Membership::Ban if limited => current().filter(previewed).collect(),
            Membership::Leave | Membership::Ban if choices.state_left == StateLeft::Current => {
                current().collect()
            }
            // Reading A48: also where the room is `world_readable` now, with what anyone is given.
            // CS-23: A user who left a room is given its state as of the time it left.
            Membership::Leave | Membership::Ban => {
                let mut readable: Vec<_> =
                    current().filter(|place| !only_its_own_time && previewed(place)).collect();
                for place in state_at_leaving(caller, room, at) {
                    let event = room.event(place);
                    let newer = readable.iter().map(|&place| room.event(place)).any(|newer| {
                        newer.kind == event.kind && newer.state_key == event.state_key
                    });
                    if !newer {
                        readable.push(place);
                    }
                }
                readable
            }
            Membership::Invite | Membership::Knock | Membership::Never => {
                current().filter(previewed).collect()
            }
        }
    }

    // Reading A13: state events too.
    // RP-10: A user who has not joined is given only events at which `m.room.history_visibility`
    // was present and `world_readable`.
    fn is_previewed(&self, room: &Room, place: usize) -> bool {
        let world_readable = HistoryVisibility::WorldReadable;
        room.is_world_readable()
            && (self.choices().state_preview == StatePreview::Current
                || self.visibility_at(room, place).contains(&world_readable))
    }
}

/// The state when the caller last left, or at `at` if `at` is earlier.
fn state_at_leaving(caller: &Caller, room: &Room, at: usize) -> Vec<usize> {
    let user = caller.user.as_deref();
    let Some(place) = user.and_then(|user| room.place_of_leaving(user)) else {
        return Vec::new();
    };
    room.before((place + 1).min(at)).places().collect()
}

#[cfg(test)]
mod tests {
    use ruma::api::client::state::get_state_events;
    use serde_json::json;

    use super::super::fixture::{Fixture, TestUser, ids, latest, state};
    use super::*;

    fn note(fixture: &mut Fixture, key: &str) -> String {
        let request = state(&fixture.room, "org.example.note", key, &json!({}));
        let answer = fixture.server.put_state(&fixture.moderator.credentials(), &request);
        answer.unwrap().response.event_id.to_string()
    }

    fn readable(fixture: &Fixture, who: &TestUser) -> Vec<String> {
        let request = get_state_events::v3::Request::new(fixture.room.clone());
        fixture
            .server
            .state(&who.credentials(), &request)
            .map_or(Vec::new(), |granted| ids(&granted.response.room_state))
    }

    fn set_membership(fixture: &mut Fixture, who: &TestUser, to: Membership) {
        let (room, moderator) = (fixture.room.clone(), fixture.moderator.user_id.clone());
        fixture.server.set_membership(&room, &moderator, &who.user_id, to);
    }

    #[test]
    fn a_previewer_gets_the_state_sent_while_world_readable() {
        for (options, shown) in [(&[][..], false), (&[("state.preview", "current")][..], true)] {
            let mut fixture = Fixture::with_profile(latest(options));
            let guest = fixture.guest();
            let closed = note(&mut fixture, "closed");
            fixture.set_visibility("world_readable");
            let open = note(&mut fixture, "open");
            assert!(readable(&fixture, &guest).contains(&open));
            assert_eq!(readable(&fixture, &guest).contains(&closed), shown);
        }
    }

    #[test]
    fn a_former_member_gets_the_state_at_leaving() {
        for (options, shown) in [(&[][..], false), (&[("state.left", "current")][..], true)] {
            let mut fixture = Fixture::with_profile(latest(options));
            let guest = fixture.guest();
            set_membership(&mut fixture, &guest, Membership::Join);
            let during = note(&mut fixture, "during");
            set_membership(&mut fixture, &guest, Membership::Leave);
            let after = note(&mut fixture, "after");
            assert!(readable(&fixture, &guest).contains(&during));
            assert_eq!(readable(&fixture, &guest).contains(&after), shown);
        }
    }

    #[test]
    fn a_user_who_never_joined_gets_no_state_at_leaving() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        let before = note(&mut fixture, "before");
        set_membership(&mut fixture, &guest, Membership::Invite);
        set_membership(&mut fixture, &guest, Membership::Leave);
        assert!(!readable(&fixture, &guest).contains(&before));
    }

    #[test]
    fn anyone_reads_the_state_where_it_is_unchecked() {
        let mut fixture = Fixture::with_profile(latest(&[("state.check", "unchecked")]));
        let guest = fixture.guest();
        let note = note(&mut fixture, "note");
        assert!(readable(&fixture, &guest).contains(&note));
    }
}
