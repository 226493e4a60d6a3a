//! Rooms whose settings were never set.
//!
//! Two clauses say what such a room means: `forbidden` (GA-10) and `shared` (HV-2). A homeserver that
//! follows both clauses decides as if the setting had this value, so the states of [`Sequential`] have
//! only the value. For any other homeserver, the model of this module explores the rooms whose settings
//! were never set. The homeserver decides by the values that it assumes. The guarantees judge by the
//! values of the clauses.

use serde::{Deserialize, Serialize};

use crate::action::{Action, Key, Operation, Setting};
use crate::decide::outcome;
use crate::guarantee::{NeverSet, OF_OTHERS, Transition, Verdicts};
use crate::state::{Scope, State, TAGGED_ROOM};
use crate::transition_system::TransitionSystem;
use guest_access_rules::decision_point::{GuestAccessStray, VisibilityStray};
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};

use super::Sequential;

/// One guest, and one room from its creation on.
#[derive(Debug)]
pub struct NewRoom(Sequential);

/// A state, and which settings of the room were never set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NewRoomState {
    /// The state as the homeserver understands it.
    state: State,
    never_set: NeverSet,
    /// The history visibility before and after the tagged event, as the clauses have it.
    tagged: Option<(HistoryVisibility, HistoryVisibility)>,
}

impl NewRoom {
    /// The model of a homeserver with the profile `system`. `None` if the homeserver follows both
    /// clauses: then [`Sequential`] has every state already.
    pub fn of(system: &Profile, rules: &Profile) -> Option<Self> {
        let scope = Scope { guests: 1, rooms: 1 };
        let model = Sequential::new(scope, system.clone(), rules.clone());
        let first = model.initial();
        (NeverSet::BOTH.by_the_clauses(TAGGED_ROOM, first) != first).then_some(Self(model))
    }
}

impl NewRoomState {
    /// The state as the clauses have it.
    fn by_the_clauses(&self) -> State {
        let mut state = self.never_set.by_the_clauses(TAGGED_ROOM, self.state);
        if let (Some(tagged), Some((before, after))) = (&mut state.tagged, self.tagged) {
            (tagged.before, tagged.after) = (before, after);
        }
        state
    }
}

impl NeverSet {
    /// Both settings.
    pub(crate) const BOTH: Self = Self { guest_access: true, visibility: true };

    /// The state in which each setting of the room that was never set means what the clauses say.
    pub(crate) fn by_the_clauses(self, room: usize, mut state: State) -> State {
        let room = &mut state.rooms[room];
        // GA-10: A room without `m.room.guest_access` is treated as if it were set to `forbidden`.
        if self.guest_access {
            room.guest_access = GuestAccess::Forbidden;
        }
        // HV-2: A room in which no `history_visibility` is set counts as `shared`.
        if self.visibility {
            room.visibility = Some(HistoryVisibility::Shared);
        }
        state
    }

    /// The settings that were never set, after an operation that a homeserver with the profile `system`
    /// allowed.
    pub(crate) fn after(mut self, system: &Profile, operation: Operation) -> Self {
        let choices = &system.choices;
        match operation {
            Operation::SetGuestAccess(_, key) => {
                let counts = choices.guest_access_stray == GuestAccessStray::Counts;
                self.guest_access &= key != Key::Empty && !counts;
            }
            Operation::SetVisibility(_, key) => {
                let counts = choices.visibility_stray == VisibilityStray::Counts;
                self.visibility &= key != Key::Empty && !counts;
            }
            _ => {}
        }
        self
    }

    /// Whether the operation redacts a setting that was never set: then there is no event to redact.
    pub(crate) const fn leaves_nothing_to(self, operation: Operation) -> bool {
        match operation {
            Operation::RedactSetting(Setting::GuestAccess) => self.guest_access,
            Operation::RedactSetting(Setting::HistoryVisibility) => self.visibility,
            _ => false,
        }
    }
}

impl TransitionSystem for NewRoom {
    type State = NewRoomState;
    type Action = Action;

    fn initial_states(&self) -> Vec<NewRoomState> {
        let (state, never_set) = (self.0.initial(), NeverSet::BOTH);
        vec![NewRoomState { state, never_set, tagged: None }]
    }

    fn visit_successors(
        &self,
        new: &NewRoomState,
        visit: &mut dyn FnMut(Action, NewRoomState, Verdicts),
    ) {
        let before = new.by_the_clauses();
        if new.never_set == NeverSet::default() && before == new.state {
            // From here on every state is one of the sequential model's.
            return;
        }
        for (action, guarantees) in self.0.actions.all() {
            if new.never_set.leaves_nothing_to(action.operation) {
                continue;
            }
            let Some(outcome) = outcome(self.0.system(), &new.state, action) else { continue };
            let never_set = if outcome.observation.decision.allows() {
                new.never_set.after(self.0.system(), action.operation)
            } else {
                new.never_set
            };
            let mut next = NewRoomState { state: outcome.next, never_set, tagged: new.tagged };
            if action.tag && outcome.next.tagged.is_some() {
                let settings = [before, next.by_the_clauses()].map(|state| {
                    state.rooms[TAGGED_ROOM].visibility.unwrap_or(HistoryVisibility::Shared)
                });
                next.tagged = Some((settings[0], settings[1]));
            }
            let mut verdicts = Verdicts::default();
            let transition = Transition {
                rules: self.0.rules(),
                system: self.0.system(),
                before: &before,
                action,
                observation: &outcome.observation,
                after: &next.by_the_clauses(),
                never_set: new.never_set,
            };
            // One room and one guest: nobody else is there.
            verdicts.judge(guarantees.without(OF_OTHERS), &transition);
            visit(*action, next, verdicts);
        }
    }
}
