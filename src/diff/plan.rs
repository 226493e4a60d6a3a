//! Which scenarios are run: the vectors of the rules and those for the content of answers, or the scenarios of
//! a folder.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glob::Pattern;
use guest_access_model::action::{Action, Actor, Operation, Says};
use guest_access_model::decide::{initial, outcome};
use guest_access_model::state::{MAX_GUESTS, State};
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::{GuestAccess, Membership, MembershipEndpoint};
use guest_access_scenarios::scenario::{Scenario, ScenarioError, ScenarioText, StepLines};
use guest_access_scenarios::vectors::{self, Vector, vectors};

use crate::subject::server::setting_shapes;

use super::content_scenarios::content_scenarios;
use super::further::plan_further_reads;
use super::scenario_run::{ContentPlan, PlannedScenario};
use super::taken_step::{TakenStep, take_steps};

/// Why the scenarios of a folder cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The folder cannot be read.
    #[error("{}: the folder cannot be read; name a folder of scenarios", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The folder has no scenario.
    #[error(
        "{}: the folder has no scenario; `vectors --out` writes one file for each vector",
        path.display()
    )]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A file is no scenario, or a step cannot happen under the rules.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The scenario is for other rules than the run.
    #[error(
        "{}:{line}: the scenario is for the rules `{named}`, and the run compares with `{rules}`; give `--rules {named}`, or leave the scenario out",
        path.display()
    )]
    OtherRules {
        /// The file.
        path: PathBuf,
        /// The line in which the scenario names its rules.
        line: usize,
        /// The rules of the scenario.
        named: String,
        /// The rules of the run.
        rules: String,
    },
    /// A step expects what the rules do not decide.
    #[error(
        "{}:{line}: step {number} expects what `{rules}` does not decide: {difference}; `diff` compares with the rules, so correct `expect` or leave it out",
        path.display()
    )]
    OtherExpectation {
        /// The file.
        path: PathBuf,
        /// The line of the step.
        line: usize,
        /// The number of the step, from 1.
        number: usize,
        /// The rules of the run.
        rules: String,
        /// The differences, in words.
        difference: String,
    },
    /// Two files have scenarios of one id.
    #[error("{}: the scenario has the id `{id}`, as has the scenario in {}", path.display(), other.display())]
    SameId {
        /// The id.
        id: String,
        /// The second file.
        path: PathBuf,
        /// The first file.
        other: PathBuf,
    },
}

/// The scenarios of `rules` to run: the vectors, and the scenarios for the content of answers. With
/// patterns, only the scenarios whose id matches one of them.
pub fn plan(rules: &Rules, only: &[Pattern]) -> Vec<PlannedScenario> {
    let profile = rules.profile();
    let mut vectors = vectors(rules);
    vectors.retain(|vector| is_selected(&vector.scenario.id, only));
    let mut scenarios = of_content(&profile);
    scenarios.retain(|scenario| is_selected(&scenario.id, only));
    scenarios.extend(vectors.into_iter().map(|vector| planned_vector(&profile, vector)));
    planned(scenarios, rules)
}

/// The scenarios for the content of answers under these rules, to run.
pub fn plan_content(rules: &Rules) -> Vec<PlannedScenario> {
    planned(of_content(&rules.profile()), rules)
}

fn of_content(profile: &Profile) -> Vec<PlannedScenario> {
    let scenario = |(id, steps): (&str, Vec<Action>)| PlannedScenario {
        id: id.to_owned(),
        steps,
        content: ContentPlan::Whole,
        is_trial: false,
    };
    content_scenarios(profile).map(scenario).into()
}

/// These vectors of `rules`, to run.
pub fn plan_vectors(rules: &Rules, vectors: Vec<Vector>) -> Vec<PlannedScenario> {
    let profile = rules.profile();
    let scenarios = vectors.into_iter().map(|vector| planned_vector(&profile, vector));
    planned(scenarios.collect(), rules)
}

fn planned_vector(profile: &Profile, Vector { scenario, .. }: Vector) -> PlannedScenario {
    PlannedScenario {
        steps: in_every_shape(profile, &scenario.actions()),
        id: scenario.id,
        content: ContentPlan::Whole,
        is_trial: false,
    }
}

/// The scenarios in the `.json` files of a folder, but for the index and the schema that belong to a
/// folder of vectors. With patterns, only the scenarios whose id matches one of them.
///
/// # Errors
/// If the folder cannot be read or has no scenario, if two scenarios have one id, or if a scenario is
/// wrong, is for other rules, cannot happen under `rules`, or expects what `rules` do not decide.
pub fn plan_from(
    folder: &Path,
    rules: &Rules,
    only: &[Pattern],
) -> Result<Vec<PlannedScenario>, PlanError> {
    let unreadable = |source| PlanError::Unreadable { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_scenario = path.extension().is_some_and(|extension| extension == "json")
            && path
                .file_name()
                .is_none_or(|name| name != vectors::INDEX && name != vectors::SCHEMA);
        if is_scenario {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(PlanError::Empty { path: folder.to_owned() });
    }
    paths.sort();
    let mut known: HashMap<String, PathBuf> = HashMap::new();
    let mut scenarios = Vec::new();
    for path in paths {
        let text = ScenarioText::load(&path)?;
        let id = text.id().to_owned();
        if let Some(other) = known.insert(id.clone(), path.clone()) {
            return Err(PlanError::SameId { id, path, other });
        }
        if is_selected(&id, only) {
            check_rules(&text, rules)?;
            let (scenario, step_lines) = text.read_by(rules)?;
            check_expectations(&scenario, &step_lines, rules)?;
            let steps = in_every_shape(&rules.profile(), &scenario.actions());
            scenarios.push(PlannedScenario {
                id,
                steps,
                content: ContentPlan::Whole,
                is_trial: false,
            });
        }
    }
    Ok(planned(scenarios, rules))
}

/// Checks that the scenario is for the rules of the run. A scenario that was made by the rules of a file
/// may name them by their id.
fn check_rules(text: &ScenarioText, rules: &Rules) -> Result<(), PlanError> {
    let named = text.rules();
    if named == rules.id || rules.aliases.iter().any(|alias| alias == named) {
        return Ok(());
    }
    if text.find_rules()? == *rules {
        return Ok(());
    }
    let (path, line) = text.place_of_rules();
    let (path, named, rules) = (path.to_owned(), named.to_owned(), rules.id.clone());
    Err(PlanError::OtherRules { path, line, named, rules })
}

/// Checks that every step can happen under the rules of the run, and that they decide what it expects.
fn check_expectations(
    scenario: &Scenario,
    step_lines: &StepLines,
    rules: &Rules,
) -> Result<(), PlanError> {
    let differences = scenario.differences(rules).map_err(|error| step_lines.locate(error))?;
    match differences.into_iter().enumerate().find(|(_, found)| !found.is_empty()) {
        None => Ok(()),
        Some((index, found)) => {
            let (path, line) = step_lines.place_of_step(index);
            Err(PlanError::OtherExpectation {
                path: path.to_owned(),
                line,
                number: index + 1,
                rules: rules.id.clone(),
                difference: found.join(", "),
            })
        }
    }
}

/// Whether a scenario with this id is to be run.
fn is_selected(id: &str, only: &[Pattern]) -> bool {
    only.is_empty() || only.iter().any(|pattern| pattern.matches(id))
}

/// The scenarios in the order of their ids, so that a run does not depend on where they come from.
fn planned(mut scenarios: Vec<PlannedScenario>, rules: &Rules) -> Vec<PlannedScenario> {
    scenarios.sort_by(|one, other| one.id.cmp(&other.id));
    plan_further_reads(&rules.profile(), &mut scenarios);
    scenarios
}

/// The steps, with each setting repeated until the session has sent all shapes of its content. After each
/// shape of the guest access, a guest that is shut out tries to join. If the setting removes guests, they join
/// again before each repetition: every shape has to remove them.
fn in_every_shape(profile: &Profile, steps: &[Action]) -> Vec<Action> {
    let mut all = Vec::with_capacity(steps.len());
    for taken in take_steps(profile, initial(profile), steps) {
        let TakenStep { before, step, .. } = &taken;
        all.push(*step);
        let shapes = setting_shapes(step);
        if shapes == 1 {
            continue;
        }
        let after = taken.after();
        let again = Action { tag: false, ..*step };
        let attempt = refused_join(profile, &after, step);
        let restored = restoration(profile, (before, &after), step);
        for _ in 1..shapes {
            all.extend(attempt.iter().chain(&restored));
            all.push(again);
        }
        all.extend(attempt);
    }
    all
}

/// The join of a guest that is refused because of this guest access.
fn refused_join(profile: &Profile, state: &State, setting: &Action) -> Option<Action> {
    let opened = outcome(profile, state, &opening(setting)?)?.next;
    let joins = (0..).take(MAX_GUESTS).map(|guest| {
        let join = Operation::Join(MembershipEndpoint::Own);
        Action { place: setting.place, ..Action::new(Actor::Guest(guest), join) }
    });
    let is_allowed = |state: &State, join: &Action| {
        let outcome = outcome(profile, state, join);
        outcome.map(|outcome| outcome.observation.decision.allows())
    };
    joins.into_iter().find(|join| {
        is_allowed(state, join) == Some(false) && is_allowed(&opened, join) == Some(true)
    })
}

/// The action that lets guests join where this one sets another guest access.
fn opening(setting: &Action) -> Option<Action> {
    let Operation::SetGuestAccess(_, key) = setting.operation else { return None };
    let open = Operation::SetGuestAccess(Says::Value(GuestAccess::CanJoin), key);
    Some(Action { operation: open, tag: false, ..*setting })
}

/// The steps that bring the guests back whom a change of guest access has just removed. None, if the change
/// removed nobody, or if an event is tagged: a later join may change who is given the event.
fn restoration(profile: &Profile, (before, after): (&State, &State), step: &Action) -> Vec<Action> {
    let (Some(open), Some(room), None) = (opening(step), step.room(), after.tagged) else {
        return Vec::new();
    };
    let membership = |state: &State, guest: u8| state.rooms[room].members[usize::from(guest)];
    let removed = (0..).take(MAX_GUESTS).filter(|guest| {
        membership(before, *guest) == Membership::Join
            && membership(after, *guest) == Membership::Leave
    });
    let joins = removed.map(|guest| {
        let join = Operation::Join(MembershipEndpoint::Own);
        Action { place: step.place, ..Action::new(Actor::Guest(guest), join) }
    });
    let joins: Vec<_> = joins.collect();
    let steps: Vec<_> = std::iter::once(open).chain(joins).collect();
    let taken: Vec<_> = take_steps(profile, *after, &steps).collect();
    let is_back = taken.iter().all(TakenStep::is_allowed)
        && taken
            .last()
            .is_some_and(|last| last.after().rooms[room].members == before.rooms[room].members);
    if steps.len() > 1 && is_back { steps } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use guest_access_model::action::Key;

    use super::*;

    #[test]
    fn a_setting_is_repeated_for_each_shape_and_tagged_once() {
        let set = |says| Operation::SetGuestAccess(says, Key::Empty);
        let by_moderator = |operation| Action::new(Actor::Moderator, operation).at(0);
        let unknown = Action { tag: true, ..by_moderator(set(Says::Unknown)) };
        let forbidden = by_moderator(set(Says::Value(GuestAccess::Forbidden)));
        let profile = Rules::find("latest").unwrap().profile();
        let steps = in_every_shape(&profile, &[unknown, forbidden]);
        let again = by_moderator(set(Says::Unknown));
        assert_eq!(steps, [unknown, again, again, again, forbidden]);
    }

    #[test]
    fn guests_that_a_shape_removes_join_again_for_the_next() {
        let set = |says| Operation::SetGuestAccess(says, Key::Empty);
        let by_moderator = |operation| Action::new(Actor::Moderator, operation).at(0);
        let by_guest = |operation| Action::new(Actor::Guest(0), operation);
        let open = by_moderator(set(Says::Value(GuestAccess::CanJoin)));
        let register = by_guest(Operation::Register { named: false });
        let join = by_guest(Operation::Join(MembershipEndpoint::Own)).at(0);
        let unknown = by_moderator(set(Says::Unknown));
        let profile = Rules::find("latest").unwrap().profile();
        let steps = in_every_shape(&profile, &[open, register, join, unknown]);
        let (lead, shapes) = steps.split_at(4);
        assert_eq!(lead, [open, register, join, unknown]);
        assert_eq!(shapes, [&[join, open, join, unknown].repeat(3)[..], &[join]].concat());
    }
}
