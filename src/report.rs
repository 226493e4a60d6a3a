//! Reports: the results of a command, as text for people and as JSON, with the record of the run.

pub mod check;
pub mod compare;
pub mod contention;
pub mod decide;
pub mod defects;
pub mod diagram;
pub mod diff;
mod document;
pub mod explanation;
mod findings;
pub mod history;
pub mod junit;
pub mod neighbour;
mod page;
pub mod replay;
pub mod revisions;
pub mod rules_schema;
mod run;
mod steps_in_words;
mod table;
pub mod template;
mod trace;
pub mod trend;
mod unchecked;
pub mod vectors;
pub mod vocabulary;

use std::path::Path;

pub use run::Run;
pub use steps_in_words::steps_in_words;
pub use table::{Cell, Table, paint};
pub use unchecked::UncheckedEndpoint;

/// The styles of text, by meaning.
pub mod style {
    use anstyle::{AnsiColor, Style};

    /// A heading.
    pub const HEADING: Style = Style::new().bold();
    /// Good: a check holds.
    pub const GOOD: Style = AnsiColor::Green.on_default();
    /// Bad: a check fails.
    pub const BAD: Style = AnsiColor::Red.on_default().bold();
    /// Doubtful: there is no verdict.
    pub const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
    /// Unimportant.
    pub const DIM: Style = Style::new().dimmed();
    /// Without style.
    pub const PLAIN: Style = Style::new();
}

/// Whether the name of rules is the path of their file, and not a revision.
fn is_rules_file(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "toml")
}

/// A number with a comma after each group of three digits.
pub fn number(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 guest`, `2 guests`.
pub fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", self::number(number))
}
