//! Lockstep: the model and a subject take the same steps, and must be alike in all they show.
//!
//! Every abstract state is visited once, by a shortest way, with the subject that came that way;
//! every step that can happen there is taken by both. The two are compared in the decision, in what
//! the answer held, and in the state that they come to. The judge predicts: the model never learns
//! an answer from the subject.

use std::collections::{HashSet, VecDeque};

use crate::action::{Action, Credential, Observation, Operation, Subject};
use crate::actions::{actions, has_its_own_operation};
use crate::canonical_form::normal_form;
use crate::decide::{initial, outcome};
use crate::shortest_trace::Search;
use crate::state::{Account, MAX_GUESTS, Scope, State};
use crate::stop::Stop;
use guest_access_rules::endpoint::{EndpointId, Gives};
use guest_access_rules::profile::Profile;

/// How the model and the subject came to differ.
#[derive(Debug, Clone)]
pub struct Mismatch {
    /// The steps, the last of which shows the difference.
    pub trace: Vec<Action>,
    /// In what they differ.
    pub difference: Difference,
}

/// In what the model and the subject differ after a step.
#[derive(Debug, Clone)]
pub enum Difference {
    /// In what the caller can observe.
    Observed {
        /// What the model predicted.
        model: Observation,
        /// What the subject did.
        subject: Observation,
    },
    /// In the state.
    State {
        /// What the model predicted.
        model: Box<State>,
        /// What the subject came to.
        subject: Box<State>,
    },
}

/// What a lockstep exploration found.
#[derive(Debug, Clone)]
pub struct Lockstep {
    /// Whether every abstract state was visited.
    pub complete: bool,
    /// How many abstract states were visited.
    pub states: usize,
    /// How many steps were taken by both and compared.
    pub actions: usize,
    /// The first difference, in the order of the rounds: a shortest one.
    pub mismatch: Option<Mismatch>,
}

/// Compares one step: `None` if it cannot happen, else the model's next state, or the difference.
pub fn compare<S: Subject>(
    profile: &Profile,
    state: &State,
    subject: &mut S,
    action: &Action,
) -> Option<Result<State, Difference>> {
    let predicted = outcome(profile, state, action)?;
    let observed = subject.take(action);
    let model = predicted.observation;
    if !model.decision.is_like(&observed.decision) || model.answer != observed.answer {
        return Some(Err(Difference::Observed { model, subject: observed }));
    }
    let came_to = subject.abstraction();
    if came_to != predicted.next {
        let (model, subject) = (Box::new(predicted.next), Box::new(came_to));
        return Some(Err(Difference::State { model, subject }));
    }
    Some(Ok(predicted.next))
}

/// Takes every step in every abstract state with both, until they differ.
pub fn explore<S: Subject + Clone>(
    profile: &Profile,
    scope: Scope,
    subject: S,
    stop: &Stop,
) -> Lockstep {
    let usual = actions(scope, &[profile]);
    let calls = every_call(&usual);
    let mut found = Lockstep { complete: true, states: 0, actions: 0, mismatch: None };
    let mut asked_everything: HashSet<[Account; MAX_GUESTS]> = HashSet::new();
    let first = initial(profile);
    let mut search = Search::new([normal_form(profile, &first)]);
    // The search knows a state as what is not forgotten of it; both sides go on from all of it.
    let mut reached = VecDeque::from([(first, subject)]);
    while let (Some(number), Some((state, subject))) = (search.next_state(), reached.pop_front()) {
        if stop.now() || stop.most_states.is_some_and(|most| found.states >= most) {
            found.complete = false;
            break;
        }
        found.states += 1;
        // Which endpoint is called can matter to the subject; which room the caller is in, when it
        // calls an endpoint about no room, is looked at once for each state of the accounts.
        let more = if asked_everything.insert(state.accounts) { &calls[..] } else { &[] };
        for action in usual.iter().chain(more) {
            let mut subject = subject.clone();
            match compare(profile, &state, &mut subject, action) {
                None => {}
                Some(Err(difference)) => {
                    let trace = search.trace(number, *action);
                    found.mismatch = Some(Mismatch { trace, difference });
                    return found;
                }
                Some(Ok(next)) => {
                    found.actions += 1;
                    if search.reach(number, *action, normal_form(profile, &next)) {
                        reached.push_back((next, subject));
                    }
                }
            }
        }
    }
    found
}

/// The calls of endpoints that stand for none: every one of every class.
fn every_call(usual: &[Action]) -> Vec<Action> {
    let callers: HashSet<_> = usual
        .iter()
        .filter(|action| {
            matches!(action.operation, Operation::Call(_)) && action.with != Credential::Masquerade
        })
        .map(|action| (action.by, action.with))
        .collect();
    let mut callers: Vec<_> = callers.into_iter().collect();
    callers.sort();
    let action = |endpoint: EndpointId, by, with| match endpoint.get().gives {
        None => Action::new(by, Operation::Call(endpoint)).with(with),
        Some(Gives::Sync) => Action::new(by, Operation::Read(endpoint)).with(with),
        Some(_) => Action::new(by, Operation::Read(endpoint)).with(with).at(0),
    };
    EndpointId::all()
        .filter(|endpoint| !has_its_own_operation(*endpoint))
        .flat_map(|endpoint| callers.iter().map(move |(by, with)| action(endpoint, *by, *with)))
        .collect()
}
