//! Where a report goes, and in which form.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

use super::{CommandError, Outcome};

/// Where the report goes, and what is said beside it.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct OutputArgs {
    /// Write the report to FILE
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Say nothing on the standard error but what is wrong
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// Colour the text; NO_COLOR is honoured
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// A report, written, and how the command ended.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) outcome: Outcome,
    pub(super) to: OutputArgs,
}

impl Written {
    pub(super) fn new(text: String, outcome: Outcome, to: &OutputArgs) -> Self {
        Self { text, outcome, to: to.clone() }
    }

    /// The report in one of the two forms.
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

    /// Writes a report to where it goes beside this one, without colours.
    pub(super) fn beside(text: &str, path: &Path) -> Result<(), CommandError> {
        std::fs::write(path, anstream::adapter::strip_str(text).to_string())
            .map_err(|source| CommandError::unwritable(Some(&path.to_owned()), source))
    }

    /// Writes the report to where it goes.
    pub(super) fn deliver(self) -> Result<Outcome, CommandError> {
        let Self { text, outcome, to } = self;
        let written = match &to.output {
            Some(path) => {
                std::fs::File::create(path).and_then(|file| write(file, &text, to.color, false))
            }
            None => {
                let stdout = io::stdout();
                let is_plain = AutoStream::choice(&stdout) == ColorChoice::Never;
                write(stdout.lock(), &text, to.color, !is_plain)
            }
        };
        match written {
            // Who reads no further knows enough.
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

/// A report as JSON, with a line's end.
pub(super) fn json(report: &impl Serialize) -> Result<String, CommandError> {
    Ok(serde_json::to_string_pretty(report)? + "\n")
}

/// Says on the standard error what is wrong, with all its causes.
pub(super) fn complain(error: &CommandError) {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    say(&text);
}

/// Says something on the standard error, if anyone listens.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
