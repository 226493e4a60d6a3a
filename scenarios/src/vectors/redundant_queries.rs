//! Redundant queries. A query that covered a new goal when it was planned may cover nothing that
//! later queries do not.

use std::collections::HashSet;

use guest_access_model::decide::{initial, outcome};
use guest_access_rules::profile::Profile;

use super::classes::{Origins, classes};
use super::coverage_goal::CoverageGoal;
use super::plans::VectorPlan;

/// An action that changes nothing, its place, and the goals that it covers.
struct PlannedQuery {
    plan: usize,
    place: usize,
    goals: Vec<CoverageGoal>,
}

/// Removes queries from these plans as long as the others cover every goal.
///
/// 1. Count the goals of all actions that change the state as covered.
/// 2. Keep the queries that cover the most goals which nothing kept covers.
/// 3. Repeat with queries that cover fewer such goals, down to one.
/// 4. Remove all other queries.
pub(super) fn remove_redundant_queries(profile: &Profile, plans: &mut [VectorPlan]) {
    let mut covered = HashSet::new();
    let mut queries = Vec::new();
    for (plan, VectorPlan { steps, .. }) in plans.iter().enumerate() {
        let (mut state, mut origins) = (initial(profile), Origins::default());
        for (place, step) in steps.iter().enumerate() {
            let Some(outcome) = outcome(profile, &state, step) else { continue };
            let goals = classes(profile, &state, &origins, step, &outcome);
            if outcome.next == state {
                queries.push(PlannedQuery { plan, place, goals });
            } else {
                covered.extend(goals);
            }
            origins = origins.after(&state, step, &outcome.next);
            state = outcome.next;
        }
    }
    let most = queries.iter().map(|query| query.goals.len()).max().unwrap_or(0);
    for worth in (1..=most).rev() {
        // The new goals of a query only become fewer, so a later round has the queries that are not
        // kept in this one.
        queries.retain(|query| {
            let new = query.goals.iter().filter(|goal| !covered.contains(*goal)).count();
            let is_kept = new >= worth;
            if is_kept {
                covered.extend(query.goals.iter().cloned());
            }
            !is_kept
        });
    }
    let redundant: HashSet<_> = queries.iter().map(|query| (query.plan, query.place)).collect();
    for (plan, VectorPlan { steps, .. }) in plans.iter_mut().enumerate() {
        let mut place = 0..;
        steps.retain(|_| !redundant.contains(&(plan, place.next().unwrap_or_default())));
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
    fn a_query_is_kept_that_covers_a_goal_of_its_own() {
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
        let steps = plans.map(|plan| plan.steps);
        assert_eq!(steps, [vec![register, open, who_am_i], vec![register, open, send, read]]);
    }
}
