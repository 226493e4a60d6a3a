//! The clauses whose rule a proposal takes away, contradicts or makes optional.

use crate::decision_point::PointId;
use crate::endpoint::EndpointId;
use crate::profile::{Access, Conditions};

use super::Rules;

/// A clause, and what became of its rule in a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostClause {
    /// The id of the clause.
    pub clause: String,
    /// The change of the clause's rule by the proposal, as the end of a sentence.
    pub because: String,
}

impl Rules {
    /// The clauses in force whose rule a proposal takes away, contradicts or makes optional, in order.
    ///
    /// A clause that opens several endpoints keeps its rule while another of the endpoints is open.
    pub fn lost_clauses(&self) -> Vec<LostClause> {
        let Some(base) = self.base_of_proposal() else { return Vec::new() };
        let name_of_base = self.name_of_base().unwrap_or(&base.id);
        let opens_elsewhere = |endpoint: EndpointId, clause: &String| {
            self.every_endpoint().filter(|other| *other != endpoint).any(|other| {
                let rule = self.endpoint(other);
                rule.access != Access::Refused && rule.clauses.contains(clause)
            })
        };
        let mut lost = Vec::new();
        let mut lose = |clause: &str, because: String| {
            lost.push(LostClause { clause: clause.to_owned(), because });
        };
        for endpoint in self.every_endpoint() {
            let (was, is) = (base.endpoint(endpoint), self.endpoint(endpoint));
            match (was.access, is.access) {
                (Access::Open(_), Access::Refused) => {
                    for clause in was.clauses.iter().filter(|of| !opens_elsewhere(endpoint, of)) {
                        lose(clause, format!("`{endpoint}` is closed to guests"));
                    }
                }
                (Access::Open(old), Access::Open(new)) => {
                    let only_in = |one: Conditions, other: Conditions| {
                        let only = one.iter().filter(|condition| !other.contains(*condition));
                        only.map(|condition| format!("`{condition}`")).collect::<Vec<_>>()
                    };
                    let dropped = only_in(old, new).join(" and ");
                    for clause in was.clauses.iter().filter(|_| !dropped.is_empty()) {
                        lose(clause, format!("`{endpoint}` is open without {dropped}"));
                    }
                    let added = only_in(new, old).join(" and ");
                    let is_lost = |clause: &&String| !opens_elsewhere(endpoint, clause);
                    for clause in was.clauses.iter().filter(|_| !added.is_empty()).filter(is_lost) {
                        lose(clause, format!("`{endpoint}` is open only under {added}"));
                    }
                }
                (Access::Refused, _) => {}
            }
        }
        for point in PointId::all() {
            let option = self.point(point).standing.default();
            let mut options = point.get().option_ids();
            let because = if base.permits(point, option) {
                options
                    .find(|option| self.permits(point, option) && !base.permits(point, option))
                    .map(|option| format!("`{}` may be `{option}`", point.get().id))
            } else {
                Some(format!("`{}` is `{option}`", point.get().id))
            };
            let Some(because) = because else { continue };
            for clause in self.in_force(point.get().clauses) {
                lose(clause, format!("{because}, which {name_of_base} forbids"));
            }
        }
        lost
    }
}
