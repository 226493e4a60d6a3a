//! The state of a room, and state resolution.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ruma::room_version_rules::RoomVersionRules;
use ruma::state_res::StateMap;
use ruma::state_res::utils::event_id_set::EventIdSet;
use ruma::{EventId, OwnedEventId};

use super::error::RoomError;
use super::event::Event;

/// The state of a room at some place of the graph: for each type and state key the event.
pub type RoomState = StateMap<OwnedEventId>;

/// The events of a room, by id.
pub(super) type Events = BTreeMap<OwnedEventId, Arc<Event>>;

/// The state where branches with these states meet.
///
/// # Errors
/// If the library cannot resolve the state, such as for want of an event.
pub(super) fn resolve(
    rules: &RoomVersionRules,
    events: &Events,
    states: &[&RoomState],
) -> Result<RoomState, RoomError> {
    match states {
        [] => return Ok(RoomState::new()),
        [state] => return Ok((*state).clone()),
        _ => {}
    }
    let unresolved = |why: String| RoomError::Unresolved { why };
    let state_res = rules.state_res.v2_rules();
    let state_res = state_res.ok_or_else(|| unresolved("the algorithm is too old".to_owned()))?;
    let chains = states.iter().map(|state| auth_chain(events, state.values())).collect();
    let fetch = |id: &EventId| events.get(id).cloned();
    let subgraph = |conflicted: &StateMap<Vec<OwnedEventId>>| {
        Some(conflicted_subgraph(events, conflicted.values().flatten()))
    };
    let resolved = ruma::state_res::resolve(
        &rules.authorization,
        state_res,
        states.iter().copied(),
        chains,
        fetch,
        subgraph,
    );
    resolved.map_err(|error| unresolved(error.to_string()))
}

/// The conflicted state subgraph, which room versions from 12 on ask for: the conflicted events, and the
/// events that permit one of them and are permitted by another.
fn conflicted_subgraph<'a>(
    events: &'a Events,
    conflicted: impl Iterator<Item = &'a OwnedEventId>,
) -> EventIdSet<OwnedEventId> {
    let mut subgraph = EventIdSet::new();
    let conflicted: BTreeSet<_> = conflicted.collect();
    for id in &conflicted {
        subgraph.insert((*id).clone());
    }
    for id in &auth_chain(events, conflicted.iter().copied()) {
        let before = auth_chain(events, std::iter::once(id));
        if conflicted.iter().any(|conflicted| before.contains(conflicted)) {
            subgraph.insert(id.clone());
        }
    }
    subgraph
}

/// The events that permit these events, the events that permit those, and so on.
pub(super) fn auth_chain<'a>(
    events: &'a Events,
    of: impl Iterator<Item = &'a OwnedEventId>,
) -> EventIdSet<OwnedEventId> {
    let mut chain = EventIdSet::new();
    let permits = |id: &OwnedEventId| events.get(id).map(|event| event.auth_events());
    let mut open: Vec<_> = of.filter_map(permits).flatten().collect();
    while let Some(id) = open.pop() {
        if chain.insert(id.clone()) {
            open.extend(permits(id).into_iter().flatten());
        }
    }
    chain
}
