//! The endpoints that the steps of a scenario can call.

use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::rules::Rules;

/// The endpoints that a step can call: those of the table, and those that the rules declare.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownEndpoints<'a>(Option<&'a Rules>);

impl<'a> KnownEndpoints<'a> {
    /// The endpoints of the table alone.
    pub(super) const OF_TABLE: Self = Self(None);

    /// The endpoints of the table, and those that the rules declare.
    pub(super) const fn of(rules: &'a Rules) -> Self {
        Self(Some(rules))
    }

    /// The endpoint with this id.
    pub(super) fn find(self, id: &str) -> Option<EndpointId> {
        match self.0 {
            Some(rules) => rules.find_endpoint(id),
            None => EndpointId::find(id),
        }
    }

    /// The ids of all endpoints.
    pub(super) fn ids(self) -> Vec<&'static str> {
        let known: Vec<EndpointId> = match self.0 {
            Some(rules) => rules.every_endpoint().collect(),
            None => EndpointId::all().collect(),
        };
        known.into_iter().map(|endpoint| endpoint.get().id.as_str()).collect()
    }
}
