//! Judges what a homeserver did, step by step, by each permitted variant alone and by pairs of them.
//!
//! The expectation of a step follows from the steps before. If the default does not expect a step and a
//! permitted variant does, the step is *permitted*, with that variant. A step that nothing permits
//! diverges.
//!
//! This judge looks at one segment at a time. Whether a homeserver keeps to one option for the whole run
//! is judged after the run, by [`consistency`](super::consistency).

use guest_access_model::action::{Action, Operation};
use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::state::{MAX_GUESTS, Past, State};
use guest_access_rules::profile::Profile;
use guest_access_rules::variant::Variants;

use crate::subject::server::{HttpObservation, Memberships, NotRunReason, ResponseContent};

use super::content_difference::ContentDifference;
use super::listing::{Listing, MembershipSource};

/// A step on a homeserver, with what was observed.
#[derive(Debug, Clone)]
pub(super) struct StepRecord {
    pub(super) step: Action,
    pub(super) observed: HttpObservation,
    /// The memberships in each room after the step, if they were looked at.
    pub(super) members: Option<Vec<Memberships>>,
    /// Why the memberships after the step, or the events in its answer, could not be compared, if that failed.
    pub(super) unseen: Option<NotRunReason>,
    /// The memberships that the answer has to list, if the rules say which.
    pub(super) listing: Option<Listing>,
    /// The differences between the events in the answer and what the reader may be given, the worst
    /// first.
    pub(super) content: Vec<ContentDifference>,
    /// The guests who deactivated their accounts. The rules say nothing of their memberships any more.
    pub(super) gone: [bool; MAX_GUESTS],
    /// Whether nothing permits the step.
    pub(super) diverges: bool,
    /// The state after the step, by the default as far as the observations permit.
    pub(super) after: State,
}

impl StepRecord {
    /// Whether the answer shows the outcome of the step.
    pub(super) fn is_answered(&self) -> bool {
        self.observed.verdict.not_run().is_none()
    }

    /// Whether the observation is this outcome.
    pub(super) fn fits(&self, expected: &Outcome) -> bool {
        self.observed.fits(&expected.observation)
            && self.members_fit(&expected.next)
            && self.lists_as_it_should()
            && self.content.is_empty()
    }

    /// Whether the answer lists the memberships that it has to list.
    pub(super) fn lists_as_it_should(&self) -> bool {
        self.listed().all(|(_, should, is)| should == is)
    }

    /// Whether the answer lists a wrong membership of this guest.
    pub(super) fn lists_otherwise(&self, guest: u8) -> bool {
        let of = |members: &Memberships| members.guests[usize::from(guest)];
        self.listed().any(|(_, should, is)| of(&should) != of(&is))
    }

    /// The lists of memberships in the answer: how the step requested each list, the list by the rules,
    /// and the observed list.
    pub(super) fn listed(
        &self,
    ) -> impl Iterator<Item = (MembershipSource, Memberships, Memberships)> {
        let (now, at) = match self.observed.content {
            ResponseContent::Listed { now, at } => (Some(now), at),
            _ => (None, None),
        };
        let seen = [(MembershipSource::List, now), (MembershipSource::ListAt, at)];
        let listing = self.listing.into_iter();
        listing.flat_map(move |listing| {
            seen.into_iter().filter_map(move |(how, seen)| {
                let seen = seen?;
                Some((how, listing.completed_by(seen), seen))
            })
        })
    }

    /// Whether the memberships are those of `state`, as far as they were looked at.
    pub(super) fn members_fit(&self, state: &State) -> bool {
        self.members.as_ref().is_none_or(|rooms| are_as_in(rooms, state, self.gone))
    }
}

/// The state, as if no room kept the past of its guests.
fn without_past(state: &State) -> State {
    let mut state = *state;
    for room in &mut state.rooms {
        room.past = [Past::Unkept; MAX_GUESTS];
    }
    state
}

/// Whether the memberships are those of `state`.
pub(super) fn are_as_in(rooms: &[Memberships], state: &State, gone: [bool; MAX_GUESTS]) -> bool {
    rooms.iter().zip(&state.rooms).all(|(seen, expected)| {
        let guests = seen.guests.iter().zip(&expected.members).zip(gone);
        seen.user == expected.user
            && guests.into_iter().all(|((seen, expected), gone)| gone || seen == expected)
    })
}

/// The outcome of a step that one variant expects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// The variant; `None` for the default.
    pub(super) variant: Option<usize>,
    pub(super) outcome: Outcome,
}

/// How an observed step compares with the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StepVerdict {
    /// The default expects the step.
    AsExpected,
    /// Each of these sets of permitted variants expects the step, and the default does not.
    Permitted(Vec<Vec<usize>>),
    /// Nothing permits the step.
    Diverges,
}

/// Judges the steps of one segment, in their order.
///
/// Each step may follow another permitted variant. The judge keeps only the states that a variant with
/// the observed outcome leads to.
#[derive(Debug)]
pub(super) struct SegmentJudge<'a> {
    variants: &'a Variants,
    /// The default profile with each of the permitted changes.
    readings: Vec<Profile>,
    /// The possible states; the state by our readings is the first.
    states: Vec<State>,
    pub(super) log: Vec<StepRecord>,
}

/// The most states that the judge keeps at once.
const MOST_STATES: usize = 8;

impl<'a> SegmentJudge<'a> {
    /// The judge of a segment, before its first step.
    pub(super) fn new(variants: &'a Variants) -> Self {
        let readings = (0..variants.permitted).map(|variant| variants.profile(&[variant]));
        let states = vec![initial(&variants.default)];
        Self { variants, readings: readings.collect(), states, log: Vec::new() }
    }

    /// The state, by our readings as far as they go.
    pub(super) fn state(&self) -> State {
        self.states[0]
    }

    /// The possible outcomes of `step`, the one by our readings first; `None` if the step cannot happen
    /// by our readings.
    pub(super) fn expected(&self, step: &Action) -> Option<Vec<Expected>> {
        outcome(&self.variants.default, &self.state(), step)?;
        let ours = std::iter::once((None, &self.variants.default));
        let others = self.readings.iter().enumerate().map(|(variant, p)| (Some(variant), p));
        let expected = ours.chain(others).flat_map(|(variant, profile)| {
            self.states.iter().filter_map(move |state| {
                let outcome = outcome_as_asked(profile, state, step)?;
                Some(Expected { variant, outcome })
            })
        });
        Some(expected.collect())
    }

    /// The memberships that `step` has to list by the rules. `None` if the rules do not say, or if the
    /// homeserver may be in several states.
    pub(super) fn listing(&self, step: &Action, gone: [bool; MAX_GUESTS]) -> Option<Listing> {
        // No list depends on the past of a guest.
        let is_sure =
            self.states.iter().all(|state| without_past(state) == without_past(&self.states[0]));
        is_sure
            .then(|| {
                let states: Vec<_> = self.log.iter().map(|record| record.after).collect();
                Listing::of(&self.variants.default, &states, step, gone)
            })
            .flatten()
    }

    /// Judges a step that was taken. A divergence does not change the states.
    pub(super) fn judge(&mut self, mut record: StepRecord, expected: &[Expected]) -> StepVerdict {
        let fitting = expected.iter().filter(|e| record.fits(&e.outcome));
        let mut fitting: Vec<(Vec<usize>, Outcome)> =
            fitting.map(|e| (e.variant.into_iter().collect(), e.outcome)).collect();
        if fitting.is_empty() {
            fitting = self.by_two(&record);
        }
        let Some((first, _)) = fitting.first() else {
            record.diverges = true;
            self.log.push(record);
            return StepVerdict::Diverges;
        };
        let is_ours = first.is_empty();
        let mut states: Vec<State> = Vec::new();
        for (_, outcome) in &fitting {
            let next = outcome.next;
            if states.len() < MOST_STATES && !states.contains(&next) {
                states.push(next);
            }
        }
        self.states = states;
        record.after = self.state();
        self.log.push(record);
        if is_ours {
            return StepVerdict::AsExpected;
        }
        let mut variants: Vec<_> = fitting.into_iter().map(|(variants, _)| variants).collect();
        variants.dedup();
        StepVerdict::Permitted(variants)
    }

    /// The pairs of permitted changes that together expect the observation. For example, one reading
    /// opens a call, and another reading gives the error code of its refusal.
    fn by_two(&self, record: &StepRecord) -> Vec<(Vec<usize>, Outcome)> {
        let mut fitting = Vec::new();
        for one in 0..self.variants.permitted {
            for other in one + 1..self.variants.permitted {
                if self.variants.exclude_each_other(one, other) {
                    continue;
                }
                let pair = vec![one, other];
                let profile = self.variants.profile(&pair);
                let outcomes = self.states.iter();
                let outcomes =
                    outcomes.filter_map(|state| outcome_as_asked(&profile, state, &record.step));
                let mut outcomes = outcomes.filter(|outcome| record.fits(outcome));
                fitting.extend(outcomes.next().map(|outcome| (pair, outcome)));
            }
        }
        fitting
    }

    /// The answers to reads could not be compared event by event, for this reason.
    pub(super) fn content_unread(&mut self, why: &NotRunReason) {
        let reads = self.log.iter_mut().filter(|record| {
            matches!(record.step.operation, Operation::Read(_)) && record.is_answered()
        });
        for record in reads {
            record.unseen.get_or_insert_with(|| why.clone());
        }
    }

    /// Continues from the state by our readings, after a step of which only the answer diverged.
    pub(super) fn go_on(&mut self, next: State) {
        self.states = vec![next];
        if let Some(last) = self.log.last_mut() {
            last.after = next;
        }
    }
}

/// The expected outcome of a step that a homeserver was asked to take.
///
/// A profile may refuse the call that was to send the labelled event. Then there is no event to label,
/// and the outcome is that of the same step without the label.
pub(super) fn outcome_as_asked(profile: &Profile, state: &State, step: &Action) -> Option<Outcome> {
    let refused = || {
        let unlabelled = Action { tag: false, ..*step };
        outcome(profile, state, &unlabelled).filter(|o| !o.observation.decision.allows())
    };
    outcome(profile, state, step).or_else(|| step.tag.then(refused).flatten())
}

#[cfg(test)]
mod tests {
    use guest_access_model::actions::actions;
    use guest_access_model::shortest_trace::reachable_states;
    use guest_access_model::state::Scope;
    use guest_access_rules::rules::Rules;

    use super::*;

    #[test]
    fn a_permitted_refusal_of_a_labelled_step_is_expected() {
        let variants = Variants::of(&Rules::find("latest").unwrap());
        let every = actions(Scope { guests: 1, rooms: 1 }, &[&variants.default]);
        let reached = reachable_states(&variants.default, &every, 2_000);
        let mut judge = SegmentJudge::new(&variants);
        let mut refused = 0;
        for state in reached.states() {
            judge.states = vec![*state];
            for step in every.iter().filter(|step| step.tag) {
                let Some(expected) = judge.expected(step) else { continue };
                for (variant, reading) in judge.readings.iter().enumerate() {
                    if outcome(reading, state, step).is_some() {
                        continue;
                    }
                    let listed = expected.iter().find(|e| e.variant == Some(variant));
                    assert!(listed.is_some_and(|e| !e.outcome.observation.decision.allows()));
                    refused += 1;
                }
            }
        }
        assert!(refused > 0, "a reading refuses such a step");
    }
}
