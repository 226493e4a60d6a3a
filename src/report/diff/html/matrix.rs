//! The matrix of what was expected against what was seen: what is asked × the caller and its
//! membership × the room's history visibility × its guest access.
//!
//! It is folded so that a person can read it: calls by one kind of caller that came out alike in
//! everything are one block, memberships that did are one row, and neighbouring cells that did are one
//! cell.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};
use maud::{Markup, html};

use crate::diff::{AnswerClass, CallTarget, CellVerdict, MatrixCell};
use crate::report::count;

/// About what a call is made: a room with this history visibility and this guest access, or none.
type Column = (CallTarget, Option<&'static str>, Option<&'static str>);
/// What came of all that falls into one cell: expected, observed, and what the rules say to that.
type Cell = BTreeSet<(AnswerClass, AnswerClass, CellVerdict)>;
/// What came of one call by one kind of caller with one membership.
type Row = BTreeMap<Column, Cell>;

/// Calls by one kind of caller that come out alike in everything.
struct Block {
    deeds: Vec<String>,
    by: String,
    /// What came of them, by the caller's memberships.
    rows: Vec<(Vec<Option<&'static str>>, Row)>,
}

pub(super) fn matrix(asked: &[MatrixCell]) -> Markup {
    let columns = columns(asked);
    let blocks = blocks(asked);
    let (alike, otherwise): (Vec<_>, Vec<_>) =
        blocks.iter().partition(|block| block.worst() == CellVerdict::AsExpected);
    let told: usize = alike.iter().map(|block| block.deeds.len()).sum();
    html! {
        @if !asked.is_empty() {
            section id="matrix" {
                h2 { "Expected and observed" }
                p.fine {
                    "A column is a room's history visibility and guest access. "
                    "A cell is what comes of each call there; an empty cell was not asked."
                }
                p.fine {
                    span.cell.leak { "denied → allowed" }
                    " is a difference: what the rules say, and what the homeserver did."
                }
                p.fine {
                    span.cell.permitted { "denied → allowed" } " is permitted by another reading."
                }
                @if !otherwise.is_empty() { (table(&otherwise, &columns)) }
                @if !alike.is_empty() {
                    details open[otherwise.is_empty()] {
                        summary { (count(told, "call")) " in which it does as expected" }
                        (table(&alike, &columns))
                    }
                }
            }
        }
    }
}

/// Every combination of settings in the specification's order, and what else was asked about.
fn columns(asked: &[MatrixCell]) -> Vec<Column> {
    let visibilities = HistoryVisibility::ALL.iter().map(|visibility| Some(visibility.as_str()));
    let with_access = |visibility| {
        GuestAccess::ALL
            .iter()
            .map(move |access| (CallTarget::Room, visibility, Some(access.as_str())))
    };
    let mut columns: Vec<_> = visibilities.flat_map(with_access).collect();
    let others: BTreeSet<_> = asked.iter().map(column).collect();
    columns.extend(others.into_iter().filter(|other| !columns.contains(other)).collect::<Vec<_>>());
    columns
}

fn column(asked: &MatrixCell) -> Column {
    let class = &asked.class;
    (class.place, class.history_visibility, class.guest_access)
}

fn blocks(asked: &[MatrixCell]) -> Vec<Block> {
    let mut calls: BTreeMap<(&str, &str), BTreeMap<Option<&'static str>, Row>> = BTreeMap::new();
    for one in asked {
        let MatrixCell { class, expected, observed, verdict, .. } = one;
        let rows = calls.entry((&class.by, &class.operation)).or_default();
        let row = rows.entry(class.membership).or_default();
        row.entry(column(one)).or_default().insert((*expected, *observed, *verdict));
    }
    let mut alike: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for ((by, operation), rows) in calls {
        alike.entry((by, rows)).or_default().push(operation.to_owned());
    }
    let blocks = alike.into_iter().map(|((by, rows), deeds)| Block {
        deeds,
        by: by.to_owned(),
        rows: folded(rows),
    });
    let mut blocks: Vec<_> = blocks.collect();
    blocks.sort_by(|one, other| {
        let ranks = rank(one.worst()).cmp(&rank(other.worst()));
        ranks.then_with(|| (&one.by, &one.deeds).cmp(&(&other.by, &other.deeds)))
    });
    blocks
}

/// The rows, those that are alike together.
fn folded(rows: BTreeMap<Option<&'static str>, Row>) -> Vec<(Vec<Option<&'static str>>, Row)> {
    let mut folded: Vec<(Vec<_>, Row)> = Vec::new();
    for (membership, row) in rows {
        match folded.iter_mut().find(|(_, known)| *known == row) {
            Some((memberships, _)) => memberships.push(membership),
            None => folded.push((vec![membership], row)),
        }
    }
    folded
}

impl Block {
    fn worst(&self) -> CellVerdict {
        let cells = self.rows.iter().flat_map(|(_, row)| row.values());
        worst(cells.flatten())
    }
}

fn worst<'a>(
    in_words: impl Iterator<Item = &'a (AnswerClass, AnswerClass, CellVerdict)>,
) -> CellVerdict {
    in_words
        .map(|(.., verdict)| *verdict)
        .min_by_key(|verdict| rank(*verdict))
        .unwrap_or(CellVerdict::AsExpected)
}

/// The worst first.
fn rank(verdict: CellVerdict) -> usize {
    match verdict {
        CellVerdict::Diverges(kind) => kind as usize,
        CellVerdict::Permitted => 10,
        CellVerdict::AsExpected => 11,
    }
}

fn table(blocks: &[&Block], columns: &[Column]) -> Markup {
    let is_asked = |column: &&Column| {
        let is_room = column.0 == CallTarget::Room;
        is_room || blocks.iter().any(|b| b.rows.iter().any(|(_, row)| row.contains_key(*column)))
    };
    let columns: Vec<_> = columns.iter().filter(is_asked).copied().collect();
    html! {
        div.scroll { table.matrix {
            thead {
                tr {
                    th rowspan="2" { "membership" }
                    @for (group, span) in runs(columns.iter().map(|(place, v, _)| (place, v))) {
                        th.edge colspan=(span) { (about(*group.0, *group.1)) }
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
                    tr { th.deed colspan=(columns.len() + 1) {
                        (deeds(&block.deeds)) span.by { (block.by) }
                    } }
                    @for (memberships, row) in &block.rows {
                        tr {
                            td { (listed(memberships)) }
                            @for (cell, span) in runs(columns.iter().map(|column| row.get(column))) {
                                (told(cell, span))
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

fn deeds(deeds: &[String]) -> Markup {
    html! {
        @match deeds {
            [one, rest @ ..] if rest.len() > 3 => {
                details {
                    summary { (one) " and " (count(rest.len(), "other")) }
                    @for operation in rest { div { (operation) } }
                }
            }
            _ => { @for operation in deeds { div { (operation) } } }
        }
    }
}

fn listed(memberships: &[Option<&'static str>]) -> String {
    let memberships: Vec<_> = memberships.iter().map(|one| one.unwrap_or("—")).collect();
    memberships.join(", ")
}

/// One cell, as wide as it holds.
fn told(cell: Option<&Cell>, span: usize) -> Markup {
    let Some(cell) = cell else {
        return html! { td.cell.edge colspan=(span) {} };
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
    // What is as expected goes without saying beside what is not.
    let otherwise: BTreeSet<_> = cell
        .iter()
        .filter(|(.., verdict)| *verdict != CellVerdict::AsExpected)
        .map(|(expected, observed, _)| (*expected, *observed))
        .collect();
    let alike: BTreeSet<_> = cell.iter().map(|(expected, ..)| in_words(*expected)).collect();
    html! {
        td class=(format!("cell edge {class}")) colspan=(span) {
            @if otherwise.is_empty() {
                (alike.into_iter().collect::<Vec<_>>().join(" or "))
            }
            @for (expected, observed) in otherwise {
                div { (in_words(expected)) " → " (result_in_words(expected, observed)) }
            }
        }
    }
}

const fn in_words(in_words: AnswerClass) -> &'static str {
    match in_words {
        AnswerClass::Allowed => "allowed",
        AnswerClass::Given => "gives",
        AnswerClass::Withheld => "withholds",
        AnswerClass::Denied => "denied",
    }
}

/// What was observed where it is not what was expected: if the word is the same, the rest is not.
fn result_in_words(expected: AnswerClass, observed: AnswerClass) -> &'static str {
    match observed {
        AnswerClass::Denied if expected == AnswerClass::Denied => "another error",
        AnswerClass::Allowed if expected == AnswerClass::Allowed => "another effect",
        AnswerClass::Given if expected == AnswerClass::Given => "gives in part",
        observed => in_words(observed),
    }
}

/// Neighbours that are equal, each with how many they are.
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
