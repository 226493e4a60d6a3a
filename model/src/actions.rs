//! Every action of the sequential model: which actors try what, where, and with which token.

use std::collections::{BTreeMap, BTreeSet};

use crate::action::{
    Action, Actor, Credential, Key, Message, Operation, ProfileKey, Says, Setting, Upgrade,
};
use crate::state::Scope;
use guest_access_rules::endpoint::{Auth, EndpointId, Gives, KNOWN};
use guest_access_rules::profile::{Access, Profile};
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, JoinRule};

/// The equivalence classes of endpoints under `profiles`. The first member of a class represents it.
///
/// Two endpoints are equivalent if they have the same `gives`, the same `auth` and the same access in
/// every profile. The decision functions read nothing else of an endpoint without an operation of its
/// own. So a call of the first member gets the decision of every member.
pub fn endpoint_classes(profiles: &[&Profile]) -> Vec<Vec<EndpointId>> {
    let mut classes: BTreeMap<(Option<Gives>, Auth, Vec<Access>), Vec<EndpointId>> =
        BTreeMap::new();
    let declared = profiles.iter().flat_map(|profile| profile.every_endpoint());
    let endpoints: BTreeSet<EndpointId> = EndpointId::all().chain(declared).collect();
    for endpoint in endpoints.into_iter().filter(|endpoint| !has_its_own_operation(*endpoint)) {
        let access = profiles.iter().map(|profile| profile.access(endpoint)).collect();
        let of = endpoint.get();
        classes.entry((of.gives, of.auth, access)).or_default().push(endpoint);
    }
    classes.into_values().collect()
}

/// Whether an operation other than [`Operation::Call`] and [`Operation::Read`] calls the endpoint.
pub fn has_its_own_operation(endpoint: EndpointId) -> bool {
    let own = [
        KNOWN.register,
        KNOWN.logout,
        KNOWN.deactivate,
        KNOWN.whoami,
        KNOWN.set_profile,
        KNOWN.put_state,
        KNOWN.send,
        KNOWN.join,
        KNOWN.join_by_alias,
        KNOWN.leave,
        KNOWN.knock,
    ];
    own.contains(&endpoint)
}

/// Every action of the sequential model at `scope`, in a fixed order, with one endpoint for each
/// equivalence class under `profiles`.
pub fn actions(scope: Scope, profiles: &[&Profile]) -> Vec<Action> {
    let classes = endpoint_classes(profiles);
    let firsts: Vec<EndpointId> = classes.iter().map(|class| class[0]).collect();
    let mut actions = Vec::new();
    account_actions(&mut actions, scope);
    let depends_on_the_room = |endpoint: &EndpointId| {
        profiles.iter().any(|profile| profile.access(*endpoint).depends_on_the_room())
    };
    let calls = firsts.iter().copied().filter(|endpoint| endpoint.get().gives.is_none());
    let (about_a_room, others): (Vec<_>, Vec<_>) = calls.partition(depends_on_the_room);
    call_actions(&mut actions, scope, &others, None);
    for room in scope.rooms() {
        call_actions(&mut actions, scope, &about_a_room, Some(room));
        moderator_actions(&mut actions, scope, room);
        actions.extend(
            [
                Operation::SetVisibility(Says::Value(HistoryVisibility::WorldReadable), Key::Empty),
                Operation::SetGuestAccess(Says::Value(GuestAccess::Forbidden), Key::Empty),
                Operation::Join(MembershipEndpoint::Own),
            ]
            .map(|operation| Action::new(Actor::User, operation).at(room)),
        );
        for guest in scope.guests() {
            guest_actions(&mut actions, guest, room);
        }
        read_actions(&mut actions, scope, room, &firsts);
    }
    actions
}

/// Every plain call and every read of these endpoints, also of those that an operation of its own calls
/// for some actors. A call names a room if the endpoint does.
pub fn calls_of(scope: Scope, endpoints: &[EndpointId]) -> Vec<Action> {
    let plain = endpoints.iter().copied().filter(|endpoint| !has_its_own_operation(*endpoint));
    let (reads, calls): (Vec<_>, Vec<_>) = plain.partition(|of| of.get().gives.is_some());
    let (of_a_room, others): (Vec<_>, Vec<_>) =
        calls.into_iter().partition(|endpoint| endpoint.get().names_a_room());
    let mut actions = Vec::new();
    call_actions(&mut actions, scope, &others, None);
    for room in scope.rooms() {
        call_actions(&mut actions, scope, &of_a_room, Some(room));
        read_actions(&mut actions, scope, room, &reads);
    }
    actions
}

fn account_actions(actions: &mut Vec<Action>, scope: Scope) {
    for guest in scope.guests() {
        let by_guest = |operation| Action::new(Actor::Guest(guest), operation);
        actions.extend([
            by_guest(Operation::Register { named: false }),
            by_guest(Operation::Register { named: true }),
            Action::new(Actor::Nobody, Operation::RegisterOver(guest)),
            by_guest(Operation::Upgrade(Upgrade::Own(guest))),
            by_guest(Operation::Upgrade(Upgrade::OtherName(guest))),
            Action::new(Actor::Nobody, Operation::Upgrade(Upgrade::MadeUpToken(guest))),
        ]);
        for other in scope.guests().filter(|other| *other != guest) {
            let operation = Operation::Upgrade(Upgrade::OthersToken { of: guest, with: other });
            actions.push(Action::new(Actor::Guest(other), operation));
        }
        actions.extend([
            by_guest(Operation::LogOut),
            by_guest(Operation::Deactivate),
            Action::new(Actor::Server, Operation::EndToken(guest)),
            by_guest(Operation::WhoAmI),
            by_guest(Operation::WhoAmI).with(Credential::BeforeUpgrade),
            by_guest(Operation::SetProfile { key: ProfileKey::DisplayName, own: true }),
            by_guest(Operation::SetProfile { key: ProfileKey::DisplayName, own: false }),
            by_guest(Operation::SetProfile { key: ProfileKey::AvatarUrl, own: true }),
        ]);
    }
    actions.push(Action::new(Actor::User, Operation::WhoAmI));
    actions.push(Action::new(Actor::Nobody, Operation::WhoAmI));
    actions.push(Action::new(Actor::Server, Operation::Restart));
}

/// The calls of these endpoints, about a room where the access depends on the room.
fn call_actions(
    actions: &mut Vec<Action>,
    scope: Scope,
    endpoints: &[EndpointId],
    room: Option<u8>,
) {
    for endpoint in endpoints.iter().copied() {
        let call = |by| {
            let action = Action::new(by, Operation::Call(endpoint));
            room.map_or(action, |room| action.at(room))
        };
        actions.push(call(Actor::Nobody));
        actions.push(call(Actor::User));
        for guest in scope.guests() {
            let action = call(Actor::Guest(guest));
            actions.extend([
                action,
                action.with(Credential::BeforeUpgrade),
                action.with(Credential::Masquerade),
            ]);
        }
    }
}

fn moderator_actions(actions: &mut Vec<Action>, scope: Scope, room: u8) {
    let mut push = |operation: Operation| {
        let action = Action::new(Actor::Moderator, operation).at(room);
        actions.push(action);
        if room == 0 && operation.sends().is_some() {
            actions.push(action.tagged());
        }
    };
    // A shortest trace takes the first of several actions that lead to a state: plain events come first.
    push(Operation::Send(Message::Message));
    push(Operation::SendState);
    let visibilities = HistoryVisibility::ALL.iter().map(|value| Says::Value(*value));
    for says in visibilities.chain([Says::Unknown, Says::Malformed]) {
        push(Operation::SetVisibility(says, Key::Empty));
    }
    let guest_accesses = GuestAccess::ALL.iter().map(|value| Says::Value(*value));
    for says in guest_accesses.chain([Says::Unknown, Says::Malformed]) {
        push(Operation::SetGuestAccess(says, Key::Empty));
    }
    // Under a key that does not count: values that would open the room, or remove the guests.
    for key in [Key::Wrong, Key::Message] {
        push(Operation::SetVisibility(Says::Value(HistoryVisibility::WorldReadable), key));
        push(Operation::SetGuestAccess(Says::Value(GuestAccess::CanJoin), key));
        push(Operation::SetGuestAccess(Says::Value(GuestAccess::Forbidden), key));
    }
    push(Operation::RedactSetting(Setting::HistoryVisibility));
    push(Operation::RedactSetting(Setting::GuestAccess));
    for rule in JoinRule::ALL {
        push(Operation::SetJoinRule(*rule));
    }
    for guest in scope.guests() {
        push(Operation::Invite(guest));
        push(Operation::Kick(guest));
        push(Operation::Ban(guest));
        push(Operation::Unban(guest));
    }
}

fn guest_actions(actions: &mut Vec<Action>, guest: u8, room: u8) {
    let mut push = |operation: Operation| {
        let action = Action::new(Actor::Guest(guest), operation).at(room);
        actions.push(action);
        if room == 0 && matches!(operation, Operation::Join(_) | Operation::Leave(_)) {
            actions.push(action.tagged());
        }
    };
    push(Operation::SetVisibility(Says::Value(HistoryVisibility::WorldReadable), Key::Empty));
    push(Operation::SetGuestAccess(Says::Value(GuestAccess::Forbidden), Key::Empty));
    for message in Message::ALL {
        push(Operation::Send(*message));
    }
    push(Operation::SendState);
    for way in MembershipEndpoint::ALL {
        push(Operation::Join(*way));
    }
    for way in [MembershipEndpoint::Own, MembershipEndpoint::StateEvent] {
        push(Operation::Leave(way));
        push(Operation::Knock(way));
    }
    if room == 0 {
        for way in [MembershipEndpoint::Own, MembershipEndpoint::Alias] {
            actions.push(Action::new(Actor::Guest(guest), Operation::Join(way)).elsewhere());
        }
    }
}

fn read_actions(actions: &mut Vec<Action>, scope: Scope, room: u8, firsts: &[EndpointId]) {
    for endpoint in firsts.iter().copied() {
        let Some(gives) = endpoint.get().gives else {
            continue;
        };
        let operation = Operation::Read(endpoint);
        let guests = scope.guests().map(|guest| Action::new(Actor::Guest(guest), operation));
        let others = [Action::new(Actor::User, operation)];
        for action in guests.chain(others) {
            if gives != Gives::Sync {
                actions.push(action.at(room));
            }
            if room == 0 && matches!(gives, Gives::Sync | Gives::Stream) {
                actions.push(action);
            }
            let own = action.with == Credential::Own && matches!(action.by, Actor::Guest(_));
            if room == 0 && own && gives != Gives::Sync {
                actions.push(action.elsewhere());
            }
        }
    }
    if room != 0 {
        actions.extend(scope.guests().map(|guest| {
            Action::new(Actor::Guest(guest), Operation::ReadThroughOtherRoom).at(room)
        }));
    }
}
