//! What can be asked of a homeserver, and what can be done to it, by a client.

use std::sync::LazyLock;

use guest_access_model::state::Scope;
use guest_access_model::step::{Act, Actor, Credential, Place, Step, Upgrade};
use guest_access_model::steps::{has_a_step_of_its_own, steps};
use guest_access_rules::endpoint::{Auth, EndpointId, Gives};
use guest_access_rules::profile::Access;
use guest_access_rules::rules::Rules;

/// Calls after which a session, or an account, is gone where the server takes them: nothing that
/// follows would say anything, so they come last in a vector.
static LAST_WORDS: LazyLock<Vec<EndpointId>> = LazyLock::new(|| {
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

/// Whether the step, if a server takes it, leaves its caller without a session.
pub(super) fn is_last_words(step: &Step) -> bool {
    matches!(step.by, Actor::Guest(_))
        && step.act.endpoint().is_some_and(|endpoint| LAST_WORDS.contains(&endpoint))
}

/// Every step by a client that vectors are made of, at `scope`, in a fixed order.
pub(super) fn askable(rules: &Rules, scope: Scope) -> Vec<Step> {
    let profile = rules.profile();
    // One of each class stands for none here: a homeserver tells its endpoints apart.
    let mut all: Vec<Step> = steps(scope, &[&profile])
        .into_iter()
        .filter(|step| !matches!(step.act, Act::Call(_) | Act::Read(_)))
        .filter(|step| step.act.endpoint().is_some())
        .collect();
    let endpoints = EndpointId::all().filter(|endpoint| !has_a_step_of_its_own(*endpoint));
    for endpoint in endpoints {
        match endpoint.get().gives {
            None => calls(&mut all, rules, scope, endpoint),
            Some(gives) => reads(&mut all, scope, endpoint, gives),
        }
    }
    all
}

/// Whether a call to the endpoint changes nothing, and names nothing on which its answer would depend:
/// then whoever may call it is answered, and no harm is done.
pub(super) fn only_asks(endpoint: EndpointId) -> bool {
    let of = endpoint.get();
    of.method() == "GET" && !of.id.contains('{')
}

fn calls(all: &mut Vec<Step>, rules: &Rules, scope: Scope, endpoint: EndpointId) {
    let act = Act::Call(endpoint);
    let only_asks = only_asks(endpoint);
    let is_listed = rules.endpoint(endpoint).access != Access::Refused;
    let needs_a_token = !matches!(endpoint.get().auth, Auth::None | Auth::Optional);
    // Without the need of a token a call is for everybody; what it then does is no matter of guests.
    if !is_listed && !needs_a_token && !only_asks {
        return;
    }
    all.push(Step::new(Actor::Nobody, act));
    if is_listed || only_asks {
        all.push(Step::new(Actor::User, act));
    }
    for guest in scope.guests() {
        let step = Step::new(Actor::Guest(guest), act);
        all.push(step);
        if is_listed {
            all.push(step.with(Credential::BeforeUpgrade));
        }
        // Whoever honours it takes the call for the moderator's.
        if only_asks && needs_a_token {
            all.push(step.with(Credential::Masquerade));
        }
    }
}

fn reads(all: &mut Vec<Step>, scope: Scope, endpoint: EndpointId, gives: Gives) {
    let act = Act::Read(endpoint);
    let nobody = Step::new(Actor::Nobody, act);
    all.push(if gives == Gives::Sync { nobody } else { nobody.at(0) });
    let guests = scope.guests().map(|guest| Step::new(Actor::Guest(guest), act));
    for step in guests.chain([Step::new(Actor::User, act)]) {
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

/// Whether the step is asked, or taken, on behalf of no guest: by the moderator about nobody, by the
/// user, or by somebody without a token.
pub(super) fn is_about_no_guest(step: &Step) -> bool {
    guest_of(step).is_none()
}

/// The guest that takes the step, or that it is done to.
pub(super) fn guest_of(step: &Step) -> Option<u8> {
    match (step.act, step.by) {
        (
            Act::RegisterOver(of)
            | Act::Invite(of)
            | Act::Kick(of)
            | Act::Ban(of)
            | Act::Unban(of)
            | Act::Upgrade(
                Upgrade::Own(of)
                | Upgrade::OtherName(of)
                | Upgrade::OthersToken { of, .. }
                | Upgrade::MadeUpToken(of),
            ),
            _,
        )
        | (_, Actor::Guest(of)) => Some(of),
        _ => None,
    }
}

/// The step of the first guest, taken by or done to the guest with this number.
pub(super) fn for_guest(step: &Step, guest: u8) -> Step {
    let act = match step.act {
        Act::RegisterOver(_) => Act::RegisterOver(guest),
        Act::Invite(_) => Act::Invite(guest),
        Act::Kick(_) => Act::Kick(guest),
        Act::Ban(_) => Act::Ban(guest),
        Act::Unban(_) => Act::Unban(guest),
        Act::Upgrade(Upgrade::Own(_)) => Act::Upgrade(Upgrade::Own(guest)),
        Act::Upgrade(Upgrade::OtherName(_)) => Act::Upgrade(Upgrade::OtherName(guest)),
        Act::Upgrade(Upgrade::MadeUpToken(_)) => Act::Upgrade(Upgrade::MadeUpToken(guest)),
        other => other,
    };
    let by = match step.by {
        Actor::Guest(_) => Actor::Guest(guest),
        other => other,
    };
    Step { by, act, ..*step }
}

/// Whether the step writes where a membership could come of it.
pub(super) fn could_move_members(step: &Step) -> bool {
    !matches!(
        step.act,
        Act::Read(_)
            | Act::ReadThroughOtherRoom
            | Act::Call(_)
            | Act::WhoAmI
            | Act::SetProfile { .. }
            | Act::Send(_)
            | Act::SendState
            | Act::Register { .. }
    ) && step.place != Place::Elsewhere
}
