//! Writes a report to standard output or to a file, with or without colours.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use super::{CommandError, Outcome, whole_file};

/// The options that all reports share.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct OutputArgs {
    /// Write the report to FILE [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write nothing but errors to standard error
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// When to colour the text
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Color {
    /// On a terminal, unless the variable NO_COLOR is set
    #[default]
    Auto,
    /// In every output
    Always,
    /// In no output
    Never,
}

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// The format of a report that can also be a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum PageFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For people: one page that needs nothing else
    Html,
}

/// The format of a report that can also be a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum DocumentFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For a pull request: Markdown, with traces as Mermaid diagrams
    Markdown,
    /// For people: one page that needs nothing else
    Html,
}

impl PageFormat {
    /// Formats the report. `html` writes the page.
    pub(super) fn write<R: Display + Serialize>(
        self,
        report: &R,
        html: impl FnOnce(&R) -> String,
    ) -> Result<String, CommandError> {
        Ok(match self {
            Self::Text => report.to_string(),
            Self::Json => json(report)?,
            Self::Html => html(report),
        })
    }
}

/// The finished text of a report, and the outcome of the command.
#[derive(Debug)]
pub(super) struct CommandOutput {
    pub(super) text: String,
    pub(super) outcome: Outcome,
    pub(super) to: OutputArgs,
}

impl CommandOutput {
    pub(super) fn new(text: String, outcome: Outcome, to: &OutputArgs) -> Self {
        Self { text, outcome, to: to.clone() }
    }

    /// Formats the report.
    pub(super) fn report(
        report: &(impl Display + Serialize),
        format: Format,
        outcome: Outcome,
        to: &OutputArgs,
    ) -> Result<Self, CommandError> {
        let text = match format {
            Format::Text => report.to_string(),
            Format::Json => json(report)?,
        };
        Ok(Self::new(text, outcome, to))
    }

    /// Writes an additional report to `path`, without colours.
    pub(super) fn write_file(text: &str, path: &Path) -> Result<(), CommandError> {
        let text = anstream::adapter::strip_str(&harmless(text)).to_string();
        whole_file::write(path, text.as_bytes())
            .map_err(|source| CommandError::unwritable(Some(&path.to_owned()), source))
    }

    /// Writes the report to standard output, or to the file of `--output`.
    pub(super) fn deliver(self) -> Result<Outcome, CommandError> {
        let Self { text, outcome, to } = self;
        let text = harmless(&text);
        let written = match &to.output {
            Some(path) => {
                let mut bytes = Vec::with_capacity(text.len());
                write(&mut bytes, &text, to.color, false)
                    .and_then(|()| whole_file::write(path, &bytes))
            }
            None => {
                let stdout = io::stdout();
                let is_plain = AutoStream::choice(&stdout) == ColorChoice::Never;
                write(stdout.lock(), &text, to.color, !is_plain)
            }
        };
        match written {
            // A closed pipe is no error: the reader, such as `head`, wants no more.
            Err(error) if to.output.is_none() && error.kind() == io::ErrorKind::BrokenPipe => {
                Ok(outcome)
            }
            Err(error) => Err(CommandError::unwritable(to.output.as_ref(), error)),
            Ok(()) => Ok(outcome),
        }
    }
}

fn write(to: impl Write, text: &str, color: Color, auto: bool) -> io::Result<()> {
    let is_coloured = match color {
        Color::Auto => auto,
        Color::Always => true,
        Color::Never => false,
    };
    let mut to = io::BufWriter::new(to);
    if is_coloured {
        to.write_all(text.as_bytes())?;
    } else {
        write!(to, "{}", anstream::adapter::strip_str(text))?;
    }
    to.flush()
}

/// The report as indented JSON that ends with a newline.
pub(super) fn json(report: &impl Serialize) -> Result<String, CommandError> {
    Ok(serde_json::to_string_pretty(report)? + "\n")
}

/// Writes an error and all its causes to standard error.
pub(super) fn print_error(error: &CommandError) {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    print_message(&text);
}

/// Writes a line to standard error, and ignores a failure to do so. The line may quote a file or a
/// homeserver.
pub(super) fn print_message(text: &str) {
    let _ = writeln!(io::stderr(), "{}", harmless(anstream::adapter::strip_str(text).to_string()));
}

/// The text with the replacement character in place of what could take over a terminal. Files and
/// homeservers may have written parts of the text. Line feeds, tabs and colours stay.
fn harmless(text: impl AsRef<str>) -> String {
    let text = text.as_ref();
    let mut harmless = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '\u{1b}' => colour(rest),
            _ => None,
        };
        let length = length.unwrap_or(next.len_utf8());
        if length > next.len_utf8() || !is_harmful(next) {
            harmless.push_str(&rest[..length]);
        } else {
            harmless.push(char::REPLACEMENT_CHARACTER);
        }
        rest = &rest[length..];
    }
    harmless
}

/// The number of bytes of the colour with which the text begins; `None` if it begins otherwise.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let length = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[length..].starts_with('m').then_some(length + 3)
}

/// Whether a character controls a terminal, or changes the direction of the text.
fn is_harmful(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_reach_a_terminal() {
        assert_eq!(harmless("a\u{1b}[31;1mb\u{1b}[0m\n\tc"), "a\u{1b}[31;1mb\u{1b}[0m\n\tc");
        assert_eq!(harmless("\u{1b}[2Ja\u{9b}b\u{7}\r"), "\u{fffd}[2Ja\u{fffd}b\u{fffd}\u{fffd}");
        assert_eq!(harmless("\u{1b}]0;title\u{7}"), "\u{fffd}]0;title\u{fffd}");
        assert_eq!(harmless("\u{1b}[31"), "\u{fffd}[31");
        assert_eq!(harmless("é\u{202e}x\u{1b}"), "é\u{fffd}x\u{fffd}");
    }
}
