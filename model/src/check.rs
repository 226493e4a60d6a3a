//! Checking: every guarantee in every reachable state, with a shortest counterexample for each that is
//! violated.

mod answers;
mod any_number;
mod overlapping;
mod permitted;
mod points_read;
mod together;

pub use answers::check_permitted;
pub use any_number::check_any_number;
pub use permitted::{Broken, BrokenPromises, PermittedAnswer, check_promises_of_base};
pub use together::tries_every_combination;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::action::Action;
use crate::executor::timely::Explore;
use crate::executor::{Encoding, Executor, ExecutorError, ExecutorReport, SearchProgress, Workers};
use crate::federated::Federated;
use crate::sequential::{NewRoom, Sequential};
use crate::shortest_trace;
use crate::stop::Stop;
use crate::transition_system::{Exploration, TransitionSystem};
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::vocabulary::spelled;

spelled! {
    /// The status of a guarantee after a check.
    Status {
        /// The guarantee is required, was exercised, and is never violated.
        Holds = "holds",
        /// The guarantee is required and violated.
        Violated = "violated",
        /// The guarantee is required, and no reachable action meets its premise.
        Vacuous = "vacuous",
        /// The guarantee is not required.
        NotPromised = "not_promised",
        /// The check ended before every state was visited. Or an open endpoint returns content of rooms
        /// that no rule looks at, and the guarantee is about such content.
        Unknown = "unknown",
    }
}

/// The result of a check for one guarantee.
#[derive(Debug, Clone)]
pub struct Finding<T = Action> {
    /// The guarantee.
    pub guarantee: GuaranteeId,
    /// Its status.
    pub status: Status,
    /// A shortest trace that violates it, if one was found.
    pub counterexample: Option<Vec<T>>,
}

/// The result of a check.
#[derive(Debug, Clone)]
pub struct Report<T = Action> {
    /// The counts and the verdicts.
    pub explored: Exploration,
    /// How the state space was represented.
    pub encoding: Encoding,
    /// How long it took.
    pub took: Duration,
    /// The result for each guarantee to judge, in the order of the guarantees.
    pub findings: Vec<Finding<T>>,
}

/// What to check.
#[derive(Debug)]
pub struct Check<'a, S> {
    /// The model to explore, of a homeserver or of several. The model may break the rules.
    pub model: S,
    /// The guarantees to judge: those that the model can violate.
    pub guarantees: GuaranteeSet,
    /// The guarantees that must hold: the promises of the revision, and further guarantees that the
    /// caller requires. All others have the status [`Status::NotPromised`].
    pub required: GuaranteeSet,
    /// The executor that explores the model.
    pub executor: Executor,
    /// The workers of the executor.
    pub workers: &'a Workers,
}

/// A shortest counterexample for each of these guarantees that the homeserver of `model` violates in a
/// room whose settings were never set. Empty if the homeserver assumes the values that the clauses give
/// to such a room.
pub(crate) fn counterexamples_in_new_rooms(
    model: &Sequential,
    guarantees: GuaranteeSet,
    stop: &Stop,
) -> Vec<(GuaranteeId, Vec<Action>)> {
    let Some(new_room) = NewRoom::of(model.system(), model.rules()) else { return Vec::new() };
    let found = shortest_trace::counterexamples(&new_room, guarantees, stop);
    let found = guarantees.iter().zip(found);
    found.filter_map(|(guarantee, trace)| Some((guarantee, trace?))).collect()
}

/// A model that `check` explores.
trait CheckedModel: Explore {
    /// A shortest counterexample for each of these guarantees that is violated in a state which the model
    /// does not have.
    fn further_counterexamples(
        &self,
        guarantees: GuaranteeSet,
        stop: &Stop,
    ) -> Vec<(GuaranteeId, Vec<Self::Action>)>;
}

impl CheckedModel for Sequential {
    fn further_counterexamples(
        &self,
        guarantees: GuaranteeSet,
        stop: &Stop,
    ) -> Vec<(GuaranteeId, Vec<Action>)> {
        counterexamples_in_new_rooms(self, guarantees, stop)
    }
}

impl CheckedModel for Federated {
    fn further_counterexamples(
        &self,
        _: GuaranteeSet,
        _: &Stop,
    ) -> Vec<(GuaranteeId, Vec<Self::Action>)> {
        Vec::new()
    }
}

/// The exploration of each model is compiled and optimised in this crate, so each model has a method
/// without type parameters.
macro_rules! run {
    ($model:ty) => {
        impl Check<'_, $model> {
            /// Explores every reachable state, and searches a counterexample for each violated
            /// guarantee. Calls `progress` now and then.
            ///
            /// # Errors
            /// If a worker of the executor breaks down: then nothing is known.
            pub fn run(
                self,
                stop: &Stop,
                progress: &dyn Fn(SearchProgress),
            ) -> Result<Report<<$model as TransitionSystem>::Action>, ExecutorError> {
                find(self, stop, progress)
            }
        }
    };
}

run!(Sequential);
run!(Federated);

/// Explores, and searches the counterexamples.
fn find<S: CheckedModel>(
    check: Check<'_, S>,
    stop: &Stop,
    progress: &dyn Fn(SearchProgress),
) -> Result<Report<S::Action>, ExecutorError> {
    let Check { model, guarantees, required, executor, workers } = check;
    let further = model.further_counterexamples(guarantees, stop);
    let started = Instant::now();
    let model = Arc::new(model);
    let mut explored = executor.explore(&model, workers, stop, progress)?;
    let violated = guarantees.intersection(explored.exploration.verdicts.violated);
    let traces = shortest_trace::counterexamples(&*model, violated, stop);
    let mut counterexamples: Counterexamples<_> = violated.iter().zip(traces).collect();
    for (guarantee, trace) in further {
        explored.exploration.verdicts.note(guarantee, false);
        let known = counterexamples.entry(guarantee).or_default();
        if known.as_ref().is_none_or(|known| trace.len() < known.len()) {
            *known = Some(trace);
        }
    }
    Ok(Report::new(required, guarantees, explored, counterexamples, started))
}

/// A counterexample for each guarantee that is violated, if one was found.
type Counterexamples<T> = BTreeMap<GuaranteeId, Option<Vec<T>>>;

impl<T> Report<T> {
    fn new(
        required: GuaranteeSet,
        guarantees: GuaranteeSet,
        explored: ExecutorReport,
        mut counterexamples: Counterexamples<T>,
        started: Instant,
    ) -> Self {
        let ExecutorReport { exploration, encoding } = explored;
        let findings = guarantees.iter().map(|guarantee| Finding {
            guarantee,
            status: if !required.contains(guarantee) {
                Status::NotPromised
            } else if exploration.verdicts.violated.contains(guarantee) {
                Status::Violated
            } else if !exploration.complete {
                Status::Unknown
            } else if exploration.verdicts.exercised.contains(guarantee) {
                Status::Holds
            } else {
                Status::Vacuous
            },
            counterexample: counterexamples.remove(&guarantee).flatten(),
        });
        Self {
            findings: findings.collect(),
            explored: exploration,
            encoding,
            took: started.elapsed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Scope;
    use guest_access_rules::rules::Rules;

    fn broken(changes: &[(&str, &str)]) -> Vec<(GuaranteeId, usize)> {
        let rules = Rules::find("v1.16").unwrap();
        let mut system = rules.profile();
        for (point, option) in changes {
            assert!(system.choices.set_option(point, option));
        }
        let scope = Scope { guests: 1, rooms: 1 };
        let model = Sequential::new(scope, system, rules.profile());
        let found = counterexamples_in_new_rooms(&model, rules.promised(), &Stop::default());
        found.into_iter().map(|(guarantee, trace)| (guarantee, trace.len())).collect()
    }

    #[test]
    fn a_homeserver_by_the_clauses_has_no_states_of_its_own() {
        assert_eq!(broken(&[]), []);
    }

    #[test]
    fn a_guest_joins_a_room_that_never_set_its_guest_access() {
        let found = broken(&[("guest_access.absent", "can_join")]);
        assert!(found.contains(&(GuaranteeId::JoinGate, 2)), "{found:?}");
        assert!(found.contains(&(GuaranteeId::FailSafe, 2)), "{found:?}");
    }

    #[test]
    fn a_guest_reads_a_room_that_never_set_its_visibility() {
        let found = broken(&[("history_visibility.absent", "world_readable")]);
        for guarantee in [
            GuaranteeId::FailSafe,
            GuaranteeId::ReadConfinement,
            GuaranteeId::PreviewConfinement,
            GuaranteeId::NoRetroactiveExposure,
        ] {
            assert!(found.iter().any(|(broken, _)| *broken == guarantee), "{found:?}");
        }
    }
}
