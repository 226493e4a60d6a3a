//! Divergences that are the same, told once, with what explains them.

use std::collections::BTreeMap;

use guest_access_model::rules::Rules;
use guest_access_model::step::Step;

use crate::report::in_force;
use crate::scenario::{LABEL, Scenario, Told as ToldStep, sentence};

use super::cause::Explanation;
use super::change::{Change, Changes};
use super::found::{Cause, Divergence, NotRun, ReadingTaken};
use super::id::id;
use super::script::{Scripts, Shown};
use super::shrink::{Ways, shorter};
use super::signature::Signature;
use super::story::{Difference, Part, Story, Told, leading, may_change_anything};
use super::workers::Workers;

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
    steps: Vec<Step>,
    /// The changes of our readings under which it is none: any of these.
    changes: Vec<Vec<usize>>,
    reproduced: bool,
    /// Where it showed it, and at which step.
    part: Part,
    at: usize,
}

/// For each group, the smallest story that is known to show it.
pub(super) async fn shrink(
    workers: &Workers<'_>,
    changes: &Changes,
    groups: &[Group],
    parts: &[Part],
    progress: impl Fn(usize),
) -> Vec<Shrunk> {
    let ways = Ways::new(&changes.default);
    let mut shrunk: Vec<Shrunk> =
        groups.iter().map(|group| group.as_seen(changes, parts)).collect();
    let shortest: Vec<_> = groups.iter().map(|group| group.shortest(&ways, parts)).collect();
    // The model's own shortest stories, all at once.
    let candidates = shortest.into_iter().enumerate();
    let candidates = candidates.filter_map(|(number, steps)| Some((number, steps?)));
    try_all(workers, groups, candidates.collect(), &mut shrunk, &progress).await;
    // Where they show nothing, the story in which it was seen, and then that with less and less.
    let as_seen = groups.iter().enumerate().filter(|(number, _)| !shrunk[*number].reproduced);
    let as_seen: Vec<_> =
        as_seen.map(|(number, group)| (number, group.as_seen(changes, parts).steps)).collect();
    let mut stubborn: Vec<_> = as_seen.iter().map(|(number, _)| *number).collect();
    try_all(workers, groups, as_seen, &mut shrunk, &progress).await;
    // Half of the story is left out, or the other half; then a quarter, and so on.
    stubborn.retain(|number| shrunk[*number].reproduced);
    let longest = stubborn.iter().map(|number| shrunk[*number].steps.len()).max();
    let mut size = longest.unwrap_or_default() / 2;
    while size > 0 && !workers.is_over() {
        let less = stubborn.iter().flat_map(|number| {
            let less = shorter(&changes.default, &shrunk[*number].steps, size);
            less.into_iter().map(|steps| (*number, steps))
        });
        let less = less.collect();
        let length = |shrunk: &[Shrunk]| stubborn.iter().map(|n| shrunk[*n].steps.len()).sum();
        let before: usize = length(&shrunk);
        try_all(workers, groups, less, &mut shrunk, &progress).await;
        // What could be left out once may be left out elsewhere too.
        if length(&shrunk) == before {
            size /= 2;
        }
    }
    shrunk
}

/// Steps that lead to a place, and what is asked there, each for the group with this number.
type Together = (Vec<Step>, Vec<(usize, Step)>);

/// Tells these stories; each that shows the divergence of its group, and is shorter than what was
/// known to show it, is kept. Those that come to the same place, only to look at something else there,
/// are told as one.
async fn try_all(
    workers: &Workers<'_>,
    groups: &[Group],
    candidates: Vec<(usize, Vec<Step>)>,
    shrunk: &mut [Shrunk],
    progress: &impl Fn(usize),
) {
    if candidates.is_empty() || workers.is_over() {
        return;
    }
    let mut together: Vec<Together> = Vec::new();
    for (number, mut steps) in candidates {
        let Some(last) = steps.pop() else { continue };
        let looks = |(_, last): &(usize, Step)| !may_change_anything(last);
        let place = together.iter_mut().find(|(lead, asked)| {
            *lead == steps && !may_change_anything(&last) && asked.iter().all(looks)
        });
        match place {
            Some((_, asked)) => asked.push((number, last)),
            None => together.push((steps, vec![(number, last)])),
        }
    }
    let story = |(number, (lead, asked)): (usize, &Together)| Story {
        id: format!("smaller-{number}"),
        steps: lead.iter().copied().chain(asked.iter().map(|(_, step)| *step)).collect(),
    };
    let stories: Vec<_> = together.iter().enumerate().map(story).collect();
    let told = workers.tell(stories.into_iter(), progress).await;
    for ((lead, asked), (_, told)) in together.into_iter().zip(told) {
        for (number, last) in asked {
            let known = &mut shrunk[number];
            let better = !known.reproduced || lead.len() + 1 < known.steps.len();
            let shown = groups[number].shown_by(&told, lead.len(), &last).filter(|_| better);
            if let Some((part, Difference { changes, at, .. })) = shown {
                let steps = lead.iter().copied().chain([last]).collect();
                let (part, changes) = (part.clone(), changes.clone());
                *known = Shrunk { steps, changes, reproduced: true, part, at: *at };
            }
        }
    }
}

impl Group {
    fn first<'a>(&self, parts: &'a [Part]) -> (&'a Part, &'a Difference) {
        let (part, difference) = self.seen[0];
        (&parts[part], &parts[part].differences[difference])
    }

    /// The story in which it was seen first, as far as it led there.
    fn as_seen(&self, changes: &Changes, parts: &[Part]) -> Shrunk {
        let (part, difference) = self.first(parts);
        let before =
            part.log[..difference.at].iter().filter(|taken| !taken.diverges && taken.tells());
        let before: Vec<_> = before.map(|taken| taken.step).collect();
        let mut steps = leading(&changes.default, &before);
        steps.push(part.log[difference.at].step);
        Shrunk {
            steps,
            changes: difference.changes.clone(),
            reproduced: false,
            part: part.clone(),
            at: difference.at,
        }
    }

    /// The shortest story into the situation of any of them.
    fn shortest(&self, ways: &Ways<'_>, parts: &[Part]) -> Option<Vec<Step>> {
        let seen = self.seen.iter().take(MOST_SITUATIONS);
        let stories = seen.filter_map(|(part, difference)| {
            let part = &parts[*part];
            let difference = &part.differences[*difference];
            ways.shortest(difference, &part.log[difference.at].step)
        });
        stories.min_by_key(Vec::len)
    }

    /// If `step` shows it, after so many others of a story: the part, and the difference in it.
    fn shown_by<'a>(
        &self,
        told: &'a Told,
        lead: usize,
        step: &Step,
    ) -> Option<(&'a Part, &'a Difference)> {
        let part = told.parts.first()?;
        let is_it = |difference: &&Difference| {
            let taken = &part.log[difference.at];
            difference.at >= lead
                && taken.step == *step
                && Signature::of(difference, taken).is_like(&self.signature)
        };
        part.differences.iter().find(is_it).map(|difference| (part, difference))
    }
}

/// Of a divergence that was seen often, in how many situations a way is looked for.
const MOST_SITUATIONS: usize = 20;

/// The divergences, told.
pub(super) fn divergences(
    scripts: Scripts<'_>,
    changes: &Changes,
    groups: &[Group],
    explanations: &[Explanation],
    ids: &[String],
    parts: &[Part],
    shrunk: Vec<Shrunk>,
) -> Vec<Divergence> {
    let rules = scripts.rules;
    let causes = causes(changes, explanations);
    let told = groups.iter().zip(shrunk).map(|(group, shrunk)| {
        let cause_told = group.cause.map(|cause| &causes[cause]);
        let taken = cause_told.map(|cause| format!("{}={}", cause.decision_point, cause.option));
        let id = id(&group.signature, taken.as_deref());
        let (_, difference) = group.first(parts);
        let decision = difference.expected.observation.decision;
        let cause = group.cause.map(|cause| &*explanations[cause].changes);
        // What a mistake explains that explains more, no reading excuses.
        let excused = cause.is_none_or(|cause| cause.iter().all(|c| changes.all[*c].permitted));
        let readings = if excused { one_of(&shrunk.changes, cause) } else { &[] };
        let readings = readings.iter().map(|change| reading(&changes.all[*change])).collect();
        let Signature { kind, step, by, expected, observed, permitted: _ } = &group.signature;
        let mut seen_in: Vec<_> = group.seen.iter().map(|(part, _)| ids[*part].clone()).collect();
        seen_in.dedup();
        let clauses: Vec<_> =
            in_force(rules, decision.clauses).into_iter().map(str::to_owned).collect();
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
            endpoint: step.act.endpoint(),
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
fn one_of<'a>(changes: &'a [Vec<usize>], cause: Option<&[usize]>) -> &'a [usize] {
    let is_the_cause = |taken: &&Vec<usize>| {
        cause.is_some_and(|cause| taken.iter().all(|change| cause.contains(change)))
    };
    changes.iter().find(is_the_cause).or(changes.first()).map_or(&[], |taken| taken)
}

fn reading(change: &Change) -> ReadingTaken {
    ReadingTaken {
        reading: change.reading.clone(),
        decision_point: change.point.clone(),
        option: change.option.clone(),
    }
}

fn scenario(rules: &Rules, id: String, group: &Group, steps: &[Step]) -> Scenario {
    let Signature { step, by, expected, observed, .. } = &group.signature;
    let about = format!(
        "{}, {by}: the rules say `{expected}`, the homeserver `{observed}`",
        sentence(step)
    );
    Scenario::from_story(&*id, rules, &*about, Vec::new(), steps).unwrap_or_else(|_| {
        // By our readings it cannot happen, so they say nothing to it.
        let event = |step: &Step| step.tag.then(|| LABEL.to_owned());
        let told = |step: &Step| ToldStep { step: *step, event: event(step), expect: None };
        let steps = steps.iter().map(told).collect();
        Scenario { id, rules: rules.id.clone(), about, clauses: Vec::new(), steps }
    })
}

/// The causes, told.
pub(super) fn causes(changes: &Changes, explanations: &[Explanation]) -> Vec<Cause> {
    let told = explanations.iter().map(|explanation| {
        let taken: Vec<&Change> =
            explanation.changes.iter().map(|change| &changes.all[*change]).collect();
        let joined = |of: fn(&Change) -> &str| {
            taken.iter().map(|change| of(change)).collect::<Vec<_>>().join(" and ")
        };
        let mut clauses: Vec<_> =
            taken.iter().flat_map(|change| change.clauses.iter().cloned()).collect();
        clauses.sort();
        clauses.dedup();
        Cause {
            decision_point: joined(|change| &change.point),
            option: joined(|change| &change.option),
            means: joined(|change| &change.means),
            explains: explanation.explains.len(),
            permitted: taken.iter().all(|change| change.permitted),
            reading: taken.iter().find_map(|change| change.reading.clone()),
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
