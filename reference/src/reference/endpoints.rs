//! The endpoints of the reference that [`KNOWN`](guest_access_rules::endpoint::KNOWN) does not have.

use std::sync::LazyLock;

use guest_access_rules::endpoint::EndpointId;

macro_rules! endpoints {
    ($($name:ident: $id:literal,)+) => {
        pub(super) struct Endpoints { $(pub(super) $name: EndpointId,)+ }

        pub(super) static ENDPOINTS: LazyLock<Endpoints> = LazyLock::new(|| Endpoints {
            $($name: EndpointId::find($id).expect(concat!("the table lists ", $id)),)+
        });
    };
}

endpoints! {
    log_in: "POST /login",
    log_out_all: "POST /logout/all",
    capabilities: "GET /capabilities",
    versions: "GET /versions",
    push_rules: "GET /pushrules/",
    account_data: "GET /user/{userId}/account_data/{type}",
    put_account_data: "PUT /user/{userId}/account_data/{type}",
    room_account_data: "GET /user/{userId}/rooms/{roomId}/account_data/{type}",
    put_room_account_data: "PUT /user/{userId}/rooms/{roomId}/account_data/{type}",
    create_filter: "POST /user/{userId}/filter",
    filter: "GET /user/{userId}/filter/{filterId}",
    create_room: "POST /createRoom",
    forget: "POST /rooms/{roomId}/forget",
    joined_rooms: "GET /joined_rooms",
    put_alias: "PUT /directory/room/{roomAlias}",
    delete_alias: "DELETE /directory/room/{roomAlias}",
    aliases: "GET /rooms/{roomId}/aliases",
    publish: "PUT /directory/list/room/{roomId}",
    search_public_rooms: "POST /publicRooms",
    delete_profile: "DELETE /profile/{userId}/{keyName}",
    devices: "GET /devices",
    device: "GET /devices/{deviceId}",
    put_device: "PUT /devices/{deviceId}",
    send_to_device: "PUT /sendToDevice/{eventType}/{txnId}",
    keys_upload: "POST /keys/upload",
    keys_query: "POST /keys/query",
    keys_claim: "POST /keys/claim",
    upload: "POST /_matrix/media/v3/upload",
    download: "GET /media/download/{serverName}/{mediaId}",
    download_as: "GET /media/download/{serverName}/{mediaId}/{fileName}",
    thumbnail: "GET /media/thumbnail/{serverName}/{mediaId}",
    state: "GET /rooms/{roomId}/state",
    state_event: "GET /rooms/{roomId}/state/{eventType}/{stateKey}",
    initial_sync: "GET /rooms/{roomId}/initialSync",
    timestamp_to_event: "GET /rooms/{roomId}/timestamp_to_event",
    relations: "GET /rooms/{roomId}/relations/{eventId}",
    relations_of_type: "GET /rooms/{roomId}/relations/{eventId}/{relType}",
    relations_by_events: "GET /rooms/{roomId}/relations/{eventId}/{relType}/{eventType}",
    threads: "GET /rooms/{roomId}/threads",
    typing: "PUT /rooms/{roomId}/typing/{userId}",
    receipt: "POST /rooms/{roomId}/receipt/{receiptType}/{eventId}",
    read_markers: "POST /rooms/{roomId}/read_markers",
    members: "GET /rooms/{roomId}/members",
    sync: "GET /sync",
}
