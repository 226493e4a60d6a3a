//! Checking: every guarantee of a revision, in every reachable state, with stories for what breaks.

mod overlapping;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::action::Action;
use crate::engine::timely::Explore;
use crate::engine::{Engine, EngineError, Seen, Workers};
use crate::federated::Federated;
use crate::sequential::Sequential;
use crate::shortest_trace;
use crate::stop::Stop;
use crate::transition_system::{Exploration, TransitionSystem};
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::spelled;

spelled! {
    /// What a check found of a guarantee.
    Status {
        /// It is promised, was exercised, and is never broken.
        Holds = "holds",
        /// It is promised and broken.
        Violated = "violated",
        /// It is promised, and nothing that happens meets its premise.
        Vacuous = "vacuous",
        /// It is not promised.
        NotPromised = "not_promised",
        /// The check ended before it could tell.
        Unknown = "unknown",
    }
}

/// What a check found of one guarantee.
#[derive(Debug, Clone)]
pub struct Finding<T = Action> {
    /// The guarantee.
    pub guarantee: GuaranteeId,
    /// What was found.
    pub status: Status,
    /// The shortest story in which it is broken, if it is.
    pub counterexample: Option<Vec<T>>,
}

/// What a check found.
#[derive(Debug, Clone)]
pub struct Report<T = Action> {
    /// What was explored.
    pub explored: Exploration,
    /// How long it took.
    pub took: Duration,
    /// What was found of each guarantee asked for, in the order of the guarantees.
    pub findings: Vec<Finding<T>>,
}

/// What is to be checked.
#[derive(Debug)]
pub struct Check<'a, S> {
    /// The revision whose promises are held against the model.
    pub rules: &'a Rules,
    /// A model of what follows the rules, or does not.
    pub space: S,
    /// The guarantees to judge: those that the model says something of.
    pub guarantees: GuaranteeSet,
    /// Who explores.
    pub engine: Engine,
    /// With which workers.
    pub workers: &'a Workers,
}

/// What explores a model is compiled with it, once, and optimised as it is: so each has a method of its
/// own that takes no type.
macro_rules! run {
    ($space:ty) => {
        impl Check<'_, $space> {
            /// Explores every reachable state, and searches the stories of what is broken. `progress`
            /// is told now and then how far it has come.
            ///
            /// # Errors
            /// If a worker of the engine breaks down: then nothing is known.
            pub fn run(
                self,
                stop: &Stop,
                progress: &dyn Fn(Seen),
            ) -> Result<Report<<$space as TransitionSystem>::Action>, EngineError> {
                self.find(stop, progress)
            }
        }
    };
}

run!(Sequential);
run!(Federated);

impl<S: Explore> Check<'_, S> {
    fn find(self, stop: &Stop, progress: &dyn Fn(Seen)) -> Result<Report<S::Action>, EngineError> {
        let started = Instant::now();
        let space = Arc::new(self.space);
        let explored = self.engine.explore(&space, self.workers, stop, progress)?;
        let violated = self.guarantees.intersection(explored.verdicts.violated);
        let stories =
            violated.iter().zip(shortest_trace::counterexamples(&*space, violated, stop)).collect();
        Ok(Report::new(self.rules, self.guarantees, explored, stories, started))
    }
}

/// A story for each guarantee that is broken, if one was found.
type Stories<T> = BTreeMap<GuaranteeId, Option<Vec<T>>>;

impl<T> Report<T> {
    fn new(
        rules: &Rules,
        guarantees: GuaranteeSet,
        explored: Exploration,
        mut stories: Stories<T>,
        started: Instant,
    ) -> Self {
        let findings = guarantees.iter().map(|guarantee| Finding {
            guarantee,
            status: if !rules.promises.contains_key(&guarantee) {
                Status::NotPromised
            } else if explored.verdicts.violated.contains(guarantee) {
                Status::Violated
            } else if !explored.complete {
                Status::Unknown
            } else if explored.verdicts.exercised.contains(guarantee) {
                Status::Holds
            } else {
                Status::Vacuous
            },
            counterexample: stories.remove(&guarantee).flatten(),
        });
        Self { findings: findings.collect(), explored, took: started.elapsed() }
    }
}
