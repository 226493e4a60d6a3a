//! Who uses a term: decision points, endpoints, promises, readings and known mistakes.

use guest_access_rules::decision_point::{PointId, PointOption};
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::{Access, Condition};
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{self, Edit, Variant};
use serde::Serialize;

use super::term;

/// A use of a term.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Use {
    /// The kind of the user: `decision point`, `endpoint`, `guarantee`, `reading` or `known mistake`.
    pub by: &'static str,
    /// The id of the user.
    pub id: String,
    /// What the user is about, if it needs words.
    pub about: Option<String>,
    /// The first rules with the use; null if no rules have to say so.
    pub since: Option<String>,
    /// The first rules without the use again.
    pub until: Option<String>,
}

impl Use {
    fn new(by: &'static str, id: impl Into<String>) -> Self {
        Self { by, id: id.into(), about: None, since: None, until: None }
    }

    /// The use on one line, without the kind of the user.
    pub(super) fn in_words(&self) -> String {
        let about = self.about.as_ref().map_or(String::new(), |about| format!(": {about}"));
        match (&self.since, &self.until) {
            (Some(since), Some(until)) => format!("{}, from {since} until {until}{about}", self.id),
            (Some(since), None) => format!("{}, since {since}{about}", self.id),
            (None, _) => format!("{}{about}", self.id),
        }
    }
}

/// The uses that each of the rules has, with the rules in which a use begins and ends.
fn over_time(timeline: &[Rules], of: impl Fn(&Rules) -> Vec<(&'static str, String)>) -> Vec<Use> {
    let mut uses: Vec<Use> = Vec::new();
    let mut before: Vec<(&'static str, String)> = Vec::new();
    for rules in timeline {
        let now = of(rules);
        for (by, id) in before.iter().filter(|known| !now.contains(known)) {
            let open = uses.iter_mut().rev().find(|used| used.by == *by && used.id == *id);
            if let Some(open) = open {
                open.until = Some(rules.id.clone());
            }
        }
        for (by, id) in now.iter().filter(|new| !before.contains(new)) {
            uses.push(Use { since: Some(rules.id.clone()), ..Use::new(by, id) });
        }
        before = now;
    }
    uses
}

/// Who cites a clause.
pub(super) fn of_clause(clause: &str, rules: &Rules, timeline: &[Rules]) -> Vec<Use> {
    let raising = term::all_points().filter(|point| point.clauses.contains(&clause));
    let raising = raising.map(|point| Use::new("decision point", point.id));
    let readings = rules.every_reading().filter(|reading| reading.clauses.contains(&clause));
    let readings = readings.map(|reading| Use {
        about: Some(reading.question.to_owned()),
        ..Use::new("reading", reading.id)
    });
    let cites = |clauses: &[String]| clauses.iter().any(|cited| cited == clause);
    let by_rules = over_time(timeline, |rules| {
        let endpoints = rules.every_endpoint().filter(|e| cites(&rules.endpoint(*e).clauses));
        let endpoints = endpoints.map(|endpoint| ("endpoint", endpoint.to_string()));
        let points = PointId::all().filter(|point| {
            cites(&rules.point(*point).clauses) && !point.get().clauses.contains(&clause)
        });
        let points = points.map(|point| ("decision point", point.get().id.to_owned()));
        let promises = rules.promises.iter().filter(|(_, clauses)| cites(clauses));
        let promises = promises.map(|(guarantee, _)| ("guarantee", guarantee.to_string()));
        points.chain(endpoints).chain(promises).collect()
    });
    raising.chain(by_rules).chain(readings).collect()
}

/// The questions whose default rests on a reading.
pub(super) fn of_reading(reading: &str, timeline: &[Rules]) -> Vec<Use> {
    over_time(timeline, |rules| {
        let of_point = |point: &PointId| rules.point(*point).reading.as_deref() == Some(reading);
        let points = PointId::all().filter(of_point);
        let points = points.map(|point| ("decision point", point.get().id.to_owned()));
        let of_endpoint = |endpoint: &EndpointId| {
            let may_be_open = &rules.endpoint(*endpoint).may_be_open;
            may_be_open.as_ref().is_some_and(|may| may.reading == reading)
        };
        let endpoints = rules.every_endpoint().filter(of_endpoint);
        points.chain(endpoints.map(|endpoint| ("endpoint", endpoint.to_string()))).collect()
    })
}

/// The endpoints that open under a condition.
pub(super) fn of_condition(condition: Condition, timeline: &[Rules]) -> Vec<Use> {
    over_time(timeline, |rules| {
        let has = |access: &Access| match access {
            Access::Refused => false,
            Access::Open(conditions) => conditions.contains(condition),
        };
        let of = |endpoint: &EndpointId| rules.accesses(*endpoint).iter().any(has);
        let endpoints = rules.every_endpoint().filter(of);
        endpoints.map(|endpoint| ("endpoint", endpoint.to_string())).collect()
    })
}

/// The known mistakes that take another option at a decision point.
pub(super) fn of_point(point: PointId, rules: &Rules) -> Vec<Use> {
    mistakes(rules, |edit| matches!(edit, Edit::Choice(of, _) if *of == point))
}

/// The known mistakes that take an option.
pub(super) fn of_option(point: PointId, option: &PointOption, rules: &Rules) -> Vec<Use> {
    mistakes(
        rules,
        |edit| matches!(edit, Edit::Choice(of, taken) if *of == point && *taken == option.id),
    )
}

/// The known mistakes that open or refuse an endpoint.
pub(super) fn of_endpoint(endpoint: EndpointId, rules: &Rules) -> Vec<Use> {
    mistakes(rules, |edit| matches!(edit, Edit::Access(of, _) if *of == endpoint))
}

/// The known mistakes with such an edit of the default profile.
fn mistakes(rules: &Rules, has: impl Fn(&Edit) -> bool) -> Vec<Use> {
    let known = variant::defects(rules).into_iter().filter(|defect| defect.is_known_mistake);
    let known = known.filter(|defect| defect.edits.iter().any(&has));
    known
        .map(|Variant { id, about, .. }| Use {
            about: Some(about),
            ..Use::new("known mistake", id)
        })
        .collect()
}
