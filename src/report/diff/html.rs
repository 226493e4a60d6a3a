//! The HTML report.

mod divergence;
mod matrix;

use guest_access_scenarios::permitted::DivergenceKind;
use maud::{Markup, html};

use crate::diff::{Cause, NotCompared, NotRun};
use crate::report::page::{Page, prose};
use crate::report::{count, number};

use super::text::{
    NOT_RUN, first_reasons, not_compared_in_words, permitted_in_words, rival_in_words, times,
};
use super::{AbsentEntry, BaselineReport, DiffReport, DivergenceReport};

/// The report as an HTML page.
pub fn html(report: &DiffReport) -> String {
    let title = format!("{}, compared with {}", report.server_title(), report.rules);
    let sections = Sections::of(report);
    let page = Page {
        title: &title,
        header: html! {
            (verdict(report, &sections))
            (effort(report))
        },
        main: html! {
            @if let Some(baseline) = &report.baseline { (known(baseline)) }
            (defects(report))
            (causes(report))
            @for section in sections.non_empty() { (overview(&section)) }
            (matrix::matrix(&report.matrix))
            @for section in sections.detailed() { (details(report, &section)) }
            (not_run(&report.not_run))
        },
        rules: &report.rules,
        run: &report.run,
    };
    page.text()
}

/// The divergences, by their effect on the verdict.
struct Sections<'a> {
    failing: Vec<&'a DivergenceReport>,
    known: Vec<&'a DivergenceReport>,
    permitted: Vec<&'a DivergenceReport>,
}

/// A section of the page: an id, a title, and the divergences.
type Section<'a> = (&'static str, &'static str, &'a Vec<&'a DivergenceReport>);

impl<'a> Sections<'a> {
    fn of(report: &'a DiffReport) -> Self {
        let all = report.divergences.iter();
        let (failing, others): (Vec<_>, Vec<_>) = all.partition(|d| report.fails_by(d));
        let (known, permitted) = others.into_iter().partition(|d| d.known.is_some());
        Self { failing, known, permitted }
    }

    /// The sections whose divergences the page has in detail: those that are not permitted.
    fn detailed(&self) -> impl Iterator<Item = Section<'_>> {
        self.non_empty().into_iter().filter(|(id, ..)| *id != PERMITTED)
    }

    /// The sections with at least one divergence.
    fn non_empty(&self) -> Vec<Section<'_>> {
        let permitted = "Permitted by another reading than ours";
        let parts = [
            ("divergences", "Divergences", &self.failing),
            ("known", "Known", &self.known),
            (PERMITTED, permitted, &self.permitted),
        ];
        parts.into_iter().filter(|(.., divergences)| !divergences.is_empty()).collect()
    }
}

/// The id of the section of the permitted divergences.
const PERMITTED: &str = "permitted";

fn verdict(report: &DiffReport, sections: &Sections<'_>) -> Markup {
    let of = |kind: DivergenceKind| sections.failing.iter().filter(|d| d.kind == kind).count();
    let NotCompared { failed, permitted } = &report.not_compared;
    let stale = report.baseline.as_ref().map_or(0, |baseline| baseline.stale.len());
    html! {
        p.verdict {
            @if report.decisions == 0 {
                span.badge.doubtful { "no step was judged" }
            } @else if sections.failing.is_empty() && !failed.is_empty() {
                span.badge.doubtful { "no verdict" }
            } @else if sections.failing.is_empty() {
                span.badge.good { "no divergence" @if !sections.known.is_empty() { " outside the baseline" } }
            }
            @for kind in DivergenceKind::ALL.into_iter().filter(|kind| of(*kind) > 0) {
                span.badge.(kind.as_str()) { (count(of(kind), kind.as_str())) }
            }
            @if !failed.is_empty() {
                span.badge.doubtful { (not_compared_in_words(failed, report.scenarios)) }
            }
            @if stale > 0 { span.badge.leak { (stale) " known that no longer occur" } }
            @if !sections.known.is_empty() { span.badge.quiet { (sections.known.len()) " known" } }
            @if !sections.permitted.is_empty() {
                span.badge.permitted { (sections.permitted.len()) " permitted by another reading" }
            }
        }
        @if let Some(why) = &report.broken_off {
            p.broken { "Broken off: " (why) }
        } @else if !report.complete {
            p.broken { "The run is incomplete: the time limit ended it." }
        }
        @if !failed.is_empty() {
            p { "Not compared:" }
            ul { @for reason in first_reasons(failed) { li { (prose(&reason)) } } }
        }
        @if !permitted.is_empty() {
            p.fine { "Not compared, as is permitted: " (prose(&permitted_in_words(permitted))) "." }
        }
    }
}

/// One row for each defect, with links to its divergences.
fn defects(report: &DiffReport) -> Markup {
    html! {
        @if !report.defects.is_empty() {
            section.defects {
                h2 { "Defects" }
                div.scroll {
                    table {
                        thead { tr { th { "Divergences" } th { "What forbids them" } th { "Where" } } }
                        tbody {
                            @for defect in &report.defects {
                                tr {
                                    td {
                                        span.badge.(defect.kind.as_str()) {
                                            (count(defect.divergences.len(), defect.kind.as_str()))
                                        }
                                    }
                                    td { (prose(&defect.reason())) }
                                    td {
                                        (prose(&defect.places_in_words())) " "
                                        @for (number, id) in (1..).zip(&defect.divergences) {
                                            a href={ "#" (id) } { (number) } " "
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn effort(report: &DiffReport) -> Markup {
    let waiting =
        if report.seconds > 0.0 { report.waiting_seconds / report.seconds * 100.0 } else { 0.0 };
    html! {
        p.effort {
            (count(report.decisions, "decision")) " in " (number(report.scenarios_run)) " of "
            (count(report.scenarios, "scenario")) ", " (count(report.requests, "call")) ", in "
            (format!("{:.1} s ({waiting:.0} % of it waiting)", report.seconds))
        }
        @if let Some(older) = report.older_release_in_words() { p.fine { (older) } }
    }
}

fn known(baseline: &BaselineReport) -> Markup {
    let listed = |title: &str, class: &str, missing: &[AbsentEntry]| {
        html! {
            @if !missing.is_empty() {
                section.missing.(class) {
                    h2 { (title) }
                    ul { @for entry in missing { li { code { (entry.id) } " " (prose(&entry.in_words())) } } }
                }
            }
        }
    };
    html! {
        (listed("Known, and no longer occurs: remove it from the baseline", "stale", &baseline.stale))
        (listed("Known, and not run", "unrun", &baseline.not_run))
    }
}

fn causes(report: &DiffReport) -> Markup {
    let explained = |cause: &Cause| {
        report
            .divergences
            .iter()
            .filter(|d| d.decision_point.as_ref() == Some(&cause.decision_point))
            .filter(|d| d.option.as_ref() == Some(&cause.option))
            .count()
    };
    html! {
        @if !report.causes.is_empty() {
            section id="causes" {
                h2 { "It behaves as if" }
                ol.causes {
                    @for cause in &report.causes {
                        li.permitted[cause.permitted] {
                            p.point {
                                @if !cause.rivals.is_empty() { "possibly " }
                                code { (cause.decision_point) } " were " code { (cause.option) }
                            }
                            p { (prose(&cause.means)) }
                            @for rival in &cause.rivals { p.fine { "Or " (prose(&rival_in_words(rival))) "." } }
                            p.fine {
                                "explains " (count(explained(cause), "divergence")) ", seen "
                                (times(cause.explains))
                                @match (cause.permitted, &cause.reading) {
                                    (true, Some(reading)) => { "; reading " (reading) " permits it" }
                                    (true, None) => { "; the text is silent" }
                                    (false, _) => {}
                                }
                                @if !cause.clauses.is_empty() { "; " (cause.clauses.join(", ")) }
                            }
                        }
                    }
                }
                @if report.unexplained > 0 {
                    p.fine { "No option explains " (count(report.unexplained, "divergence")) "." }
                }
            }
        }
    }
}

/// The table of a section's divergences. It has all that the page says of permitted ones.
fn overview((id, title, divergences): &Section<'_>) -> Markup {
    let is_folded = *id == PERMITTED;
    html! {
        section id=(format!("{id}-listed")) {
            h2 { (title) }
            div.scroll { table.list {
                thead {
                    tr { th { "kind" } th { "what" } th { "who" } th { "the rules" }
                        th { "the homeserver" } th { "seen" } }
                }
                tbody {
                    @for d in *divergences {
                        tr id=[is_folded.then_some(&d.id)] {
                            td { span.badge.(d.kind.as_str()) { (d.kind.as_str()) } }
                            td {
                                @if is_folded { (d.step) } @else { a href=(format!("#{}", d.id)) { (d.step) } }
                                @if is_folded { p.fine { code { (d.id) } } }
                            }
                            td { (d.by) }
                            td {
                                (prose(&d.expected))
                                @for reading in d.readings.iter().filter(|_| is_folded) {
                                    p.fine {
                                        (reading.reading.as_deref().unwrap_or("the text is silent")) ": "
                                        code { (reading.decision_point) } " may be " code { (reading.option) }
                                    }
                                }
                            }
                            td { (prose(&d.observed)) }
                            td.count { (number(d.count)) }
                        }
                    }
                }
            } }
        }
    }
}

/// The details of each divergence of a section.
fn details(report: &DiffReport, (id, title, divergences): &Section<'_>) -> Markup {
    html! {
        section id=(id) {
            h2 { (title) ": details" }
            @for d in *divergences { (divergence::divergence(d, report.first_of_defect(&d.id))) }
        }
    }
}

fn not_run(not_run: &[NotRun]) -> Markup {
    html! { @for part in &NOT_RUN { (not_run_part(not_run, part)) } }
}

/// The steps that were not run because of a failure, or those for a permitted reason.
fn not_run_part(not_run: &[NotRun], (heading, failure): &(&str, bool)) -> Markup {
    let entries: Vec<_> = not_run.iter().filter(|entry| entry.failure == *failure).collect();
    html! {
        @if !entries.is_empty() {
            section id=(if *failure { "not-compared" } else { "not-run" }) {
                h2 { (heading) }
                table.list {
                    thead { tr { th { "what" } th { "why" } th { "times" } } }
                    tbody {
                        @for one in entries {
                            tr {
                                td {
                                    @match &one.step {
                                        Some(step) => (step),
                                        None => { "scenario " code { (one.scenario) } }
                                    }
                                    @if one.with_it > 0 {
                                        ", and " (count(one.with_it, "step")) " that depend on it"
                                    }
                                }
                                td { (prose(&one.because)) }
                                td.count { (number(one.count)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
