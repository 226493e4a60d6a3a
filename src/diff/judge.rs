//! Judging what a homeserver did, step by step, by all that the rules permit.
//!
//! What is expected follows from the steps before by our readings, and also by every other reading
//! that is still in keeping with all that was seen of this homeserver in this story. What our
//! readings do not say and another does is a *reading*; what none says is a divergence.

use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::profile::Profile;
use guest_access_model::state::{MAX_GUESTS, State};
use guest_access_model::step::Step;

use crate::subject::server::{Members, Observed};

use super::change::Changes;

/// A step that was taken on a homeserver, with what was seen of it.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) step: Step,
    pub(super) observed: Observed,
    /// The memberships in each room after it, if they were looked at.
    pub(super) members: Option<Vec<Members>>,
    /// The guests of whose memberships the rules say nothing any more, since they deactivated their
    /// accounts.
    pub(super) gone: [bool; MAX_GUESTS],
    /// Whether no reading says the same.
    pub(super) diverges: bool,
}

impl Taken {
    /// Whether what was seen is what comes of it here.
    pub(super) fn fits(&self, expected: &Outcome) -> bool {
        self.observed.fits(&expected.observation) && self.members_fit(&expected.next)
    }

    /// Whether the memberships are those of `state`, as far as they were looked at.
    pub(super) fn members_fit(&self, state: &State) -> bool {
        self.members.as_ref().is_none_or(|rooms| are_as_in(rooms, state, self.gone))
    }
}

/// Whether the memberships are those of `state`.
pub(super) fn are_as_in(rooms: &[Members], state: &State, gone: [bool; MAX_GUESTS]) -> bool {
    rooms.iter().zip(&state.rooms).all(|(seen, expected)| {
        let guests = seen.guests.iter().zip(&expected.members).zip(gone);
        seen.user == expected.user
            && guests.into_iter().all(|((seen, expected), gone)| gone || seen == expected)
    })
}

/// The rules with some of their points read otherwise, and the state in which that leaves the story.
#[derive(Debug, Clone)]
pub(super) struct Way {
    /// The changes of our readings, by number.
    pub(super) changes: Vec<usize>,
    pub(super) profile: Profile,
    pub(super) state: State,
}

/// What the rules say to what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    /// The same.
    Same,
    /// Our readings say otherwise, but these changes of them, which are permitted, say the same.
    ByAReading(Vec<usize>),
    /// Nothing that is permitted says the same.
    Diverges,
}

/// The ways to read the rules that are in keeping with a story so far: ours comes first while it is.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    changes: &'a Changes,
    pub(super) ways: Vec<Way>,
    pub(super) log: Vec<Taken>,
}

impl<'a> Judge<'a> {
    /// The judge of a story that begins.
    pub(super) fn new(changes: &'a Changes) -> Self {
        let singles = (0..changes.permitted).map(|change| vec![change]);
        let ways = std::iter::once(Vec::new()).chain(singles);
        let ways = ways.map(|taken| {
            let profile = changes.profile(&taken);
            Way { state: initial(&profile), changes: taken, profile }
        });
        Self { changes, ways: ways.collect(), log: Vec::new() }
    }

    /// The first way: ours, or one that takes its place.
    pub(super) fn first(&self) -> &Way {
        &self.ways[0]
    }

    /// What may come of `step`, by each way in which it can happen; if it cannot in the first, it is
    /// no step of this story.
    pub(super) fn expected(&self, step: &Step) -> Option<Vec<Outcome>> {
        let outcomes = self.ways.iter().map(|way| outcome(&way.profile, &way.state, step));
        let outcomes: Vec<_> = outcomes.collect();
        outcomes.first()?.as_ref()?;
        Some(outcomes.into_iter().flatten().collect())
    }

    /// Judges a step that was taken. The states go on where the step is as it should be; after a
    /// divergence they are as before it.
    pub(super) fn judge(&mut self, taken: Taken) -> Judgement {
        let was_ours = self.first().changes.is_empty();
        let next = |way: &Way| {
            let outcome = outcome(&way.profile, &way.state, &taken.step)?;
            taken.fits(&outcome).then(|| Way { state: outcome.next, ..way.clone() })
        };
        let fitting: Vec<Way> = self.ways.iter().filter_map(next).collect();
        let taken_before = self.first().changes.len();
        self.log.push(taken);
        let fitting = if fitting.is_empty() { self.wider() } else { fitting };
        let Some(first) = fitting.first() else {
            if let Some(last) = self.log.last_mut() {
                last.diverges = true;
            }
            return Judgement::Diverges;
        };
        let changes = first.changes.clone();
        let another = was_ours && !changes.is_empty() || changes.len() > taken_before;
        self.ways = fitting;
        if another { Judgement::ByAReading(changes) } else { Judgement::Same }
    }

    /// The ways with one change more that are in keeping with everything that was seen.
    fn wider(&self) -> Vec<Way> {
        let mut found: Vec<Way> = Vec::new();
        for way in self.ways.iter().filter(|way| way.changes.len() < MOST_CHANGES) {
            for change in 0..self.changes.permitted {
                if way.changes.iter().any(|taken| self.changes.exclude_each_other(*taken, change)) {
                    continue;
                }
                let mut changes = way.changes.clone();
                changes.push(change);
                changes.sort_unstable();
                if !found.iter().any(|way| way.changes == changes) {
                    found.extend(self.in_keeping(changes));
                }
            }
        }
        found
    }

    /// The way with these changes, if it says the same as everything that was seen.
    fn in_keeping(&self, changes: Vec<usize>) -> Option<Way> {
        let profile = self.changes.profile(&changes);
        let mut state = initial(&profile);
        for taken in &self.log {
            let outcome = outcome(&profile, &state, &taken.step)?;
            if taken.diverges {
                // It was no reading's; the story went on as if it had not happened.
                continue;
            }
            if !taken.fits(&outcome) {
                return None;
            }
            state = outcome.next;
        }
        Some(Way { changes, profile, state })
    }
}

/// How many points a homeserver is thought to read otherwise than we do within one story.
const MOST_CHANGES: usize = 3;
