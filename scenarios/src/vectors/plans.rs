//! Plans of vectors: what a vector is about, and its actions. A plan begins with a prefix, in which
//! an event is sent while the guests have different memberships.

use guest_access_model::action::{Action, Actor, Key, Message, Operation, Says, Upgrade};
use guest_access_model::state::Kind;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};

/// What a vector is about, and its actions.
#[derive(Debug, Clone)]
pub(super) struct VectorPlan {
    /// The subject, as part of an id.
    pub(super) slug: String,
    /// The subject, as the end of a sentence.
    pub(super) about: String,
    /// The actions.
    pub(super) steps: Vec<Action>,
}

fn by_moderator(operation: Operation) -> Action {
    Action::new(Actor::Moderator, operation).at(0)
}

fn by_guest(guest: u8, operation: Operation) -> Action {
    Action::new(Actor::Guest(guest), operation)
}

fn set(visibility: HistoryVisibility) -> Action {
    by_moderator(Operation::SetVisibility(Says::Value(visibility), Key::Empty))
}

/// Registers three guests: the first stays outside the room, the second is invited, the third joins.
fn three_guests() -> Vec<Action> {
    let can_join = Operation::SetGuestAccess(Says::Value(GuestAccess::CanJoin), Key::Empty);
    vec![
        by_guest(0, Operation::Register { named: false }),
        by_guest(1, Operation::Register { named: true }),
        by_guest(2, Operation::Register { named: false }),
        by_moderator(can_join),
        by_moderator(Operation::Invite(1)),
        by_guest(2, Operation::Join(MembershipEndpoint::Own)).at(0),
    ]
}

/// The plan of a vector without a prefix, for goals that no other plan covers.
pub(super) fn for_remaining_goals(steps: Vec<Action>) -> VectorPlan {
    let tagged = steps.iter().find(|step| step.tag);
    let (slug, about) = match tagged.and_then(|step| step.operation.sends()) {
        None => ("room".to_owned(), "who may do what, as the room and the members change"),
        Some(kind) => (kind.to_string(), "who is given an event, where no other vector asks"),
    };
    VectorPlan { slug, about: about.to_owned(), steps }
}

/// The plan of a vector that distinguishes one option of a decision point from the default.
pub(super) fn for_option(point: &str, option: &str, steps: Vec<Action>) -> VectorPlan {
    let slug = point.replace(['.', '_', ' '], "-");
    VectorPlan { slug, about: format!("whether {point} is {option}"), steps }
}

/// One account, from registration to log-out: the prefix for calls that name no room.
fn accounts() -> VectorPlan {
    let operations = [
        Operation::Register { named: true },
        Operation::Upgrade(Upgrade::Own(0)),
        Operation::LogOut,
    ];
    VectorPlan {
        slug: "accounts".to_owned(),
        about: "what somebody without a token, a guest and a former guest may call".to_owned(),
        steps: operations.map(|operation| by_guest(0, operation)).to_vec(),
    }
}

/// Registers three guests.
pub(super) fn three_guests_registered() -> Vec<Action> {
    three_guests().into_iter().take(3).collect()
}

/// Every prefix: an event of each kind under each setting, and each change of a setting or of a
/// membership.
pub(super) fn plans() -> Vec<VectorPlan> {
    let mut plans = vec![accounts()];
    for visibility in HistoryVisibility::ALL {
        for (kind, operation) in [
            (Kind::Message, Operation::Send(Message::Message)),
            (Kind::State, Operation::SendState),
        ] {
            let mut steps = three_guests();
            steps.extend([set(*visibility), by_moderator(operation).tagged()]);
            let slug = format!("{kind}-under-{}", hyphenate(visibility.as_str()));
            let what = if kind == Kind::State { "state event" } else { "message" };
            let about = format!("who is given a {what} sent while the room is {visibility}");
            plans.push(VectorPlan { slug, about, steps });
        }
    }
    for from in HistoryVisibility::ALL {
        for to in HistoryVisibility::ALL.iter().filter(|to| *to != from) {
            let mut steps = three_guests();
            steps.extend([set(*from), set(*to).tagged()]);
            let (before, after) = (hyphenate(from.as_str()), hyphenate(to.as_str()));
            plans.push(VectorPlan {
                slug: format!("setting-from-{before}-to-{after}"),
                about: format!("who is given the event that turns the room from {from} to {to}"),
                steps,
            });
        }
    }
    for visibility in HistoryVisibility::ALL {
        for (slug, about, last) in [
            (
                "stranger-joins",
                "the join of a stranger",
                by_guest(0, Operation::Join(MembershipEndpoint::Own)).at(0),
            ),
            (
                "invited-joins",
                "the join of an invited guest",
                by_guest(1, Operation::Join(MembershipEndpoint::Own)).at(0),
            ),
            ("stranger-invited", "the invite of a guest", by_moderator(Operation::Invite(0))),
            ("invite-withdrawn", "the end of a guest's invite", by_moderator(Operation::Kick(1))),
            (
                "joined-leaves",
                "the leave of a joined guest",
                by_guest(2, Operation::Leave(MembershipEndpoint::Own)).at(0),
            ),
        ] {
            let mut steps = three_guests();
            steps.extend([set(*visibility), last.tagged()]);
            plans.push(VectorPlan {
                slug: format!("{slug}-under-{}", hyphenate(visibility.as_str())),
                about: format!("who is given {about} while the room is {visibility}"),
                steps,
            });
        }
    }
    plans
}

fn hyphenate(text: &str) -> String {
    text.replace('_', "-")
}
