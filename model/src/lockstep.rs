//! Lockstep: the model and a subject apply the same actions, and must agree.
//!
//! 1. Visit every abstract state once, by a shortest trace, together with a subject that applied that
//!    trace.
//! 2. In each state apply every action that can happen, in the model and in a copy of the subject.
//! 3. Compare the decision, the content of the answer, and the next state.
//!
//! The model predicts: it never learns an answer from the subject.

use std::collections::{HashSet, VecDeque};

use crate::action::{Action, Credential, Observation, Operation, Subject};
use crate::actions::{actions, has_its_own_operation};
use crate::canonical_form::normal_form;
use crate::decide::{initial, outcome};
use crate::shortest_trace::Search;
use crate::state::{Account, MAX_GUESTS, Scope, State};
use crate::stop::Stop;
use crate::threads::each_until;
use guest_access_rules::endpoint::{EndpointId, Gives};
use guest_access_rules::profile::Profile;

/// A trace on which the model and the subject differ.
#[derive(Debug, Clone)]
pub struct Mismatch {
    /// The trace. Its last action shows the difference.
    pub trace: Vec<Action>,
    /// The difference.
    pub difference: Disagreement,
}

/// The difference between the model and the subject after an action.
#[derive(Debug, Clone)]
pub enum Disagreement {
    /// The caller observes something else.
    Observed {
        /// What the model predicted.
        model: Observation,
        /// What the subject did.
        subject: Observation,
    },
    /// The next states differ.
    State {
        /// What the model predicted.
        model: Box<State>,
        /// The state of the subject.
        subject: Box<State>,
    },
}

/// The result of a lockstep exploration.
#[derive(Debug, Clone)]
pub struct Lockstep {
    /// Whether every abstract state was visited.
    pub complete: bool,
    /// How many abstract states were visited.
    pub states: usize,
    /// How many actions were applied by both and compared.
    pub actions: usize,
    /// The first difference of the breadth-first search: one with a shortest trace.
    pub mismatch: Option<Mismatch>,
}

/// Compares one action. `None` if the action cannot happen; else the next state, or the difference.
pub fn compare<S: Subject>(
    profile: &Profile,
    state: &State,
    subject: &mut S,
    action: &Action,
) -> Option<Result<State, Disagreement>> {
    let predicted = outcome(profile, state, action)?;
    let observed = subject.take(action);
    let model = predicted.observation;
    if !model.decision.is_like(&observed.decision) || model.answer != observed.answer {
        return Some(Err(Disagreement::Observed { model, subject: observed }));
    }
    let came_to = subject.abstraction();
    if came_to != predicted.next {
        let (model, subject) = (Box::new(predicted.next), Box::new(came_to));
        return Some(Err(Disagreement::State { model, subject }));
    }
    Some(Ok(predicted.next))
}

/// Compares every action in every abstract state on this number of threads, until model and subject
/// differ.
pub fn explore<S: Subject + Clone + Send + Sync>(
    profile: &Profile,
    scope: Scope,
    subject: S,
    threads: usize,
    stop: &Stop,
) -> Lockstep {
    let modelled_actions = actions(scope, &[profile]);
    let calls = every_call(profile, &modelled_actions);
    let mut found = Lockstep { complete: true, states: 0, actions: 0, mismatch: None };
    let mut asked_everything: HashSet<[Account; MAX_GUESTS]> = HashSet::new();
    let first = initial(profile);
    let mut search = Search::new([normal_form(profile, &first)]);
    // The search keeps normal forms. Both sides continue from the state itself.
    let mut reached = VecDeque::from([(first, subject)]);
    let most_states = stop.most_states.unwrap_or(usize::MAX);
    loop {
        let round = search.next_round(ROUND.min(most_states - found.states));
        let Some(first) = round.clone().next() else { break };
        // The model knows classes of endpoints; the subject knows each endpoint. So each endpoint is
        // called, once for each value of the accounts.
        let round: Vec<_> = reached
            .drain(..round.len())
            .map(|(state, subject)| (state, subject, asked_everything.insert(state.accounts)))
            .collect();
        let compared = each_until(
            &round,
            threads,
            |(state, subject, asks_everything)| {
                let more = if *asks_everything { &calls[..] } else { &[] };
                compare_all(profile, state, subject, modelled_actions.iter().chain(more), &search)
            },
            stop,
            |_| (),
        );
        let Some(compared) = compared else {
            found.complete = false;
            return found;
        };
        for (number, compared) in (first..).zip(compared) {
            found.states += 1;
            found.actions += compared.actions;
            for (action, next, subject) in compared.reached {
                if search.reach(number, action, normal_form(profile, &next)) {
                    reached.push_back((next, subject));
                }
            }
            if let Some((action, difference)) = compared.difference {
                let trace = search.trace(number, action);
                found.mismatch = Some(Mismatch { trace, difference });
                return found;
            }
        }
    }
    found.complete = reached.is_empty();
    found
}

/// The most states that are compared before their successors are added to the search.
const ROUND: usize = 256;

/// The actions that were compared in one state.
struct StateComparison<S> {
    /// How many actions agree.
    actions: usize,
    /// The actions that lead to states which the search has not reached.
    reached: Vec<(Action, State, S)>,
    /// The first action on which model and subject differ. No action after it was compared.
    difference: Option<(Action, Disagreement)>,
}

fn compare_all<'a, S: Subject + Clone>(
    profile: &Profile,
    state: &State,
    subject: &S,
    actions: impl Iterator<Item = &'a Action>,
    search: &Search<State, Action>,
) -> StateComparison<S> {
    let mut compared = StateComparison { actions: 0, reached: Vec::new(), difference: None };
    for action in actions {
        let mut subject = subject.clone();
        match compare(profile, state, &mut subject, action) {
            None => {}
            Some(Err(difference)) => {
                compared.difference = Some((*action, difference));
                break;
            }
            Some(Ok(next)) => {
                compared.actions += 1;
                if !search.has_reached(&normal_form(profile, &next)) {
                    compared.reached.push((*action, next, subject));
                }
            }
        }
    }
    compared
}

/// The calls of every endpoint, and not only of the first of each class.
fn every_call(profile: &Profile, modelled_actions: &[Action]) -> Vec<Action> {
    let callers: HashSet<_> = modelled_actions
        .iter()
        .filter(|action| {
            matches!(action.operation, Operation::Call(_)) && action.with != Credential::Masquerade
        })
        .map(|action| (action.by, action.with))
        .collect();
    let mut callers: Vec<_> = callers.into_iter().collect();
    callers.sort();
    let action = |endpoint: EndpointId, by, with| match endpoint.get().gives {
        None if profile.access(endpoint).depends_on_the_room() => {
            Action::new(by, Operation::Call(endpoint)).with(with).at(0)
        }
        None => Action::new(by, Operation::Call(endpoint)).with(with),
        Some(Gives::Sync) => Action::new(by, Operation::Read(endpoint)).with(with),
        Some(_) => Action::new(by, Operation::Read(endpoint)).with(with).at(0),
    };
    profile
        .every_endpoint()
        .filter(|endpoint| !has_its_own_operation(*endpoint))
        .flat_map(|endpoint| callers.iter().map(move |(by, with)| action(endpoint, *by, *with)))
        .collect()
}
