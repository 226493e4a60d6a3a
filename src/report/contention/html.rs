//! The report as one HTML page.

use maud::{Markup, html};

use crate::report::page::Page;
use crate::report::{count, number};

use super::text::{MOST_ORDERS, NOT_LOOKED_INTO, ONE_OPTION};
use super::timeline::Timeline;
use super::{ContentionReport, EvidenceReport, InconsistencyReport, ViolationReport};

/// Returns the report as an HTML page.
pub fn html(report: &ContentionReport) -> String {
    let page = Page {
        title: &report.title(),
        header: html! {
            (verdict(report))
            p.effort {
                (count(report.calls, "call")) " in " (count(report.rounds, "round")) ", "
                (count(report.overlapping, "pair")) " overlapped; checked in "
                (count(report.parts, "partition")) ", in "
                (format!("{:.1} s", report.checking_seconds))
                @if report.unanswered > 0 { "; " (number(report.unanswered)) " calls have no answer" }
            }
        },
        main: html! {
            @for (number, one) in (1..).zip(&report.violations) { (violation(number, one)) }
            @if report.unshown > 0 {
                p { (count(report.unshown, "more partition")) " " (NOT_LOOKED_INTO) }
            }
            @for (number, one) in (1..).zip(&report.inconsistent) { (inconsistency(number, one)) }
            (readings(report))
            (undecided(report))
        },
        rules: &report.rules,
        run: &report.run,
    };
    page.text()
}

fn verdict(report: &ContentionReport) -> Markup {
    html! {
        p.verdict {
            @if report.calls == 0 {
                span.badge.doubtful { "no calls" }
            } @else if report.failed_calls > 0 && report.has_orders() {
                span.badge.doubtful { "no verdict" }
            } @else if report.has_orders() {
                span.badge.good { "every partition has an order" }
            }
            @if let Some(failed) = report.failed_in_words() { span.badge.doubtful { (failed) } }
            @for one in &report.violations {
                span.badge.(one.kind.as_str()) { (one.sort()) ": " (one.kind.as_str()) }
            }
            @for one in &report.inconsistent {
                span.badge.(one.kind.as_str()) { (one.kind.as_str()) ": " (one.conflict.decision_point) }
            }
            @if !report.undecided.is_empty() {
                span.badge.doubtful { (count(report.undecided.len(), "partition")) " undecided" }
            }
        }
        @if let Some(why) = &report.broken_off { p.broken { "Broken off: " (why) } }
    }
}

fn violation(number: usize, one: &ViolationReport) -> Markup {
    let timeline = Timeline::of(&one.calls, one.unexplained);
    html! {
        article id=(format!("violation-{number}")) {
            h3 {
                span.badge.(one.kind.as_str()) { (one.sort()) ", " (one.kind.as_str()) }
                " " (one.what)
            }
            p.fine {
                "seen " (one.count) " times, in round " (one.round) " by " (one.of)
                @if !one.clauses.is_empty() { "; " (one.clauses.join(", ")) }
            }
            dl.sides {
                div.server { dt { "the homeserver" } dd { (one.observed) } }
                div.rules {
                    dt { "the rules" }
                    dd { "no order of the calls explains it" }
                }
            }
            div.scroll { (timeline.svg()) }
            @if !one.race {
                p { "No calls overlapped: the violation is no race, and " code { "diff" } " finds such a divergence too." }
            }
            ul {
                @for expected in one.expected.iter().take(MOST_ORDERS) { li { (expected.sentence()) } }
            }
            @if !one.anytime.is_empty() {
                details {
                    summary {
                        (count(one.anytime.len(), "other call"))
                        " in the room do not help to explain the answers, at whatever time they took effect"
                    }
                    ul { @for call in &one.anytime { li { (call) } } }
                }
            }
        }
    }
}

fn inconsistency(number: usize, one: &InconsistencyReport) -> Markup {
    let conflict = &one.conflict;
    html! {
        article id=(format!("inconsistent-{number}")) {
            h3 {
                span.badge.(one.kind.as_str()) { (one.kind.as_str()) }
                " " code { (conflict.decision_point) }
            }
            p.fine {
                (ONE_OPTION)
                @if !conflict.clauses.is_empty() { "; " (conflict.clauses.join(", ")) }
            }
            dl.sides {
                div.server {
                    dt { "in the run" }
                    dd { code { (conflict.in_run) } ", " (conflict.in_run_means) }
                }
                div.server {
                    dt { "in " (count(one.parts, "partition")) }
                    dd { code { (conflict.here) } ", " (conflict.here_means) }
                }
            }
            (evidence(&one.in_run_part, &conflict.here))
            (evidence(&one.here_part, &conflict.in_run))
        }
    }
}

fn evidence(evidence: &EvidenceReport, refuted: &str) -> Markup {
    html! {
        p { (evidence.part) ", which no order explains by " code { (refuted) } ":" }
        div.scroll { (Timeline::of(&evidence.calls, evidence.unexplained).svg()) }
    }
}

fn readings(report: &ContentionReport) -> Markup {
    html! {
        @if !report.readings.is_empty() {
            section id="permitted" {
                h2 { "Permitted by another reading than ours" }
                table.list {
                    thead { tr { th { "decision point" } th { "option" } th { "reading" } th { "partitions" } } }
                    tbody {
                        @for reading in &report.readings {
                            tr {
                                td { code { (reading.taken.decision_point) } }
                                td { code { (reading.taken.option) } }
                                td { (reading.taken.reading.as_deref().unwrap_or("the text is silent")) }
                                td.count { (number(reading.parts)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn undecided(report: &ContentionReport) -> Markup {
    html! {
        @if !report.undecided.is_empty() {
            section id="undecided" {
                h2 { "Undecided: the search stopped at its limit" }
                ul {
                    @for part in &report.undecided {
                        li { (part) }
                    }
                }
            }
        }
    }
}
