//! One divergence: the expected and the observed outcome, the scenario, and a script that repeats it.

use guest_access_scenarios::scenario::expectation_in_words;
use guest_access_scenarios::scenario::{LABEL, Scenario, Verdict, sentence_with};
use maud::{Markup, PreEscaped, html};

use crate::report::diagram::{AnswerKind, DiagramAnswer, DiagramRow, svg};
use crate::report::diff::DivergenceReport;
use crate::report::diff::text::times;
use crate::report::page::prose;

/// The divergence. Only the `first` divergence of a defect has a diagram and a script; the others link to it.
pub(super) fn divergence(divergence: &DivergenceReport, first: Option<&str>) -> Markup {
    let other = first.filter(|first| *first != divergence.id);
    let d = divergence;
    let link = d.known.as_ref().map(|known| &*known.link).filter(|link| is_http_url(link));
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
                        None => (known.in_words()),
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
                @for remark in d.remarks() { " " (remark) }
            }
            @if other.is_none() { div.scroll { (diagram(d)) } }
            @for contrast in &d.contrasts {
                (collapsed_block("A scenario of the same run that shows the other option", &in_words(contrast)))
            }
            @match other {
                Some(first) => {
                    (collapsed_block("Scenario", &in_words(&d.scenario)))
                    p.fine {
                        "A diagram and a script: "
                        a href={ "#" (first) } { "the first divergence of this defect" }
                        ". The JSON report has the script of each."
                    }
                }
                None => {
                    (collapsed_block("Scenario", &lines(&d.scenario)))
                    @if let Some(script) = &d.curl {
                        (collapsed_block("Script, for curl and jq", script))
                    }
                    details {
                        summary { "Seen in" }
                        p.fine { (d.seen_in.join(", ")) }
                    }
                }
            }
            p.fine { code { (d.id) } }
        }
    }
}

/// The source of the expected answer.
const fn expected_by(divergence: &DivergenceReport) -> &'static str {
    if divergence.conflicts.is_empty() { "the rules" } else { "as in the run" }
}

/// Whether a link is an HTTP URL. The page links to no other kind.
fn is_http_url(link: &str) -> bool {
    link.starts_with("https://") || link.starts_with("http://")
}

/// A scenario as JSON, with each step on one line.
fn lines(scenario: &Scenario) -> String {
    let steps = scenario.steps.iter().filter_map(|step| serde_json::to_string(step).ok());
    let steps = steps.map(|step| format!("  {step}")).collect::<Vec<_>>().join(",\n");
    let without_steps = Scenario { steps: Vec::new(), ..scenario.clone() };
    let whole = serde_json::to_string(&without_steps).unwrap_or_default();
    whole.replacen("\"steps\":[]", &format!("\"steps\":[\n{steps}\n]"), 1)
}

/// The steps of a scenario in words, one line each.
fn in_words(scenario: &Scenario) -> String {
    let label = scenario.label().unwrap_or(LABEL);
    let steps = (1..).zip(&scenario.steps).map(|(number, step)| {
        let answer =
            step.expect.as_ref().map(|expect| format!(": {}", expectation_in_words(expect)));
        format!("{number}. {}{}", sentence_with(&step.action, label), answer.unwrap_or_default())
    });
    steps.collect::<Vec<_>>().join("\n")
}

/// A text under a heading that opens it.
fn collapsed_block(heading: &str, text: &str) -> Markup {
    // Outside of attributes, a quotation mark ends nothing.
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    html! { details { summary { (heading) } pre { (PreEscaped(text)) } } }
}

/// The scenario as a diagram. Each step has the answer of the rules; the last step has the answer of
/// the homeserver too.
fn diagram(divergence: &DivergenceReport) -> Markup {
    let scenario = &divergence.scenario;
    let last = scenario.steps.len().saturating_sub(1);
    let rows = scenario.steps.iter().enumerate().map(|(at, step)| {
        let answers = if at == last {
            let expected = format!("{}: {}", expected_by(divergence), divergence.expected);
            let observed = format!("the homeserver: {}", divergence.observed);
            vec![
                DiagramAnswer { words: expected, kind: AnswerKind::Expected },
                DiagramAnswer { words: observed, kind: AnswerKind::Wrong },
            ]
        } else {
            let expect = step.expect.as_ref();
            let answer = expect.map(|expect| DiagramAnswer {
                words: expectation_in_words(expect),
                kind: if expect.verdict == Verdict::Deny {
                    AnswerKind::Denied
                } else {
                    AnswerKind::Allowed
                },
            });
            answer.into_iter().collect()
        };
        DiagramRow { step: &step.action, answers }
    });
    let rows: Vec<_> = rows.collect();
    svg(&rows, scenario.label().unwrap_or(LABEL))
}
