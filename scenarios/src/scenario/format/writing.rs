//! The translation of a step into JSON.

use guest_access_model::action::{Actor, Credential, Key, Operation, Upgrade};
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};

use super::super::ScenarioStep;
use super::super::actor;
use super::super::verb::Verb;
use super::{StepEntry, spelling};

impl StepEntry {
    /// The JSON of `step`. `label` is the label of the scenario's event.
    pub(in super::super) fn of(step: &ScenarioStep, label: &str) -> Self {
        let ScenarioStep { action, event, expect } = step;
        let entry = Self {
            by: actor::name(action.by),
            room: actor::place(action.place),
            token: unless_default(action.with, Credential::Own, Credential::as_str),
            event: action.tag.then(|| event.as_deref().unwrap_or(label).to_owned()),
            expect: expect.clone(),
            ..Self::default()
        };
        let guest = |number: u8| Some(actor::guest(number.into()));
        let way = |way: MembershipEndpoint| {
            unless_default(way, MembershipEndpoint::Own, MembershipEndpoint::as_str)
        };
        let verb = |verb: Verb| verb.as_str().to_owned();
        match action.operation {
            Operation::Register { named } => {
                Self { operation_name: verb(Verb::RegisterAsGuest), named, ..entry }
            }
            Operation::RegisterOver(of) => {
                Self { operation_name: verb(Verb::RegisterOver), target: guest(of), ..entry }
            }
            Operation::Upgrade(upgrade) => {
                let (named, target) = match upgrade {
                    Upgrade::Own(_) => (false, None),
                    Upgrade::OtherName(_) => (true, None),
                    Upgrade::OthersToken { of, .. } | Upgrade::MadeUpToken(of) => {
                        (false, guest(of))
                    }
                };
                Self { operation_name: verb(Verb::Upgrade), named, target, ..entry }
            }
            Operation::LogOut => Self { operation_name: verb(Verb::LogOut), ..entry },
            Operation::Deactivate => Self { operation_name: verb(Verb::Deactivate), ..entry },
            Operation::EndToken(of) => {
                Self { operation_name: verb(Verb::EndToken), target: guest(of), ..entry }
            }
            Operation::Restart => Self { operation_name: verb(Verb::Restart), ..entry },
            Operation::SetProfile { key, own } => Self {
                operation_name: verb(Verb::SetProfile),
                key: Some(key.to_string()),
                target: (!own).then(|| actor::name(Actor::Moderator)),
                ..entry
            },
            Operation::SetVisibility(says, key) => Self {
                operation_name: verb(Verb::SetHistoryVisibility),
                to: Some(spelling(says, HistoryVisibility::as_str)),
                under: unless_default(key, Key::Empty, Key::as_str),
                ..entry
            },
            Operation::SetGuestAccess(says, key) => Self {
                operation_name: verb(Verb::SetGuestAccess),
                to: Some(spelling(says, GuestAccess::as_str)),
                under: unless_default(key, Key::Empty, Key::as_str),
                ..entry
            },
            Operation::RedactSetting(setting) => Self {
                operation_name: verb(Verb::Redact),
                setting: Some(setting.to_string()),
                ..entry
            },
            Operation::SetJoinRule(rule) => Self {
                operation_name: verb(Verb::SetJoinRule),
                to: Some(rule.to_string()),
                ..entry
            },
            Operation::Send(message) => {
                Self { operation_name: verb(Verb::Send), kind: Some(message.to_string()), ..entry }
            }
            Operation::SendState => Self { operation_name: verb(Verb::SendState), ..entry },
            Operation::Invite(of) => {
                Self { operation_name: verb(Verb::Invite), target: guest(of), ..entry }
            }
            Operation::Kick(of) => {
                Self { operation_name: verb(Verb::Kick), target: guest(of), ..entry }
            }
            Operation::Ban(of) => {
                Self { operation_name: verb(Verb::Ban), target: guest(of), ..entry }
            }
            Operation::Unban(of) => {
                Self { operation_name: verb(Verb::Unban), target: guest(of), ..entry }
            }
            Operation::Join(by) => Self { operation_name: verb(Verb::Join), way: way(by), ..entry },
            Operation::Leave(by) => {
                Self { operation_name: verb(Verb::Leave), way: way(by), ..entry }
            }
            Operation::Knock(by) => {
                Self { operation_name: verb(Verb::Knock), way: way(by), ..entry }
            }
            Operation::WhoAmI => Self { operation_name: KNOWN.whoami.to_string(), ..entry },
            Operation::Read(endpoint) | Operation::Call(endpoint) => {
                Self { operation_name: endpoint.to_string(), ..entry }
            }
            Operation::ReadThroughOtherRoom => Self {
                operation_name: KNOWN.event.to_string(),
                event: Some(label.to_owned()),
                ..entry
            },
        }
    }
}

/// The spelling of a value, unless it is the `usual` one, which is left out.
fn unless_default<T: Copy + PartialEq>(
    value: T,
    usual: T,
    as_str: fn(T) -> &'static str,
) -> Option<String> {
    (value != usual).then(|| as_str(value).to_owned())
}
