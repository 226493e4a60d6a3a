//! The matrix of what was expected against what was seen: what is asked × the caller and its
//! membership × the room's history visibility × its guest access.
//!
//! It is folded so that a person can read it: endpoints that came out alike in everything are one
//! block, memberships that did are one row, and neighbouring cells that did are one cell.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_model::vocabulary::{GuestAccess, HistoryVisibility};
use maud::{Markup, html};

use crate::diff::{Asked, Came, Verdict};
use crate::report::count;

/// The settings of a room: its history visibility and its guest access.
type Settings = (&'static str, &'static str);
/// What came of all that falls into one cell: expected, observed, and what the rules say to that.
type Cell = BTreeSet<(Came, Came, Verdict)>;
/// Who asks, and with which membership.
type Caller = (String, Option<&'static str>);

/// What came of one thing that is asked, by caller: in rooms by their settings, and without a room.
type Rows = BTreeMap<Caller, Row>;

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    in_rooms: BTreeMap<Settings, Cell>,
    nowhere: Cell,
}

/// Things that are asked, and come out alike in everything.
struct Block {
    deeds: Vec<String>,
    /// The callers, those that came out alike together.
    rows: Vec<(Vec<Caller>, Row)>,
}

pub(super) fn matrix(asked: &[Asked]) -> Markup {
    let columns = columns(asked);
    let blocks = blocks(asked);
    let (alike, otherwise): (Vec<_>, Vec<_>) =
        blocks.iter().partition(|block| block.worst() == Verdict::AsExpected);
    let told: usize = alike.iter().map(|block| block.deeds.len()).sum();
    html! {
        @if !asked.is_empty() {
            section id="matrix" {
                h2 { "Expected and observed" }
                p.fine {
                    "What a room's history visibility (above) and guest access (below) are, and what "
                    "comes of each call there. A change of colour is a difference: "
                    span.cell.leak { "denied → allowed" } " is what the rules say, and what the "
                    "homeserver did. " span.cell.permitted { "denied → allowed" }
                    " is permitted by another reading. An empty cell was not asked."
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

/// Every combination of settings in the specification's order, and those of rooms without any that
/// can be read, if one was asked.
fn columns(asked: &[Asked]) -> Vec<Settings> {
    let mut visibilities: Vec<_> = HistoryVisibility::ALL.iter().map(|v| v.as_str()).collect();
    let others = asked.iter().filter_map(|asked| asked.class.history_visibility);
    let others: BTreeSet<_> = others.filter(|other| !visibilities.contains(other)).collect();
    visibilities.extend(others);
    let with_access = |visibility| GuestAccess::ALL.iter().map(move |a| (visibility, a.as_str()));
    visibilities.into_iter().flat_map(with_access).collect()
}

fn blocks(asked: &[Asked]) -> Vec<Block> {
    let mut deeds: BTreeMap<&str, Rows> = BTreeMap::new();
    for Asked { class, expected, observed, verdict, .. } in asked {
        let rows = deeds.entry(&class.deed).or_default();
        let row = rows.entry((class.by.clone(), class.membership)).or_default();
        let cell = match (class.history_visibility, class.guest_access) {
            (Some(visibility), Some(access)) => {
                row.in_rooms.entry((visibility, access)).or_default()
            }
            _ => &mut row.nowhere,
        };
        cell.insert((*expected, *observed, *verdict));
    }
    let mut alike: BTreeMap<Rows, Vec<String>> = BTreeMap::new();
    for (deed, rows) in deeds {
        alike.entry(rows).or_default().push(deed.to_owned());
    }
    let blocks = alike.into_iter().map(|(rows, deeds)| Block { deeds, rows: folded(rows) });
    let mut blocks: Vec<_> = blocks.collect();
    blocks.sort_by(|one, other| {
        one.rank().cmp(&other.rank()).then_with(|| one.deeds.cmp(&other.deeds))
    });
    blocks
}

/// The rows, those of one caller that are alike together.
fn folded(rows: Rows) -> Vec<(Vec<Caller>, Row)> {
    let mut folded: Vec<(Vec<Caller>, Row)> = Vec::new();
    for (caller, row) in rows {
        let same =
            |(callers, known): &&mut (Vec<Caller>, Row)| callers[0].0 == caller.0 && *known == row;
        match folded.iter_mut().find(same) {
            Some((callers, _)) => callers.push(caller),
            None => folded.push((vec![caller], row)),
        }
    }
    folded
}

impl Row {
    fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        let cells = self.in_rooms.values().chain([&self.nowhere]);
        cells.flatten().map(|(.., verdict)| *verdict)
    }
}

impl Block {
    fn worst(&self) -> Verdict {
        let verdicts = self.rows.iter().flat_map(|(_, row)| row.verdicts());
        verdicts.min_by_key(rank).unwrap_or(Verdict::AsExpected)
    }

    fn rank(&self) -> usize {
        rank(&self.worst())
    }
}

/// The worst first.
fn rank(verdict: &Verdict) -> usize {
    match verdict {
        Verdict::Diverges(kind) => *kind as usize,
        Verdict::Permitted => 10,
        Verdict::AsExpected => 11,
    }
}

fn table(blocks: &[&Block], columns: &[Settings]) -> Markup {
    // What is about no room is told by itself, without columns that would say nothing.
    let (rooms, nowhere): (Vec<&Block>, Vec<&Block>) = blocks
        .iter()
        .copied()
        .partition(|block| block.rows.iter().any(|(_, r)| !r.in_rooms.is_empty()));
    html! {
        @if !rooms.is_empty() {
            div.scroll { table.matrix {
                thead {
                    tr {
                        th rowspan="2" { "caller" } th rowspan="2" { "membership" }
                        @for (visibility, span) in runs(columns.iter().map(|(v, _)| *v)) {
                            th.edge colspan=(span) { (visibility) }
                        }
                        th.edge rowspan="2" { "no room" }
                    }
                    tr {
                        @for (index, (_, access)) in columns.iter().enumerate() {
                            th.access.edge[index % GuestAccess::ALL.len() == 0] { (access) }
                        }
                    }
                }
                @for block in rooms {
                    tbody {
                        tr { th.deed colspan=(columns.len() + 3) { (deeds(&block.deeds)) } }
                        @for (callers, row) in &block.rows {
                            tr {
                                td { (callers[0].0) }
                                td { (memberships(callers)) }
                                @for (cell, span) in runs(columns.iter().map(|c| row.in_rooms.get(c))) {
                                    (told(cell, span))
                                }
                                (told(Some(&row.nowhere).filter(|cell| !cell.is_empty()), 1))
                            }
                        }
                    }
                }
            } }
        }
        @if !nowhere.is_empty() {
            div.scroll { table.matrix {
                thead { tr { th { "caller" } th { "about no room" } } }
                @for block in nowhere {
                    tbody {
                        tr { th.deed colspan="2" { (deeds(&block.deeds)) } }
                        @for (callers, row) in &block.rows {
                            tr { td { (callers[0].0) } (told(Some(&row.nowhere), 1)) }
                        }
                    }
                }
            } }
        }
    }
}

fn deeds(deeds: &[String]) -> Markup {
    html! {
        @match deeds {
            [one, rest @ ..] if rest.len() > 3 => {
                details {
                    summary { (one) " and " (count(rest.len(), "other")) }
                    @for deed in rest { div { (deed) } }
                }
            }
            _ => { @for deed in deeds { div { (deed) } } }
        }
    }
}

fn memberships(callers: &[Caller]) -> String {
    let memberships: Vec<_> =
        callers.iter().map(|(_, membership)| membership.unwrap_or("—")).collect();
    memberships.join(", ")
}

/// One cell, as wide as it holds.
fn told(cell: Option<&Cell>, span: usize) -> Markup {
    let Some(cell) = cell else {
        return html! { td.cell.edge colspan=(span) {} };
    };
    let worst = cell.iter().map(|(.., verdict)| *verdict).min_by_key(rank);
    let class = match worst {
        Some(Verdict::Diverges(kind)) => kind.as_str(),
        Some(Verdict::Permitted) => "permitted",
        _ if cell.iter().all(|(expected, ..)| *expected == Came::Denied) => "same denied",
        _ => "same",
    };
    // What is otherwise stands first, and what is as expected goes without saying beside it.
    let otherwise: Vec<_> = cell.iter().filter(|(.., v)| *v != Verdict::AsExpected).collect();
    let alike: BTreeSet<_> = cell.iter().map(|(expected, ..)| came(*expected)).collect();
    html! {
        td class=(format!("cell edge {class}")) colspan=(span) {
            @if otherwise.is_empty() {
                (alike.into_iter().collect::<Vec<_>>().join(" or "))
            }
            @for (expected, observed, _) in otherwise {
                div { (came(*expected)) " → " (came_of(*expected, *observed)) }
            }
        }
    }
}

const fn came(came: Came) -> &'static str {
    match came {
        Came::Allowed => "allowed",
        Came::Given => "gives",
        Came::Withheld => "withholds",
        Came::Denied => "denied",
    }
}

/// What was observed where it is not what was expected: if the word is the same, the rest is not.
fn came_of(expected: Came, observed: Came) -> &'static str {
    match observed {
        Came::Denied if expected == Came::Denied => "another error",
        Came::Allowed if expected == Came::Allowed => "another effect",
        Came::Given if expected == Came::Given => "gives in part",
        observed => came(observed),
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
