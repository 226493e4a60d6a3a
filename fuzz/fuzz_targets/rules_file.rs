//! Any text is a rules file, or is refused.
#![no_main]

use guest_access_rules::rules::Rules;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(rules) = Rules::parse("fuzzed.toml", text) {
        let _ = rules.profile();
    }
});
