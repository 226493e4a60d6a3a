//! Checking calls that overlap.

use std::sync::Arc;
use std::time::Instant;

use crate::concurrent::{Concurrent, ConcurrentAction};
use crate::executor::timely::Explore;
use crate::executor::{ExecutorError, SearchProgress};
use crate::federated::Federated;
use crate::guarantee::Verdicts;
use crate::shortest_trace;
use crate::stop::Stop;
use guest_access_rules::guarantee::GuaranteeSet;

use super::{Check, Counterexamples, Report};

impl Explore for Concurrent {}
impl Explore for Federated {}

impl Check<'_, Concurrent> {
    /// Explores every reachable state of calls that overlap, and searches a counterexample for each
    /// violated guarantee.
    ///
    /// Whether one order explains all answers makes the state space many times larger. So:
    ///
    /// 1. Search a counterexample for each guarantee about orders.
    /// 2. If every such guarantee has one, explore the rest without the explanations.
    /// 3. Otherwise explore with the explanations.
    ///
    /// # Errors
    /// If a worker of the executor breaks down: then nothing is known.
    pub fn run_overlapping(
        self,
        stop: &Stop,
        progress: &dyn Fn(SearchProgress),
    ) -> Result<Report<ConcurrentAction>, ExecutorError> {
        let started = Instant::now();
        let of_orders = self.guarantees.intersection(Concurrent::order_guarantees());
        let unexplained = self.model.unexplained();
        let traces = shortest_trace::counterexamples(&self.model, of_orders, stop);
        let mut counterexamples: Counterexamples<_> = of_orders.iter().zip(traces).collect();
        counterexamples.retain(|_, trace| trace.is_some());
        let all_violated =
            of_orders.iter().all(|guarantee| counterexamples.contains_key(&guarantee));
        let model = Arc::new(if all_violated { unexplained } else { self.model });
        let mut explored = self.executor.explore(&model, self.workers, stop, progress)?;
        let verdicts = &mut explored.exploration.verdicts;
        if all_violated {
            verdicts.add(Verdicts { exercised: of_orders, violated: of_orders });
        }
        let violated = self.guarantees.intersection(verdicts.violated);
        let missing: GuaranteeSet =
            violated.iter().filter(|guarantee| !counterexamples.contains_key(guarantee)).collect();
        let traces = shortest_trace::counterexamples(&*model, missing, stop);
        counterexamples.extend(missing.iter().zip(traces));
        Ok(Report::new(self.required, self.guarantees, explored, counterexamples, started))
    }
}
