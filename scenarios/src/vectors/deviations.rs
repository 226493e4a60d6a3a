//! Deviations: homeservers that differ from the default profile in one option, or make one known
//! mistake. For each, the traces by which a client can distinguish the homeserver from the default.

use std::collections::BTreeSet;

use guest_access_model::action::Action;
use guest_access_model::actions::actions;
use guest_access_model::canonical_form::normal_form;
use guest_access_model::decide::{Outcome, initial, outcome, outcome_with_points};
use guest_access_model::shortest_trace::Search;
use guest_access_model::state::{Scope, State};
use guest_access_model::threads;
use guest_access_rules::decision_point::PointId;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;

use super::coverage_goal::CoverageGoal;
use super::expectations::fails;
use super::observable::{distinguishing_steps, is_observable};
use super::{Candidate, Vector};
use crate::permitted::ActionRun;
use crate::scenario::sentence;

/// The point under which the known mistakes are listed.
const MISTAKE: &str = "mistake";

/// A homeserver that deviates from the default profile.
#[derive(Debug, Clone)]
pub(super) struct Deviation {
    /// The decision point, `endpoint.` and the endpoint, or `mistake`.
    pub(super) point: String,
    /// The option.
    pub(super) option: String,
    /// The clauses of the point.
    pub(super) clauses: Vec<&'static str>,
    /// The profile of the homeserver.
    pub(super) profile: Profile,
    /// Whether the rules permit the deviation.
    pub(super) permitted: bool,
}

impl Deviation {
    pub(super) fn goal(&self) -> CoverageGoal {
        CoverageGoal::Option { point: self.point.clone(), option: self.option.clone() }
    }

    /// Whether a client that runs the candidate can distinguish the deviation from the default; and, if
    /// the deviation is forbidden, from everything that is permitted.
    pub(super) fn is_distinguished_by(&self, candidate: &Candidate) -> bool {
        let own = candidate.followed.by(&self.profile);
        !distinguishing_steps(candidate.followed.steps(), &own).is_empty()
            && self.is_beyond_the_permitted(&own, candidate)
    }

    /// Whether the deviation is permitted itself, or does something that nothing permitted explains.
    /// `own` is what the deviation does at each step of the candidate.
    pub(super) fn is_beyond_the_permitted(
        &self,
        own: &[(State, Outcome)],
        candidate: &Candidate,
    ) -> bool {
        self.permitted || fails(own, candidate)
    }

    /// Whether one permitted deviation does the same at each of these actions. This test is much faster
    /// than to list all that is permitted of each step.
    pub(super) fn is_as_permitted(&self, deviations: &[Self], followed: &ActionRun) -> bool {
        let own = followed.by(&self.profile);
        let mut permitted = deviations.iter().filter(|other| other.permitted);
        !self.permitted
            && permitted
                .any(|other| distinguishing_steps(&followed.by(&other.profile), &own).is_empty())
    }

    /// The shortest trace by which a client can distinguish the deviation from `default`. Each
    /// action of the trace satisfies `may`, and the whole trace satisfies `accepts`.
    pub(super) fn distinguishing_trace(
        &self,
        default: &Profile,
        may: impl Fn(&Action) -> bool,
        accepts: impl Fn(&[Action]) -> bool,
    ) -> Option<Vec<Action>> {
        SCOPES.iter().find_map(|(scope, pairs)| {
            let steps: Vec<Action> =
                actions(*scope, &[default, &self.profile]).into_iter().filter(|s| may(s)).collect();
            distinguishing_trace_in(default, &self.profile, &steps, *pairs, &accepts)
        })
    }
}

/// Every deviation from the default profile of `rules`: each other option of a decision point, and each
/// known mistake.
pub(super) fn deviations(rules: &Rules) -> Vec<Deviation> {
    let mut deviations: Vec<Deviation> = Vec::new();
    let permitted = variant::permitted(rules);
    let mut push = |point: String, option: String, profile: Profile| {
        let clauses = clauses_of(rules, &point);
        // A known mistake is no mistake under rules that permit its profile.
        let permitted = permitted.iter().any(|permitted| permitted.profile == profile);
        deviations.push(Deviation { point, option, clauses, profile, permitted });
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
    // The mistakes come last: a mistake that takes one option has the profile of that option.
    for mistake in mistakes {
        push(MISTAKE.to_owned(), mistake.id, mistake.profile);
    }
    deviations
}

/// The clauses of a decision point under these rules.
fn clauses_of(rules: &Rules, point: &str) -> Vec<&'static str> {
    let of_rule = match point.strip_prefix("endpoint.") {
        Some(endpoint) => rules.find_endpoint(endpoint).map(|id| &rules.endpoint(id).clauses),
        None => PointId::find(point).map(|id| &rules.point(id).clauses),
    };
    let of_point = PointId::find(point).map_or(&[][..], |id| id.get().clauses);
    let known = of_rule.into_iter().flatten();
    let known = known.filter_map(|id| guest_access_rules::clause::find(id)).map(|clause| clause.id);
    of_point.iter().copied().chain(known).collect()
}

/// The scopes in which a trace is searched, one guest in one room first; and the most pairs of states
/// in each.
const SCOPES: [(Scope, usize); 3] = [
    (Scope { guests: 1, rooms: 1 }, 24_000),
    (Scope { guests: 2, rooms: 1 }, 2_000),
    (Scope { guests: 1, rooms: 2 }, 2_000),
];

/// How many traces that end in a difference are offered to `accepts`, at most.
const TRIES: usize = 400;

/// Whether a client can take the action.
pub(super) fn is_by_a_client(step: &Action) -> bool {
    step.operation.endpoint().is_some()
}

/// An option that a homeserver may take without failing a vector.
#[derive(Debug, Clone)]
pub struct Undetected {
    /// The decision point, or `mistake`.
    pub point: String,
    /// The option.
    pub option: String,
    /// Why no vector detects the option.
    pub because: String,
}

impl Undetected {
    /// The id of the defect that takes the option.
    pub fn defect_id(&self) -> String {
        let Self { point, option, .. } = self;
        if point == MISTAKE { option.clone() } else { format!("{point}={option}") }
    }
}

/// The deviations that these vectors do not detect, and why: no client can observe the deviation, or
/// the rules permit it.
pub fn undetected(rules: &Rules, vectors: &[Vector]) -> Vec<Undetected> {
    let default = rules.profile();
    let covered: BTreeSet<&CoverageGoal> =
        vectors.iter().flat_map(|vector| &vector.covers).collect();
    let undetected: Vec<_> = deviations(rules)
        .into_iter()
        .filter(|other| {
            !covered.contains(&other.goal()) || other.point == MISTAKE && other.permitted
        })
        .collect();
    threads::each(&undetected, threads::available(), |other| {
        let (point, option) = (other.point.clone(), other.option.clone());
        if other.permitted {
            return Undetected { point, option, because: "these rules permit it".to_owned() };
        }
        let trace = other.distinguishing_trace(&default, |_| true, |_| true);
        let because = match &trace {
            None => "nothing that is allowed leads to where it would show".to_owned(),
            Some(trace) => match trace.iter().find(|step| !is_by_a_client(step)) {
                Some(action) => format!("it shows only after {}", sentence(action)),
                None => "what it shows is what another reading permits".to_owned(),
            },
        };
        Undetected { point, option, because }
    })
}

fn distinguishing_trace_in(
    default: &Profile,
    other: &Profile,
    steps: &[Action],
    most_pairs: usize,
    accepts: impl Fn(&[Action]) -> bool,
) -> Option<Vec<Action>> {
    let key = |one: &State, two: &State| (normal_form(default, one), normal_form(other, two));
    let first = (initial(default), initial(other));
    let mut search = Search::with_keys([(first, key(&first.0, &first.1))]);
    // Both decide alike in one and the same state, unless the decision reads a point at which they differ.
    let differing = default.differing_points(other);
    let mut tries = TRIES;
    while let Some(number) = search.next_state() {
        let (here, there) = search.states()[number];
        for step in steps {
            let (one, read) = outcome_with_points(default, &here, step);
            let Some(one) = one else { continue };
            let is_alike = here == there && differing.is_some_and(|points| !read.meets(points));
            let two = if is_alike { Some(one) } else { outcome(other, &there, step) };
            let Some(two) = two else { continue };
            if tries > 0 && !is_alike && is_observable(&one, &two, here.tagged.is_some()) {
                tries -= 1;
                let trace = search.trace(number, *step);
                if accepts(&trace) {
                    return Some(trace);
                }
            }
            if search.states().len() < most_pairs && (one.next, two.next) != (here, there) {
                search.reach_with_key(
                    number,
                    *step,
                    (one.next, two.next),
                    key(&one.next, &two.next),
                );
            }
        }
    }
    None
}
