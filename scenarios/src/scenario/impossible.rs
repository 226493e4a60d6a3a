//! Why an action cannot happen, and how to change the scenario.

use guest_access_model::action::{Action, Actor, Credential, Operation, Place, Setting, Upgrade};
use guest_access_model::decide::outcome;
use guest_access_model::state::{Account, State};
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::Membership;

use super::actor;

/// The reason why `step` cannot happen in `state`. The caller has asked the model already whether the
/// step can happen.
pub(super) fn why(profile: &Profile, state: &State, step: &Action) -> String {
    let without_label = Action { tag: false, ..*step };
    if step.tag && outcome(profile, state, &without_label).is_some() {
        return by_the_label(state, step);
    }
    by_the_account(state, step)
        .or_else(|| by_the_place(step))
        .or_else(|| by_the_room(state, step))
        .unwrap_or_else(|| by_the_label(state, step))
}

fn by_the_account(state: &State, step: &Action) -> Option<String> {
    let account = |guest: u8| state.accounts[usize::from(guest)];
    let absent = |guest: u8| {
        (account(guest) == Account::Absent).then(|| {
            format!(
                "{0} is not registered; begin with `{0}` doing `register as guest`",
                actor::guest(guest.into())
            )
        })
    };
    let name = |guest: u8| actor::guest(guest.into());
    if let Some(target) = step.operation.target().filter(|of| account(*of) == Account::Absent) {
        return absent(target);
    }
    match (step.operation, step.by) {
        (Operation::Register { .. }, Actor::Guest(guest)) => {
            return Some(format!("{} is registered already; leave the step out", name(guest)));
        }
        (Operation::Upgrade(Upgrade::OthersToken { with, .. }), _)
            if account(with) != Account::Guest =>
        {
            return Some(format!(
                "{} has no live guest token; name a guest that has one",
                name(with)
            ));
        }
        (Operation::Upgrade(_), _) => {
            return Some("only a guest with a live token can be upgraded".to_owned());
        }
        (Operation::RegisterOver(of), _) => {
            return Some(format!(
                "{} is no guest any more; put this step before the upgrade",
                name(of)
            ));
        }
        (Operation::EndToken(of), _) => {
            return Some(format!("{} has no live token; a token ends only once", name(of)));
        }
        _ => {}
    }
    let Actor::Guest(guest) = step.by else {
        return None;
    };
    match step.with {
        Credential::BeforeUpgrade
            if !matches!(account(guest), Account::User | Account::UserEnded) =>
        {
            Some(format!("{} has not upgraded, so it has no token from before", name(guest)))
        }
        Credential::Masquerade if account(guest) != Account::Guest => {
            Some(format!("{} has no live guest token, and a masquerade needs one", name(guest)))
        }
        _ => absent(guest),
    }
}

fn by_the_place(step: &Action) -> Option<String> {
    if step.operation == Operation::ReadThroughOtherRoom && step.place != Place::Room(1) {
        return Some(
            "the path must be that of the other room; say `\"room\": \"room2\"`".to_owned(),
        );
    }
    if let Operation::Read(endpoint) = step.operation {
        use guest_access_rules::endpoint::Gives;
        return match (endpoint.get().gives?, step.place) {
            (Gives::Sync, Place::Nowhere) | (Gives::Stream, _) => None,
            (Gives::Sync, _) => Some(format!("{endpoint} is about no room; leave `room` out")),
            (_, Place::Nowhere) => Some(format!("{endpoint} is about a room; say which in `room`")),
            _ => None,
        };
    }
    let joins = matches!(step.operation, Operation::Join(_));
    (step.place == Place::Elsewhere && !joins)
        .then(|| "in `elsewhere` an actor can only join or read; say `room1` or `room2`".to_owned())
}

fn by_the_room(state: &State, step: &Action) -> Option<String> {
    let room = &state.rooms[step.room()?];
    let membership = |of: u8| {
        format!("{} is `{}` there", actor::guest(of.into()), room.members[usize::from(of)])
    };
    let by_the_moderator = step.operation.moderated().is_some()
        || matches!(step.operation, Operation::SetJoinRule(_) | Operation::RedactSetting(_));
    if by_the_moderator && step.by != Actor::Moderator {
        return Some(
            "only the moderator takes this step; for another caller, write the endpoint in `do`"
                .to_owned(),
        );
    }
    match step.operation {
        Operation::Invite(of) if !can_invite(room.members[usize::from(of)]) => Some(format!(
            "{}; only a guest who was never in the room, left or knocks can be invited",
            membership(of)
        )),
        Operation::Kick(of) => Some(format!(
            "{}; only a guest who is joined, invited or knocks can be kicked",
            membership(of)
        )),
        Operation::Ban(of) => {
            Some(format!("{}; unban the guest before another ban", membership(of)))
        }
        Operation::Unban(of) => {
            Some(format!("{}; only a banned guest can be unbanned", membership(of)))
        }
        Operation::RedactSetting(Setting::GuestAccess) => Some(format!(
            "the guest access of the room is `{}`; only `can_join` can be redacted",
            room.guest_access
        )),
        Operation::RedactSetting(Setting::HistoryVisibility) => Some(
            "the history visibility of the room is `shared`; only another value can be redacted"
                .to_owned(),
        ),
        _ => None,
    }
}

fn can_invite(membership: Membership) -> bool {
    matches!(membership, Membership::Never | Membership::Leave | Membership::Knock)
}

fn by_the_label(state: &State, step: &Action) -> String {
    if step.tag {
        if state.tagged.is_some() {
            return "an event is labelled already; leave `event` out".to_owned();
        }
        return "the step sends no event, because it is refused or changes nothing; leave `event` out"
            .to_owned();
    }
    if step.operation == Operation::ReadThroughOtherRoom {
        return "no event is labelled yet; put `event` on the step that sends it".to_owned();
    }
    "no actor can take this step here; spec-notes/actions.md lists the actions of each actor"
        .to_owned()
}
