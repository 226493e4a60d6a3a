//! Why a text is not a rules file.

use std::path::PathBuf;

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
    /// The file cannot be read.
    #[error("{}: the rules file cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is too large to be a rules file.
    #[error("{}: the file has {bytes} bytes; a rules file has at most {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The file is not text.
    #[error("{}:{line}: the file is not UTF-8 text; save it as UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line of the first byte that is not text.
        line: usize,
    },
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
