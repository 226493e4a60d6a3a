//! Vectors: what they cover, how many there are, and that a homeserver which keeps to the rules passes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use guest_access::subject::reference::ReferenceSubject;
use guest_access_model::action::{Actor, Operation};
use guest_access_model::stop::Stop;
use guest_access_model::threads::each;
use guest_access_rules::clause::{CLAUSES, Force};
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{self, defects};
use guest_access_scenarios::permitted::{
    OpenOptions, RunJudgement, StepJudgement, TakenOption, judge_run, options_of,
};
use guest_access_scenarios::scenario::operation_phrase;
use guest_access_scenarios::vectors::{
    CoverageGoal, Undetected, Vector, detections, schema, undetected, vectors,
};
use serde_json::{Value, json};

use crate::cli::{Folder, run, run_line, wrapped};

pub(crate) static LATEST: LazyLock<Rules> = LazyLock::new(|| Rules::find("latest").unwrap());
pub(crate) static VECTORS: LazyLock<Vec<Vector>> = LazyLock::new(|| vectors(&LATEST));
/// The vectors of every revision, and of every proposal in `examples`.
pub(crate) static ALL: LazyLock<Vec<(Rules, Vec<Vector>)>> = LazyLock::new(|| {
    let look = |rules: &Rules| (rules.clone(), vectors(rules));
    each(&all_rules(), 2, look)
});

fn covered() -> BTreeSet<&'static CoverageGoal> {
    VECTORS.iter().flat_map(|vector| &vector.covers).collect()
}

/// The goals in short: options and clauses by name, the others counted by family and subject.
fn folded(goals: &[&CoverageGoal]) -> String {
    let mut clauses: BTreeMap<&str, [bool; 2]> = BTreeMap::new();
    let mut options = Vec::new();
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for goal in goals {
        let text = goal.to_string();
        let about = match goal {
            CoverageGoal::Option { point, option } => {
                options.push(format!("{point}={option}"));
                continue;
            }
            CoverageGoal::Clause { id, allows } => {
                clauses.entry(id).or_default()[usize::from(*allows)] = true;
                continue;
            }
            CoverageGoal::DecisionClass(decision) => {
                let what = match decision.operation {
                    Operation::Call(_) => "calls an endpoint".to_owned(),
                    Operation::Read(_) => "reads".to_owned(),
                    operation => operation_phrase(operation),
                };
                format!("decision · {what} · {}", decision.caller.as_str())
            }
            CoverageGoal::EventClass(given) => {
                format!("event · {} · given: {}", given.kind, given.given)
            }
            CoverageGoal::StateChange(_) => {
                text.split(" · ").take(2).collect::<Vec<_>>().join(" · ")
            }
            CoverageGoal::RoomClosing(_) | CoverageGoal::ReadClass(_) => goal.family().to_owned(),
        };
        *counted.entry(about).or_default() += 1;
    }
    let directions = clauses.iter().map(|(id, [denies, allows])| match (denies, allows) {
        (true, true) => format!("{id} ±"),
        (false, true) => format!("{id} +"),
        _ => format!("{id} -"),
    });
    let directions: Vec<_> = directions.collect();
    let mut text = String::new();
    for (what, listed) in [("clauses", directions), ("options", options)] {
        if !listed.is_empty() {
            let _ = writeln!(text, "  {what}: {}", listed.join(", "));
        }
    }
    for (about, times) in counted {
        let _ = writeln!(text, "  {about} ×{times}");
    }
    text
}

#[test]
fn what_each_vector_covers_first() {
    let mut text = String::new();
    let mut known: BTreeSet<&CoverageGoal> = BTreeSet::new();
    for vector in VECTORS.iter() {
        let (id, scope) = (&vector.scenario.id, vector.scope);
        let new: Vec<&CoverageGoal> =
            vector.covers.iter().filter(|goal| !known.contains(goal)).collect();
        let _ = write!(
            text,
            "{id} (guests: {}, rooms: {})\n{}",
            scope.guests,
            scope.rooms,
            folded(&new)
        );
        known.extend(new);
    }
    insta::assert_snapshot!(wrapped(&text));
}

/// A homeserver answers a write in some 50 ms and a read in some 6 ms. A run takes about 80 s.
#[test]
fn the_vectors_of_the_latest_revision_are_few() {
    let rooms: usize = VECTORS.iter().map(|vector| vector.scope.rooms).sum();
    let steps = || VECTORS.iter().flat_map(|vector| &vector.scenario.steps);
    let asks = |operation| {
        matches!(operation, Operation::Read(_) | Operation::Call(_) | Operation::WhoAmI)
    };
    let is_denied = |step: &guest_access_scenarios::scenario::ScenarioStep| {
        step.expect.as_ref().is_some_and(|expect| expect.status.is_some())
    };
    let writes = steps().filter(|step| !asks(step.action.operation) && !is_denied(step)).count();
    assert!(rooms <= 60, "{rooms} rooms");
    assert!(writes <= 1_100, "{writes} writes, registrations among them");
    assert!(steps().count() - writes <= 5_000, "{} other calls", steps().count() - writes);
}

#[test]
fn no_vector_has_an_action_of_the_server() {
    for step in VECTORS.iter().flat_map(|vector| &vector.scenario.steps) {
        assert_ne!(step.action.by, Actor::Server, "{step:?}");
    }
}

#[test]
fn every_vector_covers_something_that_no_other_does() {
    let mut times: BTreeMap<&CoverageGoal, usize> = BTreeMap::new();
    for goal in VECTORS.iter().flat_map(|vector| &vector.covers) {
        *times.entry(goal).or_default() += 1;
    }
    for vector in VECTORS.iter() {
        let id = &vector.scenario.id;
        assert!(vector.covers.iter().any(|goal| times[goal] == 1), "{id} could be left out");
    }
}

#[test]
fn every_id_is_given_once_and_is_a_file_name() {
    let ids: BTreeSet<&str> = VECTORS.iter().map(|vector| vector.scenario.id.as_str()).collect();
    assert_eq!(ids.len(), VECTORS.len());
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(ids.iter().all(|id| id.chars().all(plain)), "{ids:?}");
}

/// The rows `| CLAUSE | way | why |` of `spec-notes/vectors.md`, and those of
/// `spec-notes/beyond-the-model.md`, whose clauses no vector has to take.
fn reasons(file: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-notes").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ").map(str::to_owned);
        let id = cells.next().filter(|id| id.ends_with(|c: char| c.is_ascii_digit()))?;
        Some((id, cells.next()?))
    };
    text.lines().filter_map(row).collect()
}

#[test]
fn every_clause_decides_both_ways_or_has_a_reason_why_not() {
    let covered = covered();
    let (one_way, beyond) = (reasons("vectors.md"), reasons("beyond-the-model.md"));
    let mut wrong = Vec::new();
    let in_force = CLAUSES.iter().filter(|clause| LATEST.has_in_force(clause));
    for clause in in_force.filter(|clause| clause.force != Force::Silent) {
        let is_taken = |allows| covered.contains(&CoverageGoal::Clause { id: clause.id, allows });
        let origins = match (is_taken(true), is_taken(false)) {
            (true, true) => "both",
            (true, false) => "allows",
            (false, true) => "denies",
            (false, false) => "neither",
        };
        let stated = match one_way.get(clause.id) {
            Some(way) => way,
            None if origins == "neither" && beyond.contains_key(clause.id) => "neither",
            None => "both",
        };
        if stated != origins {
            wrong.push(format!("{}: {stated} it says, but {origins}", clause.id));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_option_is_detected_or_has_a_reason_why_not() {
    let undetected = undetected(&LATEST, &VECTORS);
    let lines: Vec<String> =
        undetected.iter().map(|o| format!("{}={}: {}", o.point, o.option, o.because)).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

/// The mistakes that no client can observe, each with the reason, as `spec-notes/vectors.md` lists them.
pub(crate) fn accounted_for() -> BTreeMap<String, String> {
    rows_under("## Mistakes that no client can tell")
}

/// The rows of the table under a heading of `spec-notes/vectors.md`, by their first cell.
pub(crate) fn rows_under(heading: &str) -> BTreeMap<String, String> {
    let text = include_str!("../../spec-notes/vectors.md");
    let row = |line: &str| {
        let (id, why) = line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | ")?;
        Some((id.to_owned(), why.to_owned()))
    };
    let below = text.lines().skip_while(|line| *line != heading).skip(1);
    below.take_while(|line| !line.starts_with("## ")).filter_map(row).collect()
}

#[test]
fn the_notes_list_every_undetected_mistake() {
    let undetected = undetected(&LATEST, &VECTORS);
    let all: BTreeSet<String> = defects(&LATEST).into_iter().map(|defect| defect.id).collect();
    let undetected: BTreeMap<String, String> = undetected
        .into_iter()
        .map(|option| (option.defect_id(), option.because))
        .filter(|(id, _)| all.contains(id))
        .collect();
    assert_eq!(accounted_for(), undetected);
}

#[test]
fn a_vector_detects_every_observable_mistake() {
    let found =
        detections(&LATEST, &VECTORS, ReferenceSubject::new, 2, &Stop::default(), |_| ()).unwrap();
    let uncaught: BTreeSet<&str> = found
        .iter()
        .filter(|detections| detections.by.is_empty())
        .map(|detections| detections.defect.id.as_str())
        .collect();
    let undetected = undetected(&LATEST, &VECTORS);
    let ids: Vec<String> = undetected.iter().map(Undetected::defect_id).collect();
    let all = defects(&LATEST);
    let undetected: BTreeSet<&str> = ids
        .iter()
        .map(String::as_str)
        .filter(|id| all.iter().any(|defect| defect.id == *id))
        .collect();
    assert_eq!(uncaught, undetected);
    assert_eq!(found.len(), all.len());
}

/// The reference under `profile`, in the scope of the vector.
fn reference(vector: &Vector, profile: &Arc<Profile>) -> ReferenceSubject {
    ReferenceSubject::new(Arc::clone(profile), vector.scope)
}

#[test]
fn a_homeserver_that_takes_one_other_reading_passes() {
    for variant in variant::permitted(&LATEST) {
        let profile = Arc::new(variant.profile);
        for vector in VECTORS.iter() {
            let failure = vector.first_failure(reference(vector, &profile));
            let id = &vector.scenario.id;
            assert_eq!(failure, None, "{id}: {}", variant.id);
        }
    }
}

/// A run of all vectors by homeservers with these profiles, one vector each in turn; and whether each
/// vector fails by itself.
fn judge(profiles: &[Arc<Profile>]) -> (OpenOptions, RunJudgement, Vec<bool>) {
    let options = options_of(VECTORS.iter().map(|vector| &vector.otherwise[..]));
    let turns: Vec<_> = VECTORS.iter().zip(profiles.iter().cycle()).collect();
    let run =
        each(&turns, 2, |(vector, profile)| vector.matches(reference(vector, profile), &options));
    let fails = each(&turns, 2, |(vector, profile)| {
        vector.first_failure(reference(vector, profile)).is_some()
    });
    let judged = judge_run(&options, &run);
    (options, judged, fails)
}

fn fails_in_run(steps: &[StepJudgement]) -> bool {
    use StepJudgement::{Inconsistent, Unexplained};
    steps.iter().any(|step| matches!(step, Inconsistent(_) | Unexplained))
}

#[test]
fn a_run_of_one_other_reading_follows_that_reading() {
    for alternative in variant::open(&LATEST).into_iter().step_by(7) {
        let (options, judged, fails) = judge(&[Arc::new(alternative.profile.clone())]);
        let taken = judged.assignment.named(&options);
        let is_taken = |taken: &TakenOption| taken.option == alternative.option();
        assert!(taken.len() <= 1 && taken.iter().all(is_taken), "{taken:?}");
        assert!(!judged.steps.iter().any(|steps| fails_in_run(steps)));
        assert!(!fails.contains(&true));
    }
}

#[test]
fn a_vector_that_a_mistake_fails_fails_in_the_run_too() {
    for defect in defects(&LATEST).into_iter().step_by(40) {
        let (_, judged, fails) = judge(&[Arc::new(defect.profile)]);
        for (steps, fails) in judged.steps.iter().zip(fails) {
            assert!(!fails || fails_in_run(steps), "{}", defect.id);
        }
    }
}

#[test]
fn a_homeserver_of_two_readings_is_inconsistent() {
    let other = variant::open(&LATEST)
        .into_iter()
        .find(|alternative| alternative.point() == "unlisted.errcode")
        .unwrap();
    let profiles = [Arc::new(LATEST.profile()), Arc::new(other.profile)];
    let (options, judged, fails) = judge(&profiles);
    assert!(!fails.contains(&true));
    let conflicts = judged.steps.iter().flatten().filter_map(|step| match step {
        StepJudgement::Inconsistent(conflicts) => Some(conflicts),
        StepJudgement::Unexplained => panic!("each step is permitted"),
        _ => None,
    });
    let points: BTreeSet<_> =
        conflicts.flatten().map(|conflict| conflict.point(&options)).collect();
    assert!(points.contains("unlisted.errcode"), "{points:?}");
}

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::to_value(schema()).unwrap()).unwrap()
}

fn invalid(validator: &jsonschema::Validator, value: &Value) -> Option<String> {
    validator.iter_errors(value).next().map(|error| format!("{error} at {}", error.instance_path()))
}

/// The rules of every revision, and of every proposal in `examples`.
fn all_rules() -> Vec<Rules> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/proposals");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let proposals = paths.iter().map(|path| Rules::find(path.to_str().unwrap()).unwrap());
    Rules::published().into_iter().chain(proposals).collect()
}

#[test]
fn the_reference_passes_all_vectors_and_the_schema_accepts_them() {
    let validator = validator();
    let look = |(rules, vectors): &(Rules, Vec<Vector>)| {
        assert!(!vectors.is_empty(), "{}", rules.id);
        let profile = Arc::new(rules.profile());
        for vector in vectors {
            let id = format!("{}: {}", rules.id, vector.scenario.id);
            assert_eq!(vector.first_failure(reference(vector, &profile)), None, "{id}");
            assert_eq!(vector.otherwise.len(), vector.scenario.steps.len(), "{id}");
            let value = serde_json::to_value(vector).unwrap();
            assert_eq!(invalid(&validator, &value), None, "{id}");
        }
    };
    each(&ALL, 2, look);
}

#[test]
fn the_schema_refuses_what_is_no_vector() {
    let validator = validator();
    let right = serde_json::to_value(&VECTORS[0]).unwrap();
    let mut wrong = vec![json!([]), json!({})];
    for (pointer, value) in [
        ("/steps/0/as", json!("guest9")),
        ("/steps/0/do", json!("GET nothing")),
        ("/steps/0/expect/verdict", json!("perhaps")),
        ("/guests", json!(-1)),
    ] {
        let mut vector = right.clone();
        *vector.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
        wrong.push(vector);
    }
    let mut reasonless = right.clone();
    reasonless["steps"][0]["otherwise"] = json!([{ "options": [] }]);
    wrong.push(reasonless);
    let mut unexpecting = right.clone();
    unexpecting["steps"][0].as_object_mut().unwrap().remove("expect");
    wrong.push(unexpecting);
    let mut more = right;
    more["more"] = json!(1);
    wrong.push(more);
    for value in wrong {
        assert!(invalid(&validator, &value).is_some(), "{value}");
    }
}

#[test]
fn the_published_schema_is_the_schema_of_vectors() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/vector.json");
    let schema = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &schema).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert!(published == schema, "run the tests with UPDATE_SCHEMA=1 and look at what changed");
}

/// Every file of a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            (entry.file_name().into_string().unwrap(), text)
        })
        .collect()
}

#[test]
fn each_vector_is_written_to_a_file_the_same_every_time() {
    let folder = Folder::new();
    let out = folder.path("vectors");
    let write = || run(["vectors", "draft-2015-11-05", "--quiet", "--out", out.to_str().unwrap()]);
    assert_eq!(write().code, Some(0));
    let first = files(&out);
    let index: Value = serde_json::from_str(&first["index.json"]).unwrap();
    let listed = index["vectors"].as_array().unwrap();
    assert_eq!(first.len(), listed.len() + 2, "the index and the schema stand beside");
    for entry in listed {
        let vector: Value = serde_json::from_str(&first[entry["file"].as_str().unwrap()]).unwrap();
        assert_eq!(vector["id"], entry["id"]);
    }
    // A second run replaces the files of the first.
    assert_eq!(write().code, Some(0));
    assert_eq!(files(&out), first);
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let folder = Folder::new();
    let path = folder.file("diary.txt", "dear diary");
    let out = path.parent().unwrap().to_str().unwrap().to_owned();
    let ran = run(["vectors", "--quiet", "--out", &out]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("holds other things than vectors"), "{}", ran.err);
    assert_eq!(files(path.parent().unwrap()).len(), 1);
    // A foreign index that lists the file does not make the folder one of vectors.
    folder.file("index.json", r#"{"is": "a diary", "vectors": [{"file": "diary.txt"}]}"#);
    assert_eq!(run(["vectors", "--quiet", "--out", &out]).code, Some(2));
    assert_eq!(files(path.parent().unwrap()).len(), 2);
}

#[test]
fn the_text_says_what_each_vector_shows() {
    let ran = run_line("vectors draft-2015-11-05 --quiet");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.text());
}
