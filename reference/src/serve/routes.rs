//! The endpoints of the reference, each on a line of its own.

use axum::response::Response;
use ruma::api::client;
use ruma::api::client::account::register::RegistrationKind;
use serde::Deserialize;

use super::endpoint_table::EndpointTable;
use super::failure::Failure;
use super::interactive_auth::challenge;
use super::request::BufferedRequest;
use super::server::Server;
use crate::reference::{EventsRequest, Span};

/// Adds lines of the form `method of the reference: module of the request in ruma` to a table.
macro_rules! routes {
    ($table:ident without a token; $($method:ident: $($module:ident)::+,)+) => {
        $table$(.call::<client::$($module)::+::Request>(|reference, _, request| {
            reference.$method(request)
        }))+
    };
    ($table:ident; $($method:ident: $($module:ident)::+,)+) => {
        $table$(.call::<client::$($module)::+::Request>(|reference, credentials, request| {
            reference.$method(credentials, request)
        }))+
    };
}

/// Adds every endpoint for which the reference has a method.
pub(super) fn routes(table: EndpointTable) -> EndpointTable {
    let table = routes! { table;
        // Accounts.
        whoami: account::whoami::v3,
        log_out: session::logout::v3,
        log_out_everywhere: session::logout_all::v3,
        set_profile_field: profile::set_profile_field::v3,
        delete_profile_field: profile::delete_profile_field::v3,
        devices: device::get_devices::v3,
        device: device::get_device::v3,
        update_device: device::update_device::v3,
        send_to_device: to_device::send_event_to_device::v3,
        upload_keys: keys::upload_keys::v3,
        query_keys: keys::get_keys::v3,
        claim_keys: keys::claim_keys::v3,
        account_data: config::get_global_account_data::v3,
        put_account_data: config::set_global_account_data::v3,
        room_account_data: config::get_room_account_data::v3,
        put_room_account_data: config::set_room_account_data::v3,
        create_filter: filter::create_filter::v3,
        filter: filter::get_filter::v3,
        // The server itself.
        versions: discovery::get_supported_versions,
        capabilities: discovery::get_capabilities::v3,
        push_rules: push::get_pushrules_all::v3,
        // Rooms.
        create_room: room::create_room::v3,
        join: membership::join_room_by_id::v3,
        join_by_alias: membership::join_room_by_id_or_alias::v3,
        leave: membership::leave_room::v3,
        forget: membership::forget_room::v3,
        knock: knock::knock_room::v3,
        invite: membership::invite_user::v3,
        kick: membership::kick_user::v3,
        ban: membership::ban_user::v3,
        unban: membership::unban_user::v3,
        send: message::send_message_event::v3,
        put_state: state::send_state_event::v3,
        redact: redact::redact_event::v3,
        typing: typing::create_typing_event::v3,
        receipt: receipt::create_receipt::v3,
        read_markers: read_marker::set_read_marker::v3,
        // Names and the directory.
        create_alias: alias::create_alias::v3,
        delete_alias: alias::delete_alias::v3,
        aliases: room::aliases::v3,
        publish: directory::set_room_visibility::v3,
        search_public_rooms: directory::get_public_rooms_filtered::v3,
        rooms_joined: membership::joined_rooms::v3,
        // Reading.
        messages: message::get_message_events::v3,
        state: state::get_state_events::v3,
        state_event: state::get_state_event_for_key::v3,
        members: membership::get_member_events::v3,
        joined_members: membership::joined_members::v3,
        relations: relations::get_relating_events::v1,
        relations_of_type: relations::get_relating_events_with_rel_type::v1,
        relations_by_events: relations::get_relating_events_with_rel_type_and_event_type::v1,
        threads: threads::get_threads::v1,
        event: room::get_room_event::v3,
        context: context::get_context::v3,
        timestamp_to_event: room::get_event_by_timestamp::v1,
        // Media.
        upload: media::create_content::v3,
        download: authenticated_media::get_content::v1,
        download_as: authenticated_media::get_content_as_filename::v1,
        thumbnail: authenticated_media::get_content_thumbnail::v1,
    };
    let table = routes! { table without a token;
        login_types: session::get_login_types::v3,
        profile_of: profile::get_profile::v3,
        profile_field: profile::get_profile_field::v3,
        alias: alias::get_alias::v3,
        publication: directory::get_room_visibility::v3,
        public_rooms: directory::get_public_rooms::v3,
    };
    table
        .handle::<client::account::register::v3::Request, _>(register)
        .handle::<client::session::login::v3::Request, _>(log_in)
        .handle::<client::account::deactivate::v3::Request, _>(deactivate)
        .handle::<client::sync::sync_events::v3::Request, _>(sync)
        .handle::<client::peeking::listen_to_new_events::v3::Request, _>(events)
        .handle::<client::peeking::get_current_state::v3::Request, _>(initial_sync)
}

/// `POST /register`: registers a guest at once, and a user after a stage of authentication.
async fn register(server: Server, request: BufferedRequest) -> Result<Response, Failure> {
    let parsed: client::account::register::v3::Request = request.parse(&server)?;
    // RG-9: The registration of a guest does not use interactive authentication.
    if parsed.kind != RegistrationKind::Guest
        && let Some(challenge) = challenge(parsed.auth.as_ref())
    {
        return Ok(challenge);
    }
    let granted = server.call(|reference| reference.register(&parsed))?;
    Ok(request.respond(granted.response))
}

/// The required field of a login. The type of ruma does not require the field.
#[derive(Deserialize)]
struct LoginType {
    #[serde(rename = "type")]
    _type: String,
}

/// `POST /login`.
async fn log_in(server: Server, request: BufferedRequest) -> Result<Response, Failure> {
    request.body::<LoginType>()?;
    let parsed: client::session::login::v3::Request = request.parse(&server)?;
    let credentials = &request.credentials.as_reference_credentials();
    let granted = server.call(|reference| reference.log_in(credentials, &parsed))?;
    Ok(request.respond(granted.response))
}

/// `POST /account/deactivate`: checks that the caller may call the endpoint, then demands a stage of
/// authentication, then deactivates the account.
async fn deactivate(server: Server, request: BufferedRequest) -> Result<Response, Failure> {
    let parsed: client::account::deactivate::v3::Request = request.parse(&server)?;
    request.admit(&server)?;
    if let Some(challenge) = challenge(parsed.auth.as_ref()) {
        return Ok(challenge);
    }
    let credentials = &request.credentials.as_reference_credentials();
    let granted = server.call(|reference| reference.deactivate(credentials, &parsed))?;
    Ok(request.respond(granted.response))
}

/// `GET /sync`: with `since`, waits for news before it answers.
async fn sync(server: Server, request: BufferedRequest) -> Result<Response, Failure> {
    let parsed: client::sync::sync_events::v3::Request = request.parse(&server)?;
    let credentials = &request.credentials.as_reference_credentials();
    let at_once = parsed.since.is_none() || parsed.full_state;
    let answer = server.poll(
        parsed.timeout,
        |reference| reference.sync(credentials, &parsed),
        |response| {
            at_once
                || !response.rooms.is_empty()
                || !response.to_device.is_empty()
                || !response.device_lists.is_empty()
                || !response.account_data.is_empty()
        },
    );
    Ok(request.respond(answer.await?.response))
}

/// The query of `GET /events`. The type of ruma requires a room; a user may leave out the room.
#[derive(Deserialize)]
struct EventsQuery {
    from: Option<String>,
    room_id: Option<ruma::OwnedRoomId>,
    timeout: Option<u64>,
}

/// `GET /events`: waits until there is an event.
// RP-9: `GET /events` waits until there is an event for the caller or its `timeout` has passed.
async fn events(server: Server, request: BufferedRequest) -> Result<Response, Failure> {
    let query = request.query::<EventsQuery>(&server)?;
    let credentials = &request.credentials.as_reference_credentials();
    // Without `from`, the answer has the events from now on.
    let now = || server.call(|reference| reference.token());
    let from = query.from.unwrap_or_else(now);
    let events_request = EventsRequest { room_id: query.room_id, from: Some(from) };
    let answer = server.poll(
        query.timeout.map(std::time::Duration::from_millis),
        |reference| reference.events(credentials, &events_request),
        |response| !response.chunk.is_empty(),
    );
    Ok(request.respond(answer.await?.response))
}

/// The query of `GET /rooms/{roomId}/initialSync`.
#[derive(Deserialize)]
struct InitialSyncQuery {
    from: Option<String>,
    to: Option<String>,
    limit: Option<usize>,
}

/// `GET /rooms/{roomId}/initialSync`.
async fn initial_sync(server: Server, request: BufferedRequest) -> Result<Response, Failure> {
    let parsed: client::peeking::get_current_state::v3::Request = request.parse(&server)?;
    let query = request.query::<InitialSyncQuery>(&server)?;
    let span = Span { from: query.from.as_deref(), to: query.to.as_deref(), limit: query.limit };
    let credentials = &request.credentials.as_reference_credentials();
    let granted = server.call(|reference| reference.initial_sync(credentials, &parsed, span))?;
    Ok(request.respond(granted.response))
}
