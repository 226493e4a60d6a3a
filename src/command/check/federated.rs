//! `check --model federated`: explores several homeservers in one room.

use std::collections::BTreeMap;

use guest_access_model::check::Check;
use guest_access_model::executor::Executor;
use guest_access_model::federated::{Federated, FederatedAction};
use guest_access_model::memory;
use guest_access_model::state::Scope;
use guest_access_rules::federation::{FEDERATION_POINTS, Federation};
use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::Scenario;

use crate::command::CommandError;
use crate::report::Run;
use crate::report::check::{CheckReport, DisciplineReport, ExplorationReport, ScenarioHeading};

use super::selection::Selection;
use super::task::Task;

/// The default number of servers.
const SERVERS: u8 = 2;
/// The default number of settings in transit.
const IN_FLIGHT: u8 = 1;

/// A behaviour of the servers to check, and whether its guarantees are required.
struct CheckedFederation {
    id: String,
    about: String,
    federation: Federation,
    is_required: bool,
}

impl CheckedFederation {
    fn asked_for(names: &[String]) -> Result<Vec<Self>, CommandError> {
        if !names.is_empty() {
            return names.iter().map(|name| Self::named(name)).collect();
        }
        let right = Self {
            id: "as the rules say".to_owned(),
            about: "every server does what the specification asks for".to_owned(),
            federation: Federation::FIRST,
            is_required: true,
        };
        let others = FEDERATION_POINTS.iter().flat_map(|point| {
            point.options.iter().skip(1).map(|option| {
                let mut federation = Federation::FIRST;
                assert!(
                    federation.set_option(point.id, option.id),
                    "the option is the point's own"
                );
                Self {
                    id: format!("{}={}", point.id, option.id),
                    about: option.means(),
                    federation,
                    is_required: false,
                }
            })
        });
        Ok(std::iter::once(right).chain(others).collect())
    }

    fn named(name: &str) -> Result<Self, CommandError> {
        let mut federation = Federation::FIRST;
        for part in name.split(',') {
            let (point, option) = part.split_once('=').unwrap_or((part, ""));
            if !federation.set_option(point, option) {
                let known = FEDERATION_POINTS.iter().flat_map(|point| {
                    point.option_ids().map(|option| format!("{}={option}", point.id))
                });
                let known = known.collect::<Vec<_>>().join(", ");
                return Err(CommandError::UnknownFederation { text: part.to_owned(), known });
            }
        }
        let about = "the options as they were given".to_owned();
        Ok(Self { id: name.to_owned(), about, federation, is_required: true })
    }

    fn report(&self) -> DisciplineReport {
        let option = |id| self.federation.option(id).unwrap_or_default();
        let options: BTreeMap<_, _> =
            FEDERATION_POINTS.iter().map(|point| (point.id, option(point.id))).collect();
        DisciplineReport {
            id: self.id.clone(),
            about: self.about.clone(),
            held: self.is_required,
            options,
        }
    }
}

/// Checks one revision under each behaviour of the servers.
pub(super) fn check(
    task: &Task<'_>,
    rules: &Rules,
    selection: &Selection,
) -> Result<Vec<CheckReport>, CommandError> {
    let Task { args, workers, limits } = task;
    let servers = usize::from(args.servers.unwrap_or(SERVERS));
    let in_flight = usize::from(args.in_flight.unwrap_or(IN_FLIGHT));
    let executor = task.executor(Executor::Stateright);
    let reports = CheckedFederation::asked_for(&args.federations)?.into_iter().map(|kept| {
        let model = || Federated::new(rules.profile(), kept.federation, servers, in_flight);
        let judged = Federated::guarantees();
        let guarantees = selection.among(judged);
        let required = rules
            .promised()
            .union(selection.named)
            .union(Federated::guarantees_of_all_servers(rules));
        let progress = task.progress(format!("{}, {}", rules.id, kept.id));
        let run = Run::of([rules]);
        let check = Check { model: model(), guarantees, required, executor, workers };
        let found = check.run(&limits.stop, &|seen| limits.on_progress(&progress, seen))?;
        drop(progress);
        let explored = ExplorationReport {
            model: "federated",
            scope: Scope { guests: servers, rooms: 1 },
            engine: executor.as_str(),
            subject: &args.subject,
            peak_bytes: memory::peak(),
            ended_by: Some(limits.what_ended_it()),
        };
        let replay = |heading: ScenarioHeading, actions: &[FederatedAction]| {
            let ScenarioHeading { id, about, clauses } = heading;
            let actions = model().replay(actions).expect("the model replays its own traces");
            Ok(Scenario::from_federated_trace(id, rules, about, clauses, &actions))
        };
        let mut report =
            CheckReport::with_scenarios(rules, required, explored, &found, run, replay)?;
        report.add_unseen(rules);
        report.discipline = Some(kept.report());
        report.in_flight = Some(in_flight);
        Ok(report)
    });
    reports.collect()
}
