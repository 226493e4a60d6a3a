//! One revision in full: its allow-list, its decision points and its promises.

use std::fmt::{self, Display, Formatter};

use guest_access_rules::decision_point::PointId;
use guest_access_rules::guarantee::GuaranteeId;
use guest_access_rules::profile::{Access, Condition};
use guest_access_rules::rules::{MayBeOpen, Rules, Standing};
use serde::Serialize;

use crate::report::check::WithdrawnPromise;
use crate::report::{Cell, Run, Table, paint, style};

use super::standing;

/// One revision in full.
#[derive(Debug, Clone, Serialize)]
pub struct RevisionReport {
    /// The id of the revision.
    pub id: String,
    /// The date of the revision.
    pub date: Option<String>,
    /// The revision in one sentence.
    pub about: String,
    /// The releases with the same text.
    pub aliases: Vec<String>,
    /// The revisions that the revision extends, the nearest first.
    pub extends: Vec<String>,
    /// The endpoints that guests may call.
    pub allow: Vec<AllowedEndpoint>,
    /// The endpoints that the text does not list, and that a reading permits a server to open.
    pub may_allow: Vec<OptionalEndpoint>,
    /// The decision points.
    pub points: Vec<PointReport>,
    /// The guarantees.
    pub guarantees: Vec<GuaranteeStanding>,
    /// The run that made the report.
    pub run: Run,
}

/// An endpoint that guests may call.
#[derive(Debug, Clone, Serialize)]
pub struct AllowedEndpoint {
    /// The endpoint.
    pub endpoint: String,
    /// The conditions of the call.
    pub when: Vec<Condition>,
    /// The reading that permits a server to open the endpoint without the conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub or_always: Option<String>,
    /// The clauses that open the endpoint.
    pub clauses: Vec<String>,
}

/// An endpoint that a reading permits a server to open.
#[derive(Debug, Clone, Serialize)]
pub struct OptionalEndpoint {
    /// The endpoint.
    pub endpoint: String,
    /// The conditions under which the reading permits it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Condition>,
    /// The reading.
    pub reading: String,
    /// The clauses that raise the question.
    pub clauses: Vec<String>,
}

/// A decision point.
#[derive(Debug, Clone, Serialize)]
pub struct PointReport {
    /// The id of the decision point.
    pub id: &'static str,
    /// The question.
    pub question: String,
    /// `required`, `open` or `silent`.
    pub standing: &'static str,
    /// The option of the default profile.
    pub default: &'static str,
    /// The other options that the text permits.
    pub alternatives: Vec<&'static str>,
    /// All options.
    pub options: Vec<&'static str>,
    /// The reading on which the default option rests.
    pub reading: Option<String>,
    /// The clauses that raise the question.
    pub clauses: Vec<String>,
    /// The standing in words.
    #[serde(skip)]
    words: String,
}

/// Whether a revision promises a guarantee.
#[derive(Debug, Clone, Serialize)]
pub struct GuaranteeStanding {
    /// The id of the guarantee.
    pub id: &'static str,
    /// Whether the revision promises the guarantee.
    pub promised: bool,
    /// The clauses that promise the guarantee.
    pub clauses: Vec<String>,
    /// The revision that withdrew the promise.
    pub withdrawn: Option<WithdrawnPromise>,
}

impl RevisionReport {
    /// The report of `rules`.
    pub fn new(rules: &Rules, run: Run) -> Self {
        let (mut allow, mut may_allow) = (Vec::new(), Vec::new());
        for endpoint in rules.every_endpoint() {
            let rule = rules.endpoint(endpoint);
            let (endpoint, clauses) = (endpoint.to_string(), rule.clauses.clone());
            match (rule.access, &rule.may_be_open) {
                (Access::Open(conditions), may_be_open) => {
                    let reading = may_be_open.as_ref().map(|may| may.reading.clone());
                    let (when, or_always) = (conditions.iter().collect(), reading);
                    allow.push(AllowedEndpoint { endpoint, when, or_always, clauses });
                }
                (Access::Refused, Some(MayBeOpen { reading, conditions })) => {
                    let (when, reading) = (conditions.iter().collect(), reading.clone());
                    may_allow.push(OptionalEndpoint { endpoint, when, reading, clauses });
                }
                (Access::Refused, None) => {}
            }
        }
        let promised = |guarantee: GuaranteeId| GuaranteeStanding {
            id: guarantee.get().id,
            promised: rules.promises.contains_key(&guarantee),
            clauses: rules.promises.get(&guarantee).cloned().unwrap_or_default(),
            withdrawn: rules.withdrawn.get(&guarantee).map(WithdrawnPromise::from),
        };
        Self {
            id: rules.id.clone(),
            date: rules.date.clone(),
            about: rules.about.clone(),
            aliases: rules.aliases.clone(),
            extends: rules.extends.clone(),
            allow,
            may_allow,
            points: PointId::all().map(|point| PointReport::new(rules, point)).collect(),
            guarantees: rules.guarantees().iter().map(promised).collect(),
            run,
        }
    }
}

impl PointReport {
    fn new(rules: &Rules, id: PointId) -> Self {
        let (point, rule) = (id.get(), rules.point(id));
        let of_the_point = rules.in_force(point.clauses).into_iter().map(str::to_owned);
        let mut clauses: Vec<_> = of_the_point.chain(rule.clauses.iter().cloned()).collect();
        clauses.dedup();
        Self {
            id: point.id,
            question: point.question(),
            standing: match rule.standing {
                Standing::Required(_) => "required",
                Standing::Open(_) => "open",
                Standing::Silent(_) => "silent",
            },
            default: rule.standing.default(),
            alternatives: rule.standing.alternatives().to_vec(),
            options: point.option_ids().collect(),
            reading: rule.reading.clone(),
            clauses,
            words: standing(&rule.standing),
        }
    }
}

impl Display for RevisionReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}", paint(style::HEADING, &self.id), self.date.as_deref().unwrap_or(""))?;
        writeln!(f, "{}", self.about)?;
        if !self.aliases.is_empty() {
            writeln!(f, "also called {}", self.aliases.join(", "))?;
        }
        let mut table = Table::with_headings(["guests may call", "when", "clauses"]);
        for AllowedEndpoint { endpoint, when, or_always, clauses } in &self.allow {
            let when: Vec<_> = when.iter().map(|condition| condition.as_str()).collect();
            let mut when = when.join(", ");
            if let Some(reading) = or_always {
                when += &format!(", or always ({reading})");
            }
            table.push([endpoint.into(), when.into(), clauses.join(", ").into()]);
        }
        writeln!(f, "\n{table}")?;
        if !self.may_allow.is_empty() {
            let mut table = Table::with_headings(["a server may open", "reading", "clauses"]);
            for OptionalEndpoint { endpoint, when, reading, clauses } in &self.may_allow {
                let when: Vec<_> = when.iter().map(|condition| condition.as_str()).collect();
                let endpoint = match when.join(" and ") {
                    always if always.is_empty() => endpoint.clone(),
                    when => format!("{endpoint} where {when}"),
                };
                table.push([endpoint.into(), reading.into(), clauses.join(", ").into()]);
            }
            writeln!(f, "{table}")?;
        }
        let mut table = Table::with_headings(["decision point", "standing", "reading", "clauses"]);
        for point in &self.points {
            let colour = match point.standing {
                "required" => style::PLAIN,
                "open" => style::DOUBTFUL,
                _ => style::DIM,
            };
            table.push([
                point.id.into(),
                Cell::new(&point.words, colour),
                point.reading.clone().unwrap_or_default().into(),
                point.clauses.join(", ").into(),
            ]);
        }
        writeln!(f, "{table}")?;
        let mut table = Table::with_headings(["guarantee", "promised", "clauses"]);
        for guarantee in &self.guarantees {
            let (promised, colour) = match &guarantee.withdrawn {
                _ if guarantee.promised => ("yes".to_owned(), style::GOOD),
                Some(withdrawn) => (format!("withdrawn in {}", withdrawn.by), style::DOUBTFUL),
                None => ("no".to_owned(), style::DIM),
            };
            let clauses = guarantee.clauses.join(", ");
            table.push([guarantee.id.into(), Cell::new(promised, colour), clauses.into()]);
        }
        write!(f, "{table}")
    }
}
