//! Any text is a scenario that is written as it is read and can be decided, or is refused.
#![no_main]

use std::sync::LazyLock;

use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::Scenario;
use libfuzzer_sys::fuzz_target;

static RULES: LazyLock<Rules> =
    LazyLock::new(|| Rules::find("latest").expect("a revision of ours"));

fuzz_target!(|text: &str| {
    if let Ok(scenario) = Scenario::parse("fuzzed.json", text) {
        let written = serde_json::to_string(&scenario).expect("a scenario can be written");
        assert_eq!(Scenario::parse("written.json", &written).expect("and read"), scenario);
        let _ = scenario.decide(&RULES);
    }
});
