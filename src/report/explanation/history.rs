//! What the revisions say of a term, one after the other.

use guest_access_rules::decision_point::{PointId, PointOption};
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::guarantee::GuaranteeId;
use guest_access_rules::profile::Access;
use guest_access_rules::rules::{Rules, Standing};
use serde::Serialize;

/// What a revision says of a term.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// The id of the revision, or of the proposal.
    pub rules: String,
    /// What the revision says.
    pub says: String,
}

/// The entries of the rules that say something else than the rules before.
fn changes<'a>(
    timeline: impl IntoIterator<Item = &'a Rules>,
    says: impl Fn(&Rules) -> String,
) -> Vec<HistoryEntry> {
    let mut entries = timeline
        .into_iter()
        .map(|rules| HistoryEntry { rules: rules.id.clone(), says: says(rules) })
        .collect::<Vec<_>>();
    entries.dedup_by(|later, earlier| later.says == earlier.says);
    entries
}

/// The standing of a decision point.
pub(super) fn of_point(point: PointId, timeline: &[Rules]) -> Vec<HistoryEntry> {
    changes(timeline, |rules| {
        let standing = match &rules.point(point).standing {
            Standing::Required(option) => format!("requires `{option}`"),
            Standing::Silent(option) => format!("is silent; the default is `{option}`"),
            Standing::Open(options) => {
                let others: Vec<_> = options.iter().skip(1).map(|o| format!("`{o}`")).collect();
                let also = match &others[..] {
                    [] => String::new(),
                    others => format!(", also permitted: {}", others.join(", ")),
                };
                format!("leaves the question open; the default is `{}`{also}", options[0])
            }
        };
        standing + &by_reading(rules.point(point).reading.as_ref())
    })
}

/// The standing of one option.
pub(super) fn of_option(
    point: PointId,
    option: &PointOption,
    timeline: &[Rules],
) -> Vec<HistoryEntry> {
    changes(timeline, |rules| {
        let rule = rules.point(point);
        let is_default = rule.standing.default() == option.id;
        match &rule.standing {
            standing if standing.forbids(option.id) => "forbidden".to_owned(),
            Standing::Required(_) => "required".to_owned(),
            Standing::Silent(_) if is_default => "the default where the text is silent".to_owned(),
            Standing::Silent(_) => "not forbidden: the text is silent".to_owned(),
            Standing::Open(_) if is_default => {
                format!("the default{}", by_reading(rule.reading.as_ref()))
            }
            Standing::Open(_) => format!("permitted{}", by_reading(rule.reading.as_ref())),
        }
    })
}

/// The promise of a guarantee.
pub(super) fn of_guarantee(guarantee: GuaranteeId, timeline: &[Rules]) -> Vec<HistoryEntry> {
    let is_known =
        |rules: &&Rules| !guarantee.is_declared() || rules.guarantees().contains(guarantee);
    changes(timeline.iter().filter(is_known), |rules| match rules.promises.get(&guarantee) {
        Some(clauses) if clauses.is_empty() => "promised".to_owned(),
        Some(clauses) => format!("promised by {}", clauses.join(", ")),
        None => match rules.withdrawn.get(&guarantee) {
            Some(withdrawal) => {
                format!("withdrawn by {}: {}", withdrawal.by, withdrawal.because)
            }
            None => "not promised".to_owned(),
        },
    })
}

/// The access of guests to an endpoint.
pub(super) fn of_endpoint(endpoint: EndpointId, timeline: &[Rules]) -> Vec<HistoryEntry> {
    let is_known =
        |rules: &&Rules| !endpoint.is_declared() || rules.declared.contains_key(&endpoint);
    changes(timeline.iter().filter(is_known), |rules| {
        let rule = rules.endpoint(endpoint);
        let clauses = match rule.clauses.join(", ") {
            none if none.is_empty() => none,
            clauses => format!(" ({clauses})"),
        };
        let may = rule.may_be_open.as_ref().map(|may| {
            let access = Access::Open(may.conditions);
            format!("; a homeserver may have it {access} (reading {})", may.reading)
        });
        format!("{}{clauses}{}", rule.access, may.unwrap_or_default())
    })
}

/// The reading on which a default rests, in words.
fn by_reading(reading: Option<&String>) -> String {
    reading.map(|reading| format!(" (reading {reading})")).unwrap_or_default()
}
