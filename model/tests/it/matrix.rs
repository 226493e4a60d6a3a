//! The allow and deny decisions of every revision, pinned so that a person can review a change.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use guest_access_model::action::{Action, Actor, Answer, Credential, Operation};
use guest_access_model::actions::{actions, endpoint_classes};
use guest_access_model::decide::{initial, outcome};
use guest_access_model::state::{Account, Kind, ReaderRelation, Scope, Standing, State, Tagged};
use guest_access_rules::endpoint::{EndpointId, Gives};
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, Membership};

/// What the first guest's account and its credential are, by the kind of caller.
const CALLERS: [(&str, Account, Credential); 4] = [
    ("guest", Account::Guest, Credential::Own),
    ("former guest", Account::User, Credential::Own),
    ("old token", Account::User, Credential::BeforeUpgrade),
    ("ended token", Account::GuestEnded, Credential::Own),
];

fn in_words(decision_and_answer: &(String, Answer)) -> String {
    match decision_and_answer.1 {
        Answer::Gave { tagged: true } => format!("{}, gives", decision_and_answer.0),
        Answer::Gave { tagged: false } => format!("{}, withholds", decision_and_answer.0),
        Answer::IsGuest(is) => format!("{}, is_guest {is}", decision_and_answer.0),
        Answer::Named(_) | Answer::Nothing => decision_and_answer.0.clone(),
    }
}

/// The state with these settings and this membership, and with a message. The message was sent while
/// the room was `shared` and the guest was not in it. With `later`, the guest was joined since.
fn state(
    profile: &Profile,
    account: Account,
    visibility: HistoryVisibility,
    guest_access: GuestAccess,
    membership: Membership,
) -> State {
    let mut state = initial(profile);
    state.accounts[0] = account;
    let room = &mut state.rooms[0];
    (room.visibility, room.guest_access, room.members[0]) =
        (Some(visibility), guest_access, membership);
    let joined_later = matches!(membership, Membership::Join | Membership::Leave | Membership::Ban);
    let relation = ReaderRelation { before: Standing::Other, after: Standing::Other, joined_later };
    state.tagged = Some(Tagged {
        kind: Kind::Message,
        before: HistoryVisibility::Shared,
        after: HistoryVisibility::Shared,
        relations: [relation, ReaderRelation::STRANGER, ReaderRelation::STRANGER],
    });
    state
}

/// One line for each decision on a call of the endpoint, with the circumstances of the decision. A
/// column whose value makes no difference is left out.
fn folded(profile: &Profile, action: &Action) -> Vec<String> {
    let mut lines = Vec::new();
    for (caller, account, credential) in CALLERS {
        let mut decided: BTreeMap<String, Vec<[String; 3]>> = BTreeMap::new();
        for visibility in HistoryVisibility::ALL {
            for guest_access in GuestAccess::ALL {
                for membership in Membership::ALL {
                    let state = state(profile, account, *visibility, *guest_access, *membership);
                    let action = Action { with: credential, ..*action };
                    let Some(outcome) = outcome(profile, &state, &action) else { continue };
                    let decision = outcome.observation.decision.to_string();
                    let words = in_words(&(decision, outcome.observation.answer));
                    let here =
                        [visibility.to_string(), guest_access.to_string(), membership.to_string()];
                    decided.entry(words).or_default().push(here);
                }
            }
        }
        let only_one = decided.len() == 1;
        for (words, places) in decided {
            if only_one {
                lines.push(format!("{caller}: {words}"));
                continue;
            }
            for place in fold(places) {
                lines.push(format!("{caller}: {words} where {place}"));
            }
        }
    }
    lines
}

/// Places that differ in one column only are words together, column by column.
fn fold(places: Vec<[String; 3]>) -> Vec<String> {
    const ALL: [usize; 3] = [4, 2, 6];
    let mut places: Vec<[Vec<String>; 3]> =
        places.into_iter().map(|place| place.map(|value| vec![value])).collect();
    for column in 0..3 {
        let mut merged: BTreeMap<Vec<Vec<String>>, [Vec<String>; 3]> = BTreeMap::new();
        for place in places {
            let others: Vec<_> =
                (0..3).filter(|c| *c != column).map(|c| place[c].clone()).collect();
            match merged.get_mut(&others) {
                Some(known) => known[column].extend(place[column].clone()),
                None => {
                    merged.insert(others, place);
                }
            }
        }
        places = merged.into_values().collect();
    }
    let line = |place: [Vec<String>; 3]| {
        let named = ["history visibility", "guest access", "membership"];
        let columns: Vec<_> = (0..3)
            .filter(|column| place[*column].len() < ALL[*column])
            .map(|column| format!("{} is {}", named[column], place[column].join("/")))
            .collect();
        if columns.is_empty() { "anywhere".to_owned() } else { columns.join(", ") }
    };
    places.into_iter().map(line).collect()
}

fn matrix(rules: &Rules) -> String {
    let profile = rules.profile();
    let mut text = String::new();
    let mut section = |title: String, actions: Vec<Action>| {
        writeln!(text, "\n{title}").unwrap();
        for line in actions.iter().flat_map(|action| folded(&profile, action)) {
            writeln!(text, "    {line}").unwrap();
        }
    };
    let guest = Actor::Guest(0);
    for class in endpoint_classes(&[&profile]) {
        let names: Vec<_> = class.iter().map(EndpointId::to_string).collect();
        let action = match class[0].get().gives {
            None => Action::new(guest, Operation::Call(class[0])),
            Some(Gives::Sync) => Action::new(guest, Operation::Read(class[0])),
            Some(_) => Action::new(guest, Operation::Read(class[0])).at(0),
        };
        section(names.join("\n"), vec![action]);
    }
    let own_steps = actions(Scope { guests: 1, rooms: 1 }, &[&profile]);
    let mut operations: Vec<Operation> = own_steps
        .iter()
        .filter(|action| action.by == guest && action.with == Credential::Own && !action.tag)
        .map(|action| action.operation)
        .filter(|operation| {
            !matches!(
                operation,
                Operation::Call(_) | Operation::Read(_) | Operation::Register { .. }
            )
        })
        .collect();
    operations.dedup();
    operations.retain(|operation| {
        *operation != Operation::Join(MembershipEndpoint::Alias)
            || profile.access(operation.endpoint().unwrap())
                != guest_access_rules::profile::Access::Refused
    });
    for operation in operations {
        let title = format!("{}: {operation:?}", operation.endpoint().unwrap());
        section(title, vec![Action::new(guest, operation).at(0)]);
    }
    text
}

#[test]
fn the_decisions_of_every_revision_are_as_reviewed() {
    for rules in Rules::published() {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(format!("matrix-{}", rules.id), matrix(&rules));
        });
    }
}

#[test]
fn the_guarantees_of_every_revision_are_as_reviewed() {
    let mut text = String::new();
    for rules in Rules::published() {
        writeln!(text, "{} ({})", rules.id, rules.about).unwrap();
        for (guarantee, clauses) in &rules.promises {
            writeln!(text, "    promises {} ({})", guarantee.get().id, clauses.join(", ")).unwrap();
        }
        for (guarantee, withdrawal) in &rules.withdrawn {
            let (by, because) = (&withdrawal.by, &withdrawal.because);
            writeln!(text, "    {} withdrew {}: {because}", by, guarantee.get().id).unwrap();
        }
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("guarantees", text);
    });
}
