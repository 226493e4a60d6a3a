//! Divergences that are the same, told once, with what explains them.

use std::collections::{BTreeMap, HashSet};

use guest_access_model::action::Action;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;

use crate::scenario::{LABEL, Scenario, ScenarioStep, sentence};

use super::cause::Explanation;
use super::found::{Cause, Divergence, NotRun, ReadingTaken};
use super::id::id;
use super::script::{Scripts, Shown};
use super::shrink::{Ways, own_way, shorter};
use super::signature::Signature;
use super::story::{Difference, Part, Story, Told, may_change_anything};
use super::workers::Workers;
use guest_access_rules::variant::{JOINED_BY, Variant, Variants};

/// Divergences that are the same.
#[derive(Debug)]
pub(super) struct Group {
    signature: Signature,
    /// Where they were seen: the part, and the difference in it.
    seen: Vec<Seen>,
    /// What explains them.
    cause: Option<usize>,
}

/// Where a difference was seen: the number of the part, and its place in it.
type Seen = (usize, usize);

/// The differences of all parts, those that are the same together, the worst first.
pub(super) fn groups(parts: &[Part], explanations: &[Explanation]) -> Vec<Group> {
    let mut groups: BTreeMap<(Signature, Option<usize>), Vec<Seen>> = BTreeMap::new();
    for (number, part) in parts.iter().enumerate() {
        for (place, difference) in part.differences.iter().enumerate() {
            let signature = Signature::of(difference, &part.log[difference.at]);
            let here = (number, place);
            let cause = explanations.iter().position(|e| e.explains.contains(&here));
            groups.entry((signature, cause)).or_default().push(here);
        }
    }
    let groups = groups.into_iter();
    groups.map(|((signature, cause), seen)| Group { signature, seen, cause }).collect()
}

/// A story that shows a divergence, and whether it did so by itself.
#[derive(Debug, Clone)]
pub(super) struct Shrunk {
    steps: Vec<Action>,
    /// The changes of our readings under which it is none: any of these.
    variants: Vec<Vec<usize>>,
    reproduced: bool,
    /// Where it showed it, and at which step.
    part: Part,
    at: usize,
}

/// How many stories are told at most to leave out of others what can be: each costs a homeserver
/// people, and events, for a scenario that is a little shorter.
const MOST_TRIES: usize = 16;

/// For each group, the smallest story that is known to show it.
pub(super) async fn shrink(
    workers: &Workers<'_>,
    variants: &Variants,
    groups: &[Group],
    parts: &[Part],
    progress: impl Fn(usize),
) -> Vec<Shrunk> {
    let default = &variants.default;
    let ways = Ways::new(default);
    let shrunk = groups.iter().map(|group| group.as_seen(parts)).collect();
    let mut trials = Trials { workers, groups, progress, shrunk, tried: HashSet::new() };
    // The model's own shortest story; where that shows nothing, the story in which it was seen: without
    // what does not matter to its last step, with what its people had asked, all that was done, and all.
    let shortest = |group: &Group| group.shortest(&ways, parts);
    let own = |group: &Group| Some(group.own_way(default, parts, false));
    let with_questions = |group: &Group| Some(group.own_way(default, parts, true));
    let deeds = |group: &Group| Some(group.as_seen(parts).steps);
    let whole = |group: &Group| Some(group.whole(parts));
    trials.tell_missing(shortest).await;
    let mut stubborn = trials.missing();
    trials.tell_missing(own).await;
    trials.tell_missing(with_questions).await;
    trials.tell_missing(deeds).await;
    trials.tell_missing(whole).await;
    // Half of the story is left out, or the other half; then a quarter, and so on: first for those that
    // nothing permits, since a homeserver's people will look at them.
    stubborn.retain(|number| trials.shrunk[*number].reproduced);
    stubborn.sort_by_key(|number| groups[*number].signature.permitted);
    let longest = stubborn.iter().map(|number| trials.shrunk[*number].steps.len()).max();
    let mut size = longest.unwrap_or_default() / 2;
    let mut tries = MOST_TRIES;
    while size > 0 && tries > 0 && !workers.is_over() {
        let less = stubborn.iter().flat_map(|number| {
            let less = shorter(default, &trials.shrunk[*number].steps, size);
            less.into_iter().map(|steps| (*number, steps))
        });
        let less: Vec<_> = less.filter(|s| !trials.tried.contains(s)).take(tries).collect();
        tries -= less.len();
        let length = |shrunk: &[Shrunk]| stubborn.iter().map(|n| shrunk[*n].steps.len()).sum();
        let before: usize = length(&trials.shrunk);
        trials.tell(less).await;
        // What could be left out once may be left out elsewhere too.
        if length(&trials.shrunk) == before {
            size /= 2;
        }
    }
    trials.shrunk
}

/// A story, with the number of the group whose divergence it may show.
type Trial = (usize, Vec<Action>);

/// Stories that are told to see whether they show what a longer one did.
struct Trials<'a, P> {
    workers: &'a Workers<'a>,
    groups: &'a [Group],
    progress: P,
    /// The smallest that is known, for each group.
    shrunk: Vec<Shrunk>,
    /// What was told.
    tried: HashSet<Trial>,
}

impl<P: Fn(usize)> Trials<'_, P> {
    /// The groups of which no story is known yet that shows them by itself.
    fn missing(&self) -> Vec<usize> {
        (0..self.groups.len()).filter(|number| !self.shrunk[*number].reproduced).collect()
    }

    /// Tells a story for each group that is missing.
    async fn tell_missing(&mut self, story: impl Fn(&Group) -> Option<Vec<Action>>) {
        let missing = self.missing().into_iter();
        let trials = missing.filter_map(|number| Some((number, story(&self.groups[number])?)));
        let trials = trials.filter(|trial| !self.tried.contains(trial)).collect();
        self.tell(trials).await;
    }

    /// Tells each of these stories by itself; one that shows the divergence of its group, and is
    /// shorter than what was known to show it, is kept.
    async fn tell(&mut self, trials: Vec<Trial>) {
        if trials.is_empty() || self.workers.is_over() {
            return;
        }
        let story = |(number, (_, steps)): (usize, &Trial)| Story {
            id: format!("smaller-{number}"),
            steps: steps.clone(),
        };
        let stories: Vec<_> = trials.iter().enumerate().map(story).collect();
        let told = self.workers.tell_all(stories, &self.progress).await;
        for ((group, steps), (_, told)) in trials.iter().zip(told) {
            let Some(at) = steps.len().checked_sub(1) else { continue };
            let known = &mut self.shrunk[*group];
            let better = !known.reproduced || steps.len() < known.steps.len();
            let shown = self.groups[*group].signature.shown_by(&told, at).filter(|_| better);
            if let Some((part, Difference { variants, .. })) = shown {
                let (part, variants) = (part.clone(), variants.clone());
                *known = Shrunk { steps: steps.clone(), variants, reproduced: true, part, at };
            }
        }
        self.tried.extend(trials);
    }
}

impl Group {
    fn first<'a>(&self, parts: &'a [Part]) -> (&'a Part, &'a Difference) {
        let (part, difference) = self.seen[0];
        (&parts[part], &parts[part].differences[difference])
    }

    /// All that was done and asked before it in the story in which it was seen first, but for what led
    /// astray.
    fn before(&self, parts: &[Part]) -> Vec<Action> {
        let (part, difference) = self.first(parts);
        let told = part.log[..difference.at].iter().filter(|taken| taken.tells());
        let before = told.filter(|taken| !taken.diverges || !may_change_anything(&taken.step));
        before.map(|taken| taken.step).collect()
    }

    /// The story in which it was seen first: all of it.
    fn whole(&self, parts: &[Part]) -> Vec<Action> {
        let (part, difference) = self.first(parts);
        let mut steps = self.before(parts);
        steps.push(part.log[difference.at].step);
        steps
    }

    /// The story in which it was seen first, as far as it led there.
    fn as_seen(&self, parts: &[Part]) -> Shrunk {
        let (part, difference) = self.first(parts);
        let mut steps = self.before(parts);
        // What changes nothing by the rules may have changed something all the same.
        steps.retain(|step| step.tag || may_change_anything(step));
        steps.push(part.log[difference.at].step);
        Shrunk {
            steps,
            variants: difference.variants.clone(),
            reproduced: false,
            part: part.clone(),
            at: difference.at,
        }
    }

    /// The story in which it was seen first, without what does not matter to its last step; with what
    /// its people asked before, if it `has_questions`.
    fn own_way(&self, profile: &Profile, parts: &[Part], has_questions: bool) -> Vec<Action> {
        let (part, difference) = self.first(parts);
        let taken = &part.log[difference.at];
        own_way(profile, difference, taken, &self.before(parts), has_questions)
    }

    /// The shortest story into the situation of any of them.
    fn shortest(&self, ways: &Ways<'_>, parts: &[Part]) -> Option<Vec<Action>> {
        let seen = self.seen.iter().take(MOST_SITUATIONS);
        let stories = seen.filter_map(|(part, difference)| {
            let part = &parts[*part];
            let difference = &part.differences[*difference];
            ways.shortest(difference, &part.log[difference.at])
        });
        stories.min_by_key(Vec::len)
    }
}

/// Of a divergence that was seen often, in how many situations a way is looked for.
const MOST_SITUATIONS: usize = 20;

/// The divergences, told.
pub(super) fn divergences(
    scripts: Scripts<'_>,
    variants: &Variants,
    groups: &[Group],
    explanations: &[Explanation],
    ids: &[String],
    parts: &[Part],
    shrunk: Vec<Shrunk>,
) -> Vec<Divergence> {
    let rules = scripts.rules;
    let causes = causes(rules, variants, explanations);
    let told = groups.iter().zip(shrunk).map(|(group, shrunk)| {
        let cause_told = group.cause.map(|cause| &causes[cause]);
        let taken = cause_told.map(|cause| format!("{}={}", cause.decision_point, cause.option));
        let id = id(&group.signature, taken.as_deref());
        let (part, difference) = group.first(parts);
        let decision = difference.expected.observation.decision;
        let taken = &part.log[difference.at];
        let listing = taken.listing.filter(|_| !taken.lists_as_it_should());
        let cause = group.cause.map(|cause| &*explanations[cause].variants);
        // What a mistake explains that explains more, no reading excuses.
        let excused =
            cause.is_none_or(|cause| cause.iter().all(|c| variants.all[*c].is_permitted()));
        let readings = if excused { one_of(&shrunk.variants, cause) } else { &[] };
        let readings = readings.iter().map(|variant| reading(&variants.all[*variant])).collect();
        let Signature { kind, step, by, expected, observed, permitted: _ } = &group.signature;
        let mut seen_in: Vec<_> = group.seen.iter().map(|(part, _)| ids[*part].clone()).collect();
        seen_in.dedup();
        let mut clauses: Vec<_> =
            rules.in_force(decision.clauses).into_iter().map(str::to_owned).collect();
        clauses.extend(listing.map(|listing| listing.clause().to_owned()));
        let scenario = scenario(rules, id.clone(), group, &shrunk.steps);
        let curl = scripts.script(Shown {
            id: &scenario.id,
            by,
            expected,
            observed,
            because: decision.because,
            clauses: &clauses,
            reproduced: shrunk.reproduced,
            part: &shrunk.part,
            at: shrunk.at,
        });
        Divergence {
            id,
            kind: *kind,
            cause: group.cause,
            endpoint: step.operation.endpoint(),
            step: sentence(step),
            by,
            expected: expected.clone(),
            observed: observed.clone(),
            because: decision.because,
            clauses,
            readings,
            count: group.seen.len(),
            seen_in,
            scenario,
            reproduced: shrunk.reproduced,
            curl,
        }
    });
    told.collect()
}

/// Of the changes that are each enough, those that are the cause, or else the first.
fn one_of<'a>(variants: &'a [Vec<usize>], cause: Option<&[usize]>) -> &'a [usize] {
    let is_the_cause = |taken: &&Vec<usize>| {
        cause.is_some_and(|cause| taken.iter().all(|variant| cause.contains(variant)))
    };
    variants.iter().find(is_the_cause).or(variants.first()).map_or(&[], |taken| taken)
}

fn reading(variant: &Variant) -> ReadingTaken {
    ReadingTaken {
        reading: variant.reading().map(str::to_owned),
        decision_point: variant.point(),
        option: variant.option(),
    }
}

fn scenario(rules: &Rules, id: String, group: &Group, steps: &[Action]) -> Scenario {
    let Signature { step, by, expected, observed, .. } = &group.signature;
    let about = format!(
        "{}, {by}: the rules say `{expected}`, the homeserver `{observed}`",
        sentence(step)
    );
    Scenario::from_trace(&*id, rules, &*about, Vec::new(), steps).unwrap_or_else(|_| {
        // By our readings it cannot happen, so they say nothing to it.
        let event = |step: &Action| step.tag.then(|| LABEL.to_owned());
        let told = |step: &Action| ScenarioStep { action: *step, event: event(step), expect: None };
        let steps = steps.iter().map(told).collect();
        Scenario {
            id,
            rules: rules.id.clone(),
            about,
            clauses: Vec::new(),
            steps,
            interleaving: Vec::new(),
        }
    })
}

/// The causes, told.
pub(super) fn causes(
    rules: &Rules,
    variants: &Variants,
    explanations: &[Explanation],
) -> Vec<Cause> {
    let told = explanations.iter().map(|explanation| {
        let taken: Vec<&Variant> =
            explanation.variants.iter().map(|variant| &variants.all[*variant]).collect();
        let joined = |of: fn(&Variant) -> String| {
            taken.iter().map(|variant| of(variant)).collect::<Vec<_>>().join(JOINED_BY)
        };
        let mut clauses: Vec<_> = taken.iter().flat_map(|variant| variant.clauses(rules)).collect();
        clauses.sort();
        clauses.dedup();
        Cause {
            decision_point: joined(Variant::point),
            option: joined(Variant::option),
            means: joined(Variant::means),
            explains: explanation.explains.len(),
            permitted: taken.iter().all(|variant| variant.is_permitted()),
            reading: taken.iter().find_map(|variant| variant.reading().map(str::to_owned)),
            clauses,
        }
    });
    told.collect()
}

/// What could not be looked at in any story, the same once.
pub(super) fn not_run<'a>(told: impl Iterator<Item = &'a Told>) -> Vec<NotRun> {
    let mut all: BTreeMap<(Option<String>, String), NotRun> = BTreeMap::new();
    for not_run in told.flat_map(|told| &told.not_run) {
        let key = (not_run.step.clone(), not_run.because.clone());
        all.entry(key)
            .and_modify(|known| {
                known.count += 1;
                known.with_it += not_run.with_it;
            })
            .or_insert_with(|| not_run.clone());
    }
    all.into_values().collect()
}
