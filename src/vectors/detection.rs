//! Which vectors detect which defects.

use std::ops::ControlFlow;
use std::sync::Arc;

use guest_access_model::action::Subject;
use guest_access_model::decide::Outcome;
use guest_access_model::stop::Stop;
use guest_access_model::threads::each_until;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{Variant, defects};

use super::Vector;
use crate::permitted::{OpenOptions, ScenarioJudge, ScenarioJudgement, StepMatches, matches_of};
use crate::scenario::{LABEL, ObservedStep};
use crate::subject::reference::ReferenceSubject;

/// The vectors that detect one defect.
#[derive(Debug, Clone)]
pub struct Detection {
    /// The defect.
    pub defect: Variant,
    /// The ids of the vectors that a homeserver with the defect fails.
    pub by: Vec<String>,
}

/// Runs the vectors on the reference homeserver with each defect under `rules`. `progress` is told how
/// many defects are done. `None` if `stop` ended the runs early.
pub fn detections(
    rules: &Rules,
    vectors: &[Vector],
    threads: usize,
    stop: &Stop,
    progress: impl Fn(usize),
) -> Option<Vec<Detection>> {
    let look = |defect: &Variant| {
        let profile = Arc::new(defect.profile.clone());
        let fails = |vector: &&Vector| vector.first_failure(&profile).is_some();
        let by = vectors.iter().filter(fails).map(|vector| vector.scenario.id.clone()).collect();
        Detection { defect: defect.clone(), by }
    };
    each_until(&defects(rules), threads, look, stop, progress)
}

/// A step at which a homeserver does what nothing permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VectorFailure {
    /// The number of the step, from 0.
    pub step: usize,
    /// How the step differs from what the default expects.
    pub differences: Vec<String>,
}

impl Vector {
    /// Where the reference homeserver under `profile` first fails the vector, if it does.
    pub fn first_failure(&self, profile: &Arc<Profile>) -> Option<VectorFailure> {
        let mut judge = ScenarioJudge::new(&self.scenario.steps, &self.otherwise);
        let failed = self.replay(profile, |step, observed| match judge.step(step, observed) {
            ScenarioJudgement::Differs(differences) => {
                ControlFlow::Break(VectorFailure { step, differences })
            }
            _ => ControlFlow::Continue(()),
        });
        failed.break_value()
    }

    /// What the reference homeserver under `profile` does at each step, compared with all that is
    /// permitted of the step. `options` number all that the vector lists: see
    /// [`options_of`](crate::permitted::options_of).
    pub fn matches(&self, profile: &Arc<Profile>, options: &OpenOptions) -> Vec<StepMatches> {
        let mut found = Vec::with_capacity(self.otherwise.len());
        let _: ControlFlow<()> = self.replay(profile, |step, observed| {
            let expect = self.scenario.steps[step].expect.as_ref();
            let compared =
                expect.map(|expect| matches_of(options, expect, &self.otherwise[step], observed));
            found.push(compared.unwrap_or_else(|| StepMatches::by_default(true)));
            ControlFlow::Continue(())
        });
        found
    }

    /// Takes the steps on the reference homeserver under `profile`. `look` is shown each, with its
    /// number from 0, until it breaks off.
    fn replay<T>(
        &self,
        profile: &Arc<Profile>,
        mut look: impl FnMut(usize, &ObservedStep<'_>) -> ControlFlow<T>,
    ) -> ControlFlow<T> {
        let mut subject = ReferenceSubject::new(Arc::clone(profile), self.scope);
        let mut before = subject.abstraction();
        for (number, step) in self.scenario.steps.iter().enumerate() {
            let observation = subject.take(&step.action);
            let outcome = Outcome { observation, next: subject.abstraction() };
            look(
                number,
                &ObservedStep {
                    action: &step.action,
                    before: &before,
                    outcome: &outcome,
                    label: Some(LABEL),
                },
            )?;
            before = outcome.next;
        }
        ControlFlow::Continue(())
    }
}
