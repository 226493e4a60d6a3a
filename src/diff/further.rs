//! Which reads of the scenarios also ask in other ways.
//!
//! Each further call costs a homeserver as much as a step. Two reads are of one class if they ask in the same
//! way, for readers whom the rules do not tell apart. In a run over all scenarios, only the first read of each
//! class makes its further call.

use std::collections::BTreeSet;

use guest_access_model::action::{Action, Actor, Answer, Credential, Observation};
use guest_access_model::decide::{initial, outcome};
use guest_access_model::state::State;
use guest_access_rules::endpoint::Gives;
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::{HistoryVisibility, Membership};

use crate::subject::server::FurtherRead;

use super::scenario_run::{ContentPlan, PlannedScenario};

/// The class of a further call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadClass {
    /// The way in which the call asks.
    pub read: FurtherRead,
    is_guest: bool,
    membership: Membership,
    is_world_readable: bool,
    is_answered: bool,
    /// Whether the reader is given the tagged event, if there is one and the read is of a timeline.
    is_given: Option<bool>,
    /// Whether a list of members has members who are not joined.
    has_others: bool,
}

impl ReadClass {
    /// The classes of the further calls of a step in this state.
    pub(super) fn of(profile: &Profile, before: &State, step: &Action) -> Vec<Self> {
        let ways = FurtherRead::of(step);
        let room = before.rooms.get(step.room().unwrap_or_default());
        let (Some(room), Credential::Own) = (room, step.with) else { return Vec::new() };
        let (is_guest, membership) = match step.by {
            Actor::Guest(guest) => {
                let guest = usize::from(guest);
                (before.accounts[guest].is_guest(), room.members[guest])
            }
            Actor::User => (false, room.user),
            Actor::Moderator | Actor::Server | Actor::Nobody => return Vec::new(),
        };
        if ways.is_empty() {
            return Vec::new();
        }
        let Some(outcome) = outcome(profile, before, step) else { return Vec::new() };
        let Observation { decision, answer, .. } = outcome.observation;
        let is_of_timeline = |read| {
            matches!(
                read,
                FurtherRead::FilteredMessages | FurtherRead::ShortSync | FurtherRead::SyncSince
            )
        };
        let is_of_members =
            |read| matches!(read, FurtherRead::JoinedMembers | FurtherRead::EarlierMembers);
        let is_other =
            |member: &Membership| !matches!(member, Membership::Never | Membership::Join);
        let class = |read| Self {
            read,
            is_guest,
            membership,
            is_world_readable: room.visibility == Some(HistoryVisibility::WorldReadable),
            is_answered: decision.allows(),
            is_given: before
                .tagged
                .filter(|_| is_of_timeline(read))
                .map(|_| answer == Answer::Gave { tagged: true }),
            has_others: is_of_members(read) && room.members.iter().any(is_other),
        };
        ways.iter().copied().map(class).collect()
    }
}

/// Plans the further calls of scenarios: the first read of each class makes its call.
pub(super) fn plan_further_reads(profile: &Profile, scenarios: &mut [PlannedScenario]) {
    let mut planned = BTreeSet::new();
    for scenario in scenarios {
        let classes = read_classes(profile, &scenario.steps);
        let new = classes.into_iter().filter(|class| planned.insert(*class));
        scenario.content = ContentPlan::Compared(new.collect());
    }
}

/// The classes of all further calls that these steps can make.
pub(super) fn read_classes(profile: &Profile, steps: &[Action]) -> BTreeSet<ReadClass> {
    let mut state = initial(profile);
    let mut classes = BTreeSet::new();
    // What each reader has read.
    let mut has_read: Vec<(Actor, Gives)> = Vec::new();
    for step in steps {
        let of_step = ReadClass::of(profile, &state, step);
        let is_possible = |class: &ReadClass| {
            class.read.follows().is_none_or(|earlier| has_read.contains(&(step.by, earlier)))
        };
        classes.extend(of_step.into_iter().filter(is_possible));
        let gives = step.operation.endpoint().and_then(|endpoint| endpoint.get().gives);
        has_read.extend(gives.map(|gives| (step.by, gives)));
        if let Some(outcome) = outcome(profile, &state, step) {
            state = outcome.next;
        }
    }
    classes
}

#[cfg(test)]
mod tests {
    use guest_access_rules::rules::Rules;

    use super::super::plan;
    use super::*;

    #[test]
    fn each_class_is_planned_once_and_each_way_at_least_once() {
        let planned = plan(&Rules::find("latest").unwrap(), &[]);
        let classes: Vec<_> = planned
            .iter()
            .flat_map(|scenario| match &scenario.content {
                ContentPlan::Compared(classes) => classes.iter().copied().collect(),
                ContentPlan::Skipped | ContentPlan::Whole => Vec::new(),
            })
            .collect();
        let different: BTreeSet<_> = classes.iter().copied().collect();
        assert_eq!(different.len(), classes.len());
        let ways: BTreeSet<_> = classes.iter().map(|class| class.read).collect();
        assert_eq!((ways.len(), classes.len()), (7, 199));
    }
}
