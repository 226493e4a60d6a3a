//! The reference homeserver as a subject of the model's steps.
//!
//! Every step becomes the call that it stands for, made by a concrete user with a concrete token,
//! and what came of it is read off the answer as a client would read it. The abstract state is read
//! off the accounts and the timelines.

mod abstraction;
mod accounts;
mod acting;
mod people;
mod reading;
mod sending;

use std::sync::Arc;

use guest_access_model::profile::Profile;
use guest_access_model::state::{Scope, State};
use guest_access_model::step::{Answer as Held, Observation, Place, Step, Subject};
use guest_access_model::vocabulary::{Decision, ErrCode};
use ruma::api::client::account::register;
use ruma::{OwnedEventId, OwnedRoomId, UserId, owned_room_id};

use crate::reference::{Answer, Event, Reference, Refusal, Room};

use people::{People, Person};

/// The reference homeserver, with the moderator, the ordinary user and the rooms of the model in
/// it, and knowing which of its users are the model's guests.
#[derive(Debug, Clone)]
pub struct ReferenceSubject {
    reference: Reference,
    scope: Scope,
    people: Arc<People>,
    rooms: Arc<[OwnedRoomId]>,
    /// The tagged event, once it was sent.
    tagged: Option<OwnedEventId>,
}

impl ReferenceSubject {
    /// The reference homeserver under `profile`, in the model's first state: the moderator has
    /// created the rooms of `scope`, without any setting and open to everyone, and the ordinary
    /// user is joined to them.
    pub fn new(profile: impl Into<Arc<Profile>>, scope: Scope) -> Self {
        let mut reference = Reference::new(profile);
        let mut request = register::v3::Request::new();
        request.username = Some("moderator".to_owned());
        request.password = Some("password".to_owned());
        let moderator = reference.register(&request);
        let moderator = expected(moderator, "the name is free on a new server");
        let user = expected(
            reference.sign_on("user"),
            "the name is free on a new server",
        );
        let people = People::new(Person::registered(moderator), Person::registered(user));

        let rooms: Vec<_> = (0..scope.rooms)
            .map(|number| {
                let alias = format!("room-{number}");
                let room = reference.found_room(&people.moderator.user_id, &alias);
                reference.add_member(&room, &people.user.user_id);
                room
            })
            .collect();
        Self {
            reference,
            scope,
            people: Arc::new(people),
            rooms: rooms.into(),
            tagged: None,
        }
    }

    /// The homeserver itself.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The room of which the tagged event is one, if there is any room.
    fn first_room(&self) -> Option<&Room> {
        self.rooms.first().and_then(|id| self.reference.room(id))
    }

    /// The id of the room at `place`; that of a room elsewhere, if there is none.
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
    fn take(&mut self, step: &Step) -> Observation {
        let place = self.first_room().map_or(0, Room::len);
        let observation = self.act(step);
        if step.tag && self.tagged.is_none() && observation.decision.allows() {
            self.tag(place);
        }
        observation
    }

    fn abstraction(&self) -> State {
        self.describe()
    }
}

/// What came of a call, with what `held` reads off the response.
fn observe<T>(answer: Answer<T>, held: impl FnOnce(T) -> Held) -> Observation {
    match answer {
        Ok(granted) => Observation {
            decision: granted.decision,
            answer: held(granted.response),
        },
        Err(Refusal(decision)) => Observation {
            decision,
            answer: Held::Nothing,
        },
    }
}

/// What came of a call whose response holds nothing that the rules speak of.
fn observe_only<T>(answer: Answer<T>) -> Observation {
    observe(answer, |_| Held::Nothing)
}

/// What comes of a step that cannot happen.
fn cannot_happen() -> Observation {
    let because = "the step cannot happen in this state";
    let decision = Decision::deny(400, ErrCode::InvalidParam, &[], because);
    Observation {
        decision,
        answer: Held::Nothing,
    }
}

fn expected<T>(answer: Answer<T>, because: &str) -> T {
    answer.expect(because).response
}
