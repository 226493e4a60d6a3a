//! Actions: one call by one actor, or one action of the server itself. The rules decide each action.

use serde::{Deserialize, Serialize};

use crate::state::{Kind, Scope};
use guest_access_rules::endpoint::{EndpointId, KNOWN};
use guest_access_rules::vocabulary::{
    Decision, GuestAccess, HistoryVisibility, JoinRule, MembershipEndpoint, spelled,
};

/// The actor of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Actor {
    /// The homeserver itself.
    Server,
    /// The moderator: creator of every room, with power over all of it, always joined.
    Moderator,
    /// The ordinary user: registered, without a password, joined to every room, without power.
    User,
    /// Somebody without an access token.
    Nobody,
    /// The guest with this number, registered or not, upgraded or not.
    Guest(u8),
}

spelled! {
    /// The token of a call.
    Credential {
        /// The caller's own token: its newest token, live or ended. [`Actor::Nobody`] has no token.
        Own = "own",
        /// The token that a guest had before it upgraded.
        BeforeUpgrade = "before_upgrade",
        /// The guest's own, with a `user_id` in the query that names the moderator.
        Masquerade = "masquerade",
    }
}

/// The place that a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// No room.
    Nowhere,
    /// The room with this number.
    Room(u8),
    /// A room in which this server does not take part.
    Elsewhere,
}

spelled! {
    /// The kind of value in a settings event.
    Content {
        /// A value of the specification's.
        Understood = "understood",
        /// A value that the specification does not have.
        Unknown = "unknown",
        /// The key is missing, or its value is not a string.
        Malformed = "malformed",
    }
}

/// The content of a settings event: `T` is one of the specification's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Says<T> {
    /// A value of the specification's.
    Value(T),
    /// A string that the specification does not have.
    Unknown,
    /// The key is missing, or its value is not a string.
    Malformed,
}

spelled! {
    /// The key under which a settings event is sent.
    Key {
        /// As state under the empty state key: the room's setting.
        Empty = "empty",
        /// As state under another state key.
        Wrong = "wrong",
        /// As a message event, with no state key.
        Message = "message",
    }
}

/// An upgrade: a registration with `guest_access_token`, for the localpart of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Upgrade {
    /// By the guest with this number, with its newest token and its own localpart.
    Own(u8),
    /// By the guest with this number, with its newest token and a localpart that nobody has.
    OtherName(u8),
    /// For the account of the guest `of`, with the newest token of another guest.
    OthersToken {
        /// The guest whose account the caller requests.
        of: u8,
        /// The guest whose token the caller shows.
        with: u8,
    },
    /// For the account of the guest with this number, with a made-up token.
    MadeUpToken(u8),
}

spelled! {
    /// The event that PUT send sends.
    Message {
        /// A `m.room.message`.
        Message = "m.room.message",
        /// An event of another type.
        Other = "org.example.other",
        /// A redaction of a message of the caller's own.
        Redaction = "m.room.redaction",
    }
}

spelled! {
    /// A key of a profile.
    ProfileKey {
        /// The display name.
        DisplayName = "displayname",
        /// Another key.
        AvatarUrl = "avatar_url",
    }
}

spelled! {
    /// The two settings of a room.
    Setting {
        /// `m.room.history_visibility`.
        HistoryVisibility = "m.room.history_visibility",
        /// `m.room.guest_access`.
        GuestAccess = "m.room.guest_access",
    }
}

/// What the actor of an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// POST /register?kind=guest; `named` if it asks for a `username`.
    Register {
        /// Whether the request asks for a localpart of its own choice.
        named: bool,
    },
    /// An ordinary registration that asks for the localpart of the guest with this number.
    RegisterOver(u8),
    /// A guest becomes an ordinary user.
    Upgrade(Upgrade),
    /// POST /logout.
    LogOut,
    /// POST /account/deactivate.
    Deactivate,
    /// The server ends the token of the guest with this number by itself.
    EndToken(u8),
    /// The server is restarted.
    Restart,
    /// PUT profile of one key; `own` unless it is the moderator's profile.
    SetProfile {
        /// The key.
        key: ProfileKey,
        /// Whether the profile is the caller's own.
        own: bool,
    },
    /// GET /account/whoami.
    WhoAmI,
    /// The room's history visibility is sent.
    SetVisibility(Says<HistoryVisibility>, Key),
    /// The room's guest access is sent.
    SetGuestAccess(Says<GuestAccess>, Key),
    /// The event that is the room's setting now is redacted.
    RedactSetting(Setting),
    /// The join rule is set.
    SetJoinRule(JoinRule),
    /// A message event is sent.
    Send(Message),
    /// A state event that is neither a setting nor a membership is sent, with a key of its own.
    SendState,
    /// The guest with this number is invited.
    Invite(u8),
    /// The guest with this number is removed.
    Kick(u8),
    /// The guest with this number is banned.
    Ban(u8),
    /// The ban of the guest with this number is lifted.
    Unban(u8),
    /// The caller joins.
    Join(MembershipEndpoint),
    /// The caller leaves, or declines an invite.
    Leave(MembershipEndpoint),
    /// The caller knocks.
    Knock(MembershipEndpoint),
    /// The caller reads: any endpoint that gives a room's content. An endpoint that names one
    /// event, or one state event, names the tagged one.
    Read(EndpointId),
    /// GET event for the tagged event, by the path of another room than the event's own.
    ReadThroughOtherRoom,
    /// Any other endpoint, of which the rules say only whether it may be called.
    Call(EndpointId),
}

/// An action: who does which operation where, by which token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Action {
    /// The actor.
    pub by: Actor,
    /// The token of the call.
    pub with: Credential,
    /// The operation.
    pub operation: Operation,
    /// The place: the room that the action is about.
    pub place: Place,
    /// Whether the event that the action sends, if it is accepted, becomes the tagged event.
    pub tag: bool,
}

/// The content of an answer, as far as the rules speak of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Answer {
    /// Nothing that the rules speak of.
    Nothing,
    /// A read: whether the tagged event was given.
    Gave {
        /// Whether the tagged event was in the answer.
        tagged: bool,
    },
    /// `whoami`: whether it says that the caller is a guest.
    IsGuest(bool),
    /// A guest's registration: whether the guest got the user id that it requested.
    Named(bool),
}

/// What the caller of an action observes: the decision and the content of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Allow, or deny with its error.
    pub decision: Decision,
    /// The content of the answer.
    pub answer: Answer,
}

/// A subject under test that the model is compared with: the reference homeserver, or a mutant of
/// it.
pub trait Subject {
    /// Applies an action that can happen, and returns what the caller observes.
    fn take(&mut self, action: &Action) -> Observation;

    /// The subject's state as a state of the model.
    fn abstraction(&self) -> crate::state::State;
}

impl Actor {
    /// The number of the guest, if the actor is one.
    pub const fn guest(self) -> Option<u8> {
        match self {
            Self::Guest(number) => Some(number),
            Self::Server | Self::Moderator | Self::User | Self::Nobody => None,
        }
    }
}

impl Operation {
    /// The number of the guest whose account, token or membership the operation names.
    pub const fn target(self) -> Option<u8> {
        match self {
            Self::RegisterOver(of)
            | Self::EndToken(of)
            | Self::Invite(of)
            | Self::Kick(of)
            | Self::Ban(of)
            | Self::Unban(of)
            | Self::Upgrade(
                Upgrade::Own(of)
                | Upgrade::OtherName(of)
                | Upgrade::OthersToken { of, .. }
                | Upgrade::MadeUpToken(of),
            ) => Some(of),
            _ => None,
        }
    }

    /// The target of an invite, a kick, a ban or an unban.
    pub const fn moderated(self) -> Option<u8> {
        match self {
            Self::Invite(_) | Self::Kick(_) | Self::Ban(_) | Self::Unban(_) => self.target(),
            _ => None,
        }
    }

    /// The same operation, in which each guest has the number that `new` gives for its own.
    #[must_use]
    pub fn with_guests(self, new: impl Fn(u8) -> u8) -> Self {
        match self {
            Self::RegisterOver(of) => Self::RegisterOver(new(of)),
            Self::EndToken(of) => Self::EndToken(new(of)),
            Self::Invite(of) => Self::Invite(new(of)),
            Self::Kick(of) => Self::Kick(new(of)),
            Self::Ban(of) => Self::Ban(new(of)),
            Self::Unban(of) => Self::Unban(new(of)),
            Self::Upgrade(upgrade) => Self::Upgrade(match upgrade {
                Upgrade::Own(of) => Upgrade::Own(new(of)),
                Upgrade::OtherName(of) => Upgrade::OtherName(new(of)),
                Upgrade::OthersToken { of, with } => {
                    Upgrade::OthersToken { of: new(of), with: new(with) }
                }
                Upgrade::MadeUpToken(of) => Upgrade::MadeUpToken(new(of)),
            }),
            other => other,
        }
    }

    /// The endpoint that is called; `None` for the actions of the server itself.
    pub fn endpoint(self) -> Option<EndpointId> {
        Some(match self {
            Self::EndToken(_) | Self::Restart => return None,
            Self::Register { .. } | Self::RegisterOver(_) | Self::Upgrade(_) => KNOWN.register,
            Self::LogOut => KNOWN.logout,
            Self::Deactivate => KNOWN.deactivate,
            Self::SetProfile { .. } => KNOWN.set_profile,
            Self::WhoAmI => KNOWN.whoami,
            Self::SetVisibility(_, Key::Message)
            | Self::SetGuestAccess(_, Key::Message)
            | Self::Send(_) => KNOWN.send,
            Self::SetVisibility(..)
            | Self::SetGuestAccess(..)
            | Self::SetJoinRule(_)
            | Self::SendState
            | Self::Join(MembershipEndpoint::StateEvent)
            | Self::Leave(MembershipEndpoint::StateEvent)
            | Self::Knock(MembershipEndpoint::StateEvent) => KNOWN.put_state,
            Self::RedactSetting(_) => KNOWN.redact,
            Self::Invite(_) => KNOWN.invite,
            Self::Kick(_) => KNOWN.kick,
            Self::Ban(_) => KNOWN.ban,
            Self::Unban(_) => KNOWN.unban,
            Self::Join(MembershipEndpoint::Own) => KNOWN.join,
            Self::Join(MembershipEndpoint::Alias) => KNOWN.join_by_alias,
            Self::Leave(_) => KNOWN.leave,
            Self::Knock(_) => KNOWN.knock,
            Self::Read(endpoint) | Self::Call(endpoint) => endpoint,
            Self::ReadThroughOtherRoom => KNOWN.event,
        })
    }

    /// Whether the operation is a query: it never changes the state, whoever does it.
    pub fn only_asks(self) -> bool {
        use Operation::{Call, Read, ReadThroughOtherRoom, SetProfile, WhoAmI};
        matches!(self, Call(_) | Read(_) | ReadThroughOtherRoom | SetProfile { .. } | WhoAmI)
    }

    /// The kind of the event that the operation sends, if that event can be tagged.
    pub fn sends(self) -> Option<Kind> {
        match self {
            Self::Send(Message::Message) => Some(Kind::Message),
            Self::SendState => Some(Kind::State),
            Self::SetVisibility(_, Key::Empty) => Some(Kind::Setting),
            Self::Join(_) | Self::Leave(_) | Self::Invite(_) | Self::Kick(_) => Some(Kind::Member),
            _ => None,
        }
    }
}

impl Scope {
    /// The numbers of the guests.
    ///
    /// # Panics
    /// If the scope is beyond what a state holds.
    pub fn guests(self) -> impl Iterator<Item = u8> + Clone {
        0..u8::try_from(self.guests).expect("a scope is small")
    }

    /// The numbers of the rooms.
    ///
    /// # Panics
    /// If the scope is beyond what a state holds.
    pub fn rooms(self) -> impl Iterator<Item = u8> + Clone {
        0..u8::try_from(self.rooms).expect("a scope is small")
    }
}

impl Action {
    /// An action by `by` with its own token, about no room, that tags nothing.
    pub const fn new(by: Actor, operation: Operation) -> Self {
        Self { by, with: Credential::Own, operation, place: Place::Nowhere, tag: false }
    }

    /// The same action, about the room with this number.
    #[must_use]
    pub const fn at(self, room: u8) -> Self {
        Self { place: Place::Room(room), ..self }
    }

    /// The same action, with this token.
    #[must_use]
    pub const fn with(self, credential: Credential) -> Self {
        Self { with: credential, ..self }
    }

    /// The same action, about a room in which the server does not take part.
    #[must_use]
    pub const fn elsewhere(self) -> Self {
        Self { place: Place::Elsewhere, ..self }
    }

    /// The same action, whose event becomes the tagged event.
    #[must_use]
    pub const fn tagged(self) -> Self {
        Self { tag: true, ..self }
    }

    /// The numbers of the guests that the action names, each once: its actor, the guest whose token
    /// it shows, and its target.
    pub fn guests(&self) -> impl Iterator<Item = u8> + use<> {
        let shown = match self.operation {
            Operation::Upgrade(Upgrade::OthersToken { with, .. }) => Some(with),
            _ => None,
        };
        let actor = self.by.guest();
        let shown = shown.filter(|guest| Some(*guest) != actor);
        let target = self.operation.target();
        let target = target.filter(|guest| Some(*guest) != actor && Some(*guest) != shown);
        [actor, shown, target].into_iter().flatten()
    }

    /// The same action, in which each guest has the number that `new` gives for its own.
    #[must_use]
    pub fn with_guests(self, new: impl Fn(u8) -> u8) -> Self {
        let by = match self.by {
            Actor::Guest(guest) => Actor::Guest(new(guest)),
            by => by,
        };
        Self { by, operation: self.operation.with_guests(new), ..self }
    }

    /// The number of the room that the action is about, if the server takes part in it.
    pub const fn room(&self) -> Option<usize> {
        match self.place {
            Place::Room(room) => Some(room as usize),
            Place::Nowhere | Place::Elsewhere => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_names_its_actor_the_token_and_the_target_once_each() {
        let guests = |by, operation| Action::new(by, operation).guests().collect::<Vec<_>>();
        let others_token = Operation::Upgrade(Upgrade::OthersToken { of: 2, with: 1 });
        assert_eq!(guests(Actor::Guest(1), others_token), [1, 2]);
        assert_eq!(guests(Actor::Nobody, others_token), [1, 2]);
        assert_eq!(guests(Actor::Guest(1), Operation::Upgrade(Upgrade::Own(1))), [1]);
        assert_eq!(guests(Actor::Moderator, Operation::Kick(2)), [2]);
        assert!(guests(Actor::User, Operation::WhoAmI).is_empty());
    }

    #[test]
    fn renaming_guests_renames_every_guest_that_an_action_names() {
        for action in crate::actions::actions(Scope { guests: 3, rooms: 1 }, &[]) {
            let renamed = action.with_guests(|guest| (guest + 1) % 3);
            let expected: Vec<_> = action.guests().map(|guest| (guest + 1) % 3).collect();
            assert_eq!(renamed.guests().collect::<Vec<_>>(), expected, "{action:?}");
            assert_eq!(renamed.with_guests(|guest| (guest + 2) % 3), action);
        }
    }
}
