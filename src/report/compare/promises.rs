//! The promises that only one of two revisions gives, in a report of `compare`.

use guest_access_rules::guarantee::GuaranteeId;
use guest_access_rules::rules::Rules;
use serde::Serialize;

/// A guarantee that only one of two revisions promises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromiseChange {
    /// The guarantee.
    pub guarantee: &'static str,
    /// Whether the second revision promises it.
    pub promised: bool,
    /// The reason for the withdrawal, as the end of a sentence; absent without a withdrawal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

impl PromiseChange {
    /// Every guarantee that only one of the two revisions promises, in the order of the guarantees.
    pub(super) fn between(from: &Rules, to: &Rules) -> Vec<Self> {
        let (before, after) = (from.promised(), to.promised());
        let differs =
            |guarantee: &GuaranteeId| before.contains(*guarantee) != after.contains(*guarantee);
        let changes = before.union(after).iter().filter(differs).map(|guarantee| Self {
            guarantee: guarantee.get().id,
            promised: after.contains(guarantee),
            because: to.withdrawn.get(&guarantee).map(|withdrawal| withdrawal.because.clone()),
        });
        changes.collect()
    }

    /// The change in words: `to` is the second revision.
    pub(super) fn in_words(&self, to: &str) -> String {
        let Self { guarantee, promised, because } = self;
        let because = because.iter().filter(|_| !promised);
        let because: String = because.map(|because| format!(", because {because}")).collect();
        let verb = if *promised { "promises" } else { "no longer promises" };
        format!("{to} {verb} `{guarantee}`{because}")
    }
}
