//! The parts of the report of `check` about the permitted answers, the promises of a proposal's base,
//! and the unchecked endpoints.

use std::fmt::{self, Formatter};

use guest_access_model::action::Action;
use guest_access_model::check::{BrokenPromises, PermittedAnswer, Status, tries_every_combination};
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::rules::{LostClause, Rules};
use guest_access_scenarios::scenario::{Scenario, ScenarioError};
use serde::Serialize;

use super::{CheckReport, Property};
use crate::report::document::Part;
use crate::report::{count, number, paint, steps_in_words, style};

/// The number of tried answers: those that the rules permit besides the default.
#[derive(Debug, Clone, Serialize)]
pub struct PermittedReport {
    /// The number of answers.
    pub answers: usize,
    /// The number of new answers, which the base of the proposal forbids.
    pub new: usize,
    /// Whether each combination of all new answers was tried. If there are many combinations, some are
    /// left out.
    pub combined: bool,
    /// Whether every state was visited for each of them.
    pub complete: bool,
}

/// An answer that the rules permit, and that breaks a guarantee; or several answers that break it together.
#[derive(Debug, Clone, Serialize)]
pub struct FailsBy {
    /// The answer: `point=option`, or `endpoint.GET /sync=open`; several answers with ` and ` between them.
    pub answer: String,
    /// The behaviour of a homeserver with this answer.
    pub means: String,
    /// The reading behind the default, if there is one.
    pub reading: Option<String>,
    /// Whether the failure is new: the base of the proposal forbids the answer, or keeps the guarantee with
    /// it.
    pub new: bool,
    /// A shortest trace in which a homeserver with this answer breaks the guarantee.
    pub counterexample: Scenario,
    /// The rules of that homeserver.
    #[serde(skip)]
    pub(super) source: Rules,
}

/// A promise of the base that a proposal breaks.
#[derive(Debug, Clone, Serialize)]
pub struct BreaksBase {
    /// The base, which made the promise.
    pub base: String,
    /// The answers of the proposal that break the promise, and that the base permits. The proposal breaks
    /// no promise by them. Empty if the proposal breaks the promise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permitted: Vec<String>,
    /// A shortest trace that breaks the promise.
    pub counterexample: Scenario,
}

/// A clause whose rule a proposal takes away or contradicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LostClauseReport {
    /// The id of the clause.
    pub clause: String,
    /// The change of the rule.
    pub because: String,
}

impl BreaksBase {
    /// Whether the base promised the guarantee, or permits the answers that break it.
    pub(super) fn in_words(&self) -> String {
        match self.permitted.join(", ") {
            none if none.is_empty() => format!("broken as {} promised it", self.base),
            answers => format!("broken by what {} permits already: {answers}", self.base),
        }
    }

    pub(super) fn in_colour(&self) -> String {
        let style = if self.permitted.is_empty() { style::BAD } else { style::DOUBTFUL };
        paint(style, self.in_words())
    }
}

impl From<LostClause> for LostClauseReport {
    fn from(LostClause { clause, because }: LostClause) -> Self {
        Self { clause, because }
    }
}

impl CheckReport {
    /// Adds the answers that the rules permit, and the guarantees that they break.
    ///
    /// # Errors
    /// If a counterexample cannot happen under the rules, which would be a mistake of the model's.
    pub fn add_permitted(
        &mut self,
        rules: &Rules,
        answers: &[PermittedAnswer],
    ) -> Result<(), ScenarioError> {
        for answer in answers {
            let source = rules.with_default_profile(&answer.variant.profile);
            for (guarantee, trace) in &answer.broken {
                let Some(property) = self.property(*guarantee) else { continue };
                let about = format!("`{}` breaks `{guarantee}`.", answer.variant.id);
                let counterexample = property.scenario(&source, about, trace)?;
                property.fails_by.push(FailsBy {
                    answer: answer.variant.id.clone(),
                    means: match &answer.variant.edits[..] {
                        [edit] => {
                            let question = edit.question().map(|question| format!("{question} "));
                            question.unwrap_or_default() + &edit.means()
                        }
                        _ => answer.variant.about.clone(),
                    },
                    reading: answer.variant.reading().map(str::to_owned),
                    new: answer.newly_broken.contains(*guarantee),
                    counterexample,
                    source: source.clone(),
                });
            }
        }
        let complete = answers.iter().all(|answer| answer.complete);
        self.complete &= complete;
        let alone = |answer: &&PermittedAnswer| answer.variant.edits.len() == 1;
        self.permitted = Some(PermittedReport {
            answers: answers.iter().filter(alone).count(),
            new: answers.iter().filter(alone).filter(|answer| answer.is_new).count(),
            combined: tries_every_combination(answers),
            complete,
        });
        Ok(())
    }

    /// Adds the promises of the base that the proposal breaks, and those that it gives anew.
    ///
    /// # Errors
    /// If a counterexample cannot happen under the rules, which would be a mistake of the model's.
    pub fn add_promises_of_base(
        &mut self,
        base: &Rules,
        rules: &Rules,
        found: &BrokenPromises,
    ) -> Result<(), ScenarioError> {
        let name = rules.name_of_base().unwrap_or(&base.id);
        let broken = found.broken.iter().map(|of| (of, &[] as &[String]));
        let left_open = found.left_open.iter().map(|of| (of, &found.answers[..]));
        for ((guarantee, trace), permitted) in broken.chain(left_open) {
            let Some(property) = self.property(*guarantee) else { continue };
            let about = format!("Breaks `{guarantee}` as {name} promised it.");
            let counterexample = property.scenario(rules, about, trace)?;
            let (base, permitted) = (name.to_owned(), permitted.to_vec());
            property.breaks_base = Some(BreaksBase { base, permitted, counterexample });
            property.note_broken_base();
        }
        self.complete &= found.complete;
        let anew = base.promised().intersection(rules.own_promises);
        let anew = anew.without(GuaranteeSet::ON_CALLS).iter();
        self.promised_anew = anew.map(|guarantee| guarantee.get().id).collect();
        self.lost_clauses = rules.lost_clauses().into_iter().map(LostClauseReport::from).collect();
        Ok(())
    }

    /// Repeats what `first` says of the permitted answers and of the promises of the base: both were
    /// checked at the scope of `first`, and hold for the rules at every scope.
    pub fn repeat_permitted(&mut self, first: &Self) {
        for property in &mut self.properties {
            let Some(known) = first.properties.iter().find(|known| known.id == property.id) else {
                continue;
            };
            property.fails_by.clone_from(&known.fails_by);
            property.breaks_base.clone_from(&known.breaks_base);
            property.note_broken_base();
        }
        self.permitted.clone_from(&first.permitted);
        self.lost_clauses.clone_from(&first.lost_clauses);
        self.promised_anew.clone_from(&first.promised_anew);
        if self.permitted.is_some() {
            self.repeats = Some(first.scope_in_words());
        }
    }

    fn property(&mut self, guarantee: GuaranteeId) -> Option<&mut Property> {
        self.properties.iter_mut().find(|property| property.id == guarantee.get().id)
    }

    /// Whether a guarantee fails by an answer that the proposal permits and its base forbids.
    pub(super) fn fails_by_a_new_answer(&self) -> bool {
        self.properties.iter().any(|property| property.fails_by.iter().any(|by| by.new))
    }

    /// The guarantees that permitted answers break: one line for each guarantee, then the traces of the
    /// new answers. If there is only one guarantee, the traces of all answers follow.
    pub(super) fn permitted_text(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(permitted) = &self.permitted else { return Ok(()) };
        if let Some(scope) = &self.repeats {
            return writeln!(f, "\nwhat the rules permit besides the default: as at {scope}");
        }
        let tried = permitted.in_words();
        let broken: Vec<_> = self.properties.iter().filter(|p| !p.fails_by.is_empty()).collect();
        if broken.is_empty() {
            return match permitted.answers {
                0 => Ok(()),
                _ if self.with_status(Status::Holds).next().is_none() => Ok(()),
                _ => writeln!(
                    f,
                    "\nthe rules permit {tried}; none of them breaks a guarantee that holds by default"
                ),
            };
        }
        writeln!(f, "\nthe rules permit {tried}; some of them break a guarantee:")?;
        let width = broken.iter().map(|property| property.id.len()).max().unwrap_or_default();
        for property in &broken {
            let answers: Vec<_> = property.fails_by.iter().map(FailsBy::in_short).collect();
            let shown = answers.iter().take(FOLDED_TO).cloned().collect::<Vec<_>>().join(", ");
            let more = answers.len().saturating_sub(FOLDED_TO);
            let more = if more == 0 { String::new() } else { format!(", and {more} more") };
            writeln!(f, "  {:width$}  {shown}{more}", property.id)?;
        }
        let alone = self.properties.len() == 1;
        if !alone {
            writeln!(f, "  `--property ID` shows a trace for each")?;
        }
        for property in broken {
            let shown = property.fails_by.iter().filter(|by| alone || by.new);
            for by in shown {
                writeln!(f)?;
                by.write_text(f, property)?;
            }
        }
        Ok(())
    }

    /// The promises of the base that the proposal gives anew.
    pub(super) fn promised_anew_text(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.promised_anew.is_empty() || self.repeats.is_some() {
            return Ok(());
        }
        let anew = self.promised_anew.join(", ");
        writeln!(f, "\npromised anew, so only the proposal's own list of endpoints judges: {anew}")
    }

    /// The clauses whose rule the proposal takes away.
    pub(super) fn lost_clauses_text(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.lost_clauses.is_empty() || self.repeats.is_some() {
            return Ok(());
        }
        let lost = self.lost_clauses.len();
        let verb = if lost == 1 { "loses its rule" } else { "lose their rules" };
        writeln!(f, "\n{} {verb}:", count(lost, "clause"))?;
        for LostClauseReport { clause, because } in &self.lost_clauses {
            let by = self.properties.iter().filter(|property| property.clauses.contains(clause));
            let by: Vec<_> = by.map(|property| property.id).collect();
            let by = match by.len() {
                0 => String::new(),
                1 => format!("; {} cites {clause}", by[0]),
                _ => format!("; {} cite {clause}", by.join(", ")),
            };
            writeln!(f, "  {clause}: {because}{by}")?;
        }
        Ok(())
    }
}

impl PermittedReport {
    /// The number of tried answers.
    pub(super) fn in_words(&self) -> String {
        let tried = count(self.answers, "answer");
        match self.new {
            0 => format!("{tried} besides the default"),
            _ if self.answers == 1 => format!("{tried} besides the default, which is new"),
            new => format!(
                "{tried} besides the default, {} of them new and tried together with the others too{}",
                number(new),
                if self.combined { "" } else { " (in pairs, and in some combinations of more)" }
            ),
        }
    }
}

/// The number of answers that one line names.
const FOLDED_TO: usize = 3;

impl FailsBy {
    fn in_short(&self) -> String {
        match self.reasons() {
            why if why.is_empty() => self.answer.clone(),
            why => format!("{} ({})", self.answer, why.join(", ")),
        }
    }

    /// The answer as code, with the reasons.
    pub(super) fn in_code(&self) -> String {
        match self.reasons() {
            why if why.is_empty() => format!("`{}`", self.answer),
            why => format!("`{}` ({})", self.answer, why.join(", ")),
        }
    }

    /// The answer in a document, with its trace.
    pub(super) fn add_parts(&self, parts: &mut Vec<Part>, property: &Property) {
        parts.push(Part::Finding(format!("`{}`: fails by {}", property.id, self.in_code())));
        parts.push(Part::Paragraph(format!("Not always: {}. {}", property.always, self.means)));
        parts.push(Part::trace(&self.counterexample, &self.source));
    }

    /// The reading by which the rules permit the answer, and whether the failure is new.
    fn reasons(&self) -> Vec<String> {
        let reading = self.reading.iter().map(|reading| format!("reading {reading}"));
        reading.chain(self.new.then(|| "new".to_owned())).collect()
    }

    pub(super) fn write_text(&self, f: &mut Formatter<'_>, property: &Property) -> fmt::Result {
        let style = if self.new { style::BAD } else { style::DOUBTFUL };
        let id = paint(style::HEADING, property.id);
        writeln!(
            f,
            "{id} ({} {}): {}",
            paint(style, "fails by"),
            std::iter::once(self.answer.clone())
                .chain(self.reasons())
                .collect::<Vec<_>>()
                .join(", "),
            property.always
        )?;
        writeln!(f, "  {}", self.means)?;
        for line in steps_in_words(&self.counterexample, &self.source).map_err(|_| fmt::Error)? {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

impl Property {
    /// A guarantee whose promise is broken is violated.
    fn note_broken_base(&mut self) {
        if self.breaks_base.as_ref().is_some_and(|of_base| of_base.permitted.is_empty()) {
            self.status = Status::Violated;
        }
    }

    /// A trace that breaks the guarantee.
    fn scenario(
        &self,
        rules: &Rules,
        about: String,
        trace: &[Action],
    ) -> Result<Scenario, ScenarioError> {
        let id = format!("{}-{}", rules.id, self.id);
        Scenario::from_trace(id, rules, about, self.clauses.clone(), trace)
    }

    /// The number of answers that break the guarantee, in words for the table.
    pub(super) fn by_default(&self) -> &'static str {
        if self.fails_by.iter().any(|by| by.new) {
            "fails by a new answer"
        } else {
            "holds by default"
        }
    }
}

/// The numbers of guarantees that hold by default only, for the summary.
pub(super) fn not_by_every_answer(properties: &[Property]) -> String {
    let holding = properties.iter().filter(|property| property.status == Status::Holds);
    let is_weakened =
        |property: &&Property| property.breaks_base.is_some() || !property.fails_by.is_empty();
    let (mut only_by_default, mut fails, mut as_before) = (0, 0, 0);
    for property in holding.filter(is_weakened) {
        let count = if property.fails_by.iter().any(|by| by.new) {
            &mut fails
        } else if property.breaks_base.is_some() {
            &mut as_before
        } else {
            &mut only_by_default
        };
        *count += 1;
    }
    let parts = [
        (only_by_default, "only by default"),
        (as_before, "as permitted before"),
        (fails, "by default, not by a new answer"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = parts.map(|(count, what)| format!("{} {what}", number(*count))).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}
