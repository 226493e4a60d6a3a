//! That nothing is found of the reference, by whichever rules; and that of a mistaken one the mistake is
//! found, and named. All of it is what `defects --against diff` is for; here, some of it.

use std::time::Duration;

use guest_access::diff::{
    Divergence, HIDDEN, Options, PlannedScenario, diff, diff_defects, wait_for,
};
use guest_access::serve::Embedded;
use guest_access::subject::server::{Limits, Proof, Server};
use guest_access_model::stop::Stop;
use guest_access_model::threads::each;
use guest_access_rules::variant::defects;

use crate::vectors::{ALL, LATEST, VECTORS};

/// Every so many of the vectors of each rules are told: other ones of each, so that together they
/// are of every kind.
const SOME: usize = 8;

/// Defects that take something of whoever looks for them.
const DEMANDING: [&str; 10] = [
    // A room in which the caller has a say, with somebody or something to do it to.
    "endpoint.POST /rooms/{roomId}/forget=open",
    "endpoint.POST /rooms/{roomId}/kick=open",
    "endpoint.POST /rooms/{roomId}/unban=open",
    "endpoint.PUT /rooms/{roomId}/redact/{eventId}/{txnId}=open",
    "endpoint.DELETE /directory/room/{roomAlias}=open",
    // To go on where the moderator is not told memberships.
    "history_visibility.malformed=fails",
    // Not to take what is nobody's own for the user's.
    "authentication.missing_token=served_as_guest",
    // To know of every event, and not of the labelled one only.
    "visibility.hidden_event=fails_answer",
    // To look at whom a list of members shows.
    "state.left=current",
    // To know that no homeserver that it can meet shows it.
    "history_visibility.absent=world_readable",
];

#[test]
fn nothing_is_found_of_the_reference_by_whichever_rules() {
    let numbered: Vec<_> = ALL.iter().enumerate().collect();
    let look = |(number, (rules, vectors)): &(usize, &(_, Vec<_>))| {
        let some = vectors.iter().skip(number % SOME).step_by(SOME).cloned();
        let stories: Vec<_> = some.map(PlannedScenario::from).collect();
        let server = Embedded::start(guest_access_rules::rules::Rules::profile(rules)).unwrap();
        let options = Options {
            jobs: 2,
            settle: Duration::ZERO,
            keep: true,
            explore_for: None,
            seed: 0,
            stop: Stop::default(),
        };
        let asked = async {
            let url = server.url();
            let server = Server::meet(&url, Limits::default(), Proof::default());
            let server = server.await.unwrap();
            diff(rules, &server, &[], stories.clone(), &options, |_, _| ()).await.unwrap()
        };
        let result = wait_for(asked).unwrap().0;
        assert!(result.divergences.is_empty(), "{}: {:#?}", rules.id, result.divergences);
        assert_eq!(result.run, stories.len(), "{}", rules.id);
    };
    each(&numbered, 2, look);
}

#[test]
fn a_defect_is_found_and_named_unless_no_client_can_tell() {
    let stories: Vec<_> = VECTORS.iter().cloned().map(PlannedScenario::from).collect();
    let untold = crate::vectors::accounted_for();
    let all = defects(&LATEST);
    // Some of all, the demanding, and one that no client can tell.
    let hidden = all.iter().find(|defect| untold.contains_key(&defect.id)).unwrap();
    let demanding = all.iter().filter(|defect| DEMANDING.contains(&defect.id.as_str()));
    assert_eq!(demanding.clone().count(), DEMANDING.len());
    let some: Vec<_> = all.iter().step_by(60).chain(demanding).chain([hidden]).cloned().collect();
    let diff_defects =
        diff_defects(&LATEST, &some, &stories, 2, &Stop::default(), |_| ()).unwrap().unwrap();
    assert_eq!(diff_defects.len(), some.len());
    for diff_defects in diff_defects {
        let id = &diff_defects.defect.id;
        let is_told = !untold.contains_key(id) && diff_defects.hidden.is_none();
        assert_eq!(diff_defects.is_found(), is_told, "{id}");
        let causes = &diff_defects.result.causes;
        assert!(
            diff_defects.is_named() || !is_told,
            "{id}, at {}: {causes:#?}",
            diff_defects.point
        );
        if id == "state.left=current" {
            let by_list =
                |divergence: &Divergence| divergence.clauses.contains(&"CS-25".to_owned());
            assert!(
                diff_defects.result.divergences.iter().any(by_list),
                "{:#?}",
                diff_defects.result.divergences
            );
        }
    }
}

#[test]
fn what_does_not_show_over_http_is_accounted_for() {
    let written = crate::vectors::rows_under("## Mistakes that do not show over HTTP");
    let known = HIDDEN.iter().map(|(point, why)| ((*point).to_owned(), (*why).to_owned()));
    assert_eq!(written, known.collect());
    let all = defects(&LATEST);
    for (point, _) in HIDDEN {
        let at_it = |id: &str| id.trim_start_matches("endpoint.").starts_with(&format!("{point}="));
        assert!(all.iter().any(|defect| at_it(&defect.id)), "{point}");
    }
}
