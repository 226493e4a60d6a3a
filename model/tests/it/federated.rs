//! The federated model: the violations of each mistake that a homeserver makes towards others.

use std::fmt::Write;

use guest_access_model::check::{Check, Report, Status};
use guest_access_model::executor::{Executor, Workers};
use guest_access_model::federated::{Federated, FederatedAction};
use guest_access_model::shortest_trace;
use guest_access_model::stop::Stop;
use guest_access_rules::federation::{FEDERATION_POINTS, Federation};
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::rules::Rules;

fn found(
    rules: &Rules,
    federation: Federation,
    servers: usize,
    in_flight: usize,
) -> Report<FederatedAction> {
    let required = rules.promised().union(Federated::guarantees_of_all_servers(rules));
    let model = Federated::new(rules.profile(), federation, servers, in_flight);
    let guarantees = Federated::guarantees();
    let check = Check {
        model,
        guarantees,
        required,
        executor: Executor::Stateright,
        workers: &Workers::threads(2),
    };
    check.run(&Stop::default(), &|_| ()).unwrap()
}

fn with(report: &Report<FederatedAction>, status: Status) -> Vec<&'static str> {
    let of = report.findings.iter().filter(|finding| finding.status == status);
    of.map(|finding| finding.guarantee.get().id).collect()
}

/// For each mistake: all guarantees that it violates.
const BREAKS: &[(&str, &str, &[&str])] = &[
    ("events.current", "last_received", &["federated_revocation", "revocation_everywhere"]),
    (
        "events.past",
        "ignored",
        &["read_confinement", "preview_confinement", "read_confinement_everywhere"],
    ),
    ("revocation.from", "own_users", &["federated_revocation", "revocation_everywhere"]),
    ("guests.elsewhere", "guessed_by_name", &["guest_blindness"]),
    ("server.dishonest", "keeps_its_guest", &["revocation_everywhere"]),
    ("server.dishonest", "serves_closed_rooms", &[]),
    ("server.dishonest", "serves_hidden_events", &["read_confinement_everywhere"]),
];

fn federation(point: &str, option: &str) -> Federation {
    let mut federation = Federation::FIRST;
    assert!(federation.set_option(point, option));
    federation
}

#[test]
fn every_mistake_is_in_the_table() {
    let options = FEDERATION_POINTS
        .iter()
        .flat_map(|point| point.option_ids().skip(1).map(move |option| (point.id, option)));
    let listed: Vec<_> = BREAKS.iter().map(|(point, option, _)| (*point, *option)).collect();
    assert_eq!(listed, options.collect::<Vec<_>>());
}

#[test]
fn each_mistake_has_its_shortest_traces() {
    let rules = Rules::find("latest").unwrap();
    let mut traces = String::new();
    for (point, option, breaks) in BREAKS {
        let model = Federated::new(rules.profile(), federation(point, option), 2, 1);
        let guarantees =
            breaks.iter().map(|id| GuaranteeId::find(id).unwrap()).collect::<GuaranteeSet>();
        let counterexamples = shortest_trace::counterexamples(&model, guarantees, &Stop::default());
        for (guarantee, trace) in guarantees.iter().zip(counterexamples) {
            let trace = trace.unwrap();
            writeln!(traces, "{point}={option}: {}", guarantee.get().id).unwrap();
            for action in &trace {
                writeln!(traces, "  {action:?}").unwrap();
            }
            assert_eq!(model.replay(&trace).unwrap().len(), trace.len());
        }
    }
    insta::assert_snapshot!(traces);
}

#[test]
fn a_dishonest_server_breaks_no_promise_about_other_servers() {
    let rules = Rules::find("latest").unwrap();
    for (point, option, breaks) in BREAKS.iter().filter(|mistake| mistake.0 == "server.dishonest") {
        let report = found(&rules, federation(point, option), 2, 1);
        assert!(report.explored.complete);
        assert_eq!(with(&report, Status::Violated), *breaks, "{option}");
    }
}

#[test]
fn honest_servers_keep_everything_by_the_rules_in_force() {
    let report = found(&Rules::find("latest").unwrap(), Federation::FIRST, 2, 1);
    assert!(report.explored.complete);
    assert_eq!(report.explored.states, 136_903);
    assert_eq!(with(&report, Status::Violated), [""; 0]);
    assert_eq!(with(&report, Status::Vacuous), [""; 0]);
}

#[test]
fn every_revision_keeps_what_it_promises_among_honest_servers() {
    for rules in Rules::published() {
        let report = found(&rules, Federation::FIRST, 2, 1);
        assert!(report.explored.complete);
        assert_eq!(with(&report, Status::Violated), [""; 0], "{}", rules.id);
        assert_eq!(with(&report, Status::Vacuous), [""; 0], "{}", rules.id);
    }
}
