//! Names on the command line of guarantees and defects, looked up.
//!
//! An unknown name is an error that suggests a known name, if one is similar.

use guest_access_reference::serve::ConcurrencyDefect;
use guest_access_rules::federation::FederationMistake;
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::rules::Rules;
use guest_access_rules::similar::did_you_mean;
use guest_access_rules::variant::{self, Variant};

use super::CommandError;

/// The guarantee with this id, of the table or of the rules files that were read before.
pub(super) fn guarantee(id: &str) -> Result<GuaranteeId, CommandError> {
    GuaranteeId::find(id).ok_or_else(|| {
        let known = GuaranteeId::all().chain(GuaranteeSet::declared().iter());
        let near = did_you_mean(id, known.map(|guarantee| guarantee.get().id));
        CommandError::UnknownGuarantee { name: id.to_owned(), near }
    })
}

/// The defect with this id under these rules.
pub(super) fn defect(rules: &Rules, id: &str) -> Result<Variant, CommandError> {
    variant::find(rules, id).ok_or_else(|| {
        if FederationMistake::find(id).is_some() {
            return CommandError::ForFederation { name: id.to_owned() };
        }
        if ConcurrencyDefect::find(id).is_some() {
            return CommandError::ForOverlappingCalls { name: id.to_owned() };
        }
        let defects = variant::defects(rules);
        let mut ids: Vec<&str> = defects.iter().map(|defect| defect.id.as_str()).collect();
        for defect in ConcurrencyDefect::ALL {
            ids.push(defect.as_str());
        }
        let mistakes = FederationMistake::ALL.map(|mistake| mistake.to_string());
        ids.extend(mistakes.iter().map(String::as_str));
        CommandError::UnknownDefect {
            name: id.to_owned(),
            rules: rules.id.clone(),
            near: did_you_mean(id, ids),
        }
    })
}
