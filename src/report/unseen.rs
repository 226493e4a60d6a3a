//! The content of rooms that an open endpoint gives and that no rule looks at.

use std::fmt::{self, Formatter};

use guest_access_rules::endpoint::EndpointId;
use serde::Serialize;

/// An endpoint that is open to guests, and whose content neither the model nor the reference looks into.
#[derive(Debug, Clone, Serialize)]
pub struct UnseenContent {
    /// The endpoint.
    pub endpoint: String,
    /// The content that it gives.
    pub gives: String,
}

impl UnseenContent {
    /// The content of each of these endpoints that has some.
    pub(super) fn of(endpoints: impl IntoIterator<Item = EndpointId>) -> Vec<Self> {
        let unseen = endpoints.into_iter().filter_map(|endpoint| {
            let gives = endpoint.get().unseen.clone()?;
            Some(Self { endpoint: endpoint.to_string(), gives })
        });
        unseen.collect()
    }

    pub(super) fn write_text(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { endpoint, gives } = self;
        writeln!(f, "{endpoint} gives room content that no rule here looks at: {gives}")
    }
}
