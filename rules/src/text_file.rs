//! Reads a text file that the user names, up to a maximum size.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A kind of file: how messages name it, and its maximum size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileKind {
    /// The name of the kind in messages.
    pub name: &'static str,
    /// The maximum number of bytes.
    pub most_bytes: u64,
    /// How to get such a file: the end of a message, either empty or beginning with `; `.
    pub hint: &'static str,
    /// How to get a smaller file: the end of a message, either empty or beginning with `; `.
    pub if_too_large: &'static str,
}

/// The error of a file that cannot be read as text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextFileError {
    /// The file cannot be read.
    #[error("{}: the {} cannot be read{}", path.display(), kind.name, kind.hint)]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The kind of file that was expected.
        kind: FileKind,
        /// The cause.
        source: io::Error,
    },
    /// The file is larger than the maximum size of its kind.
    #[error(
        "{}: the file has more than the {} bytes that a {} can have{}",
        path.display(), kind.most_bytes, kind.name, kind.if_too_large
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The kind of file that was expected.
        kind: FileKind,
    },
    /// The file is not text.
    #[error("{}:{line}: the file is not UTF-8 text; save it as UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line of the first byte that is not UTF-8.
        line: usize,
    },
}

/// The text of the file at `path`, or of the standard input if `path` is `-`.
///
/// # Errors
/// If the file cannot be read, is larger than the maximum size of its kind, or is not UTF-8.
pub fn read(path: &Path, kind: FileKind) -> Result<String, TextFileError> {
    let mut bytes = Vec::new();
    // Reading one byte more than the maximum is enough to see that the file is too large.
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

/// The number of the line, from 1, that contains the byte at this offset.
pub fn line_of(text: &[u8], at: usize) -> usize {
    1 + text[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}
