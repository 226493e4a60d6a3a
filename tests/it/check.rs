//! `check`: what it finds, in which form, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use guest_access_model::threads::each;
use guest_access_rules::discipline::{DISCIPLINES, NamedDiscipline};
use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::Scenario;
use serde_json::json;

use crate::cli::{Folder, program, run, run_line};

#[test]
fn the_text_says_what_matters_on_one_screen() {
    let ran = run_line("check draft-2015-11-05 --guests 1 --rooms 1");
    insta::assert_snapshot!(ran.text());
    assert_eq!(ran.code, Some(0));
}

#[test]
fn any_number_of_guests_and_rooms_is_checked_by_views() {
    let ran = run_line("check --guests any --rooms any --property revocation --property join_gate");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.text());
    let one_room = run_line("check --guests any --property join_gate --format json").json();
    assert_eq!((&one_room["guests"], &one_room["rooms"]), (&json!("any"), &json!(1)));
    assert_eq!(one_room["encoding"], "guest_views");
    let mistaken = "check --guests any --property join_gate --subject defect:join.gate=none";
    let ran = run_line(mistaken);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.text().contains("any number of guests and 1 room"), "{ran:?}");
}

#[test]
fn dependent_guests_have_no_verdict_for_any_number() {
    let ran = run_line(
        "check --guests any --property confinement --format json --max-states 1000 \
         --subject defect:registration.first_guest=administrator",
    );
    let reports = ran.json();
    let reports = reports.as_array().unwrap();
    assert_eq!(reports.len(), 2, "{ran:?}");
    for report in reports {
        assert_eq!(report["complete"], false);
        assert!(report["ended_by"].as_str().unwrap().contains("depend"), "{report}");
    }
    assert_ne!(ran.code, Some(0), "{ran:?}");
    for line in ["compare v1.1 v1.2 --guests any", "check --rooms any", "history --guests any"] {
        assert_eq!(run_line(line).code, Some(2), "{line}");
    }
}

/// The rules in force make one of them harmless: reads that hold nothing.
#[test]
fn each_unsafe_discipline_has_its_shortest_traces() {
    let is_unsafe: Vec<_> = DISCIPLINES.iter().filter(|named| !named.safe).collect();
    let reports = each(&is_unsafe, 2, |named: &&NamedDiscipline| {
        let check = "check --model concurrent --workers 1 --discipline";
        run_line(&format!("{check} {}", named.id)).text()
    });
    insta::assert_snapshot!(reports.join("\n"));
}

#[test]
fn what_is_promised_and_kept_is_a_success() {
    let ran = run_line("check r0.0.0 --guests 1 --property join_gate --property revocation");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.text());
}

#[test]
fn a_named_guarantee_is_checked_as_if_it_were_promised() {
    let ran = run_line(
        "check draft-2015-11-05 --guests 1 --property no_retroactive_exposure --format json",
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let property = &ran.json()["properties"][0];
    assert_eq!(property["status"], "violated");
    assert_eq!(property["promised"], false);
}

#[test]
fn the_json_has_its_documented_form() {
    let ran =
        run_line("check r0.0.0 --guests 1 --property visible_room_only --format json --workers 1");
    insta::assert_json_snapshot!(ran.stable_json());
}

#[test]
fn rules_are_named_by_arguments_or_by_the_option() {
    let checked = |named: &str| {
        let always = "--guests 1 --max-states 5 --property confinement --format json --quiet";
        let report = run_line(&format!("check {named} {always}")).json();
        let of = |report: &serde_json::Value| report["rules"].as_str().unwrap().to_owned();
        report.as_array().map_or_else(|| vec![of(&report)], |all| all.iter().map(of).collect())
    };
    assert_eq!(checked(""), ["v1.17"]);
    assert_eq!(checked("--rules v1.2"), ["v1.2"]);
    assert_eq!(checked("--rules v1.2 --rules r0.0.0"), ["v1.2", "r0.0.0"]);
    assert_eq!(checked("v1.1 --rules v1.2"), ["v1.1", "v1.2"]);
    assert!(run_line("check --help").out.contains("--rules <RULES>"));
}

#[test]
fn several_reports_are_an_array() {
    let ran =
        run_line("check draft-2015-11-05 r0.0.0 --guests 1 --property confinement --format json");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let rules: Vec<_> =
        ran.json().as_array().unwrap().iter().map(|report| report["rules"].clone()).collect();
    assert_eq!(rules, ["draft-2015-11-05", "r0.0.0"]);
}

#[test]
fn a_counterexample_is_a_scenario_that_can_be_decided() {
    let ran = run_line("check draft-2015-11-05 --guests 1 --format json");
    let rules = Rules::find("draft-2015-11-05").unwrap();
    let report = ran.json();
    let counterexamples: Vec<_> = report["properties"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|property| !property["counterexample"].is_null())
        .map(|property| property["counterexample"].to_string())
        .collect();
    assert!(!counterexamples.is_empty());
    for counterexample in counterexamples {
        let scenario = Scenario::parse("a.json", &counterexample).unwrap();
        assert!(scenario.replay(&rules.profile()).is_ok(), "{counterexample}");
        assert_eq!(
            serde_json::to_value(&scenario).unwrap(),
            serde_json::from_str::<serde_json::Value>(&counterexample).unwrap()
        );
    }
}

#[test]
fn junit_has_a_case_for_every_guarantee_that_was_to_hold() {
    let ran = run_line(
        "check r0.0.0 --guests 1 --format junit --property confinement --property visible_room_only",
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let cases: Vec<_> = ran.out.lines().filter(|line| line.contains("<testcase")).collect();
    assert_eq!(cases.len(), 2, "{ran:?}");
    assert!(
        ran.out.contains(r#"failures="1""#) && ran.out.contains(r#"type="violated""#),
        "{ran:?}"
    );
}

#[test]
fn an_unfinished_check_has_no_verdict() {
    for limit in ["--max-states 100", "--timeout 1ms"] {
        let ran = run_line(&format!("check r0.0.0 --guests 1 --format json {limit}"));
        assert_eq!(ran.code, Some(3), "{ran:?}");
        let report = ran.json();
        assert_eq!(report["complete"], false);
        assert!(report["ended_by"].is_string(), "{report}");
    }
}

#[test]
fn rules_that_promise_nothing_give_no_verdict() {
    let folder = Folder::new();
    let withdrawn: String = Rules::find("draft-2015-11-05")
        .unwrap()
        .promises
        .keys()
        .map(|guarantee| {
            format!("[[withdraw]]\nguarantee = \"{}\"\nbecause = \"so\"\n", guarantee.get().id)
        })
        .collect();
    let text = format!(
        "id = \"none\"\nabout = \"No promises.\"\nextends = \"draft-2015-11-05\"\n{withdrawn}"
    );
    let path = folder.file("none.toml", text);
    let ran = run(["check".into(), path.into_os_string(), "--guests".into(), "1".into()]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.err.contains("nothing was there to check"), "{ran:?}");
}

#[test]
fn a_proposal_is_reported_by_the_path_of_its_file() {
    let folder = Folder::new();
    let path = folder.file(
        "proposal.toml",
        "id = \"p\"\nabout = \"Guests pass the gate.\"\nextends = \"latest\"\n[points]\n\"join.gate\" = { required = \"none\" }\n",
    );
    let path = path.display().to_string();
    let ran = run(["check", &path, "--guests", "1", "--property", "join_gate", "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let counterexample = &ran.json()["properties"][0]["counterexample"];
    assert_eq!(counterexample["rules"], path.as_str());
    let scenario = folder.file("trace.json", counterexample.to_string());
    let ran = run(["decide".into(), scenario.into_os_string()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn the_report_goes_to_a_file_if_one_is_named() {
    let folder = Folder::new();
    let path = folder.path("report.txt").display().to_string();
    let line = "check r0.0.0 --guests 1 --property confinement --color always --output";
    let ran = run(line.split(' ').chain([path.as_str()]));
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""));
    assert!(std::fs::read_to_string(path).unwrap().contains("\u{1b}["));
}

#[test]
fn colour_is_for_terminals_unless_it_is_asked_for() {
    let line = "check draft-2015-11-05 --guests 1 --property confinement";
    assert!(!run_line(line).out.contains('\u{1b}'));
    assert!(run_line(&format!("{line} --color always")).out.contains('\u{1b}'));
    let mut plain = program();
    let plain = plain.args(line.split(' ')).env("NO_COLOR", "1").output().unwrap();
    assert!(!String::from_utf8(plain.stdout).unwrap().contains('\u{1b}'));
}

#[test]
fn a_reader_may_close_the_pipe_early() {
    let mut child = program()
        .args("rules --format json".split(' '))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

/// The search takes many minutes on every machine. The interrupt comes with the first line of progress.
#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_search_and_keeps_what_is_known() {
    let mut child = program()
        .args("check latest --model federated --servers 3 --workers 1 --format json".split(' '))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut progress = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let first = progress.next().unwrap();
    assert!(first.contains("a second"), "{first}");
    let killed =
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.unwrap().success());
    let rest: Vec<_> = progress.collect();
    let ran = crate::cli::Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let report = &ran.json()[0];
    assert_eq!(report["ended_by"], "an interrupt");
    assert!(report["states"].as_u64().unwrap() > 0);
    assert!(!rest.iter().any(|line| line.contains("error")), "{rest:?}");
}

#[test]
fn rooms_without_guest_access_are_checked() {
    let folder = Folder::new();
    let path = folder.file(
        "dms.toml",
        "id = \"dms\"\nabout = \"A room lets guests join.\"\nextends = \"v1.16\"\n[points]\n\"guest_access.absent\" = { required = \"can_join\" }\n",
    );
    let path = path.display().to_string();
    let line = ["check", &path, "--guests", "1", "--property", "join_gate", "--format", "json"];
    let ran = run(line);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let steps = ran.json()["properties"][0]["counterexample"]["steps"].clone();
    assert_eq!(steps.as_array().map(Vec::len), Some(2), "{steps}");
}

/// Checks a proposal that has these entries and extends the rules in force.
fn check_proposal(entries: &str, properties: &[&str]) -> crate::cli::Ran {
    let properties = properties.iter().flat_map(|property| ["--property", property]);
    check_proposal_with(entries, ["--guests", "1"].into_iter().chain(properties))
}

/// As [`check_proposal`], with these arguments.
fn check_proposal_with<'a>(
    entries: &str,
    arguments: impl IntoIterator<Item = &'a str>,
) -> crate::cli::Ran {
    let folder = Folder::new();
    let head = "id = \"p\"\nabout = \"A proposal.\"\nextends = \"v1.16\"\n";
    let path = folder.file("p.toml", format!("{head}{entries}")).display().to_string();
    let line = ["check", &path, "--format", "json"].map(str::to_owned).into_iter();
    run(line.chain(arguments.into_iter().map(str::to_owned)))
}

#[test]
fn an_answer_that_only_the_proposal_permits_fails_the_check() {
    let ran = check_proposal(
        "[points]\n\"join.gate\" = { default = \"can_join_only\", also = [\"none\"], reading = \"A2\" }",
        &["join_gate"],
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let property = &ran.json()["properties"][0];
    assert_eq!(property["status"], "holds");
    assert_eq!(property["fails_by"][0]["answer"], "join.gate=none");
    assert_eq!(property["fails_by"][0]["new"], true);
    assert!(property["fails_by"][0]["counterexample"]["steps"].is_array());
}

#[test]
fn a_guarantee_can_hold_by_default_and_fail_by_a_reading() {
    let ran = run_line("check v1.16 --guests 1 --property revocation --format json");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let property = &ran.json()["properties"][0];
    assert_eq!(property["fails_by"][0]["reading"], "A2");
    assert_eq!(property["fails_by"][0]["new"], false);
}

#[test]
fn a_proposal_is_held_to_what_its_base_promised() {
    let closes = "[[refuse]]\nendpoint = \"POST /rooms/{roomId}/leave\"\n";
    let ran = check_proposal(closes, &["availability"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let report = ran.json();
    let property = &report["properties"][0];
    assert_eq!(property["status"], "violated");
    assert_eq!(property["breaks_base"]["base"], "v1.16");
    assert_eq!(report["lost_clauses"][0]["clause"], "GA-30");
    let withdrawn = "[[withdraw]]\nguarantee = \"availability\"\nbecause = \"guests stay\"\n";
    let ran = check_proposal(&format!("{closes}{withdrawn}"), &["confinement"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn content_that_no_rule_looks_at_leaves_guarantees_unknown() {
    let ran = check_proposal(
        "[[allow]]\nendpoint = \"POST /search\"\n",
        &["read_confinement", "join_gate"],
    );
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let report = ran.json();
    let status = |number: usize| report["properties"][number]["status"].clone();
    assert_eq!((status(0), status(1)), ("unknown".into(), "holds".into()), "{report}");
    assert_eq!(report["unseen"][0]["endpoint"], "POST /search");
    let ran = check_proposal("[[allow]]\nendpoint = \"POST /search\"\n", &["join_gate"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn an_effect_that_no_rule_looks_at_leaves_guarantees_unknown() {
    let kick = "[[allow]]\nendpoint = \"POST /rooms/{roomId}/kick\"\n";
    let ran = check_proposal(kick, &["revocation_spares", "clear_refusals"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let report = ran.json();
    let status = |number: usize| report["properties"][number]["status"].clone();
    assert_eq!((status(0), status(1)), ("unknown".into(), "holds".into()), "{report}");
    assert_eq!(report["unseen"][0]["does"], "removes a member from the room", "{report}");
}

#[test]
fn every_scope_has_the_broken_promises_of_the_base() {
    let closes = "[[refuse]]\nendpoint = \"POST /rooms/{roomId}/leave\"\n";
    let ran = check_proposal_with(closes, ["--property", "availability"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let reports = ran.json();
    let reports = reports.as_array().unwrap();
    assert_eq!(reports.len(), 2);
    for report in reports {
        assert_eq!(report["properties"][0]["status"], "violated", "{report:#}");
    }
}

#[test]
fn no_model_calls_content_that_no_rule_looks_at_safe() {
    let proposal = "[[allow]]\nendpoint = \"POST /search\"\n";
    // One homeserver of each model: nothing that one does otherwise makes the content known.
    for (model, guarantee, which, one) in [
        ("concurrent", "read_confinement", "--discipline", "locks"),
        ("federated", "read_confinement_everywhere", "--federation", "server.dishonest=no"),
    ] {
        let line = ["--model", model, "--property", guarantee, which, one];
        let ran = check_proposal_with(proposal, line);
        assert_eq!(ran.code, Some(3), "{model}: {ran:?}");
        let report = ran.json();
        let reports = report.as_array().map_or(std::slice::from_ref(&report), Vec::as_slice);
        for report in reports {
            assert_eq!(report["unseen"][0]["endpoint"], "POST /search", "{model}");
            assert_ne!(report["properties"][0]["status"], "holds", "{model}: {report}");
        }
        assert!(!reports.is_empty());
    }
}

/// The declaration of an endpoint that gives and does this.
fn declared(gives: &str, does: &str) -> String {
    format!(
        "[[endpoint]]\nid = \"POST /rooms/{{roomId}}/peek\"\ngives = \"{gives}\"\ndoes = \"{does}\"\n"
    )
}

#[test]
fn a_declared_endpoint_is_closed_until_an_entry_opens_it() {
    let ran = check_proposal(&declared("events", "nothing"), &["read_confinement"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.json().get("unseen"), None, "{ran:?}");
    let condition =
        "[[allow]]\nendpoint = \"POST /rooms/{roomId}/peek\"\nwhen = [\"room:world_readable\"]\n";
    for (gives, does, unknown) in [
        ("nothing", "nothing", [false, false, false, false]),
        ("events", "nothing", [true, false, false, false]),
        ("nothing", "the caller becomes a peeker", [true, true, false, true]),
    ] {
        let ran = check_proposal(
            &format!("{}{condition}", declared(gives, does)),
            &["read_confinement", "join_gate", "confinement", "authentication"],
        );
        let report = ran.json();
        let status = |id: &str| {
            let mut properties = report["properties"].as_array().unwrap().iter();
            properties.find(|property| property["id"] == id).unwrap()["status"].clone()
        };
        let is_unknown = |id: &str| status(id) == "unknown";
        let found =
            ["read_confinement", "join_gate", "confinement", "authentication"].map(is_unknown);
        assert_eq!(found, unknown, "{gives}, {does}: {report}");
        assert_eq!(ran.code, Some(if unknown[0] { 3 } else { 0 }), "{report}");
    }
    let opened = format!("{}{condition}", declared("events", "the caller becomes a peeker"));
    let report = check_proposal(&opened, &["agreement"]).json();
    assert_eq!(report["properties"][0]["status"], "holds", "{report}");
}

#[test]
fn endpoints_without_a_token_or_open_in_the_base_are_open() {
    let for_everybody = format!("{}auth = \"none\"\n", declared("events", "nothing"));
    let ran = check_proposal(&for_everybody, &["read_confinement"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let folder = Folder::new();
    let may = "[[may_allow]]\nendpoint = \"POST /rooms/{roomId}/peek\"\nreading = \"A7\"\n";
    let heading = "id = \"base\"\nextends = \"latest\"\nabout = \"\"\n";
    folder.file("base.toml", format!("{heading}{}{may}", declared("events", "nothing")));
    let on_top = "id = \"top\"\nextends = \"base.toml\"\nabout = \"\"\n";
    let path = folder.file("top.toml", on_top).display().to_string();
    let ran = run(["check", &path, "--guests", "1", "--property", "read_confinement", "--quiet"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
}

#[test]
fn a_scenario_may_call_an_endpoint_that_its_rules_declare() {
    let example = "examples/proposals/msc4140-delayed-events.toml";
    let scenario = |rules: &str| {
        json!({
            "id": "a", "rules": rules, "about": "", "clauses": [],
            "steps": [
                { "as": "guest1", "do": "register as guest" },
                { "as": "guest1", "do": "GET /delayed_events", "expect": { "verdict": "allow" } },
            ],
        })
    };
    let folder = Folder::new();
    let path = folder.file("scenario.json", scenario(example).to_string());
    let ran = run(["decide", path.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    // The rules in force do not know the endpoint.
    let path = folder.file("scenario.json", scenario("latest").to_string());
    let ran = run(["decide", path.to_str().unwrap()]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("`GET /delayed_events`, which is neither a verb nor an"), "{ran:?}");
}

#[test]
fn a_condition_on_the_room_applies_to_unchecked_endpoints() {
    let ran = check_proposal(
        "[[allow]]\nendpoint = \"PUT /rooms/{roomId}/typing/{userId}\"\nwhen = [\"room:joined\"]\n",
        &["confinement", "availability", "agreement"],
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    let properties = report["properties"].as_array().unwrap();
    assert!(properties.iter().all(|property| property["status"] == "holds"), "{report}");
}
