//! `diff --federated`: takes part in the rooms of a homeserver as another homeserver.

pub(super) mod replay;

use std::net::SocketAddr;
use std::time::Instant;

use guest_access_rules::rules::Rules;
use ruma::{OwnedServerName, RoomVersionId};

use crate::diff;
use crate::neighbour::{
    self, FederatedResult, FederatedScenario, Neighbour, NeighbourError, NeighbourOptions,
    ReferenceUnderTest, SCENARIOS, SETTLE_OF_REFERENCE,
};
use crate::report::Run;
use crate::report::diff::Baseline;
use crate::report::neighbour::{self as report, FederatedReport};
use crate::subject::server::Server;

use super::super::output::{CommandOutput, json, print_message};
use super::super::progress::Progress;
use super::super::{CommandError, Outcome, serve};
use super::{Args, Baselines, DiffFormat, is_selected};

/// The arguments of `diff --federated`.
#[derive(Debug, clap::Args)]
pub(super) struct FederatedArgs {
    /// Take part in rooms of the homeserver as another homeserver, and send what another server could
    /// send: late, twice, out of order, without permission. See `docs/federation.md` for the settings
    /// that the homeserver needs. Without `--server`, the homeserver is the reference
    #[arg(long, group = "mode",
        conflicts_with_all = ["scenarios", "explore_for"])]
    pub(super) federated: bool,
    /// The base URL of the server-server API of the homeserver [default: the URL of `--server`]
    #[arg(long, value_name = "URL", requires = "federated")]
    federation_url: Option<String>,
    /// The address on which our homeserver listens; the port 0 stands for any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", requires = "federated")]
    federation_listen: SocketAddr,
    /// The name of our homeserver, by which the homeserver under test finds it [default: localhost, with
    /// the port]
    #[arg(long, value_name = "NAME", requires = "federated")]
    federation_name: Option<OwnedServerName>,
    /// The version of the rooms [default: 11, or 10 if the homeserver does not offer 11]
    #[arg(long, value_name = "VERSION", requires = "federated")]
    room_version: Option<RoomVersion>,
}

/// A version of the rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RoomVersion {
    /// Version 10
    #[value(name = "10")]
    V10,
    /// Version 11
    #[value(name = "11")]
    V11,
    /// Version 12, whose rooms have the hash of their first event as their id
    #[value(name = "12")]
    V12,
}

impl RoomVersion {
    const fn id(self) -> RoomVersionId {
        match self {
            Self::V10 => RoomVersionId::V10,
            Self::V11 => RoomVersionId::V11,
            Self::V12 => RoomVersionId::V12,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    let format = FederatedFormat::of(args.format)?;
    let also = args.also.iter().map(|(format, path)| Ok((FederatedFormat::of(*format)?, path)));
    let also: Vec<_> = also.collect::<Result<_, CommandError>>()?;
    let began = Instant::now();
    let rules = Rules::find(args.rules.as_deref().unwrap_or("latest"))?;
    let baselines = Baselines::read(args, &rules)?;
    let scenarios: Vec<_> =
        SCENARIOS.iter().filter(|scenario| is_selected(args, scenario.id)).collect();
    if scenarios.is_empty() {
        print_message("no scenario matches, so nothing was there to check");
        return Ok(CommandOutput::new(String::new(), Outcome::NoVerdict, &args.output));
    }
    let record = Run::of([&rules]);
    let target = match &args.server {
        Some(url) => Target::Server(url.clone()),
        None => Target::Reference(args.defects.clone()),
    };
    let (server, result) = take_part(args, &rules, &target, &scenarios)?;
    let took = began.elapsed();
    let strict = args.strict;
    let reference = target.reference().map(<[String]>::to_vec);
    let mut report = FederatedReport::new(&rules, &server, result, took, strict, record);
    report.reference = reference;
    let is_selected = |id: &str| is_selected(args, id);
    if let Some(baseline) = &baselines.accepted {
        report.compare_with(baseline, is_selected);
    }
    if let Some(path) = &args.write_baseline {
        let baseline = Baseline::of(&report.found(), baselines.before(), is_selected);
        CommandOutput::write_file(&baseline.to_toml()?, path)?;
        // The new baseline lists every divergence, so the run does not fail.
        report.compare_with(&baseline, is_selected);
    }
    for (format, path) in also {
        CommandOutput::write_file(&format.write(&report)?, path)?;
    }
    Ok(CommandOutput::new(format.write(&report)?, outcome(&report), &args.output))
}

/// The format of a report.
#[derive(Debug, Clone, Copy)]
enum FederatedFormat {
    Text,
    Json,
    Junit,
    Html,
}

impl FederatedFormat {
    fn of(format: DiffFormat) -> Result<Self, CommandError> {
        match format {
            DiffFormat::Text => Ok(Self::Text),
            DiffFormat::Json => Ok(Self::Json),
            DiffFormat::Junit => Ok(Self::Junit),
            DiffFormat::Html => Ok(Self::Html),
            _ => Err(CommandError::FormOfFederation),
        }
    }

    fn write(self, report: &FederatedReport) -> Result<String, CommandError> {
        Ok(match self {
            Self::Text => report.to_string(),
            Self::Json => json(report)?,
            Self::Junit => report::junit(report)?,
            Self::Html => report::html(report),
        })
    }
}

/// The homeserver under test.
enum Target {
    /// The homeserver with this base URL.
    Server(String),
    /// The reference with these defects.
    Reference(Vec<String>),
}

impl Target {
    /// The defects of the reference, if the reference is the homeserver under test.
    fn reference(&self) -> Option<&[String]> {
        match self {
            Self::Server(_) => None,
            Self::Reference(defects) => Some(defects),
        }
    }
}

/// Runs the scenarios.
fn take_part(
    args: &Args,
    rules: &Rules,
    target: &Target,
    scenarios: &[&'static FederatedScenario],
) -> Result<(Server, FederatedResult), CommandError> {
    let mut options = super::options(args)?;
    let federated = &args.federated;
    let mut neighbour = NeighbourOptions {
        listen: federated.federation_listen,
        name: federated.federation_name.clone(),
        url: String::new(),
        timeout: args.call_timeout,
    };
    let mut reference = None;
    let url = match target {
        Target::Server(url) => {
            neighbour.url = federated.federation_url.clone().unwrap_or_else(|| url.clone());
            url.clone()
        }
        Target::Reference(defects) => {
            let (profile, mistake) = serve::profile_with_defects(rules, defects)?;
            let started = ReferenceUnderTest::start(profile, mistake);
            let started = reference.insert(started.map_err(CommandError::Runtime)?);
            started.server_url().clone_into(&mut neighbour.url);
            options.settle = options.settle.min(SETTLE_OF_REFERENCE);
            started.client_url()
        }
    };
    let progress = Progress::new(rules.id.clone(), args.output.quiet);
    let run = run_scenarios(args, rules, &url, &neighbour, options, scenarios, &progress);
    let (ran, _) = diff::wait_for(run).map_err(CommandError::Runtime)?;
    drop(progress);
    drop(reference);
    let (server, result) = ran?;
    if let Some(error) = &result.broken_off {
        print_message(&format!("error: {error}; the report holds what was found before"));
    }
    Ok((server, result))
}

async fn run_scenarios(
    args: &Args,
    rules: &Rules,
    url: &str,
    neighbour: &NeighbourOptions,
    options: diff::Options,
    scenarios: &[&'static FederatedScenario],
    progress: &Progress,
) -> Result<(Server, FederatedResult), CommandError> {
    let diff::Options { jobs, settle, keep, stop, .. } = options;
    let server = super::connect(args, url, &stop).await?;
    server.registers_guests().await?;
    let accounts = super::named_accounts(args, &server).await?;
    let fixture = server.fixture(&accounts).await?;
    let target = fixture.moderator.user_id.server_name().to_owned();
    let neighbour = Neighbour::start(neighbour, target)?;
    let room_version = args.federated.room_version.map(RoomVersion::id);
    let options = neighbour::Options { jobs, settle, keep, room_version, stop };
    let on_progress = |done: usize| progress.show(done, "federated scenario");
    let run =
        neighbour::run(rules, &server, &fixture, &neighbour, scenarios, &options, on_progress);
    let result = run.await.map_err(|error| match error {
        NeighbourError::Server(error) => CommandError::Server(error),
        error => CommandError::Neighbour(error),
    })?;
    Ok((server, result))
}

fn outcome(report: &FederatedReport) -> Outcome {
    Outcome::of_comparison(report.broken_off.is_some(), report.fails(), report.is_whole())
}
