//! The algebra of rules and profiles: extending, and what is forgotten.

use std::fmt::Write as _;

use guest_access_model::actions::actions;
use guest_access_model::canonical_form::{canonical_form, normal_form};
use guest_access_model::decide::{initial, outcome};
use guest_access_model::state::{Scope, State};
use guest_access_rules::decision_point::{POINTS, PointId};
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::{Access, Conditions};
use guest_access_rules::rules::Rules;
use quickcheck::{TestResult, quickcheck};

/// A proposal that extends `base` and takes these options of these points.
fn proposal(base: &str, picks: &[(usize, usize)]) -> String {
    let mut text = format!("id = \"p\"\nextends = \"{base}\"\nabout = \"p\"\n[points]\n");
    let mut named = std::collections::BTreeSet::new();
    for (point, option) in picks {
        let point = &POINTS[point % POINTS.len()];
        if named.insert(point.id) {
            let option = point.options[option % point.options.len()].id;
            writeln!(text, "\"{}\" = {{ required = \"{option}\" }}", point.id).unwrap();
        }
    }
    text
}

/// Every state that is reached has a code of its own.
#[test]
fn the_code_of_a_state_tells_it_from_every_other() {
    let profile = Rules::find("latest").unwrap().profile();
    let actions = actions(Scope { guests: 1, rooms: 1 }, &[&profile]);
    let mut rounds = vec![initial(&profile)];
    let mut states = std::collections::BTreeSet::from([rounds[0]]);
    let mut codes = std::collections::BTreeSet::from([rounds[0].code()]);
    while let Some(state) = rounds.pop() {
        for action in &actions {
            let Some(outcome) = outcome(&profile, &state, action) else { continue };
            if states.insert(outcome.next) {
                codes.insert(outcome.next.code());
                rounds.push(outcome.next);
            }
        }
    }
    assert!(states.len() > 20_000);
    assert_eq!(states.len(), codes.len());
}

quickcheck! {
    fn extending_changes_what_is_named_and_nothing_else(picks: Vec<(usize, usize)>) -> bool {
        let base = Rules::find("latest").unwrap();
        let text = proposal("latest", &picks);
        let extended = Rules::parse("p.toml", &text).unwrap();
        let kept = PointId::all().all(|point| {
            let named = text.contains(&format!("\"{}\"", point.get().id));
            named || extended.point(point) == base.point(point)
        });
        kept && extended.endpoints == base.endpoints && extended.promises == base.promises
    }

    fn a_later_choice_wins_and_choosing_twice_is_choosing_once(point: usize, option: usize) -> bool {
        let mut profile = Rules::find("latest").unwrap().profile();
        let point = PointId::all().nth(point % POINTS.len()).unwrap();
        let option = point.get().options[option % point.get().options.len()].id;
        let set = profile.choices.set(point, option);
        let once = profile.clone();
        set && profile.choices.set(point, option) && profile == once
            && profile.choices.get(point) == option
    }

    fn an_endpoint_is_what_it_was_set_to(endpoint: usize, open: bool) -> bool {
        let mut profile = Rules::find("latest").unwrap().profile();
        let endpoint = EndpointId::all().nth(endpoint % EndpointId::count()).unwrap();
        let access = if open { Access::Open(Conditions::NONE) } else { Access::Refused };
        let others: Vec<_> = EndpointId::all().filter(|e| *e != endpoint).map(|e| profile.access(e)).collect();
        profile.set_access(endpoint, access);
        profile.access(endpoint) == access
            && EndpointId::all().filter(|e| *e != endpoint).map(|e| profile.access(e)).eq(others)
    }

    /// A walk through the model: what is forgotten is never asked for again, and ordering the guests
    /// is done once.
    fn what_is_forgotten_is_never_missed(walk: Vec<u16>, revision: u8) -> TestResult {
        let published = Rules::published();
        let profile = published[usize::from(revision) % published.len()].profile();
        let scope = Scope { guests: 2, rooms: 1 };
        let actions = actions(scope, &[&profile]);
        let mut state: State = initial(&profile);
        let mut codes = std::collections::HashMap::new();
        for number in walk {
            let action = &actions[usize::from(number) % actions.len()];
            let forgetful = normal_form(&profile, &state);
            let remembered = outcome(&profile, &state, action);
            let forgotten = outcome(&profile, &forgetful, action);
            match (remembered, forgotten) {
                (None, None) => continue,
                (Some(one), Some(other))
                    if one.observation == other.observation
                        && normal_form(&profile, &one.next) == normal_form(&profile, &other.next) =>
                {
                    state = one.next;
                }
                _ => return TestResult::error(format!("{action:?} in {state:?}")),
            }
            // Equal codes, equal states: here against every state of the walk before.
            if codes.insert(state.code(), state).is_some_and(|known| known != state) {
                return TestResult::error(format!("{state:?} has the code of another state"));
            }
            let reduced = canonical_form(&profile, scope, &state);
            if canonical_form(&profile, scope, &reduced) != reduced {
                return TestResult::error(format!("{state:?} is not reduced at once"));
            }
        }
        TestResult::passed()
    }
}
