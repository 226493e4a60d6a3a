//! One scenario on the server under test: the room, and the steps.

mod ours;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use guest_access_rules::endpoint::{EndpointId, KNOWN};
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};
use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::federation::{Event, FederationError, Room, join};
use crate::subject::server::{
    NotRunKind, NotRunReason, Request, Response, ServerError, Token, UserAccount,
};

use super::Context;
use super::answer::Answer;
use super::scenario::{FederatedScenario, Label, Sender, Step};
use super::set_up::NeighbourError;
use super::step_error::StepError;

/// The pause between two looks at something that may still change.
const PAUSE: Duration = Duration::from_millis(30);
/// How long to wait for an event to reach the other server, beside the time to settle. Servers send and
/// take in events when they find the time.
pub(super) const DELIVERY: Duration = Duration::from_secs(10);

/// What came of a scenario.
#[derive(Debug)]
pub(super) struct ScenarioRun {
    pub(super) scenario: &'static FederatedScenario,
    /// For each judged step what was observed, or why nothing was.
    pub(super) observed: Vec<Result<Answer, NotRunReason>>,
    /// The error of a homeserver that may be gone.
    pub(super) broken: Option<ServerError>,
}

impl ScenarioRun {
    /// The run of a scenario that did not start.
    pub(super) fn not_started(scenario: &'static FederatedScenario, why: &NotRunReason) -> Self {
        let judged = scenario.steps.iter().filter(|step| FederatedScenario::is_judged(step));
        let observed = judged.map(|_| Err(why.clone())).collect();
        Self { scenario, observed, broken: None }
    }
}

/// A scenario that is being run.
pub(super) struct Session<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) room: OwnedRoomId,
    pub(super) guests: Vec<UserAccount>,
    /// The events with names.
    pub(super) events: RefCell<BTreeMap<Label, OwnedEventId>>,
    /// The events of our server.
    made: RefCell<BTreeMap<Label, Event>>,
    /// The events of our server that the server under test has.
    delivered: RefCell<BTreeSet<OwnedEventId>>,
    senders: Vec<Sender>,
    ours_joined: Cell<bool>,
    /// When the scenario began, in milliseconds since 1970. Each event of ours is a little later.
    now: Cell<u64>,
}

#[derive(Deserialize)]
struct CreatedRoom {
    room_id: OwnedRoomId,
}

#[derive(Deserialize)]
struct SentEvent {
    event_id: OwnedEventId,
}

pub(super) fn endpoint(id: &str) -> EndpointId {
    EndpointId::find(id).expect("the table lists the endpoints that are called by name")
}

/// Checks that events go both ways between the servers.
///
/// # Errors
/// If they do not, with the setting that may be the cause.
pub(super) async fn check(context: &Context<'_>) -> Result<(), NeighbourError> {
    /// Nothing but a room in which our server is.
    static PROBE: FederatedScenario = FederatedScenario {
        id: "probe",
        about: "",
        visibility: HistoryVisibility::Shared,
        guest_access: GuestAccess::Forbidden,
        ours_joined: false,
        steps: &[],
    };
    let neighbour = context.neighbour;
    let url = &neighbour.target.url;
    if let Err(error) = neighbour.client.version(url).await {
        let (url, why) = (url.clone(), error.to_string());
        return Err(NeighbourError::NoFederation { url, why });
    }
    let session = Session::begin(context, &PROBE).await.map_err(|error| match error.broken {
        Some(error) => NeighbourError::Server(error),
        None => NeighbourError::NotAdmitted { name: neighbour.name(), why: error.reason.because },
    })?;
    let name = neighbour.name();
    let user = neighbour.user(Sender::Moderator);
    let joined =
        join(&neighbour.homeserver, &neighbour.client, &neighbour.target, &session.room, &user);
    if let Err(error) = joined.await {
        let why = match &error {
            FederationError::Refused { message: Some(message), .. } => {
                format!("{error}: {message}")
            }
            _ => error.to_string(),
        };
        return Err(NeighbourError::NotAdmitted { name, why });
    }
    // The session does not know of the join, so it does not wait for the message itself.
    let after = context.options.settle + DELIVERY;
    let sent = session.local_message().await;
    let sent = sent.map_err(|error| NeighbourError::NotAdmitted {
        name: name.clone(),
        why: error.reason.because,
    })?;
    if !session.arrived(&sent).await {
        return Err(NeighbourError::NotSent { name, after });
    }
    session.end().await;
    Ok(())
}

/// Runs a scenario.
pub(super) async fn run(
    context: &Context<'_>,
    scenario: &'static FederatedScenario,
) -> ScenarioRun {
    let session = match Session::begin(context, scenario).await {
        Ok(session) => session,
        Err(error) => {
            let mut run = ScenarioRun::not_started(scenario, &error.reason);
            run.broken = error.broken;
            return run;
        }
    };
    let mut run = ScenarioRun { scenario, observed: Vec::new(), broken: None };
    for step in scenario.steps {
        let is_judged = FederatedScenario::is_judged(step);
        match session.take(step).await {
            Ok(answer) => run.observed.extend(answer.filter(|_| is_judged).map(Ok)),
            Err(error) => {
                run.broken = error.broken;
                // What follows a step that could not be taken says nothing.
                let done = run.observed.len();
                let rest = ScenarioRun::not_started(scenario, &error.reason).observed;
                run.observed.extend(rest.into_iter().skip(done));
                break;
            }
        }
    }
    if run.broken.is_none() {
        session.end().await;
    }
    run
}

impl<'a> Session<'a> {
    /// Makes the room, registers the guests, and lets the others join.
    async fn begin(
        context: &'a Context<'a>,
        scenario: &'static FederatedScenario,
    ) -> Result<Self, StepError> {
        let Context { server, fixture, neighbour, .. } = context;
        let mut guests = Vec::new();
        for _ in 0..scenario.guests() {
            guests.push(server.register_guest().await?);
        }
        let senders = scenario.senders();
        let powers = senders
            .iter()
            .map(|sender| (neighbour.user(*sender).to_string(), json!(sender.power())));
        let mut powers: serde_json::Map<String, Value> = powers.collect();
        let state = |kind: &str, content: Value| json!({ "type": kind, "state_key": "", "content": content });
        let version = context.room_version().ok_or_else(|| {
            StepError::new(
                NotRunKind::SetUp,
                "the homeserver offers neither room version 11 nor 10",
            )
        })?;
        // Where the creator has all power, no power levels may name it.
        let rules = version.rules();
        if !rules.is_some_and(|rules| rules.authorization.explicitly_privilege_room_creators) {
            powers.insert(fixture.moderator.user_id.to_string(), json!(100));
        }
        let body = json!({
            "room_version": version,
            "preset": "public_chat",
            "initial_state": [
                state("m.room.guest_access", json!({ "guest_access": scenario.guest_access })),
                state(
                    "m.room.history_visibility",
                    json!({ "history_visibility": scenario.visibility }),
                ),
            ],
            "power_level_content_override": { "users": powers },
        });
        let request = Request::to(endpoint("POST /createRoom"), []).body(body);
        let token = &fixture.moderator.token;
        let response = server.client().send(&request, Some(token)).await?;
        let CreatedRoom { room_id: room } = allowed(&response)?.json()?;
        let session = Self {
            context,
            room,
            guests,
            events: RefCell::default(),
            made: RefCell::default(),
            delivered: RefCell::default(),
            senders,
            ours_joined: Cell::new(false),
            now: Cell::new(MilliSecondsSinceUnixEpoch::now().get().into()),
        };
        allowed(&session.join_locally(&fixture.user.token).await?)?;
        if scenario.ours_joined {
            session.ours_join().await?;
        }
        Ok(session)
    }

    /// Leaves the room, unless it is kept.
    async fn end(&self) {
        let Context { server, fixture, neighbour, options } = self.context;
        if !options.keep {
            for guest in &self.guests {
                let request = Request::to(KNOWN.leave, [self.room.as_str()]).body(json!({}));
                // The guest may have left.
                let _ = server.client().send(&request, Some(&guest.token)).await;
            }
            server.leave_for_good(fixture, &self.room).await;
        }
        neighbour.homeserver.lock().forget_room(&self.room);
    }

    /// Takes a step. Returns what was observed at a judged step.
    async fn take(&self, step: &'static Step) -> Result<Option<Answer>, StepError> {
        match step {
            Step::GuestJoins(guest) => return self.guest_joins(*guest).await.map(Some),
            Step::LocalMessage(label) => {
                let sent = self.local_message().await?;
                self.events.borrow_mut().insert(label, sent);
            }
            Step::LocalGuestAccess(value) => {
                let path = [self.room.as_str(), "m.room.guest_access", ""];
                let content = json!({ "guest_access": value });
                let request = Request::to(KNOWN.put_state, path).body(content);
                self.sent_locally(&request).await?;
            }
            Step::LocalGuestAccessRedaction => {
                let current = self.with_room(|room| {
                    let state = room.state().ok()?;
                    let event = room.in_state(&state, "m.room.guest_access", "")?;
                    Some(event.id().to_string())
                })?;
                let none = || StepError::new(NotRunKind::SetUp, "the room has no guest access");
                let current = current.ok_or_else(none)?;
                let path = [self.room.as_str(), &current, &transaction_id()];
                self.sent_locally(&Request::to(KNOWN.redact, path).body(json!({}))).await?;
            }
            Step::Make(made) => self.make(made)?,
            Step::Deliver(labels) => self.deliver(labels).await?,
            Step::OursJoin => self.ours_join().await?,
            Step::OursLeave => self.ours_leave().await?,
            Step::Ask(question, _) => return self.observe(*question).await.map(Some),
        }
        Ok(None)
    }

    /// A call by a client of the server under test.
    pub(super) async fn call(
        &self,
        request: &Request,
        token: &Token,
    ) -> Result<Response, StepError> {
        Ok(self.context.server.client().send(request, Some(token)).await?)
    }

    async fn join_locally(&self, token: &Token) -> Result<Response, StepError> {
        let request = Request::to(KNOWN.join, [self.room.as_str()]).body(json!({}));
        self.call(&request, token).await
    }

    async fn guest_joins(&self, guest: u8) -> Result<Answer, StepError> {
        let account = self.guest(guest)?;
        let response = self.join_locally(&account.token).await?;
        if response.allows() {
            let user = account.user_id.clone();
            if self.ours_joined.get() {
                // Otherwise our next event would not follow the join.
                self.within(DELIVERY, || self.our_membership(&user).as_deref() == Some("join"))
                    .await;
            }
            return Ok(Answer::Allowed);
        }
        Ok(Answer::Denied { status: response.status, errcode: response.errcode() })
    }

    pub(super) fn guest(&self, guest: u8) -> Result<&UserAccount, StepError> {
        let none = || StepError::new(NotRunKind::SetUp, "the guest is not registered");
        self.guests.get(usize::from(guest)).ok_or_else(none)
    }

    /// The moderator on the server under test sends a message.
    async fn local_message(&self) -> Result<OwnedEventId, StepError> {
        let path = [self.room.as_str(), "m.room.message", &transaction_id()];
        let content = json!({ "msgtype": "m.text", "body": "a message" });
        self.sent_locally(&Request::to(KNOWN.send, path).body(content)).await
    }

    /// The moderator on the server under test sends an event, which our server has to get if it is there.
    async fn sent_locally(&self, request: &Request) -> Result<OwnedEventId, StepError> {
        let response = self.call(request, &self.context.fixture.moderator.token).await?;
        let SentEvent { event_id } = allowed(&response)?.json()?;
        if self.ours_joined.get() && !self.arrived(&event_id).await {
            return Err(StepError::new(
                NotRunKind::EffectUnseen,
                "the server under test did not send an event of the room to ours",
            ));
        }
        Ok(event_id)
    }

    /// Waits until our server has the event.
    async fn arrived(&self, id: &OwnedEventId) -> bool {
        let patience = self.context.options.settle + DELIVERY;
        self.within(patience, || self.with_room(|room| room.event(id).is_some()).unwrap_or(false))
            .await
    }

    /// Waits until `holds`.
    pub(super) async fn within(&self, patience: Duration, holds: impl Fn() -> bool) -> bool {
        let until = Instant::now() + patience;
        while !holds() {
            if Instant::now() >= until {
                return false;
            }
            tokio::time::sleep(PAUSE).await;
        }
        true
    }

    /// Our own graph of the room.
    pub(super) fn with_room<T>(&self, look: impl FnOnce(&Room) -> T) -> Result<T, StepError> {
        let homeserver = self.context.neighbour.homeserver.lock();
        Ok(look(homeserver.room(&self.room)?))
    }

    /// The membership of a user in our own graph of the room.
    pub(super) fn our_membership(&self, user: &OwnedUserId) -> Option<String> {
        let look = |room: &Room| {
            let state = room.state().ok()?;
            let member = room.in_state(&state, "m.room.member", user.as_str())?;
            member.content_text("membership").map(str::to_owned)
        };
        self.with_room(look).ok().flatten()
    }
}

/// An id that no other transaction has.
fn transaction_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}

/// The response to a call that the scenario needs.
fn allowed(response: &Response) -> Result<&Response, StepError> {
    if response.allows() {
        return Ok(response);
    }
    let because = format!("a call that the scenario needs was refused: {}", response.in_short());
    Err(StepError::new(NotRunKind::Refused, because))
}
