//! The concurrent model: the violations of each discipline.

use std::fmt::Write;

use guest_access_model::check::{Check, Report, Status};
use guest_access_model::concurrent::{Concurrent, ConcurrentAction};
use guest_access_model::decide::outcome;
use guest_access_model::executor::{Executor, Workers};
use guest_access_model::state::Scope;
use guest_access_model::stop::Stop;
use guest_access_model::transition_system::TransitionSystem;
use guest_access_rules::discipline::{DISCIPLINES, NamedDiscipline};
use guest_access_rules::rules::Rules;

const ONE: Scope = Scope { guests: 1, rooms: 1 };

fn model(rules: &Rules, named: &NamedDiscipline) -> Concurrent {
    Concurrent::new(ONE, rules.profile(), rules.profile(), named.discipline, 2)
}

/// The check of this model. The guarantees that no text speaks of are required too.
fn found(rules: &Rules, model: Concurrent, named: &NamedDiscipline) -> Report<ConcurrentAction> {
    let required = rules.promised().union(Concurrent::own_guarantees());
    let guarantees = Concurrent::guarantees(&named.discipline);
    let check = Check {
        model,
        guarantees,
        required,
        executor: Executor::Stateright,
        workers: &Workers::threads(2),
    };
    check.run_overlapping(&Stop::default(), &|_| ()).unwrap()
}

fn with(report: &Report<ConcurrentAction>, status: Status) -> Vec<&'static str> {
    let of = report.findings.iter().filter(|finding| finding.status == status);
    of.map(|finding| finding.guarantee.get().id).collect()
}

/// For each discipline: the number of states, and the violated guarantees, each with the length of its
/// counterexample.
fn counts_and_violations(rules: &Rules) -> String {
    let mut lines = String::new();
    for named in DISCIPLINES {
        let report = found(rules, model(rules, named), named);
        assert!(report.explored.complete);
        assert!(!named.safe || with(&report, Status::Vacuous).is_empty(), "{}", named.id);
        let violated = report.findings.iter().filter(|f| f.status == Status::Violated);
        let violated: Vec<_> = violated
            .map(|finding| {
                let length = finding.counterexample.as_ref().map_or(0, Vec::len);
                format!("{} in {length}", finding.guarantee.get().id)
            })
            .collect();
        assert!(violated.is_empty() || !named.safe, "{}: {violated:?}", named.id);
        let states = report.explored.states;
        let breaks = if violated.is_empty() { "nothing".to_owned() } else { violated.join(", ") };
        writeln!(lines, "{}, {states} states: {breaks}", named.id).unwrap();
    }
    lines
}

#[test]
fn the_violations_of_each_discipline_by_the_rules_in_force() {
    insta::assert_snapshot!(counts_and_violations(&Rules::find("latest").unwrap()));
}

#[test]
fn the_violations_of_each_discipline_by_the_draft() {
    insta::assert_snapshot!(counts_and_violations(&Rules::find("draft-2015-11-05").unwrap()));
}

#[test]
fn a_read_without_locks_breaks_only_rules_about_rooms() {
    let named = DISCIPLINES.iter().find(|named| named.id == "readers_unlocked").unwrap();
    for (id, violated) in [("draft-2015-11-05", &["linearizable"][..]), ("r0.0.0", &[])] {
        let rules = Rules::find(id).unwrap();
        let report = found(&rules, model(&rules, named), named);
        assert_eq!(with(&report, Status::Violated), violated, "{id}");
    }
}

#[test]
fn locks_keep_what_every_revision_promises() {
    let locks = &DISCIPLINES[0];
    for rules in Rules::published() {
        let report = found(&rules, model(&rules, locks), locks);
        assert!(report.explored.complete);
        assert_eq!(with(&report, Status::Violated), [""; 0], "{}", rules.id);
        assert_eq!(with(&report, Status::Vacuous), [""; 0], "{}", rules.id);
    }
}

/// Asserts that the model with separate starts and answers violates the same guarantees.
///
/// `linearizable` and `quiescent_state` count as one guarantee. If a call around some unexplained answers
/// takes longer, an order may explain the answers and end in another state. A guarantee that was vacuous
/// may be exercised.
fn compare_stage_by_stage(named: &NamedDiscipline, breaks: bool) {
    let rules = Rules::find("draft-2015-11-05").unwrap();
    let tight = found(&rules, model(&rules, named), named);
    if with(&tight, Status::Violated).is_empty() == breaks {
        return;
    }
    let loose = found(&rules, model(&rules, named).stage_by_stage(), named);
    assert!(loose.explored.states > tight.explored.states, "{}", named.id);
    let orders = |id: &&str| ["linearizable", "quiescent_state"].contains(id);
    let violated = |report| {
        let (orders, mut others): (Vec<_>, Vec<_>) =
            with(report, Status::Violated).into_iter().partition(orders);
        others.extend(with(report, Status::NotPromised));
        (!orders.is_empty(), others)
    };
    assert_eq!(violated(&tight), violated(&loose), "{}", named.id);
    let (tight, loose) = (with(&tight, Status::Vacuous), with(&loose, Status::Vacuous));
    assert!(loose.iter().all(|empty| tight.contains(empty)), "{}: {tight:?} {loose:?}", named.id);
}

#[test]
fn separate_starts_and_answers_break_the_same_guarantees() {
    for named in DISCIPLINES {
        compare_stage_by_stage(named, true);
    }
}

#[test]
#[ignore = "explores millions of states, in minutes: cargo test -p guest-access-model -- --ignored"]
fn separate_starts_and_answers_break_nothing_that_holds() {
    for named in DISCIPLINES {
        compare_stage_by_stage(named, false);
    }
}

#[test]
fn a_call_without_overlap_gets_the_outcome_of_the_rules() {
    let rules = Rules::find("latest").unwrap();
    let profile = rules.profile();
    for named in DISCIPLINES {
        let model = model(&rules, named);
        let mut compared = 0;
        let mut known = model.initial_states();
        let mut next = 0;
        while let Some(current) = known.get(next).cloned() {
            next += 1;
            model.visit_successors(&current, &mut |taken, after, _| {
                if taken.stage.is_some() || !after.calls.is_empty() {
                    return;
                }
                if let Some(outcome_now) = outcome(&profile, &current.server, &taken.action) {
                    let outcome_now = guest_access_model::canonical_form::normal_form(
                        &profile,
                        &outcome_now.next,
                    );
                    assert_eq!(after.server, outcome_now, "{}: {taken:?}", named.id);
                    compared += 1;
                }
                if !known.contains(&after) {
                    known.push(after);
                }
            });
        }
        assert!(compared > 1000, "{}: {compared}", named.id);
    }
}
