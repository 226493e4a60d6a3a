//! The actions that can happen next, by actor and by subject.

use std::collections::BTreeSet;

use guest_access_model::action::{Action, Actor, Credential, Key, Operation, Place, Says, Upgrade};
use guest_access_model::actions::{actions, endpoint_classes};
use guest_access_model::decide::outcome;
use guest_access_model::state::Scope;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::{MembershipEndpoint, spelled};
use guest_access_scenarios::scenario::{WrittenAction, actor_name, sentence};
use serde::Serialize;

use super::Side;

spelled! {
    /// The subject of an action, by which the page groups the actions of an actor.
    ChoiceSubject {
        /// Registration, upgrade, log-out and profile.
        Account = "Account",
        /// Joining, leaving and knocking.
        Membership = "Join and leave",
        /// Sending events.
        Send = "Send",
        /// The settings of a room.
        Settings = "Room settings",
        /// The membership of others.
        Members = "Guests in the room",
        /// Reading a room.
        Read = "Read",
        /// Any other endpoint.
        Call = "Call another endpoint",
        /// What no ordinary client does.
        Unusual = "What no ordinary client does",
    }
}

/// The next actions of one actor.
#[derive(Debug, Clone, Serialize)]
pub struct ActorChoices {
    /// The actor.
    pub actor: String,
    /// The actions, by subject.
    pub groups: Vec<ChoiceGroup>,
}

/// The next actions of one actor about one subject.
#[derive(Debug, Clone, Serialize)]
pub struct ChoiceGroup {
    /// The subject.
    pub subject: ChoiceSubject,
    /// The actions.
    pub choices: Vec<Choice>,
}

/// An action that can happen next.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    /// The action in words, without the actor.
    pub label: String,
    /// The step to add to the trace.
    pub step: WrittenAction,
    /// What each of the rules decides.
    pub outcomes: Vec<ChoiceOutcome>,
}

spelled! {
    /// What one of the rules decides about an action.
    ChoiceOutcome {
        /// The action is allowed.
        Allow = "allow",
        /// The action is denied.
        Deny = "deny",
        /// The action cannot happen.
        CannotHappen = "cannot_happen",
    }
}

/// The actions that can happen next under one of these rules at least, each with its side.
pub(super) fn choices(rules: &[&Rules], sides: &[Side], scope: Scope) -> Vec<ActorChoices> {
    let profiles: Vec<_> = rules.iter().map(|rules| rules.profile()).collect();
    let mut found: Vec<ActorChoices> = Vec::new();
    for action in every_action(scope, &profiles) {
        let outcomes = profiles.iter().zip(sides).map(|(profile, side)| {
            match outcome(profile, &side.state, &action) {
                None => ChoiceOutcome::CannotHappen,
                Some(outcome) if outcome.observation.decision.allows() => ChoiceOutcome::Allow,
                Some(_) => ChoiceOutcome::Deny,
            }
        });
        let outcomes: Vec<_> = outcomes.collect();
        if outcomes.iter().all(|outcome| *outcome == ChoiceOutcome::CannotHappen) {
            continue;
        }
        let choice = Choice { label: label(&action), step: WrittenAction(action), outcomes };
        add(&mut found, actor_name(action.by), subject(&action), choice);
    }
    found.sort_by_key(|of| rank(&of.actor));
    for of in &mut found {
        of.groups.sort_by_key(|group| group.subject);
    }
    found
}

/// Guests come first, then those whose actions change the room, then the others.
fn rank(actor: &str) -> (usize, String) {
    let kinds = ["guest", "moderator", "user", "nobody", "server"];
    let kind = kinds.iter().position(|kind| actor.starts_with(kind));
    (kind.unwrap_or(kinds.len()), actor.to_owned())
}

fn add(found: &mut Vec<ActorChoices>, actor: String, subject: ChoiceSubject, choice: Choice) {
    let of = match found.iter().position(|of| of.actor == actor) {
        Some(index) => &mut found[index],
        None => {
            found.push(ActorChoices { actor, groups: Vec::new() });
            found.last_mut().expect("an actor was added")
        }
    };
    match of.groups.iter_mut().find(|group| group.subject == subject) {
        Some(group) => group.choices.push(choice),
        None => of.groups.push(ChoiceGroup { subject, choices: vec![choice] }),
    }
}

/// Every action of the model without a tag. A guest's call of an endpoint comes for each endpoint of a
/// class, and not only for the first.
fn every_action(scope: Scope, profiles: &[Profile]) -> Vec<Action> {
    let profiles: Vec<_> = profiles.iter().collect();
    let classes = endpoint_classes(&profiles);
    let mut all = Vec::new();
    for action in actions(scope, &profiles).into_iter().filter(|action| !action.tag) {
        let is_ordinary = action.by.guest().is_some()
            && action.with == Credential::Own
            && action.place != Place::Elsewhere;
        let class = match action.operation {
            Operation::Read(first) | Operation::Call(first) if is_ordinary => {
                classes.iter().find(|class| class[0] == first)
            }
            _ => None,
        };
        match (class, action.operation) {
            (Some(class), Operation::Read(_)) => all.extend(
                class.iter().map(|of| Action { operation: Operation::Read(*of), ..action }),
            ),
            (Some(class), _) => all.extend(
                class.iter().map(|of| Action { operation: Operation::Call(*of), ..action }),
            ),
            (None, _) => all.push(action),
        }
    }
    let mut seen = BTreeSet::new();
    all.retain(|action| seen.insert(*action));
    all
}

/// The action in words, without the actor.
fn label(action: &Action) -> String {
    let sentence = sentence(action);
    let subjects = ["somebody without a token ", "the server ", "the moderator ", "the user "];
    let named = format!("{} ", actor_name(action.by));
    let rest = subjects.iter().find_map(|subject| sentence.strip_prefix(subject));
    let rest = rest.or_else(|| sentence.strip_prefix(&named)).unwrap_or(&sentence);
    rest.trim_start_matches(", ").to_owned()
}

fn subject(action: &Action) -> ChoiceSubject {
    if action.with != Credential::Own || action.place == Place::Elsewhere {
        return ChoiceSubject::Unusual;
    }
    if matches!(action.by, Actor::Nobody | Actor::Server) {
        return ChoiceSubject::Account;
    }
    let is_guest = action.by.guest().is_some();
    match action.operation {
        Operation::Register { named: true }
        | Operation::RegisterOver(_)
        | Operation::Upgrade(
            Upgrade::OtherName(_) | Upgrade::OthersToken { .. } | Upgrade::MadeUpToken(_),
        )
        | Operation::SetProfile { own: false, .. }
        | Operation::ReadThroughOtherRoom
        | Operation::Join(MembershipEndpoint::StateEvent)
        | Operation::Leave(MembershipEndpoint::StateEvent)
        | Operation::Knock(MembershipEndpoint::StateEvent) => ChoiceSubject::Unusual,
        Operation::SetVisibility(says, key)
            if is_guest || key != Key::Empty || !matches!(says, Says::Value(_)) =>
        {
            ChoiceSubject::Unusual
        }
        Operation::SetGuestAccess(says, key)
            if is_guest || key != Key::Empty || !matches!(says, Says::Value(_)) =>
        {
            ChoiceSubject::Unusual
        }
        Operation::Register { .. }
        | Operation::Upgrade(_)
        | Operation::LogOut
        | Operation::Deactivate
        | Operation::EndToken(_)
        | Operation::Restart
        | Operation::SetProfile { .. }
        | Operation::WhoAmI => ChoiceSubject::Account,
        Operation::Join(_) | Operation::Leave(_) | Operation::Knock(_) => ChoiceSubject::Membership,
        Operation::Send(_) | Operation::SendState => ChoiceSubject::Send,
        Operation::SetVisibility(..)
        | Operation::SetGuestAccess(..)
        | Operation::RedactSetting(_)
        | Operation::SetJoinRule(_) => ChoiceSubject::Settings,
        Operation::Invite(_) | Operation::Kick(_) | Operation::Ban(_) | Operation::Unban(_) => {
            ChoiceSubject::Members
        }
        Operation::Read(_) => ChoiceSubject::Read,
        Operation::Call(_) => ChoiceSubject::Call,
    }
}
