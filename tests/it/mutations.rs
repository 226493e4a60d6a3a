//! Both parsers, fed with what is almost a rules file or almost a scenario: they answer, and do not
//! panic.

use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::Scenario;
use proptest::prelude::*;

const RULES: &str = include_str!("../../rules/revisions/r0.0.0.toml");
const SCENARIO: &str = include_str!("../../fuzz/seeds/scenario/a-guest-reads.json");

/// A change of a text.
#[derive(Debug, Clone)]
enum Mutation {
    Cut(usize, usize),
    Repeat(usize, usize),
    Insert(usize, String),
    Swap(usize, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = || any::<prop::sample::Index>().prop_map(|index| index.index(1 << 16));
    let insertion = prop_oneof![
        "\\PC{0,8}",
        prop::sample::select(vec![
            "\"", "[", "]", "{", "}", "=", ",", "\n", "null", "0", "1e999", "\\u0000"
        ])
        .prop_map(str::to_owned),
    ];
    prop_oneof![
        (at(), 1..40_usize).prop_map(|(at, length)| Mutation::Cut(at, length)),
        (at(), 1..40_usize).prop_map(|(at, length)| Mutation::Repeat(at, length)),
        (at(), insertion).prop_map(|(at, insertion)| Mutation::Insert(at, insertion)),
        (at(), at()).prop_map(|(one, other)| Mutation::Swap(one, other)),
    ]
}

fn mutated(text: &str, mutations: &[Mutation]) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for mutation in mutations {
        let length = text.len();
        let place = |at: usize| if length == 0 { 0 } else { at % length };
        match mutation {
            Mutation::Cut(at, of) => {
                text.drain(place(*at)..length.min(place(*at) + of));
            }
            Mutation::Repeat(at, of) => {
                let copied = text[place(*at)..length.min(place(*at) + of)].to_vec();
                text.splice(place(*at)..place(*at), copied);
            }
            Mutation::Insert(at, insertion) => {
                text.splice(place(*at)..place(*at), insertion.chars());
            }
            Mutation::Swap(one, other) if length > 0 => text.swap(place(*one), place(*other)),
            Mutation::Swap(..) => {}
        }
    }
    text.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_mutated_rules_file_is_read_or_refused(mutations in prop::collection::vec(mutation(), 0..6)) {
        if let Ok(rules) = Rules::parse("mutated.toml", &mutated(RULES, &mutations)) {
            let _ = rules.profile();
        }
    }

    #[test]
    fn a_mutated_scenario_is_read_or_refused(mutations in prop::collection::vec(mutation(), 0..6)) {
        if let Ok(scenario) = Scenario::parse("mutated.json", &mutated(SCENARIO, &mutations)) {
            let written = serde_json::to_string(&scenario).unwrap();
            prop_assert_eq!(Scenario::parse("written.json", &written).unwrap(), scenario.clone());
            let _ = scenario.decide(&Rules::find("latest").unwrap());
        }
    }
}
