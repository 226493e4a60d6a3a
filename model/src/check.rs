//! Checking: every guarantee of a revision, in every reachable state, with stories for what breaks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::{self, Exploration};
use crate::guarantee::{GuaranteeId, GuaranteeSet};
use crate::rules::Rules;
use crate::space::Space;
use crate::step::Step;
use crate::stop::Stop;
use crate::story;
use crate::vocabulary::spelled;

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
pub struct Finding<T = Step> {
    /// The guarantee.
    pub guarantee: GuaranteeId,
    /// What was found.
    pub status: Status,
    /// The shortest story in which it is broken, if it is.
    pub counterexample: Option<Vec<T>>,
}

/// What a check found.
#[derive(Debug, Clone)]
pub struct Report<T = Step> {
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
    /// How many threads explore.
    pub threads: usize,
}

impl<S: Space> Check<'_, S> {
    /// Explores every reachable state, and searches the stories of what is broken. `progress` is told
    /// now and then how many states were reached.
    pub fn run(self, stop: &Stop, progress: impl Fn(usize)) -> Report<S::Step> {
        let started = Instant::now();
        let space = Arc::new(self.space);
        let found = engine::stateright::explore(&space, self.threads, stop, progress);
        let broken = self.guarantees.intersection(found.verdicts.broken);
        let mut stories = story::broken(&*space, broken, stop).into_iter();
        let findings = self.guarantees.iter().map(|guarantee| {
            let is_broken = broken.contains(guarantee);
            Finding {
                guarantee,
                status: if !self.rules.promises.contains_key(&guarantee) {
                    Status::NotPromised
                } else if is_broken {
                    Status::Violated
                } else if !found.complete {
                    Status::Unknown
                } else if found.verdicts.exercised.contains(guarantee) {
                    Status::Holds
                } else {
                    Status::Vacuous
                },
                counterexample: if is_broken { stories.next().flatten() } else { None },
            }
        });
        Report { findings: findings.collect(), explored: found, took: started.elapsed() }
    }
}
