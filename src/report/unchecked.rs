//! Unchecked endpoints: open endpoints whose content or effect no rule looks at.

use std::fmt::{self, Formatter};

use guest_access_rules::endpoint::EndpointId;
use serde::Serialize;

/// An endpoint that is open to guests, and whose content or effect neither the model nor the reference
/// looks into.
#[derive(Debug, Clone, Serialize)]
pub struct UncheckedEndpoint {
    /// The endpoint.
    pub endpoint: String,
    /// The content that the endpoint gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gives: Option<String>,
    /// The effect of a call of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub does: Option<String>,
}

impl UncheckedEndpoint {
    /// The unchecked endpoints among these endpoints.
    pub(super) fn of(endpoints: impl IntoIterator<Item = EndpointId>) -> Vec<Self> {
        let unchecked = endpoints.into_iter().filter(|endpoint| endpoint.get().is_unchecked());
        let unchecked = unchecked.map(|endpoint| Self {
            endpoint: endpoint.to_string(),
            gives: endpoint.get().unseen.clone(),
            does: endpoint.get().effect.clone(),
        });
        unchecked.collect()
    }

    pub(super) fn write_text(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { endpoint, gives, does } = self;
        if let Some(gives) = gives {
            writeln!(f, "{endpoint} gives room content that no rule here looks at: {gives}")?;
        }
        if let Some(does) = does {
            writeln!(f, "{endpoint} does what no rule here looks at: {does}")?;
        }
        Ok(())
    }
}
