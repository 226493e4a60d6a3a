//! JSON Schemas of single fields of a scenario: each lists what the field may be.

use guest_access_model::action::{Credential, Key, Message, ProfileKey, Setting};
use guest_access_model::actions::has_its_own_operation;
use guest_access_model::concurrent::StageName;
use guest_access_model::federated::MAX_SERVERS;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{
    ErrCode, GuestAccess, HistoryVisibility, JoinRule, Membership,
};
use schemars::{Schema, SchemaGenerator, json_schema};

use super::actor as name;
use super::verb::Verb;

fn one_of(values: impl Iterator<Item = String>) -> Schema {
    json_schema!({ "type": "string", "enum": values.collect::<Vec<_>>() })
}

/// Declares schemas that list spellings.
macro_rules! spellings {
    ($($name:ident: $type:ty,)+) => {
        $(pub(super) fn $name(_: &mut SchemaGenerator) -> Schema {
            one_of(<$type>::ALL.iter().map(ToString::to_string))
        })+
    };
}

spellings! {
    under: Key,
    by: MembershipEndpoint,
    token: Credential,
    event_type: Message,
    setting: Setting,
    key: ProfileKey,
    errcode: ErrCode,
}

pub(super) fn actor(_: &mut SchemaGenerator) -> Schema {
    one_of(name::all().map(name::name))
}

pub(super) fn operation(_: &mut SchemaGenerator) -> Schema {
    let verbs = Verb::ALL.iter().map(|verb| verb.as_str().to_owned());
    let endpoints = EndpointId::all().filter(|endpoint| {
        !has_its_own_operation(*endpoint) || *endpoint == guest_access_rules::endpoint::KNOWN.whoami
    });
    let known = one_of(verbs.chain(endpoints.map(|endpoint| endpoint.to_string())));
    json_schema!({ "anyOf": [known, of_declared_endpoint()] })
}

/// An endpoint that the rules declare. The schema does not know the rules.
fn of_declared_endpoint() -> Schema {
    json_schema!({
        "description": "An endpoint that the rules of the scenario declare.",
        "type": "string",
        "pattern": "^(GET|PUT|POST|DELETE) (/[A-Za-z0-9_.-]+|/\\{[A-Za-z0-9_.-]+\\})+$"
    })
}

pub(super) fn place(_: &mut SchemaGenerator) -> Schema {
    one_of(name::places().filter_map(name::place))
}

pub(super) fn target(_: &mut SchemaGenerator) -> Schema {
    let named = name::all().map(name::name);
    one_of(named.filter(|name| name.starts_with("guest") || name == "moderator"))
}

pub(super) fn to(_: &mut SchemaGenerator) -> Schema {
    let visibilities = HistoryVisibility::ALL.iter().map(ToString::to_string);
    let accesses = GuestAccess::ALL.iter().map(ToString::to_string);
    let rules = JoinRule::ALL.iter().map(ToString::to_string);
    let others = ["unknown", "malformed"].map(str::to_owned);
    // `invite` is a join rule, and no other list has it.
    one_of(visibilities.chain(accesses).chain(rules).chain(others))
}

pub(super) fn server(_: &mut SchemaGenerator) -> Schema {
    one_of((0..MAX_SERVERS).map(name::server))
}

pub(super) fn stage(_: &mut SchemaGenerator) -> Schema {
    one_of(StageName::ALL.iter().map(ToString::to_string))
}

pub(super) fn membership(_: &mut SchemaGenerator) -> Schema {
    let memberships: Vec<_> = Membership::ALL.iter().map(|m| m.as_str()).collect();
    let member = json_schema!({ "type": "string", "enum": memberships });
    json_schema!({
        "type": "object",
        "propertyNames": { "enum": ["room1", "room2"] },
        "additionalProperties": { "type": "object", "additionalProperties": member }
    })
}
