//! The random choice of the calls that clients make. The same seed leads to the same choices.

use fastrand::Rng;
use guest_access_model::action::{Action, Actor, Key, Message, Operation, Says, Setting, Upgrade};
use guest_access_rules::endpoint::{EndpointId, KNOWN};
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};

/// A chosen call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChosenCall {
    pub(super) step: Action,
    /// The event that the call asks for or redacts.
    pub(super) event: Option<EventChoice>,
    /// Whether the call shows the token of the registration, even after an upgrade or a log out.
    pub(super) first_token: bool,
}

/// The choice of an event among those sent so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventChoice {
    /// The newest event.
    Any,
    /// The newest state event of `send state`.
    Note,
    /// The newest event of this setting.
    Setting(Setting),
}

/// The user of a client, by the number of the client from 1 on.
///
/// Of six clients, two are the moderator and two each guest: the concurrent calls of one user race as
/// much as the calls of two users.
pub(super) const fn role(client: u32) -> Actor {
    match (client - 1) % 6 {
        0 | 4 => Actor::Moderator,
        1 | 3 => Actor::Guest(0),
        _ => Actor::Guest(1),
    }
}

/// The guests of a round.
pub(super) const GUESTS: [u8; 2] = [0, 1];

/// The first calls of a round, one after the other. They prepare the room.
pub(super) fn prelude(rng: &mut Rng) -> Vec<ChosenCall> {
    let mut prelude: Vec<ChosenCall> = GUESTS
        .into_iter()
        .map(|guest| plain(Action::new(Actor::Guest(guest), Operation::Register { named: false })))
        .collect();
    let visibility = rng.choice(HistoryVisibility::ALL).copied();
    prelude.extend(visibility.map(set_visibility));
    prelude.push(moderator(Operation::Send(Message::Message)));
    if rng.u8(0..4) > 0 {
        prelude.push(set_guest_access(GuestAccess::CanJoin));
    }
    for guest in GUESTS {
        if rng.bool() {
            prelude.push(plain(
                Action::new(Actor::Guest(guest), Operation::Join(MembershipEndpoint::Own)).at(0),
            ));
        }
    }
    prelude
}

/// A call that ends the guest account: an upgrade or a log out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AccountEnding {
    guest: u8,
    operation: Operation,
    /// The number of calls of the round before the ending.
    after: usize,
}

/// Chooses when in a round of so many calls each guest account ends. An early end would prevent most other
/// calls of the guest; a late end would overlap no other call.
pub(super) fn endings(calls: usize, rng: &mut Rng) -> Vec<AccountEnding> {
    let mut endings = Vec::new();
    for guest in GUESTS {
        // By most revisions only an upgraded guest may log out.
        let upgrade = (Operation::Upgrade(Upgrade::Own(guest)), calls / 4..=calls / 2);
        let log_out = (Operation::LogOut, calls / 2..=calls * 3 / 4);
        for (operation, when) in [upgrade, log_out] {
            if rng.u8(0..3) > 0 {
                endings.push(AccountEnding { guest, operation, after: rng.usize(when) });
            }
        }
    }
    endings
}

/// Chooses the next call of a client after `made` calls of the round: an account ending if one is due.
pub(super) fn next(
    role: Actor,
    made: usize,
    due: &mut Vec<AccountEnding>,
    rng: &mut Rng,
) -> ChosenCall {
    let Actor::Guest(guest) = role else { return by_moderator(rng) };
    match due.iter().position(|ending| ending.guest == guest && ending.after <= made) {
        Some(at) => plain(Action::new(role, due.swap_remove(at).operation)),
        // A client that does not know of an upgrade goes on with the old token.
        None => ChosenCall { first_token: rng.u8(0..6) == 0, ..by_guest(guest, rng) },
    }
}

fn by_moderator(rng: &mut Rng) -> ChosenCall {
    let guest = rng.choice(GUESTS).unwrap_or_default();
    match rng.u8(0..24) {
        0..=3 => set_guest_access(GuestAccess::Forbidden),
        4..=7 => set_guest_access(GuestAccess::CanJoin),
        8..=10 => set_visibility(HistoryVisibility::WorldReadable),
        11..=13 => set_visibility(
            rng.choice(HistoryVisibility::ALL).copied().unwrap_or(HistoryVisibility::Shared),
        ),
        14..=17 => moderator(Operation::Send(Message::Message)),
        18 => moderator(Operation::SendState),
        19 | 20 => moderator(Operation::Invite(guest)),
        21 => moderator(Operation::Kick(guest)),
        22 => redact(Setting::GuestAccess),
        _ => redact(Setting::HistoryVisibility),
    }
}

fn by_guest(guest: u8, rng: &mut Rng) -> ChosenCall {
    let here = |operation| plain(Action::new(Actor::Guest(guest), operation).at(0));
    let nowhere = |operation| plain(Action::new(Actor::Guest(guest), operation));
    let read =
        |id| Operation::Read(EndpointId::find(id).expect("the table lists what guests read by"));
    let one = |chosen: ChosenCall, which| ChosenCall { event: Some(which), ..chosen };
    match rng.u8(0..32) {
        0..=5 => here(Operation::Join(MembershipEndpoint::Own)),
        6 => here(Operation::Join(MembershipEndpoint::StateEvent)),
        7 | 8 => here(Operation::Leave(MembershipEndpoint::Own)),
        9..=11 => here(Operation::Send(Message::Message)),
        12..=17 => here(Operation::Read(KNOWN.messages)),
        18 | 19 => here(read("GET /rooms/{roomId}/initialSync")),
        20 => here(read("GET /events")),
        21 | 22 => nowhere(read("GET /sync")),
        23 => here(read("GET /rooms/{roomId}/state")),
        24 => {
            one(here(read("GET /rooms/{roomId}/state/{eventType}/{stateKey}")), EventChoice::Note)
        }
        25 | 26 => one(here(Operation::Read(KNOWN.event)), EventChoice::Any),
        27 => one(here(read("GET /rooms/{roomId}/context/{eventId}")), EventChoice::Any),
        _ => nowhere(Operation::WhoAmI),
    }
}

const fn plain(step: Action) -> ChosenCall {
    ChosenCall { step, event: None, first_token: false }
}

const fn moderator(operation: Operation) -> ChosenCall {
    plain(Action::new(Actor::Moderator, operation).at(0))
}

const fn set_visibility(value: HistoryVisibility) -> ChosenCall {
    moderator(Operation::SetVisibility(Says::Value(value), Key::Empty))
}

const fn set_guest_access(value: GuestAccess) -> ChosenCall {
    moderator(Operation::SetGuestAccess(Says::Value(value), Key::Empty))
}

const fn redact(setting: Setting) -> ChosenCall {
    ChosenCall {
        event: Some(EventChoice::Setting(setting)),
        ..moderator(Operation::RedactSetting(setting))
    }
}
