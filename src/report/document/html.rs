//! A document as one page of HTML.

use maud::{Markup, html};

use crate::report::page::{Page, prose};

use super::{Document, Part, Tone, Toned};

/// The page.
pub(super) fn text(document: &Document<'_>) -> String {
    let page = Page {
        title: &document.title,
        header: html! {
            p.verdict {
                @for verdict in &document.verdicts {
                    span.badge.(class(verdict.tone)) { (prose(&verdict.text)) }
                }
            }
        },
        main: html! { @for part in &document.parts { (self::part(part)) } },
        rules: &document.rules,
        run: document.run,
    };
    page.text()
}

fn part(part: &Part) -> Markup {
    html! {
        @match part {
            Part::Section(heading) => { h2 { (prose(heading)) } }
            Part::Finding(heading) => { h3 { (prose(heading)) } }
            Part::Paragraph(text) => { p { (prose(text)) } }
            Part::List(sentences) => { ul { @for sentence in sentences { li { (prose(sentence)) } } } }
            Part::Table { headings, rows } => {
                div.scroll { table.list {
                    thead { tr { @for heading in *headings { th { (heading) } } } }
                    tbody {
                        @for row in rows { tr { @for cell in row { td { (self::cell(cell)) } } } }
                    }
                } }
            }
            Part::Trace(trace) => {
                div.scroll { (trace.svg()) }
                @if let Some(because) = trace.because() { p.fine { (prose(because)) } }
            }
        }
    }
}

fn cell(cell: &Toned) -> Markup {
    match cell.tone {
        Tone::Plain => prose(&cell.text),
        tone => html! { span.badge.(class(tone)) { (prose(&cell.text)) } },
    }
}

/// The class of a badge in the style sheet of the pages.
const fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "leak",
        Tone::Doubtful => "doubtful",
        Tone::Plain => "quiet",
    }
}
