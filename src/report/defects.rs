//! The report of `defects`: which check catches which defect.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use guest_access_model::scoreboard::DefectDetection;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{Inexpressible, Variant, inexpressible};
use guest_access_scenarios::vectors::{self, Undetected};
use serde::Serialize;

use crate::diff::DefectResult;
use crate::neighbour::{FederatedDefect, FederatedDefectResult};

use super::{Cell, Run, Table, count, paint, style};

/// The name of the check that compares the model with the defective reference.
const LOCKSTEP: &str = "agreement";
/// The greatest number of checks that the text names for one defect.
const MOST_NAMED: usize = 3;

/// Which check catches which defect.
#[derive(Debug, Clone, Serialize)]
pub struct DefectsReport {
    /// The id of the rules whose defects were tried.
    pub rules: String,
    /// The defects.
    pub defects: Vec<DefectReport>,
    /// The number of defects that a check catches.
    pub caught: usize,
    /// The number of defects.
    pub total: usize,
    /// Known mistakes that the sequential model cannot express.
    pub beyond: Vec<BeyondReport>,
    /// The run that made the report.
    pub run: Run,
}

/// One defect.
#[derive(Debug, Clone, Serialize)]
pub struct DefectReport {
    /// The id of the defect.
    pub id: String,
    /// The group of defects that it belongs to.
    pub family: String,
    /// The wrong behaviour of the homeserver.
    pub about: String,
    /// The checks that catch the defect: guarantees, and `agreement` for the comparison of model and
    /// reference; or the ids of vectors.
    pub caught_by: Vec<String>,
    /// Why no check catches the defect, if the reason is known.
    pub because: Option<String>,
    /// The explanation by `diff`, if `diff` was the check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named: Option<NamedReport>,
}

/// The explanation of a defect by `diff`.
#[derive(Debug, Clone, Serialize)]
pub struct NamedReport {
    /// The decision point of the defect.
    pub decision_point: String,
    /// The causes that `diff` named, each as `point=option`.
    pub causes: Vec<String>,
    /// The number of divergences without a cause.
    pub unexplained: usize,
    /// Whether `diff` found divergences, and explains all of them by the decision point of the defect.
    pub rightly: bool,
}

impl NamedReport {
    fn in_words(&self) -> String {
        let causes = match self.causes.as_slice() {
            [] => "nothing".to_owned(),
            causes => causes.join(", "),
        };
        let unexplained = match self.unexplained {
            0 => String::new(),
            _ => format!(", and {} that nothing explains", count(self.unexplained, "divergence")),
        };
        format!("explained by {causes}{unexplained}; the defect is at `{}`", self.decision_point)
    }
}

impl From<&DefectResult> for NamedReport {
    fn from(defect: &DefectResult) -> Self {
        let causes = defect.result.causes.iter();
        let unexplained = defect.result.divergences.iter().filter(|d| d.cause.is_none());
        Self {
            decision_point: defect.point.clone(),
            causes: causes.map(|c| format!("{}={}", c.decision_point, c.option)).collect(),
            unexplained: unexplained.count(),
            rightly: defect.is_named(),
        }
    }
}

impl From<&FederatedDefectResult> for NamedReport {
    fn from(defect: &FederatedDefectResult) -> Self {
        let causes = defect.result.causes.iter();
        Self {
            decision_point: defect.defect.point.clone(),
            causes: causes.map(|c| format!("{}={}", c.decision_point, c.option)).collect(),
            unexplained: defect.wrong().filter(|divergence| divergence.cause.is_none()).count(),
            rightly: defect.is_named(),
        }
    }
}

impl DefectReport {
    fn new(defect: &Variant, caught_by: Vec<String>, because: Option<String>) -> Self {
        let Variant { id, family, about, .. } = defect.clone();
        let because = because.filter(|_| caught_by.is_empty());
        Self { id, family, about, caught_by, because, named: None }
    }

    /// Whether the checks have a gap: no check catches the defect for no known reason, or `diff`
    /// explains the defect by another decision point.
    fn is_a_gap(&self) -> bool {
        let is_missed = self.caught_by.is_empty() && self.because.is_none();
        is_missed || self.is_misnamed()
    }

    /// Whether `diff` found the defect, and explains it by another decision point.
    fn is_misnamed(&self) -> bool {
        !self.caught_by.is_empty() && self.named.as_ref().is_some_and(|named| !named.rightly)
    }
}

/// A mistake that the sequential model cannot express.
#[derive(Debug, Clone, Serialize)]
pub struct BeyondReport {
    /// The id of the mistake.
    pub id: String,
    /// The group of mistakes that it belongs to.
    pub family: String,
    /// The wrong behaviour of the homeserver.
    pub about: String,
    /// Why the model cannot express it.
    pub because: String,
}

impl From<Inexpressible> for BeyondReport {
    fn from(Inexpressible { id, family, about, because }: Inexpressible) -> Self {
        Self { id, family, about, because }
    }
}

impl DefectsReport {
    /// The report of the checks by the model.
    pub fn new(rules: &Rules, detections: &[DefectDetection], run: Run) -> Self {
        let defects = detections.iter().map(|detection| {
            let guarantees = detection.by_guarantees.iter().map(|guarantee| guarantee.get().id);
            let caught_by = guarantees.chain(detection.by_lockstep.then_some(LOCKSTEP));
            let because = known_reason(&detection.defect.id).map(str::to_owned);
            DefectReport::new(&detection.defect, caught_by.map(str::to_owned).collect(), because)
        });
        Self::of(rules, defects.collect(), run)
    }

    /// The report of the checks by the vectors. No vector detects the defects in `undetected`.
    pub fn by_vectors(
        rules: &Rules,
        detections: &[vectors::Detection],
        undetected: &[Undetected],
        run: Run,
    ) -> Self {
        let defects = detections.iter().map(|detection| {
            let because = unobservable(&detection.defect, undetected);
            DefectReport::new(&detection.defect, detection.by.clone(), because)
        });
        Self::of(rules, defects.collect(), run)
    }

    /// The report of the checks by `diff`, over HTTP. No vector detects the defects in `undetected`.
    pub fn by_diff(
        rules: &Rules,
        results: &[DefectResult],
        undetected: &[Undetected],
        run: Run,
    ) -> Self {
        let defects = results.iter().map(|defect| {
            let wrong = defect.result.divergences.iter().filter(|d| !d.is_permitted());
            let seen_in: BTreeSet<&String> = wrong.flat_map(|d| &d.seen_in).collect();
            let because = unobservable(&defect.defect, undetected);
            let because = because.or_else(|| defect.hidden.map(str::to_owned));
            let caught_by = seen_in.into_iter().cloned().collect();
            let report = DefectReport::new(&defect.defect, caught_by, because);
            DefectReport { named: Some(defect.into()), ..report }
        });
        Self::of(rules, defects.collect(), run)
    }

    /// The report of the checks by `diff --federated`. Defects that do not show to another homeserver were not
    /// tried.
    pub fn by_federation(rules: &Rules, results: &[FederatedDefectResult], run: Run) -> Self {
        let defects = results.iter().map(|result| {
            let FederatedDefect { id, family, about, unjudged, .. } = result.defect.clone();
            let seen_in: BTreeSet<_> = result.wrong().map(|found| found.scenario.id).collect();
            let caught_by: Vec<_> = seen_in.into_iter().map(str::to_owned).collect();
            let because = unjudged.filter(|_| caught_by.is_empty()).map(str::to_owned);
            let named = Some(result.into());
            DefectReport { id, family, about, caught_by, because, named }
        });
        Self::of(rules, defects.collect(), run)
    }

    fn of(rules: &Rules, defects: Vec<DefectReport>, run: Run) -> Self {
        Self {
            rules: rules.id.clone(),
            caught: defects.iter().filter(|defect| !defect.caught_by.is_empty()).count(),
            total: defects.len(),
            defects,
            beyond: inexpressible().into_iter().map(BeyondReport::from).collect(),
            run,
        }
    }

    /// Whether no check catches some defect for no known reason, or `diff` explains some defect by
    /// another decision point.
    pub fn has_a_gap(&self) -> bool {
        self.defects.iter().any(DefectReport::is_a_gap)
    }
}

/// Why no client can observe a defect, if none can.
fn unobservable(defect: &Variant, undetected: &[Undetected]) -> Option<String> {
    let undetected = undetected.iter().find(|option| option.defect_id() == defect.id);
    undetected.map(|option| option.because.clone())
}

/// Why no check catches a defect: the reason in the table of `spec-notes/beyond-the-model.md`.
fn known_reason(id: &str) -> Option<&'static str> {
    let rows = include_str!("../../spec-notes/beyond-the-model.md").lines();
    rows.filter_map(|row| row.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "))
        .find(|(defect, _)| *defect == id)
        .map(|(_, because)| because)
}

impl Display for DefectsReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let heading =
            format!("{}: {} of {} defects are caught", self.rules, self.caught, self.total);
        writeln!(f, "{}", paint(style::HEADING, heading))?;
        let mut table = Table::with_headings(["defect", "caught by"]);
        for defect in &self.defects {
            let caught_by = match defect.caught_by.as_slice() {
                [] => Cell::new("nothing", style::BAD),
                // Many vectors can catch one defect. The JSON names all of them.
                caught_by => Cell::from(match caught_by.len().saturating_sub(MOST_NAMED) {
                    0 => caught_by.join(", "),
                    more => format!("{}, and {more} more", caught_by[..MOST_NAMED].join(", ")),
                }),
            };
            table.push([Cell::from(defect.id.clone()), caught_by]);
        }
        write!(f, "\n{table}")?;
        for defect in self.defects.iter().filter(|defect| defect.caught_by.is_empty()) {
            let because = defect.because.as_deref();
            let because = because.unwrap_or("no reason is known, so a check is missing");
            writeln!(f, "\nno check catches `{}`: {because}", defect.id)?;
        }
        for defect in self.defects.iter().filter(|defect| defect.is_misnamed()) {
            let Some(named) = &defect.named else { continue };
            writeln!(f, "\n`diff` misnames `{}`: {}", defect.id, named.in_words())?;
        }
        if !self.beyond.is_empty() {
            writeln!(f, "\nKnown mistakes that the sequential model cannot express:")?;
        }
        for beyond in &self.beyond {
            writeln!(f, "  {}: {}", beyond.id, beyond.about)?;
            writeln!(f, "    {}", beyond.because)?;
        }
        Ok(())
    }
}
