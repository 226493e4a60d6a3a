//! Conformance vectors: scenarios generated from the rules, which together cover every class of
//! decision, so that an implementer in any language can hold a homeserver against the rules.
//!
//! **What is covered** ([`Item`]): every class of decisions, every class of events given and withheld,
//! every way into a setting, a membership and an account's state; every option of every decision point
//! that a client can tell from ours; every clause, each way that it goes. How decisions are folded
//! into classes, and why no further, stands in `classes.rs`.
//!
//! **How they come to be.** The model is walked with one guest in one room, and all classes met are
//! the goals (`goals.rs`). A vector begins with a *scene* (`scenes.rs`): an event is sent while three
//! guests stand to it in three ways. From there it is woven on (`weave.rs`): wherever it comes, all
//! that is new is asked, since most questions change nothing; and it goes where the most is new. What
//! is left needs no event. Then the questions of which others cover everything are left out again
//! (`spare.rs`). What other homeservers would show, and the vectors do not yet, is looked for by itself
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

mod askable;
mod classes;
mod coverage;
mod expectations;
mod file;
mod goals;
mod item;
mod others;
mod scenes;
mod score;
mod spare;
mod weave;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use guest_access_model::action::Action;
use guest_access_model::state::Scope;
use guest_access_model::threads;
use guest_access_rules::rules::Rules;

use crate::permitted::Permitted;
use crate::scenario::Scenario;

pub use file::schema;
pub use item::{Caller, Closing, Decision, Given, Item, ReadAfter, Reader, WayIn, Whereabouts};
pub use others::{Untold, untold};
pub use score::{Caught, caught};

use coverage::Coverage;
use expectations::Permits;
use others::Other;
use scenes::Scene;
use weave::Loom;

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
    pub covers: BTreeSet<Item>,
}

/// One guest in one room: no class is about more than these.
const ALONE: Scope = Scope { guests: 1, rooms: 1 };
/// How many guests a vector has: enough to stand to one event in every way at once.
const GUESTS: u8 = 3;

/// A vector before it is known whether it is needed.
struct Draft {
    slug: String,
    scenario: Scenario,
    otherwise: Vec<Vec<Permitted>>,
    scope: Scope,
}

impl Draft {
    fn new(rules: &Rules, permits: &Permits, scene: Scene) -> Self {
        let Scene { slug, about, steps } = scene;
        let mut scenario = Scenario::from_trace(slug.clone(), rules, about, Vec::new(), &steps)
            .expect("the loom takes only steps that can happen");
        let scope = scope_of(&steps);
        let otherwise = permits.expect(&mut scenario, scope);
        Self { slug, scenario, otherwise, scope }
    }

    fn steps(&self) -> Vec<Action> {
        self.scenario.steps.iter().map(|told| told.action).collect()
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
    let drafts = drafts(rules, &others);
    let covers = threads::each(&drafts, threads::available(), |draft| coverage.of(draft));
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let vector = |(draft, covers): (Draft, BTreeSet<Item>)| {
        let Draft { slug, mut scenario, otherwise, scope } = draft;
        let number = numbers.entry(slug.clone()).or_default();
        *number += 1;
        scenario.id = if *number == 1 { slug } else { format!("{slug}-{number}") };
        let clauses = covers.iter().filter_map(|item| match item {
            Item::Clause { id, .. } => Some((*id).to_owned()),
            _ => None,
        });
        scenario.clauses = clauses.collect::<BTreeSet<_>>().into_iter().collect();
        Vector { scenario, otherwise, scope, covers }
    };
    needed(drafts, covers).into_iter().map(vector).collect()
}

/// Ways through the model that together cover everything.
fn drafts(rules: &Rules, others: &[Other]) -> Vec<Draft> {
    let profile = rules.profile();
    let permits = Permits::new(rules);
    let draft = |scene| Draft::new(rules, &permits, scene);
    let steps = askable::askable(rules, ALONE);
    let goals = goals::goals(&profile, &steps);
    let mut loom = Loom::new(&profile, &steps, &goals);
    let mut woven: Vec<Scene> = Vec::new();
    // What one event can show is shown where it is the event; all else wherever a way leads to it.
    // Who joins has joined later for good: what is to be seen before that comes first.
    loom.weigh(|item| match item {
        Item::Given(given) if given.joined_later => 1,
        Item::Given(_) => 10,
        _ => 0,
    });
    for scene in scenes::scenes() {
        let covered = loom.covered();
        let steps = loom.weave(&scene.steps, GUESTS);
        if loom.covered() > covered {
            woven.push(Scene { steps, ..scene });
        }
    }
    loom.weigh(|_| 1);
    loop {
        let covered = loom.covered();
        let steps = loom.weave(&scenes::newcomers(), GUESTS);
        if loom.covered() == covered {
            break;
        }
        woven.push(scenes::of_the_rest(steps));
    }
    for (number, story) in goals.values().enumerate() {
        if !loom.is_covered(number) {
            woven.push(scenes::of_the_rest(loom.weave(story, GUESTS)));
        }
    }
    spare::leave_out_spare(&profile, &mut woven);
    let mut drafts: Vec<Draft> = woven.into_iter().map(draft).collect();
    // What they do not tell yet is looked for by itself.
    let mut missing: Vec<&Other> = Vec::new();
    for other in others {
        let is_known = missing.iter().any(|known| known.profile == other.profile);
        if !is_known && !drafts.iter().any(|draft| other.is_told_by(&profile, draft)) {
            missing.push(other);
        }
    }
    let about =
        |other: &Other, steps| draft(scenes::of_a_point(&other.point, &other.option, steps));
    let look = |other: &&Other| {
        let tell = |steps: &[Action]| {
            !other.is_as_permitted(others, steps)
                && other.is_told_by(&profile, &about(other, steps.to_vec()))
        };
        other.telling_story(&profile, others::is_by_a_client, tell)
    };
    for (other, story) in missing.iter().zip(threads::each(&missing, threads::available(), look)) {
        if let Some(story) = story
            && !drafts.iter().any(|draft| other.is_told_by(&profile, draft))
        {
            drafts.push(about(other, story));
        }
    }
    drafts
}

/// Those of which the others do not cover everything, the last being dropped first.
fn needed(drafts: Vec<Draft>, covers: Vec<BTreeSet<Item>>) -> Vec<(Draft, BTreeSet<Item>)> {
    let mut times: HashMap<Item, usize> = HashMap::new();
    for item in covers.iter().flatten() {
        *times.entry(item.clone()).or_default() += 1;
    }
    let mut kept = Vec::with_capacity(drafts.len());
    for (draft, covers) in drafts.into_iter().zip(covers).rev() {
        if covers.iter().any(|item| times[item] == 1) {
            kept.push((draft, covers));
        } else {
            for item in &covers {
                times.entry(item.clone()).and_modify(|times| *times -= 1);
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
