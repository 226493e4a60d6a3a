//! What is found, of the reference and of mistaken ones.

use std::cell::Cell;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use guest_access::diff::{DiffResult, Options, PlannedScenario, diff, wait_for};
use guest_access::permitted::DivergenceKind;
use guest_access::serve::Embedded;
use guest_access::subject::server::{Limits, Proof, Server};
use guest_access_model::stop::Stop;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;

pub(super) static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::find("latest").unwrap());
pub(super) static STORIES: LazyLock<Vec<PlannedScenario>> =
    LazyLock::new(|| crate::vectors::VECTORS.iter().cloned().map(PlannedScenario::from).collect());

pub(super) fn options() -> Options {
    Options {
        jobs: 4,
        settle: Duration::from_millis(200),
        keep: false,
        explore_for: None,
        seed: 1,
        stop: Stop::default(),
    }
}

/// What is found of the homeserver at `url`.
fn found_at(url: &str, stories: Vec<PlannedScenario>, options: &Options) -> DiffResult {
    let asked = async {
        let server = Server::meet(url, Limits::default(), Proof::default()).await.unwrap();
        diff(&RULES, &server, &[], stories, options, |_, _| ()).await.unwrap()
    };
    wait_for(asked).unwrap().0
}

/// What is found of the reference that keeps to `profile`.
fn found(profile: Profile) -> DiffResult {
    let server = Embedded::start(profile).unwrap();
    found_at(&server.url(), STORIES.clone(), &options())
}

pub(super) fn mistaken(id: &str) -> Profile {
    variant::find(&RULES, id).unwrap().profile
}

#[test]
fn of_the_reference_nothing_is_found_but_that_every_scenario_was_run() {
    let found = found(RULES.profile());
    assert!(found.divergences.is_empty(), "{:#?}", found.divergences);
    assert!(found.causes.is_empty());
    assert!(found.finished && found.broken_off.is_none());
    assert_eq!((found.run, found.scenarios), (STORIES.len(), STORIES.len()));
    let steps: usize = STORIES.iter().map(|story| story.steps.len()).sum();
    assert!(found.decisions * 10 > steps * 9, "{} of {steps}", found.decisions);
}

/// Each mistake, with the kind of divergence that is the worst it shows.
const MISTAKES: [(&str, DivergenceKind); 8] = [
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
fn of_a_mistaken_reference_the_mistake_is_found_and_named_and_nothing_else() {
    for (id, kind) in MISTAKES {
        let found = found(mistaken(id));
        let worst = found.divergences.iter().map(|divergence| divergence.kind).min();
        assert_eq!(worst, Some(kind), "{id}: {:#?}", found.divergences);
        let (point, option) = id.trim_start_matches("endpoint.").rsplit_once('=').unwrap();
        let causes: Vec<_> =
            found.causes.iter().map(|c| (&*c.decision_point, &*c.option, c.permitted)).collect();
        assert_eq!(causes, [(point, option, false)], "{id}");
        for divergence in &found.divergences {
            assert_eq!(divergence.cause, Some(0), "{id}: {divergence:#?}");
            assert!(divergence.reproduced, "{id}: {divergence:#?}");
            assert!(!divergence.is_permitted(), "{id}: {divergence:#?}");
        }
    }
}

#[test]
fn a_divergence_comes_with_the_smallest_scenario_that_shows_it() {
    let found = found(mistaken("revocation.effect=none"));
    let revocation = found.divergences.iter().find(|divergence| {
        divergence.kind == DivergenceKind::Effect && divergence.step.ends_with("to forbidden")
    });
    let revocation = revocation.unwrap();
    let steps = revocation.scenario.steps.iter();
    let steps: Vec<_> = steps.map(|told| guest_access::scenario::sentence(&told.action)).collect();
    // No fewer steps lead there; by which endpoint the guest joins is all the same.
    let [registers, permits, joins, revokes] = &steps[..] else { panic!("{steps:#?}") };
    assert_eq!(registers, "guest1 registers as a guest");
    assert_eq!(permits, "the moderator sets the guest access of room1 to can_join");
    assert!(joins.starts_with("guest1 joins room1"), "{joins}");
    assert_eq!(revokes, "the moderator sets the guest access of room1 to forbidden");
    assert!(revocation.expected.ends_with("guest1 is `leave` in room1"), "{revocation:?}");
    assert!(revocation.observed.ends_with("guest1 is `join` in room1"), "{revocation:?}");
}

#[test]
fn what_a_reading_permits_is_found_and_is_told_as_that() {
    let variants = guest_access_rules::variant::Variants::of(&RULES);
    let read = variants.all.iter().position(|v| v.point() == "join.errcode").unwrap();
    assert!(variants.all[read].is_permitted());
    let found = found(variants.profile(&[read]));
    assert!(!found.divergences.is_empty());
    assert!(found.divergences.iter().all(guest_access::diff::Divergence::is_permitted));
    assert_eq!(found.causes.len(), 1, "{:#?}", found.causes);
    assert!(found.causes[0].permitted && found.causes[0].decision_point == "join.errcode");
}

#[test]
fn random_histories_find_nothing_of_the_reference_and_something_of_a_mistaken_one() {
    let explore = Options { explore_for: Some(Duration::from_secs(2)), ..options() };
    for (profile, finds) in [(RULES.profile(), false), (mistaken("join.gate=none"), true)] {
        let server = Embedded::start(profile).unwrap();
        let found = found_at(&server.url(), Vec::new(), &explore);
        assert!(found.decisions > 0);
        assert_eq!(!found.divergences.is_empty(), finds, "{:#?}", found.divergences);
    }
}

#[test]
fn two_runs_at_once_on_one_homeserver_do_not_disturb_each_other() {
    let server = Arc::new(Embedded::start(RULES.profile()).unwrap());
    let some: Vec<_> = STORIES.iter().take(12).cloned().collect();
    let runs: Vec<_> = (0..2)
        .map(|_| {
            let (server, some) = (Arc::clone(&server), some.clone());
            std::thread::spawn(move || found_at(&server.url(), some, &options()))
        })
        .collect();
    for run in runs {
        let found = run.join().unwrap();
        assert!(found.divergences.is_empty(), "{:#?}", found.divergences);
        assert_eq!(found.run, some.len());
    }
}

#[test]
fn three_runs_report_the_same() {
    let some: Vec<_> = STORIES.iter().take(12).cloned().collect();
    let server = Embedded::start(mistaken("visibility.evaluated_at=now")).unwrap();
    let reports: Vec<_> = [1, 4, 8]
        .into_iter()
        .map(|jobs| {
            let found = found_at(&server.url(), some.clone(), &Options { jobs, ..options() });
            format!("{:#?} {:#?} {:#?}", found.divergences, found.causes, found.not_run)
        })
        .collect();
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0], reports[2]);
}

#[test]
fn an_interrupted_run_keeps_what_was_found() {
    let server = Embedded::start(mistaken("join.gate=none")).unwrap();
    let told = Cell::new(0);
    let interrupt: Arc<std::sync::atomic::AtomicBool> = Arc::default();
    let options = Options { stop: Stop::new(Arc::clone(&interrupt)), jobs: 1, ..options() };
    let asked = async {
        let server =
            Server::meet(&server.url(), Limits::default(), Proof::default()).await.unwrap();
        diff(&RULES, &server, &[], STORIES.clone(), &options, |done, _| {
            told.set(done);
            interrupt.store(done >= 5, std::sync::atomic::Ordering::Relaxed);
        })
        .await
        .unwrap()
    };
    let found = wait_for(asked).unwrap().0;
    assert_eq!(told.get(), 5);
    assert!(!found.finished);
    assert!(found.decisions > 0);
}

/// Held against a homeserver of one's own: `GUEST_ACCESS_SERVER=http://127.0.0.1:8008`.
#[test]
fn a_real_homeserver_is_told_the_same_twice() {
    let Ok(url) = std::env::var("GUEST_ACCESS_SERVER") else {
        eprintln!("skipped: GUEST_ACCESS_SERVER names no homeserver");
        return;
    };
    let some: Vec<_> = STORIES.iter().take(2).cloned().collect();
    let runs = [(); 2].map(|()| found_at(&url, some.clone(), &options()));
    for found in &runs {
        assert!(found.broken_off.is_none() && found.finished);
        assert_eq!(found.run, some.len());
    }
    let [one, other] = runs.map(|found| format!("{:#?} {:#?}", found.divergences, found.causes));
    assert_eq!(one, other);
}
