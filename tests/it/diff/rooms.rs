//! Rooms go from one story to the next, and nobody notices.

use guest_access::diff::{Options, diff, wait_for};
use guest_access::serve::Embedded;
use guest_access::subject::server::{
    CallVerdict, Limits, Needs, Proof, Server, Session, SharedFixture,
};
use guest_access_model::action::{Action, Actor, Key, Message, Operation, Says};
use guest_access_model::decide::{initial, outcome};
use guest_access_model::state::State;
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, JoinRule};

use super::found::{RULES, STORIES, mistaken, options};

fn guest(operation: Operation) -> Action {
    Action::new(Actor::Guest(0), operation)
}

fn moderator(operation: Operation) -> Action {
    Action::new(Actor::Moderator, operation).at(0)
}

/// A world in which these steps were taken, each of which is allowed, and the state they lead to.
async fn after<'a>(
    server: &'a Server,
    fixture: &SharedFixture,
    steps: &[Action],
) -> (Session<'a>, State) {
    let rules = RULES.profile();
    let mut state = initial(&rules);
    let mut session = server.session(fixture, Needs::of(steps), &state.rooms[0]).await.unwrap();
    for step in steps {
        state = outcome(&rules, &state, step).unwrap().next;
        assert_eq!(session.perform(step).await.unwrap().verdict, CallVerdict::Allowed, "{step:?}");
    }
    (session, state)
}

fn set_guest_access(says: GuestAccess, key: Key) -> Action {
    moderator(Operation::SetGuestAccess(Says::Value(says), key))
}

#[test]
fn a_story_begins_with_the_first_state_in_the_room_that_another_left() {
    let embedded = Embedded::start(RULES.profile()).unwrap();
    let register = guest(Operation::Register { named: false });
    let join = guest(Operation::Join(MembershipEndpoint::Own)).at(0);
    let opened = [
        register,
        moderator(Operation::SetVisibility(
            Says::Value(HistoryVisibility::WorldReadable),
            Key::Empty,
        )),
        set_guest_access(GuestAccess::CanJoin, Key::Empty),
        join,
        moderator(Operation::SetJoinRule(JoinRule::Invite)),
    ];
    let asked = async {
        let server =
            Server::meet(&embedded.url(), Limits::default(), Proof::default()).await.unwrap();
        let fixture = server.fixture(&[]).await.unwrap();
        let (session, state) = after(&server, &fixture, &opened).await;
        let room = session.recording().rooms;
        session.clean_up(&fixture, &state, opened.len(), true).await;

        let set = [register, set_guest_access(GuestAccess::Forbidden, Key::Empty)];
        let (mut session, state) = after(&server, &fixture, &set).await;
        let recording = session.recording();
        assert_eq!(recording.rooms, room);
        // Who tells it again makes the room, and has nothing to set back.
        let calls = recording.exchanges.iter().filter(|exchange| exchange.step.is_none());
        let calls: Vec<_> = calls.map(|exchange| exchange.request.call).collect();
        let expected =
            ["POST /createRoom", "POST /rooms/{roomId}/join", "GET /rooms/{roomId}/state"];
        assert_eq!(calls[..3], expected);
        for step in [join, guest(Operation::Read(KNOWN.messages)).at(0)] {
            let expected = outcome(&RULES.profile(), &state, &step).unwrap().observation;
            assert!(!expected.decision.allows());
            assert!(session.perform(&step).await.unwrap().fits(&expected), "{step:?}");
        }
        session.clean_up(&fixture, &state, 1, false).await;
        let (session, _) = after(&server, &fixture, &set).await;
        assert_ne!(session.recording().rooms, room, "a story went astray there");
    };
    wait_for(asked).unwrap();
}

#[test]
fn a_room_goes_no_further_where_its_past_could_matter() {
    let embedded = Embedded::start(RULES.profile()).unwrap();
    let stray = set_guest_access(GuestAccess::CanJoin, Key::Wrong);
    let set = set_guest_access(GuestAccess::CanJoin, Key::Empty);
    let send = moderator(Operation::Send(Message::Message));
    let asked = async {
        let server =
            Server::meet(&embedded.url(), Limits::default(), Proof::default()).await.unwrap();
        let fixture = server.fixture(&[]).await.unwrap();
        let mut rooms = Vec::new();
        let read = Action::new(Actor::User, Operation::Read(KNOWN.messages)).at(0);
        let reads_much: Vec<_> = std::iter::once(send).chain([read; 20]).collect();
        let stories = [
            (vec![send], 60),
            (vec![send], 60),
            (reads_much, 21),
            (vec![set], 1),
            (vec![send], 1),
            (vec![set], 1),
            (vec![stray], 1),
            (vec![send], 1),
        ];
        for (steps, told) in stories {
            let (session, state) = after(&server, &fixture, &steps).await;
            rooms.extend(session.recording().rooms);
            session.clean_up(&fixture, &state, told, true).await;
        }
        assert_eq!(rooms[0], rooms[1]);
        assert_ne!(
            rooms[1], rooms[2],
            "many steps were told in it, and this story reads them often"
        );
        assert_eq!(rooms[1], rooms[3], "and this one does not");
        assert_ne!(rooms[3], rooms[4], "its guest access was set, and this story needs it unset");
        assert_eq!(rooms[2], rooms[4]);
        assert_eq!(rooms[3], rooms[5], "and this one does not");
        assert_eq!(rooms[4], rooms[6]);
        assert_ne!(rooms[6], rooms[7], "it has a setting under another key");
    };
    wait_for(asked).unwrap();
}

#[test]
fn what_is_found_is_what_is_found_where_each_story_has_a_room_of_its_own() {
    let embedded = Embedded::start(mistaken("visibility.evaluated_at=now")).unwrap();
    let found = |keep: bool| {
        let some: Vec<_> = STORIES.iter().rev().take(30).cloned().collect();
        let asked = async {
            let server =
                Server::meet(&embedded.url(), Limits::default(), Proof::default()).await.unwrap();
            let options = Options { keep, ..options() };
            let found = diff(&RULES, &server, &[], some, &options, |_, _| ()).await.unwrap();
            format!("{:#?} {:#?} {:#?}", found.divergences, found.causes, found.not_run)
        };
        wait_for(asked).unwrap().0
    };
    let by_itself = found(true);
    assert!(by_itself.contains("evaluated_at"), "{by_itself}");
    assert_eq!(found(false), by_itself);
}
