//! What the guarantees say of a cell.

use crate::action::{Actor, Operation};
use crate::guarantee::OF_OTHERS;
use crate::guarantee::Verdicts;
use crate::sequential::{Judged, Sequential};
use crate::state::{Account, Scope};
use guest_access_rules::guarantee::GuaranteeSet;
use guest_access_rules::profile::Profile;

use super::cells::OTHERS_TOKEN;
use super::part::{Common, Own, compose};

/// Judges cells: each alone, and in company.
#[derive(Debug)]
pub(super) struct Judges {
    alone: Judge,
    in_company: Option<Judge>,
}

/// A model, and the steps that it judges in a cell.
#[derive(Debug)]
struct Judge {
    model: Sequential,
    reads: Vec<Judged>,
    /// All others, but for the questions, of which the model knows what is said.
    others: Vec<Judged>,
}

/// Which steps are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Those that only read: decided and judged by what a reader sees of a room.
    Reads,
    /// All others.
    Others,
}

impl Judges {
    /// For so many guests in a room in which `system` decides, held against what `rules` promise.
    pub(super) fn of(system: &Profile, rules: &Profile, guests: usize) -> Self {
        let model =
            |guests| Sequential::new(Scope { guests, rooms: 1 }, system.clone(), rules.clone());
        let alone = model(1);
        let all = alone.judged_actions().copied().collect();
        let in_company = (guests > 1).then(|| {
            let model = model(2);
            // What others make of the first guest's calls; and the one step that takes two.
            let about_both = |(action, guarantees): &Judged| {
                let guarantees = match action.operation {
                    OTHERS_TOKEN => *guarantees,
                    _ if action.by == Actor::Guest(0) => guarantees.intersection(OF_OTHERS),
                    _ => GuaranteeSet::default(),
                };
                (!guarantees.is_empty()).then_some((*action, guarantees))
            };
            let actions = model.judged_actions().filter_map(about_both).collect();
            Judge::new(model, actions)
        });
        Self { alone: Judge::new(alone, all), in_company }
    }

    /// What the guarantees say of these steps in a cell.
    pub(super) fn judge(&self, common: Common, own: Own, which: Which) -> Verdicts {
        let mut verdicts = self.alone.judge(common, &[own], which);
        if which == Which::Others {
            verdicts.add(self.alone.model.answers(&compose(
                self.alone.model.system(),
                common,
                &[own],
            )));
        }
        // Whoever registers last is company for any guest, whatever else has happened.
        if let Some(judge) = self.in_company.as_ref().filter(|_| own.account == Account::Guest) {
            verdicts.add(judge.judge(common, &[own, Own::REGISTERED], which));
        }
        verdicts
    }
}

impl Judge {
    fn new(model: Sequential, actions: Vec<Judged>) -> Self {
        let (reads, others) = actions
            .into_iter()
            .partition(|(action, _)| matches!(action.operation, Operation::Read(_)));
        Self { model, reads, others }
    }

    fn judge(&self, common: Common, owns: &[Own], which: Which) -> Verdicts {
        let actions = match which {
            Which::Reads => &self.reads,
            Which::Others => &self.others,
        };
        self.model.verdicts_of(&compose(self.model.system(), common, owns), actions)
    }
}
