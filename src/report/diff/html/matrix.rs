//! The matrix of expected and observed answers, by operation, caller, membership, history visibility and
//! guest access.
//!
//! Equal parts are merged, so that a person can read the matrix:
//!
//! - operations with the same results for one kind of caller are one block;
//! - memberships with the same results are one row;
//! - neighbouring cells with the same results are one cell.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};
use maud::{Markup, html};

use crate::diff::{AnswerClass, CallTarget, CellVerdict, MatrixCell};
use crate::report::count;

/// The target of a call: a room with its history visibility and its guest access, or no room.
type Column = (CallTarget, Option<&'static str>, Option<&'static str>);
/// The results in one cell: the expected class, the observed class, and the verdict.
type CellResults = BTreeSet<(AnswerClass, AnswerClass, CellVerdict)>;
/// The results of one operation by one kind of caller with one membership.
type MatrixRow = BTreeMap<Column, CellResults>;

/// Operations with the same results for one kind of caller.
struct Block {
    operations: Vec<String>,
    by: String,
    /// The results, by the caller's memberships.
    rows: Vec<(Vec<Option<&'static str>>, MatrixRow)>,
}

pub(super) fn matrix(cells: &[MatrixCell]) -> Markup {
    let columns = columns(cells);
    let blocks = blocks(cells);
    let (as_expected, others): (Vec<_>, Vec<_>) =
        blocks.iter().partition(|block| block.worst() == CellVerdict::AsExpected);
    let operations_as_expected: usize =
        as_expected.iter().map(|block| block.operations.len()).sum();
    html! {
        @if !cells.is_empty() {
            section id="matrix" {
                h2 { "Expected and observed" }
                p.fine {
                    "A column is a room's history visibility and guest access. "
                    "A cell is the answer to each call there; an empty cell was not tried."
                }
                p.fine {
                    span.cell.leak { "denied → allowed" }
                    " is a divergence: the answer by the rules → the answer of the homeserver."
                }
                p.fine {
                    span.cell.permitted { "denied → allowed" } " is permitted by another reading."
                }
                @if !others.is_empty() { (table(&others, &columns)) }
                @if !as_expected.is_empty() {
                    details open[others.is_empty()] {
                        summary { (count(operations_as_expected, "call")) " with only expected answers" }
                        (table(&as_expected, &columns))
                    }
                }
            }
        }
    }
}

/// Every combination of settings in the specification's order, and then the other targets of calls.
fn columns(cells: &[MatrixCell]) -> Vec<Column> {
    let visibilities = HistoryVisibility::ALL.iter().map(|visibility| Some(visibility.as_str()));
    let with_access = |visibility| {
        GuestAccess::ALL
            .iter()
            .map(move |access| (CallTarget::Room, visibility, Some(access.as_str())))
    };
    let mut columns: Vec<_> = visibilities.flat_map(with_access).collect();
    let others: BTreeSet<_> = cells.iter().map(column).collect();
    columns.extend(others.into_iter().filter(|other| !columns.contains(other)).collect::<Vec<_>>());
    columns
}

fn column(cell: &MatrixCell) -> Column {
    let class = &cell.class;
    (class.place, class.history_visibility, class.guest_access)
}

fn blocks(cells: &[MatrixCell]) -> Vec<Block> {
    let mut calls: BTreeMap<(&str, &str), BTreeMap<Option<&'static str>, MatrixRow>> =
        BTreeMap::new();
    for cell in cells {
        let MatrixCell { class, expected, observed, verdict, .. } = cell;
        let rows = calls.entry((&class.by, &class.operation)).or_default();
        let row = rows.entry(class.membership).or_default();
        row.entry(column(cell)).or_default().insert((*expected, *observed, *verdict));
    }
    let mut by_rows: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for ((by, operation), rows) in calls {
        by_rows.entry((by, rows)).or_default().push(operation.to_owned());
    }
    let blocks = by_rows.into_iter().map(|((by, rows), operations)| Block {
        operations,
        by: by.to_owned(),
        rows: merge_rows(rows),
    });
    let mut blocks: Vec<_> = blocks.collect();
    blocks.sort_by(|one, other| {
        let ranks = rank(one.worst()).cmp(&rank(other.worst()));
        ranks.then_with(|| (&one.by, &one.operations).cmp(&(&other.by, &other.operations)))
    });
    blocks
}

/// Merges equal rows into one row with several memberships.
fn merge_rows(
    rows: BTreeMap<Option<&'static str>, MatrixRow>,
) -> Vec<(Vec<Option<&'static str>>, MatrixRow)> {
    let mut merged: Vec<(Vec<_>, MatrixRow)> = Vec::new();
    for (membership, row) in rows {
        match merged.iter_mut().find(|(_, known)| *known == row) {
            Some((memberships, _)) => memberships.push(membership),
            None => merged.push((vec![membership], row)),
        }
    }
    merged
}

impl Block {
    fn worst(&self) -> CellVerdict {
        let cells = self.rows.iter().flat_map(|(_, row)| row.values());
        worst(cells.flatten())
    }
}

fn worst<'a>(
    results: impl Iterator<Item = &'a (AnswerClass, AnswerClass, CellVerdict)>,
) -> CellVerdict {
    results
        .map(|(.., verdict)| *verdict)
        .min_by_key(|verdict| rank(*verdict))
        .unwrap_or(CellVerdict::AsExpected)
}

/// The rank of a verdict; the worst has the lowest.
fn rank(verdict: CellVerdict) -> usize {
    match verdict {
        CellVerdict::Diverges(kind) => kind as usize,
        CellVerdict::Permitted => 10,
        CellVerdict::AsExpected => 11,
    }
}

fn table(blocks: &[&Block], columns: &[Column]) -> Markup {
    let is_used = |column: &&Column| {
        let is_room = column.0 == CallTarget::Room;
        is_room || blocks.iter().any(|b| b.rows.iter().any(|(_, row)| row.contains_key(*column)))
    };
    let columns: Vec<_> = columns.iter().filter(is_used).copied().collect();
    html! {
        div.scroll { table.matrix {
            thead {
                tr {
                    th rowspan="2" { "membership" }
                    @for (group, span) in runs(columns.iter().map(|(place, v, _)| (place, v))) {
                        th.edge colspan=[several(span)] { (about(*group.0, *group.1)) }
                    }
                }
                tr {
                    @for (_, visibility, access) in &columns {
                        th.access.edge[access.is_none() || *access == first_access()] {
                            @if visibility.is_some() { (access.unwrap_or_default()) }
                        }
                    }
                }
            }
            @for block in blocks {
                tbody {
                    tr { th.operation colspan=(columns.len() + 1) {
                        (operations(&block.operations)) span.by { (block.by) }
                    } }
                    @for (memberships, row) in &block.rows {
                        tr {
                            td { (membership_names(memberships)) }
                            @for (cell, span) in runs(columns.iter().map(|column| row.get(column))) {
                                (table_cell(cell, span))
                            }
                        }
                    }
                }
            }
        } }
    }
}

fn first_access() -> Option<&'static str> {
    GuestAccess::ALL.first().map(|access| access.as_str())
}

fn about(place: CallTarget, visibility: Option<&'static str>) -> &'static str {
    match (place, visibility) {
        (CallTarget::Nowhere, _) => "no room",
        (CallTarget::Elsewhere, _) => "elsewhere",
        (CallTarget::Room, visibility) => visibility.unwrap_or("room"),
    }
}

/// The operations of a block; more than four are collapsed.
fn operations(operations: &[String]) -> Markup {
    html! {
        @match operations {
            [one, rest @ ..] if rest.len() > 3 => {
                details {
                    summary { (one) " and " (count(rest.len(), "other")) }
                    @for operation in rest { div { (operation) } }
                }
            }
            _ => { @for operation in operations { div { (operation) } } }
        }
    }
}

fn membership_names(memberships: &[Option<&'static str>]) -> String {
    let memberships: Vec<_> = memberships.iter().map(|one| one.unwrap_or("—")).collect();
    memberships.join(", ")
}

/// One cell that spans so many columns.
fn table_cell(cell: Option<&CellResults>, span: usize) -> Markup {
    let Some(cell) = cell else {
        return html! { td.cell.edge colspan=[several(span)] {} };
    };
    let class = match worst(cell.iter()) {
        CellVerdict::Diverges(kind) => kind.as_str(),
        CellVerdict::Permitted => "permitted",
        CellVerdict::AsExpected
            if cell.iter().all(|(expected, ..)| *expected == AnswerClass::Denied) =>
        {
            "same denied"
        }
        CellVerdict::AsExpected => "same",
    };
    // Beside unexpected results, the expected ones are left out.
    let unexpected: BTreeSet<_> = cell
        .iter()
        .filter(|(.., verdict)| *verdict != CellVerdict::AsExpected)
        .map(|(expected, observed, _)| (*expected, *observed))
        .collect();
    let expected: BTreeSet<_> = cell.iter().map(|(expected, ..)| in_words(*expected)).collect();
    html! {
        td class=(format!("cell edge {class}")) colspan=[several(span)] {
            @if unexpected.is_empty() {
                (expected.into_iter().collect::<Vec<_>>().join(" or "))
            }
            @for (expected, observed) in unexpected {
                div { (in_words(expected)) " → " (result_in_words(expected, observed)) }
            }
        }
    }
}

const fn in_words(answer: AnswerClass) -> &'static str {
    match answer {
        AnswerClass::Allowed => "allowed",
        AnswerClass::Given => "gives",
        AnswerClass::Withheld => "withholds",
        AnswerClass::Denied => "denied",
    }
}

/// The observed answer, where it differs from the expected one. If both have the same class, the words
/// say what differs.
fn result_in_words(expected: AnswerClass, observed: AnswerClass) -> &'static str {
    match observed {
        AnswerClass::Denied if expected == AnswerClass::Denied => "another error",
        AnswerClass::Allowed if expected == AnswerClass::Allowed => "another effect",
        AnswerClass::Given if expected == AnswerClass::Given => "gives in part",
        observed => in_words(observed),
    }
}

/// The runs of equal neighbours, each with its length.
fn runs<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<(T, usize)> {
    let mut runs: Vec<(T, usize)> = Vec::new();
    for item in items {
        match runs.last_mut() {
            Some((last, length)) if *last == item => *length += 1,
            _ => runs.push((item, 1)),
        }
    }
    runs
}
/// The value of `colspan`, whose default is 1.
fn several(span: usize) -> Option<usize> {
    (span > 1).then_some(span)
}
