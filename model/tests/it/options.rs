//! The difference that an option makes: one state, one action, and the answer under each option.

use guest_access_model::action::{Action, Actor, Operation, Upgrade};
use guest_access_model::decide::{initial, outcome};
use guest_access_model::state::{Account, Kind, Past, ReaderRelation, Room, State, Tagged};
use guest_access_rules::decision_point::PointId;
use guest_access_rules::endpoint::{EndpointId, KNOWN};
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::{
    ErrCode, GuestAccess, HistoryVisibility, JoinRule, Membership, MembershipEndpoint,
};

type StatusAndErrcode = (u16, Option<ErrCode>);

const ALLOWED: StatusAndErrcode = (200, None);
const FORBIDDEN: StatusAndErrcode = (403, Some(ErrCode::Forbidden));
const BAD_STATE: StatusAndErrcode = (403, Some(ErrCode::BadState));
const NOT_FOUND: StatusAndErrcode = (404, Some(ErrCode::NotFound));

/// The rules in force, with this option.
fn with(point: &str, option: &str) -> Profile {
    let mut profile = Rules::find("latest").unwrap().profile();
    assert!(profile.choices.set(PointId::find(point).unwrap(), option), "{point}: {option}");
    profile
}

/// The state with one registered guest, whose room is as `change` makes it.
fn state(profile: &Profile, change: impl FnOnce(&mut Room)) -> State {
    let mut state = initial(profile);
    state.accounts[0] = Account::Guest;
    change(&mut state.rooms[0]);
    state
}

/// The state in which the guest has this membership.
fn member(profile: &Profile, membership: Membership) -> State {
    state(profile, |room| {
        room.guest_access = GuestAccess::CanJoin;
        room.members[0] = membership;
    })
}

/// The answer to an action, and the state after it.
fn answer(profile: &Profile, state: &State, action: Action) -> (StatusAndErrcode, State) {
    let outcome = outcome(profile, state, &action).unwrap();
    let decision = outcome.observation.decision;
    ((decision.status, decision.errcode), outcome.next)
}

fn guest(operation: Operation) -> Action {
    Action::new(Actor::Guest(0), operation).at(0)
}

fn leave(by: MembershipEndpoint) -> Action {
    guest(Operation::Leave(by))
}

fn read(endpoint: &str) -> Action {
    guest(Operation::Read(EndpointId::find(endpoint).unwrap()))
}

const MESSAGES: &str = "GET /rooms/{roomId}/messages";
const STATE: &str = "GET /rooms/{roomId}/state";
const CONTEXT: &str = "GET /rooms/{roomId}/context/{eventId}";
const EVENT: &str = "GET /rooms/{roomId}/event/{eventId}";

#[test]
fn leaving_again_is_answered_to_those_whom_the_option_names() {
    for (option, never, left) in [
        ("refused", FORBIDDEN, FORBIDDEN),
        ("who_left_answered", FORBIDDEN, ALLOWED),
        ("answered", ALLOWED, ALLOWED),
    ] {
        let profile = with("leave.again", option);
        for (membership, expected) in
            [(Membership::Never, never), (Membership::Leave, left), (Membership::Ban, FORBIDDEN)]
        {
            let before = member(&profile, membership);
            let (got, after) = answer(&profile, &before, leave(MembershipEndpoint::Own));
            assert_eq!(got, expected, "{option}: {membership}");
            assert_eq!(after, before, "{option}: {membership}");
            // PUT state has a point of its own.
            let by_put_state = leave(MembershipEndpoint::StateEvent);
            assert_eq!(answer(&profile, &before, by_put_state).0, FORBIDDEN);
        }
    }
}

#[test]
fn leaving_again_by_put_state_is_answered_by_one_option() {
    let profile = with("leave.again_by_state_event", "who_left_answered");
    for (membership, expected) in
        [(Membership::Never, FORBIDDEN), (Membership::Leave, ALLOWED), (Membership::Ban, FORBIDDEN)]
    {
        let before = member(&profile, membership);
        let (got, after) = answer(&profile, &before, leave(MembershipEndpoint::StateEvent));
        assert_eq!(got, expected, "{membership}");
        assert_eq!(after, before, "{membership}");
        assert_eq!(answer(&profile, &before, leave(MembershipEndpoint::Own)).0, FORBIDDEN);
    }
}

#[test]
fn joining_again_is_refused_by_one_option() {
    for (option, expected) in [("answered", ALLOWED), ("refused", FORBIDDEN)] {
        let profile = with("join.again", option);
        let before = member(&profile, Membership::Join);
        let join = guest(Operation::Join(MembershipEndpoint::Own));
        assert_eq!(answer(&profile, &before, join), (expected, before), "{option}");
    }
}

#[test]
fn knocking_again_is_refused_by_one_option() {
    for (option, expected) in [("answered", ALLOWED), ("refused", FORBIDDEN)] {
        let profile = with("knock.again", option);
        let mut before = member(&profile, Membership::Knock);
        before.accounts[0] = Account::User;
        before.rooms[0].join_rule = JoinRule::Knock;
        let knock = guest(Operation::Knock(MembershipEndpoint::Own));
        assert_eq!(answer(&profile, &before, knock), (expected, before), "{option}");
    }
}

#[test]
fn the_banned_are_refused_with_the_code_of_the_profile() {
    for (point, by_join, by_knock) in [
        ("join.banned_errcode", BAD_STATE, FORBIDDEN),
        ("knock.banned_errcode", FORBIDDEN, BAD_STATE),
    ] {
        let profile = with(point, "M_BAD_STATE");
        let mut before = member(&profile, Membership::Ban);
        before.accounts[0] = Account::User;
        let join = guest(Operation::Join(MembershipEndpoint::Own));
        let knock = guest(Operation::Knock(MembershipEndpoint::Own));
        assert_eq!(answer(&profile, &before, join).0, by_join, "{point}");
        // The code is about the ban, whatever the join rule.
        assert_eq!(answer(&profile, &before, knock).0, by_knock, "{point}");
        before.rooms[0].join_rule = JoinRule::Knock;
        assert_eq!(answer(&profile, &before, knock).0, by_knock, "{point}");
    }
}

#[test]
fn an_unknown_room_is_not_joined_and_the_profile_says_how() {
    for (option, expected) in [
        ("refused", NOT_FOUND),
        ("forbidden", FORBIDDEN),
        ("no_server", (404, Some(ErrCode::Unknown))),
    ] {
        let profile = with("join.elsewhere", option);
        let before = member(&profile, Membership::Never);
        let join = guest(Operation::Join(MembershipEndpoint::Own)).elsewhere();
        assert_eq!(answer(&profile, &before, join), (expected, before), "{option}");
    }
}

#[test]
fn a_taken_user_id_is_refused_with_the_code_of_the_profile() {
    for (option, expected) in [
        ("M_USER_IN_USE", ErrCode::UserInUse),
        ("M_INVALID_USERNAME", ErrCode::InvalidUsername),
        ("M_EXCLUSIVE", ErrCode::Exclusive),
    ] {
        let profile = with("registration.taken_errcode", option);
        let before = member(&profile, Membership::Never);
        let register = Action::new(Actor::Nobody, Operation::RegisterOver(0));
        assert_eq!(answer(&profile, &before, register), ((400, Some(expected)), before));
    }
}

#[test]
fn a_dead_token_is_refused_as_the_profile_says() {
    for (option, expected) in [
        ("M_FORBIDDEN", FORBIDDEN),
        ("M_UNKNOWN_TOKEN", (401, Some(ErrCode::UnknownToken))),
        ("M_USER_IN_USE", (400, Some(ErrCode::UserInUse))),
    ] {
        let profile = with("upgrade.dead_token", option);
        let mut before = member(&profile, Membership::Never);
        before.accounts[1] = Account::Guest;
        let upgrade = |upgrade| Action::new(Actor::Nobody, Operation::Upgrade(upgrade));
        assert_eq!(answer(&profile, &before, upgrade(Upgrade::MadeUpToken(0))).0, expected);
        // The option is about tokens that are not live, and not about the tokens of others.
        let others = upgrade(Upgrade::OthersToken { of: 0, with: 1 });
        assert_eq!(answer(&profile, &before, others).0, FORBIDDEN, "{option}");
        before.accounts[0] = Account::GuestEnded;
        let own = Action::new(Actor::Guest(0), Operation::Upgrade(Upgrade::Own(0)));
        assert_eq!(answer(&profile, &before, own), (expected, before), "{option}");
    }
}

#[test]
fn the_room_summary_needs_a_token_by_default() {
    let missing = (401, Some(ErrCode::MissingToken));
    let unknown = (401, Some(ErrCode::UnknownToken));
    let not_for_guests = (403, Some(ErrCode::GuestAccessForbidden));
    for (option, without, with_ended, by_guest) in [
        ("required", missing, unknown, not_for_guests),
        ("optional", ALLOWED, unknown, not_for_guests),
        ("unread", ALLOWED, ALLOWED, ALLOWED),
    ] {
        let profile = with("authentication.room_summary", option);
        let mut state = member(&profile, Membership::Never);
        let by = |actor, state: &State| {
            answer(&profile, state, Action::new(actor, Operation::Call(KNOWN.room_summary))).0
        };
        assert_eq!(by(Actor::Nobody, &state), without, "{option}");
        assert_eq!(by(Actor::Guest(0), &state), by_guest, "{option}");
        state.accounts[0] = Account::GuestEnded;
        assert_eq!(by(Actor::Guest(0), &state), with_ended, "{option}");
    }
}

#[test]
fn context_of_an_unseen_event_is_refused_as_the_profile_says() {
    for (option, expected, of_nothing) in [
        ("M_NOT_FOUND", NOT_FOUND, NOT_FOUND),
        ("M_FORBIDDEN", FORBIDDEN, FORBIDDEN),
        ("forbidden_if_there", FORBIDDEN, NOT_FOUND),
    ] {
        let profile = with("context.unseen", option);
        let mut state = state(&profile, |room| {
            room.visibility = Some(HistoryVisibility::WorldReadable);
        });
        assert_eq!(answer(&profile, &state, read(CONTEXT)).0, of_nothing, "{option}");
        state.tagged = Some(Tagged {
            kind: Kind::Message,
            before: HistoryVisibility::Joined,
            after: HistoryVisibility::Joined,
            relations: [ReaderRelation::STRANGER; 3],
        });
        assert_eq!(answer(&profile, &state, read(CONTEXT)).0, expected, "{option}");
        assert_eq!(answer(&profile, &state, read(EVENT)).0, NOT_FOUND, "{option}");
    }
}

#[test]
fn a_reader_who_was_turned_away_is_a_stranger_by_one_option() {
    for (option, answered) in [("as_left", ALLOWED), ("as_stranger", FORBIDDEN)] {
        let profile = with("room.turned_away", option);
        for (past, expected) in [(Past::Unkept, answered), (Past::Joined, ALLOWED)] {
            let mut before = member(&profile, Membership::Leave);
            before.rooms[0].past[0] = past;
            for endpoint in [MESSAGES, STATE] {
                assert_eq!(answer(&profile, &before, read(endpoint)).0, expected, "{option}");
            }
        }
    }
}

#[test]
fn a_past_is_kept_only_where_an_option_reads_it() {
    for (option, expected) in [("as_left", Past::Unkept), ("as_stranger", Past::Joined)] {
        let profile = with("room.turned_away", option);
        let before = member(&profile, Membership::Never);
        let join = guest(Operation::Join(MembershipEndpoint::Own));
        let (_, joined) = answer(&profile, &before, join);
        assert_eq!(joined.rooms[0].past[0], expected, "{option}");
        let (_, left) = answer(&profile, &joined, leave(MembershipEndpoint::Own));
        assert_eq!(left.rooms[0].past[0], expected, "{option}");
    }
}

#[test]
fn a_banned_reader_is_a_stranger_by_one_option() {
    let profile = with("room.banned_reader", "as_stranger");
    let mut before = member(&profile, Membership::Ban);
    for (visibility, expected) in
        [(HistoryVisibility::Shared, FORBIDDEN), (HistoryVisibility::WorldReadable, ALLOWED)]
    {
        before.rooms[0].visibility = Some(visibility);
        for endpoint in [MESSAGES, STATE] {
            assert_eq!(answer(&profile, &before, read(endpoint)).0, expected, "{visibility}");
        }
    }
}

#[test]
fn a_room_that_was_forgotten_by_leaving_is_only_previewed() {
    let profile = with("leave.forgets", "forgets");
    let joined = member(&profile, Membership::Join);
    let (_, mut left) = answer(&profile, &joined, leave(MembershipEndpoint::Own));
    assert_eq!(left.rooms[0].past[0], Past::Forgot);
    for endpoint in [MESSAGES, STATE] {
        assert_eq!(answer(&profile, &left, read(endpoint)).0, FORBIDDEN, "{endpoint}");
    }
    assert_eq!(answer(&profile, &left, read(EVENT)).0, NOT_FOUND);
    left.rooms[0].visibility = Some(HistoryVisibility::WorldReadable);
    assert_eq!(answer(&profile, &left, read(MESSAGES)).0, ALLOWED);
    // Until it joins again.
    left.rooms[0].visibility = Some(HistoryVisibility::Shared);
    let (_, again) = answer(&profile, &left, guest(Operation::Join(MembershipEndpoint::Own)));
    assert_eq!(again.rooms[0].past[0], Past::Unkept);
    assert_eq!(answer(&profile, &again, read(MESSAGES)).0, ALLOWED);
}

#[test]
fn a_kick_makes_nobody_forget_the_room() {
    let profile = with("leave.forgets", "forgets");
    let joined = member(&profile, Membership::Join);
    let kick = Action::new(Actor::Moderator, Operation::Kick(0)).at(0);
    let (_, kicked) = answer(&profile, &joined, kick);
    assert_eq!(kicked.rooms[0].past[0], Past::Unkept);
    assert_eq!(answer(&profile, &kicked, read(MESSAGES)).0, ALLOWED);
}
