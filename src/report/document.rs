//! A report as a document: a page to attach to a proposal.
//!
//! A command describes its report once, as the parts of a [`Document`]. The document is written as
//! Markdown, for a pull request, or as one page of HTML. Text between backticks is code in both.

mod html;
mod markdown;

use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::{Scenario, ScenarioError};

use super::Run;
use super::trace::Trace;

/// A document.
#[derive(Debug)]
pub(super) struct Document<'a> {
    /// The title.
    pub(super) title: String,
    /// The verdicts, each with its tone.
    pub(super) verdicts: Vec<Toned>,
    /// The content, in order.
    pub(super) parts: Vec<Part>,
    /// The ids of the rules.
    pub(super) rules: String,
    /// The run that made the report.
    pub(super) run: &'a Run,
}

/// A part of a document.
#[derive(Debug)]
pub(super) enum Part {
    /// The heading of a section.
    Section(String),
    /// The heading of one finding within a section.
    Finding(String),
    /// A paragraph.
    Paragraph(String),
    /// A list of sentences.
    List(Vec<String>),
    /// A table.
    Table {
        /// The headings of the columns.
        headings: &'static [&'static str],
        /// The rows, each with a cell for every column.
        rows: Vec<Vec<Toned>>,
    },
    /// A trace, as a sequence diagram.
    Trace(Trace),
}

/// A short text and its tone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Toned {
    /// The text.
    pub(super) text: String,
    /// The tone.
    pub(super) tone: Tone,
}

/// The tone of a text, which determines its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// A check holds.
    Good,
    /// A check fails.
    Bad,
    /// There is no verdict.
    Doubtful,
    /// Neither good nor bad.
    Plain,
}

impl Toned {
    /// A text with this tone.
    pub(super) fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }

    /// A text without a tone of its own.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl Part {
    /// The trace of a scenario under these rules. If a step cannot happen, the reason.
    pub(super) fn trace(scenario: &Scenario, rules: &Rules) -> Self {
        Trace::of(scenario, rules).into()
    }
}

impl From<Result<Trace, ScenarioError>> for Part {
    fn from(trace: Result<Trace, ScenarioError>) -> Self {
        match trace {
            Ok(trace) => Self::Trace(trace),
            Err(error) => Self::Paragraph(error.to_string()),
        }
    }
}

impl Document<'_> {
    /// The document as Markdown.
    pub(super) fn markdown(&self) -> String {
        markdown::text(self)
    }

    /// The document as one page of HTML.
    pub(super) fn html(&self) -> String {
        html::text(self)
    }
}
