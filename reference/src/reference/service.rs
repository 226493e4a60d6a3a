//! The server's answers about itself: versions, capabilities and push rules.

use std::collections::BTreeMap;

use guest_access_rules::decision_point::LeaveForgets;
use ruma::api::client::discovery::get_capabilities::v3::{
    Capabilities, RoomVersionStability, RoomVersionsCapability,
};
use ruma::api::client::discovery::{get_capabilities, get_supported_versions};
use ruma::api::client::push::get_pushrules_all;
use ruma::push::Ruleset;

use super::Reference;
use super::answer::{AllowedResponse, Answer, Credentials, OPEN};
use super::authorisation::EndpointCall;
use super::creation::{DEFAULT_VERSION, VERSIONS};
use super::endpoints::ENDPOINTS;

/// The versions of the specification that the server supports.
const REVISIONS: [&str; 27] = [
    "r0.0.1", "r0.1.0", "r0.2.0", "r0.3.0", "r0.4.0", "r0.5.0", "r0.6.0", "r0.6.1", "v1.1", "v1.2",
    "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11", "v1.12", "v1.13",
    "v1.14", "v1.15", "v1.16", "v1.17", "v1.18", "v1.19",
];

impl Reference {
    /// `GET /versions`: all versions, whichever revision the rules are from. Clients choose their calls by
    /// the versions, and the server has to show which calls are allowed.
    ///
    /// # Errors
    /// The refusal, if the caller may not call the endpoint.
    pub fn versions(
        &self,
        credentials: &Credentials<'_>,
        _: &get_supported_versions::Request,
    ) -> Answer<get_supported_versions::Response> {
        self.admit(credentials, EndpointCall::to(ENDPOINTS.versions))?;
        let versions = REVISIONS.into_iter().map(str::to_owned).collect();
        Ok(AllowedResponse::new(OPEN, get_supported_versions::Response::new(versions)))
    }

    /// `GET /capabilities`.
    ///
    /// # Errors
    /// The refusal, if the caller may not call the endpoint.
    pub fn capabilities(
        &self,
        credentials: &Credentials<'_>,
        _: &get_capabilities::v3::Request,
    ) -> Answer<get_capabilities::v3::Response> {
        self.admit(credentials, EndpointCall::to(ENDPOINTS.capabilities))?;
        let available: BTreeMap<_, _> =
            VERSIONS.into_iter().map(|version| (version, RoomVersionStability::Stable)).collect();
        let mut capabilities = Capabilities::new();
        capabilities.room_versions = RoomVersionsCapability::new(DEFAULT_VERSION, available);
        capabilities.change_password.enabled = false;
        capabilities.thirdparty_id_changes.enabled = false;
        // CS-41: A server may make a user forget a room whenever the user leaves the room.
        capabilities.forget_forced_upon_leave.enabled =
            self.choices().leave_forgets == LeaveForgets::Forgets;
        Ok(AllowedResponse::new(OPEN, get_capabilities::v3::Response::new(capabilities)))
    }

    /// `GET /pushrules/`: an empty set of rules, since the server pushes nothing.
    ///
    /// # Errors
    /// The refusal, if the caller may not call the endpoint.
    pub fn push_rules(
        &self,
        credentials: &Credentials<'_>,
        _: &get_pushrules_all::v3::Request,
    ) -> Answer<get_pushrules_all::v3::Response> {
        self.admit(credentials, EndpointCall::to(ENDPOINTS.push_rules))?;
        Ok(AllowedResponse::new(OPEN, get_pushrules_all::v3::Response::new(Ruleset::new())))
    }
}

#[cfg(test)]
mod tests {
    use guest_access_rules::rules::Rules;
    use ruma::api::client::filter::{FilterDefinition, create_filter};
    use ruma::api::client::membership::join_room_by_id_or_alias;
    use ruma::api::client::state::get_state_events;

    use super::super::fixture::{ALLOWED, Fixture, NOT_FOR_GUESTS, ids, status_and_errcode};
    use super::*;

    const AS_SERVERS_DO: &str =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/readings/as-servers-do.toml");

    #[test]
    fn a_client_gets_what_it_asks_for_under_the_usual_readings() {
        for (rules, expected) in [("latest", NOT_FOR_GUESTS), (AS_SERVERS_DO, ALLOWED)] {
            let mut fixture = Fixture::with_profile(Rules::find(rules).unwrap().profile());
            fixture.set_guest_access("can_join");
            let name = fixture.set("m.room.name", &serde_json::json!({ "name": "hidden" }));
            fixture.set_visibility("world_readable");
            let guest = fixture.guest();
            let credentials = guest.credentials();
            let versions = get_supported_versions::Request::new();
            let versions = fixture.server.versions(&credentials, &versions);
            assert_eq!(status_and_errcode(versions), expected, "{rules}");

            let state = get_state_events::v3::Request::new(fixture.room.clone());
            let state = fixture.server.state(&credentials, &state).unwrap().response.room_state;
            let has_name = ids(&state).contains(&name.to_string());
            assert_eq!(has_name, expected == ALLOWED, "{rules}");

            let filter =
                create_filter::v3::Request::new(guest.user_id.clone(), FilterDefinition::default());
            let filter = fixture.server.create_filter(&credentials, &filter);
            assert_eq!(status_and_errcode(filter), expected, "{rules}");
            let join = join_room_by_id_or_alias::v3::Request::new(fixture.room.clone().into());
            let join = fixture.server.join_by_alias(&credentials, &join);
            assert_eq!(status_and_errcode(join), expected, "{rules}");
        }
    }
}
