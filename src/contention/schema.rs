//! JSON Schemas of the fields of a recording whose types come from the rules.

use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, Membership};
use schemars::{Schema, SchemaGenerator, json_schema};

pub(super) fn memberships(_: &mut SchemaGenerator) -> Schema {
    let memberships: Vec<_> = Membership::ALL.iter().map(|m| m.as_str()).collect();
    json_schema!({
        "type": "object",
        "propertyNames": { "enum": ["guest1", "guest2", "guest3"] },
        "additionalProperties": { "type": "string", "enum": memberships }
    })
}

pub(super) fn visibility(_: &mut SchemaGenerator) -> Schema {
    let values: Vec<_> = HistoryVisibility::ALL.iter().map(|v| v.as_str()).collect();
    json_schema!({ "type": "string", "enum": values })
}

pub(super) fn guest_access(_: &mut SchemaGenerator) -> Schema {
    let values: Vec<_> = GuestAccess::ALL.iter().map(|v| v.as_str()).collect();
    json_schema!({ "type": "string", "enum": values })
}
