//! The text report: the verdict first, then the causes, then each divergence with its scenario.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use guest_access_scenarios::permitted::DivergenceKind;

use super::{FederatedDivergenceReport, FederatedReport};
use crate::diff::ReadingTaken;
use crate::report::{count, paint, style};

impl Display for FederatedReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", paint(style::HEADING, self.title()))?;
        writeln!(
            f,
            "{} of {}, {}, in {:.1} s",
            self.scenarios_run,
            count(self.scenarios, "scenario"),
            count(self.decisions, "decision"),
            self.seconds
        )?;
        writeln!(f)?;
        self.fmt_verdict(f)?;
        if !self.causes.is_empty() {
            writeln!(f, "\n{}", paint(style::HEADING, "It behaves as if"))?;
            for cause in &self.causes {
                writeln!(
                    f,
                    "  {}={}: {} ({}; {})",
                    cause.decision_point,
                    cause.option,
                    cause.means,
                    count(cause.explains, "divergence"),
                    cause.clauses.join(", ")
                )?;
            }
        }
        let wrong = self.divergences.iter().filter(|found| self.fails_by(found));
        for (number, divergence) in (1..).zip(wrong) {
            writeln!(f)?;
            divergence.fmt(f, number)?;
        }
        self.fmt_known(f)?;
        self.fmt_permitted(f)?;
        if !self.not_run.is_empty() {
            writeln!(f, "\n{}", paint(style::HEADING, "Not judged"))?;
            for entry in &self.not_run {
                writeln!(f, "  {}: {}: {}", entry.scenario, entry.step, entry.because)?;
            }
        }
        let open: usize = self.ran.iter().map(|ran| ran.open).sum();
        if open > 0 {
            let answers = count(open, "answer");
            writeln!(f, "\n{answers} not judged, since the rules leave them open")?;
        }
        Ok(())
    }
}

impl FederatedReport {
    /// The divergences that the baseline lists, and the entries that did not occur.
    fn fmt_known(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(baseline) = &self.baseline else { return Ok(()) };
        writeln!(f, "\n{}", paint(style::HEADING, "Baseline"))?;
        writeln!(f, "  {} known", baseline.known)?;
        for found in &self.divergences {
            if let Some(known) = &found.known {
                writeln!(f, "    {}: {}", found.id, known.in_words())?;
            }
        }
        for entry in &baseline.stale {
            let text = format!("  stale: {}: {}", entry.id, entry.in_words());
            writeln!(f, "{}", paint(style::BAD, text))?;
        }
        for entry in &baseline.not_run {
            writeln!(f, "  not run: {}: {}", entry.id, entry.in_words())?;
        }
        Ok(())
    }

    /// The answers that another reading permits, reading by reading.
    fn fmt_permitted(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut by_reading: BTreeMap<&ReadingTaken, Vec<&str>> = BTreeMap::new();
        for found in self.divergences.iter().filter(|found| !self.is_wrong(found)) {
            for taken in found.readings.iter().take(1) {
                by_reading.entry(taken).or_default().push(found.scenario);
            }
        }
        if by_reading.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n{}", paint(style::HEADING, "Permitted by another reading than ours"))?;
        for (taken, scenarios) in by_reading {
            let by = match &taken.reading {
                Some(id) => format!("reading {id}"),
                None => "the text is silent".to_owned(),
            };
            let answers = count(scenarios.len(), "answer");
            writeln!(f, "  {}={} ({by}): {answers}", taken.decision_point, taken.option)?;
            writeln!(f, "    {}", scenarios.join(", "))?;
        }
        Ok(())
    }

    fn fmt_verdict(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let wrong: Vec<_> = self.divergences.iter().filter(|found| self.fails_by(found)).collect();
        let kinds = DivergenceKind::ALL.into_iter().filter_map(|kind| {
            let number = wrong.iter().filter(|divergence| divergence.kind == kind).count();
            (number > 0).then(|| count(number, kind.as_str()))
        });
        let kinds: Vec<_> = kinds.collect();
        if !kinds.is_empty() {
            writeln!(f, "{}", paint(style::BAD, format!("it diverges: {}", kinds.join(", "))))?;
        } else if self.is_whole() {
            let known = self.baseline.as_ref().is_some_and(|baseline| baseline.known > 0);
            let verdict = if known {
                "no divergence outside the baseline"
            } else {
                "it does with its guests what the rules demand, in every scenario"
            };
            writeln!(f, "{}", paint(style::GOOD, verdict))?;
        }
        if !self.is_whole() {
            let failed = self.not_run.iter().filter(|entry| entry.failure).count();
            let text = format!("{} had to be judged and were not", count(failed, "step"));
            writeln!(f, "{}", paint(style::DOUBTFUL, text))?;
        }
        Ok(())
    }
}

impl FederatedDivergenceReport {
    fn fmt(&self, f: &mut Formatter<'_>, number: usize) -> fmt::Result {
        let title = format!("{number}. {}: {}", self.kind.as_str(), self.step);
        writeln!(f, "{}", paint(style::HEADING, title))?;
        writeln!(f, "   {} ({})", self.about, self.id)?;
        writeln!(f, "   expected: {} ({})", self.expected, self.clauses.join(", "))?;
        writeln!(f, "     because {}", self.because)?;
        writeln!(f, "   observed: {}", self.observed)?;
        for taken in &self.readings {
            let by = match &taken.reading {
                Some(id) => format!("reading {id}"),
                None => "the text is silent".to_owned(),
            };
            writeln!(f, "   permitted by {}={} ({by})", taken.decision_point, taken.option)?;
        }
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "      {number}. {step}")?;
        }
        Ok(())
    }
}
