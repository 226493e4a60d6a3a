//! `diff` finds nothing in the reference under any rules, and it finds and names a defect. The tests run
//! a sample; `defects --against diff` runs everything.

use std::time::Duration;

use guest_access::diff::{Divergence, HIDDEN, Options, diff, diff_defects, plan_vectors, wait_for};
use guest_access::subject::server::{Limits, Proof, Server};
use guest_access_model::stop::Stop;
use guest_access_model::threads::each;
use guest_access_reference::serve::Embedded;
use guest_access_rules::variant::defects;

use crate::vectors::{ALL, LATEST, VECTORS};

/// One vector in this many is run for each rules file. Different rules run different vectors, so that all
/// kinds occur.
const SAMPLE: usize = 8;

/// Defects that are hard to find, each with the reason.
const HARD_TO_FIND: [&str; 10] = [
    // Needs a room in which the caller has power, and a target user or event.
    "endpoint.POST /rooms/{roomId}/forget=open",
    "endpoint.POST /rooms/{roomId}/kick=open",
    "endpoint.POST /rooms/{roomId}/unban=open",
    "endpoint.PUT /rooms/{roomId}/redact/{eventId}/{txnId}=open",
    "endpoint.DELETE /directory/room/{roomAlias}=open",
    // Denies the moderator the list of memberships.
    "history_visibility.malformed=fails",
    // Serves calls without a token, which must not be confused with calls of the user.
    "authentication.missing_token=served_as_guest",
    // Shows on events other than the labelled one.
    "visibility.hidden_event=fails_answer",
    // Shows only in the content of a list of members.
    "state.left=current",
    // Does not show over HTTP on any homeserver.
    "history_visibility.absent=world_readable",
];

#[test]
fn the_reference_has_no_divergence_under_any_rules() {
    let numbered: Vec<_> = ALL.iter().enumerate().collect();
    let compare = |(number, (rules, vectors)): &(usize, &(_, Vec<_>))| {
        let some = vectors.iter().skip(number % SAMPLE).step_by(SAMPLE).cloned();
        let scenarios = plan_vectors(rules, some.collect());
        let server = Embedded::start(guest_access_rules::rules::Rules::profile(rules)).unwrap();
        let options = Options {
            jobs: 2,
            settle: Duration::ZERO,
            keep: true,
            content: true,
            explore_for: None,
            seed: 0,
            stop: Stop::default(),
        };
        let comparison = async {
            let url = server.url();
            let server = Server::connect(&url, Limits::default(), Proof::default());
            let server = server.await.unwrap();
            diff(rules, &server, &[], scenarios.clone(), &options, |_, _| ()).await.unwrap()
        };
        let result = wait_for(comparison).unwrap().0;
        assert!(result.divergences.is_empty(), "{}: {:#?}", rules.id, result.divergences);
        assert_eq!(result.run, scenarios.len(), "{}", rules.id);
        let failed = &result.not_compared.failed;
        assert!(failed.is_empty(), "{}: {failed:#?}", rules.id);
    };
    each(&numbered, 2, compare);
}

/// Defects that only the comparison of content finds, and that have no name. The labelled event shows them
/// to readers alone of whom reading A72 leaves open what they are given.
const FOUND_BY_CONTENT: [&str; 1] = ["state.left=current"];

#[test]
fn an_observable_defect_is_found_and_named() {
    let scenarios = plan_vectors(&LATEST, VECTORS.clone());
    let unobservable = crate::vectors::accounted_for();
    let all = defects(&LATEST);
    // A sample, the defects that are hard to find, and one that no client can observe.
    let hidden = all.iter().find(|defect| unobservable.contains_key(&defect.id)).unwrap();
    let hard = all.iter().filter(|defect| HARD_TO_FIND.contains(&defect.id.as_str()));
    assert_eq!(hard.clone().count(), HARD_TO_FIND.len());
    let some: Vec<_> = all.iter().step_by(60).chain(hard).chain([hidden]).cloned().collect();
    let results =
        diff_defects(&LATEST, &some, &scenarios, 2, &Stop::default(), |_| ()).unwrap().unwrap();
    assert_eq!(results.len(), some.len());
    for result in results {
        let id = &result.defect.id;
        let is_observable = !unobservable.contains_key(id) && result.hidden.is_none();
        assert_eq!(result.is_found(), is_observable, "{id}");
        let causes = &result.result.causes;
        let is_open = FOUND_BY_CONTENT.contains(&id.as_str());
        assert!(
            result.is_named() || !is_observable || is_open,
            "{id}, at {}: {causes:#?}",
            result.point
        );
        if id == "state.left=current" {
            let by_list =
                |divergence: &Divergence| divergence.clauses.contains(&"CS-25".to_owned());
            assert!(
                result.result.divergences.iter().any(by_list),
                "{:#?}",
                result.result.divergences
            );
        }
    }
}

#[test]
fn every_defect_hidden_over_http_has_a_reason() {
    let written = crate::vectors::rows_under("## Mistakes that do not show over HTTP");
    let known = HIDDEN.iter().map(|(point, why)| ((*point).to_owned(), (*why).to_owned()));
    assert_eq!(written, known.collect());
    let all = defects(&LATEST);
    for (point, _) in HIDDEN {
        let at_it = |id: &str| id.trim_start_matches("endpoint.").starts_with(&format!("{point}="));
        assert!(all.iter().any(|defect| at_it(&defect.id)), "{point}");
    }
}
