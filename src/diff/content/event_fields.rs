//! What answers say of an event besides its content: the fields that name the event, and the membership of the
//! reader at the event.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use guest_access_reference::reference::{Reader, Replica, ReplicaEvent};
use guest_access_rules::vocabulary::Membership;
use serde_json::{Map, Value};

use super::super::content_difference::{ContentFault, MEMBERSHIP_AT_EVENT};
use super::fault::Fault;

/// The fields of an event in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EventFields {
    kind: Option<String>,
    sender: Option<String>,
    state_key: Option<String>,
    /// The membership of the reader at the event, if the answer says so.
    membership: Option<String>,
}

impl EventFields {
    /// The fields of this event.
    pub(super) fn of(event: &Map<String, Value>) -> Self {
        let text = |key: &str| event.get(key).and_then(Value::as_str).map(str::to_owned);
        let unsigned = event.get("unsigned");
        let membership = unsigned.and_then(|unsigned| unsigned.get("membership")?.as_str());
        Self {
            kind: text("type"),
            sender: text("sender"),
            state_key: text("state_key"),
            membership: membership.map(str::to_owned),
        }
    }

    /// The fields that are missing, or are other than the moderator is given.
    fn wrong(&self, known: &ReplicaEvent) -> impl Iterator<Item = &'static str> {
        let fields = [
            ("type", self.kind.as_deref() == Some(known.kind.as_str())),
            ("sender", self.sender.as_deref() == Some(known.sender.as_str())),
            ("state_key", self.state_key == known.state_key),
        ];
        fields.into_iter().filter(|(_, is_right)| !is_right).map(|(field, _)| field)
    }
}

/// What answers say of the events of one room.
#[derive(Debug, Default)]
pub(super) struct SaidOfEvents {
    /// The wrong fields, each with the place of the event.
    wrong: BTreeSet<(&'static str, usize)>,
    /// The places of events, each with the membership that the reader is said to have had there.
    memberships: BTreeSet<(usize, String)>,
}

impl SaidOfEvents {
    /// Notes what an answer says of the event at this place. Returns whether the answer names a membership.
    pub(super) fn note(
        &mut self,
        place: usize,
        fields: &EventFields,
        known: &ReplicaEvent,
    ) -> bool {
        self.wrong.extend(fields.wrong(known).map(|field| (field, place)));
        self.memberships.extend(fields.membership.clone().map(|said| (place, said)));
        fields.membership.is_some()
    }

    /// What is not so, if each event is one of those in its range of `together`. Of the events before `start`,
    /// the order is not known.
    pub(super) fn faults(
        &self,
        replica: &Replica,
        reader: &Reader,
        (start, together): (usize, &BTreeMap<usize, RangeInclusive<usize>>),
    ) -> Vec<Fault> {
        let untrue = |section: &str, place| Fault::new(ContentFault::Untrue, section, place);
        let is_wrong = |(place, said): &&(usize, String)| {
            let range = together.get(place).cloned().unwrap_or(*place..=*place);
            (start..replica.len()).contains(place)
                && !memberships(replica, reader, range).contains(said.as_str())
        };
        let memberships = self.memberships.iter().filter(is_wrong);
        let memberships = memberships.map(|(place, _)| untrue(MEMBERSHIP_AT_EVENT, *place));
        self.wrong.iter().map(|(field, place)| untrue(field, *place)).chain(memberships).collect()
    }
}

/// The memberships that the reader may have had at an event that one action brought about together with the
/// events at these places: a timeline need not give them in the order in which they changed the room. A reader
/// without a membership has left.
fn memberships(
    replica: &Replica,
    reader: &Reader,
    range: RangeInclusive<usize>,
) -> BTreeSet<&'static str> {
    // An event of its own has the membership after it.
    let first = if range.start() == range.end() { *range.start() + 1 } else { *range.start() };
    let last = (*range.end() + 1).min(replica.len());
    let at = |place| match replica.membership_before(reader, place) {
        Membership::Never => Membership::Leave.as_str(),
        membership => membership.as_str(),
    };
    (first..=last).map(at).collect()
}
