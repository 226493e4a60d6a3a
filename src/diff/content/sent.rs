//! The events that a session sent, with their content, compared with what the moderator is given of them.

use guest_access_rules::vocabulary::Membership;

use crate::subject::server::SentEvent;

use super::super::content_difference::{ContentDifference, ContentFault, SENT, SENT_AS};
use super::super::judge::StepRecord;
use super::SessionEvidence;
use super::coverage::{ContentCheck, ContentCoverage};

/// The type of redactions. A homeserver may move the id of the redacted event out of the content.
const REDACTION: &str = "m.room.redaction";

/// The differences, each with the number of the action that sent the event.
pub(super) fn differences<'a>(
    log: &'a [StepRecord],
    evidence: &'a SessionEvidence,
    coverage: &'a mut ContentCoverage,
) -> impl Iterator<Item = (usize, ContentDifference)> + 'a {
    evidence.sent.iter().filter_map(|sent| difference(sent, log, evidence, coverage))
}

fn difference(
    SentEvent { action, id, content, kind, state_key, .. }: &SentEvent,
    log: &[StepRecord],
    evidence: &SessionEvidence,
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
    let Some(place) = place else { return Some((at, difference)) };
    let event = &timeline.events[place];
    // The moderator may not be given the redaction.
    let is_redacted = evidence.sent.iter().any(|sent| sent.redacts.as_deref() == Some(id.as_str()))
        || timeline.events.iter().any(|later| later.redacts(&event.event_id));
    if event.kind == REDACTION || is_redacted {
        return None;
    }
    coverage.checks(endpoint, SENT, ContentCheck::Facts);
    // The stored event may have more than was sent.
    let is_stored =
        content.as_object()?.iter().all(|(key, sent)| event.content.get(key) == Some(sent));
    if !is_stored {
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
