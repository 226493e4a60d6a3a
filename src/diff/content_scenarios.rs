//! Scenarios for what the vectors need not tell apart: the content of answers depends on more of a history
//! than any decision does.

use guest_access_model::action::{
    Action, Actor, Key, Message, Operation, ProfileKey, Says, Upgrade,
};
use guest_access_model::decide::initial;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, MembershipEndpoint};

use crate::subject::server::setting_shapes;

use super::taken_step::{TakenStep, take_steps};

/// The scenarios, each with its id. A step that the rules refuse is left out.
pub(super) fn content_scenarios(profile: &Profile) -> [(&'static str, Vec<Action>); 6] {
    [
        ("content-between-stays", between_stays()),
        ("content-erased", erased()),
        ("content-forgotten", forgotten()),
        ("content-news", news()),
        ("content-threads", threads()),
        ("content-unknown-visibility", unknown_visibility()),
    ]
    .map(|(id, steps)| (id, allowed(profile, &steps)))
}

/// Two syncs with messages between them, for a guest and a user who stay joined, and for a guest who is
/// removed before the last messages. That guest reads the last one in a room that everybody may read, and finds the
/// room in the directory. A list of joined members, while somebody is invited and has a new name.
fn news() -> Vec<Action> {
    let syncs = [by_guest(0, read("GET /sync")), by_user(read("GET /sync"))];
    let members = read("GET /rooms/{roomId}/joined_members");
    let mut steps = open_room();
    steps.extend([by_guest(1, REGISTER), by_moderator(Operation::Invite(1)), by_guest(1, NAMED)]);
    steps.push(by_user(members).at(0));
    steps.extend(syncs);
    steps.extend([by_moderator(MESSAGE), by_moderator(Operation::SendState)]);
    steps.extend(syncs);
    steps.extend([by_moderator(Operation::Kick(0)), by_moderator(MESSAGE)]);
    steps.extend([by_moderator(Operation::SendState), syncs[0]]);
    steps.push(set_visibility(HistoryVisibility::WorldReadable));
    steps.push(Action { tag: true, ..by_moderator(MESSAGE) });
    steps.push(by_guest(0, read("GET /rooms/{roomId}/messages")).at(0));
    steps.push(by_guest(0, Operation::Call(known("GET /publicRooms"))));
    steps
}

/// A former guest sends a message, and erases its account. A guest who was joined before and one who joins afterwards
/// read the message.
fn erased() -> Vec<Action> {
    let mut steps = open_room();
    steps.extend([by_guest(1, REGISTER), by_guest(2, REGISTER), by_guest(1, JOIN).at(0)]);
    steps.extend([by_guest(0, Operation::Upgrade(Upgrade::Own(0))), by_guest(0, MESSAGE).at(0)]);
    steps.extend([by_guest(0, Operation::Deactivate), by_guest(2, JOIN).at(0)]);
    let messages = read("GET /rooms/{roomId}/messages");
    steps.extend([1, 2].map(|guest| by_guest(guest, messages).at(0)));
    steps
}

/// A guest becomes a user, leaves, is not told what happens then, and forgets the room.
fn forgotten() -> Vec<Action> {
    let sync = by_guest(0, read("GET /sync"));
    let forget = Operation::Call(known("POST /rooms/{roomId}/forget"));
    let mut steps = open_room();
    steps.extend([by_guest(0, Operation::Upgrade(Upgrade::Own(0))), by_moderator(MESSAGE), sync]);
    let leave = Operation::Leave(MembershipEndpoint::Own);
    steps.extend([by_guest(0, leave).at(0), by_moderator(MESSAGE), sync, by_guest(0, forget)]);
    steps
}

/// Two guests leave, one of them by a kick, and miss a message and the arrival of a third. They read as former
/// members. The one who was kicked takes a new name, and the other reads again after it has joined anew. It has
/// a new name too, and the third joined by a state event, when a revocation removes both. In another room, the
/// two stay joined all the time.
fn between_stays() -> Vec<Action> {
    let mut steps = open_room();
    steps.push(set_visibility(HistoryVisibility::Joined));
    steps.extend([by_guest(1, REGISTER), by_guest(2, REGISTER), by_guest(1, JOIN).at(0)]);
    steps.extend([CAN_JOIN.at(1), by_guest(0, JOIN).at(1), by_guest(1, JOIN).at(1)]);
    steps.push(by_moderator(MESSAGE));
    let leave = Operation::Leave(MembershipEndpoint::Own);
    steps.extend([by_guest(0, leave).at(0), by_moderator(Operation::Kick(1))]);
    let join = Operation::Join(MembershipEndpoint::StateEvent);
    steps.extend([by_moderator(MESSAGE), by_guest(2, join).at(0)]);
    let reads = |guest: u8| READS.map(|endpoint| by_guest(guest, read(endpoint)).at(0));
    steps.extend(reads(0).into_iter().chain(reads(1)));
    steps.extend([by_guest(1, NAMED), by_guest(0, JOIN).at(0)]);
    steps.extend(reads(0));
    let forbidden = Operation::SetGuestAccess(Says::Value(GuestAccess::Forbidden), Key::Empty);
    steps.extend([by_guest(0, NAMED), by_moderator(forbidden)]);
    steps
}

/// A thread whose events are sent under several settings. Of three former guests, one leaves before the last event
/// of the thread, one stays, and one was never in the room. They read the thread by each endpoint.
fn threads() -> Vec<Action> {
    let leave = Operation::Leave(MembershipEndpoint::Own);
    let mut steps = open_room();
    steps.extend([by_guest(1, REGISTER), by_guest(2, REGISTER), by_moderator(MESSAGE)]);
    steps.extend([by_moderator(REPLY), set_visibility(HistoryVisibility::Joined)]);
    steps.extend([by_moderator(REPLY), by_guest(1, JOIN).at(0), by_guest(0, leave).at(0)]);
    steps.extend([by_moderator(REPLY), set_visibility(HistoryVisibility::WorldReadable)]);
    steps.push(by_moderator(REPLY));
    steps.extend([0, 1, 2].map(|guest| by_guest(guest, Operation::Upgrade(Upgrade::Own(guest)))));
    for endpoint in RELATED {
        steps.extend([0, 1, 2].map(|guest| by_guest(guest, read(endpoint)).at(0)));
    }
    steps
}

/// Values of the history visibility that nobody knows follow one that shows less, and one that shows more. A
/// guest who joined later and one who never joined read what was sent under them.
fn unknown_visibility() -> Vec<Action> {
    let in_every_shape = |says| {
        let set = by_moderator(Operation::SetVisibility(says, Key::Empty));
        [set, by_moderator(MESSAGE)].repeat(setting_shapes(&set))
    };
    let unknown: Vec<_> =
        [Says::Unknown, Says::Malformed].into_iter().flat_map(in_every_shape).collect();
    let mut steps = vec![set_visibility(HistoryVisibility::Joined)];
    steps.extend(&unknown);
    steps.push(set_visibility(HistoryVisibility::WorldReadable));
    steps.extend(unknown);
    steps.push(set_visibility(HistoryVisibility::WorldReadable));
    let messages = read("GET /rooms/{roomId}/messages");
    steps.extend([by_guest(1, REGISTER), by_guest(1, messages).at(0)]);
    steps.extend(open_room());
    steps.extend([by_guest(0, messages).at(0), by_guest(0, read("GET /sync"))]);
    steps
}

/// The endpoints that give the timeline or the members of a room.
const READS: [&str; 4] = [
    "GET /rooms/{roomId}/initialSync",
    "GET /rooms/{roomId}/messages",
    "GET /rooms/{roomId}/members",
    "GET /rooms/{roomId}/state",
];

/// The endpoints that give a thread, or the threads of a room.
const RELATED: [&str; 4] = [
    "GET /rooms/{roomId}/relations/{eventId}",
    "GET /rooms/{roomId}/relations/{eventId}/{relType}",
    "GET /rooms/{roomId}/relations/{eventId}/{relType}/{eventType}",
    "GET /rooms/{roomId}/threads",
];

/// The first guest joins a room that guests may join.
fn open_room() -> Vec<Action> {
    vec![
        CAN_JOIN,
        set_visibility(HistoryVisibility::Shared),
        by_guest(0, REGISTER),
        by_guest(0, JOIN).at(0),
    ]
}

fn set_visibility(visibility: HistoryVisibility) -> Action {
    by_moderator(Operation::SetVisibility(Says::Value(visibility), Key::Empty))
}

const JOIN: Operation = Operation::Join(MembershipEndpoint::Own);

/// The moderator lets guests join the first room.
const CAN_JOIN: Action =
    by_moderator(Operation::SetGuestAccess(Says::Value(GuestAccess::CanJoin), Key::Empty));
const NAMED: Operation = Operation::SetProfile { key: ProfileKey::DisplayName, own: true };
const REGISTER: Operation = Operation::Register { named: false };
/// The event is in the thread of the moderator's first message.
const REPLY: Operation = Operation::Send(Message::Other);
const MESSAGE: Operation = Operation::Send(Message::Message);

const fn by_moderator(operation: Operation) -> Action {
    Action::new(Actor::Moderator, operation).at(0)
}

fn by_guest(guest: u8, operation: Operation) -> Action {
    Action::new(Actor::Guest(guest), operation)
}

fn by_user(operation: Operation) -> Action {
    Action::new(Actor::User, operation)
}

fn read(endpoint: &str) -> Operation {
    Operation::Read(known(endpoint))
}

fn known(endpoint: &str) -> EndpointId {
    EndpointId::find(endpoint).expect("the endpoint is in `rules/endpoints.toml`")
}

/// The steps that the rules allow, in their order.
fn allowed(profile: &Profile, steps: &[Action]) -> Vec<Action> {
    let taken = take_steps(profile, initial(profile), steps);
    taken.filter(TakenStep::is_allowed).map(|taken| taken.step).collect()
}

#[cfg(test)]
mod tests {
    use guest_access_rules::rules::Rules;

    use super::*;

    #[test]
    fn the_rules_in_force_allow_every_step() {
        let profile = Rules::find("latest").unwrap().profile();
        let lengths = content_scenarios(&profile).map(|(_, steps)| steps.len());
        assert_eq!(
            lengths,
            [between_stays(), erased(), forgotten(), news(), threads(), unknown_visibility()]
                .map(|steps| steps.len())
        );
    }
}
