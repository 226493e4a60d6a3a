//! The sequential model under timely: by dense tables with one room, as a product with several.

use std::sync::Arc;

use crate::dense::{Dense, explore_room_by_room};
use crate::guarantee::Verdicts;
use crate::sequential::Sequential;
use crate::stop::Stop;

use super::{Explore, Plain, SearchProgress, StateEncoding, Workers};
use crate::executor::{Encoding, ExecutorError, ExecutorReport};

impl Explore for Sequential {
    fn explore(
        self: &Arc<Self>,
        workers: &Workers,
        stop: &Stop,
        progress: impl Fn(SearchProgress),
    ) -> Result<ExecutorReport, ExecutorError> {
        let (system, rules, scope) = (self.system(), self.rules(), self.scope());
        if scope.rooms > 1 {
            let visited = |states| progress(SearchProgress::states(states));
            if let Some(exploration) =
                explore_room_by_room(system, rules, scope, workers.threads, stop, visited)
            {
                return Ok(ExecutorReport { exploration, encoding: Encoding::ProductOfRooms });
            }
        } else if let Some(dense) = Dense::of(system, rules, scope.guests, true, workers.threads) {
            let exploration = super::explore(dense, workers, stop, progress)?;
            return Ok(ExecutorReport { exploration, encoding: Encoding::DenseTables });
        }
        let exploration = super::explore(Plain(Arc::clone(self)), workers, stop, progress)?;
        Ok(ExecutorReport { exploration, encoding: Encoding::Plain })
    }
}

/// The visited codes of a worker, one bit for each code that it owns.
#[derive(Debug)]
pub struct Bitmap {
    words: Vec<u64>,
    workers: u64,
}

impl StateEncoding for Dense {
    type Code = u64;
    type Visited = Bitmap;

    fn initial_states(&self) -> Vec<u64> {
        vec![self.initial_code()]
    }

    fn at_most(&self) -> Option<usize> {
        usize::try_from(self.codes()).ok()
    }

    fn bytes(&self, here: usize, workers: usize) -> Option<u64> {
        (self.codes() / 8).checked_mul(here as u64).map(|bytes| bytes / workers as u64)
    }

    fn owner(&self, code: &u64) -> u64 {
        *code
    }

    fn nothing_visited(&self, workers: usize) -> Bitmap {
        let workers = workers as u64;
        let words = self.codes() / workers / 64 + 1;
        let words = usize::try_from(words).expect("what does not fit is not begun");
        Bitmap { words: vec![0; words], workers }
    }

    #[inline]
    fn visit(&self, visited: &mut Bitmap, code: &u64) -> bool {
        let number = if visited.workers == 1 { *code } else { code / visited.workers };
        let word = &mut visited.words[(number / 64) as usize];
        let bit = 1 << (number % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    #[inline]
    fn visit_successors(&self, code: &u64, reach: &mut impl FnMut(u64)) -> (Verdicts, usize) {
        Self::visit_successors(self, *code, reach)
    }
}
