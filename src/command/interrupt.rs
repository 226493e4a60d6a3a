//! Ctrl-C: the first ends the search, and what is known is reported; the second ends the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{CommandError, Outcome};

/// A flag that an interrupt raises.
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
