//! The lists in answers that have to be whole, and the events that each has to give.

use std::collections::BTreeSet;

use guest_access_reference::reference::{Reader, Replica, ReplicaEvent};
use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use guest_access_rules::vocabulary::Membership;
use ruma::EventId;

use crate::subject::server::{ReadAnswer, RoomTimeline, USE_STATE_AFTER};

use super::super::content_difference::{
    LEFT_ROOMS, LISTED_ROOMS, MEMBERS_AT, RELATIONS, SINCE, STATE_AFTER, THREADS,
};
use super::answer::{
    given, is_about, is_first_sync, is_whole_timeline, listed_room, pages, sync_filter,
};
use super::places::Places;
use super::stream_places::StreamPlaces;

/// A list of events that has to be whole.
#[derive(Debug)]
pub(super) struct List {
    pub(super) endpoint: EndpointId,
    pub(super) section: String,
    /// The places of the events in the list.
    pub(super) places: BTreeSet<usize>,
    pub(super) due: Due,
}

/// The events that a list has to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Every event that the reader may see.
    Timeline,
    /// The state that the reader may read.
    State,
    /// The state that a joined reader may read.
    JoinedState,
    /// The state that a joined reader may read, as the state was at the event at this place.
    StateAt(usize),
    /// The members in the state that the reader may read.
    Members,
    /// The events in the thread that begins with the event at this place.
    Thread(usize),
    /// The events with which the threads begin in which the reader may see another event.
    Threads,
    /// What has happened since the timeline had this length: the events that the reader may see, or how the
    /// reader left or came in.
    Since(usize),
    /// The joined members, if the reader is joined.
    JoinedMembers,
    /// The members as they were when the timeline had this length, if the reader was joined then and is joined
    /// now.
    MembersAt(usize),
    /// The room, if the reader has left the room: any event of the room stands for the room.
    Departure,
    /// The event by which the reader left the room.
    DepartureEvent,
    /// The room, if the reader has this membership: any event of the room stands for the room.
    Listing(Membership),
}

impl List {
    /// The places of the events that the list has to give, under the rules of `replica`. The places in
    /// `readable` are those of the state that the reader may read. `None`, if no rule says which events the
    /// list has to give: for a reader who left, they depend on the exact time of leaving.
    pub(super) fn due_events(
        &self,
        (timeline, start): (&RoomTimeline, usize),
        replica: &Replica,
        (reader, readable): (&Reader, &BTreeSet<usize>),
    ) -> Option<Vec<usize>> {
        let is_own = |place: usize| {
            timeline.events[place].is_state("m.room.member", reader.user_id.as_str())
        };
        let membership = replica.membership(reader);
        let first_due = match membership {
            Membership::Join => Some(0),
            Membership::Never => Some(start),
            _ => None,
        };
        let new = start..replica.len();
        Some(match self.due {
            Due::Departure => {
                replica.departure(reader).into_iter().filter(|place| *place >= start).collect()
            }
            Due::DepartureEvent => {
                let departure = replica.departure(reader).filter(|place| *place >= start);
                // A later event of the reader's own membership shows as well that the reader left.
                let shows = |place: usize| {
                    (place..replica.len()).any(|at| is_own(at) && self.places.contains(&at))
                };
                let is_due = |place: &usize| replica.may_see(reader, *place) && !shows(*place);
                departure.into_iter().filter(is_due).collect()
            }
            Due::Listing(listed) => {
                // A sync need not name a joined room of which it can give nothing.
                let is_due = membership == listed
                    && (membership != Membership::Join
                        || !readable.is_empty()
                        || new.clone().any(|place| replica.may_see(reader, place)));
                new.rev().find(|place| is_own(*place)).filter(|_| is_due).into_iter().collect()
            }
            Due::Timeline => {
                first_due?;
                new.filter(|place| replica.may_see(reader, *place)).collect()
            }
            Due::Thread(root) => {
                first_due?;
                let is_seen = |place: &usize| replica.may_see(reader, *place);
                let is_in = |place: &usize| thread_root(timeline, *place) == Some(root);
                new.filter(|place| is_in(place) && is_seen(place)).collect()
            }
            Due::Threads => {
                first_due?;
                let seen = new.filter(|place| replica.may_see(reader, *place));
                let roots: BTreeSet<_> =
                    seen.filter_map(|place| thread_root(timeline, place)).collect();
                let is_seen = |place: &usize| *place >= start && replica.may_see(reader, *place);
                roots.into_iter().filter(is_seen).collect()
            }
            Due::State => readable.range(first_due?..).copied().collect(),
            Due::JoinedState | Due::JoinedMembers | Due::StateAt(_) | Due::MembersAt(_)
                if membership != Membership::Join =>
            {
                return None;
            }
            Due::MembersAt(at)
                if at > replica.len()
                    || replica.membership_before(reader, at) != Membership::Join =>
            {
                return None;
            }
            Due::MembersAt(at) => {
                let state = replica.readable_state_at(reader, at).into_iter();
                state.filter(|place| replica.is_member(*place)).collect()
            }
            Due::JoinedState => readable.iter().copied().collect(),
            Due::JoinedMembers => {
                let members = readable.iter().copied().filter(|place| replica.is_member(*place));
                members.filter(|place| is_join(&timeline.events[*place])).collect()
            }
            Due::Since(from) if from > replica.len() => return None,
            Due::Since(from) => {
                let since = from..replica.len();
                let own = since.clone().rev().find(|place| is_own(*place));
                let was_joined = replica.membership_before(reader, from) == Membership::Join;
                if !was_joined && (own.is_none() || membership != Membership::Join) {
                    return None;
                }
                // Who left or came in since is given at least how.
                let is_due = |place: &usize| {
                    own.is_none_or(|own| own == *place) && replica.may_see(reader, *place)
                };
                since.filter(is_due).collect()
            }
            // The state may be that before the event, or that after it, or that of a later event that the
            // answer does not give.
            Due::StateAt(place) if place < replica.len() => {
                let before = replica.readable_state_at(reader, place);
                let after = replica.readable_state_at(reader, place + 1);
                let is_given = |at: &usize| {
                    let due = &timeline.events[*at];
                    self.places.iter().any(|given| {
                        let given = &timeline.events[*given];
                        given.kind == due.kind && given.state_key == due.state_key
                    })
                };
                let stays = |at: &usize| after.contains(at) && !is_given(at);
                before.into_iter().filter(stays).collect()
            }
            Due::StateAt(_) => return None,
            Due::Members => {
                let members = readable.range(first_due?..).copied();
                members.filter(|place| replica.is_member(*place)).collect()
            }
        })
    }
}

/// The place of the event with which the thread of the event at this place begins, if it is in one.
pub(super) fn thread_root(timeline: &RoomTimeline, place: usize) -> Option<usize> {
    let relation = timeline.events.get(place)?.content.get("m.relates_to")?;
    let root = relation["event_id"].as_str().filter(|_| relation["rel_type"] == "m.thread")?;
    timeline.place_of(root.try_into().ok()?)
}

/// The id of the event whose relations an answer gives; `None` for other answers.
pub(super) fn parent(answer: &ReadAnswer) -> Option<String> {
    let mut segments = answer.request.segments().skip_while(|segment| segment != RELATIONS);
    segments.nth(1)
}

/// Whether an answer gives the threads of a room.
pub(super) fn gives_threads(answer: &ReadAnswer) -> bool {
    answer.request.segments().next_back().is_some_and(|segment| segment == THREADS)
}

/// Whether an event makes its member joined.
fn is_join(event: &ReplicaEvent) -> bool {
    event.content.get("membership").is_some_and(|membership| membership == "join")
}

/// The lists among these answers about a room that have to be whole.
pub(super) fn lists(
    timeline: &RoomTimeline,
    answers: &[&ReadAnswer],
    (stream, action_places): (&StreamPlaces<'_>, &Places),
) -> Vec<List> {
    let places = |answers: &[&ReadAnswer], counts: &dyn Fn(&str) -> bool| -> BTreeSet<usize> {
        let events = answers.iter().flat_map(|answer| given(answer));
        let events = events.filter(|event| counts(&event.section));
        events.filter_map(|event| timeline.place_of(&event.id)).collect()
    };
    let mut lists = Vec::new();
    let new = &timeline.events[action_places.start..];
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
        let of_state = |section: &str| section == "state";
        let all = |_: &str| true;
        let of_chunk = |section: &str| section.is_empty();
        let (due, counts): (_, &dyn Fn(&str) -> bool) = match answer.endpoint.get().gives {
            Some(Gives::State) => (Due::State, &all),
            Some(Gives::Members)
                if answer.endpoint == KNOWN.members && answer.request.query.is_empty() =>
            {
                (Due::Members, &all)
            }
            Some(Gives::Members) if answer.request.parameter("membership") == Some("join") => {
                (Due::JoinedMembers, &all)
            }
            Some(Gives::Members) if answer.endpoint == KNOWN.members => {
                let Some(at) = stream.at(answer, timeline) else { continue };
                (Due::MembersAt(at), &all)
            }
            Some(Gives::InitialSync) => (Due::JoinedState, &of_state),
            Some(Gives::Timeline) if !answer.body["next_batch"].is_null() => continue,
            Some(Gives::Timeline) if gives_threads(answer) => (Due::Threads, &of_chunk),
            Some(Gives::Timeline) => {
                let parent =
                    parent(answer).and_then(|id| timeline.place_of(&EventId::parse(id).ok()?));
                let Some(parent) = parent else { continue };
                (Due::Thread(parent), &of_chunk)
            }
            Some(Gives::Event) if answer.body["state"].is_array() => {
                let around = |section: &str| section == "event" || section.starts_with("events_");
                let Some(last) = places(&[*answer], &around).last().copied() else { continue };
                (Due::StateAt(last), &of_state)
            }
            _ => continue,
        };
        let section = match due {
            Due::MembersAt(_) => MEMBERS_AT,
            Due::Thread(_) | Due::Threads => "chunk",
            _ => "state",
        };
        let (endpoint, section) = (answer.endpoint, section.to_owned());
        lists.push(List { endpoint, section, places: places(&[*answer], counts), due });
    }
    for answer in answers {
        let Some(from) = stream.since(answer, action_places) else { continue };
        let is_limited = ["join", "leave"].iter().any(|section| {
            answer.body["rooms"][section][timeline.id.as_str()]["timeline"]["limited"] == true
        });
        if !is_limited {
            lists.push(List {
                endpoint: answer.endpoint,
                section: SINCE.to_owned(),
                places: places(&[*answer], &|section| section.starts_with("rooms.")),
                due: Due::Since(from),
            });
        }
    }
    for answer in answers.iter().filter(|answer| is_first_sync(answer, timeline)) {
        // Any event of a room stands for the room.
        let rooms = |section: &str, due| {
            let is_listed = listed_room(answer, section, timeline).is_some();
            let places = 0..if is_listed { timeline.events.len() } else { 0 };
            let section = section.to_owned();
            List { endpoint: answer.endpoint, section, places: places.collect(), due }
        };
        if asks_for_left_rooms(answer) {
            lists.push(rooms(LEFT_ROOMS, Due::Departure));
            if listed_room(answer, LEFT_ROOMS, timeline).is_some() {
                lists.push(List {
                    endpoint: answer.endpoint,
                    section: format!("{LEFT_ROOMS}.timeline"),
                    places: places(&[*answer], &|section| section.starts_with(LEFT_ROOMS)),
                    due: Due::DepartureEvent,
                });
            }
        }
        let listed = LISTED_ROOMS.iter();
        lists.extend(listed.map(|(section, is)| rooms(section, Due::Listing(*is))));
        let Some(joined) = listed_room(answer, "rooms.join", timeline) else { continue };
        let has_state_after = answer.request.parameter(USE_STATE_AFTER) == Some("true");
        // CS-77: With `use_state_after`, `GET /sync` gives the state in `state_after`, as it is after the
        // timeline.
        let (section, due) = if has_state_after {
            (STATE_AFTER, Due::JoinedState)
        } else {
            // A client applies the timeline to this state.
            ("rooms.join.state", Due::State)
        };
        let counts = |given: &str| {
            if has_state_after { given == STATE_AFTER } else { given.starts_with("rooms.join") }
        };
        lists.push(List {
            endpoint: answer.endpoint,
            section: section.to_owned(),
            places: places(&[*answer], &counts),
            due,
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

/// Whether a sync asks for the rooms that the reader left.
fn asks_for_left_rooms(answer: &ReadAnswer) -> bool {
    sync_filter(answer)["room"]["include_leave"] == true
}
