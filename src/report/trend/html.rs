//! The report as one HTML page.

use maud::{Markup, html};

use crate::report::count;
use crate::report::page::{Page, prose};
use crate::trend::{Change, Presence};

use super::text::{ENDPOINTS, NOT_KNOWN, change_in_words, endpoint_in_words, other_rules_files};
use super::{CauseRow, DivergenceRow, TrendReport};

/// The report as an HTML page.
pub fn html(report: &TrendReport) -> String {
    let page = Page {
        title: &report.title(),
        header: html! {
            (verdict(report))
            (reports(report))
        },
        main: html! {
            @if !report.divergences.is_empty() || !report.causes.is_empty() { (table(report)) }
            (endpoints(report))
            (reasons(report))
        },
        rules: &report.rules,
        run: &report.run,
    };
    page.text()
}

fn verdict(report: &TrendReport) -> Markup {
    html! {
        p.verdict {
            @if report.divergences.is_empty() && report.causes.is_empty() {
                span.badge.good[report.complete].doubtful[!report.complete] { (report.nothing()) }
            }
            @for (change, causes, divergences) in report.changes() {
                span.badge.(badge(change)) { (change_in_words(change, causes, divergences)) }
            }
        }
    }
}

/// The class of a badge for a change.
const fn badge(change: Change) -> &'static str {
    match change {
        Change::Came => "leak",
        Change::Went => "good",
        Change::Stayed => "effect",
        Change::CameAndWent | Change::NotKnown => "doubtful",
    }
}

fn reports(report: &TrendReport) -> Markup {
    html! {
        ol {
            @for one in &report.reports {
                li {
                    (one.in_words()) ", begun " (one.started)
                    @if let Some(because) = &one.because {
                        " " span.badge.doubtful { "incomplete" } " " (because)
                    }
                }
            }
        }
        @for one in report.other_rules_files() { p.broken { (other_rules_files(one)) } }
    }
}

/// One table, with a part for each change: first each cause before its divergences, then the divergences
/// without a cause.
fn table(report: &TrendReport) -> Markup {
    html! {
        div.scroll { table.list {
            thead {
                tr {
                    th { "kind" }
                    th { "what" }
                    @for one in &report.reports { th { (one.label) } }
                }
            }
            @for (change, ..) in report.changes() {
                tbody id=(change.in_words().replace(' ', "-")) {
                    tr { th colspan=(report.reports.len() + 2) { h2 { (change.in_words()) } } }
                    @for (row, explained) in report.causes_that(change) {
                        (cause(row))
                        @for row in explained { (divergence(row, change)) }
                    }
                    @for row in report.others_that(change) { (divergence(row, change)) }
                }
            }
        } }
    }
}

fn cause(row: &CauseRow) -> Markup {
    html! {
        tr {
            td { "cause" }
            td {
                p.point { "as if " code { (row.decision_point) } " were " code { (row.option) } (row.standing()) }
                p.fine {
                    (prose(&row.means))
                    @if !row.clauses.is_empty() { " (" (row.clauses.join(", ")) ")" }
                }
            }
            @for cell in &row.reports {
                td { (presence(&cell.presence, &count(cell.divergences, "divergence"), row.permitted)) }
            }
        }
    }
}

fn divergence(row: &DivergenceRow, change: Change) -> Markup {
    html! {
        tr {
            td { span.badge.(row.kind.as_str()) { (row.kind.as_str()) } }
            td {
                p {
                    (row.step) span.by { (row.by) }
                    @if row.change != change { " " span.badge.(badge(row.change)) { (row.change.in_words()) } }
                    @if row.permitted { " " span.badge.doubtful { "permitted" } }
                }
                p.fine {
                    "the rules: " (prose(&row.expected)) "; the homeserver: " (prose(&row.observed)) "; "
                    code { (row.id) }
                }
            }
            @for one in &row.reports { td { (presence(one, "present", row.permitted)) } }
        }
    }
}

fn presence(presence: &Presence, present: &str, permitted: bool) -> Markup {
    html! {
        @match presence {
            Presence::Present if permitted => { span.badge.doubtful { (present) } }
            Presence::Present => { span.badge.leak { (present) } }
            Presence::Absent => { span.badge.good { "absent" } }
            Presence::NotKnown { because } => { span.badge.quiet title=(because) { "not known" } }
        }
    }
}

/// The endpoints that some of the homeservers have, and others lack.
fn endpoints(report: &TrendReport) -> Markup {
    html! {
        @if !report.endpoints.is_empty() {
            section id="endpoints" {
                h2 { (ENDPOINTS) }
                div.scroll { table.list {
                    thead { tr { th { "endpoint" } @for one in &report.reports { th { (one.label) } } } }
                    tbody {
                        @for row in &report.endpoints {
                            tr {
                                td {
                                    code { (row.endpoint) } " "
                                    span.badge.quiet { (row.change.in_words()) }
                                }
                                @for presence in &row.reports {
                                    td {
                                        span.badge.good[*presence == Presence::Present]
                                            .quiet[*presence != Presence::Present]
                                            { (endpoint_in_words(presence)) }
                                    }
                                }
                            }
                        }
                    }
                } }
            }
        }
    }
}

fn reasons(report: &TrendReport) -> Markup {
    let reasons = report.reasons();
    html! {
        @if !reasons.is_empty() {
            section id="reasons" {
                h2 { (NOT_KNOWN) }
                ul {
                    @for (label, because, divergences) in reasons {
                        li { (label) ": " (prose(because)) " (" (count(divergences, "divergence")) ")" }
                    }
                }
            }
        }
    }
}
