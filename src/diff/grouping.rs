//! Which differences are the same divergence.

use std::collections::BTreeMap;

use guest_access_model::action::{Action, Credential};

use super::caller::CallerKind;
use super::scenario_run::{Difference, DifferenceId, Segment};
use super::signature::Signature;

/// Differences that are the same divergence.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) signature: Signature,
    /// The number of the explanation of the differences, if one was found.
    pub(super) cause: Option<usize>,
    /// Where the differences were seen; never empty.
    pub(super) occurrences: Vec<DifferenceId>,
}

/// The differences of all segments in groups, the worst first.
pub(super) fn groups(segments: &[Segment]) -> Vec<Group> {
    let mut groups: BTreeMap<(Signature, Option<usize>), Vec<DifferenceId>> = BTreeMap::new();
    for (number, segment) in segments.iter().enumerate() {
        for (place, difference) in segment.differences.iter().enumerate() {
            let signature = Signature::of(difference, &segment.log[difference.at]);
            let here = DifferenceId { segment: number, number: place };
            groups.entry((signature, difference.cause)).or_default().push(here);
        }
    }
    let groups = groups.into_iter();
    let groups =
        groups.map(|((signature, cause), occurrences)| Group { signature, cause, occurrences });
    without_twins(groups.collect())
}

/// The groups, where a call that names another user in its query is the same divergence as the call without
/// the name, if the homeserver does the same in both.
fn without_twins(groups: Vec<Group>) -> Vec<Group> {
    let (twins, mut groups): (Vec<_>, Vec<_>) = groups
        .into_iter()
        .partition(|group| group.signature.by == CallerKind::GuestNamingModerator);
    for twin in twins {
        let step = Action { with: Credential::Own, ..twin.signature.step };
        let plain = Signature { step, by: CallerKind::Guest, ..twin.signature.clone() };
        match groups.iter_mut().find(|group| group.signature == plain) {
            Some(group) => group.occurrences.extend(twin.occurrences),
            None => groups.push(twin),
        }
    }
    groups.sort_by(|one, other| (&one.signature, one.cause).cmp(&(&other.signature, other.cause)));
    groups
}

impl Group {
    /// Where the divergence was seen first.
    pub(super) fn first<'a>(&self, segments: &'a [Segment]) -> (&'a Segment, &'a Difference) {
        let DifferenceId { segment, number } = self.occurrences[0];
        (&segments[segment], &segments[segment].differences[number])
    }
}
