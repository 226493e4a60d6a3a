//! Comparing two revisions: every decision that differs, in every state that either of them reaches.

mod classification;
mod difference_search;
mod new_rooms;
mod permitted;

use std::collections::{BTreeSet, HashMap};

use crate::action::{Action, Answer};
use crate::actions::{actions, endpoint_classes};
use crate::state::{Scope, State};
use crate::stop::Stop;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::{Redeclared, Rules};
use guest_access_rules::vocabulary::{Decision, spelled};

use difference_search::DifferenceSearch;

pub use permitted::{
    AnswerEffect, PermittedChange, PermittedChangeKind, PermittedVerdict, StandingInRules,
    first_difference, permitted_changes, permitted_verdict,
};

spelled! {
    /// The second revision, relative to the first.
    ComparisonVerdict {
        /// Both decide alike in every state.
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
    /// The direction of a difference.
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
    /// The direction if the two revisions are exchanged.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Opens => Self::Closes,
            Self::Closes => Self::Opens,
            Self::Changes => Self::Changes,
        }
    }
}

/// The outcome of an action under one of the two revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// The decision.
    pub decision: Decision,
    /// The content of the answer.
    pub answer: Answer,
    /// The state after the action.
    pub next: State,
}

/// One difference: an endpoint on which the two revisions decide differently for a kind of caller.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The endpoint, or every endpoint of its class. Empty for an action of the server itself.
    pub endpoints: Vec<EndpointId>,
    /// The kinds of calls that differ, if the endpoint has several: event types or profile keys.
    pub cases: BTreeSet<&'static str>,
    /// The kind of caller: `guest`, `former guest`, `user`, `moderator`, `nobody`, `server`.
    pub caller: &'static str,
    /// The direction.
    pub direction: Direction,
    /// The outcome under the first revision, in the witness.
    pub from: Side,
    /// The outcome under the second revision, in the witness.
    pub to: Side,
    /// The number of states in which a call shows the difference.
    pub contexts: usize,
    /// The properties of the caller and the room that all these states share.
    pub when: BTreeSet<String>,
    /// A shortest trace whose last action shows the difference.
    pub witness: Vec<Action>,
    /// The revision under which the trace happens.
    pub leader: Leader,
}

/// The revision whose states are visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leader {
    /// The first.
    From,
    /// The second.
    To,
}

impl Leader {
    /// Chooses the leader's one of two things.
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
    /// The verdict. Two revisions that declare two endpoints by one id are incomparable.
    pub verdict: ComparisonVerdict,
    /// The ids by which the two revisions declare two endpoints.
    pub redeclared: Vec<Redeclared>,
    /// How many pairs of a state and an action were compared.
    pub contexts: usize,
    /// Whether every state that either revision reaches was compared.
    pub complete: bool,
    /// The differences, in the order in which their witnesses were found.
    pub differences: Vec<Difference>,
}

/// Compares every decision of `from` and `to`, in every state that either can reach at `scope`.
///
/// 1. Visit every state that `to` reaches, and compare both decisions on every action.
/// 2. Visit every state that `from` reaches, and do the same. A state of the first search counts once.
/// 3. Compare both in rooms whose settings were never set. There, each assumes the values that its own
///    rules give.
/// 4. Group the differences by endpoint, kind of caller and direction, each with a shortest witness.
/// 5. With one guest in one room, compare also the first states of two guests, and of two rooms. Add the
///    differences that only they show.
///
/// In steps 1 and 2 both decide in the same state. So no difference is a consequence of an earlier
/// difference. The result does not depend on the number of `threads`.
///
/// If both declare endpoints by one id and for the same calls, the comparison takes the endpoints of
/// `from`, see [`Rules::with_endpoints_of`].
pub fn compare(from: &Rules, to: &Rules, scope: Scope, threads: usize, stop: &Stop) -> Comparison {
    let redeclared = from.redeclared_in(to);
    let to = to.with_endpoints_of(from).profile();
    let from = from.profile();
    let mut comparison = compare_profiles(&from, &to, scope, threads, stop);
    if scope == (Scope { guests: 1, rooms: 1 }) && from.choices != to.choices {
        for wider in Scope::WIDER {
            let near = stop.clone().at_states(stop.most_states.unwrap_or(NEAR).min(NEAR));
            comparison.add_new(compare_profiles(&from, &to, wider, threads, &near));
        }
    }
    let verdict =
        if redeclared.is_empty() { comparison.verdict } else { ComparisonVerdict::Incomparable };
    Comparison { verdict, redeclared, ..comparison }
}

/// The number of states that are compared at a wider scope.
const NEAR: usize = 1_500;

impl Comparison {
    /// Adds the differences of another scope that these do not have.
    fn add_new(&mut self, other: Self) {
        let kind = |of: &Difference| (of.endpoints.first().copied(), of.caller, of.direction);
        let new = other.differences.into_iter();
        let new = new.filter(|new| !self.differences.iter().any(|known| kind(known) == kind(new)));
        let new: Vec<_> = new.collect();
        self.differences.extend(new);
        self.verdict = verdict(&self.differences);
    }
}

fn verdict(differences: &[Difference]) -> ComparisonVerdict {
    let has = |direction| differences.iter().any(|d| d.direction == direction);
    match (has(Direction::Opens), has(Direction::Closes)) {
        _ if differences.is_empty() => ComparisonVerdict::Equivalent,
        (true, false) => ComparisonVerdict::MorePermissive,
        (false, true) => ComparisonVerdict::LessPermissive,
        _ => ComparisonVerdict::Incomparable,
    }
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
    let mut difference_search = DifferenceSearch::new(from, to, &actions, threads);
    let known = difference_search.search_led_by(Leader::To, None, stop);
    difference_search.search_led_by(Leader::From, Some(&known), stop);
    difference_search.search_new_rooms(stop);

    let DifferenceSearch { mut found, contexts, complete, .. } = difference_search;
    // Where an endpoint opens or closes, the errors of other calls change too: leave these out.
    let covered: BTreeSet<_> = found
        .keys()
        .filter(|kind| kind.direction != Direction::Changes)
        .map(|kind| (kind.endpoint, kind.caller))
        .collect();
    found.retain(|kind, _| {
        kind.direction != Direction::Changes || !covered.contains(&(kind.endpoint, kind.caller))
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
            leader: found.leader,
        })
        .collect();
    let verdict = verdict(&differences);
    Comparison { verdict, redeclared: Vec::new(), contexts, complete, differences }
}
