//! Whether a homeserver takes one option at each open question, for the whole run.
//!
//! Each step was judged alone: an answer is permitted if any option permits the answer. After the run:
//!
//! 1. Compare each step with what the default, each permitted option and some pairs of options expect
//!    of the step ([`StepMatches`]).
//! 2. Find an assignment of options that explains the most steps, as far as single options and pairs
//!    tell ([`judge_run`]). A second candidate takes the options by which the causes explain the run.
//! 3. The model knows what a whole assignment expects. Count by the model how many steps each candidate
//!    explains. Change one option at a time, as long as more steps are explained. Take the best result.
//! 4. A step that another option explains, and the assignment does not, is inconsistent with the run.
//!
//! A step that a mistake explains, or that no option permits, says nothing about readings.
//!
//! The steps of guests and the steps of users are judged apart. A homeserver may limit what guests do
//! (RG-3), so it may take one option for guests and another for users.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_model::action::Actor;
use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::state::Kind;
use guest_access_rules::profile::Profile;
use guest_access_rules::variant::Variants;
use guest_access_scenarios::permitted::{
    Assignment, Conflict, Match, OpenOptions, OptionNumber, StepJudgement, StepMatches,
    TakenOption, judge_run, judge_run_by,
};

use super::caller::CallerKind;
use super::judge::{StepRecord, outcome_as_asked};
use super::scenario_run::{Difference, ReadingSwitch, Segment, StepInconsistency};

/// The callers whose steps are judged together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallerClass {
    /// Guests, and all others who are no users. The moderator is one of them, because it sets up the
    /// rooms of guests.
    Guests,
    /// Ordinary users, and users who were guests.
    Users,
}

impl CallerClass {
    /// The class of the caller of a step of a segment.
    fn of(segment: &Segment, at: usize) -> Self {
        let Some(before) = segment.before(at) else { return Self::Guests };
        match CallerKind::of(&segment.log[at].step, &before) {
            // RG-3: A server may limit what an account of kind `guest` is permitted to do.
            CallerKind::User
            | CallerKind::FormerGuest
            | CallerKind::FormerGuestEnded
            | CallerKind::FormerGuestWithOldToken => Self::Users,
            _ => Self::Guests,
        }
    }
}

/// Marks the steps of a run that contradict the rest of the run. Returns the permitted variants that
/// the run takes for guests.
///
/// The causes of the differences have to be known. `causes` are the permitted variants among them, and
/// `is_mistake` says whether the rules forbid a cause.
pub(super) fn mark_inconsistent(
    variants: &Variants,
    segments: &mut [Segment],
    causes: &[usize],
    is_mistake: impl Fn(usize) -> bool,
) -> Vec<usize> {
    let for_guests = mark_class(variants, segments, causes, &is_mistake, CallerClass::Guests);
    mark_class(variants, segments, causes, &is_mistake, CallerClass::Users);
    for_guests
}

/// Marks the steps of one class of callers. Returns the permitted variants that the run takes for the
/// class.
fn mark_class(
    variants: &Variants,
    segments: &mut [Segment],
    causes: &[usize],
    is_mistake: &impl Fn(usize) -> bool,
    class: CallerClass,
) -> Vec<usize> {
    let speaks_for_a_reading = |difference: &Difference| {
        !difference.variants.is_empty() && !difference.cause.is_some_and(is_mistake)
    };
    let speaking = |segment: &Segment| -> Vec<Vec<Vec<usize>>> {
        let differences = segment.differences.iter();
        let of_class = differences.filter(|d| CallerClass::of(segment, d.at) == class);
        of_class.filter(|d| speaks_for_a_reading(d)).map(|d| d.variants.clone()).collect()
    };
    let observed: BTreeSet<usize> =
        segments.iter().flat_map(speaking).flatten().flatten().collect();
    // Only the default was observed.
    if observed.is_empty() {
        return Vec::new();
    }
    let options = VariantOptions::of(variants);
    let mut places = Vec::new();
    let mut sequences = Vec::new();
    for segment in &*segments {
        let judged: Vec<usize> = (segment.known..segment.log.len())
            .filter(|at| {
                let is_answered = segment.log[*at].is_answered();
                is_answered
                    && CallerClass::of(segment, *at) == class
                    && segment.difference_at(*at).is_none_or(speaks_for_a_reading)
            })
            .collect();
        let matches = options.matches(variants, segment);
        sequences.push(judged.iter().map(|at| matches[*at].clone()).collect::<Vec<_>>());
        places.push(judged);
    }
    let approximate = judge_run(&options.open, &sequences).assignment;
    let approximate = approximate.options().iter().map(|option| options.variant(*option)).collect();
    let search = VariantSearch { variants, segments: &*segments, places: &places, observed };
    let taken = search.best([causes.to_vec(), approximate]);
    let assignment = options.assignment(&taken);
    let judged = judge_run_by(&options.open, &sequences, assignment);
    let profile = variants.profile(&taken);
    for ((segment, places), steps) in segments.iter_mut().zip(places).zip(judged.steps) {
        let in_run = path(&profile, segment);
        for (at, step) in places.into_iter().zip(steps) {
            let StepJudgement::Inconsistent(conflicts) = step else { continue };
            // The matches list single options and pairs; the model knows the whole assignment.
            if in_run[at].as_match() != Match::Differs {
                continue;
            }
            let switches = conflicts.iter().map(|conflict| options.switch(*conflict)).collect();
            let found = (in_run[at].outcome, switches, taken.clone());
            mark(variants, segment, at, found);
        }
    }
    taken
}

/// The shortest start of a segment whose last step shows the option of the run at this question. The
/// options of the run explain the step, and the other option of `switch` does not. The caller of the
/// step is of the same class as the caller of the step of `difference`, a step of the segment `of`.
/// Returns the number of the segment and of the step.
pub(super) fn contrast(
    variants: &Variants,
    segments: &[Segment],
    (of, difference): (&Segment, &Difference),
    switch: ReadingSwitch,
) -> Option<(usize, usize)> {
    let class = CallerClass::of(of, difference.at);
    let in_run = &*difference.inconsistency.as_ref()?.assignment;
    let here = match (switch.in_run, switch.here) {
        (_, Some(variant)) => with_variant(variants, in_run, variant),
        (Some(variant), None) => without(in_run, variant),
        (None, None) => in_run.to_vec(),
    };
    let (in_run, here) = (variants.profile(in_run), variants.profile(&here));
    let shown = segments.iter().enumerate().flat_map(|(number, segment)| {
        let in_run = path(&in_run, segment);
        let here = path(&here, segment);
        let shows = move |at: &usize| {
            segment.log[*at].is_answered()
                && CallerClass::of(segment, *at) == class
                && in_run[*at].as_match() == Match::Meets
                && here[*at].as_match() == Match::Differs
        };
        (segment.known..segment.log.len()).filter(shows).map(move |at| (number, at))
    });
    shown.min_by_key(|(number, at)| (is_of_own_membership(&segments[*number], *at), *at))
}

/// Whether the tagged event changed the membership of the caller of the step. Some other sentence may show the caller
/// such an event, so the step is weak evidence of a reading.
fn is_of_own_membership(segment: &Segment, at: usize) -> bool {
    let tagged = segment.before(at).and_then(|before| before.tagged);
    let Actor::Guest(guest) = segment.log[at].step.by else { return false };
    tagged.is_some_and(|tagged| {
        let relation = tagged.relations[usize::from(guest)];
        tagged.kind == Kind::Member && relation.before != relation.after
    })
}

/// These variants without one of them.
fn without(taken: &[usize], variant: usize) -> Vec<usize> {
    taken.iter().copied().filter(|other| *other != variant).collect()
}

/// The taken variants, with `variant` in place of the variants that answer the same question.
fn with_variant(variants: &Variants, taken: &[usize], variant: usize) -> Vec<usize> {
    let others = taken.iter().copied();
    let others = others.filter(|other| !variants.exclude_each_other(*other, variant));
    let mut taken: Vec<usize> = others.chain([variant]).collect();
    taken.sort_unstable();
    taken
}

/// Marks one step as inconsistent.
fn mark(
    variants: &Variants,
    segment: &mut Segment,
    at: usize,
    (in_run, switches, assignment): (Option<Outcome>, Vec<ReadingSwitch>, Vec<usize>),
) {
    let place = segment.differences.partition_point(|difference| difference.at < at);
    if segment.differences.get(place).is_none_or(|difference| difference.at != at) {
        let Some(before) = segment.before(at) else { return };
        let Some(expected) = outcome(&variants.default, &before, &segment.log[at].step) else {
            return;
        };
        let variants = Vec::new();
        let (cause, inconsistency) = (None, None);
        let difference = Difference { at, before, expected, variants, cause, inconsistency };
        segment.differences.insert(place, difference);
    }
    let difference = &mut segment.differences[place];
    let expected = in_run.unwrap_or(difference.expected);
    difference.inconsistency = Some(StepInconsistency { expected, switches, assignment });
}

/// The search for the variants that explain the most steps of a run, by what the model expects.
struct VariantSearch<'a> {
    variants: &'a Variants,
    segments: &'a [Segment],
    /// The steps of each segment that count.
    places: &'a [Vec<usize>],
    /// The variants of which something was observed.
    observed: BTreeSet<usize>,
}

impl VariantSearch<'_> {
    /// The best assignment to which a candidate leads: the one that explains the most steps, and of
    /// these the first.
    fn best(&self, candidates: impl IntoIterator<Item = Vec<usize>>) -> Vec<usize> {
        let all = self.places.iter().map(Vec::len).sum();
        let mut best: Option<(usize, Vec<usize>)> = None;
        for candidate in candidates {
            let (explained, found) = self.hill_climb(candidate, all);
            if best.as_ref().is_none_or(|(most, _)| explained > *most) {
                best = Some((explained, found));
            }
            if explained == all {
                break;
            }
        }
        best.map(|(_, found)| found).unwrap_or_default()
    }

    /// Changes one variant at a time, as long as more steps are explained. Returns the number of
    /// explained steps, and the variants.
    fn hill_climb(&self, mut taken: Vec<usize>, all: usize) -> (usize, Vec<usize>) {
        let mut explained = self.steps_explained_by(&taken);
        while explained < all {
            let dropped = taken.iter().map(|variant| without(&taken, *variant));
            let changed =
                self.observed.iter().map(|variant| with_variant(self.variants, &taken, *variant));
            let neighbours = dropped.chain(changed);
            let counted =
                neighbours.map(|neighbour| (self.steps_explained_by(&neighbour), neighbour));
            // If several explain equally many steps, take the first.
            let best = counted.reduce(|best, other| if other.0 > best.0 { other } else { best });
            match best {
                Some((more, neighbour)) if more > explained => {
                    (explained, taken) = (more, neighbour);
                }
                _ => break,
            }
        }
        (explained, taken)
    }

    /// How many steps these variants explain.
    fn steps_explained_by(&self, taken: &[usize]) -> usize {
        let profile = self.variants.profile(taken);
        let segments = self.segments.iter().zip(self.places);
        let counts = segments.map(|(segment, places)| {
            let path = path(&profile, segment);
            places.iter().filter(|at| path[**at].as_match() != Match::Differs).count()
        });
        counts.sum()
    }
}

/// The permitted variants as options of open questions.
struct VariantOptions {
    open: OpenOptions,
    /// The variant of each option.
    variants: BTreeMap<OptionNumber, usize>,
    profiles: Vec<Profile>,
}

impl VariantOptions {
    fn of(variants: &Variants) -> Self {
        let permitted = 0..variants.permitted;
        let option = |variant: usize| TakenOption::of(&variants.all[variant]);
        let open = OpenOptions::new(permitted.clone().map(option));
        let numbered =
            permitted.clone().filter_map(|variant| Some((open.number(&option(variant))?, variant)));
        let numbered = numbered.collect();
        let profiles = permitted.map(|variant| variants.profile(&[variant])).collect();
        Self { open, variants: numbered, profiles }
    }

    /// The assignment that takes these variants.
    fn assignment(&self, taken: &[usize]) -> Assignment {
        let options = self.variants.iter().filter(|(_, variant)| taken.contains(variant));
        options.fold(Assignment::DEFAULT, |assignment, (option, _)| {
            assignment.with(*option, &self.open)
        })
    }

    fn variant(&self, option: OptionNumber) -> usize {
        self.variants[&option]
    }

    fn switch(&self, Conflict { in_run, here }: Conflict) -> ReadingSwitch {
        let variant = |option: Option<OptionNumber>| option.map(|option| self.variant(option));
        ReadingSwitch { in_run: variant(in_run), here: variant(here) }
    }

    /// Each step of a segment, compared with the default, each option, and two options wherever both
    /// matter.
    fn matches(&self, variants: &Variants, segment: &Segment) -> Vec<StepMatches> {
        let default = path(&variants.default, segment);
        let as_default = (0..segment.log.len()).map(|at| segment.difference_at(at).is_none());
        let mut matches: Vec<StepMatches> = as_default.map(StepMatches::by_default).collect();
        let mut listed: Vec<Vec<OptionNumber>> = vec![Vec::new(); segment.log.len()];
        for (option, variant) in &self.variants {
            for (at, step) in path(&self.profiles[*variant], segment).into_iter().enumerate() {
                if !step.is_indistinguishable_from(&default[at]) || step.meets != default[at].meets
                {
                    matches[at].list(*option, step.as_match());
                    listed[at].push(*option);
                }
            }
        }
        let pairs: BTreeSet<(OptionNumber, OptionNumber)> =
            listed.iter().flat_map(|options| pairs(&self.open, options)).collect();
        for (one, other) in pairs {
            let profile = variants.profile(&[self.variant(one), self.variant(other)]);
            for (at, step) in path(&profile, segment).into_iter().enumerate() {
                if listed[at].contains(&one) && listed[at].contains(&other) {
                    matches[at].list_pair(one, other, step.as_match());
                }
            }
        }
        let numbers: BTreeMap<usize, OptionNumber> =
            self.variants.iter().map(|(option, variant)| (*variant, *option)).collect();
        // The verdict of the step's judge counts as well.
        for difference in &segment.differences {
            for variants in &difference.variants {
                match variants[..] {
                    [one] => matches[difference.at].list(numbers[&one], Match::Meets),
                    [one, other] => {
                        let (one, other) = (numbers[&one], numbers[&other]);
                        matches[difference.at].list_pair(one, other, Match::Meets);
                    }
                    _ => {}
                }
            }
        }
        matches
    }
}

/// Every two of these options that answer two questions.
fn pairs<'a>(
    open: &'a OpenOptions,
    options: &'a [OptionNumber],
) -> impl Iterator<Item = (OptionNumber, OptionNumber)> + 'a {
    let numbered = options.iter().enumerate();
    numbered.flat_map(move |(number, one)| {
        let others = options[number + 1..].iter().filter(|other| !open.same_point(*one, **other));
        others.map(|other| (*one.min(other), *one.max(other)))
    })
}

/// What a profile expects of one step of a segment, and whether the homeserver did the same.
struct ExpectedStep {
    outcome: Option<Outcome>,
    meets: bool,
}

impl ExpectedStep {
    fn as_match(&self) -> Match {
        match self {
            Self { outcome: None, .. } => Match::Ends,
            Self { meets: true, .. } => Match::Meets,
            Self { .. } => Match::Differs,
        }
    }

    /// Whether both steps have the same answer and the same memberships, so that no client can
    /// distinguish the steps.
    fn is_indistinguishable_from(&self, other: &Self) -> bool {
        let seen = |step: &Self| {
            step.outcome.map(|outcome| {
                let observation = outcome.observation;
                let members = outcome.next.rooms.map(|room| (room.members, room.user));
                let decision = (observation.decision.status, observation.decision.errcode);
                (decision, observation.answer, members)
            })
        };
        seen(self) == seen(other)
    }
}

/// What a profile expects of each step of a segment. Where the homeserver did otherwise, the model goes
/// on from the state in which the step left the homeserver.
fn path(profile: &Profile, segment: &Segment) -> Vec<ExpectedStep> {
    let mut state = initial(profile);
    let expected = segment.log.iter().map(|record: &StepRecord| {
        let outcome = outcome_as_asked(profile, &state, &record.step);
        let meets = outcome.is_some_and(|outcome| record.fits(&outcome));
        state = outcome.filter(|_| meets).map_or(record.after, |outcome| outcome.next);
        ExpectedStep { outcome, meets }
    });
    expected.collect()
}
