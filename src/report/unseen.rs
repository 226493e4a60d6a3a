//! What an open endpoint gives or does, and no rule looks at.

use std::fmt::{self, Formatter};

use guest_access_rules::endpoint::EndpointId;
use serde::Serialize;

/// An endpoint that is open to guests, and whose content or effect neither the model nor the reference
/// looks into.
#[derive(Debug, Clone, Serialize)]
pub struct Unseen {
    /// The endpoint.
    pub endpoint: String,
    /// The content that the endpoint gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gives: Option<String>,
    /// What a call of the endpoint changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub does: Option<String>,
}

impl Unseen {
    /// Those of these endpoints that give or do something that no rule looks at.
    pub(super) fn of(endpoints: impl IntoIterator<Item = EndpointId>) -> Vec<Self> {
        let unseen = endpoints.into_iter().filter(|endpoint| endpoint.get().has_unseen_part());
        let unseen = unseen.map(|endpoint| Self {
            endpoint: endpoint.to_string(),
            gives: endpoint.get().unseen.clone(),
            does: endpoint.get().effect.clone(),
        });
        unseen.collect()
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
