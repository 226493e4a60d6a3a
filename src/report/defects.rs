//! What `defects` found: the scoreboard.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use guest_access_model::scoreboard::Caught;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{Inexpressible, Variant, inexpressible};
use serde::Serialize;

use crate::diff::DefectResult;
use crate::vectors::{self, Undetected};

use super::{Cell, Run, Table, count, paint, style};

/// The property that stands for a difference between the model and the mistaken reference.
const LOCKSTEP: &str = "agreement";
/// How many checks that catch a defect are named in the text.
const NAMED: usize = 3;

/// Which check catches which mistake.
#[derive(Debug, Clone, Serialize)]
pub struct DefectsReport {
    /// The rules that are mistaken.
    pub rules: String,
    /// The defects.
    pub defects: Vec<DefectReport>,
    /// How many are caught.
    pub caught: usize,
    /// How many there are.
    pub total: usize,
    /// Known mistakes that the sequential model cannot express.
    pub beyond: Vec<BeyondReport>,
    /// How the report came to be.
    pub run: Run,
}

/// One defect.
#[derive(Debug, Clone, Serialize)]
pub struct DefectReport {
    /// Its id.
    pub id: String,
    /// Its family.
    pub family: String,
    /// What is done wrongly.
    pub about: String,
    /// What catches it: guarantees, and `agreement` for lockstep; or the ids of vectors.
    pub caught_by: Vec<String>,
    /// Why nothing catches it, if that is accounted for.
    pub because: Option<String>,
    /// What was made of it, if it was looked for over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named: Option<NamedReport>,
}

/// As what a defect was told by `diff`.
#[derive(Debug, Clone, Serialize)]
pub struct NamedReport {
    /// The decision point that it answers wrongly.
    pub decision_point: String,
    /// The decision points by which what was found is explained, each with the option.
    pub causes: Vec<String>,
    /// How many divergences nothing explains.
    pub unexplained: usize,
    /// Whether it was found, and all that was found is explained by its own decision point.
    pub rightly: bool,
}

impl NamedReport {
    fn told(&self) -> String {
        let causes = match self.causes.as_slice() {
            [] => "nothing".to_owned(),
            causes => causes.join(", "),
        };
        let unexplained = match self.unexplained {
            0 => String::new(),
            _ => format!(", and {} that nothing explains", count(self.unexplained, "divergence")),
        };
        format!("explained by {causes}{unexplained}; it is `{}`", self.decision_point)
    }
}

impl From<&DefectResult> for NamedReport {
    fn from(held: &DefectResult) -> Self {
        let causes = held.result.causes.iter();
        let unexplained = held.result.divergences.iter().filter(|d| d.cause.is_none());
        Self {
            decision_point: held.point.clone(),
            causes: causes.map(|c| format!("{}={}", c.decision_point, c.option)).collect(),
            unexplained: unexplained.count(),
            rightly: held.is_named(),
        }
    }
}

impl DefectReport {
    fn new(defect: &Variant, caught_by: Vec<String>, because: Option<String>) -> Self {
        let Variant { id, family, about, .. } = defect.clone();
        let because = because.filter(|_| caught_by.is_empty());
        Self { id, family, about, caught_by, because, named: None }
    }

    /// Whether nothing catches it, and nothing accounts for that; or it is taken for something else.
    fn is_a_gap(&self) -> bool {
        let is_missed = self.caught_by.is_empty() && self.because.is_none();
        is_missed || self.is_misnamed()
    }

    /// Whether it was found, and taken for something else.
    fn is_misnamed(&self) -> bool {
        !self.caught_by.is_empty() && self.named.as_ref().is_some_and(|named| !named.rightly)
    }
}

/// A mistake that the sequential model cannot express.
#[derive(Debug, Clone, Serialize)]
pub struct BeyondReport {
    /// Its id.
    pub id: String,
    /// Its family.
    pub family: String,
    /// What is done wrongly.
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
    /// The report of what the model caught of the defects of `rules`.
    pub fn new(rules: &Rules, found: &[Caught], run: Run) -> Self {
        let defects = found.iter().map(|caught| {
            let guarantees = caught.by_guarantees.iter().map(|guarantee| guarantee.get().id);
            let caught_by = guarantees.chain(caught.by_lockstep.then_some(LOCKSTEP));
            let because = accounted_for(&caught.defect.id).map(str::to_owned);
            DefectReport::new(&caught.defect, caught_by.map(str::to_owned).collect(), because)
        });
        Self::of(rules, defects.collect(), run)
    }

    /// The report of what the vectors caught of the defects of `rules`, which fail no
    /// homeserver for those named.
    pub fn by_vectors(
        rules: &Rules,
        found: &[vectors::Detection],
        undetected: &[Undetected],
        run: Run,
    ) -> Self {
        let defects = found.iter().map(|caught| {
            let because = unobservable(&caught.defect, undetected);
            DefectReport::new(&caught.defect, caught.by.clone(), because)
        });
        Self::of(rules, defects.collect(), run)
    }

    /// The report of what `diff` found of the defects of `rules`, over HTTP, by vectors that fail no
    /// homeserver for those named.
    pub fn by_diff(
        rules: &Rules,
        held: &[DefectResult],
        undetected: &[Undetected],
        run: Run,
    ) -> Self {
        let defects = held.iter().map(|held| {
            let wrong = held.result.divergences.iter().filter(|d| !d.is_permitted());
            let seen_in: BTreeSet<&String> = wrong.flat_map(|d| &d.seen_in).collect();
            let because = unobservable(&held.defect, undetected);
            let because = because.or_else(|| held.hidden.map(str::to_owned));
            let caught_by = seen_in.into_iter().cloned().collect();
            let report = DefectReport::new(&held.defect, caught_by, because);
            DefectReport { named: Some(held.into()), ..report }
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

    /// Whether there is a defect that nothing catches and that is not accounted for, or one that is
    /// taken for something else.
    pub fn has_a_gap(&self) -> bool {
        self.defects.iter().any(DefectReport::is_a_gap)
    }
}

/// Why no client could observe a defect, if none could.
fn unobservable(defect: &Variant, undetected: &[Undetected]) -> Option<String> {
    let undetected = undetected.iter().find(|option| option.defect_id() == defect.id);
    undetected.map(|option| option.because.clone())
}

/// Why nothing catches a defect, by the table of `spec-notes/beyond-the-model.md`.
fn accounted_for(id: &str) -> Option<&'static str> {
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
                // Vectors are many; the JSON names all.
                caught_by => Cell::from(match caught_by.len().saturating_sub(NAMED) {
                    0 => caught_by.join(", "),
                    more => format!("{}, and {more} more", caught_by[..NAMED].join(", ")),
                }),
            };
            table.push([Cell::from(defect.id.clone()), caught_by]);
        }
        write!(f, "\n{table}")?;
        for defect in self.defects.iter().filter(|defect| defect.caught_by.is_empty()) {
            let because = defect.because.as_deref();
            let because = because.unwrap_or("nothing accounts for it: a hole in our checks");
            writeln!(f, "\n`{}` is caught by nothing: {because}", defect.id)?;
        }
        for defect in self.defects.iter().filter(|defect| defect.is_misnamed()) {
            let Some(named) = &defect.named else { continue };
            writeln!(f, "\n`{}` is taken for something else: {}", defect.id, named.told())?;
        }
        if !self.beyond.is_empty() {
            writeln!(f, "\nKnown mistakes that this model cannot express:")?;
        }
        for beyond in &self.beyond {
            writeln!(f, "  {}: {}", beyond.id, beyond.about)?;
            writeln!(f, "    {}", beyond.because)?;
        }
        Ok(())
    }
}
