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
    assert_eq!(Rules::find("latest").unwrap().id, "v1.17");
    assert_eq!(Rules::find("v1.13").unwrap().id, "v1.12");
    assert_eq!(Rules::find("v1.19").unwrap().id, "v1.17");
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

/// Rules that declare these endpoints, each of which gives `gives`.
fn declaring(ids: &[&str], gives: &str) -> Rules {
    let entries = ids.iter().map(|id| {
        format!("[[endpoint]]\nid = \"{id}\"\ngives = \"{gives}\"\ndoes = \"nothing\"\n")
    });
    let entries: String = entries.collect();
    let text = format!("id = \"p\"\nabout = \"\"\nextends = \"latest\"\n{entries}");
    Rules::parse("p.toml", &text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn each_rules_find_the_endpoint_that_they_declare() {
    let (one, other) = (declaring(&["POST /peek"], "events"), declaring(&["POST /peek"], "state"));
    let found = [&one, &other].map(|rules| rules.find_endpoint("POST /peek").unwrap());
    assert_eq!(
        found.map(|endpoint| endpoint.get().unseen.as_deref()),
        [Some("events"), Some("state")]
    );
    assert_eq!(Rules::find("latest").unwrap().find_endpoint("POST /peek"), None);
    assert_eq!(EndpointId::find("POST /peek"), None);
}

#[test]
fn the_files_of_one_run_can_declare_many_endpoints() {
    for file in 0..3 {
        let ids: Vec<_> = (0..150).map(|number| format!("GET /new{file}/{number}")).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        let rules = declaring(&ids, "nothing");
        assert_eq!(rules.every_endpoint().count(), EndpointId::count() + 150);
    }
}

#[test]
fn two_endpoints_of_one_id_in_two_files_are_found() {
    let ids = ["POST /peek", "POST /poke"];
    let (one, other) = (declaring(&ids, "events"), declaring(&ids, "state"));
    assert_eq!(one.redeclared_in(&declaring(&ids, "events")), []);
    let redeclared = one.redeclared_in(&other);
    assert_eq!(redeclared.iter().map(|of| of.from.get().id.as_str()).collect::<Vec<_>>(), ids);
    assert!(redeclared.iter().all(|of| of.to.get().unseen.as_deref() == Some("state")));
    let as_one = other.with_endpoints_of(&one);
    assert!(as_one.every_endpoint().eq(one.every_endpoint()));
    assert_eq!(as_one.find_endpoint("POST /peek"), one.find_endpoint("POST /peek"));
}
