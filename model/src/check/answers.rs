//! Checking every answer that the rules permit: alone, and together with others.

use crate::executor::ExecutorError;
use crate::stop::Stop;
use guest_access_rules::guarantee::GuaranteeSet;
use guest_access_rules::rules::Rules;

use super::permitted::{PermittedAnswer, check_each_alone};
use super::together::check_together;

/// Checks these guarantees for each answer that `rules` permit besides the default:
///
/// 1. Each answer alone.
/// 2. Each new answer of a proposal, also with two guests and with two rooms.
/// 3. Each new answer of a proposal together with each other answer; and all new ones at once, also with
///    each old answer. The result has the answers that break more together than alone.
///
/// # Errors
/// If a worker of the executor breaks down.
pub fn check_permitted(
    rules: &Rules,
    guarantees: GuaranteeSet,
    threads: usize,
    stop: &Stop,
) -> Result<Vec<PermittedAnswer>, ExecutorError> {
    let mut answers = check_each_alone(rules, guarantees, threads, stop)?;
    let Some(base) = rules.base_of_proposal() else { return Ok(answers) };
    for answer in &mut answers {
        if answer.is_new {
            answer.add_wider_scopes(rules, guarantees, threads, stop)?;
        }
        answer.newly_broken = answer.newly_broken(base, stop)?;
    }
    let together = check_together(rules, guarantees, &answers, threads, stop)?;
    answers.extend(together);
    Ok(answers)
}
