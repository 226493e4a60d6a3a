//! The rooms of a session, and the pool of rooms that sessions leave to later sessions.
//!
//! To create a room costs a homeserver more than most scenarios do, and to leave the room costs as
//! much again. So a room goes from one session to the next in the state that the model begins with.
//! The guests of the next session are new to the room, so earlier events do not concern them. Two
//! kinds of rooms are not reused:
//! - A room with a long past, by a scenario that reads much: each reading reads the whole past.
//! - A room whose past could matter. The homeserver deviated from the rules there. Or the room has
//!   something that no new room has, and the scenario does not set it first.

use std::cell::RefCell;
use std::collections::BTreeMap;

use guest_access_model::action::{Actor, Key, Setting};
use guest_access_reference::reference::ReplicaEvent;
use ruma::OwnedRoomId;

use super::needs::Needs;
use super::recording::Exchange;

/// How many actions of a room's past all readings of a scenario together read again at most. Beyond
/// that number a new room costs less.
const MOST_READ_AGAIN: usize = 2000;

/// A room of a session.
#[derive(Debug)]
pub(super) struct SessionRoom {
    pub(super) id: OwnedRoomId,
    /// The alias, if the scenario needs one.
    pub(super) alias: Option<String>,
    /// The event that is the history visibility now.
    pub(super) visibility_event: Option<String>,
    /// The event that is the guest access now.
    pub(super) guest_access_event: Option<String>,
    /// The newest message of each sender.
    pub(super) messages: BTreeMap<Actor, String>,
    /// The message with which a thread of the room begins.
    pub(super) thread_root: Option<String>,
    /// What the room has that no new room has.
    pub(super) mark: RoomMark,
    /// The number of actions that earlier sessions performed in the room.
    pub(super) actions_taken: usize,
    /// The exchanges that created the room.
    pub(super) creation: Vec<Exchange>,
    /// The state events that the room had when the session began.
    pub(super) initial_state: Vec<ReplicaEvent>,
}

/// The mark that past actions left on a room. A new room has no mark, and no later action removes a
/// mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RoomMark {
    /// Nothing.
    None,
    /// A guest access, where a new room has none.
    GuestAccess,
    /// A history visibility where a new room has none, a setting under another key, or a setting as
    /// a message.
    Other,
}

impl RoomMark {
    /// The mark that a setting under this key leaves; `is_set` if the room had the setting before.
    const fn of(setting: Setting, key: Key, is_set: bool) -> Self {
        match (setting, key) {
            (_, Key::Empty) if is_set => Self::None,
            (Setting::GuestAccess, Key::Empty) => Self::GuestAccess,
            _ => Self::Other,
        }
    }
}

impl SessionRoom {
    pub(super) const fn new(id: OwnedRoomId) -> Self {
        Self {
            id,
            alias: None,
            visibility_event: None,
            guest_access_event: None,
            messages: BTreeMap::new(),
            thread_root: None,
            mark: RoomMark::None,
            actions_taken: 0,
            creation: Vec::new(),
            initial_state: Vec::new(),
        }
    }

    /// Adds a state event that the room had when the session began, unless the event is known.
    pub(super) fn add_initial_state(&mut self, event: Option<ReplicaEvent>) {
        let event = event.filter(|event| {
            self.initial_state.iter().all(|known| {
                known.event_id != event.event_id
                    && (known.kind != event.kind || known.state_key != event.state_key)
            })
        });
        self.initial_state.extend(event);
    }

    /// The event that is the setting now.
    pub(super) const fn setting(&self, setting: Setting) -> Option<&String> {
        match setting {
            Setting::HistoryVisibility => self.visibility_event.as_ref(),
            Setting::GuestAccess => self.guest_access_event.as_ref(),
        }
    }

    /// Records that `event` is the setting now.
    pub(super) fn record_setting(&mut self, setting: Setting, event: String) {
        match setting {
            Setting::HistoryVisibility => self.visibility_event = Some(event),
            Setting::GuestAccess => self.guest_access_event = Some(event),
        }
    }

    /// Records that somebody sent the setting under this key.
    pub(super) fn record_mark(&mut self, setting: Setting, key: Key) {
        self.mark = self.mark.max(RoomMark::of(setting, key, self.setting(setting).is_some()));
    }
}

/// A room that a session left and in which another session may begin.
#[derive(Debug)]
pub(super) struct VacantRoom {
    pub(super) id: OwnedRoomId,
    pub(super) mark: RoomMark,
    pub(super) actions_taken: usize,
    pub(super) creation: Vec<Exchange>,
}

/// The vacant rooms of one moderator and one user.
#[derive(Debug, Default)]
pub(super) struct RoomPool(RefCell<Vec<VacantRoom>>);

impl RoomPool {
    /// Takes a room that has what a scenario needs; a marked room, if such a room has.
    pub(super) fn take(&self, needs: Needs) -> Option<VacantRoom> {
        let mut vacant = self.0.borrow_mut();
        let suits = |room: &VacantRoom| {
            let is_unmarked_enough = !needs.unset_guest_access || room.mark == RoomMark::None;
            is_unmarked_enough && room.actions_taken * needs.readings <= MOST_READ_AGAIN
        };
        let numbers = (0..vacant.len()).filter(|number| suits(&vacant[*number]));
        let number =
            numbers.max_by_key(|number| (vacant[*number].mark, vacant[*number].actions_taken))?;
        Some(vacant.swap_remove(number))
    }

    /// Adds a room.
    pub(super) fn put(&self, room: VacantRoom) {
        self.0.borrow_mut().push(room);
    }

    /// Takes all rooms.
    pub(super) fn take_all(&self) -> Vec<VacantRoom> {
        self.0.take()
    }
}

#[cfg(test)]
mod tests {
    use ruma::RoomId;

    use super::*;

    const NEEDS: Needs =
        Needs { rooms: 1, aliases: false, streams: false, readings: 1, unset_guest_access: false };

    fn pool(rooms: &[(&str, RoomMark, usize)]) -> RoomPool {
        let pool = RoomPool::default();
        for (id, mark, actions_taken) in rooms {
            let id = RoomId::parse(id).unwrap();
            let room =
                VacantRoom { id, mark: *mark, actions_taken: *actions_taken, creation: Vec::new() };
            pool.put(room);
        }
        pool
    }

    #[test]
    fn the_pool_gives_a_marked_room_first() {
        let pool = pool(&[("!new:s", RoomMark::None, 7), ("!set:s", RoomMark::GuestAccess, 3)]);
        assert_eq!(pool.take(NEEDS).unwrap().id, "!set:s");
        assert_eq!(pool.take(NEEDS).unwrap().id, "!new:s");
        assert!(pool.take(NEEDS).is_none());
    }

    #[test]
    fn the_pool_keeps_rooms_that_do_not_suit_the_scenario() {
        let pool = pool(&[("!set:s", RoomMark::GuestAccess, 3), ("!old:s", RoomMark::None, 2001)]);
        assert!(pool.take(Needs { unset_guest_access: true, ..NEEDS }).is_none());
        assert_eq!(pool.take_all().len(), 2);
    }

    #[test]
    fn a_setting_marks_a_room_that_had_no_such_setting() {
        let mut room = SessionRoom::new(RoomId::parse("!r:s").unwrap());
        room.record_setting(Setting::HistoryVisibility, "$v".to_owned());
        room.record_mark(Setting::HistoryVisibility, Key::Empty);
        assert_eq!(room.mark, RoomMark::None);
        room.record_mark(Setting::GuestAccess, Key::Empty);
        assert_eq!(room.mark, RoomMark::GuestAccess);
        room.record_mark(Setting::GuestAccess, Key::Message);
        assert_eq!(room.mark, RoomMark::Other);
    }
}
