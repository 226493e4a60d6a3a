//! Conformance vectors: scenarios generated from the rules, which together cover every class of
//! decision, so that an implementer in any language can hold a homeserver against the rules.
//!
//! **What is covered** ([`CoverageGoal`]): every class of decisions, every class of events given and withheld,
//! every way into a setting, a membership and an account's state; every option of every decision point
//! that a client can tell from ours; every clause, each way that it goes. How decisions are folded
//! into classes, and why no further, stands in `classes.rs`.
//!
//! **How they come to be.** The model is walked with one guest in one room, and all classes met are
//! the goals (`goals.rs`). A vector begins with a *scene* (`plans.rs`): an event is sent while three
//! guests stand to it in three ways. From there it is woven on (`path_planner.rs`): wherever it comes, all
//! that is new is asked, since most questions change nothing; and it goes where the most is new. What
//! is left needs no event. Then the questions of which others cover everything are left out again
//! (`redundant_queries.rs`). What other homeservers would show, and the vectors do not yet, is looked for by itself
//! (`others.rs`). A vector of which the others cover everything is dropped.
//!
//! **Where the text is open**, a step has, beside what is expected of it by the default readings, all
//! that is expected of it by others: see [`Permitted`].
//!
//! ```no_run
//! use guest_access::vectors::vectors;
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
mod expectations;
mod file;
mod goals;
mod observable;
mod others;
mod path_planner;
mod plans;
mod redundant_queries;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use guest_access_model::action::Action;
use guest_access_model::state::Scope;
use guest_access_model::threads;
use guest_access_rules::rules::Rules;

use crate::permitted::Permitted;
use crate::scenario::Scenario;

pub use coverage_goal::{
    Caller, CoverageGoal, DecisionClass, EventClass, PlaceClass, ReadClass, Reader, RoomClosing,
    StateChange,
};
pub use detection::{Detection, detections};
pub use file::schema;
pub use others::{Undetected, undetected};

use coverage::Coverage;
use expectations::PermittedProfiles;
use others::Other;
use path_planner::PathPlanner;
use plans::VectorPlan;

/// A scenario that covers something, with all that the rules permit of each step.
#[derive(Debug, Clone)]
pub struct Vector {
    /// The scenario. Every step says what is expected of it by the default readings.
    pub scenario: Scenario,
    /// What other readings permit of each step beside that.
    pub otherwise: Vec<Vec<Permitted>>,
    /// How many guests and rooms it takes.
    pub scope: Scope,
    /// What it covers.
    pub covers: BTreeSet<CoverageGoal>,
}

/// One guest in one room: no class is about more than these.
const ALONE: Scope = Scope { guests: 1, rooms: 1 };
/// How many guests a vector has: enough to stand to one event in every way at once.
const GUESTS: u8 = 3;

/// A vector before it is known whether it is needed.
struct Candidate {
    slug: String,
    scenario: Scenario,
    otherwise: Vec<Vec<Permitted>>,
    scope: Scope,
}

impl Candidate {
    fn new(rules: &Rules, permits: &PermittedProfiles, plan: VectorPlan) -> Self {
        let VectorPlan { slug, about, steps } = plan;
        let mut scenario = Scenario::from_trace(slug.clone(), rules, about, Vec::new(), &steps)
            .expect("the loom takes only steps that can happen");
        let scope = scope_of(&steps);
        let otherwise = permits.expect(&mut scenario, scope);
        Self { slug, scenario, otherwise, scope }
    }

    fn steps(&self) -> Vec<Action> {
        self.scenario.steps.iter().map(|step| step.action).collect()
    }
}

/// The vectors of these rules.
///
/// # Panics
/// Never: a way through the model is made of steps that can happen.
pub fn vectors(rules: &Rules) -> Vec<Vector> {
    let profile = rules.profile();
    let others = others::others(rules);
    let coverage = Coverage { rules, profile: &profile, others: &others };
    let candidates = candidates(rules, &others);
    let covers =
        threads::each(&candidates, threads::available(), |candidate| coverage.of(candidate));
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let vector = |(candidate, covers): (Candidate, BTreeSet<CoverageGoal>)| {
        let Candidate { slug, mut scenario, otherwise, scope } = candidate;
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
    needed(candidates, covers).into_iter().map(vector).collect()
}

/// Ways through the model that together cover everything.
fn candidates(rules: &Rules, others: &[Other]) -> Vec<Candidate> {
    let profile = rules.profile();
    let permits = PermittedProfiles::new(rules);
    let candidate = |plan| Candidate::new(rules, &permits, plan);
    let steps = client_actions::client_actions(rules, ALONE);
    let goals = goals::goals(&profile, &steps);
    let mut planner = PathPlanner::new(&profile, &steps, &goals);
    let mut plans: Vec<VectorPlan> = Vec::new();
    // What one event can show is shown where it is the event; all else wherever a way leads to it.
    // Who joins has joined later for good: what is to be seen before that comes first.
    planner.weigh(|goal| match goal {
        CoverageGoal::EventClass(given) if given.joined_later => 1,
        CoverageGoal::EventClass(_) => 10,
        _ => 0,
    });
    for plan in plans::plans() {
        let covered = planner.covered();
        let steps = planner.path_planner(&plan.steps, GUESTS);
        if planner.covered() > covered {
            plans.push(VectorPlan { steps, ..plan });
        }
    }
    planner.weigh(|_| 1);
    loop {
        let covered = planner.covered();
        let steps = planner.path_planner(&plans::three_registrations(), GUESTS);
        if planner.covered() == covered {
            break;
        }
        plans.push(plans::for_remaining_goals(steps));
    }
    for (number, trace) in goals.values().enumerate() {
        if !planner.is_covered(number) {
            plans.push(plans::for_remaining_goals(planner.path_planner(trace, GUESTS)));
        }
    }
    redundant_queries::remove_redundant_queries(&profile, &mut plans);
    let mut candidates: Vec<Candidate> = plans.into_iter().map(candidate).collect();
    // What they do not tell yet is looked for by itself.
    let mut missing: Vec<&Other> = Vec::new();
    for other in others {
        let is_known = missing.iter().any(|known| known.profile == other.profile);
        if !is_known
            && !candidates.iter().any(|candidate| other.is_distinguished_by(&profile, candidate))
        {
            missing.push(other);
        }
    }
    let about =
        |other: &Other, steps| candidate(plans::for_option(&other.point, &other.option, steps));
    let look = |other: &&Other| {
        let tell = |steps: &[Action]| {
            !other.is_as_permitted(others, steps)
                && other.is_distinguished_by(&profile, &about(other, steps.to_vec()))
        };
        other.distinguishing_trace(&profile, others::is_by_a_client, tell)
    };
    for (other, trace) in missing.iter().zip(threads::each(&missing, threads::available(), look)) {
        if let Some(trace) = trace
            && !candidates.iter().any(|candidate| other.is_distinguished_by(&profile, candidate))
        {
            candidates.push(about(other, trace));
        }
    }
    candidates
}

/// Those of which the others do not cover everything, the last being dropped first.
fn needed(
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

/// How many guests and rooms these steps are about.
fn scope_of(steps: &[Action]) -> Scope {
    let guests = steps.iter().flat_map(Action::guests).max();
    let rooms = steps.iter().filter_map(Action::room).max();
    Scope {
        guests: guests.map_or(0, |number| usize::from(number) + 1),
        rooms: rooms.map_or(0, |number| number + 1),
    }
}
