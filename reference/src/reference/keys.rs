//! The keys of devices for end-to-end encryption. The server stores the keys without parsing them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guest_access_rules::vocabulary::{Decision, Membership};
use ruma::api::client::keys::{claim_keys, get_keys, upload_keys};
use ruma::api::client::sync::sync_events::DeviceLists;
use ruma::encryption::{DeviceKeys, OneTimeKey};
use ruma::serde::Raw;
use ruma::{
    DeviceId, OneTimeKeyAlgorithm, OwnedDeviceId, OwnedOneTimeKeyId, OwnedUserId, UInt, UserId,
};

use super::answer::{AllowedResponse, Answer, Credentials};
use super::authorisation::{Caller, EndpointCall};
use super::endpoints::ENDPOINTS;
use super::event::MEMBER;
use super::{Reference, Room};

/// The keys of each device.
pub(super) type Keys = BTreeMap<(OwnedUserId, OwnedDeviceId), KeysOfDevice>;

/// The keys that one device uploaded.
#[derive(Debug, Clone, Default)]
pub(super) struct KeysOfDevice {
    identity: Option<Raw<DeviceKeys>>,
    /// The number of the last change of `identity`.
    number: u64,
    one_time: BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>,
    fallback: BTreeMap<OwnedOneTimeKeyId, Raw<OneTimeKey>>,
    /// The fallback keys that were given to somebody.
    used: BTreeSet<OwnedOneTimeKeyId>,
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
            let owner = (user, device);
            let known = self.keys.get(&owner).and_then(|keys| keys.identity.as_ref());
            let text = |keys: &Raw<DeviceKeys>| keys.json().get().to_owned();
            let new = request.device_keys.as_ref();
            let number = (new.is_some() && known.map(text) != new.map(text)).then(|| self.tick());
            let keys = Arc::make_mut(&mut self.keys).entry(owner).or_default();
            if let Some(number) = number {
                keys.identity.clone_from(&request.device_keys);
                keys.number = number;
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

    /// The users whose devices changed after the counter showed `since`, among those who share a room with
    /// the caller; the users who have come to share a room; and those who no longer share a room.
    pub(super) fn device_lists_since(&self, caller: &Caller, since: u64) -> DeviceLists {
        let mut lists = DeviceLists::new();
        let Some(own) = caller.user.as_deref() else {
            return lists;
        };
        let changed = self.keys.iter().filter(|(_, keys)| keys.number > since);
        let mut changed: BTreeSet<_> = changed.map(|((owner, _), _)| owner.clone()).collect();
        let members_changed = self.rooms().any(|room| {
            let new = room.place_after(since)..room.len();
            new.into_iter().any(|place| room.event(place).kind == MEMBER)
        });
        if members_changed {
            let now = self.sharing_with(own, Room::len);
            let before = self.sharing_with(own, |room| room.place_after(since));
            lists.left = before.difference(&now).cloned().collect();
            changed.extend(now.difference(&before).cloned());
        }
        let shares = |user: &OwnedUserId| {
            user == own
                || self.rooms().any(|room| {
                    let is_joined = |user| room.membership(user) == Membership::Join;
                    is_joined(own) && is_joined(user)
                })
        };
        lists.changed = changed.into_iter().filter(shares).collect();
        lists
    }

    /// The other users who share a room with `user`, in the state before the place of each room.
    fn sharing_with(&self, user: &UserId, place: impl Fn(&Room) -> usize) -> BTreeSet<OwnedUserId> {
        let shared = self
            .rooms()
            .filter(|room| room.membership_before(place(room), user) == Membership::Join);
        let members = shared.flat_map(|room| room.members_before(place(room)));
        let joined = members.filter(|(_, membership)| *membership == Membership::Join);
        joined.map(|(member, _)| member).filter(|member| member != user).collect()
    }

    /// The algorithms of the fallback keys of a device that nobody got.
    pub(super) fn unused_fallback_keys(
        &self,
        user: &UserId,
        device: &DeviceId,
    ) -> Vec<OneTimeKeyAlgorithm> {
        let keys = self.keys.get(&(user.to_owned(), device.to_owned()));
        let fallback = keys.into_iter().flat_map(|keys| {
            keys.fallback.keys().filter(|id| !keys.used.contains(*id)).map(|id| id.algorithm())
        });
        fallback.collect::<BTreeSet<_>>().into_iter().collect()
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
            None => {
                let (id, key) = self.fallback.iter().find(|(id, _)| id.algorithm() == *of)?;
                self.used.insert(id.clone());
                Some((id.clone(), key.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_json::value::to_raw_value;

    use super::super::fixture::{ALLOWED, Fixture, TestUser};
    use super::*;

    fn upload(fixture: &mut Fixture, who: &TestUser, key: &str) {
        let mut request = upload_keys::v3::Request::new();
        request.device_keys = Some(Raw::from_json(to_raw_value(&json!({ "key": key })).unwrap()));
        fixture.server.upload_keys(&who.credentials(), &request).unwrap();
    }

    /// The users whose devices changed since, and the users who left.
    fn lists(
        fixture: &Fixture,
        who: &TestUser,
        since: &str,
    ) -> (Vec<OwnedUserId>, Vec<OwnedUserId>) {
        let mut request = ruma::api::client::sync::sync_events::v3::Request::new();
        request.since = Some(since.to_owned());
        let answer = fixture.server.sync(&who.credentials(), &request).unwrap().response;
        (answer.device_lists.changed, answer.device_lists.left)
    }

    #[test]
    fn a_fallback_key_is_unused_until_somebody_gets_it() {
        let mut fixture = Fixture::new();
        let algorithm = OneTimeKeyAlgorithm::SignedCurve25519;
        let mut request = upload_keys::v3::Request::new();
        let key = Raw::from_json(to_raw_value(&json!({ "key": "a" })).unwrap());
        request.fallback_keys = BTreeMap::from([("signed_curve25519:A".try_into().unwrap(), key)]);
        let credentials = fixture.moderator.credentials();
        fixture.server.upload_keys(&credentials, &request).unwrap();
        let sync = ruma::api::client::sync::sync_events::v3::Request::new();
        let unused = |fixture: &Fixture| {
            let answer = fixture.server.sync(&fixture.moderator.credentials(), &sync).unwrap();
            answer.response.device_unused_fallback_key_types.unwrap()
        };
        assert_eq!(unused(&fixture), std::slice::from_ref(&algorithm));
        let devices = BTreeMap::from([("DEVICE1".into(), algorithm)]);
        let claimed = BTreeMap::from([(fixture.moderator.user_id.clone(), devices)]);
        let claim = claim_keys::v3::Request::new(claimed);
        fixture.server.claim_keys(&fixture.moderator.credentials(), &claim).unwrap();
        assert_eq!(unused(&fixture), []);
    }

    #[test]
    fn a_sync_names_the_users_whose_devices_changed() {
        let mut fixture = Fixture::new();
        let (user, stranger) = (fixture.user("user"), fixture.user("stranger"));
        let moderator = fixture.moderator.user_id.clone();
        let (id, nobody) = (user.user_id.clone(), Vec::new());
        let since = fixture.server.token();
        assert_eq!(fixture.join(&user), ALLOWED);
        assert_eq!(lists(&fixture, &fixture.moderator, &since), (vec![id.clone()], nobody.clone()));
        assert_eq!(lists(&fixture, &user, &since), (vec![moderator.clone()], nobody.clone()));
        let since = fixture.server.token();
        upload(&mut fixture, &user, "first");
        upload(&mut fixture, &stranger, "first");
        assert_eq!(lists(&fixture, &fixture.moderator, &since), (vec![id.clone()], nobody.clone()));
        let since = fixture.server.token();
        upload(&mut fixture, &user, "first");
        assert_eq!(lists(&fixture, &fixture.moderator, &since), (nobody.clone(), nobody.clone()));
        let room = fixture.room.clone();
        fixture.server.set_membership(&room, &moderator, &id, Membership::Leave);
        assert_eq!(lists(&fixture, &fixture.moderator, &since), (nobody, vec![id]));
    }
}
