//! The sequential model with one room, by the codes of its dense tables.

use std::sync::Arc;

use crate::dense::Dense;
use crate::guarantee::Verdicts;
use crate::sequential::Sequential;
use crate::stop::Stop;

use super::{Coded, EngineError, Exploration, Explore, Plain, Seen};

impl Explore for Sequential {
    fn explore(
        self: &Arc<Self>,
        threads: usize,
        stop: &Stop,
        progress: impl Fn(Seen),
    ) -> Result<Exploration, EngineError> {
        let one_room = self.scope().rooms == 1;
        let dense = one_room
            .then(|| Dense::of(self.system(), self.rules(), self.scope().guests, true))
            .flatten();
        match dense {
            Some(dense) => super::explore(dense, threads, stop, progress),
            None => super::explore(Plain(Arc::clone(self)), threads, stop, progress),
        }
    }
}

/// The codes that a worker has visited, one bit for each of its own.
#[derive(Debug)]
pub struct Bitmap {
    words: Vec<u64>,
    workers: u64,
}

impl Coded for Dense {
    type Code = u64;
    type Visited = Bitmap;

    fn beginnings(&self) -> Vec<u64> {
        vec![self.beginning()]
    }

    fn at_most(&self) -> Option<usize> {
        usize::try_from(self.codes()).ok()
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
    fn expand(&self, code: &u64, reach: &mut impl FnMut(u64)) -> (Verdicts, usize) {
        Self::expand(self, *code, reach)
    }
}
