//! What it takes to do a run again.

use std::time::SystemTime;

use guest_access_model::rules::Rules;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// How a report came to be.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// The command line.
    pub command: String,
    /// The version of this program.
    pub version: &'static str,
    /// The seed of what was chosen at random; null if nothing was.
    pub seed: Option<u64>,
    /// The SHA-256 of the rules files, the nearest first, one after the other.
    pub rules_sha256: String,
    /// When it began.
    pub started: String,
}

impl Run {
    /// This run, of these rules, which begins now.
    pub fn of<'a>(rules: impl IntoIterator<Item = &'a Rules>) -> Self {
        let mut hash = Sha256::new();
        for source in rules.into_iter().flat_map(|rules| &rules.sources) {
            hash.update(source);
        }
        let hash = hash.finalize();
        let words = std::env::args().skip(1).map(|word| quoted(&word));
        Self {
            command: std::iter::once("guest-access".to_owned())
                .chain(words)
                .collect::<Vec<_>>()
                .join(" "),
            version: env!("CARGO_PKG_VERSION"),
            seed: None,
            rules_sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        }
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
