//! Which state of a room a reader is given.

use guest_access_model::decision_point::{
    EvaluatedAt, GuestReads, SettingChange, StateCheck, StateLeft, StatePreview,
};
use guest_access_model::vocabulary::{HistoryVisibility, Membership};

use super::authorisation::Caller;
use super::event::HISTORY_VISIBILITY;
use super::{Reference, Room};

impl Reference {
    /// The places of the state events that the caller is given of `room`, as the room was before
    /// the event at `at`: the room's length stands for now.
    pub(super) fn state_given(&self, caller: &Caller, room: &Room, at: usize) -> Vec<usize> {
        let choices = self.choices();
        let current = || room.before(at).places();
        if choices.state_check == StateCheck::Unchecked {
            return current().collect();
        }
        let previewed = |place: &usize| self.is_previewed(room, *place);
        match caller.membership(room) {
            // CS-22: A joined user is given the current state of a room.
            Membership::Join => {
                // GA-16: A guest is given only events at which `m.room.history_visibility` was
                // present and `world_readable`.
                let all = !caller.guest || choices.guest_reads == GuestReads::AsUser;
                current()
                    .filter(|&place| all || self.may_see(caller, room, place))
                    .collect()
            }
            Membership::Leave | Membership::Ban if choices.state_left == StateLeft::Current => {
                current().collect()
            }
            // CS-23: A user who left a room is given its state as of the time it left.
            // Reading A48: also where the room is `world_readable` now, with what anyone is given.
            Membership::Leave | Membership::Ban => {
                let mut given: Vec<_> = current().filter(previewed).collect();
                for place in self.state_at_leaving(caller, room, at) {
                    let event = room.event(place);
                    let newer = given.iter().map(|&place| room.event(place)).any(|newer| {
                        newer.kind == event.kind && newer.state_key == event.state_key
                    });
                    if !newer {
                        given.push(place);
                    }
                }
                given
            }
            Membership::Invite | Membership::Knock | Membership::Never => {
                current().filter(previewed).collect()
            }
        }
    }

    fn state_at_leaving(&self, caller: &Caller, room: &Room, at: usize) -> Vec<usize> {
        let user = caller.user.as_deref();
        let Some(left) = user.and_then(|user| room.place_of_leaving(user)) else {
            return Vec::new();
        };
        room.before((left + 1).min(at)).places().collect()
    }

    // RP-10: A user who has not joined is given only events at which `m.room.history_visibility`
    // was present and `world_readable`.
    // Reading A13: state events too.
    fn is_previewed(&self, room: &Room, place: usize) -> bool {
        let choices = self.choices();
        if !room.is_world_readable() {
            return false;
        }
        if choices.state_preview == StatePreview::Current
            || choices.evaluated_at == EvaluatedAt::Now
        {
            return true;
        }
        let before = room.settings_before(place).visibility;
        let after = room.settings_after(place).visibility;
        let world_readable = Some(HistoryVisibility::WorldReadable);
        match choices.setting_change {
            _ if room.event(place).kind != HISTORY_VISIBILITY => before == world_readable,
            SettingChange::Either => before == world_readable || after == world_readable,
            SettingChange::Before => before == world_readable,
            SettingChange::After => after == world_readable,
        }
    }
}
