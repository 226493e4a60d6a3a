//! Power levels: the level of a user, and the level that an action requires.

use ruma::UserId;
use ruma::serde::JsonObject;

use super::event::POWER_LEVELS;
use super::room::Room;

impl Room {
    /// The power level of `user`.
    pub(super) fn power_of(&self, user: &UserId) -> i64 {
        self.power_levels()
            .and_then(|levels| levels.get("users")?.get(user.as_str())?.as_i64())
            .unwrap_or_else(|| self.level("users_default", 0))
    }

    /// The power level that sending an event of this type requires.
    pub(super) fn power_to_send(&self, kind: &str, is_state: bool) -> i64 {
        self.power_levels()
            .and_then(|levels| levels.get("events")?.get(kind)?.as_i64())
            .unwrap_or_else(|| {
                if is_state {
                    self.level("state_default", 50)
                } else {
                    self.level("events_default", 0)
                }
            })
    }

    /// The power level that `action` (`invite`, `kick`, `ban` or `redact`) requires.
    pub(super) fn power_to(&self, action: &str) -> i64 {
        self.level(action, if action == "invite" { 0 } else { 50 })
    }

    fn level(&self, name: &str, default: i64) -> i64 {
        self.power_levels().and_then(|levels| levels.get(name)?.as_i64()).unwrap_or(default)
    }

    fn power_levels(&self) -> Option<&JsonObject> {
        self.current(POWER_LEVELS, "").map(|event| &event.content)
    }
}
