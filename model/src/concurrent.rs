//! The concurrent model: one homeserver, several calls at once, every interleaving of their stages.
//!
//! A call passes these stages:
//!
//! 1. *start*: the call is in flight.
//! 2. *authenticate*: the server looks up the token.
//! 3. *check*: the server asks the rules whether the call is permitted.
//! 4. *act*: the server executes the call. A revocation sends its event here, and then *lists* and
//!    *removes* members one by one. An upgrade changes the account here, and then *ends* the old token.
//! 5. *answer*: the client receives the answer.
//!
//! Between any two stages of a call, every other call may pass stages of its own. Each stage asks the
//! sequential rules ([`decide::outcome`](crate::decide::outcome)) about the token, the room and the
//! events, each as the call read it at some moment. The [`Discipline`] determines these moments.
//!
//! The length of a history is unbounded. The number of calls in flight at once is bounded
//! ([`Concurrent::new`]). The state contains every order of the calls that explains all answers so far
//! (`explanations`), so that [linearizability](crate::linearizability) is judged at every answer.

mod call_memory;
mod calls;
mod holding;
mod judging;
mod specification;
mod stages;
mod sweep;
mod symmetry;
mod trace;

use serde::{Deserialize, Serialize};

use crate::action::{Action, Actor};
use crate::canonical_form::normal_form;
use crate::decide::initial;
use crate::guarantee::Verdicts;
use crate::state::{Scope, State};
use crate::transition_system::TransitionSystem;
use guest_access_rules::discipline::Discipline;
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::spelled;

pub use calls::{CallInFlight, Stage, VisibleAnswer};
pub use specification::Explanation;
pub use trace::ConcurrentTraceStep;

use calls::{AtomicPart, CallKind};
use stages::Continuation;

/// The greatest number of calls in flight.
pub const MAX_IN_FLIGHT: usize = 4;

/// The model of one homeserver that takes several calls at once.
#[derive(Debug)]
pub struct Concurrent {
    profile: Profile,
    rules: Profile,
    discipline: Discipline,
    scope: Scope,
    in_flight: usize,
    /// Whether *start* and *authenticate* are one action, and so are the last stage and *answer*.
    merges_stages: bool,
    /// Whether the state contains the orders of the calls that explain the answers.
    has_explanations: bool,
    kinds: Vec<CallKind>,
    initial_state: State,
    representatives: call_memory::Representatives,
}

/// A homeserver with calls in flight.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConcurrentState {
    /// The current state of the homeserver.
    pub server: State,
    /// The calls in flight, by their start.
    pub calls: Vec<CallInFlight>,
    /// Every explanation of all answers by one order of the calls.
    pub explanations: Vec<Explanation>,
}

spelled! {
    /// The stages of a call.
    StageName {
        /// The call starts.
        Start = "start",
        /// The server looks up the token.
        Authenticate = "authenticate",
        /// The server asks the rules whether the call is permitted.
        Check = "check",
        /// The server executes the call: the event of a revocation, the account of an upgrade.
        Act = "act",
        /// The server lists the members to remove.
        List = "list",
        /// The server removes a member.
        Remove = "remove",
        /// The server ends the old token of an upgrade, or the sweep of a revocation.
        End = "end",
        /// The client receives the answer.
        Answer = "answer",
    }
}

/// An action of the concurrent model: a whole call at once, or one stage of a call in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConcurrentAction {
    /// The action of the call.
    pub action: Action,
    /// The number of the call among those in flight, and its stage; `None` for a whole call at once. A
    /// starting call has the number after the last one.
    pub stage: Option<(usize, StageName)>,
}

/// The outcome of an action.
#[derive(Debug, Clone)]
struct ConcurrentOutcome {
    current: ConcurrentState,
    verdicts: Verdicts,
    /// The answer, if the action answers the call.
    observation: Option<crate::action::Observation>,
}

impl Concurrent {
    /// Returns the model at `scope` of a homeserver that follows the profile `system` with this
    /// discipline, and has at most `in_flight` calls in flight. The guarantees are judged by `rules`, the
    /// default profile of a revision.
    pub fn new(
        scope: Scope,
        system: Profile,
        rules: Profile,
        discipline: Discipline,
        in_flight: usize,
    ) -> Self {
        let kinds = calls::kinds(scope, &system);
        let initial_state = initial(&system);
        let representatives = call_memory::Representatives::default();
        Self {
            representatives,
            profile: system,
            rules,
            discipline,
            scope,
            in_flight: in_flight.clamp(1, MAX_IN_FLIGHT),
            merges_stages: true,
            has_explanations: true,
            kinds,
            initial_state,
        }
    }

    /// Returns the model with starts and answers as separate actions.
    ///
    /// Separate actions change no verdict. A start has no visible effect, and the shortest time between
    /// start and answer is the hardest to explain. A test compares the verdicts.
    #[must_use]
    pub fn stage_by_stage(self) -> Self {
        let kinds = self.kinds.into_iter().map(|kind| CallKind {
            atomic_part: if kind.action.by == Actor::Moderator {
                AtomicPart::OneStage
            } else {
                kind.atomic_part
            },
            ..kind
        });
        Self { merges_stages: false, kinds: kinds.collect(), ..self }
    }

    /// Returns the model without explanations in its states. This model does not judge `linearizable` and
    /// `quiescent_state`, and has far fewer states.
    #[must_use]
    pub fn unexplained(&self) -> Self {
        let (system, rules) = (self.profile.clone(), self.rules.clone());
        let kinds = self.kinds.clone();
        let fresh = Self::new(self.scope, system, rules, self.discipline, self.in_flight);
        Self { has_explanations: false, merges_stages: self.merges_stages, kinds, ..fresh }
    }

    /// The explanations of a state without calls.
    fn initial_explanations(&self, server: State) -> Vec<Explanation> {
        if self.has_explanations { vec![Explanation::of(server)] } else { Vec::new() }
    }

    /// Every action, including those whose call waits for another call.
    fn actions(&self, current: &ConcurrentState) -> impl Iterator<Item = ConcurrentAction> {
        let has_room = current.calls.len() < self.in_flight;
        let can_begin = self.kinds.iter().filter(|kind| has_room && self.can_begin(current, kind));
        let last = current.calls.len();
        let first = |kind: &CallKind| match kind.atomic_part {
            _ if !self.merges_stages => StageName::Start,
            AtomicPart::UpToAct => StageName::Act,
            AtomicPart::OneStage | AtomicPart::WholeCall => StageName::Authenticate,
        };
        let fresh: Vec<ConcurrentAction> = can_begin
            .flat_map(|kind| {
                let whole = ConcurrentAction { action: kind.action, stage: None };
                let first_stage =
                    ConcurrentAction { action: kind.action, stage: Some((last, first(kind))) };
                [Some(whole), (kind.atomic_part != AtomicPart::WholeCall).then_some(first_stage)]
            })
            .flatten()
            .collect();
        let continuing = current.calls.iter().enumerate().map(|(number, call)| ConcurrentAction {
            action: self.kind(call).action,
            stage: Some((number, self.next_stage(call))),
        });
        fresh.into_iter().chain(continuing.collect::<Vec<_>>())
    }

    fn take(
        &self,
        current: &ConcurrentState,
        action: &ConcurrentAction,
    ) -> Option<ConcurrentOutcome> {
        let kind = self.kinds.iter().position(|kind| kind.action == action.action)?;
        match action.stage {
            None => {
                let mut now = self.with_started_call(current, kind);
                let number = current.calls.len();
                let mut verdicts = Verdicts::default();
                loop {
                    let passed = self.pass_stages(&now, number)?;
                    verdicts.add(passed.verdicts);
                    if passed.observation.is_some() {
                        return Some(ConcurrentOutcome { verdicts, ..passed });
                    }
                    now = passed.current;
                }
            }
            Some((number, StageName::Start)) => {
                debug_assert_eq!(number, current.calls.len());
                let current = self.with_started_call(current, kind);
                Some(ConcurrentOutcome {
                    current,
                    verdicts: Verdicts::default(),
                    observation: None,
                })
            }
            Some((number, _)) if number == current.calls.len() => {
                self.pass_stages(&self.with_started_call(current, kind), number)
            }
            Some((number, _)) => self.pass_stages(current, number),
        }
    }

    /// The state with one more call, which has only started.
    fn with_started_call(&self, current: &ConcurrentState, kind: usize) -> ConcurrentState {
        let mut current = current.clone();
        let call = self.call(&current, kind);
        current.calls.push(call);
        for explanation in &mut current.explanations {
            explanation.begin();
        }
        current
    }

    /// Executes the next stage of the call with this number, and the following stages that read nothing;
    /// `None` if the call waits for another call.
    fn pass_stages(&self, before: &ConcurrentState, number: usize) -> Option<ConcurrentOutcome> {
        let call = before.calls.get(number)?;
        let mut outcome = self.pass_stage(before, number)?;
        while self.merges_stages
            && outcome.observation.is_none()
            && self.kind(call).atomic_part == AtomicPart::UpToAct
            && matches!(
                outcome.current.calls[number].stage,
                Stage::Authenticated(_) | Stage::Checked(..)
            )
        {
            // A call that has to wait has read nothing.
            let Some(next) = self.pass_stage(&outcome.current, number) else { break };
            let ConcurrentOutcome { current, verdicts, observation } = next;
            outcome.verdicts.add(verdicts);
            outcome = ConcurrentOutcome { current, observation, ..outcome };
        }
        Some(outcome)
    }

    fn pass_stage(&self, before: &ConcurrentState, number: usize) -> Option<ConcurrentOutcome> {
        let stage_outcome = self.execute_stage(before, number)?;
        let mut verdicts = self.judge(before, number, &stage_outcome);
        let mut current = ConcurrentState { server: stage_outcome.server, ..before.clone() };
        let observation = match stage_outcome.next {
            Continuation::Stage(stage) => {
                current.calls[number].stage = stage;
                None
            }
            Continuation::Answer(_)
                if !self.merges_stages
                    && !matches!(before.calls[number].stage, Stage::Acted(_)) =>
            {
                current.calls[number].stage =
                    Stage::Acted(VisibleAnswer::of(&stage_outcome.observation));
                None
            }
            Continuation::Answer(response) => {
                verdicts.add(self.answer(&mut current, number, response));
                Some(stage_outcome.observation)
            }
        };
        verdicts.add(self.judge_waiting(&current));
        Some(ConcurrentOutcome { current, verdicts, observation })
    }

    /// Answers a call: removes the call from those in flight, and keeps the explanations of its answer.
    fn answer(
        &self,
        current: &mut ConcurrentState,
        number: usize,
        response: VisibleAnswer,
    ) -> Verdicts {
        let was_explained = !current.explanations.is_empty();
        let answer_explanations = self.explain(current, number, response);
        current.calls.remove(number);
        current.explanations = answer_explanations.explanations;
        if current.calls.is_empty() {
            current.server = normal_form(&self.profile, &current.server);
        }
        let orders = judging::OrdersAtAnswer {
            was_explained,
            orders_matter: answer_explanations.orders_matter,
        };
        let verdicts = Self::judge_answer(current, orders);
        if current.calls.is_empty() {
            current.explanations = self.initial_explanations(current.server);
        }
        verdicts
    }
}

impl TransitionSystem for Concurrent {
    type State = ConcurrentState;
    type Action = ConcurrentAction;

    fn initial_states(&self) -> Vec<ConcurrentState> {
        let server = self.initial_state;
        vec![ConcurrentState {
            server,
            calls: Vec::new(),
            explanations: self.initial_explanations(server),
        }]
    }

    fn visit_successors(
        &self,
        current: &ConcurrentState,
        visit: &mut dyn FnMut(ConcurrentAction, ConcurrentState, Verdicts),
    ) {
        for action in self.actions(current) {
            if let Some(ConcurrentOutcome { current, verdicts, .. }) = self.take(current, &action) {
                visit(action, current, verdicts);
            }
        }
    }

    fn canonical_form(&self, current: ConcurrentState) -> ConcurrentState {
        self.in_order(current)
    }
}
