//! The verdicts on a guest view.

use crate::action::{Actor, Operation};
use crate::guarantee::{OF_OTHERS, Verdicts, on_reads};
use crate::sequential::{JudgedAction, Sequential};
use crate::state::{Account, Scope};
use guest_access_rules::guarantee::GuaranteeSet;
use guest_access_rules::profile::Profile;

use super::guest_views::UPGRADE_BY_OTHERS_TOKEN;
use super::parts::{GuestState, RoomState, compose};

/// Judges views: each alone, and beside a second guest.
#[derive(Debug)]
pub(super) struct Judges {
    alone: Judge,
    beside_another: Option<Judge>,
}

/// A model, and the actions that it judges in a view.
#[derive(Debug)]
struct Judge {
    model: Sequential,
    /// The reads, with the guarantees that depend on nothing but what a reader sees of a room.
    reads: Vec<JudgedAction>,
    /// All others, except the queries that name no room: the model caches the verdicts on these.
    others: Vec<JudgedAction>,
}

/// Which actions to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ActionClass {
    /// The reads, which are decided and judged by what a reader sees of a room.
    Reads,
    /// All others.
    Others,
}

impl Judges {
    /// The judges for a room with this number of guests, of a homeserver with the profile `system` under
    /// the profile `rules`.
    pub(super) fn of(system: &Profile, rules: &Profile, guests: usize) -> Self {
        let model =
            |guests| Sequential::new(Scope { guests, rooms: 1 }, system.clone(), rules.clone());
        let alone = model(1);
        let all = alone.judged_actions().copied().collect();
        let beside_another = (guests > 1).then(|| {
            let model = model(2);
            // Keep the guarantees that another guest can break, and the one action that names two
            // guests: the upgrade by another guest's token.
            let about_both = |(action, guarantees): &JudgedAction| {
                let guarantees = match action.operation {
                    UPGRADE_BY_OTHERS_TOKEN => *guarantees,
                    _ if action.by == Actor::Guest(0) => guarantees.intersection(OF_OTHERS),
                    _ => GuaranteeSet::default(),
                };
                (!guarantees.is_empty()).then_some((*action, guarantees))
            };
            let actions = model.judged_actions().filter_map(about_both).collect();
            Judge::new(model, actions)
        });
        Self { alone: Judge::new(alone, all), beside_another }
    }

    /// The verdicts on these actions in a view.
    pub(super) fn judge(
        &self,
        room_state: RoomState,
        guest_state: GuestState,
        which: ActionClass,
    ) -> Verdicts {
        let mut verdicts = self.alone.judge(room_state, &[guest_state], which);
        if which == ActionClass::Others {
            verdicts.add(self.alone.model.query_verdicts(&compose(
                self.alone.model.system(),
                room_state,
                &[guest_state],
            )));
        }
        // A guest that has just registered can stand beside any guest, in any state.
        if let Some(judge) =
            self.beside_another.as_ref().filter(|_| guest_state.account == Account::Guest)
        {
            verdicts.add(judge.judge(room_state, &[guest_state, GuestState::REGISTERED], which));
        }
        verdicts
    }
}

impl Judge {
    fn new(model: Sequential, actions: Vec<JudgedAction>) -> Self {
        let of_all_a_room = on_reads();
        let (mut reads, mut others) = (Vec::new(), Vec::new());
        for (action, guarantees) in actions {
            if !matches!(action.operation, Operation::Read(_)) {
                others.push((action, guarantees));
                continue;
            }
            let of_others = guarantees.intersection(of_all_a_room);
            if !of_others.is_empty() {
                others.push((action, of_others));
            }
            reads.push((action, guarantees.without(of_all_a_room)));
        }
        Self { model, reads, others }
    }

    fn judge(
        &self,
        room_state: RoomState,
        guest_states: &[GuestState],
        which: ActionClass,
    ) -> Verdicts {
        let actions = match which {
            ActionClass::Reads => &self.reads,
            ActionClass::Others => &self.others,
        };
        self.model.verdicts_of(&compose(self.model.system(), room_state, guest_states), actions)
    }
}
