//! The text report: the verdict first, then each violation with its calls drawn against time.

use std::fmt::{self, Display, Formatter};

use guest_access_scenarios::permitted::DivergenceKind;

use crate::contention::LimitedSearch;
use crate::report::{count, paint, style};

use super::timeline::Timeline;
use super::{
    ContentionReport, EvidenceReport, InconsistencyReport, PartitionReport, UndecidedReport,
    ViolationReport,
};

/// The sentence about the partitions that were not examined.
pub(super) const NOT_LOOKED_INTO: &str =
    "that no known reading explains, and that were not examined";

/// The sentence about a question that the homeserver answers in two ways.
pub(super) const ONE_OPTION: &str =
    "the text permits each of two options, and a homeserver takes one for the whole run";

impl Display for ContentionReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", paint(style::HEADING, self.title()))?;
        writeln!(
            f,
            "{}, {}, of which {}",
            count(self.rounds, "round"),
            count(self.calls, "call"),
            overlapping_calls(self)
        )?;
        writeln!(
            f,
            "checked in {}, in {:.1} s",
            count(self.parts, "partition"),
            self.checking_seconds
        )?;
        writeln!(f)?;
        self.fmt_verdict(f)?;
        if let Some(failed) = self.failed_in_words() {
            writeln!(f, "{}", paint(style::DOUBTFUL, failed))?;
        }
        for (number, violation) in (1..).zip(&self.violations) {
            writeln!(f)?;
            violation.fmt(f, number)?;
        }
        for inconsistency in &self.inconsistent {
            writeln!(f)?;
            inconsistency.fmt(f)?;
        }
        if !self.readings.is_empty() {
            writeln!(f, "\n{}", paint(style::HEADING, "Permitted by another reading than ours"))?;
            for reading in &self.readings {
                let taken = &reading.taken;
                let by = taken
                    .reading
                    .as_ref()
                    .map_or("the text is silent".to_owned(), |id| format!("reading {id}"));
                let partitions = count(reading.parts, "partition");
                writeln!(f, "  {}={}, in {partitions} ({by})", taken.decision_point, taken.option)?;
            }
        }
        if self.unshown > 0 {
            let partitions = count(self.unshown, "more partition");
            writeln!(f, "\n{partitions} {NOT_LOOKED_INTO}")?;
        }
        if !self.undecided.is_empty() {
            writeln!(
                f,
                "\n{}",
                paint(style::HEADING, "Undecided: the search stopped at its limit")
            )?;
            for part in &self.undecided {
                writeln!(f, "  {part}")?;
            }
        }
        Ok(())
    }
}

fn overlapping_calls(report: &ContentionReport) -> String {
    let unanswered = match report.unanswered {
        0 => String::new(),
        unanswered => format!("{} without an answer; ", super::super::number(unanswered)),
    };
    format!("{unanswered}{} overlapped", count(report.overlapping, "pair"))
}

impl ContentionReport {
    fn fmt_verdict(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (races, sequences): (Vec<_>, Vec<_>) =
            self.violations.iter().partition(|violation| violation.race);
        if self.calls == 0 {
            writeln!(f, "{}", paint(style::DOUBTFUL, "there are no calls to check"))?;
        } else if self.has_orders() {
            let verdict = "every partition has an order that explains all its answers";
            let style = if self.failed_calls > 0 { style::DOUBTFUL } else { style::GOOD };
            let before = if self.failed_calls > 0 {
                "no verdict: of the calls with an answer, "
            } else {
                ""
            };
            writeln!(f, "{}", paint(style, format!("{before}{verdict}")))?;
        } else if self.violations.is_empty() && self.inconsistent.is_empty() {
            writeln!(f, "{}", paint(style::DOUBTFUL, "some partitions have no verdict"))?;
        } else {
            let kinds = |of: &[&ViolationReport], sort: &str| {
                let kinds = DivergenceKind::ALL.into_iter().filter_map(|kind| {
                    let number = of.iter().filter(|violation| violation.kind == kind).count();
                    (number > 0).then(|| count(number, kind.as_str()))
                });
                let kinds: Vec<_> = kinds.collect();
                (!kinds.is_empty()).then(|| format!("{sort}: {}", kinds.join(", ")))
            };
            let inconsistent = (!self.inconsistent.is_empty()).then(|| {
                format!(
                    "inconsistent: {} answered in two ways",
                    count(self.inconsistent.len(), "question")
                )
            });
            let sorts =
                [kinds(&races, "races"), kinds(&sequences, "without any overlap"), inconsistent];
            let sorts: Vec<_> = sorts.into_iter().flatten().collect();
            writeln!(f, "{}", paint(style::BAD, sorts.join("; ")))?;
        }
        if let Some(why) = &self.broken_off {
            writeln!(f, "{}", paint(style::BAD, format!("broken off: {why}")))?;
        }
        Ok(())
    }
}

impl InconsistencyReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let conflict = &self.conflict;
        let heading = format!("inconsistent: {}", conflict.decision_point);
        writeln!(f, "{}", paint(style::HEADING, heading))?;
        let clauses = if conflict.clauses.is_empty() {
            String::new()
        } else {
            format!(" ({})", conflict.clauses.join(", "))
        };
        writeln!(f, "   {ONE_OPTION}{clauses}")?;
        writeln!(f, "   in the run: {}, {}", conflict.in_run, conflict.in_run_means)?;
        let parts = count(self.parts, "partition");
        writeln!(f, "   in {parts}: {}, {}", conflict.here, conflict.here_means)?;
        self.in_run_part.fmt(f, &conflict.here)?;
        self.here_part.fmt(f, &conflict.in_run)
    }
}

impl EvidenceReport {
    fn fmt(&self, f: &mut Formatter<'_>, refuted: &str) -> fmt::Result {
        writeln!(f, "   {}, which no order explains by {refuted}:", self.part)?;
        write_timeline(f, &Timeline::of(&self.calls, self.unexplained))
    }
}

impl Display for PartitionReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "round {}: {}", self.round, self.of)?;
        self.event.iter().try_for_each(|event| write!(f, " and {event}"))
    }
}

impl Display for UndecidedReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.search {
            LimitedSearch::Linearization => {
                write!(f, "{}: whether some order explains its answers", self.part)
            }
            LimitedSearch::Assignment => {
                write!(
                    f,
                    "{}: whether the readings of the other partitions explain it too",
                    self.part
                )
            }
        }
    }
}

/// Draws the calls, each on a line, against time.
fn write_timeline(f: &mut Formatter<'_>, timeline: &Timeline<'_>) -> fmt::Result {
    let client = timeline.rows.iter().map(|row| row.client().len()).max().unwrap_or_default();
    timeline.rows.iter().try_for_each(|row| {
        let summary = row.summary();
        let summary = if row.unexplained { paint(style::BAD, summary + "  ◀") } else { summary };
        let bar = timeline.bar(row);
        writeln!(f, "   {:>3} {:client$}  {bar}  {summary}", row.number, row.client())
    })
}

impl ViolationReport {
    fn fmt(&self, f: &mut Formatter<'_>, number: usize) -> fmt::Result {
        let heading = format!("{number}. {}, {}: {}", self.sort(), self.kind.as_str(), self.what);
        writeln!(f, "{}", paint(style::HEADING, heading))?;
        let clauses = if self.clauses.is_empty() {
            String::new()
        } else {
            format!(" ({})", self.clauses.join(", "))
        };
        let observed = paint(style::BAD, &self.observed);
        writeln!(f, "   {observed}; no order of the calls explains it{clauses}")?;
        let times =
            if self.count == 1 { "once".to_owned() } else { format!("{} times", self.count) };
        writeln!(f, "   seen {times}; in round {}:", self.round)?;
        write_timeline(f, &Timeline::of(&self.calls, self.unexplained))?;
        if !self.race {
            writeln!(
                f,
                "   no calls overlapped: the violation is no race, and `diff` finds such a divergence too"
            )?;
        }
        for expected in self.expected.iter().take(MOST_ORDERS) {
            writeln!(f, "   {}", expected.sentence())?;
        }
        if self.expected.len() > MOST_ORDERS {
            let more = self.expected.len() - MOST_ORDERS;
            writeln!(f, "   and {} with another prediction", count(more, "order"))?;
        }
        if !self.anytime.is_empty() {
            let calls = count(self.anytime.len(), "other call");
            let ignored = format!(
                "   {calls} in the room do not help to explain the answers, at whatever time they took effect"
            );
            writeln!(f, "{}", paint(style::DIM, ignored))?;
        }
        Ok(())
    }
}

/// The number of predictions that the report lists at most.
pub(super) const MOST_ORDERS: usize = 4;
