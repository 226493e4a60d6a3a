//! Performing one action of a scenario: its calls, and what the session has to remember of them.

use guest_access_model::action::{
    Action, Actor, Credential, Key, Message, Operation, ProfileKey, Setting, Upgrade,
};
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::vocabulary::MembershipEndpoint;
use serde::Deserialize;
use serde_json::json;

use super::{Arguments, Session};
use crate::subject::server::accounts::{Credentials, UserAccount};
use crate::subject::server::action_request::BY_ITSELF;
use crate::subject::server::call_effect::CallEffect;
use crate::subject::server::error::ServerError;
use crate::subject::server::homeserver::Server;
use crate::subject::server::not_run::{NotRunKind, NotRunReason};
use crate::subject::server::observation::{CallVerdict, HttpObservation, ResponseContent};
use crate::subject::server::observe::{Sent, TaggedEvent, observe_only, observe_whoami};
use crate::subject::server::registration::{
    Proof, asks_for_authentication, gives_no_token, registered_account, send_with_authentication,
};
use crate::subject::server::request::Request;
use crate::subject::server::response::Response;
use crate::subject::server::token::Token;

/// The answer to a join.
#[derive(Debug, Deserialize)]
struct Joined {
    #[serde(default)]
    room_id: String,
}

impl Session<'_> {
    /// Performs an action and observes the responses. Where a response cannot be understood, the
    /// observation is inconclusive.
    ///
    /// # Errors
    /// If no response came: the homeserver may be gone.
    pub async fn perform(&mut self, action: &Action) -> Result<HttpObservation, ServerError> {
        let observed = match self.operation(action).await {
            Err(error) if !error.is_broken_line() => {
                let NotRunReason { kind, because } = error.not_run();
                HttpObservation::inconclusive(kind, because)
            }
            other => other?,
        };
        let is_untagged = action.tag && self.tagged.is_none();
        if is_untagged && observed.verdict == CallVerdict::Allowed {
            let why = "the homeserver does not say which event was sent";
            return Ok(HttpObservation::inconclusive(NotRunKind::EffectUnseen, why));
        }
        Ok(observed)
    }

    async fn operation(&mut self, action: &Action) -> Result<HttpObservation, ServerError> {
        let with = self.accounts.credentials(action.by, action.with);
        match action.operation {
            Operation::Register { named } => self.register(action, named).await,
            Operation::RegisterOver(guest) => self.become_user(action, guest).await,
            Operation::Upgrade(upgrade) => self.become_user(action, of(upgrade)).await,
            Operation::Deactivate => self.deactivate(action, &with).await,
            Operation::SetVisibility(_, key) => {
                self.send_setting(action, &with, Setting::HistoryVisibility, key).await
            }
            Operation::SetGuestAccess(_, key) => {
                self.send_setting(action, &with, Setting::GuestAccess, key).await
            }
            Operation::RedactSetting(setting) => self.redact_setting(action, &with, setting).await,
            Operation::Send(message) => self.send_message(action, &with, message).await,
            Operation::SendState => self.send_note(action, &with).await,
            Operation::Read(endpoint) => self.read(action, &with, endpoint).await,
            Operation::ReadThroughOtherRoom => self.read_through_other_room(action, &with).await,
            Operation::Call(endpoint) => self.call(&with, endpoint, action.place).await,
            Operation::WhoAmI => {
                let request = self.request(action, &Arguments::default())?;
                let account = self.accounts.account(action.by);
                let caller = account.map(|account| &*account.user_id);
                let caller = caller.filter(|_| action.with == Credential::Masquerade);
                let holder = account.filter(|account| {
                    with.named.is_none() && with.token.as_ref() == Some(&account.token)
                });
                let device = holder.and_then(|account| account.device.as_deref());
                observe_whoami(&self.send(&with, request).await?, caller, device)
            }
            Operation::EndToken(_) | Operation::Restart => {
                Ok(HttpObservation::inconclusive(NotRunKind::NotOverHttp, BY_ITSELF))
            }
            Operation::SetProfile { key: ProfileKey::DisplayName, own: true } => {
                self.set_own_name(action, &with).await
            }
            Operation::LogOut
            | Operation::SetProfile { .. }
            | Operation::SetJoinRule(_)
            | Operation::Invite(_)
            | Operation::Kick(_)
            | Operation::Ban(_)
            | Operation::Unban(_)
            | Operation::Join(_)
            | Operation::Leave(_)
            | Operation::Knock(_) => self.call_and_tag(action, &with).await,
        }
    }

    /// Makes the call of an action whose response holds nothing that the rules speak of. If the
    /// action changed a membership and is tagged, the membership event is the tagged event.
    async fn call_and_tag(
        &mut self,
        action: &Action,
        with: &Credentials,
    ) -> Result<HttpObservation, ServerError> {
        let request = self.request(action, &Arguments::default())?;
        let response = self.send(with, request).await?;
        let mut observed = observe_only(&response)?;
        if let Operation::Join(MembershipEndpoint::Own | MembershipEndpoint::Alias) =
            action.operation
            && observed.verdict == CallVerdict::Allowed
            && response.json::<Joined>()?.room_id != self.room_id(action.place)
        {
            observed = HttpObservation::without(CallEffect::RoomNamed);
        }
        if action.tag && observed.verdict == CallVerdict::Allowed {
            self.tag_membership(action).await?;
        }
        Ok(observed)
    }

    /// Sets the caller's own display name, and reads it back if the caller is a guest.
    async fn set_own_name(
        &mut self,
        action: &Action,
        with: &Credentials,
    ) -> Result<HttpObservation, ServerError> {
        let request = self.request(action, &Arguments::default())?;
        let name = request.body.as_ref().and_then(|body| body["displayname"].as_str());
        let name = name.map(str::to_owned);
        let observed = observe_only(&self.send(with, request).await?)?;
        let guest = match action.by {
            Actor::Guest(number) => self.accounts.guest(number),
            _ => None,
        };
        match (guest, name) {
            (Some(guest), Some(name))
                if observed.verdict == CallVerdict::Allowed && action.with == Credential::Own =>
            {
                let user = guest.user_id.clone();
                let content = self.read_back(user.as_str(), Some(&name)).await?;
                let is_stored = matches!(content, ResponseContent::Effect { holds: true, .. });
                if is_stored && !self.is_name_carried(user.as_str(), &name).await? {
                    return Ok(HttpObservation::without(CallEffect::NameCarried));
                }
                Ok(HttpObservation { content, ..observed })
            }
            _ => Ok(observed),
        }
    }

    async fn register(
        &mut self,
        action: &Action,
        named: bool,
    ) -> Result<HttpObservation, ServerError> {
        let Actor::Guest(number) = action.by else {
            let why = "only guests register as guests";
            return Ok(HttpObservation::inconclusive(NotRunKind::NotOverHttp, why));
        };
        let request = self.request(action, &Arguments::default())?;
        let body = request.body.clone().unwrap_or_default();
        let (name, device) = (body["username"].as_str(), body["device_id"].as_str());
        let proof = &self.server.proof;
        let response = send_with_authentication(&self.connection, request, None, proof).await?;
        if asks_for_authentication(&response) {
            return Ok(HttpObservation::inconclusive(NotRunKind::Authentication, NO_PROOF));
        }
        if !response.allows() {
            return observe_only(&response);
        }
        let is_inhibited = body["inhibit_login"] == true && gives_no_token(&response);
        let account = if is_inhibited {
            // The guest needs a token for what follows.
            self.server.register_guest().await?
        } else {
            registered_account(&response)?
        };
        let is_named = name.is_some_and(|name| name == account.user_id.localpart());
        let content = if is_inhibited {
            ResponseContent::without(CallEffect::TokenGiven)
        } else if account.device.is_none() {
            ResponseContent::without(CallEffect::DeviceNamed)
        } else if device.is_some() && account.device.as_deref() == device && !is_named {
            ResponseContent::without(CallEffect::DeviceChosen)
        } else if named {
            ResponseContent::Named(is_named)
        } else {
            ResponseContent::Nothing
        };
        self.set_guest(number, account);
        Ok(HttpObservation { verdict: CallVerdict::Allowed, content })
    }

    /// Makes an ordinary registration, by which `guest` may become a user.
    async fn become_user(
        &mut self,
        action: &Action,
        guest: u8,
    ) -> Result<HttpObservation, ServerError> {
        let Some(account) = self.accounts.guest(guest).cloned() else {
            let why = "the guest is not registered";
            return Ok(HttpObservation::inconclusive(NotRunKind::SetUp, why));
        };
        let password = Server::password();
        let arguments = Arguments { password: Some(&password), ..Arguments::default() };
        let request = self.request(action, &arguments)?;
        let proof = &self.server.proof;
        let response = send_with_authentication(&self.connection, request, None, proof).await?;
        if asks_for_authentication(&response) {
            return Ok(HttpObservation::inconclusive(NotRunKind::Authentication, NO_PROOF));
        }
        if !response.allows() {
            return observe_only(&response);
        }
        let user = registered_account(&response)?;
        // A user with another user id is the former guest only if the guest's token has ended.
        let replaced = user.user_id != account.user_id && !self.is_live(&account).await?;
        if replaced || user.user_id == account.user_id {
            let before_upgrade = Some(account.token);
            let user = UserAccount { before_upgrade, password: Some(password), ..user };
            self.set_guest(guest, user);
        }
        Ok(HttpObservation::allowed())
    }

    /// Whether the homeserver still knows the token of the account.
    async fn is_live(&self, account: &UserAccount) -> Result<bool, ServerError> {
        let with = Credentials { token: Some(account.token.clone()), named: None };
        let response = self.send(&with, Request::to(KNOWN.whoami, [])).await?;
        response.decides()?;
        Ok(response.status != 401)
    }

    async fn deactivate(
        &mut self,
        action: &Action,
        with: &Credentials,
    ) -> Result<HttpObservation, ServerError> {
        let mut request = self.request(action, &Arguments::default())?;
        if self.erases() {
            request = request.body(json!({ "erase": true }));
        }
        let response = self.deactivation(action.by, with, request).await?;
        if asks_for_authentication(&response) {
            return Ok(HttpObservation::inconclusive(NotRunKind::Authentication, NO_PROOF));
        }
        observe_only(&response)
    }

    /// Makes the call that deactivates an account, with the password of the account.
    pub(super) async fn deactivation(
        &self,
        by: Actor,
        with: &Credentials,
        request: Request,
    ) -> Result<Response, ServerError> {
        let account = self.accounts.account(by);
        let password = account
            .and_then(|account| Some((account.user_id.to_string(), account.password.clone()?)));
        let proof = Proof { password, ..self.server.proof.clone() };
        let token: Option<&Token> = with.token.as_ref();
        send_with_authentication(&self.connection, with.name_in(request), token, &proof).await
    }

    /// Sends a setting. The event is the tagged event if the action says so.
    async fn send_setting(
        &mut self,
        action: &Action,
        with: &Credentials,
        setting: Setting,
        key: Key,
    ) -> Result<HttpObservation, ServerError> {
        let Some(room) = action.room() else { return Ok(no_room()) };
        let request = self.request(action, &Arguments::default())?;
        let response = self.set(with, room, setting, key, request).await?;
        self.sent(action, &response)
    }

    async fn redact_setting(
        &mut self,
        action: &Action,
        with: &Credentials,
        setting: Setting,
    ) -> Result<HttpObservation, ServerError> {
        let Some(room) = action.room() else { return Ok(no_room()) };
        let Some(event) = self.rooms[room].setting(setting).cloned() else {
            let why = "the room has no such event that could be redacted";
            return Ok(HttpObservation::inconclusive(NotRunKind::SetUp, why));
        };
        let arguments = Arguments { event: Some(&event), ..Arguments::default() };
        let request = self.request(action, &arguments)?;
        observe_only(&self.send(with, request).await?)
    }

    async fn send_message(
        &mut self,
        action: &Action,
        with: &Credentials,
        message: Message,
    ) -> Result<HttpObservation, ServerError> {
        let event = match message {
            Message::Redaction => Some(self.own_message(action, with).await?),
            Message::Other => self.thread_root(action),
            Message::Message => None,
        };
        let arguments = Arguments { event: event.as_deref(), ..Arguments::default() };
        let request = self.request(action, &arguments)?;
        let response = self.send(with, request).await?;
        match message {
            Message::Message => self.remember_message(action, &response)?,
            Message::Other => self.remember_thread(action, event, &response),
            Message::Redaction => {}
        }
        self.sent(action, &response)
    }

    async fn send_note(
        &mut self,
        action: &Action,
        with: &Credentials,
    ) -> Result<HttpObservation, ServerError> {
        let request = self.request(action, &Arguments::default())?;
        let key = request.segments().last();
        let response = self.send(with, request).await?;
        let observed = self.sent(action, &response)?;
        if let (true, Some(tagged)) = (action.tag, &mut self.tagged) {
            tagged.note = key;
        }
        Ok(observed)
    }

    /// The observation of a call that sends an event. The event is the tagged event if the action
    /// says so.
    fn sent(
        &mut self,
        action: &Action,
        response: &Response,
    ) -> Result<HttpObservation, ServerError> {
        let observed = observe_only(response)?;
        if action.tag && self.tagged.is_none() && observed.verdict == CallVerdict::Allowed {
            let id = response.json::<Sent>()?.event_id;
            self.tagged = Some(TaggedEvent { id, note: None });
        }
        Ok(observed)
    }

    /// Tags the event of an action that changed a membership.
    async fn tag_membership(&mut self, action: &Action) -> Result<(), ServerError> {
        let ((Operation::Invite(whose) | Operation::Kick(whose), _)
        | (Operation::Join(_) | Operation::Leave(_), Actor::Guest(whose))) =
            (action.operation, action.by)
        else {
            return Ok(());
        };
        let event = self.membership_event(0, whose).await?;
        self.tagged = event.map(|id| TaggedEvent { id, note: None });
        Ok(())
    }
}

/// The guest whose account an upgrade asks for.
const fn of(upgrade: Upgrade) -> u8 {
    match upgrade {
        Upgrade::Own(guest)
        | Upgrade::OtherName(guest)
        | Upgrade::OthersToken { of: guest, .. }
        | Upgrade::MadeUpToken(guest) => guest,
    }
}

/// Why an interactive call came to no end.
pub(super) const NO_PROOF: &str = "the homeserver asks for more than can be shown to it";

fn no_room() -> HttpObservation {
    HttpObservation::inconclusive(NotRunKind::NotOverHttp, "the step names no room")
}
