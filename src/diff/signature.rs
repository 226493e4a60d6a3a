//! The signature of a divergence: who did what, what was expected, and what was observed. Divergences
//! with equal signatures are one divergence.

use guest_access_model::action::{Action, Answer};
use guest_access_model::decide::Outcome;
use guest_access_scenarios::permitted::DivergenceKind;

use crate::subject::server::{CallVerdict, EventPresence, ResponseContent};

use super::caller::CallerKind;
use super::judge::StepRecord;
use super::renaming::Renaming;
use super::scenario_run::{Difference, ReadingSwitch, ScenarioRun, Segment};
use super::step_result::StepResult;

/// The signature of a divergence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Signature {
    pub(super) kind: DivergenceKind,
    /// The step, with renamed guests.
    pub(super) step: Action,
    pub(super) by: CallerKind,
    /// The expected result. For an inconsistent divergence, the options of the run determine it.
    pub(super) expected: StepResult,
    pub(super) observed: StepResult,
    /// Whether a reading permits the observed result.
    pub(super) permitted: bool,
    /// The questions at which the homeserver takes another option than in the rest of the run.
    pub(super) switches: Vec<ReadingSwitch>,
}

impl Signature {
    pub(super) fn of(difference: &Difference, record: &StepRecord) -> Self {
        let renaming = Renaming::of(&record.step);
        let before = &difference.before;
        let expected = difference.expected_in_run();
        let (expected, observed) =
            StepResult::expected_and_observed(renaming, before, expected, record);
        let (kind, switches) = match &difference.inconsistency {
            Some(found) => (DivergenceKind::Inconsistent, found.switches.clone()),
            None => (kind(&difference.expected, record), Vec::new()),
        };
        Self {
            kind,
            step: renaming.step(&record.step),
            by: CallerKind::of(&record.step, before),
            expected,
            observed,
            permitted: !difference.variants.is_empty() && difference.inconsistency.is_none(),
            switches,
        }
    }

    /// Whether the homeserver did the same in both. The options that explain it may differ.
    fn is_like(&self, other: &Self) -> bool {
        *self == Self { permitted: self.permitted, ..other.clone() }
    }

    /// The segment and the permitting variants, if the step at this place of a scenario shows the same
    /// divergence.
    ///
    /// One scenario alone cannot show that a run is inconsistent. For an inconsistent divergence, the same
    /// answer is enough.
    pub(super) fn shown_by<'a>(
        &self,
        run: &'a ScenarioRun,
        at: usize,
    ) -> Option<(&'a Segment, &'a [Vec<usize>])> {
        let segment = run.segments.first()?;
        let record = segment.log.get(at)?;
        let difference = segment.difference_at(at);
        let variants = difference.map_or(&[][..], |difference| &difference.variants);
        let is_it = if self.kind == DivergenceKind::Inconsistent {
            let renaming = Renaming::of(&record.step);
            let before = segment.before(at);
            let observed = before.is_some_and(|before| {
                StepResult::observed(record, before.tagged.is_some()) == self.observed_alone()
            });
            observed && renaming.step(&record.step) == self.step
        } else {
            difference.is_some_and(|difference| {
                let with = |content| {
                    let record = StepRecord { content, ..record.clone() };
                    Self::of(difference, &record).is_like(self)
                };
                // Of several differences of content, each is shown; and what differs beside them.
                let each = record.content.iter().map(|one| vec![one.clone()]);
                each.chain([Vec::new()]).any(with)
            })
        };
        is_it.then_some((segment, variants))
    }

    /// The observed result without memberships.
    fn observed_alone(&self) -> StepResult {
        StepResult { memberships: Vec::new(), ..self.observed.clone() }
    }
}

/// Whether the status says that the homeserver failed.
const fn is_failure(status: u16) -> bool {
    status >= 500
}

fn kind(expected: &Outcome, record: &StepRecord) -> DivergenceKind {
    if let Some(content) = record.content.first() {
        return content.kind();
    }
    let must = expected.observation.decision.allows();
    match (&record.observed.verdict, must) {
        (_, false) if record.observed.is_allowed() => DivergenceKind::Leak,
        (CallVerdict::Denied { status, .. }, _)
            if is_failure(*status) && !is_failure(expected.observation.decision.status) =>
        {
            DivergenceKind::Failure
        }
        (CallVerdict::Denied { .. }, true) => DivergenceKind::Refusal,
        (_, false) => DivergenceKind::Error,
        // The reader has left the room, so it saw events after its own time.
        (_, true) if !record.lists_as_it_should() => {
            if record.listing.is_some_and(|listing| listing.is_current) {
                DivergenceKind::Refusal
            } else {
                DivergenceKind::Leak
            }
        }
        (_, true) => match (&record.observed.content, expected.observation.answer) {
            (ResponseContent::Gave(given), Answer::Gave { tagged: false })
                if *given != EventPresence::Absent =>
            {
                DivergenceKind::Leak
            }
            (ResponseContent::Gave(given), Answer::Gave { tagged: true })
                if *given != EventPresence::Present =>
            {
                DivergenceKind::Refusal
            }
            _ => DivergenceKind::Effect,
        },
    }
}
