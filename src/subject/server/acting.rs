//! The steps that change something, as calls.

use guest_access_model::action::{Action, Actor, Operation, Place, ProfileKey, Setting, Upgrade};
use guest_access_rules::endpoint::{EndpointId, KNOWN};
use guest_access_rules::vocabulary::MembershipEndpoint;
use ruma::api::client::account::whoami;
use serde_json::json;

use super::accounts::{Credentials, UserAccount};
use super::observation::{CallVerdict, HttpObservation, ResponseContent};
use super::registration::{Proof, asks_who_one_is, interactively, registered, registration};
use super::sending::{guest_access_content, visibility_content};
use super::{Request, Response, ServerError, Session, Token};

impl Session<'_> {
    pub(super) async fn operation(
        &mut self,
        step: &Action,
    ) -> Result<HttpObservation, ServerError> {
        let with = self.accounts.credentials(step.by, step.with);
        let id = self.room_id(step.place);
        let request = match step.operation {
            Operation::Register { named } => return self.register(step.by, named).await,
            Operation::RegisterOver(guest) => {
                let name = self.localpart(guest);
                return self.become_user(guest, name, None).await;
            }
            Operation::Upgrade(upgrade) => return self.upgrade(upgrade).await,
            Operation::EndToken(_) | Operation::Restart => {
                return Ok(HttpObservation::inconclusive(
                    "the homeserver does that by itself, or not",
                ));
            }
            Operation::LogOut => Request::to(KNOWN.logout, []).body(json!({})),
            Operation::Deactivate => return self.deactivate(step.by, &with).await,
            Operation::SetProfile { key, own } => self.profile_request(step.by, key, own),
            Operation::WhoAmI => {
                let response = self.send(&with, Request::to(KNOWN.whoami, [])).await?;
                return observe(&response, |response| {
                    let answer: whoami::v3::Response = response.read()?;
                    Ok(ResponseContent::IsGuest(answer.is_guest))
                });
            }
            Operation::SetVisibility(says, key) => {
                let setting = Setting::HistoryVisibility;
                let Some(room) = step.room() else { return Ok(no_room()) };
                let content = visibility_content(says);
                let response = self.set(&with, room, setting, &content, key).await?;
                return self.sent(step, &response);
            }
            Operation::SetGuestAccess(says, key) => {
                let setting = Setting::GuestAccess;
                let Some(room) = step.room() else { return Ok(no_room()) };
                let content = guest_access_content(says);
                let response = self.set(&with, room, setting, &content, key).await?;
                return self.sent(step, &response);
            }
            Operation::RedactSetting(setting) => {
                let Some(room) = step.room() else { return Ok(no_room()) };
                return self.redact_setting(&with, room, setting).await;
            }
            Operation::SetJoinRule(rule) => {
                let content = json!({ "join_rule": rule.as_str() });
                Self::state_request(&id, "m.room.join_rules", "", content)
            }
            Operation::Send(message) => return self.send_message(step, &with, message).await,
            Operation::SendState => return self.send_note(step, &with).await,
            Operation::Invite(guest) => self.moderation(KNOWN.invite, &id, guest),
            Operation::Kick(guest) => self.moderation(KNOWN.kick, &id, guest),
            Operation::Ban(guest) => self.moderation(KNOWN.ban, &id, guest),
            Operation::Unban(guest) => self.moderation(KNOWN.unban, &id, guest),
            Operation::Join(MembershipEndpoint::StateEvent) => {
                self.own_membership(step.by, &id, "join")
            }
            Operation::Join(MembershipEndpoint::Own) => {
                Request::to(KNOWN.join, [&*id]).body(json!({}))
            }
            Operation::Join(MembershipEndpoint::Alias) => {
                Request::to(KNOWN.join_by_alias, [&*self.alias(step.place)]).body(json!({}))
            }
            Operation::Leave(MembershipEndpoint::StateEvent) => {
                self.own_membership(step.by, &id, "leave")
            }
            Operation::Leave(_) => Request::to(KNOWN.leave, [&*id]).body(json!({})),
            Operation::Knock(MembershipEndpoint::StateEvent) => {
                self.own_membership(step.by, &id, "knock")
            }
            Operation::Knock(_) => Request::to(KNOWN.knock, [&*id]).body(json!({})),
            Operation::Read(endpoint) => return self.read(&with, endpoint, step.place).await,
            Operation::ReadThroughOtherRoom => return self.read_through_other_room(&with).await,
            Operation::Call(endpoint) => return self.call(&with, endpoint).await,
        };
        let response = self.send(&with, request).await?;
        let observed = observe_only(&response)?;
        if step.tag && observed.verdict == CallVerdict::Allowed {
            self.tag_membership(step).await?;
        }
        Ok(observed)
    }

    async fn register(&mut self, by: Actor, named: bool) -> Result<HttpObservation, ServerError> {
        let Actor::Guest(number) = by else {
            return Ok(HttpObservation::inconclusive("only guests register as guests"));
        };
        let name = self.name("guest");
        let body = if named { json!({ "username": name }) } else { json!({}) };
        let request = Request::to(KNOWN.register, []).query("kind", "guest").body(body);
        let response = self.connection.send(&request, None).await?;
        if !response.allows() {
            return observe_only(&response);
        }
        let person = registered(&response)?;
        let content = if named {
            ResponseContent::Named(person.user_id.localpart() == name)
        } else {
            ResponseContent::Nothing
        };
        self.accounts.guests[usize::from(number)] = Some(person);
        Ok(HttpObservation { verdict: CallVerdict::Allowed, content })
    }

    fn localpart(&self, guest: u8) -> String {
        let guest = self.accounts.guest(guest);
        guest.map_or_else(|| "nobody".to_owned(), |guest| guest.user_id.localpart().to_owned())
    }

    async fn upgrade(&mut self, upgrade: Upgrade) -> Result<HttpObservation, ServerError> {
        let token = |guest| self.accounts.guest(guest).map(|guest| guest.token.clone());
        let (of, token) = match upgrade {
            Upgrade::Own(guest) | Upgrade::OtherName(guest) => (guest, token(guest)),
            Upgrade::OthersToken { of, with } => (of, token(with)),
            Upgrade::MadeUpToken(guest) => (guest, Some(Token::made_up())),
        };
        let name = match upgrade {
            Upgrade::OtherName(_) => self.name("somebody-else"),
            _ => self.localpart(of),
        };
        self.become_user(of, name, token).await
    }

    /// An ordinary registration that asks for `name`, with which `guest` may become a user.
    async fn become_user(
        &mut self,
        guest: u8,
        name: String,
        token: Option<Token>,
    ) -> Result<HttpObservation, ServerError> {
        let Some(person) = self.accounts.guest(guest).cloned() else {
            return Ok(HttpObservation::inconclusive("the guest is not registered"));
        };
        let password = super::Server::password();
        let mut request = registration(&name, &password);
        if let (Some(body), Some(token)) = (&mut request.body, &token) {
            body["guest_access_token"] = token.reveal().into();
        }
        let response = interactively(&self.connection, request, None, &self.server.proof).await?;
        if asks_who_one_is(&response) {
            return Ok(HttpObservation::inconclusive(
                "the homeserver asks for more than can be shown to it",
            ));
        }
        if !response.allows() {
            return observe_only(&response);
        }
        let user = registered(&response)?;
        // A registration under another name is the guest's only if it took the guest's place.
        let replaced = user.user_id != person.user_id && !self.is_live(&person).await?;
        if replaced || user.user_id == person.user_id {
            let before_upgrade = Some(person.token);
            let user = UserAccount { before_upgrade, password: Some(password), ..user };
            self.accounts.guests[usize::from(guest)] = Some(user);
        }
        Ok(HttpObservation::allowed())
    }

    async fn is_live(&self, person: &UserAccount) -> Result<bool, ServerError> {
        let with = Credentials { token: Some(person.token.clone()), named: None };
        Ok(self.send(&with, Request::to(KNOWN.whoami, [])).await?.status != 401)
    }

    async fn deactivate(
        &mut self,
        by: Actor,
        with: &Credentials,
    ) -> Result<HttpObservation, ServerError> {
        let person = self.accounts.person(by);
        let password =
            person.and_then(|person| Some((person.user_id.to_string(), person.password.clone()?)));
        let request = with.name_in(Request::to(KNOWN.deactivate, []).body(json!({})));
        let proof = Proof { password, ..self.server.proof.clone() };
        let token = with.token.as_ref();
        let response = interactively(&self.connection, request, token, &proof).await?;
        if asks_who_one_is(&response) {
            return Ok(HttpObservation::inconclusive(
                "the homeserver asks for more than can be shown to it",
            ));
        }
        observe_only(&response)
    }

    fn profile_request(&self, by: Actor, key: ProfileKey, own: bool) -> Request {
        let own = own.then(|| self.accounts.person(by)).flatten();
        let user = &own.unwrap_or(&self.accounts.moderator).user_id;
        let value = match key {
            ProfileKey::DisplayName => "A name".to_owned(),
            ProfileKey::AvatarUrl => format!("mxc://{}/made-up", user.server_name()),
        };
        let key = key.as_str();
        Request::to(KNOWN.set_profile, [user.as_str(), key]).body(json!({ key: value }))
    }

    pub(super) fn moderation(&self, endpoint: EndpointId, room: &str, guest: u8) -> Request {
        let user = self.accounts.guest(guest).map(|guest| guest.user_id.to_string());
        let user = user.unwrap_or_else(|| "@nobody:elsewhere.invalid".to_owned());
        Self::moderation_of(endpoint, room, &user)
    }

    pub(super) fn moderation_of(endpoint: EndpointId, room: &str, user: &str) -> Request {
        Request::to(endpoint, [room]).body(json!({ "user_id": user }))
    }

    /// The alias of a room of the story's, or the id of one elsewhere.
    fn alias(&self, place: Place) -> String {
        match place {
            Place::Room(number) => self.rooms.get(usize::from(number)),
            Place::Nowhere | Place::Elsewhere => None,
        }
        .and_then(|room| room.alias.clone())
        .unwrap_or_else(|| self.room_id(place))
    }

    /// The event of a step that changed a membership is the tagged one.
    async fn tag_membership(&mut self, step: &Action) -> Result<(), ServerError> {
        let ((Operation::Invite(whose) | Operation::Kick(whose), _)
        | (Operation::Join(_) | Operation::Leave(_), Actor::Guest(whose))) =
            (step.operation, step.by)
        else {
            return Ok(());
        };
        let event = self.membership_event(0, whose).await?;
        self.tagged = event.map(|id| super::session::TaggedEvent { id, note: None });
        Ok(())
    }
}

/// What came of a call, with what `content` reads off the answer.
pub(super) fn observe(
    response: &Response,
    content: impl FnOnce(&Response) -> Result<ResponseContent, ServerError>,
) -> Result<HttpObservation, ServerError> {
    let verdict = verdict(response)?;
    let content =
        if verdict == CallVerdict::Allowed { content(response)? } else { ResponseContent::Nothing };
    Ok(HttpObservation { verdict, content })
}

/// What came of a call whose answer holds nothing that the rules speak of.
pub(super) fn observe_only(response: &Response) -> Result<HttpObservation, ServerError> {
    observe(response, |_| Ok(ResponseContent::Nothing))
}

/// Whether the call was allowed. An answer that is no JSON comes from no homeserver.
pub(super) fn verdict(response: &Response) -> Result<CallVerdict, ServerError> {
    // A redirect has no body that would have to be one.
    if !(300..400).contains(&response.status) {
        response.json::<serde::de::IgnoredAny>()?;
    }
    let errcode = response.errcode();
    Ok(match (response.status, errcode.as_deref()) {
        (200..300, _) => CallVerdict::Allowed,
        (404 | 405, Some("M_UNRECOGNIZED")) => not_implemented(),
        (429, _) => CallVerdict::Inconclusive("the homeserver let us wait for too long".to_owned()),
        (status @ (100..200 | 300..400), _) => {
            CallVerdict::Inconclusive(format!("the homeserver answers with a redirect ({status})"))
        }
        (status, _) => CallVerdict::Denied { status, errcode },
    })
}

/// The verdict where the homeserver does not have the endpoint.
pub(super) fn not_implemented() -> CallVerdict {
    CallVerdict::Inconclusive("the homeserver does not implement the endpoint".to_owned())
}

fn no_room() -> HttpObservation {
    HttpObservation::inconclusive("the step names no room")
}
