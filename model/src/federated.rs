//! The federated model: two or three homeservers in one room, and every order in which their events
//! reach the other servers.
//!
//! - Each server has its own state of the sequential model, and
//!   [`decide::outcome`](crate::decide::outcome) decides everything.
//! - A server knows that its own guest is a guest. The guests of other servers are users to it, because
//!   no server tells another one who is a guest.
//! - An event that arrives is the action of its sender on the state of the receiving server. A revocation
//!   that arrives removes the guest of that server.
//! - Events arrive late, out of order, or more than once.
//! - State resolution picks the current event. If the sender of one event knew the other event, the later
//!   one wins. If neither sender knew the other event, either event wins, but the same one on every server
//!   (`history`).
//!
//! The length of a history is unbounded. The number of settings in transit at once is bounded
//! ([`Federated::new`]).

mod actions;
mod delivery;
mod history;
mod judging;
mod trace;

use serde::{Deserialize, Serialize};

use crate::decide::initial;
use crate::guarantee::Verdicts;
use crate::state::{Account, MAX_GUESTS, State};
use crate::transition_system::TransitionSystem;
use guest_access_rules::federation::Federation;
use guest_access_rules::profile::Profile;

pub use actions::{Delivery, FederatedAction};
pub use delivery::moderators_action;
pub use history::{Setting, SettingHistory};
pub use trace::FederatedTraceStep;

/// The greatest number of homeservers. Each has one guest.
pub const MAX_SERVERS: usize = MAX_GUESTS;

/// The model of some homeservers in one room.
#[derive(Debug)]
pub struct Federated {
    rules: Profile,
    federation: Federation,
    servers: usize,
    in_transit: usize,
    /// The profile that each server follows.
    profiles: Vec<Profile>,
}

/// A state of the model: the states of all homeservers, and the events in transit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Servers {
    /// Each homeserver.
    pub servers: Vec<Server>,
    /// The events of guest access that not every server has.
    pub access: SettingHistory,
    /// The events of history visibility that not every server has.
    pub visibility: SettingHistory,
    /// The observed message, once it was sent.
    pub message: Option<Message>,
}

/// One homeserver.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Server {
    /// Whether the server takes part in the room: one of its users has joined.
    pub takes_part: bool,
    /// The state. The guest with the number of the server is its own; of other guests the server knows
    /// the membership only.
    pub state: State,
    /// Whether the server has the message.
    pub has_message: bool,
    /// The guests of other servers whose last change of membership has not reached this server.
    pub outdated: [bool; MAX_SERVERS],
}

/// The observed message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Message {
    /// The room at the time of the message, as the sending server knew the room.
    pub class: crate::state::Tagged,
    /// The servers that took part when the message was sent.
    pub recipients: [bool; MAX_SERVERS],
    /// The number of the newest event of guest access in transit that the sender of the message knew,
    /// from 1.
    pub access: usize,
    /// The same number for history visibility.
    pub visibility: usize,
}

impl Federated {
    /// Returns the model of `servers` homeservers with at most `in_transit` settings in transit. The
    /// honest servers follow `rules`.
    pub fn new(rules: Profile, federation: Federation, servers: usize, in_transit: usize) -> Self {
        let servers = servers.clamp(2, MAX_SERVERS);
        let mut profiles = vec![rules.clone(); servers];
        if let Some(last) = profiles.last_mut() {
            federation.corrupt(last);
        }
        Self { rules, federation, servers, in_transit: in_transit.max(1), profiles }
    }

    /// Whether the server with this number follows the rules.
    fn is_honest(&self, server: usize) -> bool {
        self.profiles[server] == self.rules
    }
}

impl TransitionSystem for Federated {
    type State = Servers;
    type Action = FederatedAction;

    fn initial_states(&self) -> Vec<Servers> {
        let mut state = initial(&self.rules);
        state.accounts = [Account::Absent; MAX_GUESTS];
        let server = |number: usize| {
            let mut state = state;
            state.accounts[number] = Account::Guest;
            Server {
                takes_part: number == 0,
                state,
                has_message: false,
                outdated: [false; MAX_SERVERS],
            }
        };
        vec![Servers {
            servers: (0..self.servers).map(server).collect(),
            access: SettingHistory::default(),
            visibility: SettingHistory::default(),
            message: None,
        }]
    }

    fn visit_successors(
        &self,
        servers: &Servers,
        visit: &mut dyn FnMut(FederatedAction, Servers, Verdicts),
    ) {
        for action in self.actions(servers) {
            if let Some(outcome) = self.take(servers, &action) {
                let verdicts = self.judge(servers, &action, &outcome);
                visit(action, outcome.after, verdicts);
            }
        }
    }
}
