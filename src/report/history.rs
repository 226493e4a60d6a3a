//! The report of `history`: the status of every guarantee in every revision.

use std::fmt::{self, Display, Formatter};

use guest_access_model::check::{Finding, Status};
use guest_access_model::state::Scope;
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::rules::Rules;
use serde::Serialize;

use super::check::WithdrawnPromise;
use super::{Cell, Run, Table, count, paint, style};

/// For every guarantee and every revision: whether the revision promises the guarantee, and whether the
/// guarantee holds.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryReport {
    /// The name of the model.
    pub model: &'static str,
    /// The number of guests in the scope.
    pub guests: usize,
    /// The number of rooms in the scope.
    pub rooms: usize,
    /// Whether every reachable state of every revision was explored.
    pub complete: bool,
    /// The revisions, the earliest first.
    pub revisions: Vec<RevisionSummary>,
    /// The guarantees.
    pub guarantees: Vec<GuaranteeHistory>,
    /// The run that made the report.
    pub run: Run,
}

/// A revision.
#[derive(Debug, Clone, Serialize)]
pub struct RevisionSummary {
    /// The id of the revision.
    pub id: String,
    /// The date of the revision.
    pub date: Option<String>,
    /// The releases with the same text.
    pub aliases: Vec<String>,
}

/// A guarantee in every revision.
#[derive(Debug, Clone, Serialize)]
pub struct GuaranteeHistory {
    /// The id of the guarantee.
    pub id: &'static str,
    /// The statement of the guarantee.
    pub always: &'static str,
    /// The guarantee in each revision, the earliest first.
    pub revisions: Vec<GuaranteeInRevision>,
}

/// One guarantee in one revision.
#[derive(Debug, Clone, Serialize)]
pub struct GuaranteeInRevision {
    /// The id of the revision.
    pub rules: String,
    /// Whether the revision promises the guarantee.
    pub promise: PromiseStatus,
    /// Whether the guarantee holds under the revision.
    pub status: Status,
    /// The clauses that promise the guarantee.
    pub clauses: Vec<String>,
    /// The revision that withdrew the promise, if an earlier revision gave the promise.
    pub withdrawn: Option<WithdrawnPromise>,
}

/// Whether a revision promises a guarantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PromiseStatus {
    /// The revision promises the guarantee.
    Promised,
    /// An earlier revision promised the guarantee; this revision does not.
    Withdrawn,
    /// Neither this revision nor an earlier one promises the guarantee.
    Never,
}

impl HistoryReport {
    /// The history of these revisions. Each comes with the findings of a check that required all
    /// guarantees.
    pub fn new(scope: Scope, complete: bool, checked: &[(Rules, Vec<Finding>)], run: Run) -> Self {
        let in_revisions = |guarantee: GuaranteeId| {
            let in_revisions = checked.iter().filter_map(move |(rules, findings)| {
                let finding = findings.iter().find(|finding| finding.guarantee == guarantee)?;
                Some(GuaranteeInRevision::new(rules, finding))
            });
            in_revisions.collect()
        };
        Self {
            model: "sequential",
            guests: scope.guests,
            rooms: scope.rooms,
            complete,
            revisions: checked
                .iter()
                .map(|(rules, _)| RevisionSummary {
                    id: rules.id.clone(),
                    date: rules.date.clone(),
                    aliases: rules.aliases.clone(),
                })
                .collect(),
            guarantees: GuaranteeSet::on_actions()
                .iter()
                .map(|guarantee| GuaranteeHistory {
                    id: guarantee.get().id,
                    always: guarantee.get().always,
                    revisions: in_revisions(guarantee),
                })
                .collect(),
            run,
        }
    }

    /// Whether a promised guarantee is violated.
    pub fn fails(&self) -> bool {
        let broken = |in_revision: &GuaranteeInRevision| {
            in_revision.promise == PromiseStatus::Promised && in_revision.status == Status::Violated
        };
        self.guarantees.iter().flat_map(|guarantee| &guarantee.revisions).any(broken)
    }
}

impl GuaranteeInRevision {
    fn new(rules: &Rules, finding: &Finding) -> Self {
        let clauses = rules.promises.get(&finding.guarantee);
        let withdrawal = rules.withdrawn.get(&finding.guarantee);
        Self {
            rules: rules.id.clone(),
            promise: match (clauses, withdrawal) {
                (Some(_), _) => PromiseStatus::Promised,
                (None, Some(_)) => PromiseStatus::Withdrawn,
                (None, None) => PromiseStatus::Never,
            },
            status: finding.status,
            clauses: clauses.cloned().unwrap_or_default(),
            withdrawn: withdrawal.map(WithdrawnPromise::from),
        }
    }

    fn cell(&self) -> Cell {
        let promise = match self.promise {
            PromiseStatus::Promised => "✓",
            PromiseStatus::Withdrawn => "w",
            PromiseStatus::Never => "·",
        };
        let status = match self.status {
            Status::Holds | Status::NotPromised => "",
            Status::Violated => "✗",
            Status::Vacuous => "-",
            Status::Unknown => "?",
        };
        let style = match (self.promise, self.status) {
            (PromiseStatus::Promised, Status::Violated) => style::BAD,
            (PromiseStatus::Promised, Status::Holds) => style::GOOD,
            (_, Status::Violated) => style::DOUBTFUL,
            _ => style::DIM,
        };
        Cell::new(format!("{promise}{status}"), style)
    }
}

impl Display for HistoryReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // The id of the draft contains its date, which is too wide for the table.
        let short = |revision: &RevisionSummary| match revision.id.split_once('-') {
            Some((name, _)) => name.to_owned(),
            None => revision.id.clone(),
        };
        let headings = std::iter::once("guarantee".to_owned());
        let mut table = Table::with_headings(headings.chain(self.revisions.iter().map(short)));
        for guarantee in &self.guarantees {
            let in_revisions = guarantee.revisions.iter().map(GuaranteeInRevision::cell);
            table.push(std::iter::once(Cell::from(guarantee.id)).chain(in_revisions));
        }
        writeln!(f, "{table}")?;
        writeln!(f, "✓ promised   w withdrawn   · never promised")?;
        writeln!(f, "✗ violated   - vacuous at this scope   ? unknown   (no mark) holds")?;
        let (guests, rooms) = (count(self.guests, "guest"), count(self.rooms, "room"));
        let scope = format!("checked with {guests} and {rooms}");
        writeln!(f, "{}", paint(style::DIM, scope))?;
        let mut withdrawals: Vec<(&str, &WithdrawnPromise)> = Vec::new();
        for guarantee in &self.guarantees {
            for withdrawn in
                guarantee.revisions.iter().filter_map(|in_revision| in_revision.withdrawn.as_ref())
            {
                let is_same = |(id, other): &(&str, &WithdrawnPromise)| {
                    *id == guarantee.id && other.by == withdrawn.by
                };
                if !withdrawals.iter().any(is_same) {
                    withdrawals.push((guarantee.id, withdrawn));
                }
            }
        }
        if !withdrawals.is_empty() {
            writeln!(f)?;
        }
        for (id, withdrawn) in withdrawals {
            let clauses = withdrawn.clauses.join(", ");
            writeln!(
                f,
                "{id}: withdrawn in {} because {} ({clauses})",
                withdrawn.by, withdrawn.because
            )?;
        }
        if !self.complete {
            writeln!(
                f,
                "{}",
                paint(style::DOUBTFUL, "the search is incomplete; the rest is unknown")
            )?;
        }
        Ok(())
    }
}
