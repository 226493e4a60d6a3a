//! The HTML report.

use maud::{Markup, html};

use crate::report::count;
use crate::report::page::{Page, prose};

use super::{FederatedDivergenceReport, FederatedReport};

/// The report as an HTML page.
pub fn html(report: &FederatedReport) -> String {
    let title = report.title();
    let (failing, others): (Vec<_>, Vec<_>) =
        report.divergences.iter().partition(|found| report.fails_by(found));
    let (known, permitted): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|found| found.known.is_some());
    let page = Page {
        title: &title,
        header: header(report, failing.len(), known.len(), permitted.len()),
        main: html! {
            (causes(report))
            (section("Divergences", &failing))
            (section("Known", &known))
            (section("Permitted by another reading than ours", &permitted))
            (absent(report))
            (not_run(report))
            (scenarios(report))
        },
        rules: &report.rules,
        run: &report.run,
    };
    page.text()
}

fn header(report: &FederatedReport, failing: usize, known: usize, permitted: usize) -> Markup {
    html! {
        p.verdict {
            @if failing > 0 {
                span.badge.leak { (count(failing, "divergence")) }
            } @else if report.is_whole() {
                span.badge.good { "no divergence" @if known > 0 { " outside the baseline" } }
            }
            @if !report.is_whole() { span.badge.doubtful { "no verdict" } }
            @if known > 0 { span.badge.quiet { (known) " known" } }
            @if permitted > 0 {
                span.badge.permitted { (permitted) " permitted by another reading" }
            }
        }
        @if let Some(why) = &report.broken_off { p.broken { "Broken off: " (why) } }
        p.fine {
            (report.scenarios_run) " of " (count(report.scenarios, "scenario")) ", "
            (count(report.decisions, "decision")) ", in " (report.seconds) " s"
        }
    }
}

fn causes(report: &FederatedReport) -> Markup {
    html! {
        @if !report.causes.is_empty() {
            section {
                h2 { "It behaves as if" }
                ul {
                    @for cause in &report.causes {
                        li {
                            code { (cause.decision_point) "=" (cause.option) } ": "
                            (prose(&cause.means)) " ("
                            (count(cause.explains, "divergence")) "; " (cause.clauses.join(", ")) ")"
                        }
                    }
                }
            }
        }
    }
}

fn section(title: &str, divergences: &[&FederatedDivergenceReport]) -> Markup {
    html! {
        @if !divergences.is_empty() {
            section {
                h2 { (title) }
                @for found in divergences { (divergence(found)) }
            }
        }
    }
}

fn divergence(found: &FederatedDivergenceReport) -> Markup {
    html! {
        article id=(found.id) {
            h3 { span.badge.(found.kind.as_str()) { (found.kind.as_str()) } " " (prose(&found.step)) }
            p { (found.about) " (" code { (found.id) } ")" }
            p {
                "expected: " (prose(&found.expected)) " (" (found.clauses.join(", ")) "), because "
                (found.because)
            }
            p { "observed: " (prose(&found.observed)) }
            @for taken in &found.readings {
                p.fine { "permitted by " code { (taken.decision_point) "=" (taken.option) } }
            }
            @if let Some(known) = &found.known { p.fine { "known: " (known.in_words()) } }
            ol { @for step in &found.steps { li { (prose(step)) } } }
        }
    }
}

/// The entries of the baseline that did not occur.
fn absent(report: &FederatedReport) -> Markup {
    let baseline = report.baseline.iter();
    let entries = baseline.flat_map(|baseline| {
        let stale = baseline.stale.iter().map(|entry| ("stale", entry));
        stale.chain(baseline.not_run.iter().map(|entry| ("not run", entry)))
    });
    let entries: Vec<_> = entries.collect();
    html! {
        @if !entries.is_empty() {
            section {
                h2 { "In the baseline, and not seen" }
                ul {
                    @for (why, entry) in entries {
                        li { (why) ": " code { (entry.id) } ": " (prose(&entry.in_words())) }
                    }
                }
            }
        }
    }
}

fn not_run(report: &FederatedReport) -> Markup {
    html! {
        @if !report.not_run.is_empty() {
            section {
                h2 { "Not judged" }
                ul {
                    @for entry in &report.not_run {
                        li { (entry.scenario) ": " (prose(&entry.step)) ": " (prose(&entry.because)) }
                    }
                }
            }
        }
    }
}

fn scenarios(report: &FederatedReport) -> Markup {
    html! {
        section {
            h2 { "Scenarios" }
            div.scroll {
                table {
                    thead { tr { th { "scenario" } th { "judged" } th { "open" } th { "not judged" } } }
                    tbody {
                        @for ran in &report.ran {
                            tr {
                                td { (ran.scenario) p.fine { (ran.about) } }
                                td { (ran.decisions) } td { (ran.open) } td { (ran.not_run) }
                            }
                        }
                    }
                }
            }
        }
    }
}
