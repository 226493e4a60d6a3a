//! How bad a divergence is.

use serde::{Deserialize, Serialize};

/// The kind of a divergence. Kinds are in order, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DivergenceKind {
    /// The homeserver gave what it must not give, or allowed what it must deny.
    Leak,
    /// A required side effect is missing, or a forbidden one happened.
    Effect,
    /// The homeserver denied what it must allow, or withheld what it must give.
    Refusal,
    /// The homeserver answered with an error of its own: a status from 500 on, and an error code.
    Failure,
    /// The homeserver answers an open question in two ways within one run. Each answer by itself is
    /// permitted.
    Inconsistent,
    /// A denial is right, and its status or error code is wrong.
    Error,
}

impl DivergenceKind {
    /// Every kind, the worst first.
    pub const ALL: [Self; 6] =
        [Self::Leak, Self::Effect, Self::Refusal, Self::Failure, Self::Inconsistent, Self::Error];

    /// The kind as reports write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Leak => "leak",
            Self::Effect => "effect",
            Self::Refusal => "refusal",
            Self::Failure => "failure",
            Self::Inconsistent => "inconsistent",
            Self::Error => "error",
        }
    }
}
