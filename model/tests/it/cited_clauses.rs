//! A promise tests each clause that it cites: some option that the clause forbids breaks the promise, or
//! takes its premise away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use guest_access_model::check::{Check, Status};
use guest_access_model::executor::{Executor, Workers};
use guest_access_model::guarantee::expressible_at;
use guest_access_model::sequential::Sequential;
use guest_access_model::state::Scope;
use guest_access_model::stop::Stop;
use guest_access_model::threads::each;
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{Variant, defects};

/// The scopes, each with the most states of a search. No rule names two guests or two rooms, so a
/// search near the initial state shows what a second one changes.
const SCOPES: [(Scope, usize); 3] = [
    (ONE, usize::MAX),
    (Scope { guests: 2, rooms: 1 }, 4_000),
    (Scope { guests: 1, rooms: 2 }, 4_000),
];

const ONE: Scope = Scope { guests: 1, rooms: 1 };

/// Whether the guarantee lost its premise. One guest in one room has nobody to interfere with.
fn is_vacuous(status: Status, guarantee: GuaranteeId, scope: Scope) -> bool {
    status == Status::Vacuous && scope == ONE && guarantee != GuaranteeId::NonInterference
}

/// Those of the promises that a homeserver with the defect breaks.
fn broken_by(rules: &Rules, defect: &Variant, promises: GuaranteeSet) -> GuaranteeSet {
    let mut broken = GuaranteeSet::EMPTY;
    for (scope, most) in SCOPES {
        let guarantees = promises.intersection(expressible_at(scope)).without(broken);
        if guarantees.is_empty() {
            continue;
        }
        let check = Check {
            model: Sequential::new(scope, defect.profile.clone(), rules.profile()),
            guarantees,
            required: guarantees,
            executor: Executor::Timely,
            workers: &Workers::threads(1),
        };
        let report = check.run(&Stop::default().at_states(most), &|_| ()).unwrap();
        for finding in report.findings {
            // A guarantee whose premise never occurs fails the check too.
            if finding.counterexample.is_some()
                || is_vacuous(finding.status, finding.guarantee, scope)
            {
                broken.insert(finding.guarantee);
            }
        }
    }
    broken
}

/// The clauses that promises cite and that no option tests, by guarantee.
fn untested(rules: &Rules) -> BTreeMap<&'static str, Vec<String>> {
    let on_actions = GuaranteeSet::on_actions();
    let promises: Vec<(GuaranteeId, &Vec<String>)> = rules
        .promises
        .iter()
        .filter(|(guarantee, _)| on_actions.contains(**guarantee))
        .map(|(guarantee, clauses)| (*guarantee, clauses))
        .collect();
    let cited: BTreeSet<&String> = promises.iter().flat_map(|(_, clauses)| *clauses).collect();
    let violating: Vec<(Variant, Vec<String>)> = defects(rules)
        .into_iter()
        .filter(|defect| !defect.is_permitted() && defect.edits.len() == 1)
        .map(|defect| {
            let clauses = defect.clauses(rules);
            (defect, clauses)
        })
        .filter(|(_, clauses)| clauses.iter().any(|clause| cited.contains(clause)))
        .collect();
    // One option that breaks the promise is enough, so later options are not asked about the same clause.
    let tested: Mutex<BTreeSet<(GuaranteeId, &String)>> = Mutex::default();
    each(&violating, 2, |(defect, clauses)| {
        let is_open = |promise: GuaranteeId, clause: &String| {
            clauses.contains(clause) && !tested.lock().unwrap().contains(&(promise, clause))
        };
        let open: GuaranteeSet = promises
            .iter()
            .filter(|(promise, cited)| cited.iter().any(|clause| is_open(*promise, clause)))
            .map(|(promise, _)| *promise)
            .collect();
        let broken = broken_by(rules, defect, open);
        let cited = promises.iter().filter(|(promise, _)| broken.contains(*promise));
        let cited =
            cited.flat_map(|(promise, cited)| cited.iter().map(|clause| (*promise, clause)));
        tested.lock().unwrap().extend(cited.filter(|(_, clause)| clauses.contains(clause)));
    });
    let tested = tested.into_inner().unwrap();
    let is_tested = |promise: GuaranteeId, clause: &String| tested.contains(&(promise, clause));
    let untested = promises.into_iter().map(|(guarantee, clauses)| {
        let clauses = clauses.iter().filter(|clause| !is_tested(guarantee, clause));
        (guarantee.get().id, clauses.cloned().collect::<Vec<_>>())
    });
    untested.filter(|(_, clauses)| !clauses.is_empty()).collect()
}

/// The clauses that the rules in force cite for a promise, although no option of the clause breaks the
/// promise. Each says what the options of the clause do instead.
const UNTESTED: [(&str, &str, &str); 7] = [
    ("availability", "GA-12", "the guarantee leaves out endpoints that read one event"),
    ("clear_refusals", "CS-1", "the options serve the call, and none refuses it otherwise"),
    ("clear_refusals", "CS-2", "the options serve the call, and none refuses it otherwise"),
    ("non_interference", "HV-21", "the options judge an event by another state of its own room"),
    ("preview_confinement", "RP-10", "the option that gives more is a reading (A13)"),
    ("read_confinement", "GA-37", "the options give guests less than other users"),
    ("read_entitlement", "HV-23", "no option withholds an event that every reading opens"),
];

#[test]
fn a_promise_tests_every_clause_that_it_cites() {
    let rules = Rules::find("v1.16").unwrap();
    let untested = untested(&rules);
    let mut found: Vec<(&str, &str)> = untested
        .iter()
        .flat_map(|(guarantee, clauses)| clauses.iter().map(|clause| (*guarantee, &**clause)))
        .collect();
    let mut listed: Vec<_> = UNTESTED.iter().map(|(of, clause, _)| (*of, *clause)).collect();
    found.sort_unstable();
    listed.sort_unstable();
    assert_eq!(found, listed, "the citations that no option tests, and those that are listed");
}
