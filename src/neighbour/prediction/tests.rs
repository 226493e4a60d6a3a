use std::collections::BTreeSet;

use guest_access_rules::clause::find;
use guest_access_rules::rules::Rules;

use super::super::scenarios::SCENARIOS;
use super::*;

fn latest() -> Profile {
    Rules::find("latest").unwrap().profile()
}

#[test]
fn every_scenario_has_an_id_of_its_own_and_names_known_clauses() {
    let mut ids = BTreeSet::new();
    for scenario in SCENARIOS {
        assert!(ids.insert(scenario.id), "{}", scenario.id);
        for step in scenario.steps {
            if let Step::Ask(_, cited) = step {
                assert!(cited.iter().all(|id| find(id).is_some()), "{}: {cited:?}", scenario.id);
            }
        }
    }
    for mistake in Mistake::ALL {
        assert!(mistake.clauses().iter().all(|id| find(id).is_some()), "{mistake:?}");
    }
}

#[test]
fn every_scenario_sends_what_it_made_and_asks_something() {
    for scenario in SCENARIOS {
        let mut known = BTreeSet::new();
        for step in scenario.steps {
            match step {
                Step::Make(made) => {
                    if let After::Beside(other) = made.after {
                        assert!(known.contains(other), "{}: {other}", scenario.id);
                    }
                    known.insert(made.event);
                }
                Step::LocalMessage(label) => {
                    known.insert(label);
                }
                Step::Deliver(labels) => {
                    assert!(labels.iter().all(|label| known.contains(label)), "{}", scenario.id);
                }
                _ => {}
            }
        }
        assert!(scenario.steps.iter().any(FederatedScenario::is_judged), "{}", scenario.id);
    }
}

#[test]
fn the_rules_predict_every_judged_step() {
    let profile = latest();
    for scenario in SCENARIOS {
        let predicted = predictions(&profile, None, scenario);
        let judged = scenario.steps.iter().filter(|step| FederatedScenario::is_judged(step));
        assert_eq!(predicted.len(), judged.count(), "{}", scenario.id);
        for prediction in predicted {
            assert!(prediction.because != "it cannot happen", "{}", scenario.id);
            assert!(!prediction.clauses.is_empty(), "{}: {prediction:?}", scenario.id);
        }
    }
}

/// A mistake that no scenario shows would never be found.
#[test]
fn each_mistake_shows_in_a_scenario() {
    let profile = latest();
    let answers = |mistake| -> Vec<_> {
        SCENARIOS
            .iter()
            .flat_map(|scenario| predictions(&profile, mistake, scenario))
            .map(|prediction| prediction.answer)
            .collect()
    };
    let by_rules = answers(None);
    let mut seen = BTreeSet::new();
    for mistake in Mistake::ALL {
        let by_mistake = answers(Some(mistake));
        assert_ne!(by_mistake, by_rules, "{mistake:?}");
        assert!(seen.insert(format!("{by_mistake:?}")), "{mistake:?} shows like another mistake");
    }
}

fn answers(id: &str, mistake: Option<Mistake>) -> Vec<String> {
    let scenario = SCENARIOS.iter().find(|scenario| scenario.id == id).unwrap();
    let predicted = predictions(&latest(), mistake, scenario).into_iter();
    let text = |answer: Option<Answer>| answer.map_or("open".to_owned(), |a| a.to_string());
    predicted.map(|prediction| text(prediction.answer)).collect()
}

#[test]
fn a_revocation_from_elsewhere_removes_the_guests_only() {
    let denied = "deny 403 M_GUEST_ACCESS_FORBIDDEN";
    let by_rules = ["allow", "`leave`", "`leave`", "`join`", "`join`", denied];
    assert_eq!(answers("revocation-from-elsewhere", None), by_rules);
    let own = Some(Mistake::RevokesForOwnUsersOnly);
    let by_mistake = ["allow", "`join`", "`join`", "`join`", "`join`", denied];
    assert_eq!(answers("revocation-from-elsewhere", own), by_mistake);
}

#[test]
fn an_overruled_revocation_removes_nobody_unless_by_mistake() {
    assert_eq!(answers("revocation-loses", None), ["allow", "`join`", "allow"]);
    let loser = Some(Mistake::RevokesForTheLoser);
    assert_eq!(answers("revocation-loses", loser), ["allow", "`leave`", "allow"]);
}

#[test]
fn a_late_message_is_judged_by_the_room_at_the_message() {
    let id = "message-hidden-when-it-was-sent";
    assert_eq!(answers(id, None), ["given", "given", "not given", "not given"]);
    let past = Some(Mistake::IgnoresThePast);
    assert_eq!(answers(id, past), ["given", "given", "given", "given"]);
    let id = "message-open-when-it-was-sent";
    assert_eq!(answers(id, None), ["given", "given"]);
    assert_eq!(answers(id, past), ["not given", "not given"]);
}

#[test]
fn what_an_outsider_may_be_given_depends_on_the_visibility() {
    let given = |id: &str| answers(id, None).into_iter().collect::<BTreeSet<_>>();
    for closed in ["outsider-joined", "outsider-invited", "entrant-asks-for-the-past"] {
        assert_eq!(given(closed), BTreeSet::from(["not given".to_owned()]), "{closed}");
    }
    for open in ["outsider-shared", "outsider-world-readable"] {
        assert_eq!(given(open), BTreeSet::from(["open".to_owned()]), "{open}");
    }
}
