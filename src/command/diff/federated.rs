//! `diff --federated`: takes part in the rooms of a homeserver as another homeserver.

use std::net::SocketAddr;
use std::time::Instant;

use guest_access_rules::rules::Rules;
use ruma::OwnedServerName;

use crate::diff;
use crate::neighbour::{
    self, FederatedResult, FederatedScenario, Neighbour, NeighbourError, NeighbourOptions,
    SCENARIOS,
};
use crate::report::Run;
use crate::report::neighbour::FederatedReport;
use crate::subject::server::Server;

use super::super::output::{CommandOutput, json, print_message};
use super::super::progress::Progress;
use super::super::{CommandError, Outcome};
use super::{Args, DiffFormat, is_selected};

/// The arguments of `diff --federated`.
#[derive(Debug, clap::Args)]
pub(super) struct FederatedArgs {
    /// Take part in rooms of the homeserver as another homeserver, and send what another server could
    /// send: late, twice, out of order, without permission. See `docs/federation.md` for the settings
    /// that the homeserver needs
    #[arg(long, requires = "server",
        conflicts_with_all = ["replay", "concurrent", "scenarios", "baseline", "write_baseline", "explore_for", "also"])]
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
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    if !matches!(args.format, DiffFormat::Text | DiffFormat::Json) {
        return Err(CommandError::FormOfFederation);
    }
    let began = Instant::now();
    let rules = Rules::find(args.rules.as_deref().unwrap_or("latest"))?;
    let scenarios: Vec<_> =
        SCENARIOS.iter().filter(|scenario| is_selected(args, scenario.id)).collect();
    if scenarios.is_empty() {
        print_message("no scenario matches, so nothing was there to check");
        return Ok(CommandOutput::new(String::new(), Outcome::NoVerdict, &args.output));
    }
    let record = Run::of([&rules]);
    let progress = Progress::new(rules.id.clone(), args.output.quiet);
    let run = take_part(args, &rules, &scenarios, &progress);
    let (result, _) = diff::wait_for(run).map_err(CommandError::Runtime)?;
    drop(progress);
    let (server, result) = result?;
    if let Some(error) = &result.broken_off {
        print_message(&format!("error: {error}; the report holds what was found before"));
    }
    let report =
        FederatedReport::new(&rules, &server, result, began.elapsed(), args.strict, record);
    let text = match args.format {
        DiffFormat::Json => json(&report)?,
        _ => report.to_string(),
    };
    Ok(CommandOutput::new(text, outcome(&report), &args.output))
}

async fn take_part(
    args: &Args,
    rules: &Rules,
    scenarios: &[&'static FederatedScenario],
    progress: &Progress,
) -> Result<(Server, FederatedResult), CommandError> {
    let url = args.server.clone().unwrap_or_default();
    let diff::Options { jobs, settle, keep, stop, .. } = super::options(args)?;
    let server = super::connect(args, &url, &stop).await?;
    server.registers_guests().await?;
    let accounts = super::named_accounts(args, &server).await?;
    let fixture = server.fixture(&accounts).await?;
    let federated = &args.federated;
    let options = NeighbourOptions {
        listen: federated.federation_listen,
        name: federated.federation_name.clone(),
        url: federated.federation_url.clone().unwrap_or(url),
        timeout: args.call_timeout,
    };
    let target = fixture.moderator.user_id.server_name().to_owned();
    let neighbour = Neighbour::start(&options, target)?;
    let options = neighbour::Options { jobs, settle, keep, stop };
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
