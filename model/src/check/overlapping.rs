//! Checking calls that overlap.

use std::sync::Arc;
use std::time::Instant;

use crate::concurrent::{Concurrent, Move};
use crate::engine::timely::Explore;
use crate::engine::{EngineError, Seen};
use crate::federated::Federated;
use crate::guarantee::Verdicts;
use crate::shortest_trace;
use crate::stop::Stop;
use guest_access_rules::guarantee::GuaranteeSet;

use super::{Check, Report, Stories};

impl Explore for Concurrent {}
impl Explore for Federated {}

impl Check<'_, Concurrent> {
    /// The same, for calls that overlap. Whether one order explains all answers makes the space many
    /// times larger: where that is not so anyway, as a story shows, the rest is explored without it.
    ///
    /// # Errors
    /// If a worker of the engine breaks down: then nothing is known.
    pub fn run_overlapping(
        self,
        stop: &Stop,
        progress: &dyn Fn(Seen),
    ) -> Result<Report<Move>, EngineError> {
        let started = Instant::now();
        let of_orders = self.guarantees.intersection(Concurrent::of_orders());
        let unexplained = self.space.unexplained();
        let told = shortest_trace::counterexamples(&self.space, of_orders, stop);
        let mut stories: Stories<_> = of_orders.iter().zip(told).collect();
        stories.retain(|_, trace| trace.is_some());
        let all_broken = of_orders.iter().all(|guarantee| stories.contains_key(&guarantee));
        let space = Arc::new(if all_broken { unexplained } else { self.space });
        let mut explored = self.engine.explore(&space, self.workers, stop, progress)?;
        if all_broken {
            explored.verdicts.add(Verdicts { exercised: of_orders, violated: of_orders });
        }
        let violated = self.guarantees.intersection(explored.verdicts.violated);
        let untold: GuaranteeSet =
            violated.iter().filter(|guarantee| !stories.contains_key(guarantee)).collect();
        stories.extend(untold.iter().zip(shortest_trace::counterexamples(&*space, untold, stop)));
        Ok(Report::new(self.rules, self.guarantees, explored, stories, started))
    }
}
