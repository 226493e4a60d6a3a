//! `rules` for authors of a rules file: words explained, the vocabulary, and a template.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use guest_access::report::Run;
use guest_access::report::explanation::{Explanations, find_terms, names};
use guest_access::report::rules_schema::schema;
use guest_access_rules::rules::Rules;

use crate::cli::{Folder, run, run_line, wrapped};

#[test]
fn a_word_of_each_kind_is_explained() {
    let mut text = String::new();
    for (rules, word) in [
        ("", "revocation.effect"),
        ("", "revocation.effect=none"),
        ("", "visible_room_only"),
        ("", "room:world_readable"),
        ("", "GET /events"),
        ("", "GA-23"),
        ("", "A16"),
        ("", "events.past"),
        ("", "[[allow]]"),
        ("", "points"),
        ("", "endpoint.auth"),
        ("", "guarantee.membership"),
        ("examples/proposals/msc4140-delayed-events.toml", "GET /delayed_events"),
        ("examples/proposals/msc4140-delayed-events.toml", "MSC4140-1"),
        ("examples/proposals/msc4140-delayed-events.toml", "MSC4140-A1"),
        ("examples/proposals/previews-only.toml", "guests-stay-out"),
        ("examples/msc/msc3266-room-summary.toml", "MSC3266-A1"),
    ] {
        let mut args = vec!["rules", "--explain", word];
        args.extend(Some(rules).filter(|rules| !rules.is_empty()));
        let ran = run(args);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let _ = writeln!(text, "{}\n----", ran.out);
    }
    insta::assert_snapshot!(wrapped(&text));
}

#[test]
fn every_word_is_explained() {
    let rules = Rules::find("examples/proposals/msc4140-delayed-events.toml").unwrap();
    let names = names(&rules);
    assert!(names.len() > 700, "{}", names.len());
    // An option can have the name of another word. It comes after that word.
    let terms: Vec<_> = names.iter().map(|name| find_terms(&rules, name).remove(0)).collect();
    let explained = Explanations::new(&rules, &terms, Run::of([&rules]));
    for (name, explanation) in names.iter().zip(&explained.explanations) {
        assert_eq!(explanation.id, *name);
        assert!(!explanation.means.is_empty(), "{name}");
    }
    assert!(explained.to_string().lines().count() > 3 * names.len());
}

#[test]
fn an_endpoint_is_found_by_its_path_with_any_placeholders() {
    for name in [
        "GET /rooms/{roomId}/messages",
        "get /rooms/{room}/messages",
        "GET /_matrix/client/v3/rooms/{roomId}/messages",
        "/_matrix/client/v3/rooms/{roomId}/messages",
        "endpoint.GET /rooms/{roomId}/messages",
    ] {
        let report = run(["rules", "--explain", name, "--format", "json"]).json();
        let explained = report["explanations"].as_array().unwrap();
        assert_eq!(explained.len(), 1, "{name}");
        assert_eq!(explained[0]["id"], "GET /rooms/{roomId}/messages");
    }
}

#[test]
fn an_option_of_several_decision_points_is_explained_for_each() {
    let report = run_line("rules --explain refused --format json").json();
    let ids: Vec<_> = report["explanations"].as_array().unwrap().iter().map(|e| &e["id"]).collect();
    assert!(ids.len() > 3 && ids.iter().any(|id| **id == "unlisted.endpoint=refused"), "{ids:?}");
}

#[test]
fn an_unknown_word_is_refused_with_a_similar_one() {
    let refused = |word: &str| {
        let ran = run(["rules", "--explain", word]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        ran.err
    };
    assert!(refused("revocation.efect").contains("did you mean `revocation.effect`?"));
    assert!(!refused("zzz").contains("did you mean"));
}

/// The keys that the reader of rules files knows, as the vocabulary names them.
fn keys_of_the_reader() -> BTreeSet<String> {
    let source = include_str!("../../rules/src/rules/file.rs");
    let kinds = [
        ("RulesFile", ""),
        ("DeclaredClause", "clause."),
        ("DeclaredReading", "reading."),
        ("DeclaredEndpoint", "endpoint."),
        ("DeclaredGuarantee", "guarantee."),
        ("Allow", "allow."),
        ("MayAllow", "may_allow."),
        ("Refuse", "refuse."),
        ("Promise", "promise."),
        ("Withdraw", "withdraw."),
        ("PointEntry", "point."),
    ];
    let mut keys = BTreeSet::new();
    assert_eq!(source.matches("struct ").count(), kinds.len());
    for (name, prefix) in kinds {
        let (_, fields) = source.split_once(&format!("struct {name} {{")).unwrap();
        let (fields, _) = fields.split_once("\n}").unwrap();
        for field in fields.lines().filter_map(|line| line.trim().strip_prefix("pub(super) ")) {
            let (field, kind) = field.split_once(": ").unwrap();
            keys.insert(match kind {
                _ if kind.starts_with("Vec<") && name == "RulesFile" && field != "aliases" => {
                    format!("[[{field}]]")
                }
                _ if kind.starts_with("BTreeMap<") => format!("[{field}]"),
                _ => format!("{prefix}{field}"),
            });
        }
    }
    keys
}

#[test]
fn the_vocabulary_has_every_key_and_every_word() {
    let report = run_line("rules --vocabulary --format json").json();
    let ids = |list: &str| -> BTreeSet<String> {
        let words = report[list].as_array().unwrap();
        words.iter().map(|word| word["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("keys"), keys_of_the_reader());
    let rules = Rules::find("latest").unwrap();
    let text = run_line("rules --vocabulary").out;
    for list in ["points", "conditions", "guarantees", "endpoints", "readings", "clauses"] {
        let ids = ids(list);
        assert!(!ids.is_empty(), "{list}");
        for id in ids {
            assert!(!find_terms(&rules, &id).is_empty(), "{id}");
            assert!(text.contains(&id), "{id}");
        }
    }
}

#[test]
fn a_template_is_written_and_checked() {
    let folder = Folder::new();
    let path = folder.path("mine.toml").display().to_string();
    let ran = run(["rules", "--template", "mine", "--output", &path]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{ran:?}");
    let compared = run(["compare", "latest", &path, "--format", "json"]).json();
    assert_eq!((&compared["to"], &compared["verdict"]), (&"mine".into(), &"equivalent".into()));
    insta::assert_snapshot!(std::fs::read_to_string(path).unwrap());
}

#[test]
fn a_template_has_a_name_that_a_file_can_have() {
    for line in ["rules --template a\"b", "rules --template", "rules --template a --vocabulary"] {
        assert_eq!(run_line(line).code, Some(2), "{line}");
    }
}

/// The rules files in a folder.
fn files_in(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths
}

/// The first thing in a rules file that the schema refuses.
fn refused_by(validator: &jsonschema::Validator, text: &str) -> Option<String> {
    let rules: toml::Table = text.parse().unwrap();
    let value = serde_json::to_value(rules).unwrap();
    validator.iter_errors(&value).next().map(|error| format!("{} {error}", error.instance_path()))
}

#[test]
fn the_schema_accepts_every_rules_file() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let (mut files, mut with_schema) = (0, 0);
    for folder in ["rules/revisions", "examples/msc", "examples/proposals", "examples/readings"] {
        for path in files_in(folder) {
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(refused_by(&validator, &text), None, "{}", path.display());
            let is_example = folder.starts_with("examples/");
            let line = "#:schema ../../schema/rules.json\n";
            assert_eq!(text.starts_with(line), is_example, "{}", path.display());
            (files, with_schema) = (files + 1, with_schema + usize::from(is_example));
        }
    }
    assert!(files > with_schema && with_schema > 30, "{with_schema} of {files}");
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for wrong in [
        "alow = []",
        "[[allow]]",
        "[[allow]]\nendpoint = \"GET /sync\"\nwhen = [\"room:open\"]",
        "[[allow]]\nendpoint = \"sync\"",
        "[[may_allow]]\nendpoint = \"GET /sync\"",
        "[[may_allow]]\nendpoint = \"GET /sync\"\nreading = \"A999\"",
        "[[refuse]]\nendpoint = \"GET /sync\"\nclauses = [\"GA-999\"]",
        "[[promise]]\nguarantee = \"safety\"",
        "[[withdraw]]\nguarantee = \"revocation\"",
        "[[clause]]\nid = \"GA-1\"\nforce = \"must\"\nplace = \"p\"\ntext = \"t\"",
        "[[clause]]\nid = \"Msc-1\"\nforce = \"should\"\nplace = \"p\"\ntext = \"t\"",
        "[[reading]]\nid = \"Msc-A1\"\nclauses = [\"GA-1\"]\nquestion = \"q\"\ndefault = \"d\"",
        "[[guarantee]]\nid = \"safety\"\nactor = \"guest\"\nactions = [\"join\"]\nbound = \"denied\"",
        "[[guarantee]]\nid = \"is-safe\"\nactor = \"guest\"\nactions = [\"go\"]\nbound = \"denied\"",
        "[[guarantee]]\nid = \"is-safe\"\nactor = \"guest\"\nactions = [\"join\"]\nbound = \"no\"",
        "[[guarantee]]\nid = \"is-safe\"\nactor = \"guest\"\nactions = [\"join\"]\nbound = \"denied\"\nmembership = []",
        "[[endpoint]]\nid = \"GET /peek\"\ngives = \"nothing\"",
        "[[endpoint]]\nid = \"GET /peek\"\ngives = \"\"\ndoes = \"\"\nauth = \"guest\"",
        "[points]\n\"join.gat\" = { required = \"none\" }",
        "[points]\n\"join.gate\" = { required = \"leave\" }",
        "[points]\n\"join.gate\" = { also = [\"none\"] }",
        "[points]\n\"join.gate\" = { required = \"none\", silent = \"none\" }",
    ] {
        let text = format!("id = \"p\"\nextends = \"latest\"\nabout = \"\"\n{wrong}\n");
        assert!(refused_by(&validator, &text).is_some(), "{wrong}");
        assert!(Rules::parse("p.toml", &text).is_err(), "{wrong}");
    }
    assert!(refused_by(&validator, "id = \"p\"\nextends = \"latest\"").is_some());
}

#[test]
fn the_published_schema_is_the_one_that_is_made() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/rules.json");
    let made = run_line("rules --schema").out;
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), made);
}
