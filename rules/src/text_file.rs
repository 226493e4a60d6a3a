//! Reading a file that the user names: text, and no larger than such a file can be.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What a file is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// What it is called in messages.
    pub name: &'static str,
    /// The most bytes that one can have.
    pub most_bytes: u64,
    /// How one comes by such a file, as the end of a message: empty, or from the `; ` on.
    pub hint: &'static str,
    /// What to do with one that is too large, as the end of a message: empty, or from the `; ` on.
    pub if_too_large: &'static str,
}

/// Why a file gives no text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextFileError {
    /// The file cannot be read.
    #[error("{}: the {} cannot be read{}", path.display(), kind.name, kind.hint)]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What it was to be.
        kind: Kind,
        /// Why.
        source: io::Error,
    },
    /// The file is too large to be what it was to be.
    #[error(
        "{}: the file has more than the {} bytes that a {} can have{}",
        path.display(), kind.most_bytes, kind.name, kind.if_too_large
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What it was to be.
        kind: Kind,
    },
    /// The file is not text.
    #[error("{}:{line}: the file is not UTF-8 text; save it as UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line of the first byte that is not text.
        line: usize,
    },
}

/// The text of the file at `path`, or of the standard input if that is `-`.
///
/// # Errors
/// If it cannot be read, is larger than its kind can be, or is not UTF-8.
pub fn read(path: &Path, kind: Kind) -> Result<String, TextFileError> {
    let mut bytes = Vec::new();
    // One byte more than may be there is enough to see that there is more.
    let most = kind.most_bytes + 1;
    let result = if path == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    let path = || path.to_owned();
    result.map_err(|source| TextFileError::Unreadable { path: path(), kind, source })?;
    if bytes.len() as u64 > kind.most_bytes {
        return Err(TextFileError::TooLarge { path: path(), kind });
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = line_of(error.as_bytes(), error.utf8_error().valid_up_to());
        TextFileError::NotText { path: path(), line }
    })
}

/// The line, from 1, in which the byte with this number stands.
pub fn line_of(text: &[u8], at: usize) -> usize {
    1 + text[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}
