//! The guarantees that a rules file declares, built of [`Blocks`]. Blocks that cannot meet are refused.

use std::fmt::Display;

use toml::Spanned;

use crate::guarantee::{
    ActionBlock, ActorKind, Blocks, Bound, GuaranteeId, MembershipAtEvent, OperationKind,
};
use crate::vocabulary::{GuestAccess, HistoryVisibility, JoinRule, Membership};

use super::error::{all, both};
use super::file::DeclaredGuarantee;
use super::names::Source;
use super::{Rules, RulesError};

/// The ids of guarantees that a rules file can declare, as a regular expression. No id of the table
/// matches.
pub const GUARANTEE_ID: &str = "^[a-z][a-z0-9]*(-[a-z0-9]+)+$";

/// Declares the guarantee of an entry.
pub(super) fn declare(
    rules: &mut Rules,
    source: &Source<'_>,
    entry: &DeclaredGuarantee,
) -> Result<(), RulesError> {
    let id = id(rules, source, &entry.id);
    let texts = both(
        entry.always.as_ref().map(|text| source.one_line(text)).transpose(),
        entry.premise.as_ref().map(|text| source.one_line(text)).transpose(),
    );
    let blocks = blocks(rules, source, entry);
    let ((id, (always, premise)), blocks) = both(both(id, texts), blocks)?;
    RulesError::of(senseless(source, entry, &blocks)).map_or(Ok(()), Err)?;
    let always = always.map_or_else(|| blocks.always(), str::to_owned);
    let premise = premise.map_or_else(|| blocks.premise(), str::to_owned);
    let declared = GuaranteeId::declare(id, (&always, &premise), blocks);
    let declared = declared.map_err(|error| source.error(&entry.id, error.to_string()))?;
    rules.declared_guarantees.insert(declared);
    Ok(())
}

/// The id of an entry: words with hyphens between them.
fn id<'e>(
    rules: &Rules,
    source: &Source<'_>,
    id: &'e Spanned<String>,
) -> Result<&'e str, RulesError> {
    let text = id.get_ref();
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins || !text.contains('-') || !text.split('-').all(is_word) {
        let message = format!(
            "`{text}` is no id for a guarantee of a proposal: write words in small letters with hyphens between them, such as `closed-rooms-stay-closed`"
        );
        return Err(source.error(id, message));
    }
    if rules.find_guarantee(text).is_some() {
        let message = format!("the guarantee `{text}` is known already; leave the entry out");
        return Err(source.error(id, message));
    }
    Ok(text)
}

fn blocks(
    rules: &Rules,
    source: &Source<'_>,
    entry: &DeclaredGuarantee,
) -> Result<Blocks, RulesError> {
    let actor = source.word("actor", &entry.actor, ActorKind::ALL);
    let bound = source.word("bound", &entry.bound, Bound::ALL);
    let actions = entry.actions.iter().map(|name| action(rules, source, name));
    let actions = match &entry.actions[..] {
        [] => Err(source.error(&entry.id, "`actions` lists at least one action".to_owned())),
        _ => all(actions),
    };
    let membership = values(source, "membership", &entry.membership, Membership::ALL);
    let guest_access = values(source, "guest access", &entry.guest_access, GuestAccess::ALL);
    let visibility = |of| values(source, "history visibility", of, HistoryVisibility::ALL);
    let history_visibility = visibility(&entry.history_visibility);
    let join_rule = values(source, "join rule", &entry.join_rule, JoinRule::ALL);
    let event_visibility = visibility(&entry.event_visibility);
    let event_membership =
        values(source, "membership at an event", &entry.event_membership, MembershipAtEvent::ALL);
    let of_room = both(both(membership, guest_access), both(history_visibility, join_rule));
    let of_event = both(event_visibility, event_membership);
    let (((actor, bound), actions), (of_room, of_event)) =
        both(both(both(actor, bound), actions), both(of_room, of_event))?;
    let ((membership, guest_access), (history_visibility, join_rule)) = of_room;
    let (event_visibility, event_membership) = of_event;
    Ok(Blocks {
        actor,
        actions,
        membership,
        guest_access,
        history_visibility,
        join_rule,
        event_visibility,
        event_membership,
        bound,
    })
}

/// The action of this name: an endpoint, or a kind of operation.
fn action(
    rules: &Rules,
    source: &Source<'_>,
    name: &Spanned<String>,
) -> Result<ActionBlock, RulesError> {
    if name.get_ref().contains('/') {
        return source.endpoint(rules, name).map(ActionBlock::Endpoint);
    }
    source.word("action", name, OperationKind::ALL).map(ActionBlock::Operation).map_err(|error| {
        let RulesError::Meaning { path, line, message } = error else { return error };
        let message = format!("{message}, and each endpoint: `GET /rooms/{{roomId}}/messages`");
        RulesError::Meaning { path, line, message }
    })
}

/// The values of a block, if the entry has it.
fn values<T: Copy + Display>(
    source: &Source<'_>,
    what: &str,
    names: &Option<Vec<Spanned<String>>>,
    words: &[T],
) -> Result<Vec<T>, RulesError> {
    all(names.iter().flatten().map(|name| source.word(what, name, words)))
}

/// The faults of blocks that cannot meet, or say nothing.
fn senseless(source: &Source<'_>, entry: &DeclaredGuarantee, blocks: &Blocks) -> Vec<RulesError> {
    let Blocks { actor, bound, .. } = blocks;
    let mut faults = Vec::new();
    let actions = || blocks.actions.iter().zip(&entry.actions);
    let mut of_actions = |is_wrong: &dyn Fn(&ActionBlock) -> bool, because: &str| {
        for (action, name) in actions().filter(|(action, _)| is_wrong(action)) {
            faults.push(source.error(name, format!("`{action}` {because}")));
        }
    };
    of_actions(
        &|action| !action.is_taken_by(*actor),
        &format!(
            "is no action of the actor `{actor}`; `rules --explain guarantee.actions` says whose it is"
        ),
    );
    if *bound == Bound::ChangesNothing {
        of_actions(
            &|action| !action.can_change(*actor),
            "never changes an account, a membership or a setting, so `changes_nothing` says nothing of it",
        );
    }
    if *bound == Bound::GivesNoEvent {
        of_actions(
            &|action| !action.reads(),
            "gives no content that a rule here looks at, so `gives_no_event` says nothing of it",
        );
        let has_relation = matches!(actor, ActorKind::Guest | ActorKind::UpgradedGuest);
        if !has_relation {
            let message = format!(
                "`gives_no_event` is about the actors `guest` and `upgraded_guest`, and not about `{actor}`"
            );
            faults.push(source.error(&entry.actor, message));
        }
    } else {
        if blocks.are_of_a_room() {
            let mut of_room = |action: &ActionBlock, name| {
                if !action.names_a_room() {
                    let message = format!(
                        "`{action}` names no room, so `membership` and the settings of a room say nothing of it"
                    );
                    faults.push(source.error(name, message));
                }
            };
            actions().for_each(|(action, name)| of_room(action, name));
        }
        for (key, names) in [
            ("event_visibility", &entry.event_visibility),
            ("event_membership", &entry.event_membership),
        ] {
            if let Some(name) = names.iter().flatten().next() {
                let message = format!("`{key}` is about the events of the bound `gives_no_event`");
                faults.push(source.error(name, message));
            }
        }
    }
    let has_membership = match actor {
        ActorKind::Nobody => false,
        ActorKind::Moderator => blocks.actions.iter().all(|action| action.has_a_target(*actor)),
        _ => true,
    };
    if let Some(name) = entry.membership.iter().flatten().next().filter(|_| !has_membership) {
        let message = match actor {
            ActorKind::Moderator => {
                "the moderator is always joined; `membership` is that of the target of `invite`, `kick`, `ban` and `unban`"
            }
            _ => "somebody without a token has no membership; leave `membership` out",
        };
        faults.push(source.error(name, message.to_owned()));
    }
    let lists = [
        ("membership", &entry.membership),
        ("guest_access", &entry.guest_access),
        ("history_visibility", &entry.history_visibility),
        ("join_rule", &entry.join_rule),
        ("event_visibility", &entry.event_visibility),
        ("event_membership", &entry.event_membership),
    ];
    for (key, _) in lists.into_iter().filter(|(_, names)| names.as_ref().is_some_and(Vec::is_empty))
    {
        let message = format!("`{key} = []` is no situation; leave the key out for every one");
        faults.push(source.error(&entry.id, message));
    }
    faults
}
