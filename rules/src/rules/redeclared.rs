//! Endpoints that two rules files declare by one id, each with other words.
//!
//! Two such declarations are two endpoints. If they ask the same of a caller, the same calls go to both,
//! and a comparison of the two rules compares who may make these calls.

use std::borrow::Cow;

use crate::endpoint::EndpointId;

use super::Rules;

/// An id by which two rules declare two endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redeclared {
    /// The endpoint of the first rules.
    pub from: EndpointId,
    /// The endpoint of the second rules.
    pub to: EndpointId,
}

impl Redeclared {
    /// Whether a call is one of the first endpoint exactly if it is one of the second, by the same
    /// credentials.
    fn takes_the_same_calls(self) -> bool {
        let (from, to) = (self.from.get(), self.to.get());
        from.path == to.path && from.auth == to.auth
    }
}

impl Rules {
    /// The endpoints that both rules declare by one id, and `to` declares otherwise than these rules.
    pub fn redeclared_in(&self, to: &Self) -> Vec<Redeclared> {
        let of =
            |from: EndpointId| to.find_endpoint(&from.get().id).map(|to| Redeclared { from, to });
        let declared = self.declared.keys().copied().filter_map(of);
        declared.filter(|redeclared| redeclared.from != redeclared.to).collect()
    }

    /// These rules, with the endpoints of `from` in place of their own where both declare an endpoint by
    /// one id and for the same calls. What the endpoints give and do is then that of `from`.
    #[must_use]
    pub fn with_endpoints_of(&self, from: &Self) -> Cow<'_, Self> {
        let redeclared = from.redeclared_in(self).into_iter();
        let same: Vec<_> = redeclared.filter(|of| of.takes_the_same_calls()).collect();
        if same.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut rules = self.clone();
        for Redeclared { from, to } in same {
            if let Some(rule) = rules.declared.remove(&to) {
                rules.declared.insert(from, rule);
            }
        }
        Cow::Owned(rules)
    }
}
