//! The properties that the user names, and the homeserver that is checked.

use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;

use crate::command::{CommandError, lookup};
use crate::report::check::AGREEMENT;

use super::args::Model;

/// The properties that are checked.
pub(super) struct Selection {
    /// The guarantees that the user names; none selects all.
    pub(super) named: GuaranteeSet,
    /// Whether model and reference are compared.
    pub(super) agreement: bool,
}

impl Selection {
    /// The properties with these names, each of which `model` judges; without a name, all properties.
    pub(super) fn of(names: &[String], model: Model) -> Result<Self, CommandError> {
        let by_name = names.iter().filter(|name| *name != AGREEMENT);
        let named: Vec<GuaranteeId> =
            by_name.map(|name| lookup::guarantee(name)).collect::<Result<_, _>>()?;
        let names_agreement = names.iter().any(|name| name == AGREEMENT);
        let judged = model.judges();
        let not_judged = named.iter().find(|id| !judged.contains(**id)).map(|id| id.get().id);
        let no_agreement = names_agreement && model != Model::Sequential;
        if let Some(name) = not_judged.or(no_agreement.then_some(AGREEMENT)) {
            let known: Vec<_> = judged.iter().map(|guarantee| guarantee.get().id).collect();
            return Err(CommandError::NotJudged {
                name,
                model: model.name(),
                known: known.join(", "),
            });
        }
        let agreement = names.is_empty() || names_agreement;
        Ok(Self { named: named.into_iter().collect(), agreement })
    }

    /// The guarantees among `judged` that are selected.
    pub(super) fn among(&self, judged: GuaranteeSet) -> GuaranteeSet {
        if self.named.is_empty() { judged } else { judged.intersection(self.named) }
    }
}

/// The homeserver that `check` explores.
pub(super) struct ExploredSubject<'a> {
    pub(super) name: &'a str,
    pub(super) profile: Profile,
}

impl<'a> ExploredSubject<'a> {
    /// The reference, or the reference with one defect.
    pub(super) fn find(rules: &Rules, name: &'a str) -> Result<Self, CommandError> {
        let profile = match name.strip_prefix("defect:") {
            _ if name == "reference" => rules.profile(),
            Some(id) => lookup::defect(rules, id)?.profile,
            None => return Err(CommandError::UnknownSubject { name: name.to_owned() }),
        };
        Ok(Self { name, profile })
    }
}
