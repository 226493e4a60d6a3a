//! The report of `rules --explain`: what a term of the rules means, since when, and who uses it.

mod history;
mod term;
mod uses;

use std::fmt::{self, Display, Formatter};

use guest_access_rules::clause::{self, Clause, Reading};
use guest_access_rules::decision_point::{Point, PointId, PointOption};
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::guarantee::{GuaranteeId, Judged};
use guest_access_rules::key::Key;
use guest_access_rules::profile::Condition;
use guest_access_rules::rules::Rules;
use serde::Serialize;

use super::{Run, Table, paint, style};

pub use history::HistoryEntry;
pub use term::{Term, find_terms, names};
pub use uses::Use;

/// The explanations of all terms of one name.
#[derive(Debug, Clone, Serialize)]
pub struct Explanations {
    /// The id of the rules.
    pub rules: String,
    /// The explanations: several options can have one name.
    pub explanations: Vec<Explanation>,
    /// The run that made the report.
    pub run: Run,
}

/// What a term means, since when, and who uses it.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The kind of the term: `decision point`, `option`, `guarantee`, `condition`, `endpoint`, `clause`,
    /// `reading` or `key of a rules file`.
    pub kind: &'static str,
    /// The id of the term.
    pub id: String,
    /// What the term means.
    pub means: String,
    /// The revision that introduces the term, if the term is one of the texts.
    pub since: Option<String>,
    /// The revision that drops the term.
    pub until: Option<String>,
    /// Further facts, by name.
    pub facts: Vec<Fact>,
    /// The options of a decision point.
    pub options: Vec<Fact>,
    /// The keys of an entry, of a key of a rules file that has entries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Fact>,
    /// What the revisions say of the term, each that says something else than the one before.
    pub history: Vec<HistoryEntry>,
    /// The clauses on which the term rests, each with its text.
    pub clauses: Vec<Fact>,
    /// Who uses the term.
    pub uses: Vec<Use>,
}

/// A name, and a text about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// The name.
    pub name: String,
    /// The text.
    pub text: String,
}

impl Fact {
    fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

impl Explanations {
    /// The explanations of these terms under `rules`.
    pub fn new(rules: &Rules, terms: &[Term], run: Run) -> Self {
        let mut timeline = Rules::published();
        if !rules.is_published() {
            timeline.push(rules.clone());
        }
        let explanations = terms.iter().map(|term| Explanation::of(term, rules, &timeline));
        Self { rules: rules.id.clone(), explanations: explanations.collect(), run }
    }
}

impl Explanation {
    fn of(term: &Term, rules: &Rules, timeline: &[Rules]) -> Self {
        match *term {
            Term::Point(point) => Self::of_point(point, rules, timeline),
            Term::Option(point, option) => Self::of_option(point, option, rules, timeline),
            Term::Guarantee(guarantee) => Self::of_guarantee(guarantee, rules, timeline),
            Term::Condition(condition) => Self::of_condition(condition, timeline),
            Term::Endpoint(endpoint) => Self::of_endpoint(endpoint, rules, timeline),
            Term::Clause(clause) => Self::of_clause(clause, rules, timeline),
            Term::Reading(reading) => Self::of_reading(reading, rules, timeline),
            Term::Key(key) => Self::of_key(key),
        }
    }

    /// An explanation that says only what the term means.
    fn new(kind: &'static str, id: impl Into<String>, means: impl Into<String>) -> Self {
        Self {
            kind,
            id: id.into(),
            means: means.into(),
            since: None,
            until: None,
            facts: Vec::new(),
            options: Vec::new(),
            keys: Vec::new(),
            history: Vec::new(),
            clauses: Vec::new(),
            uses: Vec::new(),
        }
    }

    fn of_point(point: &'static Point, rules: &Rules, timeline: &[Rules]) -> Self {
        let id = PointId::find(point.id);
        Self {
            since: first_revision(point.clauses, timeline),
            facts: model_of(id),
            options: point.options.iter().map(|o| Fact::new(o.id, o.means())).collect(),
            history: id.map(|id| history::of_point(id, timeline)).unwrap_or_default(),
            clauses: texts(point.clauses),
            uses: id.map(|id| uses::of_point(id, rules)).unwrap_or_default(),
            ..Self::new("decision point", point.id, point.question())
        }
    }

    fn of_option(
        point: &'static Point,
        option: &'static PointOption,
        rules: &Rules,
        timeline: &[Rules],
    ) -> Self {
        let id = PointId::find(point.id);
        let mut facts = vec![Fact::new("answers", format!("{}: {}", point.id, point.question()))];
        facts.extend(model_of(id));
        Self {
            facts,
            history: id.map(|id| history::of_option(id, option, timeline)).unwrap_or_default(),
            clauses: texts(point.clauses),
            uses: id.map(|id| uses::of_option(id, option, rules)).unwrap_or_default(),
            ..Self::new("option", format!("{}={}", point.id, option.id), option.means())
        }
    }

    fn of_guarantee(guarantee: GuaranteeId, rules: &Rules, timeline: &[Rules]) -> Self {
        let stated = guarantee.get();
        let judged = match stated.judged {
            Judged::OnAction if guarantee.is_declared() => {
                "on each action, by the sequential model"
            }
            Judged::OnAction => "on each action, by every model",
            Judged::OnPath => "on a whole path, by the concurrent or the federated model",
        };
        let promises = |rules: &&Rules| rules.promises.contains_key(&guarantee);
        let first = timeline.iter().find(promises);
        let mut cited: Vec<&str> = Vec::new();
        for clause in timeline.iter().filter_map(|rules| rules.promises.get(&guarantee)).flatten() {
            if !cited.contains(&clause.as_str()) {
                cited.push(clause);
            }
        }
        Self {
            since: first.map(|rules| rules.id.clone()),
            facts: declared_by(guarantee.is_declared(), rules)
                .chain([Fact::new("premise", stated.premise), Fact::new("judged", judged)])
                .collect(),
            history: history::of_guarantee(guarantee, timeline),
            clauses: texts(&cited),
            ..Self::new("guarantee", stated.id, stated.always)
        }
    }

    fn of_condition(condition: Condition, timeline: &[Rules]) -> Self {
        let uses = uses::of_condition(condition, timeline);
        Self {
            since: uses.first().and_then(|first| first.since.clone()),
            facts: vec![Fact::new("a call has to name", condition.asks_for())],
            uses,
            ..Self::new("condition", condition.as_str(), condition.means())
        }
    }

    fn of_endpoint(endpoint: EndpointId, rules: &Rules, timeline: &[Rules]) -> Self {
        let of = endpoint.get();
        let mut facts =
            vec![Fact::new("path", &of.path), Fact::new("credentials", of.auth.as_str())];
        facts.extend(declared_by(endpoint.is_declared(), rules));
        if of.deprecated {
            facts.push(Fact::new(
                "deprecated",
                "the specification marks the endpoint as deprecated",
            ));
        }
        let gives = of.gives.map(|gives| gives.as_str().to_owned()).or_else(|| of.unseen.clone());
        facts.extend(gives.map(|gives| Fact::new("gives", gives)));
        facts.extend(of.effect.as_ref().map(|effect| Fact::new("does", effect)));
        if of.is_unchecked() {
            facts.push(Fact::new(
                "unchecked",
                "no rule here looks at what the endpoint gives or does",
            ));
        }
        let clauses: Vec<_> = rules.endpoint(endpoint).clauses.iter().map(String::as_str).collect();
        Self {
            since: of.added_in.clone(),
            facts,
            history: history::of_endpoint(endpoint, timeline),
            clauses: texts(&clauses),
            uses: uses::of_endpoint(endpoint, rules),
            ..Self::new("endpoint", &of.id, "May guests call the endpoint?")
        }
    }

    fn of_clause(clause: &'static Clause, rules: &Rules, timeline: &[Rules]) -> Self {
        Self {
            since: clause.since.map(str::to_owned),
            until: clause.until.map(str::to_owned),
            facts: declared_by(clause.since.is_none(), rules)
                .chain([
                    Fact::new("force", clause.force.as_str()),
                    Fact::new("stands in", clause.place),
                ])
                .collect(),
            uses: uses::of_clause(clause.id, rules, timeline),
            ..Self::new("clause", clause.id, clause.text)
        }
    }

    fn of_reading(reading: &'static Reading, rules: &Rules, timeline: &[Rules]) -> Self {
        Self {
            since: reading.since.map(str::to_owned),
            until: reading.until.map(str::to_owned),
            facts: declared_by(reading.since.is_none(), rules)
                .chain([
                    Fact::new("default", reading.default),
                    Fact::new("because", reading.because),
                ])
                .collect(),
            clauses: texts(&reading.clauses),
            uses: uses::of_reading(reading.id, timeline),
            ..Self::new("reading", reading.id, reading.question)
        }
    }

    fn of_key(key: &'static Key) -> Self {
        let keys = key.keys_of_an_entry().map(|key| Fact::new(key.id, key.means));
        Self { keys: keys.collect(), ..Self::new("key of a rules file", key.id, key.means) }
    }
}

/// The fact that the file of the rules declares a term, if it does.
fn declared_by(is_declared: bool, rules: &Rules) -> impl Iterator<Item = Fact> {
    is_declared.then(|| Fact::new("declared by", &rules.id)).into_iter()
}

/// The fact that a point is one of another model than the sequential one.
fn model_of(point: Option<PointId>) -> Vec<Fact> {
    let other = "the concurrent or the federated model; no revision says anything of the point";
    if point.is_none() { vec![Fact::new("model", other)] } else { Vec::new() }
}

/// The texts of these clauses.
fn texts(clauses: &[&str]) -> Vec<Fact> {
    let known = clauses.iter().filter_map(|id| clause::find(id));
    known.map(|clause| Fact::new(clause.id, clause.text)).collect()
}

/// The first revision that has one of these clauses.
fn first_revision(clauses: &[&str], timeline: &[Rules]) -> Option<String> {
    let clauses: Vec<_> = clauses.iter().filter_map(|id| clause::find(id)).collect();
    let has_one = |rules: &&Rules| clauses.iter().any(|c| c.since == Some(rules.id.as_str()));
    timeline.iter().find(has_one).map(|rules| rules.id.clone())
}

impl Display for Explanations {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, explanation) in self.explanations.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{explanation}")?;
        }
        Ok(())
    }
}

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let article = if self.kind.starts_with(['e', 'o']) { "an" } else { "a" };
        writeln!(f, "{}, {article} {}", paint(style::HEADING, &self.id), self.kind)?;
        writeln!(f, "{}", self.means)?;
        match (&self.since, &self.until) {
            (Some(since), Some(until)) => writeln!(f, "since {since}, until {until}")?,
            (Some(since), None) => writeln!(f, "since {since}")?,
            (None, _) => {}
        }
        for Fact { name, text } in &self.facts {
            writeln!(f, "{name}: {text}")?;
        }
        let history = self.history.iter().map(|entry| (entry.rules.clone(), entry.says.clone()));
        let uses = self.uses.iter().map(|used| (used.by.to_owned(), used.in_words()));
        list(f, "options", of_facts(&self.options))?;
        list(f, "keys of an entry", of_facts(&self.keys))?;
        list(f, "what the rules say", history)?;
        list(f, "clauses", of_facts(&self.clauses))?;
        list(f, "used by", uses)
    }
}

fn of_facts(facts: &[Fact]) -> impl ExactSizeIterator<Item = (String, String)> {
    facts.iter().map(|fact| (fact.name.clone(), fact.text.clone()))
}

/// Writes a list with a heading, if the list has entries.
fn list(
    f: &mut Formatter<'_>,
    heading: &str,
    entries: impl ExactSizeIterator<Item = (String, String)>,
) -> fmt::Result {
    if entries.len() == 0 {
        return Ok(());
    }
    let mut table = Table::default();
    for (name, text) in entries {
        table.push([format!("  {name}").into(), text.into()]);
    }
    write!(f, "\n{}\n{table}", paint(style::HEADING, heading))
}
