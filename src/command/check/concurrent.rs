//! `check --model concurrent`: explores overlapping calls under each discipline.

use guest_access_model::check::Check;
use guest_access_model::concurrent::{Concurrent, ConcurrentAction};
use guest_access_model::executor::Executor;
use guest_access_model::memory;
use guest_access_rules::discipline::{DISCIPLINE_POINTS, DISCIPLINES, Discipline};
use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::Scenario;

use crate::command::CommandError;
use crate::report::Run;
use crate::report::check::{CheckReport, DisciplineReport, ExplorationReport, ScenarioHeading};

use super::selection::{ExploredSubject, Selection};
use super::task::Task;

/// The default number of calls in flight.
const IN_FLIGHT: u8 = 2;

/// A discipline to check, and whether its guarantees are required.
struct CheckedDiscipline {
    id: String,
    about: &'static str,
    discipline: Discipline,
    is_required: bool,
}

impl CheckedDiscipline {
    /// The disciplines of these names, each with required guarantees. Without names, all named disciplines;
    /// then only the guarantees of the safe ones are required.
    fn asked_for(names: &[String]) -> Result<Vec<Self>, CommandError> {
        if names.is_empty() {
            let all = DISCIPLINES.iter().map(|named| Self {
                id: named.id.to_owned(),
                about: named.about,
                discipline: named.discipline,
                is_required: named.safe,
            });
            return Ok(all.collect());
        }
        let disciplines = names.iter().map(|name| {
            let named = DISCIPLINES.iter().find(|named| named.id == name);
            let about = named.map_or("the options as they were given", |named| named.about);
            let discipline = Discipline::find(name)?;
            Ok(Self { id: name.clone(), about, discipline, is_required: true })
        });
        disciplines.collect()
    }

    fn report(&self) -> DisciplineReport {
        let option = |id| self.discipline.option(id).unwrap_or_default();
        DisciplineReport {
            id: self.id.clone(),
            about: self.about.to_owned(),
            held: self.is_required,
            options: DISCIPLINE_POINTS.iter().map(|point| (point.id, option(point.id))).collect(),
        }
    }
}

/// Checks one revision under each discipline.
pub(super) fn check(
    task: &Task<'_>,
    rules: &Rules,
    subject: &ExploredSubject<'_>,
    selection: &Selection,
) -> Result<Vec<CheckReport>, CommandError> {
    let Task { args, workers, limits } = task;
    let scope = args.search.scopes(&[(1, 1)])?[0];
    let in_flight = usize::from(args.in_flight.unwrap_or(IN_FLIGHT));
    let executor = task.executor(Executor::Stateright);
    let reports = CheckedDiscipline::asked_for(&args.disciplines)?.into_iter().map(|kept| {
        let model = Concurrent::new(
            scope,
            subject.profile.clone(),
            rules.profile(),
            kept.discipline,
            in_flight,
        );
        let judged = Concurrent::guarantees(&kept.discipline);
        let guarantees = selection.among(judged);
        // No text speaks of calls that overlap, so the guarantees about them are required without a promise.
        let required = rules.promised().union(selection.named).union(Concurrent::own_guarantees());
        let progress = task.progress(format!("{}, {}", rules.id, kept.id));
        let run = Run::of([rules]);
        let teller = model.unexplained();
        let check = Check { model, guarantees, required, executor, workers };
        let found =
            check.run_overlapping(&limits.stop, &|seen| limits.on_progress(&progress, seen))?;
        drop(progress);
        let explored = ExplorationReport {
            model: "concurrent",
            scope,
            engine: executor.as_str(),
            subject: subject.name,
            peak_bytes: memory::peak(),
            ended_by: Some(limits.what_ended_it()),
        };
        let replay = |heading: ScenarioHeading, actions: &[ConcurrentAction]| {
            let ScenarioHeading { id, about, clauses } = heading;
            let actions = teller.replay(actions).expect("the model replays its own traces");
            Ok(Scenario::from_concurrent_trace(id, rules, about, clauses, &actions))
        };
        let system = rules.with_default_profile(&subject.profile);
        let mut report =
            CheckReport::with_scenarios(&system, required, explored, &found, run, replay)?;
        report.add_unseen(&system);
        report.discipline = Some(kept.report());
        report.in_flight = Some(in_flight);
        Ok(report)
    });
    reports.collect()
}
