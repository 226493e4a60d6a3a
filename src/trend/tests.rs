use serde_json::{Value, json};

use super::*;

/// A divergence that the vector `one` showed.
fn divergence(id: &str) -> Value {
    json!({
        "id": id, "kind": "leak", "decision_point": null, "option": null,
        "endpoint": "POST /rooms/{roomId}/join", "step": "guest1 joins room1", "by": "a guest",
        "expected": "deny", "observed": "allow", "permitted": false, "seen_in": ["one"],
    })
}

/// The vector with this id, which asked what shows a divergence.
fn vector(id: &str) -> Value {
    json!({
        "scenario": id, "is_vector": true, "decisions": 3, "not_run": [], "not_compared": 0,
        "queries": ["guest1 joins room1 (a guest)", "guest1 leaves room1 (a guest)"],
    })
}

/// A report with these divergences, whose vectors `one` and `two` ran.
fn report(divergences: &[Value]) -> Value {
    json!({
        "server": { "url": "http://host", "name": null, "version": null },
        "rules": "v1.16", "ids": 2, "complete": true, "broken_off": null,
        "decisions": 6, "scenarios": 2, "scenarios_run": 2,
        "divergences": divergences, "causes": [], "ran": [vector("one"), vector("two")],
        "not_compared": { "failed": { "decisions": 0, "scenarios": 0, "reasons": [] } },
        "coverage": [], "run": { "started": "then", "rules_sha256": "00" }, "more": [1],
    })
}

/// A report in which the value at `pointer` is another one.
fn report_but(divergences: &[Value], pointer: &str, value: Value) -> Value {
    let mut report = report(divergences);
    *report.pointer_mut(pointer).unwrap() = value;
    report
}

fn trend(reports: &[Value]) -> Result<Trend, TrendError> {
    let saved = (1..).zip(reports).map(|(number, report)| {
        let path = format!("report-{number}.json");
        SavedRun::parse(Path::new(&path), &report.to_string()).unwrap()
    });
    Trend::of(saved.collect())
}

/// What the second report says of the only divergence, which the first report has.
fn second(first: &Value, second: &Value) -> Presence {
    let trend = trend(&[first.clone(), second.clone()]).unwrap();
    assert_eq!(trend.divergences.len(), 1);
    trend.divergences[0].presence[1].clone()
}

/// Why it is not known whether the second report has the only divergence of the first.
fn because(first: &Value, other: &Value) -> String {
    match second(first, other) {
        Presence::NotKnown { because } => because,
        known => panic!("{known:?}: {other}"),
    }
}

fn changes(reports: &[Value]) -> Vec<(String, Change)> {
    let trend = trend(reports).unwrap();
    trend.divergences.into_iter().map(|one| (one.last.id, one.change)).collect()
}

#[test]
fn divergences_are_recognised_by_their_ids() {
    let [a, b, c] = ["a", "b", "c"].map(divergence);
    let found = changes(&[
        report(&[a.clone(), b.clone()]),
        report(&[a.clone(), c.clone()]),
        report(&[a, c]),
    ]);
    let expected = [("a", Change::Stayed), ("b", Change::Went), ("c", Change::Came)];
    assert_eq!(found, expected.map(|(id, change)| (id.to_owned(), change)));
}

#[test]
fn forbidden_and_worse_divergences_come_first() {
    let of = |id: &str, kind: &str, permitted: bool| {
        let mut one = divergence(id);
        one["kind"] = kind.into();
        one["permitted"] = permitted.into();
        one
    };
    let found = changes(&[
        report(&[of("a", "leak", true), of("b", "error", false)]),
        report(&[of("c", "leak", false), of("d", "refusal", false)]),
    ]);
    let ids: Vec<_> = found.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["c", "d", "b", "a"]);
}

#[test]
fn a_run_that_asked_again_shows_that_a_divergence_went() {
    assert_eq!(second(&report(&[divergence("a")]), &report(&[])), Presence::Absent);
}

#[test]
fn an_incomplete_report_shows_no_absence() {
    let first = report(&[divergence("a")]);
    for (pointer, value) in [
        ("/complete", json!(false)),
        ("/broken_off", json!("the homeserver did not answer")),
        ("/decisions", json!(0)),
        ("/not_compared/failed", json!({ "decisions": 1, "scenarios": 1 })),
    ] {
        let other = report_but(&[], pointer, value);
        let says = match pointer {
            "/not_compared/failed" => "not every step of vector `one` was compared",
            _ => "the run has no verdict",
        };
        assert_eq!(because(&first, &other), says, "{pointer}");
        let trend = trend(&[first.clone(), other]).unwrap();
        assert_eq!(trend.divergences[0].change, Change::NotKnown);
        assert!(trend.reports[1].incomplete().is_some() && !trend.is_complete());
    }
}

/// A report in which one step of a scenario was not compared.
fn report_without_a_step(scenario: &str, kind: &str, failure: bool) -> Value {
    let step = "guest1 joins room1";
    let failed = usize::from(failure);
    let mut report = report_but(
        &[],
        "/not_compared/failed",
        json!({ "decisions": failed, "scenarios": failed }),
    );
    report["not_run"] = json!([
        { "scenario": scenario, "step": step, "kind": kind, "failure": failure, "because": "" },
    ]);
    report["ran"][0]["queries"] = json!(["guest1 leaves room1 (a guest)"]);
    report
}

#[test]
fn an_endpoint_that_is_not_implemented_shows_an_absence() {
    let first = report(&[divergence("a")]);
    let other = report_without_a_step("one", "not_implemented", false);
    assert_eq!(second(&first, &other), Presence::Absent);
    let other = report_without_a_step("one", "rate_limit", false);
    assert_eq!(because(&first, &other), "vector `one` did not ask the same again");
    let trend = trend(&[report_without_a_step("one", "not_implemented", false), first]).unwrap();
    assert_eq!(trend.divergences[0].change, Change::Came);
}

#[test]
fn a_failure_in_another_vector_hides_no_absence() {
    let first = report(&[divergence("a")]);
    let mut other = report_without_a_step("two", "malformed", true);
    other["ran"][0] = vector("one");
    assert_eq!(second(&first, &other), Presence::Absent);
    let mut inconsistent = divergence("a");
    inconsistent["kind"] = json!("inconsistent");
    assert_eq!(because(&report(&[inconsistent]), &other), "the run has no verdict");
}

#[test]
fn a_report_without_divergences_may_be_incomplete() {
    assert!(trend(&[report(&[]), report(&[])]).unwrap().is_complete());
    let stopped = report_but(&[], "/complete", json!(false));
    assert!(!trend(&[report(&[]), stopped]).unwrap().is_complete());
}

#[test]
fn every_vector_has_to_ask_again() {
    let mut both = divergence("a");
    both["seen_in"] = json!(["one", "two"]);
    let first = report(&[both]);
    assert_eq!(second(&first, &report(&[])), Presence::Absent);
    for (pointer, value, says) in [
        ("/ran", json!([vector("one")]), "vector `two` was not run"),
        ("/ran/1/decisions", json!(0), "vector `two` was not run"),
        ("/ran/1/queries", json!(["guest1 leaves room1 (a guest)"]), "vector `two` did not ask"),
    ] {
        let because = because(&first, &report_but(&[], pointer, value));
        assert!(because.starts_with(says), "{because}");
    }
}

#[test]
fn without_queries_a_vector_has_to_run_to_its_end() {
    let first = report(&[divergence("a")]);
    let mut older = report(&[]);
    older["ran"][0].as_object_mut().unwrap().remove("queries");
    assert_eq!(second(&first, &older), Presence::Absent);
    older["ran"][0]["not_run"] = json!(["it cannot be asked for over HTTP"]);
    assert!(because(&first, &older).starts_with("vector `one` did not ask"));
}

#[test]
fn a_random_history_shows_no_absence() {
    let first = report_but(&[divergence("a")], "/ran/0/is_vector", json!(false));
    assert!(because(&first, &report(&[])).starts_with("only a random history showed it"));
}

#[test]
fn content_is_compared_in_both_runs_or_in_neither() {
    let with = |divergences: &[Value], endpoint: &str| {
        report_but(divergences, "/coverage", json!([{ "endpoint": endpoint }]))
    };
    let (join, other) = ("POST /rooms/{roomId}/join", "GET /sync");
    let a = [divergence("a")];
    assert!(because(&with(&a, join), &report(&[])).starts_with("`--content`"));
    assert!(because(&report(&a), &with(&[], join)).starts_with("`--content`"));
    assert_eq!(second(&with(&a, other), &report(&[])), Presence::Absent);
    assert_eq!(second(&with(&a, join), &with(&[], join)), Presence::Absent);
}

#[test]
fn only_a_whole_run_shows_that_an_inconsistency_went() {
    let mut inconsistent = divergence("a");
    inconsistent["kind"] = "inconsistent".into();
    let first = report(&[inconsistent]);
    assert_eq!(second(&first, &report(&[])), Presence::Absent);
    let part = report_but(&[], "/ran", json!([vector("one")]));
    assert!(because(&first, &part).ends_with("vector `two` was not run"));
}

/// The trend of a cause with the divergences `a` (vector `one`) and `b` (vector `two`) in the first report,
/// and of a second report without the cause.
fn of_cause(ran: Value) -> TrendCause {
    let mut explained = ["a", "b"].map(divergence);
    explained[1]["seen_in"] = json!(["two"]);
    for one in &mut explained {
        one["decision_point"] = "join.gate".into();
        one["option"] = "none".into();
    }
    let cause = json!({
        "decision_point": "join.gate", "option": "none", "means": "There is no gate.",
        "permitted": false, "reading": null, "clauses": ["GA-22"],
    });
    let first = report_but(&explained, "/causes", json!([cause]));
    let trend = trend(&[first, report_but(&[], "/ran", ran)]).unwrap();
    assert_eq!(trend.causes.len(), 1);
    assert_eq!(trend.causes[0].divergences, [0, 1]);
    trend.causes[0].clone()
}

#[test]
fn a_cause_goes_with_all_its_divergences() {
    assert_eq!(of_cause(json!([vector("one"), vector("two")])).change, Change::Went);
    assert_eq!(of_cause(json!([vector("one")])).change, Change::NotKnown);
}

#[test]
fn reports_of_other_rules_or_ids_are_refused() {
    let message = |pointer, value| {
        let other = report_but(&[], pointer, value);
        trend(&[report(&[]), report(&[]), other]).unwrap_err().to_string()
    };
    assert_eq!(
        message("/rules", json!("v1.2")),
        "report-3.json: the report is of the rules `v1.2`, and report-1.json is of `v1.16`; name \
         reports of the same rules"
    );
    assert_eq!(
        message("/ids", json!(1)),
        "report-3.json: the report has ids of scheme 1, and report-1.json has ids of scheme 2; only ids \
         of one scheme can be compared, so write the reports with one version of `diff`"
    );
    let mut older = report(&[]);
    older.as_object_mut().unwrap().remove("ids");
    assert!(trend(&[older.clone(), report(&[])]).is_err());
    assert!(trend(&[older.clone(), older]).is_ok());
}

#[test]
fn a_file_that_is_no_report_is_refused_with_its_line() {
    let message = |text: &str| SavedRun::parse(Path::new("a.json"), text).unwrap_err().to_string();
    assert!(message("{\n\"rules\": 1}").starts_with("a.json:2: invalid type"));
    let replayed = json!({ "server": { "url": "http://host" }, "rules": "v1.16" }).to_string();
    let says = message(&replayed);
    assert!(says.contains("; a report is what `diff --format json` writes"), "{says}");
    let kind = report(&[divergence("a")]).to_string().replace("\"leak\"", "\"unknown\"");
    assert!(message(&kind).contains("unknown variant"), "{}", message(&kind));
}

/// A report of a homeserver that does not implement joining.
fn report_without_an_endpoint() -> Value {
    let mut report = report_without_a_step("one", "not_implemented", false);
    report["not_run"][0]["endpoint"] = json!("POST /rooms/{roomId}/join");
    report["ran"][1]["queries"] = json!(["guest1 leaves room1 (a guest)"]);
    report
}

#[test]
fn an_endpoint_comes_and_goes_as_a_divergence_does() {
    let (lacks, has) = (report_without_an_endpoint(), report(&[]));
    let changes = |reports: &[&Value]| -> Vec<_> {
        let reports: Vec<_> = reports.iter().map(|report| (*report).clone()).collect();
        let endpoints = trend(&reports).unwrap().endpoints;
        endpoints.into_iter().map(|one| (one.endpoint, one.change)).collect()
    };
    let join = "POST /rooms/{roomId}/join".to_owned();
    assert_eq!(changes(&[&lacks, &has]), [(join.clone(), Change::Came)]);
    assert_eq!(changes(&[&has, &has, &lacks]), [(join.clone(), Change::Went)]);
    assert_eq!(changes(&[&lacks, &lacks]), []);
    assert_eq!(changes(&[&has, &has]), []);
    let mut not_asked = report(&[]);
    not_asked["ran"] = json!([]);
    assert_eq!(changes(&[&lacks, &not_asked, &has]), [(join, Change::Came)]);
    assert_eq!(changes(&[&lacks, &not_asked]), []);
}

#[test]
fn an_entry_stands_for_the_same_step_of_other_scenarios() {
    let mut both = divergence("a");
    both["seen_in"] = json!(["one", "two"]);
    let other = report_without_an_endpoint();
    assert_eq!(second(&report(&[both]), &other), Presence::Absent);
}
