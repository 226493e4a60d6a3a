//! What rules files declare beside the tables of the program: endpoints, clauses, readings, guarantees.
//!
//! A declaration keeps its number, and its text, until the program ends.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

/// The declarations of one kind, by all rules files of the run.
pub(crate) struct Declarations<T: 'static>(RwLock<Vec<&'static T>>);

impl<T: PartialEq> Declarations<T> {
    /// No declaration.
    pub(crate) const fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    /// The number of this declaration, and the declaration. The same one has the same number however often
    /// it is made.
    ///
    /// # Errors
    /// If another one `conflicts` with it; the error is that other one.
    pub(crate) fn declare(
        &self,
        new: T,
        conflicts: impl Fn(&T) -> bool,
    ) -> Result<(usize, &'static T), &'static T> {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.iter().position(|known| **known == new) {
            return Ok((known, all[known]));
        }
        if let Some(other) = all.iter().find(|known| conflicts(known)) {
            return Err(other);
        }
        all.push(Box::leak(Box::new(new)));
        Ok((all.len() - 1, all[all.len() - 1]))
    }

    /// The declaration with this number, if there is one.
    pub(crate) fn get(&self, number: usize) -> Option<&'static T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(number).copied()
    }

    /// Every declaration, in the order of the numbers.
    pub(crate) fn all(&self) -> Vec<&'static T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The text of a declaration. Equal texts take their place in memory once.
pub(crate) fn interned(text: &str) -> &'static str {
    static TEXTS: RwLock<BTreeSet<&'static str>> = RwLock::new(BTreeSet::new());
    let mut texts = TEXTS.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(text) {
        return known;
    }
    let new: &'static str = Box::leak(text.into());
    texts.insert(new);
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_keeps_its_number_and_conflicts_are_told() {
        static NUMBERS: Declarations<u8> = Declarations::new();
        let same_tens = |one: u8| move |other: &u8| other / 10 == one / 10;
        assert_eq!(NUMBERS.declare(12, same_tens(12)), Ok((0, &12)));
        assert_eq!(NUMBERS.declare(25, same_tens(25)), Ok((1, &25)));
        assert_eq!(NUMBERS.declare(12, same_tens(12)), Ok((0, &12)));
        assert_eq!(NUMBERS.declare(13, same_tens(13)), Err(&12));
        assert_eq!((NUMBERS.get(1), NUMBERS.get(2)), (Some(&25), None));
        assert_eq!(NUMBERS.all(), [&12, &25]);
    }

    #[test]
    fn equal_texts_are_one_text() {
        assert!(std::ptr::eq(interned("a text"), interned("a text")));
    }
}
