//! What is asked more often than it takes: a question that was new when it was asked may cover nothing
//! that a later one does not.

use std::collections::HashSet;

use guest_access_model::decide::{initial, outcome};
use guest_access_rules::profile::Profile;

use super::classes::{Origins, classes};
use super::coverage_goal::CoverageGoal;
use super::plans::VectorPlan;

/// A step that changes nothing, and the classes into which it falls.
struct Query {
    way: usize,
    at: usize,
    goals: Vec<CoverageGoal>,
}

/// Leaves so many of the questions on these ways out that the others still cover every class: first
/// those are kept that cover the most which nothing kept covers.
pub(super) fn remove_redundant_queries(profile: &Profile, plans: &mut [VectorPlan]) {
    let mut covered = HashSet::new();
    let mut queries = Vec::new();
    for (way, VectorPlan { steps, .. }) in plans.iter().enumerate() {
        let (mut state, mut origins) = (initial(profile), Origins::default());
        for (at, step) in steps.iter().enumerate() {
            let Some(outcome) = outcome(profile, &state, step) else { continue };
            let goals = classes(profile, &state, &origins, step, &outcome);
            if outcome.next == state {
                queries.push(Query { way, at, goals });
            } else {
                covered.extend(goals);
            }
            origins = origins.after(&state, step, &outcome.next);
            state = outcome.next;
        }
    }
    let most = queries.iter().map(|query| query.goals.len()).max().unwrap_or(0);
    for worth in (1..=most).rev() {
        // What a question adds only shrinks, so one that adds less now is left to a later round.
        queries.retain(|query| {
            let new = query.goals.iter().filter(|goal| !covered.contains(*goal)).count();
            let is_kept = new >= worth;
            if is_kept {
                covered.extend(query.goals.iter().cloned());
            }
            !is_kept
        });
    }
    let redundant_queries: HashSet<_> = queries.iter().map(|query| (query.way, query.at)).collect();
    for (way, VectorPlan { steps, .. }) in plans.iter_mut().enumerate() {
        let mut at = 0..;
        steps.retain(|_| !redundant_queries.contains(&(way, at.next().unwrap_or_default())));
    }
}

#[cfg(test)]
mod tests {
    use guest_access_model::action::{Action, Actor, Key, Message, Operation, Says};
    use guest_access_rules::endpoint::KNOWN;
    use guest_access_rules::rules::Rules;
    use guest_access_rules::vocabulary::HistoryVisibility;

    use super::*;

    #[test]
    fn a_question_stays_that_covers_more_than_an_earlier_one_and_what_changes_anything() {
        let guest = |operation| Action::new(Actor::Guest(0), operation);
        let register = guest(Operation::Register { named: false });
        let moderator = |operation| Action::new(Actor::Moderator, operation).at(0);
        let world_readable = Says::Value(HistoryVisibility::WorldReadable);
        let open = moderator(Operation::SetVisibility(world_readable, Key::Empty));
        let send = moderator(Operation::Send(Message::Message)).tagged();
        let read = guest(Operation::Read(KNOWN.messages)).at(0);
        let who_am_i = guest(Operation::WhoAmI);
        let plan = |steps: &[Action]| VectorPlan {
            slug: "any".to_owned(),
            about: "anything".to_owned(),
            steps: steps.to_vec(),
        };
        let mut plans = [
            plan(&[register, open, read, who_am_i, who_am_i]),
            plan(&[register, open, read, send, read, who_am_i]),
        ];
        remove_redundant_queries(&Rules::find("latest").unwrap().profile(), &mut plans);
        let left = plans.map(|plan| plan.steps);
        assert_eq!(left, [vec![register, open, who_am_i], vec![register, open, send, read]]);
    }
}
