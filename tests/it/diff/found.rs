//! The result of `diff` for the reference, and for references with a defect.

use std::cell::Cell;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use guest_access::diff::{DiffResult, Options, PlannedScenario, diff, plan_vectors, wait_for};
use guest_access::subject::server::{Limits, Proof, Server};
use guest_access_model::stop::Stop;
use guest_access_reference::serve::Embedded;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;
use guest_access_scenarios::permitted::DivergenceKind;

pub(super) static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::find("latest").unwrap());
pub(super) static SCENARIOS: LazyLock<Vec<PlannedScenario>> =
    LazyLock::new(|| plan_vectors(&RULES, crate::vectors::VECTORS.clone()));

pub(super) fn options() -> Options {
    Options {
        jobs: 4,
        settle: Duration::from_millis(200),
        keep: false,
        content: true,
        explore_for: None,
        seed: 1,
        stop: Stop::default(),
    }
}

/// The result of `diff` for the homeserver at `url`, under the rules in force.
pub(super) fn result_at(
    url: &str,
    scenarios: Vec<PlannedScenario>,
    options: &Options,
) -> DiffResult {
    result_under(&RULES, url, scenarios, options)
}

/// The result of `diff` for the homeserver at `url`.
pub(super) fn result_under(
    rules: &Rules,
    url: &str,
    scenarios: Vec<PlannedScenario>,
    options: &Options,
) -> DiffResult {
    let comparison = async {
        let server = Server::connect(url, Limits::default(), Proof::default()).await.unwrap();
        diff(rules, &server, &[], scenarios, options, |_, _| ()).await.unwrap()
    };
    wait_for(comparison).unwrap().0
}

/// The result of `diff` for the reference with this profile.
fn result_of(profile: Profile) -> DiffResult {
    let server = Embedded::start(profile).unwrap();
    result_at(&server.url(), SCENARIOS.clone(), &options())
}

/// The profile of a defect.
pub(super) fn defective(id: &str) -> Profile {
    variant::find(&RULES, id).unwrap().profile
}

#[test]
fn the_reference_has_no_divergence_in_any_scenario() {
    let result = result_of(RULES.profile());
    assert!(result.divergences.is_empty(), "{:#?}", result.divergences);
    assert!(result.causes.is_empty());
    assert!(result.finished && result.broken_off.is_none());
    assert_eq!((result.run, result.scenarios), (SCENARIOS.len(), SCENARIOS.len()));
    let steps: usize = SCENARIOS.iter().map(|scenario| scenario.steps.len()).sum();
    assert!(result.decisions * 10 > steps * 9, "{} of {steps}", result.decisions);
}

/// Some defects, each with the worst kind of its divergences.
const DEFECTS: [(&str, DivergenceKind); 8] = [
    ("revocation.effect=none", DivergenceKind::Effect),
    ("join.gate=none", DivergenceKind::Leak),
    ("visibility.evaluated_at=now", DivergenceKind::Leak),
    ("visibility.world_readable=inverted", DivergenceKind::Leak),
    ("state.check=unchecked", DivergenceKind::Leak),
    ("whoami.is_guest=always", DivergenceKind::Effect),
    ("guest_access.unknown=can_join", DivergenceKind::Leak),
    ("endpoint.GET /rooms/{roomId}/messages=refused", DivergenceKind::Refusal),
];

#[test]
fn a_defect_is_found_and_is_the_only_cause() {
    for (id, kind) in DEFECTS {
        let result = result_of(defective(id));
        let worst = result.divergences.iter().map(|divergence| divergence.kind).min();
        assert_eq!(worst, Some(kind), "{id}: {:#?}", result.divergences);
        let (point, option) = id.trim_start_matches("endpoint.").rsplit_once('=').unwrap();
        let causes: Vec<_> =
            result.causes.iter().map(|c| (&*c.decision_point, &*c.option, c.permitted)).collect();
        assert_eq!(causes, [(point, option, false)], "{id}");
        for divergence in &result.divergences {
            assert_eq!(divergence.cause, Some(0), "{id}: {divergence:#?}");
            assert!(divergence.reproduced, "{id}: {divergence:#?}");
            // A reading may permit the error of a refusal, whatever the mistake is.
            let is_error = divergence.kind == DivergenceKind::Error;
            assert!(is_error || !divergence.is_permitted(), "{id}: {divergence:#?}");
        }
    }
}

#[test]
fn a_divergence_comes_with_the_smallest_scenario_that_shows_it() {
    let result = result_of(defective("revocation.effect=none"));
    let revocation = result.divergences.iter().find(|divergence| {
        divergence.kind == DivergenceKind::Effect && divergence.step.ends_with("to forbidden")
    });
    let revocation = revocation.unwrap();
    let steps = revocation.scenario.steps.iter();
    let steps: Vec<_> =
        steps.map(|step| guest_access_scenarios::scenario::sentence(&step.action)).collect();
    // Four steps are the minimum. The guest may join by any endpoint.
    let [registers, permits, joins, revokes] = &steps[..] else { panic!("{steps:#?}") };
    assert_eq!(registers, "guest1 registers as a guest");
    assert_eq!(permits, "the moderator sets the guest access of room1 to can_join");
    assert!(joins.starts_with("guest1 joins room1"), "{joins}");
    assert_eq!(revokes, "the moderator sets the guest access of room1 to forbidden");
    assert!(revocation.expected.ends_with("guest1 is `leave` in room1"), "{revocation:?}");
    assert!(revocation.observed.ends_with("guest1 is `join` in room1"), "{revocation:?}");
}

#[test]
fn a_divergence_that_a_reading_permits_is_reported_as_permitted() {
    let variants = guest_access_rules::variant::Variants::of(&RULES);
    let read = variants.all.iter().position(|v| v.point() == "join.errcode").unwrap();
    assert!(variants.all[read].is_permitted());
    let result = result_of(variants.profile(&[read]));
    assert!(!result.divergences.is_empty());
    assert!(result.divergences.iter().all(guest_access::diff::Divergence::is_permitted));
    assert_eq!(result.causes.len(), 1, "{:#?}", result.causes);
    assert!(result.causes[0].permitted && result.causes[0].decision_point == "join.errcode");
}

#[test]
fn random_histories_find_a_defect_and_nothing_in_the_reference() {
    let explore = Options { explore_for: Some(Duration::from_secs(2)), ..options() };
    for (profile, finds) in [(RULES.profile(), false), (defective("join.gate=none"), true)] {
        let server = Embedded::start(profile).unwrap();
        let result = result_at(&server.url(), Vec::new(), &explore);
        assert!(result.decisions > 0);
        assert_eq!(!result.divergences.is_empty(), finds, "{:#?}", result.divergences);
    }
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    let server = Arc::new(Embedded::start(RULES.profile()).unwrap());
    let some: Vec<_> = SCENARIOS.iter().take(12).cloned().collect();
    let runs: Vec<_> = (0..2)
        .map(|_| {
            let (server, some) = (Arc::clone(&server), some.clone());
            std::thread::spawn(move || result_at(&server.url(), some, &options()))
        })
        .collect();
    for run in runs {
        let result = run.join().unwrap();
        assert!(result.divergences.is_empty(), "{:#?}", result.divergences);
        assert_eq!(result.run, some.len());
    }
}

#[test]
fn the_number_of_jobs_does_not_change_the_report() {
    let some: Vec<_> = SCENARIOS.iter().take(12).cloned().collect();
    let server = Embedded::start(defective("visibility.evaluated_at=now")).unwrap();
    let reports: Vec<_> = [1, 4, 8]
        .into_iter()
        .map(|jobs| {
            let result = result_at(&server.url(), some.clone(), &Options { jobs, ..options() });
            format!("{:#?} {:#?} {:#?}", result.divergences, result.causes, result.not_run)
        })
        .collect();
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0], reports[2]);
}

#[test]
fn an_interrupted_run_keeps_its_results() {
    let server = Embedded::start(defective("join.gate=none")).unwrap();
    let scenarios_done = Cell::new(0);
    let interrupt: Arc<std::sync::atomic::AtomicBool> = Arc::default();
    let options = Options { stop: Stop::new(Arc::clone(&interrupt)), jobs: 1, ..options() };
    let comparison = async {
        let server =
            Server::connect(&server.url(), Limits::default(), Proof::default()).await.unwrap();
        diff(&RULES, &server, &[], SCENARIOS.clone(), &options, |done, _| {
            scenarios_done.set(done);
            interrupt.store(done >= 5, std::sync::atomic::Ordering::Relaxed);
        })
        .await
        .unwrap()
    };
    let result = wait_for(comparison).unwrap().0;
    assert_eq!(scenarios_done.get(), 5);
    assert!(!result.finished);
    assert!(result.decisions > 0);
}

/// Runs only with a homeserver: `GUEST_ACCESS_SERVER=http://127.0.0.1:8008`.
#[test]
fn a_real_homeserver_gives_the_same_result_twice() {
    let Ok(url) = std::env::var("GUEST_ACCESS_SERVER") else {
        eprintln!("skipped: GUEST_ACCESS_SERVER names no homeserver");
        return;
    };
    let some: Vec<_> = SCENARIOS.iter().take(2).cloned().collect();
    let runs = [(); 2].map(|()| result_at(&url, some.clone(), &options()));
    for result in &runs {
        assert!(result.broken_off.is_none() && result.finished);
        assert_eq!(result.run, some.len());
    }
    let [one, other] = runs.map(|result| format!("{:#?} {:#?}", result.divergences, result.causes));
    assert_eq!(one, other);
}
