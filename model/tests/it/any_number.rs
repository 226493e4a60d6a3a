//! Any number of guests and rooms: the verdicts on every view are those on every number that can be
//! explored.

use guest_access_model::check::{Finding, Report, Status, check_any_number};
use guest_access_model::dense::{NumberOfRooms, judge_every_view};
use guest_access_model::executor::{Executor, Workers};
use guest_access_model::guarantee::expressible_at;
use guest_access_model::sequential::Sequential;
use guest_access_model::state::Scope;
use guest_access_model::stop::Stop;
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{defects, find};

const TWO_GUESTS: Scope = Scope { guests: 2, rooms: 1 };
const TWO_ROOMS: Scope = Scope { guests: 1, rooms: 2 };

/// The guarantees that are violated with two guests in one room, or with one guest in two rooms.
fn violated_by_two(rules: &Rules, system: &Profile) -> GuaranteeSet {
    let violated = [TWO_GUESTS, TWO_ROOMS].map(|scope| {
        let model = Sequential::new(scope, system.clone(), rules.profile()).into();
        let explored =
            Executor::Timely.explore(&model, &Workers::threads(2), &Stop::default(), |_| ());
        explored.unwrap().exploration.verdicts.violated
    });
    violated[0].union(violated[1])
}

fn violated_by_any(rules: &Rules, system: &Profile) -> Option<GuaranteeSet> {
    let found = judge_every_view(system, &rules.profile(), NumberOfRooms::Any, 2)?;
    Some(found.verdicts.violated)
}

#[test]
fn each_revision_has_the_verdicts_of_two_guests_and_two_rooms() {
    let mut views = Vec::new();
    for rules in Rules::published() {
        let (system, stop) = (rules.profile(), Stop::default());
        let found = judge_every_view(&system, &system, NumberOfRooms::Any, 2).unwrap();
        views.push(found.views);
        assert_eq!(found.verdicts.violated, violated_by_two(&rules, &system), "{}", rules.id);
        let guarantees = (expressible_at(TWO_GUESTS), rules.promised());
        let report =
            check_any_number(&system, &system, NumberOfRooms::Any, guarantees, 2, &stop).unwrap();
        let promised = |finding: &&Finding| rules.promised().contains(finding.guarantee);
        let mut promised = report.findings.iter().filter(promised);
        assert!(promised.all(|finding| finding.status == Status::Holds), "{}", rules.id);
    }
    insta::assert_compact_debug_snapshot!(views);
}

/// The mistakes that make guests depend on each other.
const DEPENDING: [&str; 2] =
    ["registration.first_guest=administrator", "revocation.rejected_event=revokes"];

/// A mistake that makes guests depend on each other has no verdict for any number of them. Every other
/// mistake violates what it violates with two guests, or in two rooms.
#[test]
fn a_mistake_violates_with_any_number_what_it_does_with_two() {
    let rules = Rules::find("latest").unwrap();
    let all = defects(&rules);
    let depending = all.iter().filter(|defect| DEPENDING.contains(&defect.id.as_str()));
    assert_eq!(depending.clone().count(), DEPENDING.len());
    for defect in all.iter().step_by(19).chain(depending) {
        let any = violated_by_any(&rules, &defect.profile);
        let expected = (!DEPENDING.contains(&defect.id.as_str()))
            .then(|| violated_by_two(&rules, &defect.profile));
        assert_eq!(any, expected, "{}", defect.id);
    }
}

#[test]
fn a_violation_has_a_counterexample_in_the_smallest_scope() {
    let rules = Rules::find("latest").unwrap();
    let system = find(&rules, "join.gate=none").unwrap().profile;
    let report = |rooms| -> Report {
        let guarantees = (expressible_at(TWO_GUESTS), rules.promised());
        check_any_number(&system, &rules.profile(), rooms, guarantees, 2, &Stop::default()).unwrap()
    };
    for rooms in [NumberOfRooms::One, NumberOfRooms::Any] {
        let report = report(rooms);
        let gate = report.findings.iter().find(|f| f.guarantee == GuaranteeId::JoinGate).unwrap();
        assert_eq!(gate.status, Status::Violated);
        assert_eq!(gate.counterexample.as_ref().map(Vec::len), Some(2));
    }
}
