//! The actions that a client can take: queries, and actions that change the state.

use std::sync::LazyLock;

use guest_access_model::action::{Action, Actor, Credential, Operation, Place};
use guest_access_model::actions::{actions, has_its_own_operation};
use guest_access_model::state::Scope;
use guest_access_rules::endpoint::{Auth, EndpointId, Gives};
use guest_access_rules::profile::Access;
use guest_access_rules::rules::Rules;

/// Endpoints that end the session or the account of the caller where a homeserver allows them. Later
/// steps of that caller would show nothing, so these calls come last in a vector.
static SESSION_ENDING: LazyLock<Vec<EndpointId>> = LazyLock::new(|| {
    let ids = [
        "POST /logout",
        "POST /logout/all",
        "POST /account/deactivate",
        "POST /account/password",
        "POST /delete_devices",
        "DELETE /devices/{deviceId}",
    ];
    ids.iter().filter_map(|id| EndpointId::find(id)).collect()
});

/// Whether the action, if a homeserver allows it, ends the session of its caller.
pub(super) fn ends_a_session(step: &Action) -> bool {
    matches!(step.by, Actor::Guest(_))
        && step.operation.endpoint().is_some_and(|endpoint| SESSION_ENDING.contains(&endpoint))
}

/// Every action of a client that vectors consist of, at `scope`, in a fixed order.
pub(super) fn client_actions(rules: &Rules, scope: Scope) -> Vec<Action> {
    let profile = rules.profile();
    // The model takes one endpoint of each class. A homeserver can treat each endpoint otherwise, so
    // vectors call every endpoint.
    let mut all: Vec<Action> = actions(scope, &[&profile])
        .into_iter()
        .filter(|step| !matches!(step.operation, Operation::Call(_) | Operation::Read(_)))
        .filter(|step| step.operation.endpoint().is_some())
        .collect();
    let endpoints = rules.every_endpoint().filter(|endpoint| !has_its_own_operation(*endpoint));
    for endpoint in endpoints {
        match endpoint.get().gives {
            None => calls(&mut all, rules, scope, endpoint),
            Some(gives) => reads(&mut all, scope, endpoint, gives),
        }
    }
    all
}

/// Whether a call to the endpoint changes nothing, and names nothing on which the answer depends. Then
/// everyone who may call it gets an answer.
pub(super) fn is_plain_query(endpoint: EndpointId) -> bool {
    let of = endpoint.get();
    of.method() == "GET" && !of.id.contains('{')
}

fn calls(all: &mut Vec<Action>, rules: &Rules, scope: Scope, endpoint: EndpointId) {
    let operation = Operation::Call(endpoint);
    let is_plain_query = is_plain_query(endpoint);
    let is_listed = rules.endpoint(endpoint).access != Access::Refused;
    let needs_a_token = !matches!(endpoint.get().auth, Auth::None | Auth::Optional);
    // An endpoint that needs no token is for everybody. What such a call changes is no matter of
    // guests.
    if !is_listed && !needs_a_token && !is_plain_query {
        return;
    }
    if rules.endpoint(endpoint).access.depends_on_the_room() {
        for room in scope.rooms() {
            let callers = scope.guests().map(Actor::Guest).chain([Actor::Nobody, Actor::User]);
            all.extend(callers.map(|by| Action::new(by, operation).at(room)));
        }
        return;
    }
    all.push(Action::new(Actor::Nobody, operation));
    if is_listed || is_plain_query {
        all.push(Action::new(Actor::User, operation));
    }
    for guest in scope.guests() {
        let step = Action::new(Actor::Guest(guest), operation);
        all.push(step);
        if is_listed {
            all.push(step.with(Credential::BeforeUpgrade));
        }
        // A homeserver that honours the query takes the call for the moderator's.
        if is_plain_query && needs_a_token {
            all.push(step.with(Credential::Masquerade));
        }
    }
}

fn reads(all: &mut Vec<Action>, scope: Scope, endpoint: EndpointId, gives: Gives) {
    let operation = Operation::Read(endpoint);
    let nobody = Action::new(Actor::Nobody, operation);
    all.push(if gives == Gives::Sync { nobody } else { nobody.at(0) });
    let guests = scope.guests().map(|guest| Action::new(Actor::Guest(guest), operation));
    for step in guests.chain([Action::new(Actor::User, operation)]) {
        let is_guest = step.by != Actor::User;
        if gives == Gives::Sync {
            all.push(step);
        } else {
            for room in scope.rooms() {
                all.push(step.at(room));
            }
            if is_guest {
                all.push(step.elsewhere());
            }
        }
        if gives == Gives::Stream {
            all.push(step);
        }
        if is_guest {
            let old = step.with(Credential::BeforeUpgrade);
            all.push(if gives == Gives::Sync { old } else { old.at(0) });
        }
    }
}

/// Whether no guest takes the action, and the action names no guest.
pub(super) fn is_about_no_guest(step: &Action) -> bool {
    step.guests().next().is_none()
}

/// Whether the action writes, and a homeserver could change a membership because of it.
pub(super) fn may_change_memberships(step: &Action) -> bool {
    !matches!(
        step.operation,
        Operation::Read(_)
            | Operation::ReadThroughOtherRoom
            | Operation::Call(_)
            | Operation::WhoAmI
            | Operation::SetProfile { .. }
            | Operation::Send(_)
            | Operation::SendState
            | Operation::Register { .. }
    ) && step.place != Place::Elsewhere
}
