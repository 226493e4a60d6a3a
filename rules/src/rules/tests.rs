use super::*;

#[test]
fn every_published_revision_can_be_read() {
    for (id, _) in PUBLISHED {
        let rules = Rules::find(id).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(rules.id, *id);
        let _ = rules.profile();
    }
}

#[test]
fn every_revision_but_the_first_extends_its_predecessor() {
    let published = Rules::published();
    for (before, after) in published.iter().zip(&published[1..]) {
        assert_eq!(after.extends.first(), Some(&before.id));
    }
}

#[test]
fn an_alias_names_its_revision() {
    assert_eq!(Rules::find("latest").unwrap().id, "v1.16");
    assert_eq!(Rules::find("v1.13").unwrap().id, "v1.12");
}

#[test]
fn no_revision_opens_content_that_no_rule_looks_at() {
    for rules in Rules::published() {
        assert_eq!(rules.unchecked_endpoints(), [], "{}", rules.id);
    }
}

#[test]
fn a_condition_that_cannot_apply_is_refused() {
    for (endpoint, condition, right) in [
        ("GET /sync", "room:world_readable", "`{roomId}`"),
        ("GET /account/whoami", "event_type:m.room.message", "/send/"),
        ("GET /devices", "key:displayname", "/profile/"),
        ("POST /createRoom", "room:joined", "`{roomIdOrAlias}`"),
    ] {
        let text = format!(
            "id = \"p\"\nabout = \"\"\nextends = \"latest\"\n[[allow]]\nendpoint = \"{endpoint}\"\nwhen = [\"{condition}\"]\n"
        );
        let error = Rules::parse("p.toml", &text).unwrap_err().to_string();
        for part in ["p.toml", "6", endpoint, condition, right] {
            assert!(error.contains(part), "{error}");
        }
    }
}
