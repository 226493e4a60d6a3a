//! Two endpoints that two rules files declare by one id, in a report.

use std::fmt::{self, Formatter};

use guest_access_rules::endpoint::{Auth, EndpointId};
use guest_access_rules::rules::Redeclared;
use serde::Serialize;

use crate::report::{paint, style};

/// An id by which the two rules declare two endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RedeclaredEndpoint {
    /// The id.
    pub endpoint: String,
    /// The endpoint of the first rules.
    pub before: DeclarationReport,
    /// The endpoint of the second rules.
    pub after: DeclarationReport,
}

/// What a rules file declares of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeclarationReport {
    /// The whole path.
    pub path: &'static str,
    /// The credentials of a caller.
    pub auth: Auth,
    /// The content of rooms that the endpoint returns; null if it returns nothing.
    pub gives: Option<&'static str>,
    /// What a call changes; null if it changes nothing.
    pub does: Option<&'static str>,
}

impl From<Redeclared> for RedeclaredEndpoint {
    fn from(Redeclared { from, to }: Redeclared) -> Self {
        Self { endpoint: from.to_string(), before: from.into(), after: to.into() }
    }
}

impl From<EndpointId> for DeclarationReport {
    fn from(endpoint: EndpointId) -> Self {
        let declared = endpoint.get();
        Self {
            path: &declared.path,
            auth: declared.auth,
            gives: declared.unseen.as_deref(),
            does: declared.effect.as_deref(),
        }
    }
}

impl RedeclaredEndpoint {
    /// The two endpoints in a sentence.
    pub(super) fn in_words(&self) -> String {
        let Self { endpoint, before, after } = self;
        format!(
            "`{endpoint}` means two endpoints: before: {}; after: {}",
            before.in_words(after),
            after.in_words(before)
        )
    }

    pub(super) fn write_text(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { endpoint, before, after } = self;
        let title = format!("{endpoint} means two endpoints:");
        writeln!(f, "{}", paint(style::DOUBTFUL, title))?;
        writeln!(f, "   before: {}", before.in_words(after))?;
        writeln!(f, "   after:  {}", after.in_words(before))
    }
}

impl DeclarationReport {
    /// The parts of the declaration in which the other one differs.
    fn in_words(&self, other: &Self) -> String {
        let or_nothing = |text: Option<&str>| text.unwrap_or("nothing").to_owned();
        let parts = [
            (self.path != other.path, "path", self.path.to_owned()),
            (self.auth != other.auth, "auth", self.auth.to_string()),
            (self.gives != other.gives, "gives", or_nothing(self.gives)),
            (self.does != other.does, "does", or_nothing(self.does)),
        ];
        let parts = parts.into_iter().filter(|(differs, ..)| *differs);
        parts.map(|(_, what, is)| format!("{what}: {is}")).collect::<Vec<_>>().join("; ")
    }
}
