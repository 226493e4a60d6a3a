//! The effects of sending and of deliveries.

use crate::action::Setting as Redacted;
use crate::action::{Action, Actor, Key, Observation, Operation, Says};
use crate::canonical_form::normal_form;
use crate::decide::outcome;
use crate::state::{Account, Kind, MAX_GUESTS, ReaderRelation, State, Tagged};
use guest_access_rules::federation::{Current, Elsewhere, Past, Revocations};
use guest_access_rules::vocabulary::HistoryVisibility;

use super::actions::{Delivery, FederatedAction};
use super::history::Setting;
use super::{Federated, MAX_SERVERS, Message, Servers};

/// The outcome of an action.
#[derive(Debug, Clone)]
pub(super) struct FederatedOutcome {
    pub(super) after: Servers,
    /// The answer to a guest.
    pub(super) observation: Option<Observation>,
}

impl Federated {
    pub(super) fn take(
        &self,
        before: &Servers,
        action: &FederatedAction,
    ) -> Option<FederatedOutcome> {
        let mut after = before.clone();
        let mut observation = None;
        match *action {
            FederatedAction::EnterRoom(server) => Self::enter_room(&mut after, server),
            FederatedAction::ChangeSetting { by, setting, place } => {
                self.change_setting(&mut after, by, setting, place)?;
            }
            FederatedAction::SendEvent(by) => self.send_message(&mut after, by),
            FederatedAction::DeliverEvent { delivery, server } => {
                self.deliver(&mut after, delivery, server)?;
            }
            FederatedAction::CallEndpoint(guest, operation) => {
                observation = Some(self.call_endpoint(&mut after, guest, operation)?);
            }
        }
        self.drop_delivered_events(&mut after);
        Some(FederatedOutcome { after, observation })
    }

    /// The state of a server, with the accounts that the server assumes for the guests of other servers.
    pub(super) fn seen_by(&self, servers: &Servers, server: usize) -> State {
        let mut state = servers.servers[server].state;
        for (guest, home) in servers.servers.iter().enumerate() {
            if guest != server {
                // GA-5: A server has no information on whether a user of another server is a guest.
                state.accounts[guest] = match self.federation.elsewhere {
                    Elsewhere::Unknown => Account::User,
                    Elsewhere::GuessedByName => home.state.accounts[guest],
                };
            }
        }
        state
    }

    /// Stores the outcome of an action on a server.
    fn store(servers: &mut Servers, server: usize, next: &State) {
        let account = servers.servers[server].state.accounts[server];
        let before = servers.servers[server].state.rooms[0].members;
        let mut state = *next;
        state.accounts = [Account::Absent; MAX_GUESTS];
        state.accounts[server] = account;
        servers.servers[server].state = state;
        for (guest, was) in before.iter().enumerate() {
            if state.rooms[0].members[guest] != *was {
                for (other, home) in servers.servers.iter_mut().enumerate() {
                    home.outdated[guest] |= home.takes_part && other != server && other != guest;
                }
            }
        }
    }

    /// Executes an action on the state of a server.
    fn on(&self, servers: &mut Servers, server: usize, action: &Action) -> Option<Observation> {
        let seen = self.seen_by(servers, server);
        let outcome = outcome(&self.profiles[server], &seen, action)?;
        Self::store(servers, server, &outcome.next);
        Some(outcome.observation)
    }

    /// Lets a server take part: the server receives the state of the room from the first server.
    fn enter_room(servers: &mut Servers, server: usize) {
        let outdated = servers.servers[0].outdated;
        let first = servers.servers[0].state.rooms[0];
        let entrant = &mut servers.servers[server];
        entrant.takes_part = true;
        let own = entrant.state.rooms[0].members[server];
        entrant.state.rooms[0] = first;
        entrant.state.rooms[0].members[server] = own;
        entrant.outdated = outdated;
        for event in servers.access.events.iter_mut().chain(&mut servers.visibility.events) {
            event.at[server] |= event.at[0];
        }
    }

    fn change_setting(
        &self,
        servers: &mut Servers,
        by: usize,
        setting: Setting,
        place: usize,
    ) -> Option<()> {
        let seen = self.seen_by(servers, by);
        // Without an event to redact, the action is not possible.
        outcome(&self.profiles[by], &seen, &moderators_action(setting))?;
        match setting {
            Setting::Visibility(_) => {
                servers.visibility.insert(place, setting, by);
                if let Some(message) = &mut servers.message {
                    message.visibility += usize::from(message.visibility > place);
                }
            }
            Setting::GuestAccess(_) | Setting::Redacted => {
                servers.access.insert(place, setting, by);
                if let Some(message) = &mut servers.message {
                    message.access += usize::from(message.access > place);
                }
            }
        }
        self.on(servers, by, &moderators_action(setting)).map(|_| ())
    }

    fn send_message(&self, servers: &mut Servers, by: usize) {
        let room = servers.servers[by].state.rooms[0];
        let class = Tagged::between(Kind::Message, &room, &room);
        let mut recipients = [false; MAX_SERVERS];
        for (number, server) in servers.servers.iter().enumerate() {
            recipients[number] = server.takes_part;
        }
        let (access, visibility) = (servers.access.known(by), servers.visibility.known(by));
        servers.message = Some(Message { class, recipients, access, visibility });
        self.add_message(servers, by);
    }

    /// Adds the message to the events of a server.
    fn add_message(&self, servers: &mut Servers, server: usize) {
        let Some(message) = &servers.message else { return };
        let receiver = &mut servers.servers[server];
        let room = receiver.state.rooms[0];
        let mut tagged = match self.federation.past {
            Past::FetchedFirst => message.class,
            Past::Ignored => Tagged::between(Kind::Message, &room, &room),
        };
        // A join that the sender of the message did not know counts as later.
        tagged.note_joined(&room.members);
        receiver.has_message = true;
        receiver.state.tagged = Some(tagged);
    }

    fn deliver(&self, servers: &mut Servers, delivery: Delivery, server: usize) -> Option<()> {
        match delivery {
            Delivery::Access(number) | Delivery::Visibility(number) => {
                self.deliver_setting(servers, delivery, number, server)
            }
            Delivery::Message => {
                let message = servers.message.clone()?;
                let has_message = servers.servers[server].has_message;
                // HV-12 and the history rules: a server may have joined the room after the message was
                // sent. It then receives the message only if the history is open to later members.
                let opens = matches!(
                    message.class.before,
                    HistoryVisibility::WorldReadable | HistoryVisibility::Shared
                );
                if has_message || !(message.recipients[server] || opens) {
                    return None;
                }
                if self.federation.past == Past::FetchedFirst {
                    for number in 0..message.visibility {
                        self.deliver_setting(
                            servers,
                            Delivery::Visibility(number),
                            number,
                            server,
                        )?;
                    }
                    for number in 0..message.access {
                        self.deliver_setting(servers, Delivery::Access(number), number, server)?;
                    }
                }
                self.add_message(servers, server);
                Some(())
            }
            Delivery::AccessAgain | Delivery::VisibilityAgain => {
                let history = if delivery == Delivery::AccessAgain {
                    &servers.access
                } else {
                    &servers.visibility
                };
                let setting = history.before.filter(|_| history.known(server) > 0)?;
                // An old event changes nothing, unless the server takes the last received event as current.
                if self.federation.current == Current::LastReceived {
                    let _ = self.on(servers, server, &moderators_action(setting));
                }
                Some(())
            }
            Delivery::Membership(guest) => {
                let now = servers.servers[guest].state.rooms[0].members[guest];
                let receiver = &mut servers.servers[server];
                receiver.state.rooms[0].members[guest] = now;
                receiver.outdated[guest] = false;
                Some(())
            }
        }
    }

    fn deliver_setting(
        &self,
        servers: &mut Servers,
        delivery: Delivery,
        number: usize,
        server: usize,
    ) -> Option<()> {
        let history = match delivery {
            Delivery::Access(_) => &mut servers.access,
            _ => &mut servers.visibility,
        };
        let known = history.known(server);
        let event = history.events.get_mut(number)?;
        event.at[server] = true;
        let setting = event.setting;
        let counts = self.federation.current == Current::LastReceived || number >= known;
        if counts {
            let spared = self.federation.revocations == Revocations::OwnUsers;
            let members = servers.servers[server].state.rooms[0].members;
            // A redaction of an event that is not current on this server changes nothing.
            let _ = self.on(servers, server, &moderators_action(setting));
            if spared {
                let room = &mut servers.servers[server].state.rooms[0];
                room.members[server] = members[server];
            }
        }
        Some(())
    }

    fn call_endpoint(
        &self,
        servers: &mut Servers,
        guest: usize,
        operation: Operation,
    ) -> Option<Observation> {
        let by = Action::new(Actor::Guest(u8::try_from(guest).ok()?), operation);
        // By DR-4, a server that takes no part in a room decides nothing about the room.
        let action = if servers.servers[guest].takes_part { by.at(0) } else { by.elsewhere() };
        self.on(servers, guest, &action)
    }

    /// Drops the events in transit that every server has.
    fn drop_delivered_events(&self, servers: &mut Servers) {
        let takes_part: Vec<bool> =
            servers.servers.iter().map(|server| server.takes_part).collect();
        let overtaken = self.federation.current == Current::Resolved;
        let access = servers.access.forget(&takes_part, overtaken);
        let visibility = servers.visibility.forget(&takes_part, overtaken);
        if let Some(message) = &mut servers.message {
            message.access = message.access.saturating_sub(access);
            message.visibility = message.visibility.saturating_sub(visibility);
        }
        self.forget(servers);
    }
}

impl Federated {
    /// Drops what no later action reads. A server reads the relation of its own guest to the message only,
    /// and the message itself is not read once the server has it.
    fn forget(&self, servers: &mut Servers) {
        for (number, server) in servers.servers.iter_mut().enumerate() {
            if let Some(tagged) = &mut server.state.tagged {
                for (guest, relation) in tagged.relations.iter_mut().enumerate() {
                    if guest != number {
                        *relation = ReaderRelation::STRANGER;
                    }
                }
            }
            if self.federation.past == Past::FetchedFirst {
                server.state = normal_form(&self.profiles[number], &server.state);
                if let Some(message) = servers.message.as_mut().filter(|_| server.has_message) {
                    message.class.relations[number] = ReaderRelation::STRANGER;
                }
            }
        }
    }
}

/// The action of a moderator who changes a setting.
pub fn moderators_action(setting: Setting) -> Action {
    let operation = match setting {
        Setting::GuestAccess(value) => Operation::SetGuestAccess(Says::Value(value), Key::Empty),
        Setting::Redacted => Operation::RedactSetting(Redacted::GuestAccess),
        Setting::Visibility(value) => Operation::SetVisibility(Says::Value(value), Key::Empty),
    };
    Action::new(Actor::Moderator, operation).at(0)
}
