//! The arguments of `check`.

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
use crate::report::check::Number;

/// Check the guarantees of a revision in every reachable state
///
/// Explores every interleaving of actions by guests, a user and a moderator, without a bound on the
/// number of actions, and judges every transition by the guarantees. The command fails if a promised
/// guarantee is violated, or if its premise never occurs. A violated guarantee is reported with a
/// shortest counterexample. A guarantee that the revision does not promise is reported too, and fails
/// only if `--property` names it.
///
/// The default scope is two guests in one room, and then one guest in two rooms. For `--model concurrent`
/// and `--model federated` the scope is one guest (of each server) and one room.
///
/// With `--guests any`, and `--rooms any`, the verdicts are those for any number. No state is visited:
/// every view that one guest can have is judged. `spec-notes/engine.md` has the argument.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  guest-access check v1.16 --property revocation --guests 1\n  guest-access check --guests any --rooms any\n  guest-access check --model concurrent --discipline locks\n  guest-access check mine.toml --against v1.16"
)]
pub(in crate::command) struct Args {
    /// The rules to check; several are checked one after the other [default: latest]
    #[arg(value_name = "RULES")]
    positional_rules: Vec<String>,
    /// The rules to check, as the argument RULES; may be given several times [default: latest]
    #[arg(long = "rules", value_name = "RULES")]
    rules_option: Vec<String>,
    /// The model to explore
    #[arg(long, default_value = "sequential")]
    pub(super) model: Model,
    /// With `--model concurrent`: the discipline by which the homeserver keeps overlapping calls apart,
    /// as a name or as `point=option,…`. May be given several times; each has to keep the promises of
    /// the revision [default: every named discipline, of which only the safe ones have to keep them]
    #[arg(long = "discipline", value_name = "ID")]
    pub(super) disciplines: Vec<String>,
    /// With `--model concurrent`: the largest number of overlapping calls; with `--model federated`: the
    /// largest number of settings on their way between servers; 1 to 4 [default: 2 calls, 1 setting]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=4))]
    pub(super) in_flight: Option<u8>,
    /// With `--model federated`: the number of servers, 2 or 3 [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=3))]
    pub(super) servers: Option<u8>,
    /// With `--model federated`: how servers treat what other servers send, as `point=option,…`. May be
    /// given several times; each has to keep the promises of the revision [default: every option, of
    /// which only those that the specification demands have to keep them]
    #[arg(long = "federation", value_name = "OPTIONS")]
    pub(super) federations: Vec<String>,
    /// The homeserver that decides: `reference`, or `defect:ID` for the reference with a defect
    #[arg(long, value_name = "SUBJECT", default_value = "reference")]
    pub(super) subject: String,
    /// Report only the verdicts that differ from those on these rules [default: report every verdict]
    #[arg(long, value_name = "REV")]
    pub(super) against: Option<String>,
    #[command(flatten)]
    pub(super) search: SearchArgs,
    /// Judge only this guarantee, as if the revision promised it; may be given several times
    /// [default: every guarantee]
    #[arg(long = "property", value_name = "ID")]
    pub(super) properties: Vec<String>,
    /// The executor that explores the model [default: stateright for one guest in one room, timely for
    /// more]
    #[arg(long)]
    pub(super) engine: Option<ExecutorName>,
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
    /// The format of the report
    #[arg(long, default_value = "text")]
    pub(super) format: CheckFormat,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// The arguments for several processes that explore together.
#[derive(Debug, clap::Args)]
pub(super) struct ClusterArgs {
    /// Explore together with other processes. FILE has a line `host:port` for each process; the first
    /// line is process 0 [default: one process]
    #[arg(long, value_name = "FILE", requires = "process")]
    pub(super) hosts: Option<PathBuf>,
    /// The number of this process. All other arguments have to be the same for every process [default:
    /// no number, with one process]
    #[arg(long, value_name = "K", requires = "hosts")]
    pub(super) process: Option<usize>,
    /// The longest time to wait for the other processes
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
pub(super) enum CheckFormat {
    /// For people
    Text,
    /// For programs: one object, or an array if there are several reports
    Json,
    /// For CI: JUnit XML
    Junit,
    /// For a pull request: Markdown, with traces as Mermaid diagrams
    Markdown,
    /// For people: one page that needs nothing else
    Html,
    /// For code scanners: SARIF 2.1.0
    Sarif,
    /// For GitHub Actions: workflow commands, which become annotations
    Github,
}

impl Model {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Concurrent => "concurrent",
            Self::Federated => "federated",
        }
    }

    /// The guarantees that the model judges.
    pub(super) fn judges(self) -> GuaranteeSet {
        match self {
            Self::Sequential => GuaranteeSet::on_actions().union(GuaranteeSet::declared()),
            Self::Concurrent => Concurrent::guarantees(&Discipline::FIRST),
            Self::Federated => Federated::guarantees(),
        }
    }
}

impl Args {
    /// The names of the rules to check: the arguments, then those of `--rules`.
    pub(super) fn rules(&self) -> Vec<&str> {
        let named = self.positional_rules.iter().chain(&self.rules_option);
        let named: Vec<_> = named.map(String::as_str).collect();
        if named.is_empty() { vec!["latest"] } else { named }
    }

    /// Refuses options that belong to another model.
    pub(super) fn validate(&self) -> Result<(), CommandError> {
        let model = self.model;
        let only = |is_set: bool, option, models: &[Model]| match models {
            _ if !is_set || models.contains(&model) => Ok(()),
            models => Err(CommandError::OfAnotherModel { option, model: models[0].name() }),
        };
        only(!self.disciplines.is_empty(), "--discipline", &[Model::Concurrent])?;
        only(self.in_flight.is_some(), "--in-flight", &[Model::Concurrent, Model::Federated])?;
        only(self.servers.is_some(), "--servers", &[Model::Federated])?;
        only(!self.federations.is_empty(), "--federation", &[Model::Federated])?;
        let several_guests = self.search.guests.is_some_and(|guests| guests != Number::Exactly(1));
        if model == Model::Federated && several_guests {
            return Err(CommandError::OneGuest);
        }
        if model != Model::Sequential
            && self.search.rooms.is_some_and(|rooms| rooms != Number::Exactly(1))
        {
            return Err(CommandError::OneRoom { model: model.name() });
        }
        let is_of_changes = matches!(self.format, CheckFormat::Text | CheckFormat::Json);
        if self.against.is_some() && !is_of_changes {
            return Err(CommandError::FormOfChanges);
        }
        if model == Model::Federated && self.subject != "reference" {
            return Err(CommandError::OfAnotherModel { option: "--subject", model: "sequential" });
        }
        Ok(())
    }
}
