//! How many guests or rooms a check covers.

use std::fmt::{self, Display, Formatter};

use serde::{Serialize, Serializer};

use crate::report::count;

/// How many guests or rooms a check covers. In JSON, a number or `"any"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// This number.
    Exactly(usize),
    /// Any number.
    Any,
}

impl Number {
    /// The number with the noun: `1 guest`, `any number of guests`.
    pub(super) fn of(self, noun: &str) -> String {
        match self {
            Self::Exactly(number) => count(number, noun),
            Self::Any => format!("any number of {noun}s"),
        }
    }
}

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(number) => number.fmt(f),
            Self::Any => f.write_str("any"),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exactly(number) => number.serialize(serializer),
            Self::Any => serializer.serialize_str("any"),
        }
    }
}
