//! What a server may give other servers.

use ruma::ServerName;

use super::event::Event;
use super::room::Room;
use super::room_state::RoomState;

impl Room {
    /// Whether a user of this server has this membership in a state.
    fn has_member(&self, state: &RoomState, server: &ServerName, membership: &str) -> bool {
        let members = state.iter().filter(|((kind, _), _)| kind.to_string() == "m.room.member");
        let mut members = members.filter_map(|((_, user), id)| {
            let user = ruma::UserId::parse(user).ok()?;
            (user.server_name() == server).then(|| self.event(id))?
        });
        members.any(|event| event.content_text("membership") == Some(membership))
    }

    /// Whether a user of this server is joined now. A server in which none is may ask nothing of the room.
    pub fn has_server(&self, server: &ServerName) -> bool {
        self.state().is_ok_and(|state| self.has_member(&state, server, "join"))
    }

    /// Whether this server may be given the event: a user of the server may see the event, or could if it
    /// joined.
    pub fn may_give(&self, server: &ServerName, event: &Event) -> bool {
        let Some(after) = self.state_after(event.id()) else {
            // An event that is known as part of a state only. The state itself is given to every server
            // in the room.
            return true;
        };
        // HV-24: A change of the setting may be seen if the setting before it or the setting after it shows it.
        let before = self.state_before(event.prev_events()).ok();
        before.iter().chain([after]).any(|state| self.opens(state, server))
    }

    /// Whether an event sent in this state may be given to the server.
    fn opens(&self, state: &RoomState, server: &ServerName) -> bool {
        let setting = self.in_state(state, "m.room.history_visibility", "");
        let setting = setting.and_then(|event| event.content_text("history_visibility"));
        match setting {
            // HV-3: A user whose membership at the event was `join` may see it.
            Some("joined") => self.has_member(state, server, "join"),
            // HV-23: A user whose membership at the event was `invite` may see it if the setting was `invited`.
            Some("invited") => {
                self.has_member(state, server, "join") || self.has_member(state, server, "invite")
            }
            // HV-13: Under `shared`, whoever newly joins has access to all earlier events, even those sent while not in the room.
            // HV-10: A value of `history_visibility` that is not understood counts as `shared`.
            _ => true,
        }
    }
}
