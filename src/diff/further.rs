//! Which reads of the scenarios also ask in other ways.
//!
//! Each further call costs a homeserver as much as a step. In a run over all scenarios, only the first read
//! of each class makes its further call.

use std::collections::BTreeSet;

use guest_access_model::action::{Action, Actor};
use guest_access_model::decide::initial;
use guest_access_rules::endpoint::Gives;
use guest_access_rules::profile::Profile;

use super::read_class::ReadClass;
use super::scenario_run::{ContentPlan, PlannedScenario};
use super::taken_step::{TakenStep, take_steps};

/// Plans the further calls of scenarios: the first read of each class makes its call.
pub(super) fn plan_further_reads(profile: &Profile, scenarios: &mut [PlannedScenario]) {
    let mut planned = BTreeSet::new();
    for scenario in scenarios {
        let classes = read_classes(profile, &scenario.steps);
        let new = classes.into_iter().filter(|class| planned.insert(*class));
        scenario.content = ContentPlan::Compared(new.collect());
    }
}

/// The classes of all further calls that these steps can make.
pub(super) fn read_classes(profile: &Profile, steps: &[Action]) -> BTreeSet<ReadClass> {
    let mut classes = BTreeSet::new();
    // What each reader has read.
    let mut has_read: Vec<(Actor, Gives)> = Vec::new();
    for TakenStep { number, before, step, outcome } in take_steps(profile, initial(profile), steps)
    {
        let Some(outcome) = outcome else { continue };
        let of_step = ReadClass::of(&before, steps[..number].iter().rev(), &step, &outcome);
        let is_possible = |class: &ReadClass| {
            class.read.follows().is_none_or(|earlier| has_read.contains(&(step.by, earlier)))
        };
        classes.extend(of_step.into_iter().filter(is_possible));
        let gives = step.operation.endpoint().and_then(|endpoint| endpoint.get().gives);
        has_read.extend(gives.map(|gives| (step.by, gives)));
    }
    classes
}

#[cfg(test)]
mod tests {
    use guest_access_rules::rules::Rules;

    use super::super::plan;
    use super::*;

    #[test]
    fn each_class_is_planned_once_and_each_way_at_least_once() {
        let planned = plan(&Rules::find("latest").unwrap(), &[]);
        let classes: Vec<_> = planned
            .iter()
            .flat_map(|scenario| match &scenario.content {
                ContentPlan::Compared(classes) => classes.iter().copied().collect(),
                ContentPlan::Skipped | ContentPlan::Whole => Vec::new(),
            })
            .collect();
        let different: BTreeSet<_> = classes.iter().copied().collect();
        assert_eq!(different.len(), classes.len());
        let ways: BTreeSet<_> = classes.iter().map(|class| class.read).collect();
        assert_eq!((ways.len(), classes.len()), (8, 226));
    }
}
