//! Taking actions one after the other by a profile.

use guest_access_model::action::Action;
use guest_access_model::decide::{Outcome, initial, outcome_with_points};
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
        let taken =
            Self { profile: profile.clone(), actions, steps: Vec::new(), points: Vec::new() };
        taken.continued(initial(profile))
    }

    /// Takes the actions that are left, from this state on.
    fn continued(mut self, mut before: State) -> Self {
        for action in &self.actions[self.steps.len()..] {
            let (outcome, read) = outcome_with_points(&self.profile, &before, action);
            self.points.push(read);
            let Some(outcome) = outcome else { break };
            self.steps.push((std::mem::replace(&mut before, outcome.next), outcome));
        }
        self
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

    /// The same actions where `other` decides. See [`Self::run_by`].
    pub fn by(&self, other: &Profile) -> Vec<(State, Outcome)> {
        match self.first_decided_otherwise(other) {
            None => self.steps.clone(),
            Some(_) => self.run_by(other).steps,
        }
    }

    /// The same actions where `other` decides.
    ///
    /// The two profiles decide alike as long as no decision reads a point at which they differ, and no
    /// action calls an endpoint whose access differs.
    #[must_use]
    pub fn run_by(&self, other: &Profile) -> Self {
        let alike = self.first_decided_otherwise(other).unwrap_or(self.points.len());
        let steps = self.steps[..alike.min(self.steps.len())].to_vec();
        let before = steps.last().map_or_else(|| initial(other), |(_, outcome)| outcome.next);
        let points = self.points[..alike].to_vec();
        let run = Self { profile: other.clone(), actions: self.actions.clone(), steps, points };
        // The last decision of a run that ended is that its action cannot happen.
        if run.points.len() > run.steps.len() { run } else { run.continued(before) }
    }

    /// The place of the first action that `other` may decide otherwise; `None` if `other` decides all of
    /// them alike.
    pub fn first_decided_otherwise(&self, other: &Profile) -> Option<usize> {
        if initial(other) != initial(&self.profile) {
            return Some(0);
        }
        let points = other.differing_choices(&self.profile);
        let has_other_access = |action: &Action| {
            let endpoint = action.operation.endpoint();
            endpoint.is_some_and(|called| other.access(called) != self.profile.access(called))
        };
        let mut decisions = self.points.iter().zip(&self.actions);
        decisions.position(|(read, action)| read.meets(points) || has_other_access(action))
    }
}

#[cfg(test)]
mod tests {
    use guest_access_model::actions::actions;
    use guest_access_model::decide::outcome;
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
            let alone = ActionRun::of(defect, actions);
            prop_assert_eq!(followed.by(defect), alone.steps.clone());
            let run = followed.run_by(defect);
            prop_assert_eq!((run.steps, run.points), (alone.steps, alone.points));
        }
    }
}
