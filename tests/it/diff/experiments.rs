//! Mistakes that the run does not tell apart: an experiment does, or the report says what would decide.

use guest_access_reference::serve::Embedded;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;
use serde_json::{Value, json};

use crate::cli::{Folder, run};

/// A joined guest, and a setting that no guest may join by. Several mistakes keep the guest.
const SCENARIO: &str = r#"{
  "id": "kept", "rules": "latest", "about": "a guest stays", "clauses": [], "steps": [
    { "as": "guest1", "do": "register as guest" },
    { "as": "moderator", "do": "set guest access", "room": "room1", "to": "can_join" },
    { "as": "guest1", "do": "join", "room": "room1" },
    { "as": "moderator", "do": "set guest access", "room": "room1", "to": "unknown" }
  ]
}"#;

/// The causes that `diff` names of a homeserver with this defect.
fn causes(defect: &str) -> Vec<Value> {
    let folder = Folder::new();
    std::fs::write(folder.path("kept.json"), SCENARIO).unwrap();
    let latest = Rules::find("latest").unwrap();
    let server = Embedded::start(variant::find(&latest, defect).unwrap().profile).unwrap();
    let scenarios = folder.path("").display().to_string();
    let url = server.url();
    let args = ["diff", "--server", &url, "--scenarios", &scenarios, "--settle", "0s"];
    let ran = run(args.iter().chain(&["--quiet", "--format", "json"]));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    ran.json()["causes"].as_array().unwrap().clone()
}

#[test]
fn an_experiment_tells_two_mistakes_apart() {
    for (defect, point, option) in [
        ("revocation.effect=none", "revocation.effect", "none"),
        ("revocation.trigger=forbidden_only", "revocation.trigger", "forbidden_only"),
    ] {
        let causes = causes(defect);
        assert_eq!(causes.len(), 1, "{causes:#?}");
        assert_eq!(
            (&causes[0]["decision_point"], &causes[0]["option"]),
            (&json!(point), &json!(option))
        );
        let rivals = causes[0]["rivals"].as_array().unwrap().iter();
        let names: Vec<_> = rivals.map(|rival| &rival["decision_point"]).collect();
        assert!(
            !names.iter().any(|name| *name == "revocation.effect" || *name == "revocation.trigger"),
            "{causes:#?}"
        );
    }
}
