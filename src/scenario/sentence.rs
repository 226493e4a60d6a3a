//! Steps as sentences.

use guest_access_model::step::{
    Act, Actor, Credential, Key, Message, Place, Says, Setting, Step, Upgrade,
};
use guest_access_rules::vocabulary::MembershipEndpoint;

use super::actor;

/// The name that a scenario gives to an actor.
pub fn actor_name(by: Actor) -> String {
    actor::name(by)
}

/// The name that a scenario gives to the guest with this number.
pub fn guest_name(number: usize) -> String {
    actor::guest(number)
}

/// The step in words: who does what, where.
pub fn sentence(step: &Step) -> String {
    sentence_with(step, super::LABEL)
}

/// The step in words, where the tagged event has this label.
pub fn sentence_with(step: &Step, label: &str) -> String {
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
    format!("{by} {}{tagged}", done(step, label))
}

/// The act in words, where it is done by nobody and nowhere in particular.
pub fn deed(act: Act) -> String {
    let place = if matches!(act, Act::Read(_)) { Place::Nowhere } else { Place::Room(0) };
    done(&Step { place, ..Step::new(Actor::Server, act) }, super::LABEL)
}

fn done(step: &Step, label: &str) -> String {
    let guest = |number: u8| actor::guest(number.into());
    let place = match step.place {
        Place::Nowhere => "no room".to_owned(),
        Place::Room(number) => actor::room(number.into()),
        Place::Elsewhere => "a room elsewhere".to_owned(),
    };
    match step.act {
        Act::Register { named: false } => "registers as a guest".to_owned(),
        Act::Register { named: true } => {
            "registers as a guest and asks for a name of its choice".to_owned()
        }
        Act::RegisterOver(of) => format!("registers a user under the name of {}", guest(of)),
        Act::Upgrade(upgrade) => match upgrade {
            Upgrade::Own(_) => "upgrades its account".to_owned(),
            Upgrade::OtherName(_) => "upgrades its account and asks for another name".to_owned(),
            Upgrade::OthersToken { of, .. } => {
                format!("upgrades the account of {} with its own token", guest(of))
            }
            Upgrade::MadeUpToken(of) => {
                format!("upgrades the account of {} with a made-up token", guest(of))
            }
        },
        Act::LogOut => "logs out".to_owned(),
        Act::Deactivate => "deactivates its account".to_owned(),
        Act::EndToken(of) => format!("ends the token of {}", guest(of)),
        Act::Restart => "is restarted".to_owned(),
        Act::SetProfile { key, own } => {
            format!("sets the {key} of {}", if own { "its own profile" } else { "the moderator" })
        }
        Act::WhoAmI => "asks who it is".to_owned(),
        Act::SetVisibility(says, key) => {
            format!("sets the history visibility of {place} to {}", to(says, key))
        }
        Act::SetGuestAccess(says, key) => {
            format!("sets the guest access of {place} to {}", to(says, key))
        }
        Act::RedactSetting(Setting::HistoryVisibility) => {
            format!("redacts the history visibility of {place}")
        }
        Act::RedactSetting(Setting::GuestAccess) => format!("redacts the guest access of {place}"),
        Act::SetJoinRule(rule) => format!("sets the join rule of {place} to {rule}"),
        Act::Send(Message::Message) => format!("sends a message to {place}"),
        Act::Send(Message::Other) => format!("sends an event of another type to {place}"),
        Act::Send(Message::Redaction) => format!("redacts a message of its own in {place}"),
        Act::SendState => format!("sends a state event to {place}"),
        Act::Invite(of) => format!("invites {} to {place}", guest(of)),
        Act::Kick(of) => format!("kicks {} from {place}", guest(of)),
        Act::Ban(of) => format!("bans {} from {place}", guest(of)),
        Act::Unban(of) => format!("unbans {} from {place}", guest(of)),
        Act::Join(way) => format!("joins {place}{}", by(way)),
        Act::Leave(way) => format!("leaves {place}{}", by(way)),
        Act::Knock(way) => format!("knocks on {place}{}", by(way)),
        Act::Read(endpoint) => match step.place {
            Place::Nowhere => format!("reads by {endpoint}"),
            _ => format!("reads {place} by {endpoint}"),
        },
        Act::ReadThroughOtherRoom => {
            format!("asks for {label} of room1 through {place}")
        }
        Act::Call(endpoint) => format!("calls {endpoint}"),
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
