//! The concurrent model: one homeserver, several calls at once, every interleaving of their stages.
//!
//! A call starts, its token is looked at (*authenticate*), it is *checked*, it *acts*, it is answered.
//! A revocation acts by its event, and then *lists* and *removes* members one by one; an upgrade acts
//! by changing the account, and then *ends* the old token. Between any two stages every other call
//! may pass stages of its own. What a stage does is what the sequential rules do
//! ([`decide::outcome`](crate::decide::outcome)) on what the call has seen by then: the token of one
//! moment, the room of another, the events of a third. Which moments these are is the
//! [`Discipline`].
//!
//! Histories have no bound; the number of calls in flight at once has ([`Concurrent::new`]). Whether
//! one order of all calls explains all answers is followed along the way (`explained`).

mod calls;
mod explained;
mod holding;
mod judging;
mod remembered;
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

pub use calls::{Call, Response, Stage};
pub use explained::Explanation;
pub use trace::ConcurrentTraceStep;

use calls::{Kind, Pace};
use stages::Next;

/// The most calls in flight that the model is made for.
pub const MAX_IN_FLIGHT: usize = 4;

/// One homeserver that takes several calls at once.
#[derive(Debug)]
pub struct Concurrent {
    profile: Profile,
    rules: Profile,
    discipline: Discipline,
    scope: Scope,
    in_flight: usize,
    /// Whether a call starts with the look at its token, and is answered with its last stage.
    tight: bool,
    /// Whether it is followed which orders of the calls explain the answers.
    follows: bool,
    kinds: Vec<Kind>,
    nothing_yet: State,
    remembered: remembered::Remembered,
}

/// A homeserver with calls in flight.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConcurrentState {
    /// The state of the homeserver, with all that was done by now.
    pub server: State,
    /// The calls in flight, in the order in which they began.
    pub calls: Vec<Call>,
    /// Every way to explain all answers by one order of the calls.
    pub explained: Vec<Explanation>,
}

spelled! {
    /// The stages that a call passes.
    StageName {
        /// It starts.
        Start = "start",
        /// Its token is looked at.
        Authenticate = "authenticate",
        /// The rules are asked whether it may be, and what.
        Check = "check",
        /// It is done: of a revocation the event, of an upgrade the account.
        Act = "act",
        /// The members to remove are looked up.
        List = "list",
        /// A member is removed.
        Remove = "remove",
        /// It ends: of an upgrade the old token, of a revocation the search for members.
        End = "end",
        /// It is answered.
        Answer = "answer",
    }
}

/// A move: a whole call, with nothing in between; or one stage of a call in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConcurrentAction {
    /// What is called.
    pub action: Action,
    /// The number of the call among those in flight, and the stage that it passes; `None` if all of
    /// the call is done at once. A call that begins comes to be the last one.
    pub stage: Option<(usize, StageName)>,
}

/// What a move leads to.
#[derive(Debug, Clone)]
struct ConcurrentOutcome {
    current: ConcurrentState,
    verdicts: Verdicts,
    /// What the call was answered, if the move answers it.
    answered: Option<crate::action::Observation>,
}

impl Concurrent {
    /// The model at `scope` of a homeserver that decides as `system` says with this discipline, held
    /// against a revision whose default profile is `rules`, with at most `in_flight` calls in flight.
    pub fn new(
        scope: Scope,
        system: Profile,
        rules: Profile,
        discipline: Discipline,
        in_flight: usize,
    ) -> Self {
        let kinds = calls::kinds(scope, &system);
        let nothing_yet = initial(&system);
        let remembered = remembered::Remembered::default();
        Self {
            remembered,
            profile: system,
            rules,
            discipline,
            scope,
            in_flight: in_flight.clamp(1, MAX_IN_FLIGHT),
            tight: true,
            follows: true,
            kinds,
            nothing_yet,
        }
    }

    /// The same, with starts and answers as moves of their own.
    ///
    /// They need not be: a start touches nothing that anybody sees, and of all the times at which a
    /// call can start and be answered, the latest start and the earliest answer are the hardest to
    /// explain. A test compares what is found.
    #[must_use]
    pub fn stage_by_stage(self) -> Self {
        let kinds = self.kinds.into_iter().map(|kind| Kind {
            pace: if kind.action.by == Actor::Moderator { Pace::ByStages } else { kind.pace },
            ..kind
        });
        Self { tight: false, kinds: kinds.collect(), ..self }
    }

    /// The same, without following what explains the answers: `linearizable` and `quiescent_state` are
    /// not judged then, and there is far less to explore.
    #[must_use]
    pub fn unexplained(&self) -> Self {
        let (system, rules) = (self.profile.clone(), self.rules.clone());
        let kinds = self.kinds.clone();
        let fresh = Self::new(self.scope, system, rules, self.discipline, self.in_flight);
        Self { follows: false, tight: self.tight, kinds, ..fresh }
    }

    /// What explains that there are no calls yet.
    fn explained_from(&self, server: State) -> Vec<Explanation> {
        if self.follows { vec![Explanation::of(server)] } else { Vec::new() }
    }

    /// Every move that can be made, as far as its call is not kept waiting.
    fn moves(&self, current: &ConcurrentState) -> impl Iterator<Item = ConcurrentAction> {
        let has_room = current.calls.len() < self.in_flight;
        let can_begin = self.kinds.iter().filter(|kind| has_room && self.can_begin(current, kind));
        let last = current.calls.len();
        let first = |kind: &Kind| match kind.pace {
            _ if !self.tight => StageName::Start,
            Pace::ToItsAct => StageName::Act,
            Pace::ByStages | Pace::AtOnce => StageName::Authenticate,
        };
        let fresh: Vec<ConcurrentAction> = can_begin
            .flat_map(|kind| {
                let whole = ConcurrentAction { action: kind.action, stage: None };
                let begun =
                    ConcurrentAction { action: kind.action, stage: Some((last, first(kind))) };
                [Some(whole), (kind.pace != Pace::AtOnce).then_some(begun)]
            })
            .flatten()
            .collect();
        let continuing = current.calls.iter().enumerate().map(|(number, call)| ConcurrentAction {
            action: self.kind(call).action,
            stage: Some((number, self.passes(call))),
        });
        fresh.into_iter().chain(continuing.collect::<Vec<_>>())
    }

    fn take(
        &self,
        current: &ConcurrentState,
        taken: &ConcurrentAction,
    ) -> Option<ConcurrentOutcome> {
        let kind = self.kinds.iter().position(|kind| kind.action == taken.action)?;
        match taken.stage {
            None => {
                let mut now = self.begun(current, kind);
                let number = current.calls.len();
                let mut verdicts = Verdicts::default();
                loop {
                    let passed = self.pass(&now, number)?;
                    verdicts.add(passed.verdicts);
                    if passed.answered.is_some() {
                        return Some(ConcurrentOutcome { verdicts, ..passed });
                    }
                    now = passed.current;
                }
            }
            Some((number, StageName::Start)) => {
                debug_assert_eq!(number, current.calls.len());
                let current = self.begun(current, kind);
                Some(ConcurrentOutcome { current, verdicts: Verdicts::default(), answered: None })
            }
            Some((number, _)) if number == current.calls.len() => {
                self.pass(&self.begun(current, kind), number)
            }
            Some((number, _)) => self.pass(current, number),
        }
    }

    /// The situation with one more call, which has done nothing yet.
    fn begun(&self, current: &ConcurrentState, kind: usize) -> ConcurrentState {
        let mut current = current.clone();
        let call = self.call(&current, kind);
        current.calls.push(call);
        for explanation in &mut current.explained {
            explanation.begins();
        }
        current
    }

    /// The call with this number passes its next stage, and those at which it looks at nothing;
    /// `None` if it is kept waiting.
    fn pass(&self, before: &ConcurrentState, number: usize) -> Option<ConcurrentOutcome> {
        let call = before.calls.get(number)?;
        let mut taken = self.pass_one(before, number)?;
        while self.tight
            && taken.answered.is_none()
            && self.kind(call).pace == Pace::ToItsAct
            && matches!(
                taken.current.calls[number].stage,
                Stage::Authenticated(_) | Stage::Checked(..)
            )
        {
            // Where it has to wait, it waits with nothing seen.
            let Some(next) = self.pass_one(&taken.current, number) else { break };
            let ConcurrentOutcome { current, verdicts, answered } = next;
            taken.verdicts.add(verdicts);
            taken = ConcurrentOutcome { current, answered, ..taken };
        }
        Some(taken)
    }

    fn pass_one(&self, before: &ConcurrentState, number: usize) -> Option<ConcurrentOutcome> {
        let gone = self.go_on(before, number)?;
        let mut verdicts = self.judge(before, number, &gone);
        let mut current = ConcurrentState { server: gone.server, ..before.clone() };
        let answered = match gone.next {
            Next::Stage(stage) => {
                current.calls[number].stage = stage;
                None
            }
            Next::Answer(_)
                if !self.tight && !matches!(before.calls[number].stage, Stage::Acted(_)) =>
            {
                current.calls[number].stage = Stage::Acted(Response::of(&gone.observation));
                None
            }
            Next::Answer(said) => {
                verdicts.add(self.answer(&mut current, number, said));
                Some(gone.observation)
            }
        };
        verdicts.add(self.judge_waiting(&current));
        Some(ConcurrentOutcome { current, verdicts, answered })
    }

    /// A call is answered: it is in flight no more, and has to be explained.
    fn answer(&self, current: &mut ConcurrentState, number: usize, said: Response) -> Verdicts {
        let was_explained = !current.explained.is_empty();
        let answered = self.explain(current, number, said);
        current.calls.remove(number);
        current.explained = answered.explanations;
        if current.calls.is_empty() {
            current.server = normal_form(&self.profile, &current.server);
        }
        let orders = judging::Orders { was_explained, matter: answered.orders_matter };
        let verdicts = Self::judge_answer(current, orders);
        if current.calls.is_empty() {
            current.explained = self.explained_from(current.server);
        }
        verdicts
    }
}

impl TransitionSystem for Concurrent {
    type State = ConcurrentState;
    type Action = ConcurrentAction;

    fn initial_states(&self) -> Vec<ConcurrentState> {
        let server = self.nothing_yet;
        vec![ConcurrentState { server, calls: Vec::new(), explained: self.explained_from(server) }]
    }

    fn visit_successors(
        &self,
        current: &ConcurrentState,
        visit: &mut dyn FnMut(ConcurrentAction, ConcurrentState, Verdicts),
    ) {
        for taken in self.moves(current) {
            if let Some(ConcurrentOutcome { current, verdicts, .. }) = self.take(current, &taken) {
                visit(taken, current, verdicts);
            }
        }
    }

    fn canonical_form(&self, current: ConcurrentState) -> ConcurrentState {
        self.in_order(current)
    }
}
