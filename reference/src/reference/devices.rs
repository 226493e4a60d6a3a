//! The devices of the caller, and messages to devices.

use std::collections::BTreeSet;
use std::sync::Arc;

use guest_access_rules::vocabulary::Decision;
use ruma::api::client::device::{Device as Described, get_device, get_devices, update_device};
use ruma::api::client::to_device::send_event_to_device;
use ruma::events::AnyToDeviceEvent;
use ruma::serde::Raw;
use ruma::to_device::DeviceIdOrAllDevices;
use ruma::{DeviceId, OwnedDeviceId, OwnedTransactionId, OwnedUserId};
use serde_json::json;
use serde_json::value::to_raw_value;

use super::Reference;
use super::accounts::Device;
use super::answer::{AllowedResponse, Answer, Credentials, Refusal};
use super::authorisation::{Caller, EndpointCall};
use super::endpoints::ENDPOINTS;

/// The messages to devices, and the transactions that sent them.
#[derive(Debug, Clone, Default)]
pub(super) struct ToDeviceMessages {
    messages: Vec<ToDevice>,
    transactions: BTreeSet<(OwnedUserId, Option<OwnedDeviceId>, OwnedTransactionId)>,
}

/// A message to a device.
#[derive(Debug, Clone)]
struct ToDevice {
    number: u64,
    user: OwnedUserId,
    /// The device that gets the message; `None` for every device of the user.
    device: Option<OwnedDeviceId>,
    message: Raw<AnyToDeviceEvent>,
}

/// The decision that allows a call about a device of the caller.
// GA-39: A guest may call `GET /devices`, and `GET` and `PUT /devices/{deviceId}`, for its own
// devices.
const OWN_DEVICE: Decision = Decision::allow(&["GA-39"], "the device is the caller's own");
const NO_SUCH_DEVICE: Refusal = Refusal::not_found(&["GA-39"], "the caller has no such device");

impl Reference {
    /// `GET /devices`.
    ///
    /// # Errors
    /// The refusal, if the caller may not read the devices.
    pub fn devices(
        &self,
        credentials: &Credentials<'_>,
        _: &get_devices::v3::Request,
    ) -> Answer<get_devices::v3::Response> {
        let caller = self.admit(credentials, EndpointCall::to(ENDPOINTS.devices))?;
        let devices = self.devices_of(&caller).map(|(id, device)| describe(id, device)).collect();
        Ok(AllowedResponse::new(OWN_DEVICE, get_devices::v3::Response::new(devices)))
    }

    /// `GET /devices/{deviceId}`.
    ///
    /// # Errors
    /// The refusal, if the caller has no such device.
    pub fn device(
        &self,
        credentials: &Credentials<'_>,
        request: &get_device::v3::Request,
    ) -> Answer<get_device::v3::Response> {
        let caller = self.admit(credentials, EndpointCall::to(ENDPOINTS.device))?;
        let found = self.devices_of(&caller).find(|(id, _)| **id == request.device_id);
        let (id, device) = found.ok_or(NO_SUCH_DEVICE)?;
        Ok(AllowedResponse::new(OWN_DEVICE, get_device::v3::Response::new(describe(id, device))))
    }

    /// `PUT /devices/{deviceId}`.
    ///
    /// # Errors
    /// The refusal, if the device does not change.
    pub fn update_device(
        &mut self,
        credentials: &Credentials<'_>,
        request: &update_device::v3::Request,
    ) -> Answer<update_device::v3::Response> {
        let caller = self.admit(credentials, EndpointCall::to(ENDPOINTS.put_device))?;
        let user = caller.user.ok_or(NO_SUCH_DEVICE)?;
        let device = Arc::make_mut(&mut self.accounts)
            .get_mut(&user)
            .and_then(|account| account.devices.get_mut(&request.device_id))
            .ok_or(NO_SUCH_DEVICE)?;
        device.display_name.clone_from(&request.display_name);
        Ok(AllowedResponse::new(OWN_DEVICE, update_device::v3::Response::new()))
    }

    /// `PUT /sendToDevice/{eventType}/{txnId}`.
    ///
    /// # Errors
    /// The refusal, if nothing is sent.
    pub fn send_to_device(
        &mut self,
        credentials: &Credentials<'_>,
        request: &send_event_to_device::v3::Request,
    ) -> Answer<send_event_to_device::v3::Response> {
        let caller = self.admit(credentials, EndpointCall::to(ENDPOINTS.send_to_device))?;
        // GA-38: A guest may call `PUT /sendToDevice/{eventType}/{txnId}`.
        let decision = Decision::allow(&["GA-38"], "anyone with a device may send to others");
        let answer = AllowedResponse::new(decision, send_event_to_device::v3::Response::new());
        // The same transaction of the same device sends once.
        let transaction = (caller.sender(), caller.device.clone(), request.txn_id.clone());
        if !Arc::make_mut(&mut self.to_device).transactions.insert(transaction) {
            return Ok(answer);
        }
        let number = self.tick();
        // Reading A54: to anyone's devices, as for any user.
        let messages = request.messages.iter().flat_map(|(user, devices)| {
            let (sender, kind) = (caller.sender(), request.event_type.to_string());
            devices.iter().filter_map(move |(device, content)| {
                let json = json!({ "sender": sender, "type": kind, "content": content });
                Some(ToDevice {
                    number,
                    user: user.clone(),
                    device: match device {
                        DeviceIdOrAllDevices::DeviceId(device) => Some(device.clone()),
                        DeviceIdOrAllDevices::AllDevices => None,
                    },
                    message: Raw::from_json(to_raw_value(&json).ok()?),
                })
            })
        });
        Arc::make_mut(&mut self.to_device).messages.extend(messages);
        Ok(answer)
    }

    /// The messages to the caller's device after the clock showed `since`.
    pub(super) fn messages_to(&self, caller: &Caller, since: u64) -> Vec<Raw<AnyToDeviceEvent>> {
        self.to_device
            .messages
            .iter()
            .filter(|sent| sent.number > since && caller.is(&sent.user))
            .filter(|sent| sent.device.is_none() || sent.device == caller.device)
            .map(|sent| sent.message.clone())
            .collect()
    }

    fn devices_of(&self, caller: &Caller) -> impl Iterator<Item = (&OwnedDeviceId, &Device)> {
        let account = caller.user.as_deref().and_then(|user| self.accounts.get(user));
        account.into_iter().flat_map(|account| &account.devices)
    }
}

fn describe(id: &DeviceId, device: &Device) -> Described {
    let mut described = Described::new(id.to_owned());
    described.display_name.clone_from(&device.display_name);
    described
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ruma::TransactionId;

    use super::super::fixture::{Fixture, TestUser};
    use super::*;

    fn send(fixture: &mut Fixture, to: &TestUser, transaction: &str) {
        let content = Raw::from_json(to_raw_value(&json!({ "a": 1 })).unwrap());
        let devices = BTreeMap::from([(DeviceIdOrAllDevices::AllDevices, content)]);
        let request = send_event_to_device::v3::Request::new_raw(
            "org.example.secret".into(),
            <&TransactionId>::from(transaction).to_owned(),
            BTreeMap::from([(to.user_id.clone(), devices)]),
        );
        fixture.server.send_to_device(&fixture.moderator.credentials(), &request).unwrap();
    }

    #[test]
    fn a_repeated_transaction_sends_to_a_device_once() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        for (transaction, messages) in [("1", 1), ("1", 1), ("2", 2)] {
            send(&mut fixture, &guest, transaction);
            let sync = ruma::api::client::sync::sync_events::v3::Request::new();
            let answer = fixture.server.sync(&guest.credentials(), &sync).unwrap().response;
            assert_eq!(answer.to_device.events.len(), messages);
        }
    }
}
