//! The blocks of a guarantee that a rules file declares: an actor, its actions, a situation, and a bound.
//!
//! *In this situation, such an action by this actor stays within the bound.* A block that is left empty
//! does not limit the situation.

use crate::endpoint::{EndpointId, KNOWN};
use crate::vocabulary::{GuestAccess, HistoryVisibility, JoinRule, Membership, spelled};

spelled! {
    /// The actor of the actions that a guarantee is about.
    ActorKind {
        /// A guest, with its live token.
        Guest = "guest",
        /// A guest that has upgraded to a user, with its live token.
        UpgradedGuest = "upgraded_guest",
        /// A guest, or a guest that has upgraded, whose token was ended.
        EndedGuest = "ended_guest",
        /// The ordinary user.
        User = "user",
        /// The moderator of the rooms.
        Moderator = "moderator",
        /// Somebody without an access token.
        Nobody = "nobody",
    }
}

spelled! {
    /// What an action does, in the words of a scenario.
    OperationKind {
        /// Joining, by each way.
        Join = "join",
        /// Leaving, by each way.
        Leave = "leave",
        /// Knocking, by each way.
        Knock = "knock",
        /// Reading the content of a room, by each endpoint that gives some.
        Read = "read",
        /// Sending a message event, of each type.
        Send = "send",
        /// Sending a state event that is neither a setting nor a membership.
        SendState = "send state",
        /// Sending the history visibility of a room.
        SetHistoryVisibility = "set history visibility",
        /// Sending the guest access of a room.
        SetGuestAccess = "set guest access",
        /// Setting the join rule of a room.
        SetJoinRule = "set join rule",
        /// Redacting the history visibility or the guest access.
        Redact = "redact",
        /// Inviting a guest.
        Invite = "invite",
        /// Removing a guest.
        Kick = "kick",
        /// Banning a guest.
        Ban = "ban",
        /// Lifting the ban of a guest.
        Unban = "unban",
        /// Setting a key of a profile.
        SetProfile = "set profile",
        /// Upgrading to a user.
        Upgrade = "upgrade",
        /// Ending one's own token.
        LogOut = "log out",
        /// Deactivating one's own account.
        Deactivate = "deactivate",
    }
}

spelled! {
    /// What a guarantee says of the actions.
    Bound {
        /// The homeserver denies the action.
        Denied = "denied",
        /// The homeserver allows the action.
        Allowed = "allowed",
        /// The action changes no account, no membership and no setting of a room.
        ChangesNothing = "changes_nothing",
        /// The answer gives no event of the situation.
        GivesNoEvent = "gives_no_event",
    }
}

spelled! {
    /// The membership of a reader at an event, as far as the rules distinguish it.
    MembershipAtEvent {
        /// Joined.
        Join = "join",
        /// Invited.
        Invite = "invite",
        /// Anything else.
        Other = "other",
    }
}

/// One of the actions that a guarantee is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionBlock {
    /// Every action of this kind.
    Operation(OperationKind),
    /// Every call of this endpoint.
    Endpoint(EndpointId),
}

/// The blocks of a guarantee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks {
    /// The actor.
    pub actor: ActorKind,
    /// The actions, of which each alone has to stay within the bound.
    pub actions: Vec<ActionBlock>,
    /// The memberships of the caller in the room that the action names; of the target of an invite, a
    /// kick, a ban or an unban.
    pub membership: Vec<Membership>,
    /// The values of guest access of that room.
    pub guest_access: Vec<GuestAccess>,
    /// The values of history visibility of that room.
    pub history_visibility: Vec<HistoryVisibility>,
    /// The join rules of that room.
    pub join_rule: Vec<JoinRule>,
    /// The values of history visibility that the room had before and after an event.
    pub event_visibility: Vec<HistoryVisibility>,
    /// The memberships that the reader had before and after an event.
    pub event_membership: Vec<MembershipAtEvent>,
    /// The bound.
    pub bound: Bound,
}

impl ActorKind {
    /// The actor in a sentence.
    const fn in_words(self) -> &'static str {
        match self {
            Self::Guest => "a guest",
            Self::UpgradedGuest => "a guest that has upgraded",
            Self::EndedGuest => "a guest whose token was ended",
            Self::User => "the ordinary user",
            Self::Moderator => "the moderator",
            Self::Nobody => "somebody without a token",
        }
    }

    /// Whether the actor holds the account of a guest, or of a guest that has upgraded.
    pub const fn holds_an_account_of_a_guest(self) -> bool {
        matches!(self, Self::Guest | Self::UpgradedGuest | Self::EndedGuest)
    }
}

impl OperationKind {
    /// Whether the model has such an operation by this actor.
    pub const fn is_done_by(self, actor: ActorKind) -> bool {
        let by_guests = actor.holds_an_account_of_a_guest();
        match self {
            Self::Join | Self::Read => by_guests || matches!(actor, ActorKind::User),
            Self::SetHistoryVisibility | Self::SetGuestAccess => {
                !matches!(actor, ActorKind::Nobody)
            }
            Self::Send | Self::SendState => by_guests || matches!(actor, ActorKind::Moderator),
            Self::Leave
            | Self::Knock
            | Self::SetProfile
            | Self::Upgrade
            | Self::LogOut
            | Self::Deactivate => by_guests,
            Self::SetJoinRule
            | Self::Redact
            | Self::Invite
            | Self::Kick
            | Self::Ban
            | Self::Unban => matches!(actor, ActorKind::Moderator),
        }
    }

    /// Whether such an operation names a room.
    const fn names_a_room(self) -> bool {
        !matches!(self, Self::SetProfile | Self::Upgrade | Self::LogOut | Self::Deactivate)
    }

    /// Whether such an operation can change an account, a membership or a setting.
    const fn can_change(self) -> bool {
        !matches!(self, Self::Read | Self::Send | Self::SendState | Self::SetProfile)
    }

    /// Whether such an operation has a guest as its target.
    const fn has_a_target(self) -> bool {
        matches!(self, Self::Invite | Self::Kick | Self::Ban | Self::Unban)
    }
}

impl ActionBlock {
    /// The operations by which the model calls an endpoint, besides plain calls and reads of the endpoint.
    fn operations_of(endpoint: EndpointId) -> &'static [OperationKind] {
        use OperationKind::{
            Ban, Deactivate, Invite, Join, Kick, Knock, Leave, LogOut, Redact, Send, SendState,
            SetGuestAccess, SetHistoryVisibility, SetJoinRule, SetProfile, Unban, Upgrade,
        };
        match endpoint {
            e if e == KNOWN.register => &[Upgrade],
            e if e == KNOWN.logout => &[LogOut],
            e if e == KNOWN.deactivate => &[Deactivate],
            e if e == KNOWN.set_profile => &[SetProfile],
            e if e == KNOWN.put_state => {
                &[SendState, SetHistoryVisibility, SetGuestAccess, SetJoinRule, Join, Leave, Knock]
            }
            e if e == KNOWN.send => &[Send, SetHistoryVisibility, SetGuestAccess],
            e if e == KNOWN.join || e == KNOWN.join_by_alias => &[Join],
            e if e == KNOWN.leave => &[Leave],
            e if e == KNOWN.knock => &[Knock],
            e if e == KNOWN.redact => &[Redact],
            e if e == KNOWN.invite => &[Invite],
            e if e == KNOWN.kick => &[Kick],
            e if e == KNOWN.ban => &[Ban],
            e if e == KNOWN.unban => &[Unban],
            _ => &[],
        }
    }

    /// Whether the model has plain calls of the endpoint, besides those by the moderator.
    fn has_plain_calls(endpoint: EndpointId) -> bool {
        let by_the_moderator = |kind: &OperationKind| {
            kind.is_done_by(ActorKind::Moderator) && !kind.is_done_by(ActorKind::Guest)
        };
        Self::operations_of(endpoint).iter().all(by_the_moderator)
    }

    /// Whether the action only asks: it is a plain call or a read, which changes nothing.
    pub fn is_a_plain_call(self) -> bool {
        match self {
            Self::Operation(_) => false,
            Self::Endpoint(endpoint) => {
                endpoint.get().gives.is_none() && Self::has_plain_calls(endpoint)
            }
        }
    }

    /// Whether the action gives content of rooms that the model looks into.
    pub fn reads(self) -> bool {
        match self {
            Self::Operation(kind) => kind == OperationKind::Read,
            Self::Endpoint(endpoint) => endpoint.get().gives.is_some(),
        }
    }

    /// Whether the model has such an action by this actor.
    pub fn is_taken_by(self, actor: ActorKind) -> bool {
        match self {
            Self::Operation(kind) => kind.is_done_by(actor),
            Self::Endpoint(endpoint) => {
                let mut operations = Self::operations_of(endpoint).iter();
                let plain = match actor {
                    ActorKind::Moderator => false,
                    ActorKind::Nobody => endpoint.get().gives.is_none(),
                    _ => true,
                };
                plain && Self::has_plain_calls(endpoint)
                    || operations.any(|kind| kind.is_done_by(actor))
            }
        }
    }

    /// Whether the action names a room.
    pub fn names_a_room(self) -> bool {
        match self {
            Self::Operation(kind) => kind.names_a_room(),
            Self::Endpoint(endpoint) => endpoint.get().names_a_room(),
        }
    }

    /// Whether the action, by this actor, can change an account, a membership or a setting.
    pub fn can_change(self, actor: ActorKind) -> bool {
        match self {
            Self::Operation(kind) => kind.can_change(),
            Self::Endpoint(endpoint) => {
                let operations = Self::operations_of(endpoint).iter();
                operations.into_iter().any(|kind| kind.can_change() && kind.is_done_by(actor))
            }
        }
    }

    /// Whether the action has a guest as its target, if this actor takes it.
    pub fn has_a_target(self, actor: ActorKind) -> bool {
        match self {
            Self::Operation(kind) => kind.has_a_target(),
            Self::Endpoint(endpoint) => {
                let mut operations = Self::operations_of(endpoint).iter();
                operations.any(|kind| kind.has_a_target() && kind.is_done_by(actor))
            }
        }
    }
}

impl std::fmt::Display for ActionBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operation(kind) => kind.fmt(f),
            Self::Endpoint(endpoint) => endpoint.fmt(f),
        }
    }
}

impl Blocks {
    /// Whether the situation is one of the room that an action names.
    pub fn are_of_a_room(&self) -> bool {
        !self.membership.is_empty()
            || !self.guest_access.is_empty()
            || !self.history_visibility.is_empty()
            || !self.join_rule.is_empty()
    }

    /// Whether the verdict rests on nothing but who may call an endpoint: no effect of another call can
    /// change it.
    pub fn are_of_calls_alone(&self) -> bool {
        let is_of_the_decision = matches!(self.bound, Bound::Denied | Bound::Allowed);
        is_of_the_decision && self.actions.iter().all(|action| action.is_a_plain_call())
    }

    /// Whether the guarantee speaks of every content of rooms that some endpoint gives.
    pub fn are_of_all_content(&self) -> bool {
        self.bound == Bound::GivesNoEvent
            && self.actions.contains(&ActionBlock::Operation(OperationKind::Read))
    }

    /// Whether the guarantee says that reads are allowed.
    pub fn are_of_reads_that_are_due(&self) -> bool {
        self.bound == Bound::Allowed && self.actions.iter().any(|action| action.reads())
    }

    /// The property, as a sentence without its full stop.
    pub fn always(&self) -> String {
        let (actions, actor) = (listed(&self.actions), self.actor.in_words());
        let bound = match self.bound {
            Bound::Denied => "is denied".to_owned(),
            Bound::Allowed => "is allowed".to_owned(),
            Bound::ChangesNothing => "changes no account, membership or setting".to_owned(),
            Bound::GivesNoEvent => format!("gives no event{}", self.event_in_words()),
        };
        format!("{actions} by {actor} {bound}{}", self.situation_in_words())
    }

    /// The premise, as a sentence without its full stop.
    pub fn premise(&self) -> String {
        let (actions, actor) = (listed(&self.actions), self.actor.in_words());
        let event = match self.bound {
            Bound::GivesNoEvent => {
                format!(", and there is an event{}", self.event_in_words())
            }
            _ => String::new(),
        };
        format!("{actor} takes the action {actions}{}{event}", self.situation_in_words())
    }

    /// The situation, as the end of a sentence.
    fn situation_in_words(&self) -> String {
        let part = |what: &str, values: String| {
            (!values.is_empty()).then(|| format!("{what} is {values}"))
        };
        let of_a_target = self.actions.iter().any(|action| action.has_a_target(self.actor));
        let membership =
            if of_a_target { "the membership of the target" } else { "its membership" };
        let parts = [
            part(membership, listed(&self.membership)),
            part("guest access", listed(&self.guest_access)),
            part("history visibility", listed(&self.history_visibility)),
            part("the join rule", listed(&self.join_rule)),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        if parts.is_empty() { String::new() } else { format!(" while {}", parts.join(" and ")) }
    }

    /// The event of a situation, as the end of a sentence.
    fn event_in_words(&self) -> String {
        let part = |what: &str, values: String| {
            (!values.is_empty()).then(|| format!("{what} was {values}"))
        };
        let parts = [
            part("history visibility", listed(&self.event_visibility)),
            part("its membership", listed(&self.event_membership)),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            String::new()
        } else {
            format!(" sent while {}", parts.join(" and "))
        }
    }
}

/// The words of a list, of which each is one case.
fn listed<T: std::fmt::Display>(of: &[T]) -> String {
    of.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(actions: Vec<ActionBlock>, bound: Bound) -> Blocks {
        Blocks {
            actor: ActorKind::Guest,
            actions,
            membership: vec![Membership::Invite, Membership::Leave],
            guest_access: vec![GuestAccess::Forbidden],
            history_visibility: Vec::new(),
            join_rule: Vec::new(),
            event_visibility: Vec::new(),
            event_membership: Vec::new(),
            bound,
        }
    }

    #[test]
    fn the_blocks_make_a_sentence() {
        let join = blocks(vec![ActionBlock::Operation(OperationKind::Join)], Bound::Denied);
        let situation =
            "while its membership is `invite` or `leave` and guest access is `forbidden`";
        assert_eq!(join.always(), format!("`join` by a guest is denied {situation}"));
        assert_eq!(join.premise(), format!("a guest takes the action `join` {situation}"));
        let read = Blocks {
            membership: Vec::new(),
            guest_access: Vec::new(),
            event_visibility: vec![HistoryVisibility::Joined],
            ..blocks(vec![ActionBlock::Endpoint(KNOWN.messages)], Bound::GivesNoEvent)
        };
        assert_eq!(
            read.always(),
            "`GET /rooms/{roomId}/messages` by a guest gives no event sent while history visibility was `joined`"
        );
    }

    #[test]
    fn only_plain_calls_depend_on_nothing_else() {
        let of = |action| blocks(vec![action], Bound::Denied).are_of_calls_alone();
        let devices = EndpointId::find("GET /devices").unwrap();
        assert!(of(ActionBlock::Endpoint(devices)));
        assert!(!of(ActionBlock::Endpoint(KNOWN.join)) && !of(ActionBlock::Endpoint(KNOWN.event)));
        assert!(!of(ActionBlock::Operation(OperationKind::Join)));
        let changes = blocks(vec![ActionBlock::Endpoint(devices)], Bound::ChangesNothing);
        assert!(!changes.are_of_calls_alone());
    }
}
