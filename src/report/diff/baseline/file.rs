//! Reading and writing a baseline's file.

use std::path::Path;

use guest_access_rules::text_file::{self, FileKind, line_of};
use serde::Deserialize;
use toml::Spanned;

use crate::diff::ID_SCHEME;

use super::{Baseline, BaselineEntry, BaselineError};

const KIND: FileKind = FileKind {
    name: "baseline",
    most_bytes: 4 << 20,
    hint: "; `--write-baseline` writes one",
    if_too_large: "",
};

/// The comment at the start of the file.
const HEADER: &str = "\
# Known divergences from the rules. `guest-access diff --baseline` accepts the divergences in this file.
# It fails on any other divergence, and on a divergence in this file that no longer occurs. Write a
# `reason` and a `link` for each one; `--write-baseline` keeps them when it writes the file again.

";

/// The content of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BaselineFile {
    rules: Spanned<String>,
    /// Absent in files of scheme 1, which had no version.
    ids: Option<Spanned<u32>>,
    #[serde(default)]
    known: Vec<Spanned<BaselineEntry>>,
}

impl Baseline {
    /// Reads the baseline at `path`. It has to be a baseline of `rules`, with ids of the current scheme.
    ///
    /// # Errors
    /// If the file cannot be read, or is no such baseline.
    pub fn load(path: &Path, rules: &str) -> Result<Self, BaselineError> {
        let text = text_file::read(path, KIND)?;
        let baseline = Self::parse(path, &text, rules)?;
        if baseline.ids == ID_SCHEME {
            return Ok(baseline);
        }
        let message = format!(
            "the baseline has ids of scheme {}, and this version makes ids of scheme {ID_SCHEME}; write the baseline anew with `--write-baseline FILE`, without `--baseline`",
            baseline.ids
        );
        let at = text.find("ids =").unwrap_or_default();
        Err(wrong(path, text.as_bytes(), at, &message))
    }

    /// Reads the baseline at `path` in order to write a new one. Its ids may have an older scheme.
    ///
    /// # Errors
    /// If the file cannot be read, or is no baseline of these rules.
    pub fn load_to_rewrite(path: &Path, rules: &str) -> Result<Self, BaselineError> {
        Self::parse(path, &text_file::read(path, KIND)?, rules)
    }

    /// Parses the baseline in `text`, which has to be a baseline of `rules`. Messages name `path`.
    ///
    /// # Errors
    /// If the text is no baseline of these rules.
    pub fn parse(path: &Path, text: &str, rules: &str) -> Result<Self, BaselineError> {
        let wrong = |at: usize, message: &str| wrong(path, text.as_bytes(), at, message);
        let file: BaselineFile = toml::from_str(text)
            .map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message()))?;
        if file.rules.get_ref() != rules {
            let message = format!(
                "the baseline is of the rules `{}`, and these are `{rules}`; name them with `--rules`, or write another with `--write-baseline`",
                file.rules.get_ref()
            );
            return Err(wrong(file.rules.span().start, &message));
        }
        let mut known: Vec<BaselineEntry> = Vec::with_capacity(file.known.len());
        for entry in file.known {
            let at = entry.span().start;
            let entry = entry.into_inner();
            if known.iter().any(|known| known.id == entry.id) {
                let message = format!("`{}` is listed twice; once is right", entry.id);
                return Err(wrong(at, &message));
            }
            known.push(entry);
        }
        let ids = file.ids.map_or(1, Spanned::into_inner);
        Ok(Self { rules: file.rules.into_inner(), ids, known })
    }

    /// The content of the file for this baseline.
    ///
    /// # Errors
    /// If the baseline cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        Ok(HEADER.to_owned() + &toml::to_string_pretty(self)?)
    }
}

/// The error for a fault at this byte.
fn wrong(path: &Path, text: &[u8], at: usize, message: &str) -> BaselineError {
    let (path, message) = (path.to_owned(), message.to_owned());
    BaselineError::Wrong { path, line: line_of(text, at), message }
}
