//! What our server does in a scenario: it joins and leaves, makes events and sends them.

use std::collections::BTreeSet;
use std::time::Instant;

use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::vocabulary::GuestAccess;
use ruma::events::TimelineEventType;
use ruma::{OwnedEventId, OwnedUserId};
use serde_json::{Value, json};

use crate::federation::{Event, EventDraft, EventStanding, Room, join, leave, send_events};
use crate::neighbour::scenario::{After, Content, Label, Made, Sender, Standing};
use crate::neighbour::step_error::StepError;
use crate::subject::server::{NotRunKind, Request};

use super::{DELIVERY, PAUSE, Session};

/// How far an event is dated back, in milliseconds.
const BACK: u64 = 10_000;

impl Session<'_> {
    /// Our users join.
    pub(super) async fn ours_join(&self) -> Result<(), StepError> {
        let neighbour = self.context.neighbour;
        for sender in &self.senders {
            let user = neighbour.user(*sender);
            let (homeserver, client) = (&neighbour.homeserver, &neighbour.client);
            join(homeserver, client, &neighbour.target, &self.room, &user).await?;
        }
        self.ours_joined.set(true);
        Ok(())
    }

    /// Our users leave.
    pub(super) async fn ours_leave(&self) -> Result<(), StepError> {
        let neighbour = self.context.neighbour;
        self.ours_joined.set(false);
        for sender in &self.senders {
            let user = neighbour.user(*sender);
            let (homeserver, client) = (&neighbour.homeserver, &neighbour.client);
            leave(homeserver, client, &neighbour.target, &self.room, &user).await?;
        }
        Ok(())
    }

    /// Our server makes an event. Checks on our own graph that the rules of the room make of it what the
    /// scenario says.
    pub(super) fn make(&self, made: &'static Made) -> Result<(), StepError> {
        let neighbour = self.context.neighbour;
        let mut homeserver = neighbour.homeserver.lock();
        let room = homeserver.room_mut(&self.room)?;
        let prev = match made.after {
            After::Everything => room.next_prev_events(),
            After::Beside(other) => match self.made.borrow().get(other) {
                Some(event) => event.prev_events().to_vec(),
                None => {
                    return Err(StepError::new(NotRunKind::SetUp, "the other event is missing"));
                }
            },
        };
        let sent_at = self.tick(room) - if made.dated_back { BACK } else { 0 };
        let draft =
            draft(room, made, neighbour.user(made.by), &neighbour.user(Sender::Helper), sent_at)?;
        let event = room.place(neighbour.client.identity(), &draft, &prev)?;
        let standing = room.receive(event.clone())?;
        let current =
            room.in_state(&room.state()?, &draft.kind, "").map(|event| event.id().clone());
        let is_current = current.as_ref() == Some(event.id());
        let is_setting = draft.state_key.is_some();
        let is_as_said = match made.standing {
            Standing::Counts => standing == EventStanding::Accepted && is_current == is_setting,
            Standing::LosesTo(_) | Standing::NoSetting => {
                standing == EventStanding::Accepted && !is_current
            }
            Standing::SoftFailed => standing == EventStanding::SoftFailed,
            Standing::Rejected => standing == EventStanding::Rejected,
        };
        if !is_as_said {
            let why = format!("on our own graph, {} is not what the scenario says", made.event);
            return Err(StepError::new(NotRunKind::SetUp, why));
        }
        self.events.borrow_mut().insert(made.event, event.id().clone());
        self.made.borrow_mut().insert(made.event, event);
        Ok(())
    }

    /// Our server sends events, and waits until the server under test has taken them in.
    ///
    /// A message follows the events. Servers take in the events of a room one after the other. So the server
    /// under test has done with the events, and with what they cause, when its moderator sees the message.
    pub(super) async fn deliver(&self, labels: &[Label]) -> Result<(), StepError> {
        let made = |label| self.made.borrow().get(label).cloned();
        let events: Vec<_> = labels.iter().filter_map(made).collect();
        self.send(&events).await?;
        for event in &events {
            self.note_delivered(event);
        }
        let message = self.message()?;
        self.send(std::slice::from_ref(&message)).await?;
        let not_taken_in = |what: &str| {
            let why = format!("the server under test did not take in {what}");
            Err(StepError::new(NotRunKind::EffectUnseen, why))
        };
        if !self.is_seen(message.id()).await? {
            return not_taken_in("a message after the events");
        }
        for event in &events {
            let standing = self.with_room(|room| room.standing(event.id()))?;
            // A server need not show a redaction that redacts nothing.
            let has_to_show = standing == Some(EventStanding::Accepted)
                && *event.kind() != TimelineEventType::RoomRedaction;
            if has_to_show && !self.is_seen(event.id()).await? {
                return not_taken_in("an event that it has to accept");
            }
        }
        Ok(())
    }

    /// The time of our next event. It is later than every event of the room, also if the clock of the server
    /// under test is ahead: state resolution looks at the times where branches meet.
    fn tick(&self, room: &Room) -> u64 {
        self.now.set(self.now.get().max(room.latest_time()) + 1);
        self.now.get()
    }

    /// Notes that the server under test has an event, and asks for those before it.
    fn note_delivered(&self, event: &Event) {
        if self.delivered.borrow_mut().insert(event.id().clone()) {
            let made = self.made.borrow();
            let is_before = |other: &&Event| event.prev_events().contains(other.id());
            made.values().filter(is_before).for_each(|before| self.note_delivered(before));
        }
    }

    async fn send(&self, events: &[Event]) -> Result<(), StepError> {
        let neighbour = self.context.neighbour;
        let _turn = neighbour.turn.lock().await;
        send_events(&neighbour.client, &neighbour.target, events).await?;
        Ok(())
    }

    /// A message of our moderator, after everything that the server under test has.
    fn message(&self) -> Result<Event, StepError> {
        let neighbour = self.context.neighbour;
        let mut homeserver = neighbour.homeserver.lock();
        let room = homeserver.room_mut(&self.room)?;
        let sent_at = self.tick(room);
        let draft = EventDraft {
            sender: neighbour.user(Sender::Moderator),
            kind: "m.room.message".to_owned(),
            state_key: None,
            content: json!({ "msgtype": "m.text", "body": "a later message" }),
            redacts: None,
            sent_at,
        };
        let delivered = self.delivered.borrow();
        let made = self.made.borrow();
        let kept = made.values().map(|event| event.id().clone());
        let kept: BTreeSet<_> = kept.filter(|id| !delivered.contains(id)).collect();
        let prev = room.tips_without(&kept);
        let event = room.place(neighbour.client.identity(), &draft, &prev)?;
        room.receive(event.clone())?;
        Ok(event)
    }

    /// Whether the moderator on the server under test sees the event, now or soon.
    async fn is_seen(&self, id: &OwnedEventId) -> Result<bool, StepError> {
        let request = Request::to(KNOWN.event, [self.room.as_str(), id.as_str()]);
        let until = Instant::now() + self.context.options.settle + DELIVERY;
        loop {
            let response = self.call(&request, &self.context.fixture.moderator.token).await?;
            if response.allows() || Instant::now() >= until {
                return Ok(response.allows());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The draft of an event.
fn draft(
    room: &Room,
    made: &Made,
    sender: OwnedUserId,
    helper: &OwnedUserId,
    sent_at: u64,
) -> Result<EventDraft, StepError> {
    let mut redacts = None;
    let empty = || Some(String::new());
    let access = |value: GuestAccess| json!({ "guest_access": value });
    let (kind, state_key, content) = match made.what {
        Content::GuestAccess(value) => ("m.room.guest_access", empty(), access(value)),
        Content::GuestAccessElsewhere(value) => {
            ("m.room.guest_access", Some("elsewhere".to_owned()), access(value))
        }
        Content::GuestAccessMessage(value) => ("m.room.guest_access", None, access(value)),
        Content::GuestAccessRedaction => {
            let state = room.state()?;
            let current = room.in_state(&state, "m.room.guest_access", "");
            redacts = current.map(|event| event.id().clone());
            ("m.room.redaction", None, json!({}))
        }
        Content::Visibility(value) => {
            ("m.room.history_visibility", empty(), json!({ "history_visibility": value }))
        }
        Content::Message => {
            ("m.room.message", None, json!({ "msgtype": "m.text", "body": "a message" }))
        }
        Content::Demotion => {
            let state = room.state()?;
            let levels = room.in_state(&state, "m.room.power_levels", "");
            let levels = levels.and_then(|event| event.json().get("content").cloned());
            let mut content: Value = levels.map_or_else(|| json!({}), Into::into);
            // The server under test gave this event: it may have any form.
            let users = content.get_mut("users").and_then(Value::as_object_mut);
            let users = users.ok_or_else(|| {
                StepError::new(NotRunKind::SetUp, "the room's power levels name no users")
            })?;
            users.insert(helper.to_string(), json!(0));
            ("m.room.power_levels", empty(), content)
        }
    };
    Ok(EventDraft { sender, kind: kind.to_owned(), state_key, content, redacts, sent_at })
}
