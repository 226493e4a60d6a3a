//! Messages to devices: whether a message that the homeserver took reaches the device, and only once.
//!
//! 1. The caller sends a message to all its own devices.
//! 2. A sync of the caller gives the message.
//! 3. A sync from there on does not give it again.
//!
//! Every message of this kind is for a device of its sender, so neither sync gives one of somebody else.

use guest_access_rules::endpoint::EndpointId;
use serde_json::{Value, json};

use super::Session;
use super::read_back::WAITS;
use crate::subject::server::accounts::Credentials;
use crate::subject::server::call_effect::CallEffect;
use crate::subject::server::error::ServerError;
use crate::subject::server::observation::ResponseContent;
use crate::subject::server::request::Request;
use crate::subject::server::requests::device_sync;

pub(super) const SEND_TO_DEVICE: &str = "PUT /sendToDevice/{eventType}/{txnId}";

/// The key of the content of each message.
const WORD: &str = "word";

impl Session<'_> {
    /// A sample request to `called`. A message to devices is addressed to the devices of its caller, and has
    /// content that no other message has.
    pub(super) fn addressed(
        &self,
        with: &Credentials,
        called: EndpointId,
        request: Request,
    ) -> Request {
        match self.holder(with) {
            Some(holder) if called.get().id == SEND_TO_DEVICE => {
                let content = json!({ WORD: self.names.next("message") });
                request.body(json!({ "messages": { holder: { "*": content } } }))
            }
            _ => request,
        }
    }

    /// Whether the message to the caller's devices that `request` sent is delivered once; nothing, for calls
    /// that name another user, and for callers that may not sync.
    ///
    /// # Errors
    /// If no response came, or an answer is no answer to a sync.
    pub(super) async fn delivery(
        &self,
        with: &Credentials,
        request: &Request,
    ) -> Result<ResponseContent, ServerError> {
        let messages = request.body.as_ref().map(|body| &body["messages"]);
        let content = messages
            .filter(|_| with.named.is_none())
            .and_then(|messages| messages.as_object()?.values().next()?.get("*"));
        let Some(content) = content else { return Ok(ResponseContent::Nothing) };
        let mut waits = WAITS.into_iter();
        let next = loop {
            let response = self.send(with, device_sync(None)).await?;
            response.decides()?;
            if !response.allows() {
                return Ok(ResponseContent::Nothing);
            }
            let sync: Value = response.json()?;
            if gives_of_others(&sync, self.holder(with).as_deref()) {
                return Ok(ResponseContent::without(CallEffect::MessageKept));
            }
            if gives(&sync, content) {
                break sync["next_batch"].as_str().map(str::to_owned);
            }
            let Some(wait) = waits.next() else {
                return Ok(ResponseContent::without(CallEffect::MessageDelivered));
            };
            tokio::time::sleep(wait).await;
        };
        let response = self.send(with, device_sync(next.as_deref())).await?;
        if response.allows() && gives(&response.json()?, content) {
            return Ok(ResponseContent::without(CallEffect::MessageDeliveredOnce));
        }
        Ok(ResponseContent::Nothing)
    }
}

/// Whether a sync gives a message that another user sent, with content of the kind that sessions send.
fn gives_of_others(sync: &Value, reader: Option<&str>) -> bool {
    let messages = sync["to_device"]["events"].as_array();
    messages
        .into_iter()
        .flatten()
        .any(|message| message["content"][WORD].is_string() && message["sender"].as_str() != reader)
}

/// Whether a sync gives a message to a device with this content.
fn gives(sync: &Value, content: &Value) -> bool {
    let messages = sync["to_device"]["events"].as_array();
    messages.into_iter().flatten().any(|message| message["content"] == *content)
}
