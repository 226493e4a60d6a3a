//! The two settings of a room: what their events mean, who may send them, and the revocation.

use crate::action::{Action, Actor, Key, Says, Setting};
use crate::state::{Account, MAX_GUESTS, MAX_ROOMS, Past, Room, State};
use guest_access_rules::decision_point::{
    Choices, GuestAccessAbsent, GuestAccessMalformed, GuestAccessRedacted, GuestAccessStray,
    GuestAccessUnknown, KnownBy, RejectedEvent, RevocationEffect, RevocationMemberships,
    RevocationTrigger, RevocationWhom, RoomRule, SendMembership, VisibilityAbsent,
    VisibilityMalformed, VisibilityRedacted, VisibilityStray, VisibilityUnknown,
};
use guest_access_rules::vocabulary::{
    Decision, ErrCode, GuestAccess, HistoryVisibility, JoinRule, Membership,
};

use super::DecisionContext;
use super::caller::Caller;

pub(super) fn initial(choices: &Choices) -> State {
    let room = Room {
        // HV-2: A room in which no `history_visibility` is set counts as `shared`.
        visibility: Some(match choices.visibility_absent {
            VisibilityAbsent::Shared => HistoryVisibility::Shared,
            VisibilityAbsent::WorldReadable => HistoryVisibility::WorldReadable,
        }),
        // GA-10: A room without `m.room.guest_access` is treated as if it were set to `forbidden`.
        guest_access: match choices.guest_access_absent {
            GuestAccessAbsent::Forbidden => GuestAccess::Forbidden,
            GuestAccessAbsent::CanJoin => GuestAccess::CanJoin,
        },
        join_rule: JoinRule::Public,
        members: [Membership::Never; MAX_GUESTS],
        user: Membership::Join,
        past: [Past::Unkept; MAX_GUESTS],
    };
    State { accounts: [Account::Absent; MAX_GUESTS], rooms: [room; MAX_ROOMS], tagged: None }
}

/// The event that changed a room's guest access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GuestAccessChange {
    /// A new event with the value `forbidden`.
    Forbidden,
    /// A new event with another value.
    NotUnderstood,
    /// The redaction of the event.
    Redaction,
}

impl DecisionContext<'_> {
    pub(super) fn set_visibility(
        &mut self,
        caller: &Caller,
        action: &Action,
        says: Says<HistoryVisibility>,
        key: Key,
    ) -> Option<Decision> {
        let room = action.room()?;
        if let Err(refusal) = self.may_send_setting(caller, room, key) {
            return Some(refusal);
        }
        let choices = self.choices;
        // HV-8: The `m.room.history_visibility` event that counts is the one with the empty state
        // key.
        if key == Key::Empty || choices.visibility_stray() == VisibilityStray::Counts {
            let now = &mut self.next.rooms[room].visibility;
            *now = match says {
                Says::Value(value) => Some(value),
                // HV-10: A value of `history_visibility` that is not understood counts as `shared`.
                Says::Unknown => match choices.visibility_unknown() {
                    VisibilityUnknown::Shared => Some(HistoryVisibility::Shared),
                    VisibilityUnknown::WorldReadable => Some(HistoryVisibility::WorldReadable),
                    VisibilityUnknown::Unchanged => *now,
                },
                Says::Malformed => match choices.visibility_malformed() {
                    VisibilityMalformed::Shared => Some(HistoryVisibility::Shared),
                    VisibilityMalformed::WorldReadable => Some(HistoryVisibility::WorldReadable),
                    VisibilityMalformed::Fails => None,
                },
            };
        }
        Some(SENT)
    }

    pub(super) fn set_guest_access(
        &mut self,
        caller: &Caller,
        action: &Action,
        says: Says<GuestAccess>,
        key: Key,
    ) -> Option<Decision> {
        let room = action.room()?;
        let choices = self.choices;
        if let Err(refusal) = self.may_send_setting(caller, room, key) {
            // GA-23: When `m.room.guest_access` changes so that guests may no longer join, the
            // server sets their membership to `leave`.
            let says_can_join = says == Says::Value(GuestAccess::CanJoin);
            if choices.rejected_event() == RejectedEvent::Revokes && !says_can_join {
                self.remove_guests(room);
            }
            return Some(refusal);
        }
        // GA-9: The `m.room.guest_access` event that counts is the one with the empty state key.
        if key != Key::Empty && choices.guest_access_stray() == GuestAccessStray::Ignored {
            return Some(SENT);
        }
        let opens = |condition: bool| {
            if condition { GuestAccess::CanJoin } else { GuestAccess::Forbidden }
        };
        // GA-8: The content of `m.room.guest_access` holds `guest_access`, which is `can_join` or
        // `forbidden`.
        let (value, change) = match says {
            Says::Value(value) => (value, GuestAccessChange::Forbidden),
            Says::Unknown => (
                opens(choices.guest_access_unknown() == GuestAccessUnknown::CanJoin),
                GuestAccessChange::NotUnderstood,
            ),
            Says::Malformed => (
                opens(choices.guest_access_malformed() == GuestAccessMalformed::CanJoin),
                GuestAccessChange::NotUnderstood,
            ),
        };
        self.change_guest_access(room, value, change);
        Some(SENT)
    }

    pub(super) fn redact_setting(&mut self, action: &Action, setting: Setting) -> Option<Decision> {
        if action.by != Actor::Moderator {
            return None;
        }
        let room = action.room()?;
        let choices = self.choices;
        let now = &self.state.rooms[room];
        match setting {
            Setting::GuestAccess if now.guest_access == GuestAccess::CanJoin => {
                // CS-19: A redacted `m.room.guest_access` keeps nothing of its content.
                if choices.guest_access_redacted() == GuestAccessRedacted::Forbidden {
                    self.change_guest_access(
                        room,
                        GuestAccess::Forbidden,
                        GuestAccessChange::Redaction,
                    );
                }
                Some(SENT)
            }
            Setting::HistoryVisibility
                if now.visibility.is_some_and(|v| v != HistoryVisibility::Shared) =>
            {
                // CS-18: A redacted `m.room.history_visibility` keeps its `history_visibility`.
                if choices.visibility_redacted() == VisibilityRedacted::Shared {
                    self.next.rooms[room].visibility = Some(HistoryVisibility::Shared);
                }
                Some(SENT)
            }
            _ => None,
        }
    }

    pub(super) fn set_join_rule(&mut self, action: &Action, rule: JoinRule) -> Option<Decision> {
        if action.by != Actor::Moderator {
            return None;
        }
        self.next.rooms[action.room()?].join_rule = rule;
        Some(SENT)
    }

    fn change_guest_access(&mut self, room: usize, value: GuestAccess, change: GuestAccessChange) {
        let before = self.state.rooms[room].guest_access;
        self.next.rooms[room].guest_access = value;
        let stops = before == GuestAccess::CanJoin && value != GuestAccess::CanJoin;
        let triggers = match self.choices.revocation_trigger() {
            RevocationTrigger::EveryWay => true,
            RevocationTrigger::NewEventOnly => change != GuestAccessChange::Redaction,
            RevocationTrigger::ForbiddenOnly => change == GuestAccessChange::Forbidden,
        };
        // GA-23: When `m.room.guest_access` changes so that guests may no longer join, the server
        // sets their membership to `leave`.
        if stops && triggers {
            self.remove_guests(room);
        }
    }

    fn remove_guests(&mut self, room: usize) {
        let choices = self.choices;
        let outcome = match choices.revocation_effect() {
            RevocationEffect::Leave => Membership::Leave,
            RevocationEffect::Ban => Membership::Ban,
            RevocationEffect::None => return,
        };
        let ends = |membership: Membership| match choices.revocation_memberships() {
            RevocationMemberships::Joined => membership == Membership::Join,
            RevocationMemberships::JoinedAndInvited => {
                matches!(membership, Membership::Join | Membership::Invite)
            }
            RevocationMemberships::JoinedInvitedAndKnocking => {
                matches!(membership, Membership::Join | Membership::Invite | Membership::Knock)
            }
        };
        // GA-24: A server ends the membership of its own guests only, since it knows of no others.
        let removes = |account: Account| match choices.revocation_whom() {
            RevocationWhom::LocalGuests => account.is_guest(),
            RevocationWhom::LiveGuestsOnly => account == Account::Guest,
            RevocationWhom::UpgradedToo | RevocationWhom::Everybody => true,
        };
        let accounts = self.state.accounts;
        let room = &mut self.next.rooms[room];
        for (membership, account) in room.members.iter_mut().zip(accounts) {
            if ends(*membership) && removes(account) {
                *membership = outcome;
            }
        }
        let takes_the_user = choices.revocation_whom() == RevocationWhom::Everybody
            || choices.known_by() == KnownBy::NoPassword;
        if takes_the_user && room.user == Membership::Join {
            room.user = outcome;
        }
    }

    /// CS-8: A user may send an event only if its power level reaches what the room requires for
    /// that event.
    fn may_send_setting(&self, caller: &Caller, room: usize, key: Key) -> Result<(), Decision> {
        if key == Key::Message {
            // Any joined member may send a message event, whatever its type.
            return if self.membership(caller, room) == Membership::Join {
                Ok(())
            } else {
                Err(NOT_JOINED)
            };
        }
        if caller.has_power() { Ok(()) } else { Err(NO_POWER) }
    }

    /// CS-7: A user may send an event to a room only while joined to it; membership events of its
    /// own have rules of their own.
    pub(super) fn send(&self, caller: &Caller, action: &Action) -> Option<Decision> {
        let room = action.room()?;
        let choices = self.choices;
        let joined = self.membership(caller, room) == Membership::Join
            || caller.guest && choices.send_membership() == SendMembership::NotRequired;
        if !joined {
            return Some(NOT_JOINED);
        }
        // DR-12: A guest's call succeeds only in relation to a room whose
        // `m.room.history_visibility` is `world_readable`.
        let held = caller.guest
            && choices.room_rule() == RoomRule::WorldReadableNow
            && self.state.rooms[room].visibility != Some(HistoryVisibility::WorldReadable);
        Some(if held { super::reading::NOT_PREVIEWABLE_FOR_GUESTS } else { SENT })
    }
}

pub(super) const SENT: Decision = Decision::allow(
    &["CS-7", "CS-8"],
    "the sender is joined and has the power that the event needs",
);
const NOT_JOINED: Decision =
    Decision::deny(403, ErrCode::Forbidden, &["CS-7"], "the sender is not joined to the room");
const NO_POWER: Decision =
    Decision::deny(403, ErrCode::Forbidden, &["CS-8"], "the sender's power level is too low");
