//! Both judges agree with a search through all assignments, and with each other.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Three decision points, with one, two and two options beside the default.
fn options() -> OpenOptions {
    let option = |(point, option): (&str, &str)| TakenOption {
        point: point.to_owned(),
        option: option.to_owned(),
        reading: None,
    };
    OpenOptions::new([("a", "1"), ("b", "1"), ("b", "2"), ("c", "1"), ("c", "2")].map(option))
}

/// Every assignment, the smallest first.
fn every_assignment(options: &OpenOptions) -> Vec<Assignment> {
    let mut all = vec![Assignment::DEFAULT];
    for option in options.numbers() {
        let extended: Vec<_> =
            all.iter().filter_map(|known| known.extended(&[option], options)).collect();
        all.extend(extended);
    }
    all.sort();
    all.dedup();
    all
}

/// Which steps of a sequence an assignment explains.
fn explained(steps: &[StepMatches], by: &Assignment) -> Vec<bool> {
    let mut ended = false;
    let explains = |step: &StepMatches| {
        ended |= step.by(by) == Match::Ends;
        ended || step.by(by) == Match::Meets
    };
    steps.iter().map(explains).collect()
}

fn explains_all(steps: &[StepMatches], by: &Assignment) -> bool {
    explained(steps, by).into_iter().all(|explained| explained)
}

/// How many of the steps that something explains are explained by an assignment.
fn count(run: &[Vec<StepMatches>], by: &Assignment) -> usize {
    let of_sequence = |steps: &Vec<StepMatches>| {
        let explained = explained(steps, by);
        steps.iter().zip(explained).filter(|(step, explained)| *explained && can_be(step)).count()
    };
    run.iter().map(of_sequence).sum()
}

/// Whether something explains a step.
fn can_be(step: &StepMatches) -> bool {
    step.meets_default() || step.listed().any(|(_, found)| found != Match::Differs)
}

const fn is_unexplained(step: &StepJudgement) -> bool {
    matches!(step, StepJudgement::Inconsistent(_) | StepJudgement::Unexplained)
}

fn a_match() -> impl Strategy<Value = Match> {
    prop_oneof![5 => Just(Match::Meets), 5 => Just(Match::Differs), 1 => Just(Match::Ends)]
}

/// A step that lists any of the options at `points`, and pairs of them.
fn a_step(points: &'static [&'static str]) -> impl Strategy<Value = StepMatches> {
    let listed = vec((0..5_usize, a_match()), 0..4);
    let pairs = vec((0..5_usize, 0..5_usize, a_match()), 0..2);
    (any::<bool>(), listed, pairs).prop_map(move |(by_default, listed, pairs)| {
        let options = options();
        let numbers: Vec<_> = options.numbers().collect();
        let is_one = |number| points.contains(&options.get(number).point.as_str());
        let mut step = StepMatches::by_default(by_default);
        for (number, found) in listed {
            if is_one(numbers[number]) {
                step.list(numbers[number], found);
            }
        }
        for (one, other, found) in pairs {
            let (one, other) = (numbers[one], numbers[other]);
            if !options.same_point(one, other) && is_one(one) && is_one(other) {
                step.list_pair(one, other, found);
            }
        }
        step
    })
}

fn a_run() -> impl Strategy<Value = Vec<Vec<StepMatches>>> {
    vec(vec(a_step(&["a", "b", "c"]), 0..5), 0..4)
}

/// A run of which each step is about one decision point.
fn a_separable_run() -> impl Strategy<Value = Vec<Vec<StepMatches>>> {
    let step = prop_oneof![a_step(&["a"]), a_step(&["b"]), a_step(&["c"])];
    vec(vec(step, 0..5), 0..4).prop_map(|run| {
        let ends = |step: &StepMatches| step.ending().next().is_some();
        run.into_iter().map(|steps| steps.into_iter().filter(|s| !ends(s)).collect()).collect()
    })
}

/// A run of a homeserver that follows an assignment, except for some steps that nothing explains.
fn a_consistent_run() -> impl Strategy<Value = Vec<Vec<StepMatches>>> {
    (a_run(), 0..18_usize).prop_map(|(mut run, number)| {
        let by = every_assignment(&options())[number].clone();
        for steps in &mut run {
            let explained = explained(steps, &by);
            let mut explained = explained.into_iter();
            steps.retain(|step| {
                let is_explained = explained.next() == Some(true);
                is_explained || !can_be(step)
            });
        }
        run
    })
}

proptest! {
    #[test]
    fn a_sequence_is_explained_by_the_smallest_assignment(steps in vec(a_step(&["a", "b", "c"]), 0..8)) {
        let every = every_assignment(&options());
        let mut judge = SequenceJudge::new(options());
        let mut permitted = Vec::new();
        for step in steps {
            permitted.push(step.clone());
            let smallest = every.iter().find(|by| explains_all(&permitted, by));
            prop_assert_eq!(judge.step(step), smallest);
            if smallest.is_none() {
                permitted.pop();
            }
        }
    }

    #[test]
    fn a_sequence_that_fails_alone_fails_in_every_run(run in a_run()) {
        let judged = judge_run(&options(), &run);
        for (steps, in_run) in run.iter().zip(&judged.steps) {
            let mut judge = SequenceJudge::new(options());
            let fails = steps.iter().any(|step| judge.step(step.clone()).is_none());
            prop_assert!(!fails || in_run.iter().any(is_unexplained));
        }
    }

    #[test]
    fn a_run_that_is_explained_is_explained_by_its_one_assignment(run in a_run()) {
        let judged = judge_run(&options(), &run);
        for (steps, in_run) in run.iter().zip(&judged.steps) {
            let of_run = in_run.iter().map(|step| !is_unexplained(step));
            prop_assert_eq!(of_run.collect::<Vec<_>>(), explained(steps, &judged.assignment));
        }
    }

    #[test]
    fn a_homeserver_with_one_assignment_is_never_inconsistent(run in a_consistent_run()) {
        let judged = judge_run(&options(), &run);
        let mut steps = judged.steps.iter().flatten();
        prop_assert!(!steps.any(|step| matches!(step, StepJudgement::Inconsistent(_))), "{judged:?}");
    }

    #[test]
    fn no_change_of_one_point_explains_more(run in a_run()) {
        let options = options();
        let judged = judge_run(&options, &run);
        let best = count(&run, &judged.assignment);
        prop_assert!(best >= count(&run, &Assignment::DEFAULT));
        for option in options.numbers() {
            prop_assert!(best >= count(&run, &judged.assignment.with(option, &options)));
            prop_assert!(best >= count(&run, &judged.assignment.without(option)));
        }
    }

    #[test]
    fn the_assignment_of_a_separable_run_is_the_best(run in a_separable_run()) {
        let judged = judge_run(&options(), &run);
        let every = every_assignment(&options());
        let most = every.iter().map(|by| count(&run, by)).max();
        let best = every.iter().find(|by| Some(count(&run, by)) == most);
        prop_assert_eq!(Some(&judged.assignment), best);
    }

    #[test]
    fn the_conflicts_of_an_inconsistent_step_explain_it(run in a_run()) {
        let options = options();
        let judged = judge_run(&options, &run);
        for (step, in_run) in run.iter().flatten().zip(judged.steps.iter().flatten()) {
            let StepJudgement::Inconsistent(conflicts) = in_run else { continue };
            let mut here = judged.assignment.clone();
            for conflict in conflicts {
                prop_assert_ne!(conflict.in_run, conflict.here);
                prop_assert_eq!(conflict.in_run, conflict.here.map_or(conflict.in_run, |o| {
                    judged.assignment.at_point_of(o, &options)
                }));
                here = match conflict.here {
                    Some(option) => here.with(option, &options),
                    None => conflict.in_run.map_or(here.clone(), |option| here.without(option)),
                };
            }
            prop_assert_eq!(step.by(&here), Match::Meets);
        }
    }
}

/// After a step at which one option could not go on, a step that nothing explains says nothing
/// against a homeserver that takes another.
#[test]
fn what_nothing_explains_counts_for_no_assignment() {
    let options = options();
    let [a, b, ..] = options.numbers().collect::<Vec<_>>()[..] else { unreachable!() };
    let mut ends_with_b = StepMatches::by_default(false);
    ends_with_b.list(b, Match::Ends);
    ends_with_b.list(a, Match::Meets);
    let mut needs_a = StepMatches::by_default(false);
    needs_a.list(a, Match::Meets);
    let nothing = StepMatches::by_default(false);
    let run = [vec![ends_with_b, nothing.clone(), nothing], vec![needs_a]];
    let judged = judge_run(&options, &run);
    assert_eq!(judged.assignment.options(), [a]);
    assert_eq!(judged.steps[0][0], StepJudgement::AsAssigned(vec![a]));
    assert_eq!(judged.steps[0][1..], [StepJudgement::Unexplained, StepJudgement::Unexplained]);
}

#[test]
fn pairs_options_and_the_default_decide_in_this_order() {
    let options = options();
    let [a, b, _, c, _] = options.numbers().collect::<Vec<_>>()[..] else { unreachable!() };
    let of = |taken: &[OptionNumber]| Assignment::DEFAULT.extended(taken, &options).unwrap();
    let mut step = StepMatches::by_default(false);
    step.list(b, Match::Meets);
    step.list(c, Match::Ends);
    step.list_pair(b, a, Match::Differs);
    assert_eq!(step.by(&of(&[])), Match::Differs);
    assert_eq!(step.by(&of(&[a])), Match::Differs);
    assert_eq!(step.by(&of(&[b])), Match::Meets);
    assert_eq!(step.by(&of(&[a, b])), Match::Differs);
    assert_eq!(step.by(&of(&[a, b, c])), Match::Ends);
}

#[test]
fn an_assignment_has_one_option_at_a_point() {
    let options = options();
    let [_, one, two, ..] = options.numbers().collect::<Vec<_>>()[..] else { unreachable!() };
    let taken = Assignment::DEFAULT.with(one, &options);
    assert_eq!(taken.extended(&[two], &options), None);
    assert_eq!(taken.with(two, &options).options(), [two]);
    assert_eq!(every_assignment(&options).len(), 2 * 3 * 3);
}

#[test]
fn the_kinds_are_in_order_the_worst_first() {
    assert!(DivergenceKind::ALL.is_sorted());
    assert!(DivergenceKind::Refusal < DivergenceKind::Failure);
    assert!(DivergenceKind::Failure < DivergenceKind::Inconsistent);
}
