//! The divergences and causes of a run, as the result has them.

use std::collections::BTreeMap;

use guest_access_model::action::Action;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{JOINED_BY, Variant, Variants};
use guest_access_scenarios::permitted::DivergenceKind;
use guest_access_scenarios::scenario::{LABEL, Scenario, ScenarioStep, sentence};

use super::cause::VariantExplanation;
use super::consistency::contrast;
use super::experiment::deciding_trace;
use super::id::{IdCause, IdSwitch, id};
use super::renaming::Renaming;
use super::result::{Cause, Divergence, NotRun, ReadingConflict, ReadingTaken, RivalCause};
use super::run_record::RunRecord;
use super::scenario_run::{Difference, ReadingSwitch, ScenarioRun, Segment};
use super::script::{ScriptSource, Scripts};
use super::signature::Signature;
use super::trials::{DemonstratedDivergence, Demonstration};
use super::violation::Violation;

/// The divergences, the worst first.
pub(super) fn divergences(
    scripts: Scripts<'_>,
    variants: &Variants,
    record: &RunRecord,
    found: &[DemonstratedDivergence],
) -> Vec<Divergence> {
    let assembly =
        Assembly { scripts, variants, record, causes: causes(scripts.rules, variants, record) };
    found.iter().map(|found| assembly.divergence(found)).collect()
}

struct Assembly<'a> {
    scripts: Scripts<'a>,
    variants: &'a Variants,
    record: &'a RunRecord,
    causes: Vec<Cause>,
}

impl Assembly<'_> {
    fn divergence(
        &self,
        DemonstratedDivergence { group, demonstration }: &DemonstratedDivergence,
    ) -> Divergence {
        let rules = self.scripts.rules;
        let Signature { kind, step, by, expected, observed, switches, .. } = &group.signature;
        let conflicts: Vec<_> = switches.iter().map(|switch| self.conflict(*switch)).collect();
        let id = self.id(&group.signature, group.cause, &conflicts);
        let (segment, difference) = group.first(&self.record.segments);
        let (shown, at) = (&demonstration.segment, demonstration.at);
        // The scenario of the report shows the violation, unless only the whole run shows it.
        let (segment, difference) = match shown.difference_at(at) {
            Some(by_itself) if difference.inconsistency.is_none() => (shown, by_itself),
            _ => (segment, difference),
        };
        let record = &segment.log[difference.at];
        let Violation { clauses, because } = Violation::of(rules, difference, record);
        let mut seen_in: Vec<_> = group
            .occurrences
            .iter()
            .map(|id| self.record.segments[id.segment].scenario.clone())
            .collect();
        seen_in.dedup();
        let (expected, observed) = (expected.in_words(), observed.in_words());
        let about = format!(
            "{}, {}: the rules say `{expected}`, the homeserver `{observed}`",
            sentence(step),
            by.in_words()
        );
        // The scenario names the guests as the sentence names them.
        let names = demonstration.steps.last().map_or_else(|| Renaming::of(step), Renaming::of);
        let steps = demonstration.steps.iter();
        let steps: Vec<_> =
            steps.map(|step| step.with_guests(|guest| names.guest(guest))).collect();
        let scenario = scenario(rules, id.clone(), about, &steps);
        let contrasts = self.contrasts(&id, (segment, difference), switches, &conflicts);
        // A script looks at one event, and a difference of content is about all events of a section.
        let has_script = record.content.is_empty();
        let script = |source| has_script.then(|| self.scripts.script(source)).flatten();
        let curl = script(ScriptSource {
            id: &scenario.id,
            by: by.in_words(),
            expected: &expected,
            observed: &observed,
            because,
            clauses: &clauses,
            reproduced: demonstration.reproduced,
            segment: &demonstration.segment,
            at: demonstration.at,
        });
        let sent_by = sent_by(demonstration);
        let readings = if conflicts.is_empty() {
            self.readings(demonstration, group.cause, *kind)
        } else {
            Vec::new()
        };
        Divergence {
            id,
            kind: *kind,
            cause: group.cause,
            endpoint: step.operation.endpoint(),
            step: sentence(step),
            by: by.in_words(),
            expected,
            observed,
            because,
            clauses,
            readings,
            conflicts,
            contrasts,
            count: group.occurrences.len(),
            seen_in,
            scenario,
            sent_by,
            reproduced: demonstration.reproduced,
            curl,
        }
    }

    fn id(
        &self,
        signature: &Signature,
        cause: Option<usize>,
        conflicts: &[ReadingConflict],
    ) -> String {
        let cause = cause.map(|number| {
            let Cause { decision_point, option, .. } = &self.causes[number];
            IdCause { decision_point, option }
        });
        let switches = conflicts.iter().map(|conflict| IdSwitch {
            decision_point: &conflict.decision_point,
            in_run: &conflict.in_run,
            here: &conflict.here,
        });
        id(signature, cause, &switches.collect::<Vec<_>>())
    }

    /// The readings under which the homeserver is right; none where a mistake explains the divergence
    /// and more. But the error of a refusal is right if a reading permits the error, whatever mistake the
    /// homeserver makes where it does not refuse.
    fn readings(
        &self,
        demonstration: &Demonstration,
        cause: Option<usize>,
        kind: DivergenceKind,
    ) -> Vec<ReadingTaken> {
        let cause = cause.map(|number| &*self.record.explanations[number].variants);
        let all = &self.variants.all;
        if cause.is_some_and(|cause| !self.variants.are_permitted(cause))
            && kind != DivergenceKind::Error
        {
            return Vec::new();
        }
        // Each set of variants permits the outcome alone. Take the set of the cause, else the set of
        // the run, else the first.
        let among = |known: &[usize]| {
            let mut enough = demonstration.variants.iter();
            enough.find(|variants| variants.iter().all(|variant| known.contains(variant)))
        };
        let enough = cause
            .and_then(among)
            .or_else(|| among(&self.record.assignment))
            .or(demonstration.variants.first());
        let readings = enough.into_iter().flatten();
        readings.map(|variant| ReadingTaken::of(&all[*variant])).collect()
    }

    /// The scenarios that show, at each of these questions, the option of the rest of the run.
    fn contrasts(
        &self,
        id: &str,
        first: (&Segment, &Difference),
        switches: &[ReadingSwitch],
        conflicts: &[ReadingConflict],
    ) -> Vec<Scenario> {
        let RunRecord { segments, .. } = self.record;
        let shown = switches.iter().zip(conflicts).filter_map(|(switch, conflict)| {
            let (segment, at) = contrast(self.variants, segments, first, *switch)?;
            Some((conflict, &segments[segment], at))
        });
        let contrasts = (1..).zip(shown).map(|(number, (conflict, segment, at))| {
            let steps: Vec<_> = segment.log[..=at].iter().map(|record| record.step).collect();
            let id = format!("{id}-contrast-{number}");
            let ReadingConflict { decision_point, in_run, .. } = conflict;
            let about = format!("The last step shows `{decision_point}` as `{in_run}`.");
            scenario(self.scripts.rules, id, about, &steps)
        });
        contrasts.collect()
    }

    fn conflict(&self, switch: ReadingSwitch) -> ReadingConflict {
        ReadingConflict::between(self.scripts.rules, self.variants, switch.in_run, switch.here)
    }
}

/// The number of the step, from 1, that sent the event that the divergence is about, if it is a divergence of
/// content and the step is known.
fn sent_by(demonstration: &Demonstration) -> Option<usize> {
    // Otherwise the scenario leaves out steps of the segment.
    let Demonstration { segment, steps, at, reproduced: true, .. } = demonstration else {
        return None;
    };
    let sent_by = segment.log[*at].content.first()?.sent_by?;
    let is_same = segment.log.get(sent_by).map(|record| &record.step) == steps.get(sent_by);
    is_same.then_some(sent_by + 1)
}

fn scenario(rules: &Rules, id: String, about: String, steps: &[Action]) -> Scenario {
    Scenario::from_trace(&*id, rules, &*about, Vec::new(), steps).unwrap_or_else(|_| {
        // By our readings the scenario cannot happen. So our readings expect nothing of its steps.
        let event = |step: &Action| step.tag.then(|| LABEL.to_owned());
        let step = |step: &Action| ScenarioStep { action: *step, event: event(step), expect: None };
        Scenario {
            id,
            rules: rules.id.clone(),
            about,
            clauses: Vec::new(),
            steps: steps.iter().map(step).collect(),
            interleaving: Vec::new(),
        }
    })
}

/// The rivals of a cause, each with what would decide.
fn rivals(rules: &Rules, variants: &Variants, cause: &VariantExplanation) -> Vec<RivalCause> {
    let rival = |rival: &Vec<usize>| {
        let other = &variants.all[*rival.first()?];
        let (decision_point, option) = (other.point(), other.option());
        let steps = deciding_trace(variants, &cause.variants, rival);
        let about = format!("decides whether it is `{decision_point}` = `{option}`");
        let decided_by =
            steps.map(|steps| scenario(rules, "what-would-decide".to_owned(), about, &steps));
        Some(RivalCause { decision_point, option, decided_by })
    };
    cause.rivals.iter().filter_map(rival).collect()
}

/// The causes, sorted: the cause that explains the most differences comes first.
pub(super) fn causes(rules: &Rules, variants: &Variants, record: &RunRecord) -> Vec<Cause> {
    let causes = record.explanations.iter().map(|explanation| {
        let taken: Vec<&Variant> =
            explanation.variants.iter().map(|variant| &variants.all[*variant]).collect();
        let joined = |of: fn(&Variant) -> String| {
            taken.iter().map(|variant| of(variant)).collect::<Vec<_>>().join(JOINED_BY)
        };
        let mut clauses: Vec<_> = taken.iter().flat_map(|variant| variant.clauses(rules)).collect();
        clauses.sort();
        clauses.dedup();
        Cause {
            decision_point: joined(Variant::point),
            option: joined(Variant::option),
            means: joined(Variant::means),
            explains: explanation.differences.len(),
            rivals: rivals(rules, variants, explanation),
            permitted: variants.are_permitted(&explanation.variants),
            reading: taken.iter().find_map(|variant| variant.reading().map(str::to_owned)),
            clauses,
        }
    });
    causes.collect()
}

/// The entries of steps that were not compared, each entry once.
pub(super) fn not_run<'a>(runs: impl Iterator<Item = &'a ScenarioRun>) -> Vec<NotRun> {
    let mut all: BTreeMap<_, NotRun> = BTreeMap::new();
    for not_run in runs.flat_map(|run| &run.not_run) {
        let key = (not_run.step.clone(), not_run.because.clone(), not_run.kind);
        all.entry(key)
            .and_modify(|known| {
                known.count += 1;
                known.with_it += not_run.with_it;
                known.decisions += not_run.decisions;
            })
            .or_insert_with(|| not_run.clone());
    }
    all.into_values().collect()
}
