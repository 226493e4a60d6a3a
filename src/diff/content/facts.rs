//! What answers say of a room besides listing its events: the reader's membership, the joined members, the
//! content of one state event, and the order of events.

use std::collections::BTreeSet;

use guest_access_reference::reference::{Reader, Replica};
use guest_access_rules::endpoint::{Gives, KNOWN};
use guest_access_rules::vocabulary::Membership;
use serde_json::Value;

use crate::subject::server::{ReadAnswer, RoomTimeline};

use super::super::content_difference::{
    ContentFault, JOINED, LEFT_ROOMS, LISTED_ROOMS, MEMBERS_AT, OTHER_MEMBERS, OWN_MEMBERSHIP,
    RELATED, SINCE,
};
use super::altered_content::AlteredContent;
use super::answer::{given, is_about, is_first_sync, listed_room};
use super::coverage::{ContentCheck, ContentCoverage};
use super::fault::Fault;
use super::lists::{gives_threads, parent, thread_root};
use super::places::Places;
use super::stream_places::StreamPlaces;

/// The facts in answers about one room.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The memberships of the reader that `initialSync` names.
    own_memberships: Vec<String>,
    /// The sections of a sync that list the room, each with the memberships that the section is for.
    listings: Vec<(&'static str, &'static [Membership])>,
    /// The members that `joined_members` names.
    joined: Vec<BTreeSet<String>>,
    /// The members that a list gives although the request asks for another membership.
    others: BTreeSet<usize>,
    /// The member events that a list gives although they are later than the place that the request names.
    later: BTreeSet<usize>,
    /// The events that are given as related to an event, or as the beginning of a thread, and are not so.
    unrelated: BTreeSet<usize>,
    /// The events of a timeline that the last sync gave already.
    repeated: BTreeSet<usize>,
    /// The contents of single state events.
    contents: Vec<StateContent>,
    /// The events that stand in a wrong order, each with its section.
    misplaced: BTreeSet<(String, usize)>,
}

/// The content of the state event with this type and state key.
#[derive(Debug)]
struct StateContent {
    kind: String,
    state_key: String,
    /// The content; none, if the request was refused.
    content: Option<Value>,
}

/// The memberships of the sections of a sync.
const LISTINGS: [(&str, &[Membership]); 4] = [
    (LISTED_ROOMS[0].0, &[LISTED_ROOMS[0].1]),
    (LISTED_ROOMS[1].0, &[LISTED_ROOMS[1].1]),
    (LISTED_ROOMS[2].0, &[LISTED_ROOMS[2].1]),
    (LEFT_ROOMS, &[Membership::Leave, Membership::Ban]),
];

impl Facts {
    /// The facts in these answers.
    pub(super) fn of(
        timeline: &RoomTimeline,
        answers: &[&ReadAnswer],
        (stream, Places { start, .. }): (&StreamPlaces<'_>, &Places),
        coverage: &mut ContentCoverage,
    ) -> Self {
        let (mut facts, start) = (Self::default(), *start);
        for answer in answers {
            if is_first_sync(answer, timeline) {
                let lists =
                    |(section, _): &&(&str, _)| listed_room(answer, section, timeline).is_some();
                facts.listings.extend(LISTINGS.iter().filter(lists));
                for (section, _) in LISTINGS {
                    coverage.checks(answer.endpoint, section, ContentCheck::Facts);
                }
            }
            facts.repeated.extend(stream.repeated(answer, timeline));
            if !is_about(answer, timeline) {
                continue;
            }
            let mut says =
                |section: &str| coverage.checks(answer.endpoint, section, ContentCheck::Facts);
            match answer.endpoint.get().gives {
                Some(Gives::InitialSync) => {
                    says(OWN_MEMBERSHIP);
                    let said = answer.body[OWN_MEMBERSHIP].as_str();
                    facts.own_memberships.extend(said.map(str::to_owned));
                }
                Some(Gives::Members) if answer.endpoint == KNOWN.members => {
                    if answer.request.parameter("membership").is_some() {
                        says(OTHER_MEMBERS);
                    }
                    facts.others.extend(other_members(timeline, answer));
                    if let Some(at) = stream.at(answer, timeline) {
                        says(MEMBERS_AT);
                        let given = given(answer).into_iter();
                        let places = given.filter_map(|event| timeline.place_of(&event.id));
                        facts.later.extend(places.filter(|place| *place >= at));
                    }
                }
                Some(Gives::Members) => {
                    says(JOINED);
                    let joined = answer.body[JOINED].as_object();
                    facts.joined.extend(joined.map(|joined| joined.keys().cloned().collect()));
                }
                Some(Gives::StateEvent) => {
                    says("content");
                    facts.contents.extend(StateContent::in_answer(answer));
                }
                Some(Gives::Timeline) if answer.endpoint == KNOWN.messages => {
                    let is_backwards = answer.request.parameter("dir") == Some("b");
                    facts.note_order(timeline, start, answer, "chunk", is_backwards);
                    coverage.checks(answer.endpoint, "chunk", ContentCheck::Order);
                }
                Some(Gives::Timeline) => {
                    says(RELATED);
                    facts.unrelated.extend(unrelated(timeline, start, answer));
                }
                Some(Gives::Event) if answer.endpoint == KNOWN.context => {
                    for (list, is_backwards) in [("events_before", true), ("events_after", false)] {
                        facts.note_order(timeline, start, answer, list, is_backwards);
                        coverage.checks(answer.endpoint, list, ContentCheck::Order);
                    }
                }
                _ => {}
            }
        }
        facts
    }

    pub(super) fn is_empty(&self) -> bool {
        let Self {
            own_memberships,
            listings,
            joined,
            others,
            later,
            unrelated,
            repeated,
            contents,
            misplaced,
        } = self;
        own_memberships.is_empty()
            && listings.is_empty()
            && joined.is_empty()
            && others.is_empty()
            && later.is_empty()
            && unrelated.is_empty()
            && repeated.is_empty()
            && contents.is_empty()
            && misplaced.is_empty()
    }

    /// Notes the events of a list that stand in a wrong order. `is_backwards` says whether the newest event
    /// comes first.
    fn note_order(
        &mut self,
        timeline: &RoomTimeline,
        start: usize,
        answer: &ReadAnswer,
        list: &str,
        is_backwards: bool,
    ) {
        let place = |event: &Value| {
            let id = event["event_id"].as_str()?.try_into().ok()?;
            timeline.place_of(id).filter(|place| *place >= start)
        };
        // The event that was asked for stands before all events after it, and after all events before it.
        let asked_for = place(&answer.body["event"]);
        let listed = answer.body[list].as_array().into_iter().flatten().filter_map(place);
        let places: Vec<usize> = asked_for.into_iter().chain(listed).collect();
        let is_wrong =
            |pair: &&[usize]| if is_backwards { pair[0] < pair[1] } else { pair[0] > pair[1] };
        let wrong = places.windows(2).find(is_wrong);
        self.misplaced.extend(wrong.map(|pair| (list.to_owned(), pair[1])));
    }

    /// The facts that are not so under the rules of `replica`. The places in `readable` are those of the
    /// state that the reader may read.
    pub(super) fn faults(
        &self,
        timeline: &RoomTimeline,
        replica: &Replica,
        (reader, readable): (&Reader, &BTreeSet<usize>),
    ) -> BTreeSet<Fault> {
        let membership = replica.membership(reader);
        let newest = |user: &str| {
            let is_own = |place: &usize| timeline.events[*place].is_state("m.room.member", user);
            (0..replica.len()).rev().find(is_own).unwrap_or(0)
        };
        let own = newest(reader.user_id.as_str());
        let untrue = |section: &str, place| Fault::new(ContentFault::Untrue, section, place);
        let mut faults = BTreeSet::new();
        for said in &self.own_memberships {
            // No value says that a user never had a membership.
            let is_true = match membership {
                Membership::Never => said == Membership::Leave.as_str(),
                membership => said == membership.as_str(),
            };
            if !is_true {
                faults.insert(untrue(OWN_MEMBERSHIP, own));
            }
        }
        for (section, of) in &self.listings {
            if !of.contains(&membership) {
                faults.insert(untrue(section, own));
            }
        }
        if membership == Membership::Join {
            let joined = replica.joined_members();
            let joined: BTreeSet<&str> = joined.iter().map(|user| user.as_str()).collect();
            for said in &self.joined {
                let said: BTreeSet<&str> = said.iter().map(String::as_str).collect();
                let wrong = said.symmetric_difference(&joined).next();
                faults.extend(wrong.map(|user| untrue(JOINED, newest(user))));
            }
        }
        faults.extend(self.others.iter().map(|place| untrue(OTHER_MEMBERS, *place)));
        faults.extend(self.later.iter().map(|place| untrue(MEMBERS_AT, *place)));
        faults.extend(self.unrelated.iter().map(|place| untrue(RELATED, *place)));
        faults.extend(self.repeated.iter().map(|place| untrue(SINCE, *place)));
        for content in &self.contents {
            faults.extend(content.fault(timeline, replica, (reader, readable)));
        }
        let order =
            |(section, place): &(String, usize)| Fault::new(ContentFault::Order, section, *place);
        faults.extend(self.misplaced.iter().map(order));
        faults
    }
}

/// The places of the member events in the answer with another membership than the request asks for.
fn other_members(timeline: &RoomTimeline, answer: &ReadAnswer) -> Vec<usize> {
    let Some(membership) = answer.request.parameter("membership") else { return Vec::new() };
    let events = answer.body["chunk"].as_array().into_iter().flatten();
    let others = events.filter(|event| event["content"]["membership"] != membership);
    let place = |event: &Value| timeline.place_of(event["event_id"].as_str()?.try_into().ok()?);
    others.filter_map(place).collect()
}

/// The places of the events in the answer that are not related to the event that the request names, or with which
/// no thread begins. The events before the session may be in threads that nobody reads.
fn unrelated(timeline: &RoomTimeline, start: usize, answer: &ReadAnswer) -> Vec<usize> {
    let given = given(answer).into_iter().filter(|event| event.section.is_empty());
    let places = given.filter_map(|event| timeline.place_of(&event.id));
    let places = places.filter(|place| *place >= start);
    let new = start..timeline.events.len();
    if gives_threads(answer) {
        let roots: BTreeSet<_> = new.filter_map(|place| thread_root(timeline, place)).collect();
        return places.filter(|place| !roots.contains(place)).collect();
    }
    let Some(parent) = parent(answer) else { return Vec::new() };
    let relates = |place: &usize| {
        let relation = timeline.events[*place].content.get("m.relates_to");
        relation.is_some_and(|relation| relation["event_id"] == *parent)
    };
    places.filter(|place| !relates(place)).collect()
}

impl StateContent {
    fn in_answer(answer: &ReadAnswer) -> Option<Self> {
        let mut segments = answer.request.segments().skip_while(|segment| segment != "state");
        let (_, kind) = (segments.next()?, segments.next()?);
        let state_key = segments.next().unwrap_or_default();
        let content = answer.body.is_object().then(|| answer.body.clone());
        Some(Self { kind, state_key, content })
    }

    /// What is wrong with the content: the reader may not read the event, or the content lacks a key.
    fn fault(
        &self,
        timeline: &RoomTimeline,
        replica: &Replica,
        (reader, readable): (&Reader, &BTreeSet<usize>),
    ) -> Option<Fault> {
        let is_it = |place: &usize| timeline.events[*place].is_state(&self.kind, &self.state_key);
        match readable.iter().copied().find(is_it) {
            Some(place) => {
                let lacks = self.content.as_ref().is_none_or(|content| {
                    let altered = AlteredContent::between(content, &timeline.events[place]);
                    altered.is_some_and(|altered| altered.lacks)
                });
                lacks.then(|| Fault::new(ContentFault::Lack, "content", place))
            }
            None => {
                self.content.as_ref()?;
                let place = (0..replica.len()).rev().find(is_it)?;
                // Reading A72: who left an invite or a knock may be given the state as of its leaving.
                if replica.last_leave(reader).is_some_and(|left| (0..=left).any(|at| is_it(&at))) {
                    return None;
                }
                Some(Fault::new(ContentFault::Excess, "state", place))
            }
        }
    }
}
