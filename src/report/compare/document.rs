//! The report of `compare` as a document: the two verdicts, then the differences with their traces.

use guest_access_model::compare::{ComparisonVerdict, PermittedVerdict};
use guest_access_scenarios::scenario::ScenarioError;

use super::permitted::PermittedChangeReport;
use super::{ComparisonReport, DifferenceReport, RedeclaredEndpoint};
use crate::report::diagram::{AnswerKind, DiagramAnswer};
use crate::report::document::{Document, Part, Tone, Toned};
use crate::report::trace::Trace;
use crate::report::{UncheckedEndpoint, number};

impl ComparisonReport {
    /// The report as Markdown.
    pub fn markdown(&self) -> String {
        self.document().markdown()
    }

    /// The report as a page of HTML.
    pub fn html(&self) -> String {
        self.document().html()
    }

    fn document(&self) -> Document<'_> {
        let [from, to] = &self.called;
        let by_default = match self.verdict {
            ComparisonVerdict::Equivalent => Tone::Good,
            _ => Tone::Plain,
        };
        let permitted = match self.permitted.verdict {
            PermittedVerdict::Same => Tone::Good,
            _ => Tone::Plain,
        };
        let mut verdicts = vec![
            Toned::new(self.verdict_in_words(), by_default),
            Toned::new(self.permitted.verdict_in_words(from, to), permitted),
        ];
        if !self.complete {
            verdicts.push(Toned::new("not all decisions compared", Tone::Doubtful));
        }
        let mut parts = vec![Part::Paragraph(format!("{}.", self.extent()))];
        let promises = self.promises.iter().map(|promise| promise.in_words(to));
        if !self.promises.is_empty() {
            parts.push(Part::List(promises.collect()));
        }
        if !self.redeclared.is_empty() {
            parts.push(Part::Section("One id of two endpoints".to_owned()));
            parts.push(Part::List(
                self.redeclared.iter().map(RedeclaredEndpoint::in_words).collect(),
            ));
        }
        if !self.differences.is_empty() {
            parts.push(Part::Section("Differences by default".to_owned()));
        }
        for (place, difference) in (1..).zip(&self.differences) {
            difference.add_parts(&mut parts, place, from, to);
        }
        self.add_permitted_parts(&mut parts);
        self.add_uncompared_parts(&mut parts);
        Document {
            title: format!("{to}, compared with {from}"),
            verdicts,
            parts,
            rules: format!("{} and {}", self.from, self.to),
            run: &self.run,
        }
    }

    fn add_permitted_parts(&self, parts: &mut Vec<Part>) {
        if self.permitted.changes.is_empty() {
            return;
        }
        parts.push(Part::Section("What a homeserver may do".to_owned()));
        let ([from, to], changes) = (&self.called, &self.permitted.changes);
        parts.push(Part::List(changes.iter().map(|change| change.in_short(from, to)).collect()));
        for change in changes {
            change.add_parts(parts);
        }
    }

    fn add_uncompared_parts(&self, parts: &mut Vec<Part>) {
        if !self.closed.is_empty() {
            parts.push(Part::Section("Closed to guests by both".to_owned()));
            parts.push(Part::List(self.closed.iter().map(|id| format!("`{id}`")).collect()));
        }
        if !self.unseen.is_empty() {
            parts.push(Part::Section("Not compared".to_owned()));
            parts.push(Part::List(
                self.unseen.iter().flat_map(UncheckedEndpoint::sentences).collect(),
            ));
        }
    }
}

impl DifferenceReport {
    fn add_parts(&self, parts: &mut Vec<Part>, place: usize, from: &str, to: &str) {
        let by = if self.by_effect { "by its effect, where called by" } else { "to" };
        parts.push(Part::Finding(format!(
            "{place}. {} {by} a {}: `{}`",
            self.direction, self.caller, self.endpoint
        )));
        let mut facts: Vec<String> =
            self.endpoints.iter().skip(1).map(|other| format!("also `{other}`")).collect();
        let joined = |texts: &mut dyn Iterator<Item = &str>| texts.collect::<Vec<_>>().join(", ");
        if !self.cases.is_empty() {
            facts.push(format!("for {}", joined(&mut self.cases.iter().copied())));
        }
        if !self.when.is_empty() {
            facts
                .push(format!("always with {}", joined(&mut self.when.iter().map(String::as_str))));
        }
        let clauses = joined(&mut self.clauses.iter().map(String::as_str));
        facts.push(format!("in {} decisions ({clauses})", number(self.contexts)));
        parts.push(Part::List(facts));
        let [before, after] = self.allows;
        let answers = vec![answer(from, &self.from, before), answer(to, &self.to, after)];
        parts.push(trace(Trace::of(&self.witness, &self.leader), answers));
    }
}

impl PermittedChangeReport {
    /// The effect of the answer, with its trace.
    fn add_parts(&self, parts: &mut Vec<Part>) {
        let Some(effect) = &self.effect else { return };
        parts.push(Part::Finding(format!("{}: `{}`", self.point, self.option)));
        parts.push(Part::Paragraph(self.meaning()));
        let [default, by_this] = effect.allows;
        let answers = vec![
            answer("by default", &effect.default, default),
            answer("by this answer", &effect.answer, by_this),
        ];
        parts.push(trace(Trace::of(&effect.witness, &effect.source), answers));
    }
}

fn answer(of: &str, words: &str, allows: bool) -> DiagramAnswer {
    let kind = if allows { AnswerKind::Allowed } else { AnswerKind::Denied };
    DiagramAnswer { words: format!("{of}: {words}"), kind }
}

/// The trace with these answers to its last step.
fn trace(trace: Result<Trace, ScenarioError>, answers: Vec<DiagramAnswer>) -> Part {
    trace.map(|trace| trace.ending_with(answers)).into()
}
