//! Conformance vectors: scenarios generated from the rules, which together cover every class of
//! decision, so that an implementer in any language can hold a homeserver against the rules.

mod askable;
mod classes;
mod goals;
mod item;
mod scenes;
mod weave;

use std::collections::BTreeSet;

use guest_access_model::decide::{initial, outcome};
use guest_access_model::profile::Profile;
use guest_access_model::rules::Rules;
use guest_access_model::state::Scope;
use guest_access_model::step::Step;

use crate::scenario::Scenario;

pub use item::{Caller, Closing, Decision, Given, Item, ReadAfter, Reader, WayIn, Whereabouts};

use classes::{Ways, classes};
use weave::Loom;

/// A scenario that covers something, with what it covers.
#[derive(Debug, Clone)]
pub struct Vector {
    /// The scenario. Every step says what is expected of it by the default readings.
    pub scenario: Scenario,
    /// What it covers.
    pub covers: BTreeSet<Item>,
}

/// One guest in one room: what can be covered is about no more than these.
const ALONE: Scope = Scope { guests: 1, rooms: 1 };
/// How many guests a vector has: enough to stand to one event in every way at once.
const GUESTS: u8 = 3;
/// How many new classes each step of a scene that changes the state has to be worth.
const WORTH: f64 = 3.0;

/// The vectors of these rules.
///
/// # Panics
/// Never: a way through the model is made of steps that can happen.
pub fn vectors(rules: &Rules) -> Vec<Vector> {
    let profile = rules.profile();
    let steps = askable::askable(rules, ALONE);
    let goals = goals::goals(&profile, &steps);
    let mut loom = Loom::new(&profile, &steps, &goals);
    let mut found = Vec::new();
    for scene in scenes::scenes() {
        let path = loom.weave(&scene.steps, GUESTS, WORTH);
        found.push((scene.slug, scene.about, path.steps));
    }
    for (number, (item, story)) in goals.iter().enumerate() {
        if !loom.is_covered(number) {
            let path = loom.weave(story, GUESTS, 0.0);
            found.push((item.family().replace(' ', "-"), item.to_string(), path.steps));
        }
    }
    let vector = |(number, (slug, about, steps)): (usize, (String, String, Vec<Step>))| {
        let id = format!("{slug}-{}", number + 1);
        let scenario = Scenario::from_story(id, rules, about, Vec::new(), &steps)
            .expect("the loom takes only steps that can happen");
        let covers = covered(&profile, &steps);
        Vector { scenario, covers }
    };
    found.into_iter().enumerate().map(vector).collect()
}

/// The classes into which these steps fall.
fn covered(profile: &Profile, steps: &[Step]) -> BTreeSet<Item> {
    let (mut state, mut ways) = (initial(profile), Ways::default());
    let mut covered = BTreeSet::new();
    for step in steps {
        let Some(outcome) = outcome(profile, &state, step) else { break };
        covered.extend(classes(profile, &state, &ways, step, &outcome));
        ways = ways.after(&state, step, &outcome.next);
        state = outcome.next;
    }
    covered
}
