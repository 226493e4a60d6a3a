//! One divergence: what was expected and what was seen, the way there, and how to see it again.

use maud::{Markup, html};

use super::prose;
use crate::report::diagram::{Answer, Row, Tone, svg};
use crate::report::diff::DivergenceReport;
use crate::report::diff::text::times;
use crate::scenario::expectation_in_words;
use crate::scenario::{LABEL, Verdict};

pub(super) fn divergence(divergence: &DivergenceReport) -> Markup {
    let d = divergence;
    let link = d.known.as_ref().map(|known| &*known.link).filter(|link| is_address(link));
    html! {
        article id=(d.id) {
            h3 {
                span.badge.(d.kind.as_str()) { (d.kind.as_str()) } " " (d.step)
                span.by { (d.by) }
            }
            @if let Some(known) = &d.known {
                p.known {
                    "Known: "
                    @match link {
                        Some(link) => {
                            (if known.reason.is_empty() { "no reason is given" } else { &known.reason })
                            " (" a href=(link) rel="noreferrer" { (link) } ")"
                        }
                        None => (known.told()),
                    }
                }
            }
            dl.sides {
                div.rules { dt { (expected_by(d)) } dd { (prose(&d.expected)) } }
                div.server { dt { "the homeserver" } dd { (prose(&d.observed)) } }
            }
            p {
                "Because " (prose(d.because))
                @if !d.clauses.is_empty() { " (" (d.clauses.join(", ")) ")" }
                "."
            }
            @for reading in &d.readings {
                p.reading {
                    (reading.reading.as_deref().unwrap_or("The text is silent")) ": "
                    code { (reading.decision_point) } " may be " code { (reading.option) } "."
                }
            }
            @for conflict in &d.conflicts {
                p.reading {
                    "Two answers to one question, " code { (conflict.decision_point) } ": "
                    code { (conflict.in_run) } " in the run, " code { (conflict.here) } " here ("
                    (conflict.reading.as_deref().unwrap_or("the text is silent"))
                    @for clause in &conflict.clauses { ", " (clause) }
                    "). In the run: " (prose(&conflict.in_run_means))
                    " Here: " (prose(&conflict.here_means))
                }
            }
            p {
                @match (&d.decision_point, &d.option) {
                    (Some(point), Some(option)) => {
                        "As if " code { (point) } " were " code { (option) } "."
                    }
                    _ => @if d.conflicts.is_empty() { "No option explains it." },
                }
                " Seen " (times(d.count)) "."
                @if !d.reproduced { " Run by itself, the scenario did not show it again." }
            }
            div.scroll { (diagram(d)) }
            (shown("Scenario", &serde_json::to_string_pretty(&d.scenario).unwrap_or_default()))
            @if let Some(script) = &d.curl { (shown("Script, for curl and jq", script)) }
            details {
                summary { "Seen in" }
                p.fine { (d.seen_in.join(", ")) }
            }
            p.fine { code { (d.id) } }
        }
    }
}

/// What expects another answer than the homeserver gives.
const fn expected_by(divergence: &DivergenceReport) -> &'static str {
    if divergence.conflicts.is_empty() { "the rules" } else { "as in the run" }
}

/// Whether a link leads to a page: what else it may be is not followed.
fn is_address(link: &str) -> bool {
    link.starts_with("https://") || link.starts_with("http://")
}

fn shown(what: &str, text: &str) -> Markup {
    html! { details { summary { (what) } pre { (text) } } }
}

/// The way there: what the rules say to each step, and to the last one what the homeserver says.
fn diagram(divergence: &DivergenceReport) -> Markup {
    let scenario = &divergence.scenario;
    let last = scenario.steps.len().saturating_sub(1);
    let rows = scenario.steps.iter().enumerate().map(|(at, told)| {
        let answers = if at == last {
            let expected = format!("{}: {}", expected_by(divergence), divergence.expected);
            let observed = format!("the homeserver: {}", divergence.observed);
            vec![
                Answer { said: expected, tone: Tone::Expected },
                Answer { said: observed, tone: Tone::Wrong },
            ]
        } else {
            let expect = told.expect.as_ref();
            let answer = expect.map(|expect| Answer {
                said: expectation_in_words(expect),
                tone: if expect.verdict == Verdict::Deny { Tone::Denied } else { Tone::Allowed },
            });
            answer.into_iter().collect()
        };
        Row { step: &told.action, answers }
    });
    let rows: Vec<_> = rows.collect();
    svg(&rows, scenario.label().unwrap_or(LABEL))
}
