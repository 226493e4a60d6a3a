//! The errors of a rules file.

use std::path::PathBuf;

use crate::text_file::TextFileError;

/// The error of rules that cannot be read. Every message says where the fault is, and what would be
/// right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// The name is neither a revision nor a path.
    #[error(
        "there is no revision `{name}`; there are {known}, or give the path of a rules file that ends in `.toml`"
    )]
    UnknownRevision {
        /// The name.
        name: String,
        /// The ids and aliases of all revisions.
        known: String,
    },
    /// The file cannot be read as text.
    #[error(transparent)]
    File(#[from] TextFileError),
    /// The text is not TOML, or has an unknown key, or a value of the wrong type.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The message of the TOML parser.
        message: String,
    },
    /// A name is unknown, or entries contradict each other.
    #[error("{}:{line}: {message}", path.display())]
    Meaning {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The fault, and how to mend it.
        message: String,
    },
    /// The file has several faults.
    #[error("{}", in_lines(.0))]
    Several(Vec<RulesError>),
}

impl RulesError {
    /// One error of these; each fault stands in it once. `None` if there is no error.
    pub(super) fn of(errors: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut faults = Vec::new();
        for error in errors {
            match error {
                Self::Several(more) => faults.extend(more),
                one => faults.push(one),
            }
        }
        let line = |fault: &Self| match fault {
            Self::Syntax { line, .. } | Self::Meaning { line, .. } => *line,
            _ => 0,
        };
        faults.sort_by_key(line);
        match faults.len() {
            0 | 1 => faults.pop(),
            _ => Some(Self::Several(faults)),
        }
    }
}

/// The values of all results, or all errors.
pub(super) fn all<T>(
    results: impl Iterator<Item = Result<T, RulesError>>,
) -> Result<Vec<T>, RulesError> {
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    RulesError::of(errors).map_or(Ok(values), Err)
}

/// Both values, or all errors.
pub(super) fn both<A, B>(
    one: Result<A, RulesError>,
    other: Result<B, RulesError>,
) -> Result<(A, B), RulesError> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (one, other) => Err(RulesError::of(one.err().into_iter().chain(other.err()))
            .expect("one of the two results is an error")),
    }
}

fn in_lines(errors: &[RulesError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
