//! Every encoding, walked by every executor with any number of workers, gives the same result.

use std::sync::Arc;

use guest_access_model::dense::explore_room_by_room;
use guest_access_model::executor::timely::{Plain, explore};
use guest_access_model::executor::{Encoding, Executor, Workers};
use guest_access_model::sequential::Sequential;
use guest_access_model::state::Scope;
use guest_access_model::stop::Stop;
use guest_access_model::transition_system::Exploration;
use guest_access_rules::decision_point::POINTS;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::defects;

fn explored(
    executor: Executor,
    threads: usize,
    rules: &Rules,
    system: &Profile,
    scope: Scope,
) -> Exploration {
    let model = Arc::new(Sequential::new(scope, system.clone(), rules.profile()));
    let workers = Workers::threads(threads);
    let explored = executor.explore(&model, &workers, &Stop::default(), |_| ()).unwrap();
    let encoding = match (executor, scope.rooms) {
        (Executor::Stateright, _) => Encoding::Plain,
        (Executor::Timely, 1) => Encoding::DenseTables,
        (Executor::Timely, _) => Encoding::ProductOfRooms,
    };
    assert_eq!(explored.encoding, encoding);
    explored.exploration
}

/// Explores with stateright on one thread, and with timely on each of these numbers of threads. The
/// results have to be equal.
fn explored_alike(rules: &Rules, system: &Profile, scope: Scope, workers: &[usize]) -> Exploration {
    let stateright = explored(Executor::Stateright, 1, rules, system, scope);
    for threads in workers {
        let timely = explored(Executor::Timely, *threads, rules, system, scope);
        assert_eq!(timely, stateright, "{}, {threads} workers", rules.id);
    }
    stateright
}

#[test]
fn executors_agree_on_each_revision_by_any_number_of_workers() {
    let mut states = Vec::new();
    for rules in Rules::published() {
        let scope = Scope { guests: 1, rooms: 1 };
        states.push(explored_alike(&rules, &rules.profile(), scope, &[1, 2, 4]).states);
    }
    let pinned =
        [6840, 14160, 32880, 18720, 18720, 18720, 18720, 18720, 20808, 20808, 20808, 20808];
    assert_eq!(states, pinned);
}

#[test]
fn the_executors_agree_on_two_guests() {
    let rules = Rules::find("latest").unwrap();
    let scope = Scope { guests: 2, rooms: 1 };
    assert_eq!(explored_alike(&rules, &rules.profile(), scope, &[1, 2, 4]).states, 660_972);
}

#[test]
fn the_executors_agree_on_mistakes() {
    let rules = Rules::find("latest").unwrap();
    for defect in defects(&rules).into_iter().step_by(7) {
        explored_alike(&rules, &defect.profile, Scope { guests: 1, rooms: 1 }, &[2]);
    }
}

const TWO_ROOMS: Scope = Scope { guests: 1, rooms: 2 };

/// Explores two rooms as a product of rooms; `None` if the profile makes the actions of one guest depend
/// on another guest.
fn by_product(rules: &Rules, system: &Profile) -> Option<Exploration> {
    explore_room_by_room(system, &rules.profile(), TWO_ROOMS, 2, &Stop::default(), |_| ())
}

/// Explores two rooms as a product of rooms, and together, state by state. The results have to be equal.
fn by_product_and_together(rules: &Rules, system: &Profile, what: &str) -> Exploration {
    let product = by_product(rules, system).unwrap();
    let model = Arc::new(Sequential::new(TWO_ROOMS, system.clone(), rules.profile()));
    let together = explore(Plain(model), &Workers::threads(2), &Stop::default(), |_| ()).unwrap();
    // The product of rooms does not give the depth of the state space.
    assert_eq!(product, Exploration { depth: None, ..together }, "{}: {what}", rules.id);
    product
}

/// The numbers of states and transitions of one guest in two rooms, for each revision in order.
/// `two_rooms_explored_together_equal_the_product` counts the same numbers state by state.
const TWO_ROOM_COUNTS: [(usize, usize); 12] = [
    (620_352, 13_825_440),
    (1_486_944, 34_232_400),
    (4_182_624, 112_487_664),
    (2_373_408, 63_164_544),
    (2_373_408, 63_164_544),
    (2_373_408, 63_164_544),
    (2_373_408, 63_164_544),
    (2_373_408, 63_164_544),
    (2_835_072, 76_752_432),
    (2_835_072, 76_752_432),
    (2_835_072, 76_752_432),
    (2_835_072, 76_752_432),
];

#[test]
fn the_product_of_rooms_has_pinned_counts_in_every_revision() {
    assert_eq!(Rules::published().len(), TWO_ROOM_COUNTS.len());
    for (rules, pinned) in Rules::published().iter().zip(TWO_ROOM_COUNTS) {
        let product = by_product(rules, &rules.profile()).unwrap();
        assert_eq!((product.states, product.transitions), pinned, "{}", rules.id);
        assert!(product.complete);
    }
}

/// The profile of the draft with this option.
fn draft_with(point: &str, option: &str) -> Profile {
    let mut profile = draft().profile();
    assert!(profile.choices.set_option(point, option), "{point}={option}");
    profile
}

/// The revision with the fewest states.
fn draft() -> Rules {
    Rules::find("draft-2015-11-05").unwrap()
}

/// Three points decide the actions that read two rooms. The test takes another option of each.
#[test]
fn the_product_covers_actions_that_read_two_rooms() {
    for (point, option) in [
        ("visibility.other_room", "given"),
        ("events.no_room", "joined_rooms"),
        ("history_visibility.malformed", "fails"),
    ] {
        by_product_and_together(&draft(), &draft_with(point, option), option);
    }
}

/// An action on an account changes all rooms at once, and has to be counted once. A single room, explored
/// as a product, shows whether it is.
#[test]
fn steps_about_accounts_are_counted_once() {
    let rules = Rules::find("r0.0.0").unwrap();
    let scope = Scope { guests: 2, rooms: 1 };
    let families = ["registration.", "upgrade.", "deactivation.", "authentication."];
    let mut compared = 0;
    for point in POINTS.iter().filter(|point| families.iter().any(|f| point.id.starts_with(f))) {
        for option in point.option_ids() {
            let mut system = rules.profile();
            assert!(system.choices.set_option(point.id, option));
            let stop = Stop::default();
            let Some(product) =
                explore_room_by_room(&system, &rules.profile(), scope, 2, &stop, |_| ())
            else {
                continue;
            };
            let explored = explored(Executor::Timely, 1, &rules, &system, scope);
            let counts = |found: &Exploration| (found.states, found.transitions);
            assert_eq!(counts(&product), counts(&explored), "{}: {option}", point.id);
            compared += 1;
        }
    }
    assert!(compared > 1, "the product covers some option");
}

#[test]
#[ignore = "takes ten minutes: explores two rooms together under every revision, and under the draft \
            with every other option of every point"]
fn two_rooms_explored_together_equal_the_product() {
    for (rules, pinned) in Rules::published().iter().zip(TWO_ROOM_COUNTS) {
        let found = by_product_and_together(rules, &rules.profile(), "the rules");
        assert_eq!((found.states, found.transitions), pinned, "{}", rules.id);
    }
    let mut not_covered = Vec::new();
    for point in POINTS {
        for option in point.option_ids() {
            let system = draft_with(point.id, option);
            if by_product(&draft(), &system).is_some() {
                by_product_and_together(&draft(), &system, option);
            } else {
                not_covered.push((point.id, option));
            }
        }
    }
    // The product cannot cover options that make one guest's actions depend on another guest.
    let expected =
        [("registration.first_guest", "administrator"), ("revocation.rejected_event", "revokes")];
    assert_eq!(not_covered, expected);
}
