//! Compares the content of a given event with the content that the moderator is given.

use guest_access_reference::reference::ReplicaEvent;
use serde_json::Value;

/// How the content of a given event differs from the content that the moderator is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct AlteredContent {
    /// A key is missing, or has another value.
    pub(super) lacks: bool,
    /// A key is there that the moderator is not given.
    pub(super) adds: bool,
}

impl AlteredContent {
    /// The difference, if the contents differ.
    pub(super) fn between(given: &Value, known: &ReplicaEvent) -> Option<Self> {
        let lacks = known.content.iter().any(|(key, value)| given.get(key) != Some(value));
        let keys = given.as_object().into_iter().flat_map(|given| given.keys());
        let adds = keys.into_iter().any(|key| !known.content.contains_key(key));
        (lacks || adds).then_some(Self { lacks, adds })
    }
}
