//! What the federated model says of what servers do to one another.

use std::fmt::Write;

use guest_access_model::check::{Check, Report, Status};
use guest_access_model::engine::{Engine, Workers};
use guest_access_model::federated::{Federated, Happens};
use guest_access_model::federation::{FEDERATION_POINTS, Federation};
use guest_access_model::rules::Rules;
use guest_access_model::stop::Stop;

fn found(
    rules: &Rules,
    federation: Federation,
    servers: usize,
    in_flight: usize,
) -> Report<Happens> {
    let mut held = rules.clone();
    for guarantee in Federated::of_everyone(rules).iter() {
        held.promises.entry(guarantee).or_default();
    }
    let space = Federated::new(rules.profile(), federation, servers, in_flight);
    let guarantees = Federated::guarantees();
    let check = Check {
        rules: &held,
        space,
        guarantees,
        engine: Engine::Stateright,
        workers: &Workers::threads(2),
    };
    check.run(&Stop::default(), |_| ()).unwrap()
}

fn with(report: &Report<Happens>, status: Status) -> Vec<&'static str> {
    let of = report.findings.iter().filter(|finding| finding.status == status);
    of.map(|finding| finding.guarantee.get().id).collect()
}

fn told(rules: &Rules, in_flight: usize) -> String {
    let mut told = String::new();
    let mut tell = |id: &str, federation| {
        let report = found(rules, federation, 2, in_flight);
        assert!(report.explored.complete);
        let violated = report.findings.iter().filter(|f| f.status == Status::Violated);
        let violated: Vec<_> = violated
            .map(|finding| {
                let steps = finding.counterexample.as_ref().map_or(0, Vec::len);
                format!("{} in {steps}", finding.guarantee.get().id)
            })
            .collect();
        let breaks = if violated.is_empty() { "nothing".to_owned() } else { violated.join(", ") };
        writeln!(told, "{id}, {} states: {breaks}", report.explored.states).unwrap();
    };
    tell("as the rules say", Federation::FIRST);
    for point in FEDERATION_POINTS {
        for option in point.option_ids().skip(1) {
            let mut federation = Federation::FIRST;
            assert!(federation.set_option(point.id, option));
            tell(&format!("{}={option}", point.id), federation);
        }
    }
    told
}

#[test]
fn each_mistake_breaks_what_it_is_known_for_by_the_rules_in_force() {
    insta::assert_snapshot!(told(&Rules::find("latest").unwrap(), 1));
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
