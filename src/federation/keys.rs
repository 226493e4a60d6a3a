//! The keys of other servers.

use ruma::canonical_json::CanonicalJsonValue;
use ruma::serde::Base64;
use ruma::signatures::{PublicKeyMap, PublicKeySet, verify_json};
use ruma::{CanonicalJsonObject, OwnedServerName, ServerName};

use super::client::FederationClient;
use super::error::FederationError;
use super::event::Event;
use super::homeserver::SharedHomeserver;

/// The keys of a server. Asks the server for them if it has none of these names yet.
///
/// # Errors
/// If the server is unknown, does not answer, or gives no document that its own keys sign.
pub(super) async fn keys_of(
    homeserver: &SharedHomeserver,
    client: &FederationClient,
    name: &ServerName,
    wanted: &[String],
) -> Result<PublicKeySet, FederationError> {
    let url = {
        let mut homeserver = homeserver.lock();
        if homeserver.name() == name {
            return Ok(homeserver.identity().public_keys());
        }
        homeserver.meet(name);
        let peer = homeserver.peer(name)?;
        if !peer.keys.is_empty() && wanted.iter().all(|id| peer.keys.contains_key(id)) {
            return Ok(peer.keys.clone());
        }
        peer.url.clone()
    };
    let document = client.key_document(&url).await?;
    let keys = keys_in(&document, name)
        .ok_or_else(|| unfit("the document is not the one of this server"))?;
    let signers = PublicKeyMap::from([(name.to_string(), keys.clone())]);
    verify_json(&signers, &document).map_err(|error| unfit(&error.to_string()))?;
    homeserver.lock().learn_keys(name, keys.clone());
    Ok(keys)
}

fn unfit(why: &str) -> FederationError {
    FederationError::Unfit { call: "GET /_matrix/key/v2/server".to_owned(), why: why.to_owned() }
}

/// The keys in the document of this server.
fn keys_in(document: &CanonicalJsonObject, name: &ServerName) -> Option<PublicKeySet> {
    if document.get("server_name")?.as_str()? != name {
        return None;
    }
    let keys = document.get("verify_keys")?.as_object()?;
    let key = |(id, key): (&String, &CanonicalJsonValue)| {
        let text = key.as_object()?.get("key")?.as_str()?;
        Some((id.clone(), Base64::parse(text).ok()?))
    };
    keys.iter().map(key).collect()
}

/// The keys by which the signatures of these events can be verified. The keys of a server that does not
/// answer are missing.
pub(super) async fn keys_for(
    homeserver: &SharedHomeserver,
    client: &FederationClient,
    events: &[Event],
) -> PublicKeyMap {
    let mut keys = PublicKeyMap::new();
    for event in events {
        let signatures = event.json().get("signatures").and_then(CanonicalJsonValue::as_object);
        for (server, by) in signatures.into_iter().flatten() {
            let Ok(name) = OwnedServerName::try_from(server.as_str()) else { continue };
            let wanted = by.as_object().into_iter().flatten().map(|(id, _)| id.clone());
            let wanted: Vec<_> = wanted.collect();
            if let Ok(found) = keys_of(homeserver, client, &name, &wanted).await {
                keys.entry(name.to_string()).or_default().extend(found);
            }
        }
    }
    keys
}
