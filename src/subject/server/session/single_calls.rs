//! Single calls of several clients at once, in one session.
//!
//! [`Session::perform`] makes as many calls as an action takes, and remembers what it learns. Here an
//! action is one call and one response, so that it has one start and one end, and all clients share the
//! session. Both take the request of an action from [`Session::request`].

use std::time::Duration;

use guest_access_model::action::{Action, Actor, Credential, Operation, Setting};
use guest_access_rules::endpoint::Gives;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, Membership};
use serde_json::Value;

use super::performing::NO_PROOF;
use super::{Arguments, Session};
use crate::subject::server::accounts::{Credentials, UserAccount};
use crate::subject::server::action_request::Page;
use crate::subject::server::error::ServerError;
use crate::subject::server::listed_events::listed_events;
use crate::subject::server::not_run::{NotRunKind, NotRunReason};
use crate::subject::server::observation::{CallVerdict, Memberships};
use crate::subject::server::observe::{Sent, verdict};
use crate::subject::server::registration::{
    asks_for_authentication, registered_account, send_with_authentication,
};
use crate::subject::server::request::Request;
use crate::subject::server::response::Response;
use crate::subject::server::token::Token;

/// What a call names beside its action.
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    /// A name that no other call of the session has.
    pub word: String,
    /// The token that the caller shows; none, for the newest that the session knows.
    pub token: Option<Token>,
    /// The id of the event that the call reads or redacts, and its state key if it is a note.
    pub about: Option<(String, Option<String>)>,
}

/// The result of a call.
#[derive(Debug, Clone)]
pub struct CallResult {
    /// Whether the homeserver allowed the call.
    pub verdict: CallVerdict,
    /// The HTTP status.
    pub status: u16,
    /// The ids of the events in the response, if the call reads: the events of the timeline, and the
    /// notes of the state.
    pub gave: Option<Vec<String>>,
    /// Whether the response holds all events that the caller may read. Otherwise the homeserver may
    /// have left events out for length.
    pub whole: bool,
    /// The `is_guest` of `whoami`.
    pub is_guest: Option<bool>,
    /// The event that the call sent, and its state key if it is a note.
    pub sent: Option<(String, Option<String>)>,
    /// The account of the guest after a registration or an upgrade.
    pub account: Option<UserAccount>,
}

/// The settings of a room, if they are values of the specification.
pub type RoomSettings = (Option<HistoryVisibility>, Option<GuestAccess>);

impl CallResult {
    /// The result of a call to which no response came.
    pub fn unanswered() -> Self {
        let verdict =
            CallVerdict::Inconclusive(NotRunReason::new(NotRunKind::Timeout, "no answer came"));
        let (gave, is_guest, sent, account) = (None, None, None, None);
        Self { verdict, status: 0, gave, whole: false, is_guest, sent, account }
    }

    fn of(response: &Response) -> Result<Self, ServerError> {
        Ok(Self { verdict: verdict(response)?, status: response.status, ..Self::unanswered() })
    }
}

impl Session<'_> {
    /// A name that no other session has, made of a name that no other call of this session has.
    pub fn unique_name(&self, word: &str) -> String {
        format!("{}-{word}", self.names.prefix)
    }

    /// Makes the one call that an action is, about the first room.
    ///
    /// # Errors
    /// If the action is not one call, if no response comes, or if the response cannot be understood.
    pub async fn call_once(
        &self,
        action: &Action,
        context: &CallContext,
    ) -> Result<CallResult, ServerError> {
        let mut with = self.accounts.credentials(action.by, action.with);
        if context.token.is_some() {
            with.token.clone_from(&context.token);
        }
        let request = self.single_request(action, context)?;
        let note =
            (action.operation == Operation::SendState).then(|| request.segments().last()).flatten();
        let response = self.exchange(action, &with, request).await?;
        let registers = matches!(
            action.operation,
            Operation::Register { .. } | Operation::RegisterOver(_) | Operation::Upgrade(_)
        );
        let is_interactive = registers || action.operation == Operation::Deactivate;
        if is_interactive && asks_for_authentication(&response) {
            let verdict =
                CallVerdict::Inconclusive(NotRunReason::new(NotRunKind::Authentication, NO_PROOF));
            return Ok(CallResult { verdict, ..CallResult::of(&response)? });
        }
        let registers = registers && response.allows();
        let account = registers.then(|| registered_account(&response)).transpose()?;
        let mut result = CallResult { account, ..CallResult::of(&response)? };
        if result.verdict != CallVerdict::Allowed {
            return Ok(result);
        }
        match action.operation {
            Operation::Send(_)
            | Operation::SendState
            | Operation::SetVisibility(..)
            | Operation::SetGuestAccess(..)
            | Operation::SetJoinRule(_) => {
                result.sent = Some((response.json::<Sent>()?.event_id, note));
            }
            Operation::WhoAmI => {
                let answer: Value = response.json()?;
                result.is_guest = Some(answer["is_guest"].as_bool().unwrap_or_default());
            }
            Operation::Read(endpoint) => {
                let room = self.rooms.first().map(|room| room.id.as_str());
                let about = context.about.as_ref().map(|(id, _)| id.as_str());
                let listed = listed_events(endpoint, &response, room.unwrap_or_default(), about)?;
                (result.gave, result.whole) = listed;
            }
            _ => {}
        }
        Ok(result)
    }

    /// The request of the one call that an action is.
    fn single_request(
        &self,
        action: &Action,
        context: &CallContext,
    ) -> Result<Request, ServerError> {
        let gives = match action.operation {
            Operation::Read(endpoint) => endpoint.get().gives,
            _ => None,
        };
        let page = match gives {
            Some(Gives::Stream) => {
                Page { limit: None, from: self.stream_start.as_deref(), ..Page::default() }
            }
            _ => Page::default(),
        };
        let arguments = Arguments {
            event: context.about.as_ref().map(|(id, _)| id.as_str()),
            note: context.about.as_ref().and_then(|(_, note)| note.as_deref()),
            token: context.token.as_ref(),
            page,
            name: Some(&context.word),
            ..Arguments::default()
        };
        self.request(action, &arguments)
    }

    /// Makes the call. The homeserver may ask who registers, upgrades or deactivates an account.
    async fn exchange(
        &self,
        action: &Action,
        with: &Credentials,
        request: Request,
    ) -> Result<Response, ServerError> {
        match action.operation {
            Operation::Register { .. } | Operation::RegisterOver(_) | Operation::Upgrade(_) => {
                send_with_authentication(&self.connection, request, None, &self.server.proof).await
            }
            Operation::Deactivate => self.deactivation(action.by, with, request).await,
            _ => self.send(with, request).await,
        }
    }

    /// The events that are the settings of the first room now.
    pub fn settings_events(&self) -> [Option<String>; 2] {
        let room = self.rooms.first();
        let event = |setting| room.and_then(|room| room.setting(setting)).cloned();
        [event(Setting::HistoryVisibility), event(Setting::GuestAccess)]
    }

    /// Reads the memberships and the settings of the first room until they are `settled`, or until
    /// `patience` is over.
    ///
    /// # Errors
    /// If the moderator cannot read the memberships or the settings.
    pub async fn read_until_settled(
        &self,
        patience: Duration,
        settled: impl Fn(&[Membership], &RoomSettings) -> bool,
    ) -> Result<(Vec<Membership>, RoomSettings), ServerError> {
        let settings = self.settings().await?;
        let looks_settled = |rooms: &[Memberships]| {
            rooms.first().is_none_or(|room| settled(&room.guests, &settings))
        };
        let rooms = self.members(patience, looks_settled).await?;
        let members = rooms.first().map(|room| room.guests.to_vec()).unwrap_or_default();
        Ok((members, self.settings().await?))
    }

    /// The settings of the first room, as the moderator reads them.
    ///
    /// # Errors
    /// If the moderator cannot read them.
    pub(super) async fn settings(&self) -> Result<RoomSettings, ServerError> {
        let mut found = (None, None);
        for event in self.state_of(0).await? {
            let Ok(event) = event.deserialize_as_unchecked::<Value>() else { continue };
            let says = |key: &str| event["content"][key].as_str().unwrap_or_default().to_owned();
            match (event["type"].as_str(), event["state_key"].as_str()) {
                (Some("m.room.history_visibility"), Some("")) => {
                    found.0 = HistoryVisibility::from_spelling(&says("history_visibility"));
                }
                (Some("m.room.guest_access"), Some("")) => {
                    found.1 = GuestAccess::from_spelling(&says("guest_access"));
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Lets the holders of these tokens, the user and the moderator leave and forget the first room.
    pub async fn leave_first_room(self, tokens: &[Token]) {
        let Some(id) = self.rooms.first().map(|room| room.id.clone()) else { return };
        let guests =
            tokens.iter().map(|token| Credentials { token: Some(token.clone()), named: None });
        let others = [Actor::User, Actor::Moderator];
        let others = others.map(|who| self.accounts.credentials(who, Credential::Own));
        for who in guests.chain(others) {
            self.server.leave(&who, &id).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use guest_access_rules::endpoint::EndpointId;

    use super::super::super::accounts::SessionAccounts;
    use super::super::super::homeserver::Server;
    use super::*;

    #[test]
    fn an_action_of_several_calls_is_refused_by_name() {
        let server = Server::offline("http://127.0.0.1:1");
        let session = Session::new(&server, SessionAccounts::fixture());
        let relations = EndpointId::find("GET /rooms/{roomId}/threads").unwrap();
        let other = EndpointId::find("POST /createRoom").unwrap();
        let by_itself = [Operation::Restart, Operation::EndToken(0)];
        let prepared = [Operation::Call(other), Operation::Read(relations)];
        for operation in by_itself.into_iter().chain(prepared) {
            let action = Action::new(Actor::Guest(0), operation).at(0);
            let result = session.call_once(&action, &CallContext::default()).now_or_never();
            let error = result.expect("no call is made").unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{operation:?}` cannot be performed")), "{error}");
        }
        assert_eq!(server.client().calls(), 0);
    }
}
