//! Why a text is not a rules file.

use std::path::PathBuf;

use crate::text_file::TextFileError;

/// Why there are no rules. Every message says where the fault is and what would be right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// Neither a revision nor a path.
    #[error(
        "there is no revision `{name}`; there are {known}, or give the path of a rules file that ends in `.toml`"
    )]
    UnknownRevision {
        /// What was asked for.
        name: String,
        /// The revisions and aliases there are.
        known: String,
    },
    /// The file gives no text.
    #[error(transparent)]
    File(#[from] TextFileError),
    /// The text is not TOML, or has keys or types that a rules file does not have.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, in the words of the TOML reader.
        message: String,
    },
    /// A name or a combination that means nothing.
    #[error("{}:{line}: {message}", path.display())]
    Meaning {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what would be right.
        message: String,
    },
}
