//! Homeservers that do otherwise: each takes one option that the rules' default profile does not
//! take, or makes one known mistake; and the steps by which a client can tell them apart.

use std::collections::BTreeSet;

use guest_access_model::action::Action;
use guest_access_model::actions::actions;
use guest_access_model::canonical_form::normal_form;
use guest_access_model::decide::{initial, outcome};
use guest_access_model::shortest_trace::Search;
use guest_access_model::state::{Scope, State};
use guest_access_model::threads;
use guest_access_rules::decision_point::PointId;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;

use super::coverage_goal::CoverageGoal;
use super::expectations::fails;
use super::observable::{distinguishing_steps, is_observable};
use super::{Candidate, Vector};
use crate::scenario::sentence;

/// The point under which the known mistakes are listed.
const MISTAKE: &str = "mistake";

/// A homeserver that does otherwise.
#[derive(Debug, Clone)]
pub(super) struct Other {
    /// The decision point, `endpoint.` and the endpoint, or `mistake`.
    pub(super) point: String,
    /// The option.
    pub(super) option: String,
    /// The clauses of the point.
    pub(super) clauses: Vec<&'static str>,
    /// What it does.
    pub(super) profile: Profile,
    /// Whether the rules permit it.
    pub(super) permitted: bool,
}

impl Other {
    pub(super) fn goal(&self) -> CoverageGoal {
        CoverageGoal::Option { point: self.point.clone(), option: self.option.clone() }
    }

    /// Whether a client that takes these steps can tell it from `right`; and, if it is forbidden,
    /// from everything that is permitted.
    pub(super) fn is_distinguished_by(&self, right: &Profile, candidate: &Candidate) -> bool {
        let is_told = !distinguishing_steps(right, &self.profile, &candidate.steps()).is_empty();
        is_told
            && (self.permitted || fails(&self.profile, &candidate.scenario, &candidate.otherwise))
    }

    /// Whether these steps show nothing of it that one of the permitted ones does not show. It is far
    /// quicker to find out than all that is permitted of each step.
    pub(super) fn is_as_permitted(&self, others: &[Self], steps: &[Action]) -> bool {
        let mut permitted = others.iter().filter(|other| other.permitted);
        !self.permitted
            && permitted
                .any(|other| distinguishing_steps(&other.profile, &self.profile, steps).is_empty())
    }

    /// The shortest steps by which a client that takes only those that `may` be taken can tell it
    /// from `right`, and that `tell` it.
    pub(super) fn distinguishing_trace(
        &self,
        right: &Profile,
        may: impl Fn(&Action) -> bool,
        tell: impl Fn(&[Action]) -> bool,
    ) -> Option<Vec<Action>> {
        SCOPES.iter().find_map(|(scope, pairs)| {
            let steps: Vec<Action> =
                actions(*scope, &[right, &self.profile]).into_iter().filter(|s| may(s)).collect();
            distinguishing_trace_in(right, &self.profile, &steps, *pairs, &tell)
        })
    }
}

/// Every homeserver that does one thing otherwise than the default profile of `rules`: where the
/// rules forbid it, where they permit it, and where they are silent.
pub(super) fn others(rules: &Rules) -> Vec<Other> {
    let mut others: Vec<Other> = Vec::new();
    let permitted = variant::permitted(rules);
    let mut push = |point: String, option: String, profile: Profile| {
        let clauses = clauses_of(rules, &point);
        // A mistake of old can be a reading of today.
        let permitted = permitted.iter().any(|permitted| permitted.profile == profile);
        others.push(Other { point, option, clauses, profile, permitted });
    };
    let (options, mistakes): (Vec<_>, Vec<_>) =
        variant::defects(rules).into_iter().partition(|defect| !defect.is_known_mistake);
    for defect in options {
        if let Some((point, option)) = defect.id.split_once('=') {
            push(point.to_owned(), option.to_owned(), defect.profile);
        }
    }
    for alternative in &permitted {
        let (option, profile) = (alternative.option(), alternative.profile.clone());
        push(alternative.point_id(), option, profile);
    }
    // A mistake that is one option was told apart as that.
    for mistake in mistakes {
        push(MISTAKE.to_owned(), mistake.id, mistake.profile);
    }
    others
}

/// The clauses of a decision point, as the rules have it.
fn clauses_of(rules: &Rules, point: &str) -> Vec<&'static str> {
    let of_rule = match point.strip_prefix("endpoint.") {
        Some(endpoint) => EndpointId::find(endpoint).map(|id| &rules.endpoint(id).clauses),
        None => PointId::find(point).map(|id| &rules.point(id).clauses),
    };
    let of_point = PointId::find(point).map_or(&[][..], |id| id.get().clauses);
    let known = of_rule.into_iter().flatten();
    let known = known.filter_map(|id| guest_access_rules::clause::find(id)).map(|clause| clause.id);
    of_point.iter().copied().chain(known).collect()
}

/// Where what one guest shows is looked for, then what it takes two guests or two rooms to show; and
/// at how many pairs of states.
const SCOPES: [(Scope, usize); 3] = [
    (Scope { guests: 1, rooms: 1 }, 24_000),
    (Scope { guests: 2, rooms: 1 }, 2_000),
    (Scope { guests: 1, rooms: 2 }, 2_000),
];

/// How many stories that end in a difference are looked at for one that tells.
const TRIES: usize = 400;

/// Whether a client can take the step.
pub(super) fn is_by_a_client(step: &Action) -> bool {
    step.operation.endpoint().is_some()
}

/// An option for which no vector fails a homeserver.
#[derive(Debug, Clone)]
pub struct Undetected {
    /// The decision point, or `mistake`.
    pub point: String,
    /// The option.
    pub option: String,
    /// Why not.
    pub because: String,
}

impl Undetected {
    /// The id of the defect that takes the option.
    pub fn defect_id(&self) -> String {
        let Self { point, option, .. } = self;
        if point == MISTAKE { option.clone() } else { format!("{point}={option}") }
    }
}

/// For what these vectors fail no homeserver although it is a defect, or that they do not tell from
/// the rules' default profile, and why: nothing that a client does can, or the rules permit it.
pub fn undetected(rules: &Rules, vectors: &[Vector]) -> Vec<Undetected> {
    let right = rules.profile();
    let step: BTreeSet<&CoverageGoal> = vectors.iter().flat_map(|vector| &vector.covers).collect();
    let undetected: Vec<_> = others(rules)
        .into_iter()
        .filter(|other| !step.contains(&other.goal()) || other.point == MISTAKE && other.permitted)
        .collect();
    threads::each(&undetected, threads::available(), |other| {
        let (point, option) = (other.point.clone(), other.option.clone());
        if other.permitted {
            return Undetected { point, option, because: "these rules permit it".to_owned() };
        }
        let trace = other.distinguishing_trace(&right, |_| true, |_| true);
        let because = match &trace {
            None => "nothing that is allowed leads to where it would show".to_owned(),
            Some(trace) => match trace.iter().find(|step| !is_by_a_client(step)) {
                Some(operation_phrase) => {
                    format!("it shows only after {}", sentence(operation_phrase))
                }
                None => "what it shows is what another reading permits".to_owned(),
            },
        };
        Undetected { point, option, because }
    })
}

fn distinguishing_trace_in(
    right: &Profile,
    other: &Profile,
    steps: &[Action],
    most_pairs: usize,
    tell: impl Fn(&[Action]) -> bool,
) -> Option<Vec<Action>> {
    let key = |one: &State, two: &State| (normal_form(right, one), normal_form(other, two));
    let first = (initial(right), initial(other));
    let mut search = Search::with_keys([(first, key(&first.0, &first.1))]);
    let mut tries = TRIES;
    while let Some(number) = search.next_state() {
        let (here, there) = search.states()[number];
        for step in steps {
            let (Some(one), Some(two)) =
                (outcome(right, &here, step), outcome(other, &there, step))
            else {
                continue;
            };
            if tries > 0 && is_observable(&one, &two, here.tagged.is_some()) {
                tries -= 1;
                let trace = search.trace(number, *step);
                if tell(&trace) {
                    return Some(trace);
                }
            }
            if search.states().len() < most_pairs && (one.next, two.next) != (here, there) {
                search.reach_as(number, *step, (one.next, two.next), key(&one.next, &two.next));
            }
        }
    }
    None
}
