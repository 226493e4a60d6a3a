//! The reference homeserver as a subject that performs the actions of the model.
//!
//! 1. An action becomes a call by a concrete user with a concrete token.
//! 2. The observation comes from the answer, as a client would read it.
//! 3. The abstract state comes from the accounts and the timelines.

mod abstraction;
mod account_actions;
mod accounts;
mod acting;
mod reading;
mod sending;

use std::sync::Arc;

use guest_access_model::action::{Action, Answer as AnswerContent, Observation, Place, Subject};
use guest_access_model::state::{Scope, State};
use guest_access_reference::reference::{Answer, Event, Reference, Refusal, Room};
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::{Decision, ErrCode};
use ruma::api::client::account::register;
use ruma::{OwnedEventId, OwnedRoomId, UserId, owned_room_id};

use accounts::{ReferenceAccounts, UserAccount};

/// The reference homeserver with the moderator, the ordinary user, the guests and the rooms of the
/// model.
#[derive(Debug, Clone)]
pub struct ReferenceSubject {
    reference: Reference,
    scope: Scope,
    accounts: Arc<ReferenceAccounts>,
    rooms: Arc<[OwnedRoomId]>,
    /// The tagged event, once an action has sent it.
    tagged: Option<OwnedEventId>,
}

impl ReferenceSubject {
    /// The reference homeserver under `profile`, in the model's initial state. The moderator has
    /// created the rooms of `scope`, without any setting and open to everyone. The ordinary user is
    /// joined to them.
    pub fn new(profile: impl Into<Arc<Profile>>, scope: Scope) -> Self {
        let mut reference = Reference::new(profile);
        let mut request = register::v3::Request::new();
        request.username = Some("moderator".to_owned());
        request.password = Some("password".to_owned());
        let moderator = reference.register(&request);
        let moderator = expected(moderator, "the name is free on a new server");
        let user = expected(
            reference.register_without_password("user"),
            "the name is free on a new server",
        );
        let accounts = ReferenceAccounts::new(
            UserAccount::of_registration(moderator),
            UserAccount::of_registration(user),
        );

        let rooms: Vec<_> = (0..scope.rooms)
            .map(|number| {
                let alias = format!("room-{number}");
                let room = reference.create_bare_room(&accounts.moderator.user_id, &alias);
                reference.add_member(&room, &accounts.user.user_id);
                room
            })
            .collect();
        Self { reference, scope, accounts: Arc::new(accounts), rooms: rooms.into(), tagged: None }
    }

    /// The homeserver itself.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The first room, to which the tagged event belongs.
    fn first_room(&self) -> Option<&Room> {
        self.rooms.first().and_then(|id| self.reference.room(id))
    }

    /// The id of the room at `place`; the id of a room elsewhere, if there is none.
    fn room_id(&self, place: Place) -> OwnedRoomId {
        let known = match place {
            Place::Room(number) => self.rooms.get(usize::from(number)).cloned(),
            Place::Nowhere | Place::Elsewhere => None,
        };
        known.unwrap_or_else(|| owned_room_id!("!elsewhere:elsewhere.test"))
    }

    fn tag(&mut self, place: usize) {
        let Some(room) = self.first_room() else {
            return;
        };
        let changes = |event: &Event| match &event.state_key {
            Some(user) if event.kind == "m.room.member" => <&UserId>::try_from(user.as_str())
                .is_ok_and(|user| {
                    room.membership_before(place, user) != room.membership_after(place, user)
                }),
            _ => true,
        };
        if place < room.len() && changes(room.event(place)) {
            self.tagged = Some(room.event(place).id.clone());
        }
    }
}

impl Subject for ReferenceSubject {
    fn take(&mut self, step: &Action) -> Observation {
        let place = self.first_room().map_or(0, Room::len);
        let observation = self.operation(step);
        if step.tag && self.tagged.is_none() && observation.decision.allows() {
            self.tag(place);
        }
        observation
    }

    fn abstraction(&self) -> State {
        self.describe()
    }
}

/// The observation of a call; `content` reads the response.
fn observe<T>(answer: Answer<T>, content: impl FnOnce(T) -> AnswerContent) -> Observation {
    match answer {
        Ok(granted) => {
            Observation { decision: granted.decision, answer: content(granted.response) }
        }
        Err(Refusal(decision)) => Observation { decision, answer: AnswerContent::Nothing },
    }
}

/// The observation of a call whose response holds nothing that the rules speak of.
fn observe_only<T>(answer: Answer<T>) -> Observation {
    observe(answer, |_| AnswerContent::Nothing)
}

/// The observation of an action that cannot happen.
fn cannot_happen() -> Observation {
    let because = "the step cannot happen in this state";
    let decision = Decision::deny(400, ErrCode::InvalidParam, &[], because);
    Observation { decision, answer: AnswerContent::Nothing }
}

fn expected<T>(answer: Answer<T>, because: &str) -> T {
    answer.expect(because).response
}

#[cfg(test)]
mod tests {
    use guest_access_model::action::{
        Actor, Credential, Key, Message, Operation, ProfileKey, Says, Setting, Upgrade,
    };
    use guest_access_model::state::{Account, Kind};
    use guest_access_rules::decision_point::{Choices, POINTS, PointId};
    use guest_access_rules::endpoint::{EndpointId, KNOWN};
    use guest_access_rules::rules::Rules;
    use guest_access_rules::vocabulary::{
        GuestAccess, HistoryVisibility, JoinRule, Membership, MembershipEndpoint,
    };
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const SCOPE: Scope = Scope { guests: 2, rooms: 2 };
    const GUEST: Actor = Actor::Guest(0);

    /// Takes these options at their decision points.
    fn choose(choices: &mut Choices, options: &[(&str, &str)]) {
        for (point, option) in options {
            let id = PointId::find(point).unwrap_or_else(|| panic!("no point {point}"));
            assert!(choices.set(id, option), "{point} has no option {option}");
        }
    }

    /// The profile of a revision, with these options instead.
    fn profile_of(revision: &str, options: &[(&str, &str)]) -> Profile {
        let mut profile = Rules::find(revision).unwrap().profile();
        choose(&mut profile.choices, options);
        profile
    }

    /// The rules in force, with these options instead.
    fn latest(options: &[(&str, &str)]) -> Profile {
        profile_of("latest", options)
    }

    fn step(by: Actor, operation: Operation) -> Action {
        Action { by, with: Credential::Own, operation, place: Place::Room(0), tag: false }
    }

    fn set_visibility(to: HistoryVisibility) -> Action {
        step(Actor::Moderator, Operation::SetVisibility(Says::Value(to), Key::Empty))
    }

    fn set_guest_access(to: GuestAccess) -> Action {
        step(Actor::Moderator, Operation::SetGuestAccess(Says::Value(to), Key::Empty))
    }

    fn tagged(by: Actor, operation: Operation) -> Action {
        Action { tag: true, ..step(by, operation) }
    }

    fn subject_with_guest(profile: Profile) -> ReferenceSubject {
        let mut subject = ReferenceSubject::new(profile, SCOPE);
        subject.take(&step(GUEST, Operation::Register { named: true }));
        subject
    }

    /// The scenario of the draft: a member sends a message, and the moderator opens the room later.
    #[test]
    fn the_draft_gives_a_guest_messages_from_before_the_opening() {
        for (profile, given) in [(profile_of("draft-2015-11-05", &[]), true), (latest(&[]), false)]
        {
            let mut subject = subject_with_guest(profile);
            let sent = subject.take(&tagged(Actor::Moderator, Operation::Send(Message::Message)));
            assert!(sent.decision.allows());
            subject.take(&set_visibility(HistoryVisibility::WorldReadable));
            let read = subject.take(&step(GUEST, Operation::Read(KNOWN.messages)));
            assert!(read.decision.allows());
            assert_eq!(read.answer, AnswerContent::Gave { tagged: given });
        }
    }

    #[test]
    fn the_initial_state_has_the_user_joined_and_nothing_set() {
        let state = ReferenceSubject::new(latest(&[]), SCOPE).abstraction();
        for room in state.rooms {
            assert_eq!(room.visibility, Some(HistoryVisibility::Shared));
            assert_eq!(room.guest_access, GuestAccess::Forbidden);
            assert_eq!(room.join_rule, JoinRule::Public);
            assert_eq!(room.user, Membership::Join);
            assert_eq!(room.members, [Membership::Never; 3]);
        }
        assert_eq!(state.accounts, [Account::Absent; 3]);
        assert_eq!(state.tagged, None);
    }

    #[test]
    fn a_guest_who_joins_by_the_tagged_event_is_joined_after_it() {
        let mut subject = subject_with_guest(latest(&[]));
        subject.take(&set_guest_access(GuestAccess::CanJoin));
        subject.take(&tagged(GUEST, Operation::Join(MembershipEndpoint::Own)));
        let relation = |subject: &ReferenceSubject| {
            let tagged = subject.abstraction().tagged.unwrap();
            assert_eq!(tagged.kind, Kind::Member);
            tagged.relations[0]
        };
        assert!(relation(&subject).joined_later);
        subject.take(&step(GUEST, Operation::Leave(MembershipEndpoint::Own)));
        assert!(relation(&subject).joined_later);
    }

    #[test]
    fn a_join_of_a_joined_guest_tags_nothing() {
        let mut subject = subject_with_guest(latest(&[]));
        subject.take(&set_guest_access(GuestAccess::CanJoin));
        for way in [MembershipEndpoint::Own, MembershipEndpoint::StateEvent] {
            subject.take(&step(GUEST, Operation::Join(way)));
            subject.take(&tagged(GUEST, Operation::Join(way)));
            assert_eq!(subject.abstraction().tagged, None);
        }
    }

    #[test]
    fn an_upgrade_under_another_name_leaves_the_rooms_behind() {
        let mut subject = subject_with_guest(latest(&[("upgrade.username", "any_accepted")]));
        subject.take(&set_guest_access(GuestAccess::CanJoin));
        subject.take(&step(GUEST, Operation::Join(MembershipEndpoint::Own)));
        subject.take(&step(GUEST, Operation::Upgrade(Upgrade::OtherName(0))));
        let state = subject.abstraction();
        assert_eq!(state.accounts[0], Account::User);
        assert_eq!(state.rooms[0].members[0], Membership::Never);
    }

    #[test]
    fn the_state_gives_a_note_to_a_joined_user() {
        let mut subject = subject_with_guest(latest(&[]));
        subject.take(&tagged(Actor::Moderator, Operation::SendState));
        let state_event =
            EndpointId::find("GET /rooms/{roomId}/state/{eventType}/{stateKey}").unwrap();
        let read = subject.take(&step(Actor::User, Operation::Read(state_event)));
        assert_eq!(read.answer, AnswerContent::Gave { tagged: true });
        let elsewhere =
            Action { place: Place::Room(1), ..step(Actor::User, Operation::Read(state_event)) };
        assert_eq!(subject.take(&elsewhere).decision.status, 404);
    }

    fn operations() -> Vec<Operation> {
        use HistoryVisibility as Visibility;
        let endpoints =
            [MembershipEndpoint::Own, MembershipEndpoint::Alias, MembershipEndpoint::StateEvent];
        let keys = [Key::Empty, Key::Wrong, Key::Message];
        let mut operations = vec![
            Operation::Register { named: true },
            Operation::Register { named: false },
            Operation::LogOut,
            Operation::Deactivate,
            Operation::Restart,
            Operation::SetProfile { key: ProfileKey::DisplayName, own: true },
            Operation::SetProfile { key: ProfileKey::AvatarUrl, own: false },
            Operation::WhoAmI,
            Operation::RedactSetting(Setting::GuestAccess),
            Operation::RedactSetting(Setting::HistoryVisibility),
            Operation::SendState,
            Operation::ReadThroughOtherRoom,
            Operation::Upgrade(Upgrade::OthersToken { of: 0, with: 1 }),
        ];
        operations.extend(Message::ALL.iter().map(|message| Operation::Send(*message)));
        operations.extend(JoinRule::ALL.iter().map(|rule| Operation::SetJoinRule(*rule)));
        operations.extend(endpoints.map(Operation::Join));
        operations.extend(endpoints.map(Operation::Leave));
        operations.extend(endpoints.map(Operation::Knock));
        for key in keys {
            let values = Visibility::ALL.iter().map(|value| Says::Value(*value));
            let values = values.chain([Says::Unknown, Says::Malformed]);
            operations.extend(values.map(|says| Operation::SetVisibility(says, key)));
            let values = GuestAccess::ALL.iter().map(|value| Says::Value(*value));
            let values = values.chain([Says::Unknown, Says::Malformed]);
            operations.extend(values.map(|says| Operation::SetGuestAccess(says, key)));
        }
        for guest in 0..4 {
            operations.extend([
                Operation::RegisterOver(guest),
                Operation::EndToken(guest),
                Operation::Upgrade(Upgrade::Own(guest)),
                Operation::Upgrade(Upgrade::OtherName(guest)),
                Operation::Upgrade(Upgrade::MadeUpToken(guest)),
                Operation::Invite(guest),
                Operation::Kick(guest),
                Operation::Ban(guest),
                Operation::Unban(guest),
            ]);
        }
        operations
    }

    fn calls() -> Vec<Operation> {
        let operation = |endpoint: EndpointId| match endpoint.get().gives {
            Some(_) => Operation::Read(endpoint),
            None => Operation::Call(endpoint),
        };
        EndpointId::all().map(operation).collect()
    }

    prop_compose! {
        fn any_step()(
            by in select(vec![
                Actor::Server, Actor::Moderator, Actor::Moderator, Actor::User, Actor::Nobody,
                GUEST, GUEST, Actor::Guest(1), Actor::Guest(7),
            ]),
            with in select(Credential::ALL),
            operation in prop_oneof![4 => select(operations()), 1 => select(calls())],
            place in select(vec![
                Place::Room(0), Place::Room(0), Place::Room(1), Place::Room(5), Place::Nowhere,
                Place::Elsewhere,
            ]),
            tag in any::<bool>(),
        ) -> Action {
            Action { by, with, operation, place, tag }
        }
    }

    prop_compose! {
        /// A profile with other options at some points, and with every endpoint open or the allow-list
        /// in force.
        fn any_profile()(
            points in proptest::collection::vec((0..POINTS.len(), 0_usize..4), 0..4),
            listed in any::<bool>(),
        ) -> Profile {
            let points: Vec<_> = points
                .into_iter()
                .map(|(point, option)| {
                    let point = &POINTS[point];
                    (point.id, point.options[option % point.options.len()].id)
                })
                .collect();
            let mut unlisted = Profile::new(Choices::FIRST);
            choose(&mut unlisted.choices, &points);
            if listed { latest(&points) } else { unlisted }
        }
    }

    proptest! {
        #[test]
        fn a_denied_action_changes_nothing(
            profile in any_profile(),
            steps in proptest::collection::vec(any_step(), 1..40),
        ) {
            let revokes = PointId::find("revocation.rejected_event").unwrap();
            let revokes = profile.choices.get(revokes) == "revokes";
            let mut subject = ReferenceSubject::new(profile, SCOPE);
            for step in steps {
                let before = subject.abstraction();
                let kept = subject.clone();
                let observation = subject.take(&step);
                prop_assert_eq!(kept.abstraction(), before, "a clone changed with {:?}", step);
                if !observation.decision.allows() && !revokes {
                    prop_assert_eq!(subject.abstraction(), before, "{:?}", step);
                }
            }
        }

        #[test]
        fn no_guest_is_joined_where_guests_may_not_join(
            steps in proptest::collection::vec(any_step(), 1..60),
        ) {
            let mut subject = subject_with_guest(latest(&[]));
            for step in steps {
                subject.take(&step);
                let state = subject.abstraction();
                for room in state.rooms {
                    let members = state.accounts.iter().zip(room.members);
                    let joined = members
                        .filter(|(account, _)| account.is_guest())
                        .any(|(_, membership)| membership == Membership::Join);
                    prop_assert!(!joined || room.guest_access == GuestAccess::CanJoin, "{step:?}");
                }
            }
        }
    }
}
