//! Guarantees that rules files declare, judged by their blocks.

use crate::action::{Action, Actor, Credential, Operation, Place};
use crate::actions::calls_of;
use crate::state::{Account, Room, Scope, Standing, State, TAGGED_ROOM};
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::guarantee::{
    ActionBlock, ActorKind, Blocks, Bound, GuaranteeSet, MembershipAtEvent, OperationKind,
};
use guest_access_rules::vocabulary::Membership;

use super::{Judgement, Transition};

/// The declared guarantees that can judge reads. A read itself does not depend on who may join a room;
/// these guarantees may ask for it.
pub(crate) fn on_reads() -> GuaranteeSet {
    GuaranteeSet::declared().with_blocks(|blocks| blocks.actions.iter().any(|of| of.reads()))
}

/// The calls and reads of the endpoints that declared guarantees name. In the other actions of the model,
/// one endpoint stands for all that are decided alike; a guarantee is about its own.
pub(crate) fn actions_of_declared(scope: Scope) -> Vec<Action> {
    let mut endpoints: Vec<EndpointId> = Vec::new();
    for guarantee in GuaranteeSet::declared().iter() {
        let actions = guarantee.get().blocks.iter().flat_map(|blocks| &blocks.actions);
        endpoints.extend(actions.filter_map(|action| match action {
            ActionBlock::Endpoint(endpoint) => Some(*endpoint),
            ActionBlock::Operation(_) => None,
        }));
    }
    endpoints.sort_unstable();
    endpoints.dedup();
    calls_of(scope, &endpoints)
}

/// Whether the action is one that such a guarantee can be about, in some state.
pub(super) fn can_be_about(blocks: &Blocks, action: &Action) -> bool {
    let is_by = match action.by {
        Actor::Guest(_) => blocks.actor.holds_an_account_of_a_guest(),
        Actor::User => blocks.actor == ActorKind::User,
        Actor::Moderator => blocks.actor == ActorKind::Moderator,
        Actor::Nobody => blocks.actor == ActorKind::Nobody,
        Actor::Server => false,
    };
    is_by
        && action.with == Credential::Own
        && blocks.actions.iter().any(|block| is_such(*block, blocks.bound, action))
}

/// Whether the action is one of the block. An event that is asked for by the path of another room is a
/// read of the room of the event: only `gives_no_event` speaks of it.
fn is_such(block: ActionBlock, bound: Bound, action: &Action) -> bool {
    if action.operation == Operation::ReadThroughOtherRoom && bound != Bound::GivesNoEvent {
        return false;
    }
    match block {
        ActionBlock::Operation(kind) => Some(kind) == kind_of(action.operation),
        ActionBlock::Endpoint(endpoint) => action.operation.endpoint() == Some(endpoint),
    }
}

/// The kind of an operation. `None` for plain calls, and for what no guarantee names.
const fn kind_of(operation: Operation) -> Option<OperationKind> {
    Some(match operation {
        Operation::Join(_) => OperationKind::Join,
        Operation::Leave(_) => OperationKind::Leave,
        Operation::Knock(_) => OperationKind::Knock,
        Operation::Read(_) | Operation::ReadThroughOtherRoom => OperationKind::Read,
        Operation::Send(_) => OperationKind::Send,
        Operation::SendState => OperationKind::SendState,
        Operation::SetVisibility(..) => OperationKind::SetHistoryVisibility,
        Operation::SetGuestAccess(..) => OperationKind::SetGuestAccess,
        Operation::SetJoinRule(_) => OperationKind::SetJoinRule,
        Operation::RedactSetting(_) => OperationKind::Redact,
        Operation::Invite(_) => OperationKind::Invite,
        Operation::Kick(_) => OperationKind::Kick,
        Operation::Ban(_) => OperationKind::Ban,
        Operation::Unban(_) => OperationKind::Unban,
        Operation::SetProfile { .. } => OperationKind::SetProfile,
        Operation::Upgrade(_) => OperationKind::Upgrade,
        Operation::LogOut => OperationKind::LogOut,
        Operation::Deactivate => OperationKind::Deactivate,
        Operation::Register { .. }
        | Operation::RegisterOver(_)
        | Operation::EndToken(_)
        | Operation::Restart
        | Operation::WhoAmI
        | Operation::Call(_) => return None,
    })
}

/// The judgement of a guarantee with these blocks.
pub(super) fn judge(blocks: &Blocks, t: &Transition) -> Judgement {
    let is_premise = can_be_about(blocks, t.action)
        && is_by_such_an_account(blocks.actor, t)
        && is_in_the_situation(blocks, t);
    if !is_premise {
        return Judgement::Untouched;
    }
    let kept = match blocks.bound {
        Bound::Denied => !t.allowed(),
        Bound::Allowed => t.allowed(),
        Bound::ChangesNothing => !changes(t.before, t.after),
        Bound::GivesNoEvent => !t.gave_the_tagged_event(),
    };
    Judgement::of(true, kept)
}

/// Whether the account of the caller is one of the actor.
fn is_by_such_an_account(actor: ActorKind, t: &Transition) -> bool {
    let Some(guest) = t.caller() else { return true };
    let account = t.before.accounts[guest];
    match actor {
        ActorKind::Guest => account == Account::Guest,
        ActorKind::UpgradedGuest => account == Account::User,
        ActorKind::EndedGuest => matches!(account, Account::GuestEnded | Account::UserEnded),
        ActorKind::User | ActorKind::Moderator | ActorKind::Nobody => false,
    }
}

fn is_in_the_situation(blocks: &Blocks, t: &Transition) -> bool {
    if blocks.bound == Bound::GivesNoEvent {
        return is_about_the_tagged_event(t)
            && is_such_an_event(blocks, t)
            && is_such_a_room(blocks, t, &t.before.rooms[TAGGED_ROOM]);
    }
    match t.action.room() {
        Some(room) => is_such_a_room(blocks, t, &t.before.rooms[room]),
        None => !blocks.are_of_a_room(),
    }
}

/// Whether the read is about the room of the tagged event, or about no room.
fn is_about_the_tagged_event(t: &Transition) -> bool {
    match t.action.operation {
        Operation::ReadThroughOtherRoom => true,
        _ => matches!(t.action.place, Place::Room(0) | Place::Nowhere),
    }
}

/// Whether the room before the action is one of the situation, by its settings and the membership in it.
fn is_such_a_room(blocks: &Blocks, t: &Transition, room: &Room) -> bool {
    let has = |membership: Membership| is_one_of(&blocks.membership, &membership);
    let is_such_a_membership = match (t.action.operation.moderated(), t.action.by) {
        (Some(target), _) | (None, Actor::Guest(target)) => has(room.members[usize::from(target)]),
        (None, Actor::User) => has(room.user),
        (None, _) => blocks.membership.is_empty(),
    };
    is_such_a_membership
        && is_one_of(&blocks.guest_access, &room.guest_access)
        && is_one_of(&blocks.join_rule, &room.join_rule)
        && room.visibility.map_or(blocks.history_visibility.is_empty(), |now| {
            is_one_of(&blocks.history_visibility, &now)
        })
}

/// Whether the tagged event is one of the situation: on both sides of a change.
fn is_such_an_event(blocks: &Blocks, t: &Transition) -> bool {
    let (Some(tagged), Some(guest)) = (&t.before.tagged, t.caller()) else { return false };
    let relation = &tagged.relations[guest];
    let settings = [tagged.before, tagged.after];
    let memberships = [relation.before, relation.after].map(|standing| match standing {
        Standing::Join => MembershipAtEvent::Join,
        Standing::Invite => MembershipAtEvent::Invite,
        Standing::Other => MembershipAtEvent::Other,
    });
    settings.iter().all(|setting| is_one_of(&blocks.event_visibility, setting))
        && memberships.iter().all(|standing| is_one_of(&blocks.event_membership, standing))
}

/// Whether the block has this value. A block that is left empty has every value.
fn is_one_of<T: PartialEq>(block: &[T], value: &T) -> bool {
    block.is_empty() || block.contains(value)
}

/// Whether an account, a membership or a setting differs.
fn changes(before: &State, after: &State) -> bool {
    let what =
        |room: &Room| (room.visibility, room.guest_access, room.join_rule, room.members, room.user);
    before.accounts != after.accounts
        || before.rooms.iter().map(what).ne(after.rooms.iter().map(what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::actions;
    use guest_access_rules::rules::Rules;

    /// The actor of an action, as a guest with each account.
    fn actors_of(action: &Action) -> &'static [ActorKind] {
        match action.by {
            Actor::Guest(_) => &[ActorKind::Guest, ActorKind::UpgradedGuest, ActorKind::EndedGuest],
            Actor::User => &[ActorKind::User],
            Actor::Moderator => &[ActorKind::Moderator],
            Actor::Nobody => &[ActorKind::Nobody],
            Actor::Server => &[],
        }
    }

    #[test]
    fn the_actions_of_an_actor_are_those_of_the_model() {
        let scope = Scope { guests: 1, rooms: 2 };
        let rules = Rules::find("latest").unwrap();
        let every: Vec<_> = EndpointId::all().collect();
        let mut all = actions(scope, &[&rules.profile()]);
        all.extend(calls_of(scope, &every));
        all.retain(|action| action.with == Credential::Own);
        let operations = OperationKind::ALL.iter().map(|kind| ActionBlock::Operation(*kind));
        let endpoints = every.iter().map(|endpoint| ActionBlock::Endpoint(*endpoint));
        for block in operations.chain(endpoints) {
            for actor in ActorKind::ALL {
                let is_taken = all.iter().any(|action| {
                    is_such(block, Bound::Denied, action) && actors_of(action).contains(actor)
                });
                // A guest that is registered does not register again, and nobody upgrades for nobody.
                let registers = matches!(block, ActionBlock::Endpoint(endpoint) if endpoint.get().id == "POST /register");
                let upgrades = block == ActionBlock::Operation(OperationKind::Upgrade);
                if *actor == ActorKind::Nobody && (registers || upgrades) {
                    continue;
                }
                // An operation has several endpoints, and not every actor takes each. A guarantee about
                // such a call is vacuous; a call that the model has is never refused.
                match block {
                    ActionBlock::Operation(_) => {
                        assert_eq!(block.is_taken_by(*actor), is_taken, "{block} by {actor}");
                    }
                    ActionBlock::Endpoint(_) => {
                        assert!(block.is_taken_by(*actor) || !is_taken, "{block} by {actor}");
                    }
                }
                if !is_taken {
                    continue;
                }
                let some = |is: &dyn Fn(&Action) -> bool| {
                    let of_the_block = all.iter().filter(|action| {
                        is_such(block, Bound::Denied, action) && actors_of(action).contains(actor)
                    });
                    of_the_block.into_iter().any(is)
                };
                let sends = |action: &Action| {
                    matches!(action.operation, Operation::Send(_) | Operation::SendState)
                };
                let can_change = some(&|action| !action.operation.only_asks() && !sends(action));
                // A block may seem to change more than the model lets the actor change, and never less.
                assert!(block.can_change(*actor) || !can_change, "{block} by {actor}");
                let names_a_room = some(&|action| action.room().is_some());
                assert_eq!(block.names_a_room(), names_a_room, "{block} by {actor}");
            }
        }
    }
}
