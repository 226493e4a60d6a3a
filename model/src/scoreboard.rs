//! The scoreboard: which check catches which mistake.

use crate::action::Subject;
use crate::check::counterexamples_in_new_rooms;
use crate::lockstep;
use crate::sequential::Sequential;
use crate::shortest_trace;
use crate::state::Scope;
use crate::stop::Stop;
use crate::threads::each_until;
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{Variant, defects};

/// What catches one defect.
#[derive(Debug, Clone)]
pub struct Caught {
    /// The defect.
    pub defect: Variant,
    /// The promised guarantees that a homeserver with the defect breaks.
    pub by_guarantees: GuaranteeSet,
    /// Whether the reference with the defect differs from the model without.
    pub by_lockstep: bool,
}

impl Caught {
    /// Whether anything catches it.
    pub fn is_caught(&self) -> bool {
        self.by_lockstep || !self.by_guarantees.is_empty()
    }
}

/// The scope in which a defect is looked for first: what its nearest states show, or else the whole.
const WHOLE: Scope = Scope { guests: 1, rooms: 1 };
/// How many states are near.
const NEAR: usize = 4_000;
/// The scopes in which it is looked for where the first shows nothing: in their near states.
const WIDER: [Scope; 2] = [Scope { guests: 2, rooms: 1 }, Scope { guests: 1, rooms: 2 }];

/// Holds every defect under `rules` against the guarantees that they promise and, as a subject that
/// `make` makes, against the model. `progress` is told how many were looked at. `None` if it was
/// stopped before it was done.
pub fn scoreboard<S: Subject + Clone>(
    rules: &Rules,
    make: impl Fn(&Profile, Scope) -> S + Sync,
    threads: usize,
    stop: &Stop,
    progress: impl Fn(usize),
) -> Option<Vec<Caught>> {
    let look = |defect: &Variant| Caught {
        defect: defect.clone(),
        by_guarantees: violated_promises(rules, &defect.profile, stop),
        by_lockstep: differs(rules, &defect.profile, &make, stop),
    };
    each_until(&defects(rules), threads, look, stop, progress)
}

/// The promised guarantees that a homeserver with the profile `system` violates.
fn violated_promises(rules: &Rules, system: &Profile, stop: &Stop) -> GuaranteeSet {
    let promised = rules.promised();
    let violated_in = |scope, stop: &Stop| {
        let model = Sequential::new(scope, system.clone(), rules.profile());
        let new_rooms = counterexamples_in_new_rooms(&model, promised, stop);
        if !new_rooms.is_empty() {
            return new_rooms.into_iter().map(|(guarantee, _)| guarantee).collect();
        }
        let found = shortest_trace::counterexamples(&model, promised, stop);
        let violated = promised.iter().zip(found).filter(|(_, trace)| trace.is_some());
        violated.map(|(guarantee, _): (GuaranteeId, _)| guarantee).collect::<GuaranteeSet>()
    };
    let near = stop.clone().at_states(NEAR);
    let places = [(WHOLE, &near), (WHOLE, stop), (WIDER[0], &near), (WIDER[1], &near)];
    let mut found = places.into_iter().map(|(scope, stop)| violated_in(scope, stop));
    found.find(|violated| !violated.is_empty()).unwrap_or_default()
}

/// Whether a subject with the profile `system` differs from the model of `rules`.
fn differs<S: Subject + Clone>(
    rules: &Rules,
    system: &Profile,
    make: impl Fn(&Profile, Scope) -> S,
    stop: &Stop,
) -> bool {
    let differs_in = |scope, stop: &Stop| {
        lockstep::explore(&rules.profile(), scope, make(system, scope), stop).mismatch.is_some()
    };
    let near = stop.clone().at_states(NEAR);
    differs_in(WHOLE, stop) || WIDER.iter().any(|scope| differs_in(*scope, &near))
}
