//! The command line of `check`.

use std::path::PathBuf;
use std::time::Duration;

use guest_access_model::concurrent::Concurrent;
use guest_access_model::executor::Executor;
use guest_access_model::federated::Federated;
use guest_access_rules::discipline::Discipline;
use guest_access_rules::guarantee::GuaranteeSet;

use crate::command::CommandError;
use crate::command::output::OutputArgs;
use crate::command::search::SearchArgs;

/// Check what a revision promises, in every reachable state
///
/// Explores every interleaving of steps by guests, a user and a moderator, without a bound on their
/// number, and judges each step by the guarantees. A promised guarantee fails that is broken, or
/// whose premise nothing meets. What is not promised is reported too, with a shortest story that
/// breaks it, if there is one; a guarantee named with `--property` is held against the revision as if
/// it were promised.
#[derive(Debug, clap::Args)]
pub(in crate::command) struct Args {
    /// The rules to check
    #[arg(value_name = "RULES", default_value = "latest")]
    pub(super) rules: Vec<String>,
    /// The model to explore
    #[arg(long, default_value = "sequential")]
    pub(super) model: Model,
    /// With `--model concurrent`: how overlapping calls are kept apart, as the name of a discipline or
    /// as `point=option,…`; may be given several times, and each is held to what the revision promises
    /// [default: all that have a name, of which the safe ones are held to it]
    #[arg(long = "discipline", value_name = "ID")]
    pub(super) disciplines: Vec<String>,
    /// With `--model concurrent`: how many calls are in flight at most; with `--model federated`: how
    /// many settings are on their way at most; 1 to 4 [default: 2 calls, 1 setting]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=4))]
    pub(super) in_flight: Option<u8>,
    /// With `--model federated`: how many servers there are, 2 or 3 [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=3))]
    pub(super) servers: Option<u8>,
    /// With `--model federated`: what the servers do that they should not, as `point=option,…`; may be
    /// given several times, and each is held to what the revision promises [default: every option, of
    /// which what the specification asks for is held to it]
    #[arg(long = "federation", value_name = "OPTIONS")]
    pub(super) federations: Vec<String>,
    /// The homeserver that is held against the rules: `reference`, or `defect:ID` for a mistaken one
    #[arg(long, value_name = "SUBJECT", default_value = "reference")]
    pub(super) subject: String,
    #[command(flatten)]
    pub(super) search: SearchArgs,
    /// Judge this guarantee only; may be given several times
    #[arg(long = "property", value_name = "ID")]
    pub(super) properties: Vec<String>,
    /// Who explores the model [default: stateright for one guest in one room, timely for more]
    #[arg(long)]
    pub(super) engine: Option<ExecutorName>,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
    /// The form of the report
    #[arg(long, default_value = "text")]
    pub(super) format: Format,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Several processes that explore together.
#[derive(Debug, clap::Args)]
pub(super) struct ClusterArgs {
    /// Explore with other processes: a file with a line `host:port` for each, the first being 0
    #[arg(long, value_name = "FILE", requires = "process")]
    pub(super) hosts: Option<PathBuf>,
    /// Which of the processes this is; start all of them with the same arguments but for this one
    #[arg(long, value_name = "K", requires = "hosts")]
    pub(super) process: Option<usize>,
    /// How long to wait for the other processes
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub(super) wait_for_hosts: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Model {
    /// One homeserver, one call at a time
    Sequential,
    /// One homeserver, several calls at once
    Concurrent,
    /// Several homeservers in one room
    Federated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ExecutorName {
    /// stateright: breadth-first, on several threads
    Stateright,
    /// Timely dataflow: breadth-first by rounds, on several threads
    Timely,
}

impl From<ExecutorName> for Executor {
    fn from(name: ExecutorName) -> Self {
        match name {
            ExecutorName::Stateright => Self::Stateright,
            ExecutorName::Timely => Self::Timely,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs: one object, or an array if there are several reports
    Json,
    /// For CI: JUnit XML
    Junit,
}

impl Model {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Concurrent => "concurrent",
            Self::Federated => "federated",
        }
    }

    /// The guarantees that the model says something of.
    pub(super) fn judges(self) -> GuaranteeSet {
        match self {
            Self::Sequential => GuaranteeSet::on_actions(),
            Self::Concurrent => Concurrent::guarantees(&Discipline::FIRST),
            Self::Federated => Federated::guarantees(),
        }
    }
}

impl Args {
    /// Refuses options that belong to another model.
    pub(super) fn validate(&self) -> Result<(), CommandError> {
        let model = self.model;
        let only = |given: bool, option, models: &[Model]| match models {
            _ if !given || models.contains(&model) => Ok(()),
            models => Err(CommandError::OfAnotherModel { option, model: models[0].name() }),
        };
        only(!self.disciplines.is_empty(), "--discipline", &[Model::Concurrent])?;
        only(self.in_flight.is_some(), "--in-flight", &[Model::Concurrent, Model::Federated])?;
        only(self.servers.is_some(), "--servers", &[Model::Federated])?;
        only(!self.federations.is_empty(), "--federation", &[Model::Federated])?;
        let several_guests = self.search.guests.is_some_and(|guests| guests != 1);
        if model == Model::Federated && several_guests {
            return Err(CommandError::OneGuest);
        }
        if model != Model::Sequential && self.search.rooms.is_some_and(|rooms| rooms != 1) {
            return Err(CommandError::OneRoom { model: model.name() });
        }
        if model == Model::Federated && self.subject != "reference" {
            return Err(CommandError::OfAnotherModel { option: "--subject", model: "sequential" });
        }
        Ok(())
    }
}
