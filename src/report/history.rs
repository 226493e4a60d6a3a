//! What `history` found: every revision, every guarantee.

use std::fmt::{self, Display, Formatter};

use guest_access_model::check::{Finding, Status};
use guest_access_model::state::Scope;
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::rules::Rules;
use serde::Serialize;

use super::check::Withdrawn;
use super::{Cell, Run, Table, count, paint, style};

/// Every revision and every guarantee: what is promised, and what is kept.
#[derive(Debug, Clone, Serialize)]
pub struct History {
    /// The model that was explored.
    pub model: &'static str,
    /// How many guests there were.
    pub guests: usize,
    /// How many rooms there were.
    pub rooms: usize,
    /// Whether every reachable state of every revision was explored.
    pub complete: bool,
    /// The revisions, the earliest first.
    pub revisions: Vec<Revision>,
    /// The guarantees.
    pub guarantees: Vec<GuaranteeHistory>,
    /// How the report came to be.
    pub run: Run,
}

/// A revision.
#[derive(Debug, Clone, Serialize)]
pub struct Revision {
    /// Its id.
    pub id: String,
    /// Its date.
    pub date: Option<String>,
    /// The releases that mean it too.
    pub aliases: Vec<String>,
}

/// A guarantee in every revision.
#[derive(Debug, Clone, Serialize)]
pub struct GuaranteeHistory {
    /// The guarantee.
    pub id: &'static str,
    /// What always holds.
    pub always: &'static str,
    /// Its fate, by revision.
    pub revisions: Vec<GuaranteeInRevision>,
}

/// What became of one guarantee in one revision.
#[derive(Debug, Clone, Serialize)]
pub struct GuaranteeInRevision {
    /// The revision.
    pub rules: String,
    /// Whether it is promised.
    pub promise: Promise,
    /// Whether it is in fact kept.
    pub status: Status,
    /// The clauses that promise it.
    pub clauses: Vec<String>,
    /// Who withdrew the promise, if it was once given.
    pub withdrawn: Option<Withdrawn>,
}

/// Whether a revision promises a guarantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// It does.
    Promised,
    /// It does not any more.
    Withdrawn,
    /// It never did.
    Never,
}

impl History {
    /// The history of these revisions, where each comes with what was found of all guarantees as if
    /// it promised them.
    pub fn new(scope: Scope, complete: bool, found: &[(Rules, Vec<Finding>)], run: Run) -> Self {
        let in_revisions = |guarantee: GuaranteeId| {
            let in_revisions = found.iter().filter_map(move |(rules, findings)| {
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
            revisions: found
                .iter()
                .map(|(rules, _)| Revision {
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

    /// Whether a promise is broken.
    pub fn fails(&self) -> bool {
        let broken = |in_revision: &GuaranteeInRevision| {
            in_revision.promise == Promise::Promised && in_revision.status == Status::Violated
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
                (Some(_), _) => Promise::Promised,
                (None, Some(_)) => Promise::Withdrawn,
                (None, None) => Promise::Never,
            },
            status: finding.status,
            clauses: clauses.cloned().unwrap_or_default(),
            withdrawn: withdrawal.map(Withdrawn::from),
        }
    }

    fn cell(&self) -> Cell {
        let promise = match self.promise {
            Promise::Promised => "✓",
            Promise::Withdrawn => "w",
            Promise::Never => "·",
        };
        let kept = match self.status {
            Status::Holds | Status::NotPromised => "",
            Status::Violated => "✗",
            Status::Vacuous => "-",
            Status::Unknown => "?",
        };
        let style = match (self.promise, self.status) {
            (Promise::Promised, Status::Violated) => style::BAD,
            (Promise::Promised, Status::Holds) => style::GOOD,
            (_, Status::Violated) => style::DOUBTFUL,
            _ => style::DIM,
        };
        Cell::new(format!("{promise}{kept}"), style)
    }
}

impl Display for History {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // The draft's id is its date, which leaves no room for the others.
        let short = |revision: &Revision| match revision.id.split_once('-') {
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
        writeln!(f, "✗ broken   - not exercised at this scope   ? not known   (nothing) kept")?;
        let (guests, rooms) = (count(self.guests, "guest"), count(self.rooms, "room"));
        let scope = format!("what is kept was looked for with {guests} and {rooms}");
        writeln!(f, "{}", paint(style::DIM, scope))?;
        let mut withdrawals: Vec<(&str, &Withdrawn)> = Vec::new();
        for guarantee in &self.guarantees {
            for withdrawn in
                guarantee.revisions.iter().filter_map(|in_revision| in_revision.withdrawn.as_ref())
            {
                let told =
                    |(id, by): &(&str, &Withdrawn)| *id == guarantee.id && by.by == withdrawn.by;
                if !withdrawals.iter().any(told) {
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
                paint(style::DOUBTFUL, "not finished; nothing is known of the rest")
            )?;
        }
        Ok(())
    }
}
