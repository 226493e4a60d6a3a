//! Comparing two revisions: every decision that differs, in every state that either can reach.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::decide::{Outcome, initial, outcome};
use crate::endpoint::EndpointId;
use crate::profile::Profile;
use crate::reduce::forget;
use crate::rules::Rules;
use crate::state::{Account, Scope, State};
use crate::step::{Act, Actor, Answer, Setting, Step, Way};
use crate::steps::{endpoint_classes, steps};
use crate::stop::Stop;
use crate::story::Search;
use crate::vocabulary::{Decision, spelled};

spelled! {
    /// How the second revision stands to the first.
    Verdict {
        /// They decide alike, everywhere.
        Equivalent = "equivalent",
        /// The second allows or gives more, and nothing less.
        MorePermissive = "more_permissive",
        /// The second allows or gives less, and nothing more.
        LessPermissive = "less_permissive",
        /// Each allows or gives something that the other does not.
        Incomparable = "incomparable",
    }
}

spelled! {
    /// What a difference does.
    Direction {
        /// The second allows what the first denies, or gives more, or leaves more guests joined.
        Opens = "opens",
        /// The second denies what the first allows, or gives less, or leaves fewer guests joined.
        Closes = "closes",
        /// Both deny, with different errors; or both allow, with different effects.
        Changes = "changes",
    }
}

impl Direction {
    /// What the difference does when it is looked at from the other side.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        match self {
            Self::Opens => Self::Closes,
            Self::Closes => Self::Opens,
            Self::Changes => Self::Changes,
        }
    }
}

/// What one of the two revisions makes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// The decision.
    pub decision: Decision,
    /// What the answer held.
    pub answer: Answer,
    /// The state after the step.
    pub next: State,
}

/// One way in which the two differ: an endpoint that the same kind of caller finds otherwise.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The endpoints: one, or all of a class that no rule tells apart. None, for the server's own
    /// deeds.
    pub endpoints: Vec<EndpointId>,
    /// Which calls of the endpoint, where it has several kinds: the event types or profile keys.
    pub cases: BTreeSet<&'static str>,
    /// Who finds it otherwise: `guest`, `former guest`, `user`, `moderator`, `nobody`, `server`.
    pub caller: &'static str,
    /// What the difference does.
    pub direction: Direction,
    /// What the first revision says, in the witness.
    pub from: Side,
    /// What the second revision says, in the witness.
    pub to: Side,
    /// In how many states a call is decided so.
    pub contexts: usize,
    /// What is the same of the caller and the room in all of them.
    pub when: BTreeSet<String>,
    /// A shortest story whose last step shows the difference.
    pub witness: Vec<Step>,
}

/// How two revisions differ.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The verdict.
    pub verdict: Verdict,
    /// In how many pairs of a state and a step the two were compared.
    pub contexts: usize,
    /// Whether every state that either can reach was compared.
    pub complete: bool,
    /// The differences, in the order in which their witnesses were found.
    pub differences: Vec<Difference>,
}

/// Compares every decision of `from` and `to`, in every state that either can reach at `scope`.
///
/// Both are asked in the same states, so a difference is one of the decision itself, and not an
/// echo of another one that came before it.
pub fn compare(from: &Rules, to: &Rules, scope: Scope, stop: &Stop) -> Comparison {
    compare_profiles(&from.profile(), &to.profile(), scope, stop)
}

/// Compares two profiles.
pub fn compare_profiles(from: &Profile, to: &Profile, scope: Scope, stop: &Stop) -> Comparison {
    let steps = steps(scope, &[from, to]);
    let classes: HashMap<EndpointId, Vec<EndpointId>> =
        endpoint_classes(&[from, to]).into_iter().map(|class| (class[0], class)).collect();
    // What a rule of one makes of the state, the other must be asked about too: nothing is
    // forgotten that either asks for.
    let forget_both = |state: &State| {
        let (one, other) = (forget(from, state), forget(to, state));
        if one == other { one } else { *state }
    };
    let firsts = [initial(from), initial(to)];
    let mut search = Search::new(firsts.iter().map(forget_both));
    let mut found: BTreeMap<Kind, Found> = BTreeMap::new();
    let (mut contexts, mut complete) = (0, true);
    while let Some(number) = search.next_state() {
        if stop.now() || stop.most_states.is_some_and(|most| number >= most) {
            complete = false;
            break;
        }
        let state = search.states[number];
        for step in &steps {
            let (Some(one), Some(other)) = (outcome(from, &state, step), outcome(to, &state, step))
            else {
                continue;
            };
            contexts += 1;
            if let Some(direction) = direction(&one, &other) {
                let endpoint = step.act.endpoint();
                let kind = Kind { endpoint, caller: caller(&state, step), direction };
                let order = found.len();
                let found = found.entry(kind).or_insert_with(|| Found {
                    order,
                    step: *step,
                    number,
                    sides: (side(&one), side(&other)),
                    contexts: 0,
                    cases: BTreeSet::new(),
                    when: None,
                });
                found.contexts += 1;
                found.cases.extend(case(step.act));
                found.narrow(&state, step);
            }
            for next in [&one.next, &other.next] {
                search.reach(number, *step, forget_both(next));
            }
        }
    }
    // Where an endpoint opens or closes, what else is refused there changes its error: no news.
    let told: BTreeSet<_> = found
        .keys()
        .filter(|kind| kind.direction != Direction::Changes)
        .map(|kind| (kind.endpoint, kind.caller))
        .collect();
    found.retain(|kind, _| {
        kind.direction != Direction::Changes || !told.contains(&(kind.endpoint, kind.caller))
    });
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|(_, found)| found.order);
    let differences: Vec<Difference> = found
        .into_iter()
        .map(|(kind, found)| Difference {
            endpoints: kind.endpoint.map_or_else(Vec::new, |endpoint| {
                classes.get(&endpoint).cloned().unwrap_or_else(|| vec![endpoint])
            }),
            cases: found.cases,
            caller: kind.caller,
            direction: kind.direction,
            from: found.sides.0,
            to: found.sides.1,
            contexts: found.contexts,
            when: found.when.unwrap_or_default(),
            witness: search.story(found.number, found.step),
        })
        .collect();
    let has = |direction| differences.iter().any(|d| d.direction == direction);
    let verdict = match (has(Direction::Opens), has(Direction::Closes)) {
        _ if differences.is_empty() => Verdict::Equivalent,
        (true, false) => Verdict::MorePermissive,
        (false, true) => Verdict::LessPermissive,
        _ => Verdict::Incomparable,
    };
    Comparison { verdict, contexts, complete, differences }
}

/// What is one difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    endpoint: Option<EndpointId>,
    caller: &'static str,
    direction: Direction,
}

struct Found {
    order: usize,
    step: Step,
    number: usize,
    sides: (Side, Side),
    contexts: usize,
    cases: BTreeSet<&'static str>,
    when: Option<BTreeSet<String>>,
}

impl Found {
    /// Keeps what is the same in every state in which a call is decided so.
    fn narrow(&mut self, state: &State, step: &Step) {
        let here = circumstances(state, step);
        self.when = Some(match self.when.take() {
            None => here,
            Some(when) => when.intersection(&here).cloned().collect(),
        });
    }
}

/// Who takes the step.
fn caller(state: &State, step: &Step) -> &'static str {
    match step.by {
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

/// Which kind of call of its endpoint the act is, where there are several.
fn case(act: Act) -> Option<&'static str> {
    Some(match act {
        Act::Send(message) => message.as_str(),
        Act::SendState => "org.example.note",
        Act::SetVisibility(..) => Setting::HistoryVisibility.as_str(),
        Act::SetGuestAccess(..) => Setting::GuestAccess.as_str(),
        Act::SetJoinRule(_) => "m.room.join_rules",
        Act::Join(Way::StateEvent) | Act::Leave(Way::StateEvent) | Act::Knock(Way::StateEvent) => {
            "m.room.member"
        }
        Act::SetProfile { key, .. } => key.as_str(),
        Act::Register { .. } => "kind=guest",
        Act::Upgrade(_) => "guest_access_token",
        Act::RegisterOver(_) => "username",
        _ => return None,
    })
}

/// What can be said of the caller and the room of a step.
fn circumstances(state: &State, step: &Step) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    if let Actor::Guest(guest) = step.by {
        let guest = usize::from(guest);
        if let Some(room) = step.room() {
            all.insert(format!("membership: {}", state.rooms[room].members[guest]));
        }
    }
    if let Some(room) = step.room().map(|room| &state.rooms[room]) {
        if let Some(visibility) = room.visibility {
            all.insert(format!("history visibility: {visibility}"));
        }
        all.insert(format!("guest access: {}", room.guest_access));
        all.insert(format!("join rule: {}", room.join_rule));
    }
    all
}

fn side(outcome: &Outcome) -> Side {
    let Outcome { observation, next } = *outcome;
    Side { decision: observation.decision, answer: observation.answer, next }
}

/// What the second outcome does to the first; nothing, if they are alike.
fn direction(one: &Outcome, other: &Outcome) -> Option<Direction> {
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

/// Whether the second leaves guests joined that the first does not; or fewer.
fn opens_by_effect(one: &State, other: &State) -> Option<Direction> {
    use crate::vocabulary::Membership::Join;
    let joined = |state: &State| {
        state.rooms.iter().flat_map(|room| room.members).filter(|m| *m == Join).count()
    };
    match joined(one).cmp(&joined(other)) {
        std::cmp::Ordering::Less => Some(Direction::Opens),
        std::cmp::Ordering::Greater => Some(Direction::Closes),
        std::cmp::Ordering::Equal => None,
    }
}
