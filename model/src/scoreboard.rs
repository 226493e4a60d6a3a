//! The scoreboard: which check catches which defect.

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

/// The checks that catch one defect.
#[derive(Debug, Clone)]
pub struct DefectDetection {
    /// The defect.
    pub defect: Variant,
    /// The promised guarantees that a homeserver with the defect violates.
    pub by_guarantees: GuaranteeSet,
    /// Whether the reference with the defect differs from the model without the defect.
    pub by_lockstep: bool,
}

impl DefectDetection {
    /// Whether a check catches the defect.
    pub fn is_caught(&self) -> bool {
        self.by_lockstep || !self.by_guarantees.is_empty()
    }
}

/// The first scope. It is explored near the initial state first, and then completely.
const FIRST: Scope = Scope { guests: 1, rooms: 1 };
/// The number of states that a search near the initial state explores.
const NEAR: usize = 4_000;

/// Checks every defect of `rules` in two ways:
///
/// 1. Does a homeserver with the defect violate a promised guarantee?
/// 2. Does the subject with the defect, which `make` makes, differ from the model?
///
/// `progress` is called with the number of defects checked so far. The result is `None` if `stop` ended
/// the search early.
pub fn scoreboard<S: Subject + Clone + Send + Sync>(
    rules: &Rules,
    make: impl Fn(&Profile, Scope) -> S + Sync,
    threads: usize,
    stop: &Stop,
    progress: impl Fn(usize),
) -> Option<Vec<DefectDetection>> {
    let check = |defect: &Variant| DefectDetection {
        defect: defect.clone(),
        by_guarantees: violated_promises(rules, &defect.profile, stop),
        by_lockstep: differs(rules, &defect.profile, &make, stop),
    };
    each_until(&defects(rules), threads, check, stop, progress)
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
    let searches =
        [(FIRST, &near), (FIRST, stop), (Scope::WIDER[0], &near), (Scope::WIDER[1], &near)];
    let mut found = searches.into_iter().map(|(scope, stop)| violated_in(scope, stop));
    found.find(|violated| !violated.is_empty()).unwrap_or_default()
}

/// Whether a subject with the profile `system` differs from the model of `rules`.
fn differs<S: Subject + Clone + Send + Sync>(
    rules: &Rules,
    system: &Profile,
    make: impl Fn(&Profile, Scope) -> S,
    stop: &Stop,
) -> bool {
    let differs_in = |scope, stop: &Stop| {
        lockstep::explore(&rules.profile(), scope, make(system, scope), 1, stop).mismatch.is_some()
    };
    let near = stop.clone().at_states(NEAR);
    differs_in(FIRST, stop) || Scope::WIDER.iter().any(|scope| differs_in(*scope, &near))
}
