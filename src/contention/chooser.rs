//! Which calls clients make: chosen at random, the same for the same seed.

use fastrand::Rng;
use guest_access_model::action::{Action, Actor, Key, Message, Operation, Says, Setting, Upgrade};
use guest_access_rules::endpoint::{EndpointId, KNOWN};
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};

/// A call that a client is to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChosenCall {
    pub(super) step: Action,
    /// Which event it names, if it names one.
    pub(super) names: Option<EventChoice>,
    /// Whether it shows the token of the registration, whatever became of that.
    pub(super) first_token: bool,
}

/// Which of the events that were sent by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventChoice {
    /// Any one.
    Any,
    /// A note.
    Note,
    /// The newest that is this setting.
    Setting(Setting),
}

/// What a client is, by its number from 1 on.
///
/// Two clients are the moderator and two are each guest before there are others: what one user does
/// at once is raced for as much as what several do.
pub(super) const fn role(client: u32) -> Actor {
    match (client - 1) % 6 {
        0 | 4 => Actor::Moderator,
        1 | 3 => Actor::Guest(0),
        _ => Actor::Guest(1),
    }
}

/// The guests that take part.
pub(super) const GUESTS: [u8; 2] = [0, 1];

/// What is done first, one call after the other: a room as it may be when guests come to it.
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

/// A call by which a guest's time as a guest ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AccountEnding {
    guest: u8,
    operation: Operation,
    /// How many calls of the round are made before it.
    after: usize,
}

/// When in a round of so many calls the time of each guest ends: not at first, for it ends most of
/// what could be seen of it, and not at last, when nothing would be in flight that could outlive it.
pub(super) fn endings(calls: usize, rng: &mut Rng) -> Vec<AccountEnding> {
    let mut endings = Vec::new();
    for guest in GUESTS {
        // By most revisions only who has upgraded may log out.
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

/// The next call of a client, when so many of the round were made; it takes an ending that is due.
pub(super) fn next(
    role: Actor,
    made: usize,
    due: &mut Vec<AccountEnding>,
    rng: &mut Rng,
) -> ChosenCall {
    let Actor::Guest(guest) = role else { return by_moderator(rng) };
    match due.iter().position(|ending| ending.guest == guest && ending.after <= made) {
        Some(at) => plain(Action::new(role, due.swap_remove(at).operation)),
        // A client that does not know of an upgrade goes on with the token that it has.
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
    let one = |chosen: ChosenCall, which| ChosenCall { names: Some(which), ..chosen };
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
    ChosenCall { step, names: None, first_token: false }
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
        names: Some(EventChoice::Setting(setting)),
        ..moderator(Operation::RedactSetting(setting))
    }
}
