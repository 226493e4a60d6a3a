//! Ctrl-C. The first ends the search, and the command reports its results so far. The second ends
//! the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{CommandError, Outcome};

/// Installs the handler of Ctrl-C, and returns the flag that the first Ctrl-C sets.
pub(super) fn flag() -> Result<Arc<AtomicBool>, CommandError> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::Relaxed) {
            std::process::exit(Outcome::NoVerdict.code().into());
        }
    })?;
    Ok(flag)
}
