//! Checking: every guarantee of a revision, in every reachable state, with stories for what breaks.

use std::time::{Duration, Instant};

use stateright::{Checker, Model};

use crate::guarantee::{GuaranteeId, GuaranteeSet};
use crate::profile::Profile;
use crate::rules::Rules;
use crate::sequential::Sequential;
use crate::state::Scope;
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
pub struct Finding {
    /// The guarantee.
    pub guarantee: GuaranteeId,
    /// What was found.
    pub status: Status,
    /// The shortest story in which it is broken, if it is.
    pub counterexample: Option<Vec<Step>>,
}

/// What a check found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Whether every reachable state was explored.
    pub complete: bool,
    /// How many states were explored, after reduction.
    pub states: usize,
    /// How many steps that change the state can be taken in them.
    pub transitions: usize,
    /// The most steps that it takes to reach a state; unknown where several threads explored.
    pub depth: Option<usize>,
    /// How long it took.
    pub took: Duration,
    /// What was found of each guarantee asked for, in the order of the guarantees.
    pub findings: Vec<Finding>,
}

/// What is to be checked.
#[derive(Debug)]
pub struct Check<'a> {
    /// The revision whose promises are held against the system.
    pub rules: &'a Rules,
    /// What the system does: the revision's default profile, or a mistaken one.
    pub system: Profile,
    /// How many guests and rooms.
    pub scope: Scope,
    /// The guarantees to judge.
    pub guarantees: GuaranteeSet,
    /// How many threads explore.
    pub threads: usize,
}

impl Check<'_> {
    /// Explores every reachable state with stateright, and searches the stories of what is broken.
    /// `progress` is told now and then how many states were explored.
    pub fn run(self, stop: &Stop, progress: impl Fn(usize)) -> Report {
        let started = Instant::now();
        let promised = self.rules.profile();
        let model = || Sequential::new(self.scope, self.system.clone(), promised.clone());
        let checker = model().for_one_run(stop.clone()).checker().threads(self.threads).spawn_bfs();
        while !checker.is_done() {
            std::thread::sleep(Duration::from_millis(20));
            progress(checker.unique_state_count());
        }
        let checker = checker.join();
        let complete = !checker.model().was_cut();
        let (states, transitions) = (checker.model().expanded(), checker.model().transitions());
        // stateright would expand the states on the way to each discovery once more to tell of it.
        let told = checker.model().told();
        let broken = self.guarantees.intersection(told.broken);
        let mut stories = story::broken(&model(), broken, stop).into_iter();
        let findings = self.guarantees.iter().map(|guarantee| {
            let is_broken = broken.contains(guarantee);
            Finding {
                guarantee,
                status: if !self.rules.promises.contains_key(&guarantee) {
                    Status::NotPromised
                } else if is_broken {
                    Status::Violated
                } else if !complete {
                    Status::Unknown
                } else if told.exercised.contains(guarantee) {
                    Status::Holds
                } else {
                    Status::Vacuous
                },
                counterexample: if is_broken { stories.next().flatten() } else { None },
            }
        });
        Report {
            findings: findings.collect(),
            complete,
            states,
            transitions,
            // Several threads reach a state by ways of different lengths.
            depth: (self.threads == 1).then(|| checker.max_depth() - 1),
            took: started.elapsed(),
        }
    }
}
