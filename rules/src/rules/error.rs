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
}
