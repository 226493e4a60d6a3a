//! Guarantees that a rules file declares: the same verdicts by every encoding and executor.

use guest_access_model::check::{Check, Report, Status, check_any_number, check_permitted};
use guest_access_model::dense::NumberOfRooms;
use guest_access_model::executor::{Encoding, Executor, Workers};
use guest_access_model::sequential::Sequential;
use guest_access_model::state::Scope;
use guest_access_model::stop::Stop;
use guest_access_rules::guarantee::GuaranteeSet;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::find;

/// Guarantees of each bound and each actor.
const GUARANTEES: &str = r#"
[[guarantee]]
id = "gate-of-joins"
actor = "guest"
actions = ["join"]
membership = ["invite", "leave", "ban", "never"]
guest_access = ["forbidden"]
bound = "denied"

# The premise is that of the guarantee above.
[[guarantee]]
id = "joins-at-the-gate-change-nothing"
actor = "guest"
actions = ["join"]
membership = ["invite", "leave", "ban", "never"]
guest_access = ["forbidden"]
bound = "changes_nothing"

[[guarantee]]
id = "open-rooms-let-guests-in"
actor = "guest"
actions = ["POST /rooms/{roomId}/join"]
guest_access = ["can_join"]
membership = ["invite"]
bound = "allowed"

[[guarantee]]
id = "knocks-are-denied"
actor = "guest"
actions = ["knock"]
bound = "denied"

[[guarantee]]
id = "invites-need-guest-access"
actor = "moderator"
actions = ["invite"]
guest_access = ["forbidden"]
bound = "changes_nothing"

[[guarantee]]
id = "leavers-change-nothing"
actor = "guest"
actions = ["leave"]
membership = ["ban"]
bound = "changes_nothing"

[[guarantee]]
id = "closed-rooms-are-silent"
actor = "guest"
actions = ["read"]
guest_access = ["forbidden"]
history_visibility = ["joined"]
bound = "gives_no_event"

[[guarantee]]
id = "joined-events-are-for-members"
actor = "guest"
actions = ["read"]
event_visibility = ["joined"]
event_membership = ["other"]
bound = "gives_no_event"

[[guarantee]]
id = "members-are-for-the-joined"
actor = "guest"
actions = ["GET /rooms/{roomId}/members"]
membership = ["never", "invite"]
guest_access = ["can_join"]
bound = "denied"

[[guarantee]]
id = "reports-are-for-the-joined"
actor = "guest"
actions = ["POST /rooms/{roomId}/look"]
membership = ["never", "invite", "leave", "knock", "ban"]
bound = "denied"

[[guarantee]]
id = "reports-are-denied"
actor = "guest"
actions = ["POST /rooms/{roomId}/look"]
bound = "denied"

[[guarantee]]
id = "users-are-let-in"
actor = "user"
actions = ["join"]
bound = "allowed"

[[guarantee]]
id = "ended-guests-are-denied"
actor = "ended_guest"
actions = ["send", "read", "GET /devices"]
bound = "denied"

[[guarantee]]
id = "upgraded-guests-join"
actor = "upgraded_guest"
actions = ["join"]
join_rule = ["public"]
membership = ["never"]
bound = "allowed"

[[guarantee]]
id = "strangers-see-no-devices"
actor = "nobody"
actions = ["GET /devices"]
bound = "denied"

[[endpoint]]
id = "POST /rooms/{roomId}/look"
gives = "nothing"
does = "nothing"

[[allow]]
endpoint = "POST /rooms/{roomId}/look"
when = ["room:joined"]
"#;

fn rules() -> Rules {
    let head = "id = \"p\"\nabout = \"A proposal.\"\nextends = \"v1.16\"\n";
    let rules = Rules::parse("p.toml", &format!("{head}{GUARANTEES}"));
    rules.unwrap_or_else(|error| panic!("{error}"))
}

fn report(rules: &Rules, scope: Scope, executor: Executor) -> Report {
    let check = Check {
        model: Sequential::new(scope, rules.profile(), rules.profile()),
        guarantees: rules.declared_guarantees,
        required: rules.declared_guarantees,
        executor,
        workers: &Workers::threads(2),
    };
    check.run(&Stop::default(), &|_| ()).unwrap()
}

/// The status of each guarantee, with the length of its counterexample.
fn verdicts(report: &Report) -> Vec<String> {
    let of = |finding: &guest_access_model::check::Finding| {
        let steps = finding.counterexample.as_ref().map(|trace| format!(" in {}", trace.len()));
        format!("{} {}{}", finding.guarantee, finding.status, steps.unwrap_or_default())
    };
    report.findings.iter().map(of).collect()
}

#[test]
fn every_encoding_gives_the_same_verdicts() {
    let rules = rules();
    let one_by_one = report(&rules, Scope { guests: 1, rooms: 1 }, Executor::Stateright);
    assert_eq!(one_by_one.encoding, Encoding::Plain);
    let expected = verdicts(&one_by_one);
    insta::assert_snapshot!(expected.join("\n"));
    for (guests, rooms, executor, encoding) in [
        (1, 1, Executor::Timely, Encoding::DenseTables),
        (2, 1, Executor::Timely, Encoding::DenseTables),
        (2, 1, Executor::Stateright, Encoding::Plain),
        (1, 2, Executor::Timely, Encoding::ProductOfRooms),
    ] {
        let report = report(&rules, Scope { guests, rooms }, executor);
        assert_eq!(report.encoding, encoding);
        assert_eq!(verdicts(&report), expected, "{guests} x {rooms} by {executor}");
    }
    for rooms in [NumberOfRooms::One, NumberOfRooms::Any] {
        let (profile, declared) = (rules.profile(), rules.declared_guarantees);
        let guarantees = (declared, declared);
        let report =
            check_any_number(&profile, &profile, rooms, guarantees, 2, &Stop::default()).unwrap();
        assert_eq!(verdicts(&report), expected, "any number");
    }
}

#[test]
fn a_mistake_breaks_a_declared_guarantee_by_every_encoding() {
    let rules = rules();
    let system = find(&rules, "join.gate=none").unwrap().profile;
    let gate: GuaranteeSet = rules.find_guarantee("gate-of-joins").into_iter().collect();
    for (guests, rooms, executor) in
        [(1, 1, Executor::Stateright), (2, 1, Executor::Timely), (1, 2, Executor::Timely)]
    {
        let check = Check {
            model: Sequential::new(Scope { guests, rooms }, system.clone(), rules.profile()),
            guarantees: gate,
            required: gate,
            executor,
            workers: &Workers::threads(2),
        };
        let report = check.run(&Stop::default(), &|_| ()).unwrap();
        assert_eq!(report.findings[0].status, Status::Violated, "{guests} x {rooms}");
        assert_eq!(report.findings[0].counterexample.as_ref().map(Vec::len), Some(2));
    }
}

#[test]
fn a_permitted_answer_breaks_a_declared_guarantee() {
    let head = "id = \"p\"\nabout = \"A proposal.\"\nextends = \"v1.16\"\n";
    let may = "[points]\n\"join.gate\" = { default = \"can_join_only\", also = [\"none\"], reading = \"A2\" }\n";
    let rules = Rules::parse("p.toml", &format!("{head}{GUARANTEES}{may}")).unwrap();
    let gate: GuaranteeSet = rules.find_guarantee("gate-of-joins").into_iter().collect();
    let answers = check_permitted(&rules, gate, 2, &Stop::default()).unwrap();
    let breaking: Vec<_> = answers.iter().filter(|answer| !answer.broken.is_empty()).collect();
    assert_eq!(breaking[0].variant.id, "join.gate=none");
    assert!(breaking[0].is_new);
}
