//! What is expected of a step, and how an observed step differs from that.

use std::collections::BTreeMap;

use guest_access_model::action::{Action, Answer};
use guest_access_model::decide::Outcome;
use guest_access_model::state::{Account, Room, Scope, State};
use guest_access_rules::vocabulary::{Decision, ErrCode, Membership};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::actor;

/// What the rules decide about a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The step is allowed.
    Allow,
    /// The step is denied.
    Deny,
    /// The text permits both.
    Open,
}

impl Verdict {
    /// The verdict of a decision.
    pub fn of(decision: &Decision) -> Self {
        if decision.allows() { Self::Allow } else { Self::Deny }
    }

    /// The verdict as JSON writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Open => "open",
        }
    }
}

/// The expected outcome of a step. A field that is left out may have any value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Whether the step is allowed or denied, or whether the text permits both.
    pub verdict: Verdict,
    /// The HTTP status of a denial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 400, max = 599))]
    pub status: Option<u16>,
    /// The error code of a denial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::errcode")]
    pub errcode: Option<ErrCode>,
    /// The labels of the events that the answer gives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sees: Vec<String>,
    /// The labels of the events that the answer does not give.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_sees: Vec<String>,
    /// What `GET /account/whoami` says of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_guest: Option<bool>,
    /// Whether the guest got the user name that its registration requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<bool>,
    /// The memberships after the step, by room and user. A membership that is left out may have any value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "super::schema::membership")]
    pub membership: BTreeMap<String, BTreeMap<String, Membership>>,
}

/// A step that was taken: the state before, what was observed, the state after.
#[derive(Debug, Clone, Copy)]
pub struct ObservedStep<'a> {
    /// The action that was taken.
    pub action: &'a Action,
    /// The state before the step.
    pub before: &'a State,
    /// The outcome: what was observed, and the state after.
    pub outcome: &'a Outcome,
    /// The label of the tagged event, if it has one.
    pub label: Option<&'a str>,
}

impl ObservedStep<'_> {
    /// What was observed, as an expectation.
    pub fn expect(&self) -> Expect {
        let observation = &self.outcome.observation;
        let decision = &observation.decision;
        let (mut sees, mut not_sees) = (Vec::new(), Vec::new());
        if let (Some(is_given), Some(label)) = (self.gave(), self.label) {
            if is_given { &mut sees } else { &mut not_sees }.push(label.to_owned());
        }
        Expect {
            verdict: Verdict::of(decision),
            status: (!decision.allows()).then_some(decision.status),
            errcode: decision.errcode,
            sees,
            not_sees,
            is_guest: match observation.answer {
                Answer::IsGuest(is_guest) => Some(is_guest),
                _ => None,
            },
            named: match observation.answer {
                Answer::Named(named) => Some(named),
                _ => None,
            },
            membership: self.changes(),
        }
    }

    /// Whether the answer gave the tagged event; `None` if there is none, or no answer to give it.
    pub fn gave(&self) -> Option<bool> {
        match self.outcome.observation.answer {
            Answer::Gave { tagged } if self.before.tagged.is_some() => Some(tagged),
            _ => None,
        }
    }

    /// Every membership of the registered guests and the ordinary user after the step, by room and
    /// name, in the rooms of this scope.
    pub fn memberships(&self, scope: Scope) -> BTreeMap<String, BTreeMap<String, Membership>> {
        let State { accounts, rooms, .. } = &self.outcome.next;
        let is_registered = |who: &str| {
            let guests = accounts.iter().enumerate().filter(|(_, a)| **a != Account::Absent);
            who == "user" || guests.map(|(number, _)| actor::guest(number)).any(|g| g == who)
        };
        let rooms = rooms.iter().take(scope.rooms).enumerate();
        rooms
            .map(|(number, room)| {
                let members = members(room).filter(|(who, _)| is_registered(who));
                (actor::room(number), members.collect())
            })
            .collect()
    }

    /// The memberships that the step changed, by room and name.
    fn changes(&self) -> BTreeMap<String, BTreeMap<String, Membership>> {
        let mut changes = BTreeMap::new();
        let rooms = self.before.rooms.iter().zip(&self.outcome.next.rooms);
        for (number, (before, after)) in rooms.enumerate() {
            let changed: BTreeMap<_, _> = members(before)
                .zip(members(after))
                .filter(|((_, before), (_, after))| before != after)
                .map(|(_, after)| after)
                .collect();
            if !changed.is_empty() {
                changes.insert(actor::room(number), changed);
            }
        }
        changes
    }

    /// How the step differs from what was expected, in words; empty if it does not differ. `verdict`
    /// is the verdict of the rules with all their readings, for a step that is expected to be open.
    pub fn differences(&self, expect: &Expect, verdict: Verdict) -> Vec<String> {
        let observed = self.expect();
        let mut found = Vec::new();
        let verdict = if expect.verdict == Verdict::Open { verdict } else { observed.verdict };
        differ(&mut found, "verdict", Some(expect.verdict.as_str()), Some(verdict.as_str()));
        if expect.verdict != Verdict::Open {
            differ(&mut found, "status", expect.status, observed.status);
            let spelled = |errcode: Option<ErrCode>| errcode.map(ErrCode::as_str);
            differ(&mut found, "errcode", spelled(expect.errcode), spelled(observed.errcode));
        }
        for label in &expect.sees {
            differ(
                &mut found,
                &format!("sees `{label}`"),
                Some(true),
                Some(observed.sees.contains(label)),
            );
        }
        for label in &expect.not_sees {
            differ(
                &mut found,
                &format!("sees `{label}`"),
                Some(false),
                Some(observed.sees.contains(label)),
            );
        }
        differ(&mut found, "is_guest", expect.is_guest, observed.is_guest);
        differ(&mut found, "named", expect.named, observed.named);
        for (number, room) in self.outcome.next.rooms.iter().enumerate() {
            let Some(expected) = expect.membership.get(&actor::room(number)) else { continue };
            for (who, membership) in members(room) {
                let expected = expected.get(&who).map(|m| m.as_str());
                differ(
                    &mut found,
                    &format!("membership of {who}"),
                    expected,
                    Some(membership.as_str()),
                );
            }
        }
        found
    }
}

/// The members of a room whose membership can change.
fn members(room: &Room) -> impl Iterator<Item = (String, Membership)> {
    let guests = room.members.iter().enumerate().map(|(number, m)| (actor::guest(number), *m));
    guests.chain([("user".to_owned(), room.user)])
}

/// Notes a difference between an expected and an observed value.
fn differ<T: PartialEq + ToString>(
    found: &mut Vec<String>,
    what: &str,
    expected: Option<T>,
    observed: Option<T>,
) {
    if expected.is_some() && expected != observed {
        let show = |value: Option<T>| value.map_or_else(|| "none".to_owned(), |v| v.to_string());
        found.push(format!("{what}: expected {}, came out {}", show(expected), show(observed)));
    }
}
