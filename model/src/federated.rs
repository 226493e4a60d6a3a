//! The federated model: two or three homeservers in one room, and every order in which what they
//! send reaches the others.
//!
//! Each server has its own state, as the sequential rules know it
//! ([`decide::outcome`](crate::decide::outcome) decides everything here too): its own guest is a guest
//! there, and everybody else's is a user like any other, since nobody tells who is a guest elsewhere.
//! An event that arrives is the step of its sender, taken on the state of the server that it reaches;
//! a revocation that arrives removes the guest of that server. Events arrive late, out of order, more
//! than once. The event that counts is the one that state resolution picks: of two of which one was
//! sent in the knowledge of the other, the later; of two that knew nothing of each other, either, but
//! the same on every server (`history`).
//!
//! Histories have no bound; the number of settings on their way at once has ([`Federated::new`]).

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

pub use actions::{Delivered, FederatedAction};
pub use delivery::moderators_action;
pub use history::{History, Setting};
pub use trace::FederatedTraceStep;

/// The most homeservers: each has one guest.
pub const MAX_SERVERS: usize = MAX_GUESTS;

/// Some homeservers in one room.
#[derive(Debug)]
pub struct Federated {
    rules: Profile,
    federation: Federation,
    servers: usize,
    on_their_way: usize,
    /// What each server does.
    profiles: Vec<Profile>,
}

/// What all homeservers know, and what is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Servers {
    /// Each homeserver.
    pub servers: Vec<Server>,
    /// The events of guest access that not every server has.
    pub access: History,
    /// The events of history visibility that not every server has.
    pub visibility: History,
    /// The message that is followed, once it was sent.
    pub message: Option<Message>,
}

/// One homeserver.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Server {
    /// Whether it takes part in the room: one of its users has joined.
    pub takes_part: bool,
    /// Its state. The guest with its own number is its own; of the others it knows the membership.
    pub state: State,
    /// Whether it has the message.
    pub has_message: bool,
    /// Of which guests of others a change of membership has not reached it.
    pub outdated: [bool; MAX_SERVERS],
}

/// The message that is followed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Message {
    /// What it was sent under, as the server that sent it knew the room.
    pub class: crate::state::Tagged,
    /// Which servers took part when it was sent.
    pub sent_to: [bool; MAX_SERVERS],
    /// How many of the events of guest access on their way it was sent in the knowledge of: the
    /// newest of them, counted from 1.
    pub access: usize,
    /// The same, of history visibility.
    pub visibility: usize,
}

impl Federated {
    /// The model of so many homeservers, of which the honest ones do as `rules` says, with at most
    /// `on_their_way` settings that have not reached everyone.
    pub fn new(
        rules: Profile,
        federation: Federation,
        servers: usize,
        on_their_way: usize,
    ) -> Self {
        let servers = servers.clamp(2, MAX_SERVERS);
        let mut profiles = vec![rules.clone(); servers];
        if let Some(last) = profiles.last_mut() {
            federation.corrupt(last);
        }
        Self { rules, federation, servers, on_their_way: on_their_way.max(1), profiles }
    }

    /// Whether the server with this number keeps the rules, as far as anybody knows.
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
            access: History::default(),
            visibility: History::default(),
            message: None,
        }]
    }

    fn visit_successors(
        &self,
        servers: &Servers,
        visit: &mut dyn FnMut(FederatedAction, Servers, Verdicts),
    ) {
        for happens in self.actions(servers) {
            if let Some(taken) = self.take(servers, &happens) {
                let verdicts = self.judge(servers, &happens, &taken);
                visit(happens, taken.after, verdicts);
            }
        }
    }
}
