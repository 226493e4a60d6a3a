//! The events that a session sent, with their content, compared with what the moderator is given of them.

use std::collections::BTreeMap;

use guest_access_reference::reference::ReplicaEvent;
use guest_access_rules::vocabulary::Membership;
use ruma::OwnedUserId;
use serde_json::Value;

use crate::subject::server::SentEvent;

use super::super::content_difference::{ContentDifference, ContentFault, SENT, SENT_AS};
use super::super::judge::StepRecord;
use super::coverage::{ContentCheck, ContentCoverage};
use super::{SessionEvidence, erasures};

/// The type of redactions. A homeserver may move the id of the redacted event out of the content.
const REDACTION: &str = "m.room.redaction";

/// The differences, each with the number of the action that sent the event.
pub(super) fn differences<'a>(
    log: &'a [StepRecord],
    evidence: &'a SessionEvidence,
    coverage: &'a mut ContentCoverage,
) -> impl Iterator<Item = (usize, ContentDifference)> + 'a {
    let erased = erasures(log, evidence);
    let compared = move |sent| difference(sent, log, (evidence, &erased), coverage);
    evidence.sent.iter().filter_map(compared)
}

fn difference(
    SentEvent { action, id, content, kind, state_key, .. }: &SentEvent,
    log: &[StepRecord],
    (evidence, erased): (&SessionEvidence, &BTreeMap<OwnedUserId, usize>),
    coverage: &mut ContentCoverage,
) -> Option<(usize, ContentDifference)> {
    let (at, content) = ((*action)?, content.as_ref()?);
    let step = &log.get(at)?.step;
    let (endpoint, room) = (step.operation.endpoint()?, step.room()?);
    let difference = ContentDifference {
        fault: ContentFault::Lack,
        event: None,
        section: SENT.to_owned(),
        reader: Membership::Join,
        has_joined: true,
        endpoint,
        sent_by: None,
    };
    let timeline = evidence.timelines.get(room)?.as_ref()?;
    let place = id.as_str().try_into().ok().and_then(|id| timeline.place_of(id));
    let Some(place) = place else {
        // A homeserver may answer a state event that changes nothing with an id of its own.
        let is_same =
            |earlier: &&SentEvent| earlier.kind == *kind && earlier.state_key == *state_key;
        let earlier = evidence.sent.iter().take_while(|earlier| earlier.id != *id);
        let is_repeated = state_key.is_some()
            && match earlier.filter(is_same).filter(|earlier| is_in(earlier, log, room)).last() {
                Some(last) => last.content.as_ref() == Some(content),
                None => timeline.events.iter().any(|known| {
                    kind.as_deref() == Some(known.kind.as_str())
                        && *state_key == known.state_key
                        && has_all(content, known)
                }),
            };
        return (!is_repeated).then_some((at, difference));
    };
    let event = &timeline.events[place];
    // The moderator may not be given the redaction.
    let is_redacted = evidence.sent.iter().any(|sent| sent.redacts.as_deref() == Some(id.as_str()))
        || timeline.events.iter().any(|later| later.redacts(&event.event_id));
    // An erasure may redact the events of the sender, for whoever is given them then.
    let is_erased = erased.contains_key(&event.sender);
    if event.kind == REDACTION || is_redacted || is_erased {
        return None;
    }
    coverage.checks(endpoint, SENT, ContentCheck::Facts);
    if !has_all(content, event) {
        return Some((at, difference));
    }
    let is_named = *kind == Some(event.kind.clone()) && *state_key == event.state_key;
    let difference = ContentDifference {
        fault: ContentFault::Untrue,
        section: SENT_AS.to_owned(),
        ..difference
    };
    (!is_named).then_some((at, difference))
}

/// Whether an event has all of the content that was sent. The stored event may have more.
fn has_all(content: &Value, event: &ReplicaEvent) -> bool {
    let fields = content.as_object().into_iter().flatten();
    fields.into_iter().all(|(key, sent)| event.content.get(key) == Some(sent))
}

/// Whether an action about this room sent the event.
fn is_in(sent: &SentEvent, log: &[StepRecord], room: usize) -> bool {
    sent.action.is_some_and(|at| log.get(at).and_then(|record| record.step.room()) == Some(room))
}
