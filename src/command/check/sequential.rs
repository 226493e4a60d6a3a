//! `check --model sequential`: one call at a time, at each scope.

use std::panic::resume_unwind;

use guest_access_model::check::{
    self, BrokenPromises, Check, PermittedAnswer, Report, Status, check_permitted,
    check_promises_of_base,
};
use guest_access_model::dense::NumberOfRooms;
use guest_access_model::executor::{Encoding, Executor, ExecutorError};
use guest_access_model::guarantee::expressible_at;
use guest_access_model::lockstep;
use guest_access_model::memory;
use guest_access_model::sequential::Sequential;
use guest_access_model::state::Scope;
use guest_access_model::stop::Stop;
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::rules::Rules;

use crate::command::CommandError;
use crate::report::check::{CheckReport, ExplorationReport};
use crate::report::{Run, count};
use crate::subject::reference::ReferenceSubject;

use super::args::Model;
use super::selection::{ExploredSubject, Selection};
use super::task::Task;

/// The default scopes, as guests and rooms.
const SCOPES: [(usize, usize); 2] = [(2, 1), (1, 2)];
/// The scope at which model and reference are compared.
const LOCKSTEP: Scope = Scope { guests: 1, rooms: 1 };

/// Checks one revision at each scope, or for any number of guests.
///
/// Where guests depend on each other, no argument covers any number of them. Then the reports are those of
/// the default scopes, without a verdict.
pub(super) fn check(
    task: &Task<'_>,
    rules: &Rules,
    subject: &ExploredSubject<'_>,
    selection: &Selection,
) -> Result<Vec<CheckReport>, CommandError> {
    let search = &task.args.search;
    let Some(rooms) = search.rooms_of_any_guests()? else {
        let scopes = search.scopes(&SCOPES)?.into_iter();
        let reports =
            scopes.map(|scope| move || check_scope(task, rules, subject, selection, scope));
        return with_agreement(task, rules, subject, selection, reports);
    };
    if let Some(report) = check_any_number(task, rules, subject, selection, rooms)? {
        return with_agreement(task, rules, subject, selection, [|| Ok(report)]);
    }
    let reports = SCOPES.map(|(guests, rooms)| {
        move || {
            let scope = Scope { guests, rooms };
            let mut report = check_scope(task, rules, subject, selection, scope)?;
            report.cover_no_other_number();
            Ok(report)
        }
    });
    with_agreement(task, rules, subject, selection, reports)
}

/// Makes each of these reports, and completes it.
///
/// For the first scope, the agreement of model and reference is checked too, and the answers that the
/// rules permit. The other reports repeat what the permitted answers break.
fn with_agreement<F: FnOnce() -> Result<CheckReport, CommandError>>(
    task: &Task<'_>,
    rules: &Rules,
    subject: &ExploredSubject<'_>,
    selection: &Selection,
    makes: impl IntoIterator<Item = F>,
) -> Result<Vec<CheckReport>, CommandError> {
    let mut agreement = selection.agreement;
    // The answers of the permitted options are checked for the reference alone, and not for a defect.
    let mut permitted = subject.name == "reference";
    let mut reports: Vec<CheckReport> = Vec::new();
    for make in makes {
        let mut report = make()?;
        let stop = &task.limits.stop;
        let mut is_asked = std::mem::take(&mut permitted) && report.complete;
        let workers = task.workers.threads;
        // An answer can break only what holds by default.
        let holding = report.with_status(Status::Holds).map(|property| property.id);
        let holding: GuaranteeSet = holding.filter_map(GuaranteeId::find).collect();
        is_asked &= !holding.is_empty() || rules.base_of_proposal().is_some();
        let (lockstep, permitted) = std::thread::scope(|threads| {
            let permitted = threads
                .spawn(|| is_asked.then(|| PermittedResult::check(rules, holding, workers, stop)));
            let lockstep = std::mem::take(&mut agreement).then(|| {
                let reference = ReferenceSubject::new(subject.profile.clone(), LOCKSTEP);
                lockstep::explore(&rules.profile(), LOCKSTEP, reference, workers, stop)
            });
            (lockstep, permitted.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        if let Some(permitted) = permitted.transpose()? {
            report.add_permitted(rules, &permitted.answers)?;
            if let (Some(base), Some(found)) = (rules.base_of_proposal(), &permitted.of_base) {
                report.add_promises_of_base(base, rules, found)?;
            }
        }
        if let Some(first) = reports.first() {
            report.repeat_permitted(first);
        }
        if let Some(found) = lockstep {
            report.add_agreement(rules, &found)?;
        }
        reports.push(report);
    }
    Ok(reports)
}

/// The results for the permitted answers and for the promises of the base.
struct PermittedResult {
    answers: Vec<PermittedAnswer>,
    of_base: Option<BrokenPromises>,
}

impl PermittedResult {
    fn check(
        rules: &Rules,
        guarantees: GuaranteeSet,
        threads: usize,
        stop: &Stop,
    ) -> Result<Self, ExecutorError> {
        let answers = check_permitted(rules, guarantees, threads, stop)?;
        let base = rules.base_of_proposal();
        let of_base =
            base.map(|base| check_promises_of_base(base, rules, guarantees, stop)).transpose()?;
        Ok(Self { answers, of_base })
    }
}

fn check_scope(
    task: &Task<'_>,
    rules: &Rules,
    subject: &ExploredSubject<'_>,
    selection: &Selection,
    scope: Scope,
) -> Result<CheckReport, CommandError> {
    let Task { workers, limits, .. } = task;
    let executor = task.executor(Executor::default_for(scope));
    let (guarantees, required) = selected(rules, selection, scope);
    let of =
        format!("{}, {}, {}", rules.id, count(scope.guests, "guest"), count(scope.rooms, "room"));
    let progress = task.progress(of);
    let run = Run::of([rules]);
    let model = Sequential::new(scope, subject.profile.clone(), rules.profile());
    let found = Check { model, guarantees, required, executor, workers }
        .run(&limits.stop, &|seen| limits.on_progress(&progress, seen))?;
    drop(progress);
    let of = (scope, executor.as_str());
    report(task, rules, subject, selection, of, &found, run)
}

/// The report for any number of guests; `None` if guests depend on each other.
fn check_any_number(
    task: &Task<'_>,
    rules: &Rules,
    subject: &ExploredSubject<'_>,
    selection: &Selection,
    rooms: NumberOfRooms,
) -> Result<Option<CheckReport>, CommandError> {
    let run = Run::of([rules]);
    // Another guest and another room stand for any number.
    let scope = Scope { guests: 2, rooms: 1 };
    let found = check::check_any_number(
        &subject.profile,
        &rules.profile(),
        rooms,
        selected(rules, selection, scope),
        task.workers.threads,
        &task.limits.stop,
    );
    let Some(found) = found else { return Ok(None) };
    let of = (scope, Encoding::GuestViews.as_str());
    let mut report = report(task, rules, subject, selection, of, &found, run)?;
    report.cover_any_number(rooms);
    Ok(Some(report))
}

/// The guarantees to judge at a scope, and those of them that must hold.
fn selected(rules: &Rules, selection: &Selection, scope: Scope) -> (GuaranteeSet, GuaranteeSet) {
    // A guarantee that the user names is required, whether the revision promises it or not.
    let required = rules.promised().union(selection.named);
    let named = selection.named;
    let judged = if named.is_empty() { expressible_at(scope) } else { named };
    (judged.intersection(rules.guarantees()), required)
}

/// The report of what was found at a scope by an engine.
fn report(
    task: &Task<'_>,
    rules: &Rules,
    subject: &ExploredSubject<'_>,
    selection: &Selection,
    (scope, engine): (Scope, &'static str),
    found: &Report,
    run: Run,
) -> Result<CheckReport, CommandError> {
    let explored = ExplorationReport {
        model: "sequential",
        scope,
        engine,
        subject: subject.name,
        peak_bytes: memory::peak(),
        ended_by: Some(task.limits.what_ended_it()),
    };
    let system = rules.with_default_profile(&subject.profile);
    let mut report = CheckReport::new(&system, explored, found, run)?;
    report.add_unseen(&system);
    if selection.named.is_empty() && rules.base_of_proposal().is_some() {
        report.add_not_judged(rules, Model::Sequential.judges());
    }
    Ok(report)
}
