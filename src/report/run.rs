//! The record of a run: all that somebody needs to repeat the run.

use std::time::SystemTime;

use guest_access_rules::rules::Rules;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The run that made a report.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// The command line.
    pub command: String,
    /// The version of this program.
    pub version: &'static str,
    /// The seed of the random choices; null if the run made none.
    pub seed: Option<u64>,
    /// The SHA-256 of the concatenated rules files, the nearest first.
    pub rules_sha256: String,
    /// The time at which the run began, as RFC 3339.
    pub started: String,
}

impl Run {
    /// A run with these rules that begins now.
    pub fn of<'a>(rules: impl IntoIterator<Item = &'a Rules>) -> Self {
        let mut hash = Sha256::new();
        for source in rules.into_iter().flat_map(|rules| &rules.sources) {
            hash.update(source);
        }
        let hash = hash.finalize();
        let words = without_secrets(std::env::args().skip(1)).map(|word| quote(&word));
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

/// The options whose values are secret.
const SECRET: [&str; 3] = ["--token", "--user", "--registration-token"];

/// The words of a command line, with stars in place of secret values.
fn without_secrets(words: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    let mut is_secret = false;
    words.map(move |word| {
        let hidden = std::mem::replace(&mut is_secret, SECRET.contains(&&*word));
        match word.split_once('=') {
            _ if hidden => "***".to_owned(),
            Some((option, _)) if SECRET.contains(&option) => format!("{option}=***"),
            _ => word,
        }
    })
}

/// A word, quoted for a shell where necessary.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_in_a_report_has_no_secrets() {
        let words = "diff --token syt_a --user=me:secret --registration-token b --server http://c";
        let words = without_secrets(words.split(' ').map(str::to_owned));
        let words: Vec<_> = words.collect();
        assert_eq!(
            words.join(" "),
            "diff --token *** --user=*** --registration-token *** --server http://c"
        );
    }
}
