//! The report as findings, one for each guarantee that does not hold and for each clause without a rule.

use std::collections::BTreeSet;

use anstream::adapter::strip_str;
use guest_access_model::check::Status;
use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::Scenario;

use crate::report::findings::{
    BaselineStanding, Finding, FindingKind, FindingPlace, Findings, Level,
};
use crate::report::{count, steps_in_words};

use super::{CheckReport, FailsBy, Property};

/// The reports of one run as SARIF 2.1.0.
///
/// # Errors
/// If the JSON cannot be written.
///
/// # Panics
/// If there is no report.
pub fn sarif(reports: &[CheckReport]) -> serde_json::Result<String> {
    findings(reports).sarif()
}

/// The reports of one run as workflow commands of GitHub Actions.
///
/// # Panics
/// If there is no report.
pub fn github(reports: &[CheckReport]) -> String {
    findings(reports).github()
}

/// The kind of a clause that loses its rule.
const LOST_CLAUSE: &str = "lost-clause";

fn findings(reports: &[CheckReport]) -> Findings<'_> {
    let judged: BTreeSet<_> =
        reports.iter().flat_map(|report| &report.properties).map(|p| (p.id, p.always)).collect();
    let kinds = judged
        .into_iter()
        .map(|(id, always)| FindingKind { id, about: format!("Always: {always}.") });
    let lost = "A proposal takes the rule of a clause away, or contradicts it.".to_owned();
    let mut found: Vec<Finding> = Vec::new();
    // A guarantee that fails at two scopes is one finding.
    for finding in reports.iter().flat_map(CheckReport::findings) {
        if found.iter().all(|before| before.id != finding.id) {
            found.push(finding);
        }
    }
    found.sort_by_key(|finding| match finding.level {
        Level::Error => 0,
        Level::Warning => 1,
        Level::Note => 2,
    });
    let verdicts: Vec<_> = reports
        .iter()
        .map(|report| {
            format!("{}, {}: {}", report.called, report.scope_in_words(), report.summary())
        })
        .collect();
    Findings {
        verdict: verdicts.join("; "),
        kinds: kinds.chain([FindingKind { id: LOST_CLAUSE, about: lost }]).collect(),
        findings: found,
        obstacles: reports.iter().flat_map(CheckReport::obstacles).collect(),
        has_baseline: false,
        run: &reports.first().expect("a check has a report").run,
    }
}

impl CheckReport {
    fn findings(&self) -> Vec<Finding> {
        let mut found: Vec<_> =
            self.properties.iter().flat_map(|property| self.of_property(property)).collect();
        for lost in &self.lost_clauses {
            found.push(Finding {
                kind: LOST_CLAUSE,
                level: Level::Warning,
                title: format!("{} loses its rule under {}", lost.clause, self.called),
                text: lost.because.clone(),
                place: self.place(&lost.clause),
                clauses: vec![lost.clause.clone()],
                id: format!("{LOST_CLAUSE}-{}-{}", self.rules, lost.clause),
                standing: BaselineStanding::New,
            });
        }
        found
    }

    /// The findings about one guarantee: its status, the new answers that break it, and the others that
    /// do.
    fn of_property(&self, property: &Property) -> Vec<Finding> {
        let of_base = property.breaks_base.as_ref().map(|of_base| &of_base.counterexample);
        let shown = property.counterexample.as_ref().or(of_base);
        let mut found = Vec::new();
        match property.status {
            Status::Violated => found.push(self.finding(property, Level::Error, "violated", shown)),
            Status::Vacuous => found.push(self.finding(property, Level::Error, "vacuous", None)),
            Status::NotPromised if shown.is_some() => {
                found.push(self.finding(property, Level::Note, "not promised and violated", shown));
            }
            Status::NotPromised | Status::Holds | Status::Unknown => {}
        }
        let (new, others): (Vec<_>, Vec<_>) = property.fails_by.iter().partition(|by| by.new);
        found.extend(self.of_answers(property, Level::Error, "new", &new));
        found.extend(self.of_answers(property, Level::Note, "other", &others));
        found
    }

    fn finding(
        &self,
        property: &Property,
        level: Level,
        status: &str,
        shown: Option<&Scenario>,
    ) -> Finding {
        let not_exercised = "\nNothing that happens meets the premise of the guarantee.";
        let steps = match shown {
            Some(scenario) => steps(scenario, &self.source),
            None => not_exercised.to_owned(),
        };
        Finding {
            kind: property.id,
            level: if self.is_held() { level } else { Level::Note },
            title: format!("{} is {status} under {}", property.id, self.with_discipline()),
            text: format!("Always: {}.{steps}", property.always),
            place: self.place(property.id),
            clauses: property.clauses.clone(),
            id: self.id(property, status),
            standing: BaselineStanding::New,
        }
    }

    /// One finding for all answers of one sort that break the guarantee, with the trace of the first.
    fn of_answers(
        &self,
        property: &Property,
        level: Level,
        sort: &str,
        answers: &[&FailsBy],
    ) -> Option<Finding> {
        let first = answers.first()?;
        let names: Vec<_> = answers.iter().map(|by| by.answer.as_str()).collect();
        let text = format!(
            "Always: {}.\nFails by: {}.{}",
            property.always,
            names.join(", "),
            steps(&first.counterexample, &first.source),
        );
        let title = format!(
            "{} fails by {} that {} permits",
            property.id,
            count(answers.len(), &format!("{sort} answer")),
            self.with_discipline(),
        );
        let id = self.id(property, &format!("{sort}-answers"));
        Some(Finding { title, text, id, ..self.finding(property, level, sort, None) })
    }

    /// The rules as the user names them, with the discipline.
    fn with_discipline(&self) -> String {
        match &self.discipline {
            Some(discipline) => format!("{}, {}", self.called, discipline.id),
            None => self.called.clone(),
        }
    }

    fn id(&self, property: &Property, status: &str) -> String {
        let discipline = self.discipline.as_ref().map_or("", |discipline| &discipline.id);
        let parts = [&*self.rules, self.model, discipline, property.id, status];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("-").replace(' ', "-")
    }

    fn place(&self, name: &str) -> FindingPlace {
        FindingPlace {
            is_file: self.file.is_some(),
            path: self.file.clone(),
            name: name.to_owned(),
        }
    }

    /// Why the report has no verdict.
    fn obstacles(&self) -> Vec<String> {
        let of = format!("{}, {}", self.with_discipline(), self.scope_in_words());
        let mut obstacles = Vec::new();
        if let Some(ended_by) = self.ended_by {
            obstacles.push(format!("{of}: not finished, ended by {ended_by}"));
        }
        let unknown: Vec<_> = self.with_status(Status::Unknown).map(|p| p.id).collect();
        if !unknown.is_empty() && self.ended_by.is_none() {
            obstacles.push(format!("{of}: nothing is known of {}", unknown.join(", ")));
        }
        if !self.not_judged.is_empty() {
            let names = self.not_judged.join(", ");
            obstacles.push(format!("{of}: promised, and judged only by another model: {names}"));
        }
        if self.checked() == 0 {
            obstacles.push(format!("{of}: nothing was there to check"));
        }
        obstacles
    }
}

/// The steps of a trace, each after a line feed.
fn steps(scenario: &Scenario, rules: &Rules) -> String {
    let steps = steps_in_words(scenario, rules);
    let lines = steps.unwrap_or_else(|error| vec![error.to_string()]);
    lines.iter().map(|line| format!("\n{}", strip_str(line))).collect()
}
