//! The keys of devices for end-to-end encryption. The server stores the keys without parsing them.

use std::collections::BTreeMap;
use std::sync::Arc;

use guest_access_rules::vocabulary::Decision;
use ruma::api::client::keys::{claim_keys, get_keys, upload_keys};
use ruma::encryption::{DeviceKeys, OneTimeKey};
use ruma::serde::Raw;
use ruma::{OneTimeKeyAlgorithm, OwnedDeviceId, OwnedOneTimeKeyId, OwnedUserId, UInt};

use super::Reference;
use super::answer::{AllowedResponse, Answer, Credentials};
use super::authorisation::EndpointCall;
use super::endpoints::ENDPOINTS;

/// The keys of each device.
pub(super) type Keys = BTreeMap<(OwnedUserId, OwnedDeviceId), KeysOfDevice>;

/// The keys that one device uploaded.
#[derive(Debug, Clone, Default)]
pub(super) struct KeysOfDevice {
    identity: Option<Raw<DeviceKeys>>,
    one_time: BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>,
    fallback: BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>,
}

/// The decision that allows a call about keys.
// GA-40: A guest may call `POST /keys/upload`, `POST /keys/query` and `POST /keys/claim`.
const KEYS: Decision = Decision::allow(&["GA-40"], "anyone with a device may encrypt");

impl Reference {
    /// `POST /keys/upload`.
    ///
    /// # Errors
    /// The refusal, if the server does not accept the keys.
    pub fn upload_keys(
        &mut self,
        credentials: &Credentials<'_>,
        request: &upload_keys::v3::Request,
    ) -> Answer<upload_keys::v3::Response> {
        let caller = self.admit(credentials, EndpointCall::to(ENDPOINTS.keys_upload))?;
        let mut counts = BTreeMap::new();
        if let (Some(user), Some(device)) = (caller.user, caller.device) {
            let keys = Arc::make_mut(&mut self.keys).entry((user, device)).or_default();
            if request.device_keys.is_some() {
                keys.identity.clone_from(&request.device_keys);
            }
            keys.one_time.extend(request.one_time_keys.clone());
            keys.fallback.extend(request.fallback_keys.clone());
            counts = keys.counts();
        }
        Ok(AllowedResponse::new(KEYS, upload_keys::v3::Response::new(counts)))
    }

    /// `POST /keys/query`.
    ///
    /// # Errors
    /// The refusal, if the caller may not read the keys.
    pub fn query_keys(
        &self,
        credentials: &Credentials<'_>,
        request: &get_keys::v3::Request,
    ) -> Answer<get_keys::v3::Response> {
        self.admit(credentials, EndpointCall::to(ENDPOINTS.keys_query))?;
        let mut response = get_keys::v3::Response::new();
        for (user, devices) in &request.device_keys {
            let found = response.device_keys.entry(user.clone()).or_default();
            for ((owner, device), keys) in self.keys.iter() {
                let options = owner == user && (devices.is_empty() || devices.contains(device));
                if let Some(device_keys) = keys.identity.as_ref().filter(|_| options) {
                    found.insert(device.clone(), device_keys.clone());
                }
            }
        }
        Ok(AllowedResponse::new(KEYS, response))
    }

    /// `POST /keys/claim`.
    ///
    /// # Errors
    /// The refusal, if no key is given.
    pub fn claim_keys(
        &mut self,
        credentials: &Credentials<'_>,
        request: &claim_keys::v3::Request,
    ) -> Answer<claim_keys::v3::Response> {
        self.admit(credentials, EndpointCall::to(ENDPOINTS.keys_claim))?;
        let keys = Arc::make_mut(&mut self.keys);
        let mut claimed: BTreeMap<_, claim_keys::v3::OneTimeKeys> = BTreeMap::new();
        for (user, devices) in &request.one_time_keys {
            for (device, algorithm) in devices {
                let owner = (user.clone(), device.clone());
                if let Some(key) = keys.get_mut(&owner).and_then(|keys| keys.take(algorithm)) {
                    let of_user = claimed.entry(user.clone()).or_default();
                    of_user.insert(device.clone(), [key].into());
                }
            }
        }
        Ok(AllowedResponse::new(KEYS, claim_keys::v3::Response::new(claimed)))
    }

    /// The number of unclaimed one-time keys of a device.
    pub(super) fn key_counts(
        &self,
        user: OwnedUserId,
        device: OwnedDeviceId,
    ) -> BTreeMap<OneTimeKeyAlgorithm, UInt> {
        self.keys.get(&(user, device)).map(KeysOfDevice::counts).unwrap_or_default()
    }
}

impl KeysOfDevice {
    fn counts(&self) -> BTreeMap<OneTimeKeyAlgorithm, UInt> {
        let mut counts = BTreeMap::new();
        for id in self.one_time.keys() {
            *counts.entry(id.algorithm()).or_insert(UInt::MIN) += UInt::from(1_u8);
        }
        counts
    }

    /// Removes and returns a one-time key; without one, returns the fallback key and keeps the key.
    fn take(&mut self, of: &OneTimeKeyAlgorithm) -> Option<(OwnedOneTimeKeyId, Raw<OneTimeKey>)> {
        let once = self.one_time.keys().find(|id| id.algorithm() == *of).cloned();
        match once {
            Some(id) => self.one_time.remove_entry(&id),
            None => self
                .fallback
                .iter()
                .find(|(id, _)| id.algorithm() == *of)
                .map(|(id, key)| (id.clone(), key.clone())),
        }
    }
}
