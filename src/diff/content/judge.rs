//! Compares the answers to one action with what the reference would give.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_reference::reference::{Reader, Replica, ReplicaEvent};
use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use guest_access_rules::profile::Profile;
use guest_access_rules::variant::Variants;
use guest_access_rules::vocabulary::Membership;
use serde_json::Value;

use crate::subject::server::{ReadAnswer, RoomTimeline};

use super::super::content_difference::{
    ContentDifference, EventClass, EventKind, LEFT_ROOMS, LISTED_ROOMS, is_of_sync, is_state,
};
use super::answer::{GivenEvent, given, is_whole_timeline, pages, stripped};
use super::coverage::ContentCoverage;
use super::places::Places;

/// The families of decision points that say which events a reader may be given.
const FAMILIES: [&str; 4] = ["history_visibility", "room", "state", "visibility"];
/// The most lengths of a timeline under which one answer is compared.
const MOST_LENGTHS: usize = 6;

/// An event that an answer wrongly gives or leaves out: whether the event is missing, the section of
/// the answer, and the place of the event in the timeline.
type Fault = (bool, String, usize);

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
    /// The rooms at several lengths, under the default profile.
    replicas: BTreeMap<(usize, usize), Replica>,
}

impl<'a> AnswerJudge<'a> {
    pub(super) fn new(variants: &'a Variants, timelines: &'a [Option<RoomTimeline>]) -> Self {
        let concerns = |variant: &usize| FAMILIES.contains(&&*variants.all[*variant].family);
        let single: Vec<usize> = (0..variants.permitted).filter(concerns).collect();
        let mut permitted: Vec<_> = single.iter().map(|variant| vec![*variant]).collect();
        for (number, one) in single.iter().enumerate() {
            let others = single[number + 1..].iter();
            let others = others.filter(|other| !variants.exclude_each_other(*one, **other));
            permitted.extend(others.map(|other| vec![*one, *other]));
        }
        Self { variants, timelines, permitted, replicas: BTreeMap::new() }
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
        let mut content = RoomContent::of(timeline, places.start, all, answers, coverage);
        if *may_have_forgotten {
            content.lists.retain(|list| list.due != Due::Departure);
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
        let differences = faults.into_iter().map(|(is_missing, section, place)| {
            let event = EventClass {
                kind: EventKind::of(&timeline.events[place]),
                visibility: replica.visibility_before(place),
                membership: match replica.membership_before(reader, place) {
                    Membership::Ban => Membership::Leave,
                    membership => membership,
                },
            };
            let (reader, sent_by) = (replica.membership(reader), places.sender(place));
            ContentDifference { is_missing, event, section, reader, sent_by }
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
    /// The lists that have to be whole.
    lists: Vec<List>,
}

/// How the content of a given event differs from the content that the moderator is given.
#[derive(Debug, Clone, Copy)]
struct AlteredContent {
    /// A key is missing, or has another value.
    lacks: bool,
    /// A key is there that the moderator is not given.
    adds: bool,
}

impl AlteredContent {
    /// The difference, if the contents differ.
    fn between(given: &Value, known: &ReplicaEvent) -> Option<Self> {
        let lacks = known.content.iter().any(|(key, value)| given.get(key) != Some(value));
        let keys = given.as_object().into_iter().flat_map(|given| given.keys());
        let adds = keys.into_iter().any(|key| !known.content.contains_key(key));
        (lacks || adds).then_some(Self { lacks, adds })
    }
}

/// A list of events that has to be whole.
struct List {
    endpoint: EndpointId,
    section: String,
    /// The places of the events in the list.
    places: BTreeSet<usize>,
    due: Due,
}

/// The events that a list has to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Every event that the reader may see.
    Timeline,
    /// The state that the reader may read.
    State,
    /// The members in the state that the reader may read.
    Members,
    /// The room, if the reader has left the room: any event of the room stands for the room.
    Departure,
    /// The room, if the reader has this membership: any event of the room stands for the room.
    Listing(Membership),
}

impl<'a> RoomContent<'a> {
    fn of(
        timeline: &'a RoomTimeline,
        start: usize,
        (room, timelines): (usize, &[Option<RoomTimeline>]),
        answers: &[&ReadAnswer],
        coverage: &mut ContentCoverage,
    ) -> Self {
        let is_known = |event: &GivenEvent| {
            timelines.iter().flatten().any(|timeline| timeline.place_of(&event.id).is_some())
        };
        let (mut content, mut altered) = (BTreeSet::new(), BTreeMap::new());
        for answer in answers {
            for event in given(answer) {
                if let Some(place) = timeline.place_of(&event.id) {
                    coverage.gives(answer.endpoint, &event.section, true);
                    let how = AlteredContent::between(&event.content, &timeline.events[place]);
                    altered.extend(how.map(|how| ((event.content_section(), place), how)));
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
        let lists = lists(timeline, start, answers);
        Self { timeline, start, given: content, altered, lists }
    }

    fn is_empty(&self) -> bool {
        self.given.is_empty() && self.lists.is_empty()
    }

    /// What these rules forbid of the answers, and how many events each list has to give.
    fn faults(
        &self,
        replica: &Replica,
        reader: &Reader,
    ) -> (BTreeSet<Fault>, Vec<(EndpointId, String, usize)>) {
        let mut faults = BTreeSet::new();
        let readable: BTreeSet<_> = replica.readable_state(reader).into_iter().collect();
        let (events, start) = (&self.timeline.events, self.start);
        let is_own =
            |place: usize| events[place].is_state("m.room.member", reader.user_id.as_str());
        for (section, place) in &self.given {
            // A homeserver gives the state of a joined room in two lists of a sync.
            let in_state = || {
                (is_state(section) || is_of_sync(section))
                    && (readable.contains(place) || replica.was_readable_state(reader, *place))
            };
            // An event that comes by itself may be in the answer although it was not expected yet.
            let is_sent = (start..replica.len()).contains(place);
            if is_sent && !is_own(*place) && !replica.may_see(reader, *place) && !in_state() {
                faults.insert((false, section.clone(), *place));
            }
        }
        for ((section, place), how) in &self.altered {
            let id = &events[*place].event_id;
            let redaction = events.iter().position(|event| event.redacts(id));
            match redaction {
                None if how.lacks => {
                    faults.insert((true, section.clone(), *place));
                }
                // The answer to an earlier call may have the content of before the redaction.
                Some(redaction) if how.adds && redaction < replica.len() => {
                    faults.insert((false, section.clone(), *place));
                }
                _ => {}
            }
        }
        // The events that a reader who left has to get depend on the exact time of leaving.
        let first_due = match replica.membership(reader) {
            Membership::Join => Some(0),
            Membership::Never => Some(start),
            _ => None,
        };
        let mut due = Vec::new();
        for list in &self.lists {
            let events: Vec<usize> = match (list.due, first_due) {
                (Due::Departure, _) => {
                    replica.departure(reader).into_iter().filter(|place| *place >= start).collect()
                }
                (Due::Listing(membership), _) => {
                    let own = (start..replica.len()).rev().find(|place| is_own(*place));
                    // A sync need not name a joined room of which it can give nothing.
                    let is_due = replica.membership(reader) == membership
                        && (membership != Membership::Join
                            || !readable.is_empty()
                            || (start..replica.len()).any(|place| replica.may_see(reader, place)));
                    own.filter(|_| is_due).into_iter().collect()
                }
                (_, None) => continue,
                (Due::Timeline, Some(_)) => {
                    (start..replica.len()).filter(|place| replica.may_see(reader, *place)).collect()
                }
                (Due::State, Some(first_due)) => readable.range(first_due..).copied().collect(),
                (Due::Members, Some(first_due)) => {
                    let members = readable.range(first_due..).copied();
                    members.filter(|place| replica.is_member(*place)).collect()
                }
            };
            due.push((list.endpoint, list.section.clone(), events.len()));
            let missing = events.into_iter().filter(|place| !list.places.contains(place));
            faults.extend(missing.map(|place| (true, list.section.clone(), place)));
        }
        (faults, due)
    }
}

/// The lists among these answers about a room that have to be whole.
fn lists(timeline: &RoomTimeline, start: usize, answers: &[&ReadAnswer]) -> Vec<List> {
    let places = |answers: &[&ReadAnswer], counts: &dyn Fn(&str) -> bool| -> BTreeSet<usize> {
        let events = answers.iter().flat_map(|answer| given(answer));
        let events = events.filter(|event| counts(&event.section));
        events.filter_map(|event| timeline.place_of(&event.id)).collect()
    };
    let mut lists = Vec::new();
    let new = &timeline.events[start..];
    let first = new.first().map_or("", |event| event.event_id.as_str());
    let last = new.last().map_or("", |event| event.event_id.as_str());
    for (direction, section) in [("b", "chunk backwards"), ("f", "chunk forwards")] {
        let pages = pages(answers, direction);
        let is_here = pages.iter().all(|page| is_about(page, timeline));
        if !pages.is_empty() && is_here && is_whole_timeline(&pages, first, last) {
            lists.push(List {
                endpoint: KNOWN.messages,
                section: section.to_owned(),
                places: places(&pages, &|_| true),
                due: Due::Timeline,
            });
        }
    }
    for answer in answers.iter().filter(|answer| is_about(answer, timeline)) {
        let due = match answer.endpoint.get().gives {
            Some(Gives::State) => Due::State,
            Some(Gives::Members) if answer.endpoint == KNOWN.members => Due::Members,
            _ => continue,
        };
        if answer.request.query.is_empty() {
            lists.push(List {
                endpoint: answer.endpoint,
                section: "state".to_owned(),
                places: places(&[*answer], &|_| true),
                due,
            });
        }
    }
    let is_first_sync = |answer: &&&ReadAnswer| {
        answer.endpoint.get().gives == Some(Gives::Sync)
            && answer.request.parameter("since").is_none()
    };
    for answer in answers.iter().filter(is_first_sync) {
        // Any event of a room stands for the room.
        let rooms = |section: &str, due| {
            let rooms = section.split('.').fold(&answer.body, |body, key| &body[key]);
            let is_listed = rooms[timeline.id.as_str()].is_object();
            let places = 0..if is_listed { timeline.events.len() } else { 0 };
            let section = section.to_owned();
            List { endpoint: answer.endpoint, section, places: places.collect(), due }
        };
        if asks_for_left_rooms(answer) {
            lists.push(rooms(LEFT_ROOMS, Due::Departure));
        }
        let listed = LISTED_ROOMS.iter();
        lists.extend(listed.map(|(section, is)| rooms(section, Due::Listing(*is))));
        let joined = &answer.body["rooms"]["join"][timeline.id.as_str()];
        if !joined.is_object() {
            continue;
        }
        lists.push(List {
            endpoint: answer.endpoint,
            section: "rooms.join.state".to_owned(),
            places: places(&[*answer], &|section| section.starts_with("rooms.join")),
            due: Due::State,
        });
        if joined["timeline"]["limited"] != true {
            lists.push(List {
                endpoint: answer.endpoint,
                section: "rooms.join.timeline".to_owned(),
                places: places(&[*answer], &|section| section == "rooms.join.timeline"),
                due: Due::Timeline,
            });
        }
    }
    lists
}

/// Whether a stripped event is this message.
fn is_message(stripped: &Value, known: &ReplicaEvent) -> bool {
    known.state_key.is_none()
        && stripped["type"] == *known.kind
        && stripped["sender"] == *known.sender.as_str()
        && stripped["content"].is_object()
        && AlteredContent::between(&stripped["content"], known).is_none()
}

/// Whether a sync asks for the rooms that the reader left.
fn asks_for_left_rooms(answer: &ReadAnswer) -> bool {
    let filter = answer.request.parameter("filter").unwrap_or_default();
    let filter: Value = serde_json::from_str(filter).unwrap_or_default();
    filter["room"]["include_leave"] == true
}

/// Whether an answer is about this room alone.
fn is_about(answer: &ReadAnswer, timeline: &RoomTimeline) -> bool {
    answer.request.segments().any(|segment| segment == timeline.id.as_str())
}
