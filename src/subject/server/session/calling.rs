//! Calling endpoints that no action of the model names: whether the caller may call them.
//!
//! The [arguments](SampleArguments) of such a call are made up. A homeserver that does not have the
//! endpoint says so (404, `M_UNRECOGNIZED`). That tells nothing about guests, unless the homeserver
//! checks the caller first. The session finds out with three calls whether it does:
//! 1. Without a token, the endpoint denies the call for want of a token (401).
//! 2. Without a token, an address at which no endpoint is does not.
//! 3. For the ordinary user the endpoint does not exist either.

use guest_access_model::action::{Action, Actor, Credential, Message, Operation, Place};
use guest_access_rules::endpoint::EndpointId;
use ruma::OwnedRoomId;
use serde::Deserialize;

use super::directory::{LOOK_UP, PUBLIC_ROOMS, alias_leads_to};
use super::forgetting::FORGET;
use super::to_device::SEND_TO_DEVICE;
use super::{LOGOUT_ALL, Session};
use crate::subject::server::accounts::{Credentials, UserAccount};
use crate::subject::server::error::ServerError;
use crate::subject::server::not_run::NotRunKind;
use crate::subject::server::observation::{CallVerdict, HttpObservation, ResponseContent};
use crate::subject::server::observe::{observe_only, sample_verdict};
use crate::subject::server::request::Request;
use crate::subject::server::requests::{NEVER_SENT, THREAD};
use crate::subject::server::response::Response;
use crate::subject::server::sample_request::{SampleArguments, sample_request};

impl Session<'_> {
    /// Calls an endpoint, and observes whether the caller may call it.
    pub(super) async fn call(
        &mut self,
        with: &Credentials,
        endpoint: EndpointId,
        place: Place,
    ) -> Result<HttpObservation, ServerError> {
        let arguments = self.arguments(with, endpoint, place).await?;
        if let Some(whose) = self.removes_own_name(with, endpoint) {
            self.name_before_removal(with, &whose).await?;
        }
        self.call_with(with, endpoint, &arguments).await
    }

    async fn call_with(
        &mut self,
        with: &Credentials,
        endpoint: EndpointId,
        arguments: &SampleArguments,
    ) -> Result<HttpObservation, ServerError> {
        let request = self.addressed(with, endpoint, self.sample(endpoint, arguments));
        let response = self.send(with, request.clone()).await?;
        let mut verdict = sample_verdict(&response);
        if response.is_unrecognized() && self.is_checked(endpoint).await? {
            verdict = CallVerdict::Allowed;
        }
        if verdict == CallVerdict::Allowed && endpoint.get().id == "POST /createRoom" {
            #[derive(Deserialize)]
            struct Created {
                room_id: OwnedRoomId,
            }
            if let Ok(created) = response.json::<Created>() {
                self.side_rooms.push((with.clone(), created.room_id));
            }
        }
        let (verdict, mut content) =
            self.download(endpoint, request.clone(), &response, verdict).await?;
        if response.allows() && content == ResponseContent::Nothing {
            content =
                self.effect_of(with, endpoint, (&request, &response), &arguments.room).await?;
        }
        if response.allows()
            && let Some(whose) = self.removes_own_name(with, endpoint)
        {
            content = self.read_back(&whose, None).await?;
        }
        Ok(HttpObservation { verdict, content })
    }

    /// The effect of an allowed call, if the session can look at it.
    ///
    /// # Errors
    /// If no response came, or an answer is not what the endpoint gives.
    async fn effect_of(
        &self,
        with: &Credentials,
        called: EndpointId,
        (request, response): (&Request, &Response),
        room: &str,
    ) -> Result<ResponseContent, ServerError> {
        match called.get().id.as_str() {
            SEND_TO_DEVICE => self.delivery(with, request).await,
            FORGET => self.history_after(with, room).await,
            PUBLIC_ROOMS => self.listed_settings(with, response).await,
            LOOK_UP => alias_leads_to(response, room),
            _ => Ok(ResponseContent::Nothing),
        }
    }

    /// The verdict on the call of `action` when the ordinary user makes the call; none, if the action is
    /// no call with sample arguments. A rejection of the parameters says something about guests only if
    /// the user's call is allowed.
    ///
    /// # Errors
    /// If the response does not tell the verdict.
    pub async fn verdict_on_user(
        &mut self,
        action: &Action,
    ) -> Result<Option<CallVerdict>, ServerError> {
        let Operation::Call(endpoint) = action.operation else { return Ok(None) };
        // The call takes no parameters that could be rejected, and every user may make it. It would end the
        // tokens that further scenarios need.
        if endpoint.get().id == LOGOUT_ALL {
            return Ok(Some(CallVerdict::Allowed));
        }
        let user = self.accounts.credentials(Actor::User, Credential::Own);
        let mut arguments = self.arguments(&user, endpoint, action.place).await?;
        // A caller without an account owns nothing, so both calls name the moderator as the owner.
        if action.by == Actor::Nobody {
            arguments.owner = self.accounts.moderator.user_id.to_string();
        }
        Ok(Some(self.call_with(&user, endpoint, &arguments).await?.verdict))
    }

    /// The arguments of a call with these credentials. A call that names no room of the scenario is
    /// made in the first room, if the endpoint takes a room. They name no room fixture if the homeserver
    /// refuses what the room fixture takes.
    ///
    /// # Errors
    /// If the homeserver fails while the room fixture is prepared.
    async fn arguments(
        &mut self,
        with: &Credentials,
        endpoint: EndpointId,
        place: Place,
    ) -> Result<SampleArguments, ServerError> {
        let place = if place == Place::Nowhere { Place::Room(0) } else { place };
        let arguments = self.sample_arguments(with, place);
        let arguments = self.with_media(endpoint, arguments).await?;
        match self.prepared(with, endpoint, arguments.clone()).await {
            Err(error) if error.not_run_kind() == NotRunKind::Refused => Ok(arguments),
            prepared => prepared,
        }
    }

    /// The arguments of a call with these credentials in this room, as right as they can be without
    /// another call.
    fn sample_arguments(&self, with: &Credentials, place: Place) -> SampleArguments {
        let moderator = &self.accounts.moderator.user_id;
        let server = moderator.server_name().to_owned();
        let (target, moderator) = (moderator.to_string(), moderator.to_string());
        SampleArguments {
            room: self.room_id(place),
            event: NEVER_SENT.to_owned(),
            alias: format!("#{}:{server}", self.names.next("made-up")),
            target,
            owner: self.holder(with).unwrap_or(moderator),
            server: server.to_string(),
            media: "made-up".to_owned(),
        }
    }

    /// Whether the homeserver checks the caller of an endpoint that it does not have.
    async fn is_checked(&mut self, endpoint: EndpointId) -> Result<bool, ServerError> {
        if let Some(known) = self.server.checked.borrow().get(&endpoint) {
            return Ok(*known);
        }
        let nobody = self.accounts.credentials(Actor::Nobody, Credential::Own);
        let arguments = self.sample_arguments(&nobody, Place::Room(0));
        let request = self.sample(endpoint, &arguments);
        let mut nowhere = request.clone();
        "/_matrix/client/v3/made-up/made-up".clone_into(&mut nowhere.path);
        let asks_for_a_token =
            self.asks_for_a_token(request).await? && !self.asks_for_a_token(nowhere).await?;
        let user = self.accounts.credentials(Actor::User, Credential::Own);
        let arguments = self.sample_arguments(&user, Place::Room(0));
        let request = self.sample(endpoint, &arguments);
        let mut is_checked = asks_for_a_token;
        if asks_for_a_token {
            let response = self.send(&user, request).await?;
            response.decides()?;
            is_checked = response.is_unrecognized();
        }
        self.server.checked.borrow_mut().insert(endpoint, is_checked);
        Ok(is_checked)
    }

    /// Whether the homeserver asks for a token when nobody makes this call.
    async fn asks_for_a_token(&self, request: Request) -> Result<bool, ServerError> {
        let nobody = self.accounts.credentials(Actor::Nobody, Credential::Own);
        let response = self.send(&nobody, request).await?;
        if (300..400).contains(&response.status) {
            return Ok(false);
        }
        response.decides()?;
        Ok(response.status == 401)
    }

    /// Reads relations or threads: those of a thread, if the room has one. The tagged event is neither, so the
    /// observation says only whether the caller may read them.
    pub(super) async fn read_related(
        &mut self,
        with: &Credentials,
        endpoint: EndpointId,
        place: Place,
    ) -> Result<HttpObservation, ServerError> {
        let root = self.room_at(place).and_then(|room| room.thread_root.as_deref());
        let request = if let Some(root) = root {
            let room = self.room_id(place);
            Request::to(endpoint, [room.as_str(), root, THREAD, Message::Other.as_str()])
        } else {
            let event = self.tagged_in(place).map_or(NEVER_SENT, |tagged| &tagged.id).to_owned();
            let arguments = SampleArguments { event, ..self.sample_arguments(with, place) };
            self.sample(endpoint, &arguments)
        };
        let response = self.send(with, request).await?;
        // A homeserver may deny relations of an event that is not there, or that the caller may not
        // see.
        match sample_verdict(&response) {
            CallVerdict::ParametersRejected { status: 403, .. } => observe_only(&response),
            verdict => Ok(HttpObservation { verdict, content: ResponseContent::Nothing }),
        }
    }

    /// A sample request to the endpoint.
    fn sample(&self, endpoint: EndpointId, arguments: &SampleArguments) -> Request {
        sample_request(endpoint, arguments, &|kind| self.names.next(kind))
    }

    /// The user id of the account to which the token belongs.
    pub(super) fn holder(&self, with: &Credentials) -> Option<String> {
        let token = with.token.as_ref()?;
        let fixture = [&self.accounts.moderator, &self.accounts.user];
        let mut accounts = self.accounts.guests.iter().flatten().chain(fixture);
        let has_token = |account: &&UserAccount| {
            account.token == *token || account.before_upgrade.as_ref() == Some(token)
        };
        accounts.find(has_token).map(|account| account.user_id.to_string())
    }
}
