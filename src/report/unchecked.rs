//! Unchecked endpoints: open endpoints whose content or effect no rule looks at.

use std::fmt::{self, Formatter};

use guest_access_rules::endpoint::{Changes, EndpointId};
use serde::Serialize;

/// An endpoint that is open to guests, and whose content or effect neither the model nor the reference
/// looks into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UncheckedEndpoint {
    /// The endpoint.
    pub endpoint: String,
    /// The content that the endpoint gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gives: Option<String>,
    /// The effect of a call of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub does: Option<String>,
    /// What the effect changes; absent if there is no effect, or if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<Changes>>,
}

impl UncheckedEndpoint {
    /// The unchecked endpoints among these endpoints.
    pub(super) fn of(endpoints: impl IntoIterator<Item = EndpointId>) -> Vec<Self> {
        let unchecked = endpoints.into_iter().filter(|endpoint| endpoint.get().is_unchecked());
        let unchecked = unchecked.map(|endpoint| Self {
            endpoint: endpoint.to_string(),
            gives: endpoint.get().unseen.clone(),
            does: endpoint.get().effect.clone(),
            changes: endpoint.get().changes.clone(),
        });
        unchecked.collect()
    }

    /// Whether a call may change this.
    pub(super) fn may_change(&self, what: Changes) -> bool {
        let is_listed = self.changes.as_ref().is_none_or(|changes| changes.contains(&what));
        self.does.is_some() && is_listed
    }

    /// What no rule looks at, in a sentence for the content and one for the effect.
    pub(super) fn sentences(&self) -> Vec<String> {
        let Self { endpoint, gives, does, changes } = self;
        let gives = gives.iter().map(|gives| {
            format!("{endpoint} gives room content that no rule here looks at: {gives}")
        });
        let changes = match changes.as_deref() {
            None => String::new(),
            Some([]) => " (by declaration it changes no room and no account)".to_owned(),
            Some(changes) => {
                let changes: Vec<_> = changes.iter().map(|changes| in_words(*changes)).collect();
                format!(" (it {})", changes.join(" and "))
            }
        };
        let does = does
            .iter()
            .map(|does| format!("{endpoint} does what no rule here looks at: {does}{changes}"));
        gives.chain(does).collect()
    }

    pub(super) fn write_text(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.sentences().iter().try_for_each(|sentence| writeln!(f, "{sentence}"))
    }
}

/// What an effect changes, as the predicate of a sentence.
const fn in_words(changes: Changes) -> &'static str {
    match changes {
        Changes::Rooms => "changes rooms",
        Changes::Accounts => "changes accounts",
        Changes::Tokens => "ends tokens of the caller, as the server may at any time",
        Changes::Reading => "takes from the caller what it may read",
    }
}
