//! How a step is written.

use guest_access_model::step::{Act, Actor, Credential, Key, Upgrade};
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};

use super::super::Told;
use super::super::actor;
use super::super::verb::Verb;
use super::{Entry, spelled};

impl Entry {
    /// How `told` is written. `label` is the label of the scenario's event.
    pub(in super::super) fn of(told: &Told, label: &str) -> Self {
        let Told { step, event, expect } = told;
        let entry = Self {
            by: actor::name(step.by),
            room: actor::place(step.place),
            token: unless(step.with, Credential::Own, Credential::as_str),
            event: step.tag.then(|| event.as_deref().unwrap_or(label).to_owned()),
            expect: expect.clone(),
            ..Self::default()
        };
        let guest = |number: u8| Some(actor::guest(number.into()));
        let way = |way: MembershipEndpoint| {
            unless(way, MembershipEndpoint::Own, MembershipEndpoint::as_str)
        };
        let verb = |verb: Verb| verb.as_str().to_owned();
        match step.act {
            Act::Register { named } => Self { deed: verb(Verb::RegisterAsGuest), named, ..entry },
            Act::RegisterOver(of) => {
                Self { deed: verb(Verb::RegisterOver), target: guest(of), ..entry }
            }
            Act::Upgrade(upgrade) => {
                let (named, target) = match upgrade {
                    Upgrade::Own(_) => (false, None),
                    Upgrade::OtherName(_) => (true, None),
                    Upgrade::OthersToken { of, .. } | Upgrade::MadeUpToken(of) => {
                        (false, guest(of))
                    }
                };
                Self { deed: verb(Verb::Upgrade), named, target, ..entry }
            }
            Act::LogOut => Self { deed: verb(Verb::LogOut), ..entry },
            Act::Deactivate => Self { deed: verb(Verb::Deactivate), ..entry },
            Act::EndToken(of) => Self { deed: verb(Verb::EndToken), target: guest(of), ..entry },
            Act::Restart => Self { deed: verb(Verb::Restart), ..entry },
            Act::SetProfile { key, own } => Self {
                deed: verb(Verb::SetProfile),
                key: Some(key.to_string()),
                target: (!own).then(|| actor::name(Actor::Moderator)),
                ..entry
            },
            Act::SetVisibility(says, key) => Self {
                deed: verb(Verb::SetHistoryVisibility),
                to: Some(spelled(says, HistoryVisibility::as_str)),
                under: unless(key, Key::Empty, Key::as_str),
                ..entry
            },
            Act::SetGuestAccess(says, key) => Self {
                deed: verb(Verb::SetGuestAccess),
                to: Some(spelled(says, GuestAccess::as_str)),
                under: unless(key, Key::Empty, Key::as_str),
                ..entry
            },
            Act::RedactSetting(setting) => {
                Self { deed: verb(Verb::Redact), setting: Some(setting.to_string()), ..entry }
            }
            Act::SetJoinRule(rule) => {
                Self { deed: verb(Verb::SetJoinRule), to: Some(rule.to_string()), ..entry }
            }
            Act::Send(message) => {
                Self { deed: verb(Verb::Send), kind: Some(message.to_string()), ..entry }
            }
            Act::SendState => Self { deed: verb(Verb::SendState), ..entry },
            Act::Invite(of) => Self { deed: verb(Verb::Invite), target: guest(of), ..entry },
            Act::Kick(of) => Self { deed: verb(Verb::Kick), target: guest(of), ..entry },
            Act::Ban(of) => Self { deed: verb(Verb::Ban), target: guest(of), ..entry },
            Act::Unban(of) => Self { deed: verb(Verb::Unban), target: guest(of), ..entry },
            Act::Join(by) => Self { deed: verb(Verb::Join), way: way(by), ..entry },
            Act::Leave(by) => Self { deed: verb(Verb::Leave), way: way(by), ..entry },
            Act::Knock(by) => Self { deed: verb(Verb::Knock), way: way(by), ..entry },
            Act::WhoAmI => Self { deed: KNOWN.whoami.to_string(), ..entry },
            Act::Read(endpoint) | Act::Call(endpoint) => {
                Self { deed: endpoint.to_string(), ..entry }
            }
            Act::ReadThroughOtherRoom => {
                Self { deed: KNOWN.event.to_string(), event: Some(label.to_owned()), ..entry }
            }
        }
    }
}

/// The spelling of a value, unless it is the one that goes without saying.
fn unless<T: Copy + PartialEq>(
    value: T,
    usual: T,
    as_str: fn(T) -> &'static str,
) -> Option<String> {
    (value != usual).then(|| as_str(value).to_owned())
}
