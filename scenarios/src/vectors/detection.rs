//! Which vectors detect which defects.

use std::ops::ControlFlow;
use std::sync::Arc;

use guest_access_model::action::Subject;
use guest_access_model::decide::Outcome;
use guest_access_model::state::Scope;
use guest_access_model::stop::Stop;
use guest_access_model::threads::each_until;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{Variant, defects};

use super::Vector;
use crate::permitted::{OpenOptions, ScenarioJudge, ScenarioJudgement, StepMatches, matches_of};
use crate::scenario::{LABEL, ObservedStep};

/// The vectors that detect one defect.
#[derive(Debug, Clone)]
pub struct Detection {
    /// The defect.
    pub defect: Variant,
    /// The ids of the vectors that a homeserver with the defect fails.
    pub by: Vec<String>,
}

/// Runs the vectors on a homeserver with each defect under `rules`. `homeserver` makes one that follows a
/// profile. `progress` is told how many defects are done. `None` if `stop` ended the runs early.
pub fn detections<S: Subject>(
    rules: &Rules,
    vectors: &[Vector],
    homeserver: impl Fn(Arc<Profile>, Scope) -> S + Sync,
    threads: usize,
    stop: &Stop,
    progress: impl Fn(usize),
) -> Option<Vec<Detection>> {
    let look = |defect: &Variant| {
        let profile = Arc::new(defect.profile.clone());
        let fails = |vector: &&Vector| {
            vector.first_failure(homeserver(Arc::clone(&profile), vector.scope)).is_some()
        };
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
    /// Where the subject first fails the vector, if it does. The subject starts with the vector's
    /// [`scope`](Self::scope).
    pub fn first_failure(&self, subject: impl Subject) -> Option<VectorFailure> {
        let mut judge = ScenarioJudge::new(&self.scenario.steps, &self.otherwise);
        let failed = self.replay(subject, |step, observed| match judge.step(step, observed) {
            ScenarioJudgement::Differs(differences) => {
                ControlFlow::Break(VectorFailure { step, differences })
            }
            _ => ControlFlow::Continue(()),
        });
        failed.break_value()
    }

    /// What the subject does at each step, compared with all that is permitted of the step. `options` number
    /// all that the vector lists: see [`options_of`](crate::permitted::options_of). The subject starts with
    /// the vector's [`scope`](Self::scope).
    pub fn matches(&self, subject: impl Subject, options: &OpenOptions) -> Vec<StepMatches> {
        let mut found = Vec::with_capacity(self.otherwise.len());
        let _: ControlFlow<()> = self.replay(subject, |step, observed| {
            let expect = self.scenario.steps[step].expect.as_ref();
            let compared =
                expect.map(|expect| matches_of(options, expect, &self.otherwise[step], observed));
            found.push(compared.unwrap_or_else(|| StepMatches::by_default(true)));
            ControlFlow::Continue(())
        });
        found
    }

    /// Takes the steps on the subject. `look` gets each step, with its number from 0, until `look` breaks
    /// off.
    fn replay<T>(
        &self,
        mut subject: impl Subject,
        mut look: impl FnMut(usize, &ObservedStep<'_>) -> ControlFlow<T>,
    ) -> ControlFlow<T> {
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
