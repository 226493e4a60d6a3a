//! Reading back what a call wrote: whether an allowed write had its effect.
//!
//! A guest sets or removes its own display name, and the moderator reads the name afterwards. Each write
//! sends a name that no other write has.

use std::time::Duration;

use guest_access_rules::endpoint::{EndpointId, KNOWN};
use serde_json::{Value, json};

use super::Session;
use crate::subject::server::accounts::{Credentials, UserAccount};
use crate::subject::server::call_effect::CallEffect;
use crate::subject::server::error::ServerError;
use crate::subject::server::not_run::{NotRunKind, NotRunReason};
use crate::subject::server::observation::ResponseContent;
use crate::subject::server::request::{Request, endpoint};

/// The key of the display name in a profile.
const DISPLAY_NAME: &str = "displayname";
/// How long the session waits before it reads once more.
pub(super) const WAITS: [Duration; 5] = [
    Duration::from_millis(20),
    Duration::from_millis(60),
    Duration::from_millis(150),
    Duration::from_millis(300),
    Duration::from_secs(1),
];

impl Session<'_> {
    /// Whether the moderator reads the display name `name` of the user `whose`; no `name` stands for a
    /// profile without a display name.
    ///
    /// # Errors
    /// If the homeserver fails, or no response came.
    pub(super) async fn read_back(
        &self,
        whose: &str,
        name: Option<&str>,
    ) -> Result<ResponseContent, ServerError> {
        let effect = match name {
            Some(_) => CallEffect::NameStored,
            None => CallEffect::NameRemoved,
        };
        let mut waits = WAITS.into_iter();
        loop {
            let response = self.send(&self.moderators(), reading_request(whose)).await?;
            response.decides()?;
            let known = match response.status {
                200..300 => response.json::<Value>()?[DISPLAY_NAME].as_str().map(str::to_owned),
                _ if response.is_unrecognized() => {
                    let why = "the homeserver gives no display names";
                    return Ok(unread(NotRunKind::NotImplemented, why.to_owned()));
                }
                404 => None,
                // A homeserver may keep profiles from users who share no room with their owner.
                _ => {
                    let why = format!(
                        "the moderator may not read the display name ({})",
                        response.in_short()
                    );
                    return Ok(unread(NotRunKind::BeyondTheRules, why));
                }
            };
            let holds = known.as_deref().unwrap_or_default() == name.unwrap_or_default();
            let wait = if holds { None } else { waits.next() };
            let Some(wait) = wait else {
                return Ok(ResponseContent::Effect { effect, holds });
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Whether the member events of the user `whose` have the display name `name`, in every room of the
    /// session to which the user is joined.
    ///
    /// # Errors
    /// If the moderator cannot read the members of a room, or no response came.
    pub(super) async fn is_name_carried(
        &self,
        whose: &str,
        name: &str,
    ) -> Result<bool, ServerError> {
        for room in 0..self.rooms.len() {
            let mut waits = WAITS.into_iter();
            while !self.is_name_carried_into(room, whose, name).await? {
                let Some(wait) = waits.next() else { return Ok(false) };
                tokio::time::sleep(wait).await;
            }
        }
        Ok(true)
    }

    async fn is_name_carried_into(
        &self,
        room: usize,
        whose: &str,
        name: &str,
    ) -> Result<bool, ServerError> {
        let members = self.member_events(room).await?;
        let own = members.iter().find(|member| member.state_key == whose);
        Ok(own.is_none_or(|own| !own.is_joined() || own.display_name() == Some(name)))
    }

    /// The user id of the guest that removes its own display name by a call of `called`; `None` for other
    /// calls.
    pub(super) fn removes_own_name(
        &self,
        with: &Credentials,
        called: EndpointId,
    ) -> Option<String> {
        let token = with.token.as_ref().filter(|_| with.named.is_none())?;
        let is_it = called.get().id == "DELETE /profile/{userId}/{keyName}";
        let mut guests = self.accounts.guests.iter().flatten().filter(|_| is_it);
        let guest = guests.find(|guest: &&UserAccount| guest.token == *token)?;
        Some(guest.user_id.to_string())
    }

    /// Sets a display name, so that there is one to remove. The homeserver may refuse.
    ///
    /// # Errors
    /// If no response came.
    pub(super) async fn name_before_removal(
        &self,
        with: &Credentials,
        whose: &str,
    ) -> Result<(), ServerError> {
        let name = self.names.next("name");
        let request = Request::to(KNOWN.set_profile, [whose, DISPLAY_NAME]);
        self.send(with, request.body(json!({ DISPLAY_NAME: name }))).await?;
        Ok(())
    }
}

/// The request that reads the display name of a user.
fn reading_request(whose: &str) -> Request {
    Request::to(endpoint("GET /profile/{userId}/{keyName}"), [whose, DISPLAY_NAME])
}

fn unread(kind: NotRunKind, because: String) -> ResponseContent {
    ResponseContent::Unread(NotRunReason::new(kind, because))
}
