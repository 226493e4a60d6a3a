//! The sequential model: one homeserver, one call at a time, every history.
//!
//! stateright explores it breadth-first to a fixpoint. Steps that leave the state as it is are
//! judged in every state in which they can happen and counted as transitions, but lead nowhere.

mod expansion;

use std::hash::{Hash, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use stateright::{Model, Property};

use crate::decide::{initial, outcome};
use crate::guarantee::{GUARANTEES, GuaranteeId, GuaranteeSet, Transition, Verdicts};
use crate::profile::Profile;
use crate::state::{Scope, State};
use crate::step::Step;
use crate::steps::steps;
use crate::stop::Stop;

use expansion::{Expansion, Known, Tried};

/// A homeserver with a profile, held against what a revision promises.
#[derive(Debug)]
pub struct Sequential {
    /// What the homeserver does.
    system: Profile,
    /// What the revision says.
    rules: Profile,
    scope: Scope,
    tried: Tried,
    known: Known,
    run: Run,
}

/// One exploration of the model: when it is to end, and how far it has come.
#[derive(Debug, Default)]
struct Run {
    stop: Stop,
    /// stateright is told of each guarantee once, since it pays for every state that it is told of.
    /// (The Explorer asks again and again, and is always told.)
    tell_once: bool,
    told_broken: AtomicU64,
    told_exercised: AtomicU64,
    states: AtomicUsize,
    transitions: AtomicUsize,
    cut: AtomicBool,
}

impl Sequential {
    /// The model at `scope` of a homeserver that does what `system` says, held against the promises
    /// of a revision whose default profile is `rules`.
    pub fn new(scope: Scope, system: Profile, rules: Profile) -> Self {
        let tried = Tried::new(scope, steps(scope, &[&system, &rules]));
        Self { system, rules, scope, tried, known: Known::default(), run: Run::default() }
    }

    /// The same model, for one exploration that ends at `stop`.
    pub(crate) fn for_one_run(self, stop: Stop) -> Self {
        Self { run: Run { stop, tell_once: true, ..Run::default() }, ..self }
    }

    /// What the homeserver does.
    pub fn system(&self) -> &Profile {
        &self.system
    }

    /// How many states were expanded.
    pub(crate) fn expanded(&self) -> usize {
        self.run.states.load(Ordering::Relaxed)
    }

    /// How many steps that change the state can be taken in the states expanded.
    pub(crate) fn transitions(&self) -> usize {
        self.run.transitions.load(Ordering::Relaxed)
    }

    /// What stateright was told of all the states expanded.
    pub(crate) fn told(&self) -> Verdicts {
        let set = |told: &AtomicU64| {
            let told = told.load(Ordering::Relaxed);
            GuaranteeId::all().filter(|guarantee| told & 1 << guarantee.index() != 0).collect()
        };
        Verdicts { exercised: set(&self.run.told_exercised), broken: set(&self.run.told_broken) }
    }

    /// Whether the run ended before every state was expanded.
    pub(crate) fn was_cut(&self) -> bool {
        self.run.cut.load(Ordering::Relaxed)
    }

    /// Every step that is tried in every state.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.tried.all().map(|(step, _)| step)
    }

    /// The state in which everything begins.
    pub fn initial(&self) -> State {
        initial(&self.system)
    }

    /// Every step that can happen in `state`, judged, with the state that it leads to.
    pub fn expand(&self, state: &State, mut visit: impl FnMut(Step, State, Verdicts)) {
        for (step, guarantees) in self.tried.all() {
            if let Some((next, verdicts)) = self.take(state, step, *guarantees) {
                visit(*step, next, verdicts);
            }
        }
    }

    fn take(
        &self,
        state: &State,
        step: &Step,
        guarantees: GuaranteeSet,
    ) -> Option<(State, Verdicts)> {
        let outcome = outcome(&self.system, state, step)?;
        let mut verdicts = Verdicts::default();
        let transition = Transition {
            rules: &self.rules,
            system: &self.system,
            before: state,
            step,
            observation: &outcome.observation,
            after: &outcome.next,
        };
        verdicts.judge(guarantees, &transition);
        Some((outcome.next, verdicts))
    }
}

/// A state of the sequential model. Its expansion is a function of the state, kept once computed.
#[derive(Debug, Clone)]
pub struct Node {
    /// The abstract state.
    pub state: State,
    expansion: OnceLock<Box<Expansion>>,
}

impl Node {
    fn new(state: State) -> Self {
        Self { state, expansion: OnceLock::new() }
    }

    fn verdicts(&self, model: &Sequential) -> Verdicts {
        self.expansion(model).verdicts
    }

    fn expansion(&self, model: &Sequential) -> &Expansion {
        self.expansion.get_or_init(|| Box::new(model.expansion(&self.state)))
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.state == other.state
    }
}

impl Eq for Node {}

impl Hash for Node {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.state.hash(hasher);
    }
}

/// A step that changes the state, with what it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The step.
    pub step: Step,
    next: State,
}

impl Model for Sequential {
    type State = Node;
    type Action = Move;

    fn init_states(&self) -> Vec<Node> {
        vec![Node::new(self.initial())]
    }

    fn actions(&self, node: &Node, moves: &mut Vec<Move>) {
        let most_states = self.run.stop.most_states.unwrap_or(usize::MAX);
        let is_over = self.run.tell_once
            && (self.run.stop.now() || self.run.states.load(Ordering::Relaxed) >= most_states);
        if is_over {
            self.run.cut.store(true, Ordering::Relaxed);
            return;
        }
        let expansion = node.expansion(self);
        self.run.states.fetch_add(1, Ordering::Relaxed);
        self.run.transitions.fetch_add(expansion.transitions, Ordering::Relaxed);
        moves.extend_from_slice(&expansion.moves);
    }

    fn next_state(&self, _: &Node, taken: Move) -> Option<Node> {
        Some(Node::new(taken.next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties()
    }
}

/// A property is a plain function with a static name: one pair for each guarantee.
fn properties() -> Vec<Property<Sequential>> {
    type Condition = fn(&Sequential, &Node) -> bool;

    fn always<const N: usize>(model: &Sequential, node: &Node) -> bool {
        !model.tells(&model.run.told_broken, N, |run| node.verdicts(run).broken)
    }
    fn sometimes<const N: usize>(model: &Sequential, node: &Node) -> bool {
        model.tells(&model.run.told_exercised, N, |run| node.verdicts(run).exercised)
    }
    macro_rules! pairs {
        ($($n:literal)*) => { [$((always::<$n> as Condition, sometimes::<$n> as Condition)),*] };
    }
    let pairs = pairs!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22);
    GUARANTEES
        .iter()
        .zip(pairs)
        .flat_map(|(guarantee, (always, sometimes))| {
            [
                Property::always(guarantee.id, always),
                Property::sometimes(guarantee.sometimes, sometimes),
            ]
        })
        .collect()
}

impl Sequential {
    /// Whether stateright is to be told that the guarantee with this number is in the set.
    fn tells(&self, told: &AtomicU64, number: usize, set: impl Fn(&Self) -> GuaranteeSet) -> bool {
        if self.run.tell_once && told.load(Ordering::Relaxed) & 1 << number != 0 {
            return false;
        }
        let tells = GuaranteeId::all().nth(number).is_some_and(|g| set(self).contains(g));
        if tells {
            told.fetch_or(1 << number, Ordering::Relaxed);
        }
        tells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guarantee_has_its_pair_of_properties() {
        let names: Vec<_> = properties().iter().map(|property| property.name).collect();
        assert_eq!(names.len(), 2 * GUARANTEES.len());
        assert!(GUARANTEES.iter().all(|guarantee| names.contains(&guarantee.id)));
    }
}
