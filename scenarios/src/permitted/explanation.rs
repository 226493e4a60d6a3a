//! The smallest assignment that explains every step of some sequences.
//!
//! 1. Begin with the default.
//! 2. Take the smallest assignment that was not tried yet.
//! 3. If the assignment explains every step, it is the answer.
//! 4. Else look at the first step that the assignment does not explain. Every larger assignment that
//!    explains the step takes an option or a pair of one of two sorts. Either the observation meets its
//!    expectation, or it makes this step or an earlier one impossible. Add each of these in turn, where
//!    no option of the assignment excludes it, and note the results.
//! 5. Go on with 2, until nothing is left to try.
//!
//! Every part of the smallest answer is smaller than the answer, and step 4 leads from one part to a
//! larger one. So the search finds the smallest answer, if it is not broken off before.

use std::collections::BTreeSet;

use super::{Assignment, Match, OpenOptions, StepMatches};

/// Looks for the smallest assignment that explains every step of these sequences. Tries at most `most`
/// assignments.
pub(super) fn smallest(
    options: &OpenOptions,
    sequences: &[Vec<&StepMatches>],
    most: usize,
) -> Option<Assignment> {
    let mut queue = BTreeSet::from([Assignment::DEFAULT]);
    let mut known = queue.clone();
    for _ in 0..most {
        let assignment = queue.pop_first()?;
        let failing = sequences.iter().find_map(|steps| {
            let at = first_unexplained(steps, &assignment)?;
            Some(&steps[..=at])
        });
        let Some(failing) = failing else { return Some(assignment) };
        let met = failing.last().into_iter().flat_map(|step| step.met());
        let ending = failing.iter().flat_map(|step| step.ending());
        for more in met.chain(ending) {
            let Some(extended) = assignment.extended(&more, options) else { continue };
            if known.insert(extended.clone()) {
                queue.insert(extended);
            }
        }
    }
    None
}

/// The place of the first step that an assignment does not explain.
fn first_unexplained(steps: &[&StepMatches], assignment: &Assignment) -> Option<usize> {
    for (place, step) in steps.iter().enumerate() {
        match step.by(assignment) {
            Match::Meets => {}
            Match::Differs => return Some(place),
            Match::Ends => return None,
        }
    }
    None
}
