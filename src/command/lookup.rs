//! Names on the command line of guarantees and defects, looked up.
//!
//! An unknown name is an error that suggests the known name that is most similar.

use guest_access_reference::serve::ConcurrencyDefect;
use guest_access_rules::guarantee::GuaranteeId;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{self, Variant};

use super::CommandError;

/// The guarantee with this id.
pub(super) fn guarantee(id: &str) -> Result<GuaranteeId, CommandError> {
    GuaranteeId::find(id).ok_or_else(|| {
        let ids = GuaranteeId::all().map(|guarantee| guarantee.get().id);
        let nearest = nearest(id, ids).unwrap_or_default();
        CommandError::UnknownGuarantee { name: id.to_owned(), nearest }
    })
}

/// The defect with this id under these rules.
pub(super) fn defect(rules: &Rules, id: &str) -> Result<Variant, CommandError> {
    variant::find(rules, id).ok_or_else(|| {
        let ids = variant::defects(rules).into_iter().map(|defect| defect.id);
        let concurrency_defects =
            ConcurrencyDefect::ALL.into_iter().map(|defect| defect.as_str().to_owned());
        CommandError::UnknownDefect {
            name: id.to_owned(),
            rules: rules.id.clone(),
            nearest: nearest(id, ids.chain(concurrency_defects)).unwrap_or_default(),
        }
    })
}

/// A question that suggests the most similar known name, as the middle of a message; empty if no known name
/// is similar.
pub(super) fn near(name: &str, known: impl Iterator<Item = String>) -> String {
    let similar = nearest(name, known).filter(|known| strsim::jaro(name, known) > SIMILAR);
    similar.map_or_else(String::new, |known| format!(" did you mean `{known}`?"))
}

/// How similar a name has to be to be suggested.
const SIMILAR: f64 = 0.8;

/// The known name that is most similar to `name`.
fn nearest<T: AsRef<str>>(name: &str, known: impl Iterator<Item = T>) -> Option<T> {
    let similarity = |known: &T| strsim::jaro(name, known.as_ref());
    known.max_by(|a, b| similarity(a).total_cmp(&similarity(b)))
}
