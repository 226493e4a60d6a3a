//! A room is reused for the next scenario, without an effect on the results.

use guest_access::diff::{Options, diff, wait_for};
use guest_access::subject::server::{
    CallVerdict, Limits, Needs, Proof, Server, Session, SharedFixture,
};
use guest_access_model::action::{Action, Actor, Key, Message, Operation, Says};
use guest_access_model::decide::{initial, outcome};
use guest_access_model::state::State;
use guest_access_reference::serve::Embedded;
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, JoinRule};

use super::found::{RULES, SCENARIOS, defective, options};

fn guest(operation: Operation) -> Action {
    Action::new(Actor::Guest(0), operation)
}

fn moderator(operation: Operation) -> Action {
    Action::new(Actor::Moderator, operation).at(0)
}

/// A session in which these steps were taken, and the state after them. The homeserver has to allow each
/// step.
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
fn a_reused_room_starts_in_the_initial_state() {
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
    let run = async {
        let server =
            Server::connect(&embedded.url(), Limits::default(), Proof::default()).await.unwrap();
        let fixture = server.fixture(&[]).await.unwrap();
        let (session, state) = after(&server, &fixture, &opened).await;
        let room = session.recording().rooms;
        session.clean_up(&fixture, &state, opened.len(), true).await;

        let set = [register, set_guest_access(GuestAccess::Forbidden, Key::Empty)];
        let (mut session, state) = after(&server, &fixture, &set).await;
        let recording = session.recording();
        assert_eq!(recording.rooms, room);
        // A recording shows the creation of the room, and no call that resets the room.
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
        assert_ne!(
            session.recording().rooms,
            room,
            "a scenario left the expected states in this room"
        );
    };
    wait_for(run).unwrap();
}

#[test]
fn a_room_is_not_reused_where_its_past_matters() {
    let embedded = Embedded::start(RULES.profile()).unwrap();
    let stray = set_guest_access(GuestAccess::CanJoin, Key::Wrong);
    let set = set_guest_access(GuestAccess::CanJoin, Key::Empty);
    let send = moderator(Operation::Send(Message::Message));
    let run = async {
        let server =
            Server::connect(&embedded.url(), Limits::default(), Proof::default()).await.unwrap();
        let fixture = server.fixture(&[]).await.unwrap();
        let mut rooms = Vec::new();
        let read = Action::new(Actor::User, Operation::Read(KNOWN.messages)).at(0);
        let reads_much: Vec<_> = std::iter::once(send).chain([read; 20]).collect();
        let scenarios = [
            (vec![send], 60),
            (vec![send], 60),
            (reads_much, 21),
            (vec![set], 1),
            (vec![send], 1),
            (vec![set], 1),
            (vec![stray], 1),
            (vec![send], 1),
        ];
        for (steps, steps_taken) in scenarios {
            let (session, state) = after(&server, &fixture, &steps).await;
            rooms.extend(session.recording().rooms);
            session.clean_up(&fixture, &state, steps_taken, true).await;
        }
        assert_eq!(rooms[0], rooms[1]);
        assert_ne!(
            rooms[1], rooms[2],
            "the room has many events, and this scenario reads them often"
        );
        assert_eq!(rooms[1], rooms[3], "this scenario does not read the events");
        assert_ne!(
            rooms[3], rooms[4],
            "the guest access of the room was set, and this scenario needs it unset"
        );
        assert_eq!(rooms[2], rooms[4]);
        assert_eq!(rooms[3], rooms[5], "this scenario does not need it unset");
        assert_eq!(rooms[4], rooms[6]);
        assert_ne!(rooms[6], rooms[7], "the room has a setting under another state key");
    };
    wait_for(run).unwrap();
}

#[test]
fn reused_rooms_give_the_same_results_as_new_rooms() {
    let embedded = Embedded::start(defective("visibility.evaluated_at=now")).unwrap();
    let report = |keep: bool| {
        let some: Vec<_> = SCENARIOS.iter().rev().take(30).cloned().collect();
        let run = async {
            let server = Server::connect(&embedded.url(), Limits::default(), Proof::default())
                .await
                .unwrap();
            let options = Options { keep, ..options() };
            let result = diff(&RULES, &server, &[], some, &options, |_, _| ()).await.unwrap();
            format!("{:#?} {:#?} {:#?}", result.divergences, result.causes, result.not_run)
        };
        wait_for(run).unwrap().0
    };
    let with_new_rooms = report(true);
    assert!(with_new_rooms.contains("evaluated_at"), "{with_new_rooms}");
    assert_eq!(report(false), with_new_rooms);
}
