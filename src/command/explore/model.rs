//! The sequential model for the Explorer: a state also holds the action that led to the state, and what
//! the model observed of the action.

use std::fmt::{self, Debug, Formatter};
use std::hash::{Hash, Hasher};

use guest_access_model::action::{Action, Observation};
use guest_access_model::actions::actions;
use guest_access_model::decide::{initial, outcome};
use guest_access_model::guarantee::{NeverSet, Transition, Verdicts, about};
use guest_access_model::state::{Scope, State};
use guest_access_rules::guarantee::{GUARANTEES, GuaranteeId, GuaranteeSet};
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::{LABEL, ObservedStep, outcome_in_words, sentence};
use stateright::{Model, Path, Property};

use crate::report::diagram::{self, AnswerKind, DiagramAnswer, DiagramRow};

/// The model.
pub(super) struct ExplorerModel {
    profile: Profile,
    promised: GuaranteeSet,
    scope: Scope,
    actions: Vec<Action>,
}

/// A state, and the action that led to the state.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) state: State,
    /// The action that led to the state; none in the initial state.
    pub(super) last: Option<Box<LastAction>>,
    scope: Scope,
    verdicts: Verdicts,
}

/// The action that led to a state.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct LastAction {
    pub(super) before: State,
    pub(super) action: Action,
    pub(super) observation: Observation,
}

/// An action that can happen.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ExplorerAction(Action);

impl ExplorerModel {
    pub(super) fn new(rules: &Rules, scope: Scope) -> Self {
        let profile = rules.profile();
        let actions = actions(scope, &[&profile]);
        Self { promised: rules.promises.keys().copied().collect(), scope, actions, profile }
    }
}

impl Model for ExplorerModel {
    type State = Node;
    type Action = ExplorerAction;

    fn init_states(&self) -> Vec<Node> {
        let state = initial(&self.profile);
        vec![Node { state, last: None, scope: self.scope, verdicts: Verdicts::default() }]
    }

    fn actions(&self, node: &Node, all: &mut Vec<ExplorerAction>) {
        let can_happen = |action: &&Action| outcome(&self.profile, &node.state, action).is_some();
        all.extend(self.actions.iter().filter(can_happen).copied().map(ExplorerAction));
    }

    fn next_state(&self, node: &Node, ExplorerAction(action): ExplorerAction) -> Option<Node> {
        let outcome = outcome(&self.profile, &node.state, &action)?;
        let mut verdicts = Verdicts::default();
        let transition = Transition {
            rules: &self.profile,
            system: &self.profile,
            before: &node.state,
            action: &action,
            observation: &outcome.observation,
            after: &outcome.next,
            never_set: NeverSet::default(),
        };
        verdicts.judge(about(&action), &transition);
        let last = LastAction { before: node.state, action, observation: outcome.observation };
        Some(Node { state: outcome.next, last: Some(Box::new(last)), scope: self.scope, verdicts })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties().filter(|(id, _)| self.promised.contains(*id)).map(|(_, p)| p).collect()
    }

    fn format_action(&self, ExplorerAction(action): &ExplorerAction) -> String {
        sentence(action)
    }

    fn format_step(&self, node: &Node, taken: ExplorerAction) -> Option<String> {
        self.next_state(node, taken).map(|next| format!("{next:?}"))
    }

    fn as_svg(&self, path: Path<Node, ExplorerAction>) -> Option<String> {
        let states = path.into_states();
        let taken = states.iter().filter_map(|node| node.last.as_deref());
        let rows: Vec<_> = taken.map(LastAction::row).collect();
        Some(diagram::svg(&rows, LABEL).into_string())
    }
}

/// A property is a plain function with a static name: one for each guarantee.
fn properties() -> impl Iterator<Item = (GuaranteeId, Property<ExplorerModel>)> {
    type Condition = fn(&ExplorerModel, &Node) -> bool;

    fn holds<const N: usize>(_: &ExplorerModel, node: &Node) -> bool {
        !GuaranteeId::all().nth(N).is_some_and(|id| node.verdicts.violated.contains(id))
    }
    macro_rules! conditions {
        ($($n:literal)*) => { [$(holds::<$n> as Condition),*] };
    }
    let conditions = conditions!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    GuaranteeSet::on_actions()
        .iter()
        .zip(conditions)
        .map(|(id, condition)| (id, Property::always(GUARANTEES[id.index()].id, condition)))
}

impl LastAction {
    /// The action as a row of a diagram.
    fn row(&self) -> DiagramRow<'_> {
        let decision = &self.observation.decision;
        let kind = if decision.allows() { AnswerKind::Allowed } else { AnswerKind::Denied };
        DiagramRow {
            step: &self.action,
            answers: vec![DiagramAnswer { words: decision.to_string(), kind }],
        }
    }

    /// The outcome of the action, in words.
    pub(super) fn outcome_in_words(&self, after: &State) -> String {
        let outcome =
            guest_access_model::decide::Outcome { observation: self.observation, next: *after };
        let observed = ObservedStep {
            action: &self.action,
            before: &self.before,
            outcome: &outcome,
            label: Some(LABEL),
        };
        outcome_in_words(&self.observation.decision, &observed.expect())
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.state == other.state && self.last == other.last
    }
}

impl Eq for Node {}

impl Hash for Node {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.state.hash(hasher);
        if let Some(last) = &self.last {
            last.before.hash(hasher);
            last.action.hash(hasher);
        }
    }
}

impl Debug for ExplorerAction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&sentence(&self.0))
    }
}

/// The Explorer shows states by what this writes.
impl Debug for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(last) = &self.last {
            writeln!(f, "{}:", sentence(&last.action))?;
            writeln!(f, "  {}", last.outcome_in_words(&self.state))?;
            writeln!(f, "  because {}\n", last.observation.decision.because)?;
        }
        for (number, account) in (1..).zip(self.state.accounts).take(self.scope.guests) {
            writeln!(f, "guest{number} has the account `{account}`")?;
        }
        for (number, room) in (1..).zip(&self.state.rooms).take(self.scope.rooms) {
            let visibility = room.visibility.map_or("unreadable", |visibility| visibility.as_str());
            writeln!(f, "\nroom{number}")?;
            writeln!(f, "  history visibility  {visibility}")?;
            writeln!(f, "  guest access        {}", room.guest_access)?;
            writeln!(f, "  join rule           {}", room.join_rule)?;
            for (number, membership) in (1..).zip(room.members).take(self.scope.guests) {
                writeln!(f, "  guest{number}              {membership}")?;
            }
            writeln!(f, "  user                {}", room.user)?;
        }
        let Some(tagged) = &self.state.tagged else {
            return Ok(());
        };
        writeln!(f, "\n{LABEL}, a {} of room1", tagged.kind)?;
        writeln!(f, "  history visibility  {}", sides(&tagged.before, &tagged.after))?;
        for (number, relation) in (1..).zip(tagged.relations).take(self.scope.guests) {
            let sides = sides(&relation.before, &relation.after);
            let later = if relation.joined_later { ", and joined after it" } else { "" };
            writeln!(f, "  guest{number}              {sides}{later}")?;
        }
        Ok(())
    }
}

/// A value before an event and after the event, once if both are equal.
fn sides<T: PartialEq + fmt::Display>(before: &T, after: &T) -> String {
    if before == after { before.to_string() } else { format!("{before}, then {after}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guarantee_has_its_property() {
        assert_eq!(properties().count(), GuaranteeSet::on_actions().iter().count());
    }

    #[test]
    fn every_initial_action_keeps_the_promised_guarantees() {
        let rules = Rules::find("latest").unwrap();
        let model = ExplorerModel::new(&rules, Scope { guests: 1, rooms: 1 });
        for node in model.init_states() {
            for (_, next) in model.next_steps(&node) {
                assert!(model.properties().iter().all(|kept| (kept.condition)(&model, &next)));
            }
        }
    }
}
