//! Every proposal of one line changes what `compare` finds, or stands in a list with the reason.
//!
//! A proposal of one line takes another option at one decision point, or opens or closes one endpoint.

use guest_access_model::compare::first_difference;
use guest_access_model::state::Scope;
use guest_access_model::stop::Stop;
use guest_access_model::threads::each;
use guest_access_rules::decision_point::PointId;
use guest_access_rules::endpoint::{Auth, EndpointId};
use guest_access_rules::profile::{Access, Conditions, Profile};
use guest_access_rules::rules::Rules;

/// The scopes, each with the most states of a search.
const SCOPES: [(Scope, usize); 3] = [
    (Scope { guests: 1, rooms: 1 }, usize::MAX),
    (Scope { guests: 2, rooms: 1 }, 4_000),
    (Scope { guests: 1, rooms: 2 }, 4_000),
];

/// The options that change no decision of the rules in force, each with the reason.
const SILENT: [(&str, &str); 1] = [(
    "join.gate_by_alias=waived",
    "the rules in force keep `POST /join/{roomIdOrAlias}` closed to guests, so no guest comes to the gate",
)];

/// Why opening or closing the endpoint changes no decision, if there is a reason.
fn why_silent(endpoint: EndpointId) -> Option<&'static str> {
    match endpoint.get().auth {
        Auth::None => Some("the endpoint needs no token, so it is open to everybody"),
        Auth::AppService => Some("the endpoint is for application services alone"),
        Auth::User | Auth::Optional | Auth::Other => None,
    }
}

/// Whether some action shows the difference between the two profiles.
fn is_shown(from: &Profile, to: &Profile) -> bool {
    SCOPES.iter().any(|(scope, most)| {
        let stop = Stop::default().at_states(*most);
        first_difference(from, to, *scope, &stop).0.is_some()
    })
}

#[test]
fn every_other_option_changes_a_decision_or_is_listed() {
    let default = Rules::find("v1.16").unwrap().profile();
    let options: Vec<(String, Profile)> = PointId::all()
        .flat_map(|point| point.get().option_ids().map(move |option| (point, option)))
        .filter_map(|(point, option)| {
            let mut profile = default.clone();
            assert!(profile.choices.set(point, option));
            (profile != default).then(|| (format!("{}={option}", point.get().id), profile))
        })
        .collect();
    let shown = each(&options, 2, |(_, profile)| is_shown(&default, profile));
    let silent: Vec<&str> = options
        .iter()
        .zip(shown)
        .filter(|(_, shown)| !shown)
        .map(|((id, _), _)| id.as_str())
        .collect();
    let listed: Vec<&str> = SILENT.iter().map(|(id, _)| *id).collect();
    assert_eq!(silent, listed);
}

#[test]
fn opening_or_closing_an_endpoint_changes_a_decision() {
    let default = Rules::find("v1.16").unwrap().profile();
    let endpoints: Vec<EndpointId> = EndpointId::all().collect();
    let shown = each(&endpoints, 2, |endpoint| {
        let access = match default.access(*endpoint) {
            Access::Refused => Access::Open(Conditions::NONE),
            Access::Open(_) => Access::Refused,
        };
        let mut profile = default.clone();
        profile.set_access(*endpoint, access);
        is_shown(&default, &profile)
    });
    for (endpoint, shown) in endpoints.into_iter().zip(shown) {
        assert_eq!(shown, why_silent(endpoint).is_none(), "{endpoint}");
    }
}
