//! Compares the answers to one action with what the reference would give.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use guest_access_reference::reference::{Reader, Replica, ReplicaEvent};
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Profile;
use guest_access_rules::variant::Variants;
use guest_access_rules::vocabulary::Membership;
use ruma::OwnedUserId;
use serde_json::Value;

use crate::subject::server::{ReadAnswer, RoomTimeline};

use super::super::content_difference::{
    ContentDifference, ContentFault, ERASED, EventClass, EventKind, MEMBERSHIP_AT_EVENT,
    is_content, is_of_sync, is_state,
};
use super::SessionEvidence;
use super::altered_content::AlteredContent;
use super::answer::{GivenEvent, given, stripped};
use super::coverage::{ContentCheck, ContentCoverage};
use super::event_fields::SaidOfEvents;
use super::facts::Facts;
use super::fault::Fault;
use super::lists::{Due, List, lists};
use super::places::Places;
use super::stream_places::StreamPlaces;

/// The families of decision points that say which events a reader may be given.
const FAMILIES: [&str; 4] = ["history_visibility", "room", "state", "visibility"];
/// The most lengths of a timeline under which one answer is compared.
const MOST_LENGTHS: usize = 6;

/// A reader, and what the reader did before.
#[derive(Debug)]
pub(super) struct AnsweredReader {
    pub(super) reader: Reader,
    /// Whether the reader has asked to forget a room, or forgets each room that it leaves.
    pub(super) may_have_forgotten: bool,
}

/// Compares the answers of a segment with the reference.
pub(super) struct AnswerJudge<'a> {
    variants: &'a Variants,
    timelines: &'a [Option<RoomTimeline>],
    /// The permitted options that may change what a reader is given, alone and in pairs.
    permitted: Vec<Vec<usize>>,
    stream: StreamPlaces<'a>,
    /// The users whose accounts were erased, each with the number of the action.
    erasures: BTreeMap<OwnedUserId, usize>,
    /// The rooms at several lengths, under the default profile.
    replicas: BTreeMap<(usize, usize), Replica>,
}

impl<'a> AnswerJudge<'a> {
    pub(super) fn new(
        variants: &'a Variants,
        evidence: &'a SessionEvidence,
        erasures: BTreeMap<OwnedUserId, usize>,
    ) -> Self {
        let SessionEvidence { answers, timelines, .. } = evidence;
        let concerns = |variant: &usize| FAMILIES.contains(&&*variants.all[*variant].family);
        let single: Vec<usize> = (0..variants.permitted).filter(concerns).collect();
        let mut permitted: Vec<_> = single.iter().map(|variant| vec![*variant]).collect();
        for (number, one) in single.iter().enumerate() {
            let others = single[number + 1..].iter();
            let others = others.filter(|other| !variants.exclude_each_other(*one, **other));
            permitted.extend(others.map(|other| vec![*one, *other]));
        }
        let stream = StreamPlaces::of(answers);
        Self { variants, timelines, permitted, stream, erasures, replicas: BTreeMap::new() }
    }

    /// The differences in the answers about this room that no option permits; `None` without any.
    pub(super) fn differences(
        &mut self,
        room: usize,
        (places, action): (&Places, usize),
        AnsweredReader { reader, may_have_forgotten }: &AnsweredReader,
        answers: &[&ReadAnswer],
        coverage: &mut ContentCoverage,
    ) -> Option<Vec<ContentDifference>> {
        let timeline = self.timelines.get(room)?.as_ref()?;
        let all = (room, self.timelines);
        let stream = (&self.stream, places);
        let mut content = RoomContent::of(timeline, stream, all, answers, coverage);
        content.find_erased(answers, &self.erasures, places);
        if *may_have_forgotten {
            let of_left = [Due::Departure, Due::DepartureEvent];
            content.lists.retain(|list| !of_left.contains(&list.due));
        }
        if content.is_empty() {
            return None;
        }
        let lengths: Vec<usize> = places.at(action).rev().take(MOST_LENGTHS).collect();
        let mut least: Option<(usize, BTreeSet<Fault>)> = None;
        for length in &lengths {
            let replica = self.replica(room, *length)?;
            let (faults, due) = content.faults(replica, reader);
            if faults.is_empty() {
                for (endpoint, section, events) in due {
                    coverage.is_due(endpoint, &section, events);
                }
                return None;
            }
            if least.as_ref().is_none_or(|(_, known)| faults.len() < known.len()) {
                least = Some((*length, faults));
            }
        }
        let (length, mut faults) = least?;
        for variants in &self.permitted {
            let profile = self.variants.profile(variants);
            for length in &lengths {
                let replica = replica(timeline, *length, &profile);
                let (by_variants, _) = content.faults(&replica, reader);
                faults.retain(|fault| by_variants.contains(fault));
                if faults.is_empty() {
                    return None;
                }
            }
        }
        let replica = self.replica(room, length)?;
        let endpoint = answers.first()?.endpoint;
        let differences = faults.into_iter().map(|Fault { fault, section, place }| {
            let is_of_event =
                matches!(fault, ContentFault::Excess | ContentFault::Lack) && !is_content(&section);
            let event = is_of_event.then(|| EventClass {
                kind: EventKind::of(&timeline.events[place], reader),
                visibility: replica.visibility_before(place),
                membership: match replica.membership_before(reader, place) {
                    Membership::Ban => Membership::Leave,
                    membership => membership,
                },
            });
            let (has_joined, sent_by) = (replica.has_joined(reader), places.sender(place));
            let reader = replica.membership(reader);
            ContentDifference { fault, event, section, reader, has_joined, endpoint, sent_by }
        });
        Some(differences.collect())
    }

    fn replica(&mut self, room: usize, length: usize) -> Option<&Replica> {
        let timeline = self.timelines.get(room)?.as_ref()?;
        let default = &self.variants.default;
        let entry = self.replicas.entry((room, length));
        Some(entry.or_insert_with(|| replica(timeline, length, default)))
    }
}

fn replica(timeline: &RoomTimeline, length: usize, profile: &Profile) -> Replica {
    Replica::new(profile.clone(), timeline.id.clone(), &timeline.events[..length])
}

/// What answers give of one room.
struct RoomContent<'a> {
    timeline: &'a RoomTimeline,
    /// The place of the first event that is compared.
    start: usize,
    /// The given events: the section, and the place in the timeline.
    given: BTreeSet<(String, usize)>,
    /// The given events whose content is another than the moderator is given, by the section of the content.
    altered: BTreeMap<(String, usize), AlteredContent>,
    /// The given events of senders whose accounts were erased before.
    erased: Vec<ErasedEvent>,
    /// The lists that have to be whole.
    lists: Vec<List>,
    facts: Facts,
    /// What the answers say of the events.
    said: SaidOfEvents,
    /// For each event of which the answers say something, the places of the events of the same action.
    together: BTreeMap<usize, RangeInclusive<usize>>,
}

impl<'a> RoomContent<'a> {
    fn of(
        timeline: &'a RoomTimeline,
        stream: (&StreamPlaces<'_>, &Places),
        (room, timelines): (usize, &[Option<RoomTimeline>]),
        answers: &[&ReadAnswer],
        coverage: &mut ContentCoverage,
    ) -> Self {
        let start = stream.1.start;
        let is_known = |event: &GivenEvent| {
            timelines.iter().flatten().any(|timeline| timeline.place_of(&event.id).is_some())
        };
        let (mut content, mut altered) = (BTreeSet::new(), BTreeMap::new());
        let (mut said, mut together) = (SaidOfEvents::default(), BTreeMap::new());
        for answer in answers {
            for event in given(answer) {
                if let Some(place) = timeline.place_of(&event.id) {
                    coverage.gives(answer.endpoint, &event.section, true);
                    let how = AlteredContent::between(&event.content, &timeline.events[place]);
                    altered.extend(how.map(|how| ((event.content_section(), place), how)));
                    if said.note(place, &event.fields, &timeline.events[place]) {
                        let section = MEMBERSHIP_AT_EVENT;
                        together.insert(place, stream.1.of_same_action(place));
                        coverage.checks(answer.endpoint, section, ContentCheck::Facts);
                    }
                    if let Some(previous) = replaced(timeline, place, &event) {
                        coverage.gives(answer.endpoint, PREVIOUS, true);
                        content.insert((PREVIOUS.to_owned(), previous));
                    }
                    content.insert((event.section, place));
                } else if room == 0 && !is_known(&event) {
                    coverage.gives(answer.endpoint, &event.section, false);
                }
            }
            for (section, event) in stripped(answer, timeline.id.as_str()) {
                // An excerpt of the state has no messages. The state itself is not compared.
                let place = timeline.events.iter().position(|known| is_message(event, known));
                if place.is_some() || event["state_key"].is_null() {
                    coverage.gives(answer.endpoint, section, place.is_some());
                }
                content.extend(place.map(|place| (section.to_owned(), place)));
            }
        }
        let lists = lists(timeline, answers, stream);
        let facts = Facts::of(timeline, answers, stream, coverage);
        let erased = Vec::new();
        Self { timeline, start, given: content, altered, erased, lists, facts, said, together }
    }

    /// Takes the given events of senders whose accounts were erased before: their content depends on when the
    /// reader joined.
    fn find_erased(
        &mut self,
        answers: &[&ReadAnswer],
        erasures: &BTreeMap<OwnedUserId, usize>,
        places: &Places,
    ) {
        let events = &self.timeline.events;
        let erasure = |place: usize| erasures.get(&events[place].sender).copied();
        for answer in answers {
            let was_before = |erased: &usize| *erased < answer.action;
            for event in given(answer) {
                let Some(place) = self.timeline.place_of(&event.id) else { continue };
                let Some(action) = erasure(place).filter(was_before) else { continue };
                self.altered.remove(&(event.content_section(), place));
                if events[place].state_key.is_some() || events[place].content.is_empty() {
                    continue;
                }
                let is_whole = AlteredContent::between(&event.content, &events[place]).is_none();
                let is_stripped = event.content.as_object().is_some_and(serde_json::Map::is_empty);
                let length = places.at(action);
                self.erased.push(ErasedEvent { place, is_whole, is_stripped, length });
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.given.is_empty() && self.lists.is_empty() && self.facts.is_empty()
    }

    /// What these rules forbid of the answers, and how many events each list has to give.
    fn faults(
        &self,
        replica: &Replica,
        reader: &Reader,
    ) -> (BTreeSet<Fault>, Vec<(EndpointId, String, usize)>) {
        let readable: BTreeSet<_> = replica.readable_state(reader).into_iter().collect();
        let mut faults = self.facts.faults(self.timeline, replica, (reader, &readable));
        let (events, start) = (&self.timeline.events, self.start);
        faults.extend(self.said.faults(replica, reader, (start, &self.together)));
        for (section, place) in &self.given {
            // A homeserver gives the state of a joined room in two lists of a sync.
            let in_state = || {
                (is_state(section) || is_of_sync(section) || section == PREVIOUS)
                    && (readable.contains(place) || replica.was_readable_state(reader, *place))
            };
            // Reading A72: who left an invite or a knock may be given the state as of its leaving.
            let in_state_at_leaving = || {
                (is_state(section) || section == PREVIOUS)
                    && replica.last_leave(reader).is_some_and(|left| *place <= left)
            };
            // An event that comes by itself may be in the answer although it was not expected yet.
            let is_sent = (start..replica.len()).contains(place);
            let is_own = events[*place].is_state("m.room.member", reader.user_id.as_str());
            if is_sent
                && !is_own
                && !replica.may_see(reader, *place)
                && !in_state()
                && !in_state_at_leaving()
            {
                faults.insert(Fault::new(ContentFault::Excess, section, *place));
            }
        }
        for ((section, place), how) in &self.altered {
            let id = &events[*place].event_id;
            let redaction = events.iter().position(|event| event.redacts(id));
            match redaction {
                None if how.lacks => {
                    faults.insert(Fault::new(ContentFault::Lack, section, *place));
                }
                // The answer to an earlier call may have the content of before the redaction.
                Some(redaction) if how.adds && redaction < replica.len() => {
                    faults.insert(Fault::new(ContentFault::Excess, section, *place));
                }
                _ => {}
            }
        }
        faults.extend(self.erased.iter().filter_map(|event| event.fault(replica, reader)));
        let mut due = Vec::new();
        for list in &self.lists {
            let timeline = (self.timeline, start);
            let Some(events) = list.due_events(timeline, replica, (reader, &readable)) else {
                continue;
            };
            due.push((list.endpoint, list.section.clone(), events.len()));
            let missing = events.into_iter().filter(|place| !list.places.contains(place));
            faults
                .extend(missing.map(|place| Fault::new(ContentFault::Lack, &list.section, place)));
        }
        (faults, due)
    }
}

/// A given event whose sender's account was erased before the answer.
struct ErasedEvent {
    place: usize,
    /// Whether the content is that of before the erasure.
    is_whole: bool,
    /// Whether the event has no content.
    is_stripped: bool,
    /// The length of the timeline at the erasure, at least and at most.
    length: RangeInclusive<usize>,
}

impl ErasedEvent {
    /// What is wrong with the content. Nothing is known of readers who never joined.
    fn fault(&self, replica: &Replica, reader: &Reader) -> Option<Fault> {
        let joined = replica.place_of_joining(reader)?;
        let is_later = joined >= *self.length.end();
        let is_earlier = joined < *self.length.start();
        if is_later && !self.is_stripped {
            Some(Fault::new(ContentFault::Excess, ERASED, self.place))
        } else if is_earlier && !self.is_whole {
            Some(Fault::new(ContentFault::Lack, ERASED, self.place))
        } else {
            None
        }
    }
}

/// The section for the content of a state event that a later one replaced.
const PREVIOUS: &str = "unsigned.prev_content";

/// The place of the state event that the event at `place` replaced, if the answer gives its content.
fn replaced(timeline: &RoomTimeline, place: usize, given: &GivenEvent) -> Option<usize> {
    let content = given.previous.as_ref()?;
    let ReplicaEvent { kind, state_key, .. } = &timeline.events[place];
    let key = state_key.as_deref()?;
    let previous = (0..place).rev().find(|at| timeline.events[*at].is_state(kind, key))?;
    let event = &timeline.events[previous];
    let gives_it = !event.content.is_empty() && AlteredContent::between(content, event).is_none();
    gives_it.then_some(previous)
}

/// Whether a stripped event is this message.
fn is_message(stripped: &Value, known: &ReplicaEvent) -> bool {
    known.state_key.is_none()
        && stripped["type"] == *known.kind
        && stripped["sender"] == *known.sender.as_str()
        && stripped["content"].is_object()
        && AlteredContent::between(&stripped["content"], known).is_none()
}
