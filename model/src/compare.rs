//! Comparing two revisions: every decision that differs, in every state that either can reach.

mod comparing;
mod differing;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::action::{Action, Answer};
use crate::actions::{actions, endpoint_classes};
use crate::state::{Scope, State};
use crate::stop::Stop;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::{Decision, spelled};

use comparing::Comparing;

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
    pub witness: Vec<Action>,
    /// Under which of the two it happens so.
    pub teller: Teller,
}

/// One of the two that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teller {
    /// The first.
    From,
    /// The second.
    To,
}

impl Teller {
    /// What it has of two things.
    pub fn of<T>(self, from: T, to: T) -> T {
        match self {
            Self::From => from,
            Self::To => to,
        }
    }
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
/// echo of another one that came before it. How many `threads` ask them does not change what is
/// found.
pub fn compare(from: &Rules, to: &Rules, scope: Scope, threads: usize, stop: &Stop) -> Comparison {
    compare_profiles(&from.profile(), &to.profile(), scope, threads, stop)
}

/// Compares two profiles.
pub fn compare_profiles(
    from: &Profile,
    to: &Profile,
    scope: Scope,
    threads: usize,
    stop: &Stop,
) -> Comparison {
    let actions = actions(scope, &[from, to]);
    let classes: HashMap<EndpointId, Vec<EndpointId>> =
        endpoint_classes(&[from, to]).into_iter().map(|class| (class[0], class)).collect();
    let mut comparing = Comparing {
        from,
        to,
        actions: &actions,
        threads,
        found: BTreeMap::new(),
        contexts: 0,
        complete: true,
    };
    let known = comparing.look(Teller::To, None, stop);
    comparing.look(Teller::From, Some(&known), stop);

    let Comparing { mut found, contexts, complete, .. } = comparing;
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
    found.sort_by(|(_, one), (_, other)| {
        (one.witness.len(), &one.witness).cmp(&(other.witness.len(), &other.witness))
    });
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
            witness: found.witness,
            teller: found.teller,
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
