//! Taking actions one after the other by a profile.

use guest_access_model::action::Action;
use guest_access_model::decide::{Outcome, initial, outcome, outcome_with_points};
use guest_access_model::state::State;
use guest_access_rules::decision_point::PointSet;
use guest_access_rules::profile::Profile;

/// Some actions, as a homeserver takes them from the initial state.
#[derive(Debug, Clone)]
pub struct ActionRun {
    profile: Profile,
    actions: Vec<Action>,
    steps: Vec<(State, Outcome)>,
    /// The decision points that each decision reads.
    points: Vec<PointSet>,
}

impl ActionRun {
    /// Takes these actions where `profile` decides, up to the first action that cannot happen.
    pub fn of(profile: &Profile, actions: Vec<Action>) -> Self {
        let mut before = initial(profile);
        let (mut steps, mut points) = (Vec::new(), Vec::new());
        for action in &actions {
            let (outcome, read) = outcome_with_points(profile, &before, action);
            points.push(read);
            let Some(outcome) = outcome else { break };
            steps.push((std::mem::replace(&mut before, outcome.next), outcome));
        }
        Self { profile: profile.clone(), actions, steps, points }
    }

    /// The actions.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// The state before each action, and its outcome. The list ends before the first action that cannot
    /// happen.
    pub fn steps(&self) -> &[(State, Outcome)] {
        &self.steps
    }

    /// The same actions where `other` decides.
    ///
    /// As long as no decision reads a point at which the two profiles differ, both decide alike.
    pub fn by(&self, other: &Profile) -> Vec<(State, Outcome)> {
        let first = initial(other);
        let alike = match other.differing_points(&self.profile) {
            Some(points) if first == initial(&self.profile) => {
                let reads = |read: &PointSet| read.meets(points);
                self.points.iter().position(reads).unwrap_or(self.steps.len())
            }
            _ => 0,
        };
        let mut steps = self.steps[..alike].to_vec();
        let mut before = steps.last().map_or(first, |(_, outcome)| outcome.next);
        for action in &self.actions[alike..] {
            let Some(outcome) = outcome(other, &before, action) else { break };
            steps.push((std::mem::replace(&mut before, outcome.next), outcome));
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use guest_access_model::actions::actions;
    use guest_access_model::state::Scope;
    use guest_access_rules::rules::Rules;
    use guest_access_rules::variant::defects;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    proptest! {
        /// Following two profiles at once gives the same outcomes as following each profile alone.
        #[test]
        fn each_defect_takes_the_actions_as_if_it_alone_were_followed(
            defect in any::<Index>(),
            steps in prop::collection::vec(any::<Index>(), 1..40),
        ) {
            let rules = Rules::find("latest").unwrap();
            let profile = rules.profile();
            let all = actions(Scope { guests: 2, rooms: 1 }, &[&profile]);
            let mut state = initial(&profile);
            let mut actions = Vec::new();
            for step in steps {
                let possible = all.iter().filter_map(|action| {
                    Some((*action, outcome(&profile, &state, action)?.next))
                });
                let (action, next) = *step.get(&possible.collect::<Vec<_>>());
                actions.push(action);
                state = next;
            }
            let defects = defects(&rules);
            let defect = &defect.get(&defects).profile;
            let followed = ActionRun::of(&profile, actions.clone());
            prop_assert_eq!(followed.by(defect), ActionRun::of(defect, actions).steps);
        }
    }
}
