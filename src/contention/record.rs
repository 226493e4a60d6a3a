//! The recorder: lets several clients call a homeserver at once, in rounds.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::future::join_all;
use guest_access_model::action::{Action, Actor, Operation, Setting};
use guest_access_model::decide::initial;
use guest_access_model::stop::Stop;
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::Membership;
use guest_access_scenarios::scenario::{WrittenAction, guest_name};

use crate::subject::server::{
    CallContext, CallResult, CallVerdict, Needs, NotRunReason, RoomSettings, Server, ServerError,
    Session, SharedFixture, Token, UserAccount,
};

use super::check::Checker;
use super::chooser::{ChosenCall, EventChoice, GUESTS, endings, next, prelude, role};
use super::recording::{
    self, FORMAT, RecordedAnswer, RecordedCall, Recording, RecordingHeader, Round, RoundEnd,
    Software, sends,
};

/// The options of a recording.
#[derive(Debug, Clone)]
pub struct RecordOptions {
    /// The number of clients.
    pub clients: u32,
    /// The time after which no further round begins. There is at least one round.
    pub time: Duration,
    /// The number of calls of a round for each client. A free client makes the next call, so that slow
    /// calls overlap other calls until the end.
    pub length: usize,
    /// The seed of the random choices.
    pub seed: u64,
    /// The time to wait for effects that the homeserver applies after its answer.
    pub settle: Duration,
    /// Whether the users stay in the rooms afterwards.
    pub keep: bool,
    /// Tells the recorder to stop early.
    pub stop: Stop,
}

/// The result of recording a homeserver.
#[derive(Debug)]
pub struct RecordingRun {
    /// The recording.
    pub recording: Recording,
    /// Why the recording was broken off, if it was.
    pub broken_off: Option<ServerError>,
    /// The failures that kept calls from having an answer, one for each call.
    pub failures: Vec<NotRunReason>,
}

/// Records the calls of several clients on `server`. The clients use the `given` accounts, and new
/// accounts for the other users. `progress` receives the number of rounds so far.
///
/// # Errors
/// If nothing can be recorded at all: the homeserver registers nobody, or is not there.
pub async fn record(
    rules: &Rules,
    checker: &Checker,
    server: &Server,
    given: &[UserAccount],
    options: &RecordOptions,
    progress: impl Fn(usize),
) -> Result<RecordingRun, ServerError> {
    let fixture = server.fixture(given).await?;
    let software = server.software.clone();
    let about = RecordingHeader {
        format: FORMAT,
        rules: rules.id.clone(),
        server: software.map(|(name, version)| Software { name, version }),
        seed: Some(options.seed),
    };
    let mut recorded = RecordingRun {
        recording: Recording { header: about, rounds: Vec::new() },
        broken_off: None,
        failures: Vec::new(),
    };
    let failures = RefCell::new(Vec::new());
    let until = Instant::now() + options.time;
    for number in 1.. {
        let fixture = &fixture;
        let recorder = Recorder { rules, checker, server, fixture, options, failures: &failures };
        match recorder.round(number).await {
            Ok((round, broken_off)) => {
                recorded.recording.rounds.push(round);
                recorded.broken_off = broken_off.filter(|error| !error.is_stop());
            }
            Err(error) if number == 1 => return Err(error),
            // The time was up within the round, so the round is no evidence.
            Err(error) if error.is_stop() => {}
            Err(error) => recorded.broken_off = Some(error),
        }
        progress(recorded.recording.rounds.len());
        if recorded.broken_off.is_some() || Instant::now() >= until || options.stop.now() {
            break;
        }
    }
    recorded.failures = failures.take();
    Ok(recorded)
}

struct Recorder<'a> {
    rules: &'a Rules,
    checker: &'a Checker,
    server: &'a Server,
    fixture: &'a SharedFixture,
    options: &'a RecordOptions,
    failures: &'a RefCell<Vec<NotRunReason>>,
}

impl Recorder<'_> {
    /// Records a round: the prelude, the concurrent calls, and the final state.
    async fn round(&self, number: u32) -> Result<(Round, Option<ServerError>), ServerError> {
        let RecordOptions { clients, length, seed, settle, keep, .. } = *self.options;
        let mut rng = Rng::with_seed(seed ^ u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let first = initial(&self.rules.profile()).rooms[0];
        let needs = Needs {
            rooms: 1,
            aliases: false,
            streams: true,
            readings: 0,
            unset_guest_access: true,
        };
        let mut session = self.server.session(self.fixture, needs, &first).await?;
        let shared = SharedRound::of(&session, number);
        for (chosen, call) in prelude(&mut rng).into_iter().zip(0_u32..) {
            let result = shared.call(&session, 0, chosen, &format!("0-{call}")).await;
            if let (Some(account), Actor::Guest(guest)) = (result.account, chosen.step.by) {
                session.set_guest(guest, account);
            }
            if let Some(error) = shared.broken.take() {
                return Err(error);
            }
        }
        let calls = length * usize::try_from(clients).unwrap_or(usize::MAX);
        let due = RefCell::new(endings(calls, &mut rng));
        let made = Cell::new(0);
        let (session, rngs) = (session, (0..clients).map(|_| rng.fork()).collect::<Vec<_>>());
        let clients = (1..=clients).zip(rngs).map(async |(client, mut rng)| {
            while made.get() < calls && !shared.is_broken() {
                let call = made.replace(made.get() + 1);
                let chosen = next(role(client), call, &mut due.borrow_mut(), &mut rng);
                shared.call(&session, client, chosen, &format!("{client}-{call}")).await;
            }
        });
        join_all(clients).await;
        self.failures.borrow_mut().append(&mut shared.failures.take());
        let mut round = shared.round(number);
        // The homeserver may apply effects after its answers: wait for an explained final state.
        let may_end = self.checker.final_state_test(&round);
        let is_explained = |members: &[Membership], settings: &RoomSettings| {
            may_end(end(number, members, *settings))
        };
        let quiescent = session.read_until_settled(settle, is_explained).await;
        drop(may_end);
        let broken_off = match quiescent {
            Ok((members, settings)) => {
                round.end = Some(end(number, &members, settings));
                None
            }
            Err(error) => Some(error),
        };
        if broken_off.is_none() && !keep {
            session.leave_first_room(&shared.newest_tokens()).await;
        }
        Ok((round, broken_off))
    }
}

fn end(round: u32, members: &[Membership], settings: RoomSettings) -> RoundEnd {
    let of = |guest: &u8| Some((guest_name((*guest).into()), *members.get(usize::from(*guest))?));
    let (history_visibility, guest_access) = settings;
    let memberships: BTreeMap<_, _> = GUESTS.iter().filter_map(of).collect();
    RoundEnd { round, memberships, history_visibility, guest_access }
}

/// A sent event.
#[derive(Debug, Clone)]
struct SentEvent {
    name: String,
    id: String,
    note: Option<String>,
    setting: Option<Setting>,
}

/// The state that the clients of a round share.
struct SharedRound {
    began: Instant,
    round: u32,
    names: Cell<u32>,
    /// The tokens of each guest, the oldest first.
    tokens: RefCell<BTreeMap<u8, Vec<Token>>>,
    events: RefCell<Vec<SentEvent>>,
    /// The events that were the settings when the round began.
    first: [Option<String>; 2],
    /// The calls so far. The answers of these calls contain event ids, and not yet the names of events.
    calls: RefCell<Vec<RecordedCall>>,
    /// The failures that kept calls from having an answer.
    failures: RefCell<Vec<NotRunReason>>,
    broken: Cell<Option<ServerError>>,
    is_broken: Cell<bool>,
}

impl SharedRound {
    fn of(session: &Session<'_>, round: u32) -> Self {
        Self {
            began: Instant::now(),
            round,
            names: Cell::new(0),
            tokens: RefCell::default(),
            events: RefCell::default(),
            first: session.settings_events(),
            calls: RefCell::default(),
            failures: RefCell::default(),
            broken: Cell::new(None),
            is_broken: Cell::new(false),
        }
    }

    fn is_broken(&self) -> bool {
        self.is_broken.get()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Makes and records a call.
    async fn call(
        &self,
        session: &Session<'_>,
        client: u32,
        chosen: ChosenCall,
        word: &str,
    ) -> CallResult {
        let ChosenCall { step, event: choice, first_token } = chosen;
        let about = choice.and_then(|which| self.chosen_event(which));
        let (token, upgraded) = self.token(&step, first_token);
        let event = sends(step.operation).then(|| {
            self.names.set(self.names.get() + 1);
            format!("e{}", self.names.get())
        });
        let (name, about) = about.map_or((None, None), |(name, id, note)| (name, Some((id, note))));
        let context = CallContext { word: session.unique_name(word), token, about };
        let mut call = RecordedCall {
            round: self.round,
            client,
            step: WrittenAction(step),
            upgraded,
            event: event.clone(),
            about: name,
            start: self.now(),
            end: None,
            answer: None,
            failure: None,
        };
        let result = session.call_once(&step, &context).await;
        let end = self.now();
        let result = match result {
            Ok(result) => result,
            Err(error) => {
                call.failure = Some(error.to_string());
                self.note_failure(&error.not_run());
                let is_gone =
                    matches!(error, ServerError::Unreachable { .. } | ServerError::BrokeOff { .. });
                if is_gone || error.is_stop() {
                    self.is_broken.set(true);
                    self.broken.set(Some(error));
                }
                CallResult::unanswered()
            }
        };
        if let (Some(name), Some((id, note))) = (event, result.sent.clone()) {
            let setting = match step.operation {
                Operation::SetVisibility(..) => Some(Setting::HistoryVisibility),
                Operation::SetGuestAccess(..) => Some(Setting::GuestAccess),
                _ => None,
            };
            self.events.borrow_mut().push(SentEvent { name, id, note, setting });
        }
        if let (Some(account), Actor::Guest(guest)) = (&result.account, step.by) {
            self.tokens.borrow_mut().entry(guest).or_default().push(account.token.clone());
        }
        if let CallVerdict::Inconclusive(reason) = &result.verdict {
            if call.failure.is_none() {
                self.note_failure(reason);
                call.failure = Some(reason.because.clone());
            }
        } else {
            call.end = Some(end);
            call.answer = Some(answer(&result));
        }
        self.calls.borrow_mut().push(call);
        result
    }

    fn note_failure(&self, reason: &NotRunReason) {
        if reason.kind.is_failure() {
            self.failures.borrow_mut().push(reason.clone());
        }
    }

    /// The first or the newest token of a guest, and whether an upgrade gave it.
    fn token(&self, step: &Action, first: bool) -> (Option<Token>, bool) {
        let Actor::Guest(guest) = step.by else { return (None, false) };
        let tokens = self.tokens.borrow();
        let of = tokens.get(&guest).map(Vec::as_slice).unwrap_or_default();
        let token = if first { of.first() } else { of.last() };
        (token.cloned(), !first && of.len() > 1)
    }

    fn newest_tokens(&self) -> Vec<Token> {
        self.tokens.borrow().values().filter_map(|tokens| tokens.last().cloned()).collect()
    }

    /// The name of an event, if the event has one; its id; and the state key of an event of `send state`.
    fn chosen_event(&self, which: EventChoice) -> Option<(Option<String>, String, Option<String>)> {
        let events = self.events.borrow();
        let mut newest = events.iter().rev();
        let found = match which {
            // The newest event is the most likely to race with other calls.
            EventChoice::Any => newest.next(),
            EventChoice::Note => newest.find(|event| event.note.is_some()),
            EventChoice::Setting(setting) => newest.find(|event| event.setting == Some(setting)),
        };
        match (found, which) {
            (Some(event), _) => {
                Some((Some(event.name.clone()), event.id.clone(), event.note.clone()))
            }
            (None, EventChoice::Setting(Setting::HistoryVisibility)) => {
                Some((None, self.first[0].clone()?, None))
            }
            (None, EventChoice::Setting(Setting::GuestAccess)) => {
                Some((None, self.first[1].clone()?, None))
            }
            (None, _) => None,
        }
    }

    /// Returns the round, with names instead of ids of events.
    fn round(&self, number: u32) -> Round {
        let mut calls = self.calls.take();
        let events = self.events.borrow();
        let name = |id: &String| events.iter().find(|event| event.id == *id);
        for gave in calls.iter_mut().filter_map(|call| call.answer.as_mut()?.gave.as_mut()) {
            let mut names: Vec<_> =
                gave.iter().filter_map(name).map(|event| event.name.clone()).collect();
            names.sort_by_key(|name| (name.len(), name.clone()));
            names.dedup();
            *gave = names;
        }
        calls.sort_by_key(|call| (call.start, call.client));
        Round { number, calls, end: None }
    }
}

fn answer(result: &CallResult) -> RecordedAnswer {
    let (verdict, errcode) = match &result.verdict {
        CallVerdict::Denied { errcode, .. } => (recording::AnswerVerdict::Deny, errcode.clone()),
        _ => (recording::AnswerVerdict::Allow, None),
    };
    let CallResult { status, gave, whole, is_guest, .. } = result;
    let (status, gave, whole, is_guest) = (*status, gave.clone(), *whole, *is_guest);
    RecordedAnswer { verdict, status, errcode, gave, whole, is_guest }
}
