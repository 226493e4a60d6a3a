//! The events of a trace: who is given each event, and by which calls.
//!
//! The model follows one event at a time, in its first room. So the trace is taken once for each event:
//!
//! 1. Exchange the rooms, if the event is one of the second room. Rooms are interchangeable.
//! 2. Tag the event. The model tags no ban, no unban and no knock, and the event of each is tagged here as
//!    other member events are. Another event that the model cannot tag stands for a message: a message of
//!    the moderator is tagged immediately before it, which the same readers may see.
//! 3. Take the steps. Each read says whether it gives the tagged event.
//! 4. After the last step, let each guest call every endpoint that gives events of the room.

use guest_access_model::action::{Action, Actor, Answer, Key, Message, Operation, Place};
use guest_access_model::actions::actions;
use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::state::{Account, Kind, Scope, State, Tagged};
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::{guest_name, room_name, sentence};
use serde::Serialize;

/// An event of the trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventReport {
    /// The index of the step that sent the event.
    pub step: usize,
    /// The room of the event.
    pub room: String,
    /// The step in words.
    pub sentence: String,
    /// The history visibility before the event.
    pub history_visibility: &'static str,
    /// Each guest, and whether the guest may see the event after the last step.
    pub readers: Vec<Reader>,
}

/// A guest, and whether the guest may see an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reader {
    /// The guest.
    pub guest: String,
    /// Whether some call gives the event to the guest. `None` if the guest has no live account.
    pub sees: Option<bool>,
    /// The endpoints that give the event.
    pub by: Vec<String>,
    /// Why the event is not given, as the end of a sentence.
    pub because: Option<&'static str>,
    /// The clauses of the reason.
    pub clauses: Vec<&'static str>,
}

/// Whether a read of the trace gave an event.
pub(super) struct Given {
    /// The index of the step that reads.
    pub(super) read: usize,
    /// The index of the step that sent the event.
    pub(super) event: usize,
    /// Whether the answer has the event.
    pub(super) given: bool,
}

/// Follows each event of the trace under `rules`. `happens` says of each action whether it can happen, and the state
/// after it.
pub(super) fn follow(
    rules: &Rules,
    trace: &[Action],
    happens: &[(bool, State)],
    scope: Scope,
) -> (Vec<EventReport>, Vec<Given>) {
    let profile = &rules.profile();
    let reads: Vec<_> = actions(Scope { guests: scope.guests, rooms: 1 }, &[profile])
        .into_iter()
        .filter(|action| matches!(action.operation, Operation::Read(_)))
        .filter(|action| action.place != Place::Elsewhere && action.by.guest().is_some())
        .collect();
    let (mut events, mut given) = (Vec::new(), Vec::new());
    for (index, action) in trace.iter().enumerate().filter(|(index, _)| happens[*index].0) {
        let Some(room) = action.room() else { continue };
        let before = match index {
            0 => initial(profile),
            _ => happens[index - 1].1,
        };
        let Some(run) = TaggedRun::of(profile, trace, index, room) else { continue };
        given.extend(run.reads.iter().map(|(read, gave)| Given {
            read: *read,
            event: index,
            given: *gave,
        }));
        let visibility = before.rooms[room].visibility;
        let readers =
            scope.guests().map(|guest| Reader::new(rules, profile, &run.last, guest, &reads));
        events.push(EventReport {
            step: index,
            room: room_name(room),
            sentence: sentence(action),
            history_visibility: visibility.map_or("unreadable", |value| value.as_str()),
            readers: readers.collect(),
        });
    }
    (events, given)
}

/// The trace, taken with one tagged event.
struct TaggedRun {
    /// The later steps that read, by index, and whether each gave the event.
    reads: Vec<(usize, bool)>,
    /// The state after the last step.
    last: State,
}

impl TaggedRun {
    /// Takes the trace, and tags the event of the action with this index. `None` if the action sends no
    /// event that readers may see.
    fn of(profile: &Profile, trace: &[Action], index: usize, room: usize) -> Option<Self> {
        let mut state = initial(profile);
        let mut reads = Vec::new();
        for (number, action) in trace.iter().enumerate() {
            let action = with_room_first(action, room);
            if number == index {
                state = tagged(profile, &state, &action)?;
                continue;
            }
            let Some(outcome) = outcome(profile, &state, &action) else { continue };
            let is_about = matches!(action.place, Place::Room(0) | Place::Nowhere);
            if let Operation::Read(_) = action.operation
                && number > index
                && is_about
            {
                reads.push((number, gives_the_event(&outcome)));
            }
            state = outcome.next;
        }
        Some(Self { reads, last: state })
    }
}

/// The state after the action, whose event is tagged.
fn tagged(profile: &Profile, state: &State, action: &Action) -> Option<State> {
    let sent = outcome(profile, state, action)?;
    if !sent.observation.decision.allows() {
        return None;
    }
    if let Some(tagged) = outcome(profile, state, &action.tagged()) {
        return tagged.next.tagged.is_some().then_some(tagged.next);
    }
    if is_another_member_event(action.operation) {
        let mut next = sent.next;
        let mut event = Tagged::between(Kind::Member, &state.rooms[0], &next.rooms[0]);
        event.note_joined(&next.rooms[0].members);
        next.tagged = Some(event);
        return Some(next);
    }
    stands_for_a_message(action.operation).then_some(())?;
    let message = Action::new(Actor::Moderator, Operation::Send(Message::Message)).at(0).tagged();
    let before = outcome(profile, state, &message)?.next;
    Some(outcome(profile, &before, action)?.next)
}

/// Whether the operation sends a member event that the model does not tag.
fn is_another_member_event(operation: Operation) -> bool {
    matches!(operation, Operation::Ban(_) | Operation::Unban(_) | Operation::Knock(_))
}

/// Whether the same readers may see the event of the operation as a message that is sent immediately
/// before it. The event has to change neither the history visibility nor who is joined or invited.
fn stands_for_a_message(operation: Operation) -> bool {
    match operation {
        Operation::Send(_) | Operation::SetGuestAccess(..) | Operation::SetJoinRule(_) => true,
        Operation::SetVisibility(_, key) => key != Key::Empty,
        _ => false,
    }
}

/// The action, with this room as the first one.
fn with_room_first(action: &Action, room: usize) -> Action {
    let place = match action.place {
        Place::Room(number) if usize::from(number) == room => Place::Room(0),
        Place::Room(0) => Place::Room(u8::try_from(room).unwrap_or_default()),
        place => place,
    };
    Action { place, ..*action }
}

fn gives_the_event(outcome: &Outcome) -> bool {
    outcome.observation.answer == Answer::Gave { tagged: true }
}

impl Reader {
    fn new(rules: &Rules, profile: &Profile, state: &State, guest: u8, reads: &[Action]) -> Self {
        let name = guest_name(guest.into());
        let account: Account = state.accounts[usize::from(guest)];
        if !account.is_live() {
            let because = Some(match account {
                Account::Absent => "there is no account yet",
                _ => "the account has no live token",
            });
            return Self { guest: name, sees: None, by: Vec::new(), because, clauses: Vec::new() };
        }
        let own = reads.iter().filter(|read| read.by == Actor::Guest(guest));
        let gives = |read: &&Action| {
            outcome(profile, state, read).is_some_and(|outcome| gives_the_event(&outcome))
        };
        let by: Vec<_> = own
            .filter(gives)
            .filter_map(|read| read.operation.endpoint())
            .map(|endpoint| endpoint.to_string())
            .collect();
        if !by.is_empty() {
            return Self { guest: name, sees: Some(true), by, because: None, clauses: Vec::new() };
        }
        // The endpoint that gives one event says why the event is not given.
        let event = Action::new(Actor::Guest(guest), Operation::Read(KNOWN.event)).at(0);
        let decision = outcome(profile, state, &event).map(|outcome| outcome.observation.decision);
        Self {
            guest: name,
            sees: Some(false),
            by,
            because: decision.map(|decision| decision.because),
            clauses: decision.map_or_else(Vec::new, |decision| rules.in_force(decision.clauses)),
        }
    }
}
