//! The report of `check` as a document: the verdicts, then the traces.

use guest_access_model::check::Status;

use super::permitted::FailsBy;
use super::{CheckReport, Property};
use crate::report::document::{Document, Part, Tone, Toned};
use crate::report::{UncheckedEndpoint, count};

/// The reports of one run as Markdown.
///
/// # Panics
/// If there is no report.
pub fn markdown(reports: &[CheckReport]) -> String {
    document(reports).markdown()
}

/// The reports of one run as a page of HTML.
///
/// # Panics
/// If there is no report.
pub fn html(reports: &[CheckReport]) -> String {
    document(reports).html()
}

fn document(reports: &[CheckReport]) -> Document<'_> {
    let mut rules: Vec<&str> = reports.iter().map(|report| report.called.as_str()).collect();
    rules.dedup();
    let rules = rules.join(", ");
    let verdict = if reports.iter().any(CheckReport::fails) {
        Toned::new("a promise does not hold", Tone::Bad)
    } else if reports.iter().all(CheckReport::has_a_verdict) {
        Toned::new("every checked promise holds", Tone::Good)
    } else {
        Toned::new("no verdict", Tone::Doubtful)
    };
    let mut parts = Vec::new();
    let mut last = None;
    for report in reports {
        if last.replace(&report.called) != Some(&report.called) {
            parts.push(Part::Paragraph(report.source.about.clone()));
        }
        report.add_parts(&mut parts);
    }
    Document {
        title: format!("{rules}: the guarantees to guests"),
        verdicts: vec![verdict],
        parts,
        rules,
        run: &reports.first().expect("a check has a report").run,
    }
}

impl CheckReport {
    fn add_parts(&self, parts: &mut Vec<Part>) {
        parts.push(Part::Section(format!("{}, {}", self.called, self.scope_in_words())));
        if let Some(discipline) = &self.discipline {
            parts.push(Part::Paragraph(format!("`{}`: {}", discipline.id, discipline.about)));
        }
        let all = if self.complete { "all " } else { "" };
        let (states, transitions) =
            (count(self.states, "state"), count(self.transitions, "transition"));
        parts.push(Part::Paragraph(format!(
            "The {} model, {all}{states} and {transitions}: {}.",
            self.model,
            self.summary()
        )));
        if let Some(ended_by) = self.ended_by {
            let text = format!("Not finished: ended by {ended_by}. Nothing is known of the rest.");
            parts.push(Part::Paragraph(text));
        }
        parts.push(Part::Table {
            headings: &["guarantee", "what always holds", "status", "promised by"],
            rows: self.properties.iter().map(Property::cells).collect(),
        });
        if !self.not_judged.is_empty() {
            let text = format!(
                "Promised, and judged only by another `--model`: {}.",
                self.not_judged.join(", ")
            );
            parts.push(Part::Paragraph(text));
        }
        self.add_unseen_parts(parts);
        for property in self.properties.iter().filter(|p| p.counterexample.is_some()) {
            self.add_counterexample(parts, property);
        }
        if self.repeats.is_none() {
            self.add_promises_of_base_parts(parts);
        }
        self.add_permitted_parts(parts);
    }

    fn add_unseen_parts(&self, parts: &mut Vec<Part>) {
        if self.unseen.is_empty() {
            return;
        }
        parts.push(Part::Finding("What no rule looks at".to_owned()));
        parts.push(Part::List(self.unseen.iter().flat_map(UncheckedEndpoint::sentences).collect()));
        let unknown: Vec<_> =
            self.with_status(Status::Unknown).map(|p| format!("`{}`", p.id)).collect();
        if !unknown.is_empty() {
            parts.push(Part::Paragraph(format!("So nothing is known of {}.", unknown.join(", "))));
        }
    }

    fn add_counterexample(&self, parts: &mut Vec<Part>, property: &Property) {
        let Some(scenario) = &property.counterexample else { return };
        let (words, _) = property.words();
        parts.push(Part::Finding(format!("`{}`: {words}", property.id)));
        parts.push(Part::Paragraph(format!("Not always: {}.", property.always)));
        if let Some(withdrawn) = &property.withdrawn {
            let text = format!("Withdrawn in {} because {}.", withdrawn.by, withdrawn.because);
            parts.push(Part::Paragraph(text));
        }
        parts.push(Part::trace(scenario, &self.source));
    }

    fn add_promises_of_base_parts(&self, parts: &mut Vec<Part>) {
        for property in &self.properties {
            let Some(of_base) = &property.breaks_base else { continue };
            parts.push(Part::Finding(format!("`{}`: {}", property.id, of_base.in_words())));
            parts.push(Part::Paragraph(format!("Not always: {}.", property.always)));
            parts.push(Part::trace(&of_base.counterexample, &self.source));
        }
        if !self.promised_anew.is_empty() {
            let anew: Vec<_> = self.promised_anew.iter().map(|id| format!("`{id}`")).collect();
            parts.push(Part::Paragraph(format!(
                "Promised anew, so only the proposal's own list of endpoints judges: {}.",
                anew.join(", ")
            )));
        }
        if !self.lost_clauses.is_empty() {
            parts.push(Part::Finding("Clauses that lose their rules".to_owned()));
            let lost = self.lost_clauses.iter();
            let lost = lost.map(|lost| format!("{}: {}", lost.clause, lost.because));
            parts.push(Part::List(lost.collect()));
        }
    }

    fn add_permitted_parts(&self, parts: &mut Vec<Part>) {
        let Some(permitted) = &self.permitted else { return };
        let holds = self.with_status(Status::Holds).next().is_some();
        if !holds || permitted.answers == 0 {
            return;
        }
        parts.push(Part::Finding("What the rules permit besides the default".to_owned()));
        if let Some(scope) = &self.repeats {
            parts.push(Part::Paragraph(format!("As at {scope}.")));
            return;
        }
        let broken: Vec<_> = self.properties.iter().filter(|p| !p.fails_by.is_empty()).collect();
        let tried = permitted.in_words();
        if broken.is_empty() {
            let text = format!(
                "The rules permit {tried}. None of them breaks a guarantee that holds by default."
            );
            parts.push(Part::Paragraph(text));
            return;
        }
        parts.push(Part::Paragraph(format!(
            "The rules permit {tried}. Some of them break a guarantee:"
        )));
        let in_short = |property: &&Property| {
            let answers: Vec<_> = property.fails_by.iter().map(FailsBy::in_code).collect();
            format!("`{}`: {}", property.id, answers.join(", "))
        };
        parts.push(Part::List(broken.iter().map(in_short).collect()));
        for property in broken {
            for by in property.fails_by.iter().filter(|by| self.properties.len() == 1 || by.new) {
                by.add_parts(parts, property);
            }
        }
    }
}

impl Property {
    /// The cells of the property in the table of verdicts.
    fn cells(&self) -> Vec<Toned> {
        let (status, _) = self.verdict();
        let tone = match self.status {
            _ if self.fails_by.iter().any(|by| by.new) => Tone::Bad,
            Status::Holds => Tone::Good,
            Status::Violated | Status::Vacuous => Tone::Bad,
            Status::Unknown => Tone::Doubtful,
            Status::NotPromised => Tone::Plain,
        };
        let by = self.promised_by();
        vec![
            Toned::plain(format!("`{}`", self.id)),
            Toned::plain(self.always),
            Toned::new(status, tone),
            Toned::plain(by),
        ]
    }
}
