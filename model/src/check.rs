//! Checking: every guarantee of a revision, in every reachable state, with stories for what breaks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::concurrent::{self, Concurrent};
use crate::engine::{self, Exploration};
use crate::guarantee::{GuaranteeId, GuaranteeSet, Verdicts};
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
        let explored = engine::stateright::explore(&space, self.threads, stop, progress);
        let broken = self.guarantees.intersection(explored.verdicts.broken);
        let stories = broken.iter().zip(story::broken(&*space, broken, stop)).collect();
        Report::new(self.rules, self.guarantees, explored, stories, started)
    }
}

impl Check<'_, Concurrent> {
    /// The same, for calls that overlap. Whether one order explains all answers makes the space many
    /// times larger: where that is not so anyway, as a story shows, the rest is explored without it.
    pub fn run_overlapping(
        self,
        stop: &Stop,
        progress: impl Fn(usize),
    ) -> Report<concurrent::Move> {
        let started = Instant::now();
        let of_orders = self.guarantees.intersection(Concurrent::of_orders());
        let unexplained = self.space.unexplained();
        let told = story::broken(&self.space, of_orders, stop);
        let mut stories: Stories<_> = of_orders.iter().zip(told).collect();
        stories.retain(|_, story| story.is_some());
        let all_broken = of_orders.iter().all(|guarantee| stories.contains_key(&guarantee));
        let space = Arc::new(if all_broken { unexplained } else { self.space });
        let mut explored = engine::stateright::explore(&space, self.threads, stop, progress);
        if all_broken {
            explored.verdicts.add(Verdicts { exercised: of_orders, broken: of_orders });
        }
        let broken = self.guarantees.intersection(explored.verdicts.broken);
        let untold: GuaranteeSet =
            broken.iter().filter(|guarantee| !stories.contains_key(guarantee)).collect();
        stories.extend(untold.iter().zip(story::broken(&*space, untold, stop)));
        Report::new(self.rules, self.guarantees, explored, stories, started)
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
            } else if explored.verdicts.broken.contains(guarantee) {
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
