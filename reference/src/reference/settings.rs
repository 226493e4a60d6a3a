//! The settings of a room: the history visibility and the guest access.
//!
//! The room computes the settings when an event changes them, and stores the settings with the state at
//! every event. So a later redaction does not change the settings at an earlier event.

use guest_access_rules::decision_point::{
    Choices, GuestAccessAbsent, GuestAccessMalformed, GuestAccessRedacted, GuestAccessStray,
    GuestAccessUnknown, VisibilityAbsent, VisibilityMalformed, VisibilityRedacted, VisibilityStray,
    VisibilityUnknown,
};
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};

use super::event::{Event, GUEST_ACCESS, HISTORY_VISIBILITY};

/// The settings of a room at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The history visibility; `None` if the server fails to read the setting.
    pub visibility: Option<HistoryVisibility>,
    /// The guest access.
    pub guest_access: GuestAccess,
}

impl Settings {
    /// The settings of a room without any setting.
    pub fn of_a_new_room(choices: &Choices) -> Self {
        Self {
            // HV-2: A room in which no `history_visibility` is set counts as `shared`.
            visibility: Some(match choices.visibility_absent {
                VisibilityAbsent::Shared => HistoryVisibility::Shared,
                VisibilityAbsent::WorldReadable => HistoryVisibility::WorldReadable,
            }),
            // GA-10: A room without `m.room.guest_access` is treated as if it were set to
            // `forbidden`.
            guest_access: match choices.guest_access_absent {
                GuestAccessAbsent::Forbidden => GuestAccess::Forbidden,
                GuestAccessAbsent::CanJoin => GuestAccess::CanJoin,
            },
        }
    }

    /// The settings after `event`.
    pub(super) fn after(self, event: &Event, choices: &Choices) -> Self {
        match event.kind.as_str() {
            HISTORY_VISIBILITY if is_setting(event, HISTORY_VISIBILITY, choices) => {
                Self { visibility: self.visibility_by(event, choices), ..self }
            }
            GUEST_ACCESS if is_setting(event, GUEST_ACCESS, choices) => {
                Self { guest_access: guest_access_by(event, choices), ..self }
            }
            _ => self,
        }
    }

    /// The settings after the redaction of `event`, which was the current event of one setting.
    pub(super) fn after_redaction(self, event: &Event, choices: &Choices) -> Self {
        match event.kind.as_str() {
            // CS-18: A redacted `m.room.history_visibility` keeps its `history_visibility`.
            HISTORY_VISIBILITY => match choices.visibility_redacted {
                VisibilityRedacted::Unchanged => self,
                VisibilityRedacted::Shared => {
                    Self { visibility: Some(HistoryVisibility::Shared), ..self }
                }
            },
            // CS-19: A redacted `m.room.guest_access` keeps nothing of its content.
            GUEST_ACCESS => match choices.guest_access_redacted {
                GuestAccessRedacted::Forbidden => {
                    Self { guest_access: GuestAccess::Forbidden, ..self }
                }
                GuestAccessRedacted::Unchanged => self,
            },
            _ => self,
        }
    }

    // HV-9: The setting is one of `invited`, `joined`, `shared` and `world_readable`.
    fn visibility_by(self, event: &Event, choices: &Choices) -> Option<HistoryVisibility> {
        let Some(text) = event.text("history_visibility") else {
            // Reading A49: malformed content is a value that is not understood.
            return match choices.visibility_malformed {
                VisibilityMalformed::Shared => Some(HistoryVisibility::Shared),
                VisibilityMalformed::WorldReadable => Some(HistoryVisibility::WorldReadable),
                VisibilityMalformed::Fails => None,
            };
        };
        let otherwise = match choices.visibility_unknown {
            // HV-10: A value of `history_visibility` that is not understood counts as `shared`.
            VisibilityUnknown::Shared => Some(HistoryVisibility::Shared),
            VisibilityUnknown::WorldReadable => Some(HistoryVisibility::WorldReadable),
            VisibilityUnknown::Unchanged => self.visibility,
        };
        HistoryVisibility::from_spelling(text).or(otherwise)
    }
}

// GA-8: The content of `m.room.guest_access` holds `guest_access`, which is `can_join` or
// `forbidden`.
fn guest_access_by(event: &Event, choices: &Choices) -> GuestAccess {
    // Reading A14: anything that is not `can_join` is forbidden.
    let Some(text) = event.text("guest_access") else {
        return match choices.guest_access_malformed {
            GuestAccessMalformed::Forbidden => GuestAccess::Forbidden,
            GuestAccessMalformed::CanJoin => GuestAccess::CanJoin,
        };
    };
    GuestAccess::from_spelling(text).unwrap_or(match choices.guest_access_unknown {
        GuestAccessUnknown::Forbidden => GuestAccess::Forbidden,
        GuestAccessUnknown::CanJoin => GuestAccess::CanJoin,
    })
}

/// Whether `event` sets the setting with the event type `kind`.
pub(super) fn is_setting(event: &Event, kind: &str, choices: &Choices) -> bool {
    // CS-6: A piece of state is named by its type and state key together; another state key is
    // another piece of state.
    // HV-8: The `m.room.history_visibility` event that counts is the one with the empty state key.
    // GA-9: The `m.room.guest_access` event that counts is the one with the empty state key.
    let any_state_key = match kind {
        HISTORY_VISIBILITY => choices.visibility_stray == VisibilityStray::Counts,
        GUEST_ACCESS => choices.guest_access_stray == GuestAccessStray::Counts,
        _ => false,
    };
    event.is_state(kind, "") || (any_state_key && event.kind == kind)
}

#[cfg(test)]
mod tests {
    use guest_access_rules::vocabulary::GuestAccess::{CanJoin, Forbidden};
    use guest_access_rules::vocabulary::HistoryVisibility::{Joined, Shared, WorldReadable};
    use ruma::api::client::redact::redact_event;
    use serde_json::json;

    use super::super::fixture::{Fixture, latest, message, state};
    use super::*;

    fn settings(fixture: &Fixture) -> (Option<HistoryVisibility>, GuestAccess) {
        let settings = fixture.server.room(&fixture.room).unwrap().settings();
        (settings.visibility, settings.guest_access)
    }

    fn redact(fixture: &mut Fixture, event: ruma::OwnedEventId) {
        let room = fixture.room.clone();
        let request = redact_event::v3::Request::new(room, event, "redaction".into());
        fixture.server.redact(&fixture.moderator.credentials(), &request).unwrap();
    }

    #[test]
    fn nothing_set_means_shared_and_forbidden() {
        assert_eq!(settings(&Fixture::new()), (Some(Shared), Forbidden));
    }

    #[test]
    fn a_value_that_is_not_understood_means_shared_and_forbidden() {
        let mut fixture = Fixture::new();
        fixture.set_visibility("world_readable");
        fixture.set_guest_access("can_join");
        assert_eq!(settings(&fixture), (Some(WorldReadable), CanJoin));
        fixture.set_visibility("everyone");
        fixture.set_guest_access("everyone");
        assert_eq!(settings(&fixture), (Some(Shared), Forbidden));
    }

    #[test]
    fn malformed_settings_mean_shared_and_forbidden() {
        let mut fixture = Fixture::new();
        fixture.set_visibility("world_readable");
        fixture.set("m.room.history_visibility", &json!({ "history_visibility": 7 }));
        fixture.set("m.room.guest_access", &json!({ "guest_access": ["can_join"] }));
        assert_eq!(settings(&fixture), (Some(Shared), Forbidden));
    }

    #[test]
    fn a_setting_that_is_malformed_cannot_be_read_where_that_fails() {
        let mut fixture =
            Fixture::with_profile(latest(&[("history_visibility.malformed", "fails")]));
        fixture.set("m.room.history_visibility", &json!({}));
        assert_eq!(settings(&fixture).0, None);
        fixture.set_visibility("joined");
        assert_eq!(settings(&fixture).0, Some(Joined));
    }

    #[test]
    fn another_state_key_and_a_message_set_nothing() {
        let mut fixture = Fixture::new();
        let content = json!({ "guest_access": "can_join" });
        let stray = state(&fixture.room, GUEST_ACCESS, "elsewhere", &content);
        fixture.server.put_state(&fixture.moderator.credentials(), &stray).unwrap();
        let stray = message(&fixture.room, GUEST_ACCESS, "1", &content);
        fixture.server.send(&fixture.moderator.credentials(), &stray).unwrap();
        assert_eq!(settings(&fixture).1, Forbidden);
    }

    #[test]
    fn the_latest_event_counts_under_any_state_key_if_strays_count() {
        let mut fixture = Fixture::with_profile(latest(&[("guest_access.stray", "counts")]));
        let stray =
            message(&fixture.room, GUEST_ACCESS, "1", &json!({ "guest_access": "can_join" }));
        fixture.server.send(&fixture.moderator.credentials(), &stray).unwrap();
        assert_eq!(settings(&fixture).1, CanJoin);
        fixture.set_guest_access("forbidden");
        assert_eq!(settings(&fixture).1, Forbidden);
    }

    #[test]
    fn a_redaction_resets_guest_access_and_keeps_visibility() {
        let mut fixture = Fixture::new();
        let visibility = fixture.set_visibility("world_readable");
        redact(&mut fixture, visibility);
        assert_eq!(settings(&fixture).0, Some(WorldReadable));

        let mut fixture = Fixture::new();
        let guest_access = fixture.set_guest_access("can_join");
        redact(&mut fixture, guest_access);
        assert_eq!(settings(&fixture).1, Forbidden);
    }

    #[test]
    fn the_redaction_of_a_replaced_setting_changes_nothing() {
        let mut fixture = Fixture::new();
        let old = fixture.set_guest_access("can_join");
        fixture.set_guest_access("forbidden");
        fixture.set_guest_access("can_join");
        redact(&mut fixture, old);
        assert_eq!(settings(&fixture).1, CanJoin);
    }
}
