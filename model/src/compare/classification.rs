//! How two outcomes of an action differ, and the kind of call.

use std::collections::BTreeSet;

use crate::action::{Action, Actor, Answer, Operation, Setting};
use crate::decide::Outcome;
use crate::guarantee::NeverSet;
use crate::state::{Account, State};
use guest_access_rules::vocabulary::MembershipEndpoint;

use super::{Direction, Side};

/// The kind of caller.
pub(super) fn caller(state: &State, action: &Action) -> &'static str {
    match action.by {
        Actor::Server => "server",
        Actor::Moderator => "moderator",
        Actor::User => "user",
        Actor::Nobody => "nobody",
        Actor::Guest(guest) => match state.accounts[usize::from(guest)] {
            Account::Absent | Account::Guest | Account::GuestEnded => "guest",
            Account::User | Account::UserEnded => "former guest",
        },
    }
}

/// The kind of call, if the endpoint has several.
pub(super) fn case(operation: Operation) -> Option<&'static str> {
    Some(match operation {
        Operation::Send(message) => message.as_str(),
        Operation::SendState => "org.example.note",
        Operation::SetVisibility(..) => Setting::HistoryVisibility.as_str(),
        Operation::SetGuestAccess(..) => Setting::GuestAccess.as_str(),
        Operation::SetJoinRule(_) => "m.room.join_rules",
        Operation::Join(MembershipEndpoint::StateEvent)
        | Operation::Leave(MembershipEndpoint::StateEvent)
        | Operation::Knock(MembershipEndpoint::StateEvent) => "m.room.member",
        Operation::SetProfile { key, .. } => key.as_str(),
        Operation::Register { .. } => "kind=guest",
        Operation::Upgrade(_) => "guest_access_token",
        Operation::RegisterOver(_) => "username",
        _ => return None,
    })
}

/// The properties of the caller and the room of an action, and which settings were never set.
pub(super) fn circumstances(
    state: &State,
    action: &Action,
    never_set: NeverSet,
) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    if let Actor::Guest(guest) = action.by {
        let guest = usize::from(guest);
        if let Some(room) = action.room() {
            all.insert(format!("membership: {}", state.rooms[room].members[guest]));
        }
    }
    if let Some(room) = action.room().map(|room| &state.rooms[room]) {
        if let Some(visibility) = room.visibility {
            all.insert(format!("history visibility: {visibility}"));
        }
        all.insert(format!("guest access: {}", room.guest_access));
        all.insert(format!("join rule: {}", room.join_rule));
    }
    for (setting, never_set) in
        [("guest access", never_set.guest_access), ("history visibility", never_set.visibility)]
    {
        if never_set {
            all.retain(|property| !property.starts_with(setting));
            all.insert(format!("{setting}: never set"));
        }
    }
    all
}

pub(super) fn side(outcome: &Outcome) -> Side {
    let Outcome { observation, next } = *outcome;
    Side { decision: observation.decision, answer: observation.answer, next }
}

/// The direction from the first outcome to the second; `None` if they are alike.
pub(super) fn direction(one: &Outcome, other: &Outcome) -> Option<Direction> {
    let (a, b) = (&one.observation, &other.observation);
    let gave = |answer: Answer| answer == Answer::Gave { tagged: true };
    let opens = |one: bool, other: bool| {
        (one != other).then_some(if other { Direction::Opens } else { Direction::Closes })
    };
    opens(a.decision.allows(), b.decision.allows())
        .or_else(|| opens(gave(a.answer), gave(b.answer)))
        .or_else(|| opens_by_effect(&one.next, &other.next))
        .or_else(|| {
            let alike =
                a.decision.is_like(&b.decision) && a.answer == b.answer && one.next == other.next;
            (!alike).then_some(Direction::Changes)
        })
}

/// `Opens` if the second outcome leaves more guests joined, `Closes` if it leaves fewer.
fn opens_by_effect(one: &State, other: &State) -> Option<Direction> {
    use guest_access_rules::vocabulary::Membership::Join;
    let joined = |state: &State| {
        state.rooms.iter().flat_map(|room| room.members).filter(|m| *m == Join).count()
    };
    match joined(one).cmp(&joined(other)) {
        std::cmp::Ordering::Less => Some(Direction::Opens),
        std::cmp::Ordering::Greater => Some(Direction::Closes),
        std::cmp::Ordering::Equal => None,
    }
}

#[cfg(test)]
mod tests {
    use guest_access_rules::rules::Rules;

    use crate::compare::{ComparisonVerdict, compare_profiles};
    use crate::state::Scope;
    use crate::stop::Stop;

    #[test]
    fn rooms_without_settings_are_compared() {
        let from = Rules::find("v1.16").unwrap().profile();
        for (point, option, shown) in [
            ("guest_access.absent", "can_join", "guest access: never set"),
            ("history_visibility.absent", "world_readable", "history visibility: never set"),
        ] {
            let mut to = from.clone();
            assert!(to.choices.set_option(point, option));
            let scope = Scope { guests: 1, rooms: 1 };
            let there = compare_profiles(&from, &to, scope, 2, &Stop::default());
            assert_eq!(
                there.verdict,
                ComparisonVerdict::MorePermissive,
                "{point}: {:?}",
                there.differences
            );
            assert!(there.differences.iter().any(|found| found.when.contains(shown)));
            let back = compare_profiles(&to, &from, scope, 2, &Stop::default());
            assert_eq!(
                back.verdict,
                ComparisonVerdict::LessPermissive,
                "{point}: {:?}",
                back.differences
            );
            assert_eq!(back.differences.len(), there.differences.len());
        }
    }
}
