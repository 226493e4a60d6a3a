//! The engines come to the same, however many workers they have.

use std::sync::Arc;

use guest_access_model::defect::defects;
use guest_access_model::engine::{Engine, Workers};
use guest_access_model::profile::Profile;
use guest_access_model::rules::Rules;
use guest_access_model::sequential::Sequential;
use guest_access_model::space::Exploration;
use guest_access_model::state::Scope;
use guest_access_model::stop::Stop;

fn explored(
    engine: Engine,
    threads: usize,
    rules: &Rules,
    system: &Profile,
    scope: Scope,
) -> Exploration {
    let model = Arc::new(Sequential::new(scope, system.clone(), rules.profile()));
    engine.explore(&model, &Workers::threads(threads), &Stop::default(), |_| ()).unwrap()
}

/// Explores with stateright on one thread and with timely on several numbers of them.
fn alike(rules: &Rules, system: &Profile, scope: Scope, workers: &[usize]) -> Exploration {
    let stateright = explored(Engine::Stateright, 1, rules, system, scope);
    for threads in workers {
        let timely = explored(Engine::Timely, *threads, rules, system, scope);
        assert_eq!(timely, stateright, "{}, {threads} workers", rules.id);
    }
    stateright
}

#[test]
fn the_engines_agree_on_every_revision_whatever_the_number_of_workers() {
    let mut states = Vec::new();
    for rules in Rules::published() {
        let scope = Scope { guests: 1, rooms: 1 };
        states.push(alike(&rules, &rules.profile(), scope, &[1, 2, 4]).states);
    }
    let pinned = [6840, 14160, 32880, 18720, 18720, 18720, 18720, 18720, 20808, 20808, 20808];
    assert_eq!(states, pinned);
}

#[test]
fn the_engines_agree_on_two_guests() {
    let rules = Rules::find("latest").unwrap();
    let scope = Scope { guests: 2, rooms: 1 };
    assert_eq!(alike(&rules, &rules.profile(), scope, &[1, 2, 4]).states, 660_972);
}

#[test]
fn the_engines_agree_on_mistakes() {
    let rules = Rules::find("latest").unwrap();
    for defect in defects(&rules).into_iter().step_by(7) {
        alike(&rules, &defect.profile, Scope { guests: 1, rooms: 1 }, &[2]);
    }
}

/// What stateright counts, state by state (`check --rooms 2 --engine stateright`, half a minute).
#[test]
fn rooms_are_settled_one_by_one_as_they_are_together() {
    let rules = Rules::find("latest").unwrap();
    let scope = Scope { guests: 1, rooms: 2 };
    let settled = explored(Engine::Timely, 1, &rules, &rules.profile(), scope);
    assert_eq!((settled.states, settled.transitions), (2_835_072, 76_752_432));
    assert!(settled.complete);
}
