//! The text report: a summary on one screen, then each divergence.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use guest_access_scenarios::permitted::DivergenceKind;
use guest_access_scenarios::scenario::{LABEL, Scenario, sentence_with};

use crate::diff::{Cause, ContentCheck, NotComparedTotal, NotRun, ReadingConflict, RivalCause};
use crate::report::{count, number, paint, style};

use super::{DiffReport, DivergenceReport};

impl Display for DiffReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let title = format!("{}, compared with {}", self.server_title(), self.rules);
        writeln!(f, "{}", paint(style::HEADING, title))?;
        self.fmt_effort(f)?;
        if let Some(older) = self.older_release_in_words() {
            writeln!(f, "{older}")?;
        }
        writeln!(f)?;
        self.fmt_verdict(f)?;
        self.fmt_defects(f)?;
        if !self.causes.is_empty() {
            writeln!(f, "\n{}", paint(style::HEADING, "It behaves as if"))?;
        }
        for (number, cause) in (1..).zip(&self.causes) {
            self.fmt_cause(f, number, cause)?;
        }
        self.fmt_baseline(f)?;
        let all = self.divergences.iter();
        let (wrong, others): (Vec<_>, Vec<_>) = all.partition(|d| self.fails_by(d));
        let (known, permitted): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|divergence| divergence.known.is_some());
        section(f, "Divergences", &wrong)?;
        section(f, "Known", &known)?;
        section(f, "Permitted by another reading than ours", &permitted)?;
        self.fmt_not_run(f)
    }
}

/// A rival of a cause, and what would decide between the two.
pub(super) fn rival_in_words(rival: &RivalCause) -> String {
    let RivalCause { decision_point, option, decided_by } = rival;
    let name = format!("`{decision_point}` were `{option}`");
    let Some(scenario) = decided_by else {
        return format!("{name}: no short scenario decides which of the two");
    };
    let label = scenario.label().unwrap_or(LABEL);
    let steps = scenario.steps.iter().map(|step| sentence_with(&step.action, label));
    format!("{name}: this would decide: {}", steps.collect::<Vec<_>>().join("; "))
}

impl DiffReport {
    /// That the rules are newer than the homeserver, if they are.
    pub(super) fn older_release_in_words(&self) -> Option<String> {
        let (older, rules) = (self.older_release.as_ref()?, &self.rules);
        Some(format!(
            "the homeserver says that it supports releases up to {older}; the rules of {rules} may ask for more"
        ))
    }

    fn fmt_effort(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let waiting = if self.seconds > 0.0 { self.waiting_seconds / self.seconds } else { 0.0 };
        writeln!(
            f,
            "{} in {} of {}, {}, in {:.1} s ({:.0} % of it waiting)",
            count(self.decisions, "decision"),
            number(self.scenarios_run),
            count(self.scenarios, "scenario"),
            count(self.requests, "call"),
            self.seconds,
            waiting * 100.0,
        )
    }

    fn fmt_verdict(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", VerdictLine(self))?;
        let failed = &self.not_compared.failed;
        if let Some(why) = &self.broken_off {
            writeln!(f, "{}", paint(style::BAD, format!("broken off: {why}")))?;
        } else if !self.complete {
            writeln!(
                f,
                "{}",
                paint(style::DOUBTFUL, "the run is incomplete: the time limit ended it")
            )?;
        }
        for line in first_reasons(failed) {
            writeln!(f, "  not compared: {line}")?;
        }
        let permitted = &self.not_compared.permitted;
        if !permitted.is_empty() {
            writeln!(f, "not compared, as is permitted: {}", permitted_in_words(permitted))?;
        }
        self.fmt_coverage(f)
    }

    /// The sections of the answers that were compared event by event, and those that were not.
    fn fmt_coverage(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (compared, others): (Vec<_>, Vec<_>) =
            self.coverage.iter().partition(|section| !section.checks.is_empty());
        if self.coverage.is_empty() {
            return writeln!(f, "not compared event by event: no answer gives an event");
        }
        let given = compared.iter().map(|section| section.given).sum();
        let endpoints: BTreeSet<_> = compared.iter().map(|section| &section.endpoint).collect();
        writeln!(
            f,
            "compared event by event: {} in {} of the answers of {}",
            count(given, "event"),
            count(compared.len(), "section"),
            count(endpoints.len(), "endpoint"),
        )?;
        let mut by_check: BTreeMap<ContentCheck, usize> = BTreeMap::new();
        for check in compared.iter().flat_map(|section| &section.checks) {
            *by_check.entry(*check).or_default() += 1;
        }
        let checks =
            by_check.iter().map(|(check, sections)| format!("{} {sections}", check.as_str()));
        let checks: Vec<_> = checks.collect();
        writeln!(f, "checks, with the number of sections: {}", checks.join(", "))?;
        let others: BTreeSet<_> = others.iter().map(|section| &*section.endpoint).collect();
        if !others.is_empty() {
            let others = others.into_iter().collect::<Vec<_>>().join(", ");
            writeln!(f, "not compared event by event: {others}")?;
        }
        Ok(())
    }

    /// One entry for each defect: what forbids the divergences, and where they show.
    fn fmt_defects(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.defects.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n{}", paint(style::HEADING, "Defects"))?;
        for (number, defect) in (1..).zip(&self.defects) {
            let divergences = count(defect.divergences.len(), defect.kind.as_str());
            let seen = times(defect.count);
            let divergences = paint(style::BAD, divergences);
            writeln!(f, "{number}. {divergences}, seen {seen}: {}", defect.reason())?;
            writeln!(f, "   {}", defect.places_in_words())?;
        }
        Ok(())
    }

    /// The entries of the baseline that did not occur.
    fn fmt_baseline(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(baseline) = &self.baseline else { return Ok(()) };
        for (heading, style, missing) in [
            (
                "Known, and no longer occurs: remove it from the baseline",
                style::BAD,
                &baseline.stale,
            ),
            ("Known, and not run", style::DOUBTFUL, &baseline.not_run),
        ] {
            if !missing.is_empty() {
                writeln!(f, "\n{}", paint(style::HEADING, heading))?;
            }
            for entry in missing {
                writeln!(f, "  {}\n    {}", paint(style, &entry.id), entry.in_words())?;
            }
        }
        Ok(())
    }

    fn fmt_cause(&self, f: &mut Formatter<'_>, number: usize, cause: &Cause) -> fmt::Result {
        let style = if cause.permitted { style::DOUBTFUL } else { style::BAD };
        let possibly = if cause.rivals.is_empty() { "" } else { "possibly " };
        let point = format!("{possibly}`{}` were `{}`", cause.decision_point, cause.option);
        let point = paint(style, point);
        let same = |d: &&DivergenceReport| {
            d.decision_point.as_ref() == Some(&cause.decision_point)
                && d.option.as_ref() == Some(&cause.option)
        };
        let kinds = self.divergences.iter().filter(same).count();
        let standing = match (cause.permitted, &cause.reading) {
            (true, Some(reading)) => format!(", which reading {reading} permits"),
            (true, None) => ", on which the text is silent".to_owned(),
            (false, _) => String::new(),
        };
        writeln!(
            f,
            "{number}. {point}{standing}: explains {}, seen {}",
            count(kinds, "divergence"),
            times(cause.explains)
        )?;
        writeln!(f, "   {}", cause.means)?;
        cause.rivals.iter().try_for_each(|rival| writeln!(f, "   or {}", rival_in_words(rival)))
    }

    fn fmt_not_run(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (heading, failure) in NOT_RUN {
            let entries: Vec<_> =
                self.not_run.iter().filter(|not_run| not_run.failure == failure).collect();
            if !entries.is_empty() {
                writeln!(f, "\n{}", paint(style::HEADING, heading))?;
                fmt_not_run(f, &entries)?;
            }
        }
        Ok(())
    }
}

/// The verdict in one line.
pub(super) struct VerdictLine<'a>(pub(super) &'a DiffReport);

impl VerdictLine<'_> {
    /// The verdict without colours.
    pub(super) fn plain(&self) -> String {
        anstream::adapter::strip_str(&self.to_string()).to_string()
    }
}

impl Display for VerdictLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(report) = self;
        let (failing, others): (Vec<_>, Vec<_>) =
            report.divergences.iter().partition(|divergence| report.fails_by(divergence));
        let of = |kind: DivergenceKind| {
            failing.iter().filter(|divergence| divergence.kind == kind).count()
        };
        let kinds = DivergenceKind::ALL.into_iter().filter(|kind| of(*kind) > 0);
        let kinds: Vec<_> = kinds.map(|kind| count(of(kind), kind.as_str())).collect();
        let known = others.iter().filter(|divergence| divergence.known.is_some()).count();
        let permitted = others.len() - known;
        let failed = &report.not_compared.failed;
        let not_compared = not_compared_in_words(failed, report.scenarios);
        let (style, verdict) = match (kinds.is_empty(), report.decisions) {
            (true, 0) => (style::DOUBTFUL, "no step was judged".to_owned()),
            (true, _) if !failed.is_empty() => {
                let place = if known > 0 { "the rest outside the baseline" } else { "the rest" };
                (style::DOUBTFUL, format!("no verdict: {not_compared}; no divergence in {place}"))
            }
            (true, _) if known > 0 => {
                (style::GOOD, "no divergence outside the baseline".to_owned())
            }
            (true, _) => (style::GOOD, "no divergence".to_owned()),
            (false, _) => (style::BAD, kinds.join(", ")),
        };
        write!(f, "{}", paint(style, verdict))?;
        if !failed.is_empty() && (!kinds.is_empty() || report.decisions == 0) {
            write!(f, "; {}", paint(style::DOUBTFUL, not_compared))?;
        }
        if known > 0 {
            write!(f, ", {known} known")?;
        }
        if permitted > 0 {
            write!(f, ", and {permitted} that another reading permits")?;
        }
        Ok(())
    }
}

fn fmt_not_run(f: &mut Formatter<'_>, entries: &[&NotRun]) -> fmt::Result {
    for not_run in entries {
        let what = match &not_run.step {
            Some(step) => step.clone(),
            None => format!("scenario {}", not_run.scenario),
        };
        write!(f, "  {what}")?;
        if not_run.with_it > 0 {
            write!(f, ", and {} that depend on it", count(not_run.with_it, "step"))?;
        }
        if not_run.count > 1 {
            write!(f, " ({})", times(not_run.count))?;
        }
        writeln!(f, "\n    {}", not_run.because)?;
    }
    Ok(())
}

/// The headings of the lists of steps that were not run, each with whether the reasons are failures.
pub(super) const NOT_RUN: [(&str, bool); 2] =
    [("Not compared, because of a failure", true), ("Not run, as is permitted", false)];

/// The number of reasons that a summary gives.
const FIRST_REASONS: usize = 3;

/// The number of decisions that were not compared, in words.
pub(super) fn not_compared_in_words(total: &NotComparedTotal, scenarios: usize) -> String {
    let were = if total.decisions == 1 { "was" } else { "were" };
    format!(
        "{} in {} of {} {were} not compared",
        count(total.decisions, "decision"),
        number(total.scenarios),
        count(scenarios, "scenario"),
    )
}

/// The first reasons why decisions were not compared, a line each.
pub(super) fn first_reasons(total: &NotComparedTotal) -> Vec<String> {
    let first = total.reasons.iter().take(FIRST_REASONS);
    let mut lines: Vec<_> = first
        .map(|reason| format!("{} ({})", reason.because, count(reason.decisions, "decision")))
        .collect();
    let others = total.reasons.len().saturating_sub(FIRST_REASONS);
    if others > 0 {
        lines.push(format!("for {}", count(others, "other reason")));
    }
    lines
}

/// The number of decisions that need not be compared, and the reasons, in words.
pub(super) fn permitted_in_words(total: &NotComparedTotal) -> String {
    let decisions = count(total.decisions, "decision");
    let scenarios = count(total.scenarios, "scenario");
    format!("{decisions} in {scenarios}: {}", first_reasons(total).join(", "))
}

fn section(f: &mut Formatter<'_>, heading: &str, divergences: &[&DivergenceReport]) -> fmt::Result {
    if !divergences.is_empty() {
        writeln!(f, "\n{}", paint(style::HEADING, heading))?;
    }
    divergences.iter().try_for_each(|divergence| fmt_divergence(f, divergence))
}

fn fmt_divergence(f: &mut Formatter<'_>, divergence: &DivergenceReport) -> fmt::Result {
    let quiet = divergence.permitted || divergence.known.is_some();
    let kind = if quiet { style::DOUBTFUL } else { style::BAD };
    let seen = times(divergence.count);
    writeln!(f, "\n{} ({}, seen {seen})", paint(kind, &divergence.id), divergence.by)?;
    for line in description(divergence).lines() {
        writeln!(f, "  {line}")?;
    }
    Ok(())
}

/// The description of a divergence, in lines.
pub(super) fn description(divergence: &DivergenceReport) -> String {
    let mut lines = Vec::new();
    if let Some(known) = &divergence.known {
        lines.push(format!("known:          {}", known.in_words()));
    }
    // The rules alone permit an inconsistent answer. The rest of the run determines the expectation.
    let expects =
        if divergence.conflicts.is_empty() { "the rules:      " } else { "as in the run:  " };
    lines.push(format!("{expects}{}", divergence.expected));
    lines.push(format!("the homeserver: {}", divergence.observed));
    let clauses = match divergence.clauses.as_slice() {
        [] => String::new(),
        clauses => format!(" ({})", clauses.join(", ")),
    };
    lines.push(format!("because {}{clauses}", divergence.because));
    for reading in &divergence.readings {
        let id = reading.reading.as_deref().unwrap_or("the text is silent");
        lines.push(format!("{id}: `{}` may be `{}`", reading.decision_point, reading.option));
    }
    for conflict in &divergence.conflicts {
        lines.extend(conflict_in_words(conflict));
    }
    match (&divergence.decision_point, &divergence.option) {
        (Some(point), Some(option)) => lines.push(format!("as if `{point}` were `{option}`")),
        _ if divergence.conflicts.is_empty() => lines.push("unexplained".to_owned()),
        _ => {}
    }
    lines.extend(steps_in_words(&divergence.scenario));
    for contrast in &divergence.contrasts {
        lines.push("compare with this scenario of the same run:".to_owned());
        lines.extend(steps_in_words(contrast));
    }
    lines.extend(divergence.remarks().map(|remark| format!("  {remark}")));
    lines.join("\n")
}

/// The steps of a scenario, in numbered lines.
fn steps_in_words(scenario: &Scenario) -> impl Iterator<Item = String> {
    let label = scenario.label().unwrap_or(LABEL);
    let steps = (1..).zip(&scenario.steps);
    steps.map(move |(number, step)| format!("  {number}. {}", sentence_with(&step.action, label)))
}

/// A decision point that the homeserver answers in two ways, in lines.
fn conflict_in_words(conflict: &ReadingConflict) -> [String; 3] {
    let reading = conflict.reading.as_deref().unwrap_or("the text is silent");
    let clauses = match conflict.clauses.as_slice() {
        [] => String::new(),
        clauses => format!(" ({})", clauses.join(", ")),
    };
    [
        format!("two answers to one question: `{}`; {reading}{clauses}", conflict.decision_point),
        format!("  in the run: `{}`. {}", conflict.in_run, conflict.in_run_means),
        format!("  here: `{}`. {}", conflict.here, conflict.here_means),
    ]
}

/// A number of times, in words: `once`, `twice`, `3 times`.
pub(super) fn times(number: usize) -> String {
    match number {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{} times", super::super::number(number)),
    }
}
