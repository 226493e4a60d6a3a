//! Which vectors catch which mistake.

use std::sync::Arc;

use guest_access_model::action::Subject;
use guest_access_model::decide::Outcome;
use guest_access_model::stop::Stop;
use guest_access_model::threads::each_until;
use guest_access_rules::defect::{Defect, defects};
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;

use super::Vector;
use crate::permitted::{Judge, Judgement};
use crate::scenario::{LABEL, ObservedStep};
use crate::subject::reference::ReferenceSubject;

/// What catches one defect.
#[derive(Debug, Clone)]
pub struct Caught {
    /// The defect.
    pub defect: Defect,
    /// The ids of the vectors that a homeserver with the defect fails.
    pub by: Vec<String>,
}

/// Holds every defect under `rules`, as a mistaken reference homeserver, against the vectors.
/// `progress` is told how many were looked at. `None` if it was stopped before it was done.
pub fn caught(
    rules: &Rules,
    vectors: &[Vector],
    threads: usize,
    stop: &Stop,
    progress: impl Fn(usize),
) -> Option<Vec<Caught>> {
    let look = |defect: &Defect| {
        let profile = Arc::new(defect.profile.clone());
        let fails = |vector: &&Vector| vector.first_failure(&profile).is_some();
        let by = vectors.iter().filter(fails).map(|vector| vector.scenario.id.clone()).collect();
        Caught { defect: defect.clone(), by }
    };
    each_until(&defects(rules), threads, look, stop, progress)
}

/// Where a homeserver does what no reading of the rules permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The place of the step.
    pub step: usize,
    /// In what it differs from what our readings expect.
    pub differences: Vec<String>,
}

impl Vector {
    /// Where the reference homeserver under `profile` first fails the vector, if it does.
    pub fn first_failure(&self, profile: &Arc<Profile>) -> Option<Failure> {
        let mut subject = ReferenceSubject::new(Arc::clone(profile), self.scope);
        let mut judge = Judge::new(&self.scenario.steps, &self.otherwise);
        let mut before = subject.abstraction();
        for (number, told) in self.scenario.steps.iter().enumerate() {
            let observation = subject.take(&told.action);
            let outcome = Outcome { observation, next: subject.abstraction() };
            let observed = ObservedStep {
                action: &told.action,
                before: &before,
                outcome: &outcome,
                label: Some(LABEL),
            };
            if let Judgement::Differs(differences) = judge.step(number, &observed) {
                return Some(Failure { step: number, differences });
            }
            before = outcome.next;
        }
        None
    }
}
