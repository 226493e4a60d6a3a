//! Actions as sentences.

use guest_access_model::action::{
    Action, Actor, Credential, Key, Message, Operation, Place, Says, Setting, Upgrade,
};
use guest_access_rules::vocabulary::MembershipEndpoint;

use super::actor;

/// The name of an actor in scenarios.
pub fn actor_name(by: Actor) -> String {
    actor::name(by)
}

/// The name of the guest with this number in scenarios.
pub fn guest_name(number: usize) -> String {
    actor::guest(number)
}

/// The name of the room with this number in scenarios.
pub fn room_name(number: usize) -> String {
    actor::room(number)
}

/// The action in words: who does what, where.
pub fn sentence(step: &Action) -> String {
    sentence_with(step, super::LABEL)
}

/// The action in words, where the tagged event has this label.
pub fn sentence_with(step: &Action, label: &str) -> String {
    let by = match (step.by, step.with) {
        (Actor::Nobody, _) => "somebody without a token".to_owned(),
        (Actor::Server, _) => "the server".to_owned(),
        (Actor::Moderator, _) => "the moderator".to_owned(),
        (Actor::User, _) => "the user".to_owned(),
        (by, Credential::Own) => actor::name(by),
        (by, Credential::BeforeUpgrade) => {
            format!("{}, with its token from before the upgrade,", actor::name(by))
        }
        (by, Credential::Masquerade) => {
            format!("{}, naming the moderator in the query,", actor::name(by))
        }
    };
    let tagged = if step.tag { format!(" ({label})") } else { String::new() };
    format!("{by} {}{tagged}", verb_phrase(step, label))
}

/// The operation in words, without an actor or a place.
pub fn operation_phrase(operation: Operation) -> String {
    let place =
        if matches!(operation, Operation::Read(_)) { Place::Nowhere } else { Place::Room(0) };
    verb_phrase(&Action { place, ..Action::new(Actor::Server, operation) }, super::LABEL)
}

/// What the actor does, without the actor.
fn verb_phrase(step: &Action, label: &str) -> String {
    let guest = |number: u8| actor::guest(number.into());
    let place = match step.place {
        Place::Nowhere => "no room".to_owned(),
        Place::Room(number) => actor::room(number.into()),
        Place::Elsewhere => "a room elsewhere".to_owned(),
    };
    match step.operation {
        Operation::Register { named: false } => "registers as a guest".to_owned(),
        Operation::Register { named: true } => {
            "registers as a guest and asks for a name of its choice".to_owned()
        }
        Operation::RegisterOver(of) => format!("registers a user under the name of {}", guest(of)),
        Operation::Upgrade(upgrade) => match upgrade {
            Upgrade::Own(_) => "upgrades its account".to_owned(),
            Upgrade::OtherName(_) => "upgrades its account and asks for another name".to_owned(),
            Upgrade::OthersToken { of, .. } => {
                format!("upgrades the account of {} with its own token", guest(of))
            }
            Upgrade::MadeUpToken(of) => {
                format!("upgrades the account of {} with a made-up token", guest(of))
            }
        },
        Operation::LogOut => "logs out".to_owned(),
        Operation::Deactivate => "deactivates its account".to_owned(),
        Operation::EndToken(of) => format!("ends the token of {}", guest(of)),
        Operation::Restart => "is restarted".to_owned(),
        Operation::SetProfile { key, own } => {
            format!("sets the {key} of {}", if own { "its own profile" } else { "the moderator" })
        }
        Operation::WhoAmI => "asks who it is".to_owned(),
        Operation::SetVisibility(says, key) => {
            format!("sets the history visibility of {place} to {}", to(says, key))
        }
        Operation::SetGuestAccess(says, key) => {
            format!("sets the guest access of {place} to {}", to(says, key))
        }
        Operation::RedactSetting(Setting::HistoryVisibility) => {
            format!("redacts the history visibility of {place}")
        }
        Operation::RedactSetting(Setting::GuestAccess) => {
            format!("redacts the guest access of {place}")
        }
        Operation::SetJoinRule(rule) => format!("sets the join rule of {place} to {rule}"),
        Operation::Send(Message::Message) => format!("sends a message to {place}"),
        Operation::Send(Message::Other) => format!("sends an event of another type to {place}"),
        Operation::Send(Message::Redaction) => format!("redacts a message of its own in {place}"),
        Operation::SendState => format!("sends a state event to {place}"),
        Operation::Invite(of) => format!("invites {} to {place}", guest(of)),
        Operation::Kick(of) => format!("kicks {} from {place}", guest(of)),
        Operation::Ban(of) => format!("bans {} from {place}", guest(of)),
        Operation::Unban(of) => format!("unbans {} from {place}", guest(of)),
        Operation::Join(way) => format!("joins {place}{}", by(way)),
        Operation::Leave(way) => format!("leaves {place}{}", by(way)),
        Operation::Knock(way) => format!("knocks on {place}{}", by(way)),
        Operation::Read(endpoint) => match step.place {
            Place::Nowhere => format!("reads by {endpoint}"),
            _ => format!("reads {place} by {endpoint}"),
        },
        Operation::ReadThroughOtherRoom => {
            format!("asks for {label} of room1 through {place}")
        }
        Operation::Call(endpoint) => match step.place {
            Place::Nowhere => format!("calls {endpoint}"),
            _ => format!("calls {endpoint} in {place}"),
        },
    }
}

fn to<T: ToString>(says: Says<T>, key: Key) -> String {
    let says = match says {
        Says::Value(value) => value.to_string(),
        Says::Unknown => "a value of nobody's".to_owned(),
        Says::Malformed => "malformed content".to_owned(),
    };
    match key {
        Key::Empty => says,
        Key::Wrong => format!("{says}, under a wrong state key"),
        Key::Message => format!("{says}, by a message event"),
    }
}

fn by(way: MembershipEndpoint) -> &'static str {
    match way {
        MembershipEndpoint::Own => "",
        MembershipEndpoint::Alias => " by POST /join",
        MembershipEndpoint::StateEvent => " by a state event",
    }
}
