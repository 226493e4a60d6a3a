//! A fault of an answer about one room, before the rules say how the reader stands to the event.

use super::super::content_difference::ContentFault;

/// What is wrong with an answer, in one section, and the place in the timeline of the event that shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fault {
    pub(super) fault: ContentFault,
    pub(super) section: String,
    pub(super) place: usize,
}

impl Fault {
    pub(super) fn new(fault: ContentFault, section: &str, place: usize) -> Self {
        Self { fault, section: section.to_owned(), place }
    }
}
