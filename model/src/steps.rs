//! Every step that the model takes: which actors try what, where, and with which token.

use std::collections::BTreeMap;

use crate::state::Scope;
use crate::step::{Act, Actor, Credential, Key, Message, ProfileKey, Says, Setting, Step, Upgrade};
use guest_access_rules::endpoint::{Auth, EndpointId, Gives, KNOWN};
use guest_access_rules::profile::{Access, Profile};
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, JoinRule};

/// The endpoints that no profile of `profiles` can tell apart, each class with its members, the
/// first of which stands for all.
///
/// A class of endpoints that give a room's content has the same `gives` and the same access; one of
/// those that give none has the same `auth` and the same access. The decision functions look at
/// nothing else of an endpoint that has no step of its own, so asking the first is asking all.
pub fn endpoint_classes(profiles: &[&Profile]) -> Vec<Vec<EndpointId>> {
    let mut classes: BTreeMap<(Option<Gives>, Auth, Vec<Access>), Vec<EndpointId>> =
        BTreeMap::new();
    for endpoint in EndpointId::all().filter(|endpoint| !has_a_step_of_its_own(*endpoint)) {
        let access = profiles.iter().map(|profile| profile.access(endpoint)).collect();
        let of = endpoint.get();
        classes.entry((of.gives, of.auth, access)).or_default().push(endpoint);
    }
    classes.into_values().collect()
}

/// Whether an act other than [`Act::Call`] and [`Act::Read`] calls the endpoint.
pub fn has_a_step_of_its_own(endpoint: EndpointId) -> bool {
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

/// Every step of the sequential model at `scope`, in a fixed order, with one endpoint for each class
/// that no profile of `profiles` can tell apart.
pub fn steps(scope: Scope, profiles: &[&Profile]) -> Vec<Step> {
    let classes = endpoint_classes(profiles);
    let firsts: Vec<EndpointId> = classes.iter().map(|class| class[0]).collect();
    let mut steps = Vec::new();
    account_steps(&mut steps, scope);
    call_steps(&mut steps, scope, &firsts);
    for room in scope.rooms() {
        moderator_steps(&mut steps, scope, room);
        steps.extend(
            [
                Act::SetVisibility(Says::Value(HistoryVisibility::WorldReadable), Key::Empty),
                Act::SetGuestAccess(Says::Value(GuestAccess::Forbidden), Key::Empty),
                Act::Join(MembershipEndpoint::Own),
            ]
            .map(|act| Step::new(Actor::User, act).at(room)),
        );
        for guest in scope.guests() {
            guest_steps(&mut steps, guest, room);
        }
        read_steps(&mut steps, scope, room, &firsts);
    }
    steps
}

fn account_steps(steps: &mut Vec<Step>, scope: Scope) {
    for guest in scope.guests() {
        let by_guest = |act| Step::new(Actor::Guest(guest), act);
        steps.extend([
            by_guest(Act::Register { named: false }),
            by_guest(Act::Register { named: true }),
            Step::new(Actor::Nobody, Act::RegisterOver(guest)),
            by_guest(Act::Upgrade(Upgrade::Own(guest))),
            by_guest(Act::Upgrade(Upgrade::OtherName(guest))),
            Step::new(Actor::Nobody, Act::Upgrade(Upgrade::MadeUpToken(guest))),
        ]);
        for other in scope.guests().filter(|other| *other != guest) {
            let act = Act::Upgrade(Upgrade::OthersToken { of: guest, with: other });
            steps.push(Step::new(Actor::Guest(other), act));
        }
        steps.extend([
            by_guest(Act::LogOut),
            by_guest(Act::Deactivate),
            Step::new(Actor::Server, Act::EndToken(guest)),
            by_guest(Act::WhoAmI),
            by_guest(Act::WhoAmI).with(Credential::BeforeUpgrade),
            by_guest(Act::SetProfile { key: ProfileKey::DisplayName, own: true }),
            by_guest(Act::SetProfile { key: ProfileKey::DisplayName, own: false }),
            by_guest(Act::SetProfile { key: ProfileKey::AvatarUrl, own: true }),
        ]);
    }
    steps.push(Step::new(Actor::User, Act::WhoAmI));
    steps.push(Step::new(Actor::Nobody, Act::WhoAmI));
    steps.push(Step::new(Actor::Server, Act::Restart));
}

fn call_steps(steps: &mut Vec<Step>, scope: Scope, firsts: &[EndpointId]) {
    for endpoint in firsts.iter().copied().filter(|endpoint| endpoint.get().gives.is_none()) {
        let act = Act::Call(endpoint);
        steps.push(Step::new(Actor::Nobody, act));
        steps.push(Step::new(Actor::User, act));
        for guest in scope.guests() {
            let step = Step::new(Actor::Guest(guest), act);
            steps.extend([
                step,
                step.with(Credential::BeforeUpgrade),
                step.with(Credential::Masquerade),
            ]);
        }
    }
}

fn moderator_steps(steps: &mut Vec<Step>, scope: Scope, room: u8) {
    let mut push = |act: Act| {
        let step = Step::new(Actor::Moderator, act).at(room);
        steps.push(step);
        if room == 0 && act.sends().is_some() {
            steps.push(step.tagged());
        }
    };
    // The first way to a thing is the one that stories take: plain events come first.
    push(Act::Send(Message::Message));
    push(Act::SendState);
    let visibilities = HistoryVisibility::ALL.iter().map(|value| Says::Value(*value));
    for says in visibilities.chain([Says::Unknown, Says::Malformed]) {
        push(Act::SetVisibility(says, Key::Empty));
    }
    let guest_accesses = GuestAccess::ALL.iter().map(|value| Says::Value(*value));
    for says in guest_accesses.chain([Says::Unknown, Says::Malformed]) {
        push(Act::SetGuestAccess(says, Key::Empty));
    }
    // Under a key that does not count: what would open the room, or end the guests' stay.
    for key in [Key::Wrong, Key::Message] {
        push(Act::SetVisibility(Says::Value(HistoryVisibility::WorldReadable), key));
        push(Act::SetGuestAccess(Says::Value(GuestAccess::CanJoin), key));
        push(Act::SetGuestAccess(Says::Value(GuestAccess::Forbidden), key));
    }
    push(Act::RedactSetting(Setting::HistoryVisibility));
    push(Act::RedactSetting(Setting::GuestAccess));
    for rule in JoinRule::ALL {
        push(Act::SetJoinRule(*rule));
    }
    for guest in scope.guests() {
        push(Act::Invite(guest));
        push(Act::Kick(guest));
        push(Act::Ban(guest));
        push(Act::Unban(guest));
    }
}

fn guest_steps(steps: &mut Vec<Step>, guest: u8, room: u8) {
    let mut push = |act: Act| {
        let step = Step::new(Actor::Guest(guest), act).at(room);
        steps.push(step);
        if room == 0 && matches!(act, Act::Join(_) | Act::Leave(_)) {
            steps.push(step.tagged());
        }
    };
    push(Act::SetVisibility(Says::Value(HistoryVisibility::WorldReadable), Key::Empty));
    push(Act::SetGuestAccess(Says::Value(GuestAccess::Forbidden), Key::Empty));
    for message in Message::ALL {
        push(Act::Send(*message));
    }
    push(Act::SendState);
    for way in MembershipEndpoint::ALL {
        push(Act::Join(*way));
    }
    for way in [MembershipEndpoint::Own, MembershipEndpoint::StateEvent] {
        push(Act::Leave(way));
        push(Act::Knock(way));
    }
    if room == 0 {
        for way in [MembershipEndpoint::Own, MembershipEndpoint::Alias] {
            steps.push(Step::new(Actor::Guest(guest), Act::Join(way)).elsewhere());
        }
    }
}

fn read_steps(steps: &mut Vec<Step>, scope: Scope, room: u8, firsts: &[EndpointId]) {
    for endpoint in firsts.iter().copied() {
        let Some(gives) = endpoint.get().gives else {
            continue;
        };
        let act = Act::Read(endpoint);
        let guests = scope.guests().map(|guest| Step::new(Actor::Guest(guest), act));
        let others = [Step::new(Actor::User, act)];
        for step in guests.chain(others) {
            if gives != Gives::Sync {
                steps.push(step.at(room));
            }
            if room == 0 && matches!(gives, Gives::Sync | Gives::Stream) {
                steps.push(step);
            }
            let own = step.with == Credential::Own && matches!(step.by, Actor::Guest(_));
            if room == 0 && own && gives != Gives::Sync {
                steps.push(step.elsewhere());
            }
        }
    }
    if room != 0 {
        steps.extend(
            scope
                .guests()
                .map(|guest| Step::new(Actor::Guest(guest), Act::ReadThroughOtherRoom).at(room)),
        );
    }
}
