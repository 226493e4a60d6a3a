//! The terms of the rules, and the names by which they are found.

use guest_access_rules::clause::{Clause, Reading};
use guest_access_rules::decision_point::{POINTS, Point, PointOption};
use guest_access_rules::discipline::DISCIPLINE_POINTS;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::federation::FEDERATION_POINTS;
use guest_access_rules::guarantee::GuaranteeId;
use guest_access_rules::key::{KEYS, Key};
use guest_access_rules::profile::Condition;
use guest_access_rules::rules::Rules;

/// A term of the rules.
#[derive(Debug, Clone, Copy)]
pub enum Term {
    /// A decision point, also of the concurrent or the federated model.
    Point(&'static Point),
    /// An option of a decision point.
    Option(&'static Point, &'static PointOption),
    /// A guarantee.
    Guarantee(GuaranteeId),
    /// A condition under which an endpoint is open.
    Condition(Condition),
    /// An endpoint.
    Endpoint(EndpointId),
    /// A clause.
    Clause(&'static Clause),
    /// A reading.
    Reading(&'static Reading),
    /// A key of a rules file.
    Key(&'static Key),
}

/// Every decision point of every model.
pub(super) fn all_points() -> impl Iterator<Item = &'static Point> {
    POINTS.iter().chain(DISCIPLINE_POINTS).chain(FEDERATION_POINTS)
}

/// Every option, with its decision point.
fn all_options() -> impl Iterator<Item = (&'static Point, &'static PointOption)> {
    all_points().flat_map(|point| point.options.iter().map(move |option| (point, option)))
}

/// The terms with this name, of which several options can be. An option is also named by
/// `point=option`, an endpoint by its whole path, with or without the method, and a key of a rules file
/// with or without its brackets.
pub fn find_terms(rules: &Rules, name: &str) -> Vec<Term> {
    let name = name.trim();
    let points = all_points().filter(|point| point.id == name).map(Term::Point);
    let guarantees = rules.find_guarantee(name).map(Term::Guarantee);
    let conditions = Condition::from_spelling(name).map(Term::Condition);
    let clauses = rules.every_clause().filter(|clause| clause.id.eq_ignore_ascii_case(name));
    let readings = rules.every_reading().filter(|reading| reading.id.eq_ignore_ascii_case(name));
    let keys =
        KEYS.iter().filter(|key| key.id == name || key.name() == name.trim_matches(['[', ']']));
    let named = points
        .chain(guarantees)
        .chain(conditions)
        .chain(clauses.map(Term::Clause))
        .chain(readings.map(Term::Reading))
        .chain(keys.map(Term::Key));
    let path = name.strip_prefix("endpoint.").unwrap_or(name);
    let endpoints = rules.every_endpoint().filter(|endpoint| endpoint.get().is_called(path));
    let is_option = |(point, option): &(&Point, &PointOption)| match name.split_once('=') {
        Some((of, id)) => point.id == of && option.id == id,
        None => option.id == name,
    };
    let options =
        all_options().filter(is_option).map(|(point, option)| Term::Option(point, option));
    named.chain(endpoints.map(Term::Endpoint)).chain(options).collect()
}

/// The names of all terms, an option as `point=option`.
pub fn names(rules: &Rules) -> Vec<String> {
    let mut names: Vec<String> = all_points().map(|point| point.id.to_owned()).collect();
    names.extend(all_options().map(|(point, option)| format!("{}={}", point.id, option.id)));
    names.extend(rules.guarantees().iter().map(|guarantee| guarantee.to_string()));
    names.extend(Condition::ALL.iter().map(ToString::to_string));
    names.extend(rules.every_endpoint().map(|endpoint| endpoint.to_string()));
    names.extend(rules.every_clause().map(|clause| clause.id.to_owned()));
    names.extend(rules.every_reading().map(|reading| reading.id.to_owned()));
    names.extend(KEYS.iter().map(|key| key.id.to_owned()));
    names
}
