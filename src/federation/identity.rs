//! The name and the signing key of a server.

use std::fmt;

use ruma::api::federation::authentication::XMatrixSigningInput;
use ruma::canonical_json::CanonicalJsonValue;
use ruma::room_version_rules::RoomVersionRules;
use ruma::serde::Base64;
use ruma::signatures::{
    Ed25519KeyPair, JsonError, PublicKeySet, hash_and_sign_event, sign_event, sign_json,
};
use ruma::{CanonicalJsonObject, OwnedServerName, ServerName};

/// The name and the signing key of a server. Nothing shows the private key.
pub struct ServerIdentity {
    name: OwnedServerName,
    key: Ed25519KeyPair,
}

impl ServerIdentity {
    /// A server with this name and a new key.
    ///
    /// # Panics
    /// If the system has no random numbers.
    pub fn generate(name: OwnedServerName) -> Self {
        let document = Ed25519KeyPair::generate();
        // Servers keep the keys of other servers. A new server with an old name needs another id.
        let version = format!("{:08x}", fastrand::u32(..));
        let key = Ed25519KeyPair::from_der(&document, version);
        Self { name, key: key.expect("the document was just generated") }
    }

    /// The name.
    pub fn name(&self) -> &ServerName {
        &self.name
    }

    /// The public key, by its id.
    pub fn public_keys(&self) -> PublicKeySet {
        let key = Base64::new(self.key.public_key().to_vec());
        PublicKeySet::from([(format!("ed25519:{}", self.key.version()), key)])
    }

    /// The signed document of the keys, as `GET /_matrix/key/v2/server` gives it; `valid_until` is in
    /// milliseconds since 1970.
    ///
    /// # Errors
    /// If the document cannot be signed.
    pub fn key_document(&self, valid_until: i64) -> Result<CanonicalJsonObject, JsonError> {
        let text = |text: &str| CanonicalJsonValue::String(text.to_owned());
        let object = |entries| CanonicalJsonValue::Object(entries);
        let keys = self.public_keys().into_iter();
        let keys = keys.map(|(id, key)| {
            (id, object(CanonicalJsonObject::from([("key".to_owned(), text(&key.encode()))])))
        });
        let valid_until = ruma::Int::new_saturating(valid_until);
        let mut document = CanonicalJsonObject::from([
            ("old_verify_keys".to_owned(), object(CanonicalJsonObject::new())),
            ("server_name".to_owned(), text(self.name.as_str())),
            ("valid_until_ts".to_owned(), CanonicalJsonValue::Integer(valid_until)),
            ("verify_keys".to_owned(), object(keys.collect())),
        ]);
        sign_json(self.name.as_str(), &self.key, &mut document)?;
        Ok(document)
    }

    /// Adds the content hash and the signature of this server to an event.
    ///
    /// # Errors
    /// If the event is too large, or has not the form of an event.
    pub fn hash_and_sign(
        &self,
        event: &mut CanonicalJsonObject,
        rules: &RoomVersionRules,
    ) -> Result<(), JsonError> {
        hash_and_sign_event(self.name.as_str(), &self.key, event, &rules.redaction)
    }

    /// Adds the signature of this server to an event that has its content hash.
    ///
    /// # Errors
    /// If the event is too large, or has not the form of an event.
    pub fn sign(
        &self,
        event: &mut CanonicalJsonObject,
        rules: &RoomVersionRules,
    ) -> Result<(), JsonError> {
        sign_event(self.name.as_str(), &self.key, event, &rules.redaction)
    }

    /// What signs a request to `destination`.
    pub(super) fn signing_input(&self, destination: &ServerName) -> XMatrixSigningInput<'_> {
        XMatrixSigningInput::new(self.name.clone(), destination.to_owned(), &self.key)
    }
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerIdentity").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use ruma::api::federation::authentication::XMatrix;
    use ruma::server_name;
    use ruma::signatures::{PublicKeyMap, verify_json};

    use super::*;

    fn identity() -> ServerIdentity {
        ServerIdentity::generate(server_name!("one.example").to_owned())
    }

    fn keys(identity: &ServerIdentity) -> PublicKeyMap {
        PublicKeyMap::from([(identity.name().to_string(), identity.public_keys())])
    }

    #[test]
    fn the_document_of_the_keys_is_signed_by_the_key_in_it() {
        let one = identity();
        let mut document = one.key_document(1_000).unwrap();
        verify_json(&keys(&one), &document).unwrap();
        document.insert("valid_until_ts".to_owned(), CanonicalJsonValue::Integer(2.into()));
        verify_json(&keys(&one), &document).unwrap_err();
    }

    #[test]
    fn a_request_is_verified_with_body_path_and_destination() {
        let one = identity();
        let two = server_name!("two.example");
        let request = |path: &str, body: &str| {
            http::Request::put(format!("https://two.example{path}"))
                .body(body.as_bytes().to_vec())
                .unwrap()
        };
        let sent = request("/_matrix/federation/v1/send/1", "{\"pdus\":[]}");
        let header = XMatrix::sign_http_request(&sent, one.signing_input(two)).unwrap();
        let header = XMatrix::parse(header.to_string()).unwrap();
        header.verify_http_request(&sent, two, &keys(&one)).unwrap();
        let other_path = request("/_matrix/federation/v1/send/2", "{\"pdus\":[]}");
        header.verify_http_request(&other_path, two, &keys(&one)).unwrap_err();
        let other_body = request("/_matrix/federation/v1/send/1", "{\"pdus\":[1]}");
        header.verify_http_request(&other_body, two, &keys(&one)).unwrap_err();
        header.verify_http_request(&sent, server_name!("three.example"), &keys(&one)).unwrap_err();
        let other_key = ServerIdentity::generate(one.name().to_owned());
        header.verify_http_request(&sent, two, &keys(&other_key)).unwrap_err();
    }

    #[test]
    fn the_debug_output_has_no_key() {
        let text = format!("{:?}", identity());
        assert_eq!(text, r#"ServerIdentity { name: "one.example", .. }"#);
    }
}
