//! The report of `compare` on permitted answers.

use std::fmt::{self, Formatter};

use guest_access_model::compare::{
    Direction, PermittedChange, PermittedChangeKind, PermittedVerdict, StandingInRules,
    permitted_verdict,
};
use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::{Scenario, ScenarioError};
use serde::Serialize;

use crate::report::{count, paint, steps_in_words, style};

/// The answers that the second revision permits, relative to the first.
#[derive(Debug, Clone, Serialize)]
pub struct PermittedComparison {
    /// The verdict.
    pub verdict: PermittedVerdict,
    /// The changes, by decision point, then by endpoint.
    pub changes: Vec<PermittedChangeReport>,
}

/// A change of what a homeserver may answer.
#[derive(Debug, Clone, Serialize)]
pub struct PermittedChangeReport {
    /// The decision point, or the endpoint.
    pub point: String,
    /// The answer.
    pub option: String,
    /// The question of the decision point; absent for an endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// The behaviour of a homeserver with this answer.
    pub means: String,
    /// The change.
    pub change: PermittedChangeKind,
    /// The standing of the point under the first revision.
    pub before: StandingReport,
    /// The standing of the point under the second revision.
    pub after: StandingReport,
    /// The effect of the answer; null if the answer is a default, or if no action shows the effect.
    pub effect: Option<EffectReport>,
}

/// The standing of a decision point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StandingReport {
    /// `required`, `open` or `silent`.
    pub standing: &'static str,
    /// The options that the rules permit, the default first.
    pub options: Vec<String>,
    /// The reading, if there is one.
    pub reading: Option<String>,
    /// The clauses that the rules name for the point.
    pub clauses: Vec<String>,
}

/// The effect of an answer, relative to the default of the revision that permits it.
#[derive(Debug, Clone, Serialize)]
pub struct EffectReport {
    /// The endpoint at which a shortest witness shows it.
    pub endpoint: String,
    /// The kind of caller.
    pub caller: &'static str,
    /// The direction.
    pub direction: Direction,
    /// Whether both decide alike and give the same, and the state afterwards differs.
    pub by_effect: bool,
    /// The decision of a homeserver with the default, in the witness.
    pub default: String,
    /// The decision of a homeserver with this answer, in the witness.
    pub answer: String,
    /// A shortest trace whose last step shows it.
    pub witness: Scenario,
    /// Whether a homeserver with the default, and one with this answer, allow the last step.
    #[serde(skip)]
    pub(super) allows: [bool; 2],
    /// The rules under which it happens.
    #[serde(skip)]
    pub(super) source: Rules,
}

impl From<&StandingInRules> for StandingReport {
    fn from(of: &StandingInRules) -> Self {
        let StandingInRules { standing, options, reading, clauses } = of.clone();
        Self { standing, options, reading, clauses }
    }
}

impl StandingReport {
    /// The standing of a question in words: the predicate of a sentence about the rules.
    fn in_words(&self) -> String {
        let standing = match self.standing {
            "required" => "requires the answer",
            "silent" => "is silent",
            _ => "leaves the question open",
        };
        let grounds = self.reading.iter().map(|reading| format!("reading {reading}"));
        let grounds: Vec<_> = grounds.chain(self.clauses.iter().cloned()).collect();
        match grounds.join(", ") {
            none if none.is_empty() => standing.to_owned(),
            grounds => format!("{standing} ({grounds})"),
        }
    }
}

impl PermittedComparison {
    /// The report of these changes.
    ///
    /// # Errors
    /// If a witness cannot happen, which would be a mistake of the model's.
    pub fn new(
        from: &Rules,
        to: &Rules,
        changes: &[PermittedChange],
    ) -> Result<Self, ScenarioError> {
        let reports = changes.iter().map(|change| PermittedChangeReport::new(from, to, change));
        Ok(Self {
            verdict: permitted_verdict(changes),
            changes: reports.collect::<Result<_, _>>()?,
        })
    }

    fn has(&self, kind: PermittedChangeKind) -> bool {
        self.changes.iter().any(|change| change.change == kind)
    }

    /// Writes the verdict.
    pub(super) fn write_text(&self, f: &mut Formatter<'_>, from: &str, to: &str) -> fmt::Result {
        writeln!(f, "{}", paint(style::HEADING, self.verdict_in_words(from, to)))
    }

    /// The verdict in words, and the number of changes.
    pub(super) fn verdict_in_words(&self, from: &str, to: &str) -> String {
        let verdict = match self.verdict {
            PermittedVerdict::Same => format!("{to} permits the same answers as {from}"),
            PermittedVerdict::Wider => format!("{to} permits answers that {from} forbids"),
            PermittedVerdict::Narrower => format!("{to} forbids answers that {from} permits"),
            PermittedVerdict::Different if self.has(PermittedChangeKind::NewlyPermitted) => {
                format!("{to} permits answers that {from} forbids, and forbids others")
            }
            PermittedVerdict::Different => {
                format!("{to} permits the same answers as {from}, by other defaults or clauses")
            }
        };
        let number = match self.changes.len() {
            0 => String::new(),
            changes => format!(": {}", count(changes, "change")),
        };
        format!("{verdict}{number}")
    }

    /// The changes: one line each, then the witnesses of the answers that are no default.
    pub(super) fn tell_changes(&self, f: &mut Formatter<'_>, from: &str, to: &str) -> fmt::Result {
        if self.changes.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nwhat a homeserver may do:")?;
        let (shown, folded) = self.changes.split_at(self.changes.len().min(SHOWN));
        for change in shown {
            change.write_text(f, from, to)?;
        }
        for change in folded {
            writeln!(f, "- {}", change.in_short(from, to))?;
        }
        Ok(())
    }
}

/// The number of changes that are written with their witness. Every other change has one line.
const SHOWN: usize = 8;

impl PermittedChangeReport {
    fn new(from: &Rules, to: &Rules, change: &PermittedChange) -> Result<Self, ScenarioError> {
        let (point, option) = (change.edit.point(), change.edit.option());
        let effect = change.effect.as_ref().map(|effect| {
            let of = match change.kind {
                PermittedChangeKind::NoLongerPermitted => from,
                _ => to,
            };
            let answered = of.with_default_profile(&change.edit.applied_to(of.profile()));
            let source = effect.leader.of(of, &answered).clone();
            let id = format!("{}-{point}-{option}", of.id);
            let about = format!("A homeserver may answer `{point}` with `{option}`.");
            let clauses = change.edit.clauses(of);
            Ok::<_, ScenarioError>(EffectReport {
                endpoint: effect.endpoint.map_or_else(
                    || "the server itself".to_owned(),
                    |endpoint| endpoint.to_string(),
                ),
                caller: effect.caller,
                direction: effect.direction,
                by_effect: super::differs_by_effect(&effect.default, &effect.answer),
                default: super::outcome_in_words(&effect.default, &effect.answer),
                answer: super::outcome_in_words(&effect.answer, &effect.default),
                witness: Scenario::from_trace(id, &source, about, clauses, &effect.witness)?,
                allows: [&effect.default, &effect.answer].map(|side| side.decision.allows()),
                source,
            })
        });
        Ok(Self {
            question: change.edit.question(),
            means: change.edit.means(),
            change: change.kind,
            before: (&change.before).into(),
            after: (&change.after).into(),
            effect: effect.transpose()?,
            point,
            option,
        })
    }

    /// The question, and the behaviour of a homeserver with this answer.
    pub(super) fn meaning(&self) -> String {
        let question = self.question.iter().map(String::as_str);
        question.chain([self.means.as_str()]).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn in_short(&self, from: &str, to: &str) -> String {
        let Self { point, option, .. } = self;
        let because = |rules: &str, of: &StandingReport| match &of.reading {
            Some(reading) => format!(" (reading {reading} of {rules})"),
            None if of.standing == "silent" => format!(" ({rules} is silent)"),
            None => String::new(),
        };
        let (before, after) = (because(from, &self.before), because(to, &self.after));
        match self.change {
            PermittedChangeKind::NewlyPermitted if self.after.standing == "required" => {
                format!("{point}: `{option}` becomes the required answer")
            }
            PermittedChangeKind::NewlyPermitted => {
                format!("{point}: `{option}` becomes permitted{after}")
            }
            PermittedChangeKind::NoLongerPermitted => {
                format!("{point}: `{option}` becomes forbidden{before}")
            }
            PermittedChangeKind::BecomesDefault => {
                format!("{point}: `{option}` becomes the default{after}")
            }
            PermittedChangeKind::OtherReason => {
                let (before, after) = (self.before.in_words(), self.after.in_words());
                format!("{point}: the same answers; {from} {before}, {to} {after}")
            }
        }
    }

    fn write_text(&self, f: &mut Formatter<'_>, from: &str, to: &str) -> fmt::Result {
        writeln!(f, "- {}", self.in_short(from, to))?;
        let Some(effect) = &self.effect else {
            let is_default = |of: &StandingReport| of.options.first() == Some(&self.option);
            let hidden = match self.change {
                PermittedChangeKind::NewlyPermitted => !is_default(&self.after),
                PermittedChangeKind::NoLongerPermitted => !is_default(&self.before),
                PermittedChangeKind::BecomesDefault | PermittedChangeKind::OtherReason => false,
            };
            return if hidden {
                writeln!(f, "    no action of the model shows the answer by itself")
            } else {
                Ok(())
            };
        };
        writeln!(f, "    {}", self.meaning())?;
        let by = match effect.direction {
            _ if effect.by_effect => "by its effect, where called by",
            Direction::Changes => "for",
            Direction::Opens | Direction::Closes => "to",
        };
        let EffectReport { direction, caller, endpoint, .. } = effect;
        writeln!(f, "    {direction} {by} a {caller}, for instance: {endpoint}")?;
        writeln!(f, "    by default: {}", effect.default)?;
        writeln!(f, "    by this answer: {}", effect.answer)?;
        for line in steps_in_words(&effect.witness, &effect.source).map_err(|_| fmt::Error)? {
            writeln!(f, "       {line}")?;
        }
        Ok(())
    }
}
