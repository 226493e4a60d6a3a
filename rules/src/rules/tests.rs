use super::*;
use crate::endpoint::{Changes, KNOWN};

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

/// A proposal with these entries.
fn proposal(entries: &str) -> Result<Rules, RulesError> {
    let head = "id = \"p\"\nabout = \"\"\nextends = \"v1.16\"\n";
    Rules::parse("p.toml", &format!("{head}{entries}"))
}

fn fault(entries: &str) -> String {
    proposal(entries).unwrap_err().to_string()
}

#[test]
fn a_chain_of_proposals_changes_its_published_revision() {
    let folder = std::env::temp_dir().join(format!("guest-access-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let first =
        "id = \"a\"\nabout = \"\"\nextends = \"v1.16\"\n[[promise]]\nguarantee = \"revocation\"\n";
    std::fs::write(folder.join("a.toml"), first).unwrap();
    let second = "id = \"b\"\nabout = \"\"\nextends = \"a.toml\"\n";
    let rules = Rules::parse(folder.join("b.toml").to_str().unwrap(), second).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(rules.base_of_proposal().map(|base| base.id.as_str()), Some("v1.16"));
    assert!(rules.own_promises.contains(GuaranteeId::Revocation));
    assert_eq!(Rules::find("v1.16").unwrap().base_of_proposal(), None);
}

#[test]
fn a_proposal_has_no_name_of_a_published_revision() {
    for head in ["id = \"v1.17\"", "id = \"p\"\naliases = [\"latest\"]"] {
        let text = format!("{head}\nabout = \"\"\nextends = \"v1.16\"\n");
        let error = Rules::parse("p.toml", &text).unwrap_err().to_string();
        assert!(error.contains("is the name of a published revision"), "{error}");
    }
}

#[test]
fn an_entry_about_an_endpoint_without_a_list_is_refused() {
    for (endpoint, because) in [
        ("GET /publicRooms", "asks for no access token"),
        ("POST /appservice/{appserviceId}/ping", "is for application services"),
    ] {
        for entry in ["[[allow]]", "[[refuse]]", "[[may_allow]]\nreading = \"A2\""] {
            let error = fault(&format!("{entry}\nendpoint = \"{endpoint}\"\n"));
            assert!(error.contains(because), "{error}");
        }
    }
}

#[test]
fn a_guarantee_is_promised_once() {
    let promise = "[[promise]]\nguarantee = \"revocation\"\n";
    let error = fault(&format!("{promise}{promise}"));
    assert!(error.contains("has an entry in line 5 already"), "{error}");
}

#[test]
fn an_endpoint_is_named_as_the_specification_spells_it() {
    let messages = KNOWN.messages;
    for name in [
        "GET /rooms/{roomId}/messages",
        "GET /rooms/{room}/messages",
        "GET /_matrix/client/v3/rooms/{roomId}/messages",
        "get /_matrix/client/r0/rooms/{roomId}/messages",
    ] {
        let rules = proposal(&format!("[[refuse]]\nendpoint = \"{name}\"\n")).unwrap();
        assert_eq!(rules.endpoint(messages).access, Access::Refused, "{name}");
    }
    // A path in another version is no path of the specification.
    let other = "[[refuse]]\nendpoint = \"GET /_matrix/client/v1/rooms/{roomId}/messages\"\n";
    assert!(fault(other).contains("did you mean `GET /rooms/{roomId}/messages`?"));
    // Without a method, a path can name several endpoints.
    assert!(fault("[[refuse]]\nendpoint = \"/rooms/{roomId}/messages\"\n").contains("no endpoint"));
    let twice = "[[refuse]]\nendpoint = \"GET /sync\"\n[[allow]]\nendpoint = \"GET /_matrix/client/v3/sync\"\n";
    assert!(fault(twice).contains("has an entry in line"));
}

#[test]
fn a_declared_endpoint_of_application_services_is_closed() {
    let declared = |auth: &str| {
        let entry = "[[endpoint]]\nid = \"GET /archive\"\ngives = \"events\"\ndoes = \"nothing\"\n";
        proposal(&format!("{entry}auth = \"{auth}\"\n")).unwrap().unchecked_endpoints().len()
    };
    assert_eq!(["appservice", "user", "none", "other"].map(declared), [0, 0, 1, 1]);
}

#[test]
fn an_endpoint_declares_what_its_effect_changes() {
    let changes = |lines: &str| {
        let entry = "[[endpoint]]\nid = \"POST /report\"\ngives = \"nothing\"\n";
        let rules = proposal(&format!("{entry}{lines}"))?;
        let endpoint = rules.find_endpoint("POST /report").unwrap().get();
        Ok::<_, RulesError>(
            Changes::ALL.iter().map(|what| endpoint.may_change(*what)).collect::<Vec<_>>(),
        )
    };
    for (lines, expected) in [
        ("does = \"nothing\"", [false; 4]),
        ("does = \"tells somebody\"", [true; 4]),
        ("does = \"tells somebody\"\nchanges = []", [false; 4]),
        ("does = \"sends an event\"\nchanges = [\"rooms\"]", [true, false, false, false]),
        ("does = \"ends tokens\"\nchanges = [\"tokens\"]", [false, false, true, false]),
    ] {
        assert_eq!(changes(lines).unwrap(), expected.to_vec(), "{lines}");
    }
    assert!(changes("does = \"nothing\"\nchanges = [\"rooms\"]").is_err());
    assert!(changes("does = \"sends\"\nchanges = [\"devices\"]").is_err());
}

#[test]
fn another_condition_and_a_new_may_lose_their_clauses() {
    let lost = |entries: &str| -> Vec<_> {
        proposal(entries).unwrap().lost_clauses().into_iter().map(|lost| lost.clause).collect()
    };
    let any_key =
        "[[allow]]\nendpoint = \"PUT /profile/{userId}/{keyName}\"\nclauses = [\"GA-21\"]\n";
    assert!(lost(any_key).contains(&"GA-51".to_owned()));
    let may_stay = "[points]\n\"revocation.effect\" = { default = \"leave\", also = [\"none\"], reading = \"A2\" }\n";
    assert_eq!(lost(may_stay), ["GA-23"]);
    let joined =
        "[[allow]]\nendpoint = \"GET /rooms/{roomId}/messages\"\nwhen = [\"room:joined\"]\n";
    assert_eq!(lost(joined), ["GA-13"]);
    assert_eq!(lost("[[allow]]\nendpoint = \"GET /sync\"\n"), [""; 0]);
}

#[test]
fn all_faults_of_a_file_are_reported_at_once() {
    let error = fault(
        "[[allow]]\nendpoint = \"GET /nonsense\"\nclauses = [\"GA-999\"]\n[points]\n\"join.gat\" = { required = \"none\" }\n\"join.gate\" = { required = \"nobody\", reading = \"A999\" }\n",
    );
    let lines: Vec<_> = error.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(lines, ["p.toml:5", "p.toml:6", "p.toml:8", "p.toml:9", "p.toml:9"], "{error}");
    assert!(error.contains("did you mean `join.gate`?") && !error.contains("did you mean `GET"));
    let error = fault(
        "guest = true\n[[refuse]]\nendpoint = \"GET /nonsense\"\n[points]\n\"join.gate\" = 3\n\"join.gat\" = { silent = \"none\" }\n",
    );
    assert_eq!(error.lines().count(), 4, "{error}");
}

#[test]
fn a_message_about_the_shape_says_what_to_write() {
    for (entries, right) in [
        (
            "[points]\njoin.gate = { required = \"none\" }",
            "write `\"join.gate\"` in quotation marks",
        ),
        ("[points]\n\"join.gate\" = \"none\"", "`\"join.gate\" = { required = \"…\" }`"),
        ("[allow]\nendpoint = \"GET /sync\"", "write `[[allow]]` on a line of its own"),
        ("[[allow]]\nendpoint = \"GET /sync\"\nwhen = \"room:joined\"", "`when = [\"…\"]`"),
        ("[[allow]]\nendpoint = 3", "`endpoint = \"…\"`"),
        ("[[allow]]\nclauses = []", "needs the key `endpoint`"),
        ("[[allow]]\nendpont = \"GET /sync\"", "did you mean `endpoint`?"),
    ] {
        let error = fault(entries);
        assert!(error.contains(right), "{error}");
        for word in ["struct", "sequence", "map", "field", "expected"] {
            assert!(!error.contains(word), "{error}");
        }
    }
}

/// A clause and a reading of a proposal, and entries that cite them.
const OWN_TEXTS: &str = r#"
[[clause]]
id = "Own1-1"
force = "must"
place = "the proposal, section 2"
text = "Guests may look a device up."

[[reading]]
id = "Own1-A1"
clauses = ["Own1-1", "GA-39"]
question = "May a guest look up every device?"
default = "its own"
because = "no other one is named"

[[may_allow]]
endpoint = "GET /devices"
reading = "Own1-A1"
clauses = ["Own1-1"]
"#;

#[test]
fn a_file_cites_the_clauses_and_readings_that_it_declares() {
    let rules = proposal(OWN_TEXTS).unwrap();
    let clause = rules.find_clause("Own1-1").unwrap();
    assert_eq!(clause::find("Own1-1"), Some(clause));
    assert_eq!((clause.since, clause.text), (None, "Guests may look a device up."));
    assert!(rules.has_in_force(clause));
    assert_eq!(rules.in_force(&["Own1-1", "GA-2"]), ["Own1-1", "GA-2"]);
    let reading = rules.find_reading("Own1-A1").unwrap();
    assert_eq!(reading.clauses, ["Own1-1", "GA-39"]);
    let endpoint = rules.endpoint(EndpointId::find("GET /devices").unwrap());
    assert_eq!(endpoint.clauses, ["Own1-1"]);
    // The words are those of the file, and of files that extend it.
    let latest = Rules::find("latest").unwrap();
    assert_eq!((latest.find_clause("Own1-1"), latest.find_reading("Own1-A1")), (None, None));
    assert!(!latest.has_in_force(clause) && latest.in_force(&["Own1-1"]).is_empty());
    // The same entries in another file are the same words.
    assert_eq!(proposal(OWN_TEXTS).unwrap().find_clause("Own1-1"), Some(clause));
}

#[test]
fn a_wrong_declaration_of_a_text_says_what_is_right() {
    let clause = |id: &str, force: &str, text: &str| {
        format!(
            "[[clause]]\nid = \"{id}\"\nforce = \"{force}\"\nplace = \"here\"\ntext = \"{text}\"\n"
        )
    };
    let of = |id: &str| clause(id, "must", "A text.");
    proposal(&clause("Own2-1", "must", "One text.")).unwrap();
    for (entries, line, right) in [
        (of("GA-1"), 5, "such as `MSC4140-1`"),
        (of("own-1"), 5, "such as `MSC4140-1`"),
        (of("Own2-A1"), 5, "such as `MSC4140-1`"),
        (clause("Own2-2", "should", "A text."), 6, "there are `must`, `may`, `silent`"),
        (clause("Own2-3", "must", ""), 8, "write a text of one line"),
        (clause("Own2-1", "must", "Another text."), 5, "declares the clause `Own2-1` otherwise: \"One text.\""),
        (of("Own2-4") + &of("Own2-4"), 10, "has an entry in line 5 already"),
        (of("Own2-5") + "[[refuse]]\nendpoint = \"GET /sync\"\nclauses = [\"Own2-6\"]", 11, "needs an entry `[[clause]]`"),
        ("[[reading]]\nid = \"Own2-1\"\nclauses = []\nquestion = \"?\"\ndefault = \"a\"\nbecause = \"b\"".to_owned(), 5, "such as `MSC4140-A1`"),
    ] {
        let error = fault(&entries);
        assert!(error.contains(right), "{error}");
        assert!(error.contains(&format!("p.toml:{line}: ")), "{error}");
    }
    let known = OWN_TEXTS.replace("Own1-", "Own3-");
    let twice = format!(
        "{known}\n[points]\n\"join.gate\" = {{ required = \"none\", reading = \"Own3-A2\", clauses = [\"Own3-2\"] }}\n"
    );
    let error = fault(&twice);
    assert_eq!(error.lines().count(), 2, "{error}");
    assert!(error.contains("there is no reading `Own3-A2`"), "{error}");
}

#[test]
fn no_id_of_the_tables_is_one_that_a_file_can_declare() {
    let clause = |clause: &Clause| {
        let id = clause.id;
        format!("[[clause]]\nid = \"{id}\"\nforce = \"may\"\nplace = \"p\"\ntext = \"t\"\n")
    };
    let error = fault(&CLAUSES.iter().map(clause).collect::<String>());
    assert_eq!(error.matches("is no id for a clause").count(), CLAUSES.len());
    let guarantee = |guarantee: GuaranteeId| guarantee_entry(guarantee.get().id, "");
    let error = fault(&GuaranteeId::all().map(guarantee).collect::<String>());
    assert_eq!(error.matches("is no id for a guarantee").count(), GuaranteeId::all().len());
}

/// An entry that declares a guarantee with more blocks.
fn guarantee_entry(id: &str, more: &str) -> String {
    let blocks = "actor = \"guest\"\nactions = [\"join\"]\nbound = \"denied\"\n";
    // A block of its own takes the place of the one above.
    let has = |line: &&str| !more.contains(&format!("{} =", line.split(" =").next().unwrap()));
    let blocks: String = blocks.lines().filter(has).map(|line| format!("{line}\n")).collect();
    format!("[[guarantee]]\nid = \"{id}\"\n{blocks}{more}")
}

#[test]
fn a_file_promises_a_guarantee_that_it_declares() {
    let entries = guarantee_entry("own-join-gate", "membership = [\"leave\"]\n");
    let promise = "[[promise]]\nguarantee = \"own-join-gate\"\n";
    let rules = proposal(&format!("{entries}{promise}")).unwrap();
    let guarantee = rules.find_guarantee("own-join-gate").unwrap();
    assert!(guarantee.is_declared() && rules.promised().contains(guarantee));
    assert_eq!(GuaranteeId::find("own-join-gate"), Some(guarantee));
    assert_eq!(
        guarantee.get().always,
        "`join` by a guest is denied while its membership is `leave`"
    );
    let latest = Rules::find("latest").unwrap();
    assert_eq!(latest.find_guarantee("own-join-gate"), None);
    assert!(fault(promise).contains("an entry `[[guarantee]]`"));
    // The same blocks are the same guarantee, and other blocks need another id.
    assert_eq!(proposal(&entries).unwrap().find_guarantee("own-join-gate"), Some(guarantee));
    let other = guarantee_entry("own-join-gate", "membership = [\"ban\"]\n");
    assert!(fault(&other).contains("declares another guarantee `own-join-gate`"));
    let in_words = guarantee_entry("own-in-words", "always = \"who left stays out\"\n");
    let rules = proposal(&in_words).unwrap();
    let stated = rules.find_guarantee("own-in-words").unwrap().get();
    assert_eq!(
        (stated.always, stated.premise),
        ("who left stays out", "a guest takes the action `join`")
    );
}

#[test]
fn senseless_blocks_are_refused() {
    for (more, key, because) in [
        ("actor = \"guests\"", "actor", "there is no actor `guests`; there are `guest`"),
        ("actions = [\"joins\"]", "actions", "there is no action `joins`"),
        ("actions = []", "id", "at least one action"),
        ("actions = [\"invite\"]", "actions", "`invite` is no action of the actor `guest`"),
        (
            "actions = [\"join\", \"GET /nothing\"]",
            "actions",
            "there is no endpoint `GET /nothing`",
        ),
        (
            "bound = \"allowed\"\nactor = \"nobody\"\nactions = [\"GET /sync\"]",
            "actions",
            "is no action of the actor `nobody`",
        ),
        (
            "bound = \"changes_nothing\"\nactions = [\"read\"]",
            "actions",
            "never changes an account",
        ),
        ("bound = \"gives_no_event\"", "actions", "`join` gives no content"),
        (
            "bound = \"gives_no_event\"\nactions = [\"read\"]\nactor = \"user\"",
            "actor",
            "not about `user`",
        ),
        ("actions = [\"log out\"]\nmembership = [\"join\"]", "actions", "`log out` names no room"),
        ("event_visibility = [\"joined\"]", "event_visibility", "the bound `gives_no_event`"),
        ("membership = []", "id", "`membership = []` is no situation"),
        ("membership = [\"left\"]", "membership", "there is no membership `left`"),
        (
            "actor = \"moderator\"\nactions = [\"send\"]\nmembership = [\"join\"]",
            "membership",
            "the moderator is always joined",
        ),
        (
            "actor = \"nobody\"\nactions = [\"GET /devices\"]\nguest_access = [\"can_join\"]",
            "actions",
            "names no room",
        ),
        (
            "actor = \"nobody\"\nactions = [\"GET /rooms/{roomId}/aliases\"]\nmembership = [\"join\"]",
            "membership",
            "has no membership",
        ),
    ] {
        let entry = guarantee_entry("own-senseless", more);
        let error = fault(&entry);
        assert!(error.contains(because), "{more}: {error}");
        // The head of the proposal has three lines.
        let place = entry.lines().position(|line| line.starts_with(key)).unwrap();
        assert!(error.contains(&format!("p.toml:{}: ", 4 + place)), "{more}: {error}");
    }
    for kept in ["always = \"\"", "premise = \"two\\nlines\""] {
        assert!(fault(&guarantee_entry("own-senseless", kept)).contains("one line"), "{kept}");
    }
}
