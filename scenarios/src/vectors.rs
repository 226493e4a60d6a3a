//! Conformance vectors: scenarios generated from the rules. Together they cover every class of
//! decision, so that an implementer in any language can compare a homeserver with the rules.
//! `spec-notes/vectors.md` says how a vector is run.
//!
//! **What is covered** ([`CoverageGoal`]): every class of decisions, and every class of events, given
//! and withheld; every change of a setting, of a membership and of an account. Also every option that a
//! client can distinguish from the default, and every clause, each way that it can decide. `classes.rs`
//! explains how decisions are grouped into classes, and why the classes are not coarser.
//!
//! **How the vectors are generated:**
//! 1. Explore the model with one guest in one room. Every class that is met is a goal (`goals.rs`).
//! 2. Begin each vector with a prefix: an event is sent while three guests have three memberships
//!    (`plans.rs`).
//! 3. Extend each prefix (`path_planner.rs`). In each state, take every action that changes nothing
//!    and covers a new goal. Then take the changes after which the most new goals can be covered.
//! 4. Plan more vectors, without a prefix, until every goal is covered.
//! 5. Remove the queries whose goals other queries cover (`redundant_queries.rs`).
//! 6. For each deviating homeserver that no vector distinguishes yet, search for a trace that does
//!    (`deviations.rs`).
//! 7. Remove each vector whose goals the other vectors cover.
//!
//! **Where the text is open**, a step also lists what other options expect of it: see [`PermittedOutcome`].
//!
//! ```no_run
//! use guest_access_scenarios::vectors::vectors;
//! use guest_access_rules::rules::Rules;
//!
//! for vector in vectors(&Rules::find("latest")?) {
//!     println!("{}: {}", vector.scenario.id, vector.scenario.about);
//! }
//! # Ok::<(), guest_access_rules::rules::RulesError>(())
//! ```

mod classes;
mod client_actions;
mod coverage;
mod coverage_goal;
mod detection;
mod deviations;
mod expectations;
mod file;
mod goals;
mod observable;
mod path_planner;
mod plans;
mod redundant_queries;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use guest_access_model::action::Action;
use guest_access_model::state::Scope;
use guest_access_model::threads::{self, each};
use guest_access_rules::rules::Rules;

use crate::permitted::{ActionRun, PermittedOutcome};
use crate::scenario::Scenario;

pub use coverage_goal::{
    CallerClass, CoverageGoal, DecisionClass, EventClass, PlaceClass, ReadClass, ReaderClass,
    RoomClosing, StateChange,
};
pub use detection::{Detection, detections};
pub use deviations::{Undetected, undetected};
pub use file::{INDEX, SCHEMA, schema};

use coverage::Coverage;
use deviations::Deviation;
use expectations::PermittedProfiles;
use path_planner::PathPlanner;
use plans::VectorPlan;

/// A scenario, with everything that the rules permit of each step, and the goals that it covers.
#[derive(Debug, Clone)]
pub struct Vector {
    /// The scenario. Every step has the expectation of the default readings.
    pub scenario: Scenario,
    /// What other options expect of each step.
    pub otherwise: Vec<Vec<PermittedOutcome>>,
    /// How many guests and rooms the vector needs.
    pub scope: Scope,
    /// The goals that the vector covers.
    pub covers: BTreeSet<CoverageGoal>,
}

/// One guest in one room. Every class of decisions shows there.
const ALONE: Scope = Scope { guests: 1, rooms: 1 };
/// How many guests a vector has. Three guests can have three memberships at one event.
const GUESTS: u8 = 3;

/// A vector that may turn out to be redundant.
struct Candidate {
    slug: String,
    scenario: Scenario,
    otherwise: Vec<Vec<PermittedOutcome>>,
    scope: Scope,
    /// The default on the actions of the scenario.
    followed: ActionRun,
}

impl Candidate {
    fn new(rules: &Rules, permits: &PermittedProfiles, plan: VectorPlan) -> Self {
        let VectorPlan { slug, about, steps } = plan;
        let mut scenario = Scenario::from_trace(slug.clone(), rules, about, Vec::new(), &steps)
            .expect("a plan has only actions that can happen");
        let scope = scope_of(&steps);
        let followed = permits.follow_default(steps);
        let otherwise = permits.expect(&mut scenario, &followed, scope);
        Self { slug, scenario, otherwise, scope, followed }
    }
}

/// The vectors of these rules.
///
/// # Panics
/// Never: a plan has only actions that can happen.
pub fn vectors(rules: &Rules) -> Vec<Vector> {
    let profile = rules.profile();
    let deviations = deviations::deviations(rules);
    let coverage = Coverage { rules, profile: &profile, deviations: &deviations };
    let candidates = candidates(rules, &deviations);
    let covers = each(&candidates, threads::available(), |candidate| coverage.of(candidate));
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let vector = |(candidate, covers): (Candidate, BTreeSet<CoverageGoal>)| {
        let Candidate { slug, mut scenario, otherwise, scope, .. } = candidate;
        let number = numbers.entry(slug.clone()).or_default();
        *number += 1;
        scenario.id = if *number == 1 { slug } else { format!("{slug}-{number}") };
        let clauses = covers.iter().filter_map(|goal| match goal {
            CoverageGoal::Clause { id, .. } => Some((*id).to_owned()),
            _ => None,
        });
        scenario.clauses = clauses.collect::<BTreeSet<_>>().into_iter().collect();
        Vector { scenario, otherwise, scope, covers }
    };
    necessary_candidates(candidates, covers).into_iter().map(vector).collect()
}

/// Vectors that together cover every goal that vectors can cover.
fn candidates(rules: &Rules, deviations: &[Deviation]) -> Vec<Candidate> {
    let profile = rules.profile();
    let permits = PermittedProfiles::new(rules);
    let candidate = |plan| Candidate::new(rules, &permits, plan);
    let threads = threads::available();
    let steps = client_actions::client_actions(rules, ALONE);
    let goals = goals::goals(&profile, &steps);
    let mut planner = PathPlanner::new(&profile, &steps, &goals);
    let mut plans: Vec<VectorPlan> = Vec::new();
    // A vector that begins with an event covers the goals of that event first. A guest that joins
    // counts as joined later from then on, so goals without a later join weigh more.
    planner.weigh(|goal| match goal {
        CoverageGoal::EventClass(class) if class.joined_later => 1,
        CoverageGoal::EventClass(_) => 10,
        _ => 0,
    });
    for plan in plans::plans() {
        let covered = planner.covered();
        let steps = planner.plan(&plan.steps, GUESTS);
        if planner.covered() > covered {
            plans.push(VectorPlan { steps, ..plan });
        }
    }
    planner.weigh(|_| 1);
    loop {
        let covered = planner.covered();
        let steps = planner.plan(&plans::three_guests_registered(), GUESTS);
        if planner.covered() == covered {
            break;
        }
        plans.push(plans::for_remaining_goals(steps));
    }
    for (number, trace) in goals.values().enumerate() {
        if !planner.is_covered(number) {
            plans.push(plans::for_remaining_goals(planner.plan(trace, GUESTS)));
        }
    }
    redundant_queries::remove_redundant_queries(&profile, &mut plans);
    let mut candidates = each(&plans, threads, |plan| candidate(plan.clone()));
    // Search for a trace to each deviation that no vector distinguishes yet.
    let mut missing: Vec<&Deviation> = Vec::new();
    for other in deviations {
        let is_known = missing.iter().any(|known| known.profile == other.profile);
        if !is_known && !candidates.iter().any(|candidate| other.is_distinguished_by(candidate)) {
            missing.push(other);
        }
    }
    let about =
        |other: &Deviation, steps| candidate(plans::for_option(&other.point, &other.option, steps));
    let look = |other: &&Deviation| {
        let tells_apart = |steps: &[Action]| {
            !other.is_as_permitted(deviations, &permits.follow_default(steps.to_vec()))
                && other.is_distinguished_by(&about(other, steps.to_vec()))
        };
        other.distinguishing_trace(&profile, deviations::is_by_a_client, tells_apart)
    };
    for (other, trace) in missing.iter().zip(each(&missing, threads, look)) {
        if let Some(trace) = trace
            && !candidates.iter().any(|candidate| other.is_distinguished_by(candidate))
        {
            candidates.push(about(other, trace));
        }
    }
    candidates
}

/// The candidates without which a goal would be uncovered. The last candidates are dropped first.
fn necessary_candidates(
    candidates: Vec<Candidate>,
    covers: Vec<BTreeSet<CoverageGoal>>,
) -> Vec<(Candidate, BTreeSet<CoverageGoal>)> {
    let mut times: HashMap<CoverageGoal, usize> = HashMap::new();
    for goal in covers.iter().flatten() {
        *times.entry(goal.clone()).or_default() += 1;
    }
    let mut kept = Vec::with_capacity(candidates.len());
    for (candidate, covers) in candidates.into_iter().zip(covers).rev() {
        if covers.iter().any(|goal| times[goal] == 1) {
            kept.push((candidate, covers));
        } else {
            for goal in &covers {
                times.entry(goal.clone()).and_modify(|times| *times -= 1);
            }
        }
    }
    kept.reverse();
    kept
}

/// How many guests and rooms these actions name.
fn scope_of(steps: &[Action]) -> Scope {
    let guests = steps.iter().flat_map(Action::guests).max();
    let rooms = steps.iter().filter_map(Action::room).max();
    Scope {
        guests: guests.map_or(0, |number| usize::from(number) + 1),
        rooms: rooms.map_or(0, |number| number + 1),
    }
}
