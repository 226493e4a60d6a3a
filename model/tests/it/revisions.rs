//! What the checks say of each published revision, at the smallest scope and with two guests.

use guest_access_model::action::{Message, Operation, Says};
use guest_access_model::check::{Check, Report, Status};
use guest_access_model::compare::{ComparisonVerdict, compare};
use guest_access_model::executor::{Executor, Workers};
use guest_access_model::sequential::Sequential;
use guest_access_model::state::Scope;
use guest_access_model::stop::Stop;
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::HistoryVisibility;

const ONE: Scope = Scope { guests: 1, rooms: 1 };

fn check(rules: &Rules, guarantees: GuaranteeSet) -> Report {
    let system = rules.profile();
    let model = Sequential::new(ONE, system, rules.profile());
    let (executor, workers) = (Executor::Stateright, &Workers::threads(2));
    let check = Check { model, guarantees, required: rules.promised(), executor, workers };
    check.run(&Stop::default(), &|_| ()).unwrap()
}

fn all() -> GuaranteeSet {
    GuaranteeSet::on_actions()
}

#[test]
fn every_revision_keeps_what_it_promises() {
    for rules in Rules::published() {
        let report = check(&rules, all());
        assert!(report.explored.complete);
        for finding in report.findings {
            let guarantee = finding.guarantee;
            // One guest in one room has nobody to interfere with.
            let right = match finding.status {
                Status::Holds | Status::NotPromised => true,
                Status::Vacuous => guarantee == GuaranteeId::NonInterference,
                Status::Violated | Status::Unknown => false,
            };
            assert!(right, "{}: {guarantee:?} is {}", rules.id, finding.status);
        }
    }
}

#[test]
fn the_draft_reveals_messages_from_before_the_opening() {
    let draft = Rules::find("draft-2015-11-05").unwrap();
    let report = check(&draft, GuaranteeSet::of(&[GuaranteeId::NoRetroactiveExposure]));
    assert_eq!(report.findings[0].status, Status::NotPromised);
    let trace = report.findings[0].counterexample.as_ref().unwrap();
    let operations: Vec<_> = trace.iter().map(|action| action.operation).collect();
    let opened = Says::Value(HistoryVisibility::WorldReadable);
    assert!(
        matches!(
            operations[..],
            [Operation::Register { .. }, Operation::Send(Message::Message), Operation::SetVisibility(says, _), Operation::Read(_)]
                if says == opened
        ),
        "{operations:?}"
    );
}

#[test]
fn a_proposal_that_drops_the_kick_fails_on_revocation() {
    let text = "id = \"no-kick\"\nextends = \"v1.16\"\nabout = \"Nobody is removed.\"\n\
                [points]\n\"revocation.effect\" = { required = \"none\" }\n";
    let proposal = Rules::parse("no-kick.toml", text).unwrap();
    let report = check(&proposal, GuaranteeSet::of(&[GuaranteeId::Revocation]));
    assert_eq!(report.findings[0].status, Status::Violated);
    assert_eq!(report.findings[0].counterexample.as_ref().unwrap().len(), 4);
}

#[test]
fn v1_2_opens_three_endpoints() {
    let (from, to) = (Rules::find("v1.1").unwrap(), Rules::find("v1.2").unwrap());
    let comparison = compare(&from, &to, ONE, 2, &Stop::default());
    assert_eq!(comparison.verdict, ComparisonVerdict::MorePermissive);
    let mut opened: Vec<_> = comparison
        .differences
        .iter()
        .map(|d| (d.endpoints[0].to_string(), d.cases.iter().copied().collect::<Vec<_>>()))
        .collect();
    opened.sort();
    let expected: [(&str, &[&str]); 3] = [
        ("GET /account/whoami", &[]),
        (
            "PUT /rooms/{roomId}/send/{eventType}/{txnId}",
            &["m.room.redaction", "org.example.other"],
        ),
        (
            "PUT /rooms/{roomId}/state/{eventType}/{stateKey}",
            &["m.room.member", "org.example.note"],
        ),
    ];
    assert_eq!(opened, expected.map(|(id, cases)| (id.to_owned(), cases.to_vec())));
}

#[test]
fn comparing_the_other_way_round_mirrors_every_pair() {
    let published = Rules::published();
    let directions = |from: &Rules, to: &Rules, mirrored: bool| {
        let stop = Stop::default().at_states(400);
        let comparison = compare(from, to, ONE, 2, &stop);
        let mut differences: Vec<_> = comparison
            .differences
            .into_iter()
            .map(|d| {
                let direction = if mirrored { d.direction.opposite() } else { d.direction };
                let sides = if mirrored { (d.to, d.from) } else { (d.from, d.to) };
                (d.endpoints, d.cases, d.caller, direction, d.contexts, format!("{sides:?}"))
            })
            .collect();
        differences.sort();
        (comparison.contexts, differences)
    };
    for (number, from) in published.iter().enumerate() {
        assert_eq!(
            compare(from, from, ONE, 1, &Stop::default().at_states(50)).verdict,
            ComparisonVerdict::Equivalent
        );
        for to in &published[number + 1..] {
            assert_eq!(
                directions(from, to, false),
                directions(to, from, true),
                "{} and {}",
                from.id,
                to.id
            );
        }
    }
}
