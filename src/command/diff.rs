//! `diff`: compares a homeserver with the rules, over HTTP.

mod concurrent;
mod federated;
mod replay;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use glob::Pattern;
use guest_access_model::stop::Stop;
use guest_access_reference::serve::Embedded;
use guest_access_rules::rules::Rules;

use crate::diff::{self, DiffResult, Options, PlannedScenario};
use crate::report::Run;
use crate::report::diff::{self as report, Baseline, DiffReport};
use crate::subject::server::{Limits, Proof, Server, ServerError, Token, UserAccount};

use super::output::{CommandOutput, OutputArgs, json, print_message};
use super::progress::Progress;
use super::{CommandError, Outcome, interrupt, serve};

/// Compare a homeserver with the rules, over HTTP
///
/// Runs the conformance vectors on the homeserver. Each vector has rooms and guests of its own. The
/// command compares every decision, every answer and every membership with all that the rules permit.
/// It reports each divergence with its clauses, the smallest scenario that shows it, and the decision
/// point that explains it; the worst divergence comes first. A divergence that another reading of an
/// open text permits is reported, and fails only with `--strict`.
///
/// The exit code is 0 without a divergence that fails, 1 with one, and 4 if the homeserver could not be
/// reached or broke off. It is 3 if there is no verdict: the run was stopped, or a failure (a 5xx
/// without an error code, a malformed answer, a timeout, a scenario that cannot be set up) kept a
/// decision from being compared.
///
/// The command registers the accounts that it needs (`m.login.dummy`, or a registration token). It
/// leaves and forgets its rooms afterwards. Use a test homeserver.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  guest-access diff --server http://127.0.0.1:8008\n  guest-access diff --server http://127.0.0.1:8008 --baseline known.toml --also html=report.html"
)]
pub(super) struct Args {
    /// The base URL of the homeserver [default: an embedded reference homeserver]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The rules to compare with [default: latest; with `--replay`, the rules of the report]
    #[arg(long)]
    rules: Option<String>,
    /// Run only the divergences of a saved JSON report again (`-`: standard input), on the homeserver of
    /// the report or on `--server`
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["explore_for", "seed", "baseline", "write_baseline", "also"])]
    replay: Option<PathBuf>,
    /// Run the scenarios in the JSON files of DIR, such as those of `vectors --out DIR`. A scenario for
    /// other rules than those of the run is refused, and so is an expectation that these rules contradict
    /// [default: the vectors of the rules, generated anew, and scenarios for the content of answers]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["replay", "concurrent"])]
    scenarios: Option<PathBuf>,
    /// The number of scenarios that run at once
    #[arg(long, value_name = "N", default_value_t = 12,
        value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Stop after this time, and report the results so far: `90s`, `5m` [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// The longest time that one call may take
    #[arg(long, value_name = "TIME", default_value = "30s",
        value_parser = humantime::parse_duration)]
    call_timeout: Duration,
    /// The longest time to wait for an effect that the homeserver applies after its answer
    #[arg(long, value_name = "TIME", default_value = "2s",
        value_parser = humantime::parse_duration)]
    settle: Duration,
    /// Run only scenarios with a matching id (with `--replay`, divergences); may be given several times
    /// [default: all]
    #[arg(long, value_name = "GLOB", value_parser = Pattern::new)]
    only: Vec<Pattern>,
    /// Fail also on divergences that another reading of an open text permits
    #[arg(long)]
    strict: bool,
    /// Keep the rooms; do not leave and forget them afterwards
    #[arg(long)]
    keep: bool,
    /// After the scenarios, run random histories for this time [default: none]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    explore_for: Option<Duration>,
    /// The seed of the random histories [default: a new seed for each run]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Use this account. The first account is the moderator, the second the ordinary user [default:
    /// registered accounts]
    #[arg(long = "user", value_name = "NAME:PASSWORD", value_parser = account)]
    users: Vec<Account>,
    /// Use the account with this access token, after the accounts of `--user` [default: none]
    #[arg(long = "token", value_name = "TOKEN", value_parser = token)]
    tokens: Vec<Token>,
    /// The registration token, for a homeserver that registers nobody without one [default: none]
    #[arg(long, value_name = "TOKEN", value_parser = token)]
    registration_token: Option<Token>,
    /// Accept the divergences that FILE lists (`-`: standard input). Fail if a listed divergence no
    /// longer occurs [default: no divergence is accepted]
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write a baseline of the divergences to FILE. Reasons and links of divergences that FILE lists
    /// already are kept [default: no file]
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
    /// Switch on this mistake in the embedded reference; may be given several times. `serve` has the same
    /// mistakes [default: none]
    #[arg(long = "defect", value_name = "ID", conflicts_with_all = ["server", "replay"])]
    defects: Vec<String>,
    #[command(flatten)]
    contention: concurrent::ConcurrentArgs,
    #[command(flatten)]
    federated: federated::FederatedArgs,
    /// The format of the report
    #[arg(long, default_value = "text")]
    format: DiffFormat,
    /// Write the report to FILE in another format as well; may be given several times [default: no file]
    #[arg(long, value_name = "FORMAT=FILE", value_parser = format_and_file)]
    also: Vec<(DiffFormat, PathBuf)>,
    #[command(flatten)]
    output: OutputArgs,
}

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DiffFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For CI: JUnit XML, one case for each vector
    Junit,
    /// For people: one self-contained HTML page
    Html,
    /// For CI: one line of JSON for each vector, the same in each run, to commit and compare
    Jsonl,
    /// For a pull request or the summary of a job: Markdown, the worst first
    Markdown,
    /// For code scanners: SARIF 2.1.0, one result for each divergence
    Sarif,
    /// For GitHub Actions: workflow commands, which become annotations, one for each defect
    Github,
}

impl DiffFormat {
    fn write(self, report: &DiffReport) -> Result<String, CommandError> {
        Ok(match self {
            Self::Text => report.to_string(),
            Self::Json => json(report)?,
            Self::Junit => report::junit(report)?,
            Self::Html => report::html(report),
            Self::Jsonl => report::jsonl(report)?,
            Self::Markdown => report::markdown(report),
            Self::Sarif => report::sarif(report)?,
            Self::Github => report::github(report),
        })
    }
}

/// Parses `FORMAT=FILE`.
fn format_and_file(text: &str) -> Result<(DiffFormat, PathBuf), String> {
    let known: Vec<_> = DiffFormat::value_variants()
        .iter()
        .filter_map(clap::ValueEnum::to_possible_value)
        .collect();
    let names: Vec<_> = known.iter().map(clap::builder::PossibleValue::get_name).collect();
    let wrong =
        || format!("it has to be `FORMAT=FILE`, where FORMAT is one of {}", names.join(", "));
    let (format, path) = text.split_once('=').ok_or_else(wrong)?;
    let format = DiffFormat::from_str(format, false).map_err(|_| wrong())?;
    if path.is_empty() { Err(wrong()) } else { Ok((format, path.into())) }
}

/// A name and a password.
#[derive(Debug, Clone)]
struct Account {
    name: String,
    password: Token,
}

/// Parses `NAME:PASSWORD`, where NAME may be a whole user id.
fn account(text: &str) -> Result<Account, String> {
    // A user id contains a colon itself.
    let split = match text.strip_prefix('@') {
        Some(id) => id
            .splitn(3, ':')
            .nth(2)
            .map(|password| (&text[..text.len() - password.len() - 1], password)),
        None => text.split_once(':'),
    };
    match split {
        Some((name, password)) if !name.is_empty() => {
            Ok(Account { name: name.to_owned(), password: password.to_owned().into() })
        }
        _ => Err("it has to be `NAME:PASSWORD`".to_owned()),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "clap expects a result")]
fn token(text: &str) -> Result<Token, String> {
    Ok(text.to_owned().into())
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    if let Some(report) = &args.replay {
        if args.federated.federated {
            return federated::replay::run(args, report);
        }
        return replay::run(args, report);
    }
    if args.contention.concurrent {
        return concurrent::run(args);
    }
    if args.federated.federated {
        return federated::run(args);
    }
    let rules = Rules::find(args.rules.as_deref().unwrap_or("latest"))?;
    let baselines = Baselines::read(args, &rules)?;
    let options = options(args)?;
    let seed = args.explore_for.map(|_| options.seed);
    let run = Run { seed, ..Run::of([&rules]) };
    let progress = Progress::new(rules.id.clone(), args.output.quiet);
    let (url, embedded) = subject(args, &rules)?;
    let folder = args.scenarios.as_deref();
    let own_scenarios =
        folder.map(|folder| diff::plan_from(folder, &rules, &args.only)).transpose()?;
    // Connect once before the vectors are planned, so that a wrong URL fails at once.
    diff::wait_for(connect(args, &url, &options.stop)).map_err(CommandError::Runtime)?.0?;
    let scenarios = own_scenarios.unwrap_or_else(|| diff::plan(&rules, &args.only));
    if scenarios.is_empty() && args.explore_for.is_none() {
        print_message("no scenario matches, so nothing was there to check");
        return Ok(CommandOutput::new(String::new(), Outcome::NoVerdict, &args.output));
    }
    let comparison = compare(args, &url, &rules, scenarios, &options, &progress);
    let (result, waited) = diff::wait_for(comparison).map_err(CommandError::Runtime)?;
    drop(progress);
    drop(embedded);
    let (server, diff_result) = result?;
    if let Some(error) = &diff_result.broken_off {
        print_message(&format!("error: {error}; the report holds what was found before"));
    }
    let mut report = DiffReport::new(&rules, &server, diff_result, waited, args.strict, run);
    if let Some(baseline) = &baselines.accepted {
        report.compare_with(baseline, |id| is_selected(args, id));
    }
    if let Some(path) = &args.write_baseline {
        let found = report.found();
        let baseline = Baseline::of(&found, baselines.before(), |id| is_selected(args, id));
        CommandOutput::write_file(&baseline.to_toml()?, path)?;
        // The new baseline lists every divergence, so the run does not fail.
        report.compare_with(&baseline, |id| is_selected(args, id));
    }
    for (format, path) in &args.also {
        CommandOutput::write_file(&format.write(&report)?, path)?;
    }
    Ok(CommandOutput::new(args.format.write(&report)?, outcome(&report), &args.output))
}

/// The URL of the homeserver under test, and the embedded reference if none is given.
fn subject(args: &Args, rules: &Rules) -> Result<(String, Option<Embedded>), CommandError> {
    if let Some(url) = &args.server {
        return Ok((url.clone(), None));
    }
    let server = serve::server_with_defects(rules, &args.defects)?;
    let embedded = Embedded::serving(server).map_err(CommandError::Runtime)?;
    Ok((embedded.url(), Some(embedded)))
}

/// The baselines that exist before the run.
struct Baselines {
    /// The baseline of `--baseline`, whose divergences do not fail the run.
    accepted: Option<Baseline>,
    /// The file of `--write-baseline` before it is overwritten, unless `--baseline` is given.
    overwritten: Option<Baseline>,
}

impl Baselines {
    fn read(args: &Args, rules: &Rules) -> Result<Self, CommandError> {
        let load = |path: &Path| Baseline::load(path, &rules.id);
        let load_to_rewrite = |path: &Path| Baseline::load_to_rewrite(path, &rules.id);
        let accepted = args.baseline.as_deref().map(load).transpose()?;
        let path = args.write_baseline.as_deref();
        let path = path.filter(|path| accepted.is_none() && path.exists());
        Ok(Self { accepted, overwritten: path.map(load_to_rewrite).transpose()? })
    }

    /// The baseline whose reasons and links a new baseline keeps.
    fn before(&self) -> Option<&Baseline> {
        self.accepted.as_ref().or(self.overwritten.as_ref())
    }
}

/// Whether `--only` selects the vector with this id.
fn is_selected(args: &Args, id: &str) -> bool {
    args.only.is_empty() || args.only.iter().any(|pattern| pattern.matches(id))
}

fn options(args: &Args) -> Result<Options, CommandError> {
    let mut stop = Stop::new(interrupt::flag()?);
    if let Some(timeout) = args.timeout {
        stop = stop.after(timeout);
    }
    Ok(Options {
        jobs: args.jobs.into(),
        settle: args.settle,
        keep: args.keep,
        content: true,
        explore_for: args.explore_for,
        seed: args.seed.unwrap_or_else(|| fastrand::u64(..1 << 32)),
        stop,
    })
}

/// The accounts of `--user` and `--token`.
async fn named_accounts(args: &Args, server: &Server) -> Result<Vec<UserAccount>, ServerError> {
    let mut accounts: Vec<UserAccount> = Vec::new();
    for account in &args.users {
        accounts.push(server.log_in(&account.name, account.password.clone()).await?);
    }
    for token in &args.tokens {
        accounts.push(server.holder(token.clone()).await?);
    }
    Ok(accounts)
}

/// Connects to the homeserver. The calls end soon after `stop`.
async fn connect(args: &Args, url: &str, stop: &Stop) -> Result<Server, ServerError> {
    let limits = Limits { call: args.call_timeout, stop: stop.clone(), ..Limits::default() };
    Server::connect(url, limits, Proof::with(args.registration_token.clone())).await
}

/// Connects to the homeserver, and compares it with the rules.
async fn compare(
    args: &Args,
    url: &str,
    rules: &Rules,
    scenarios: Vec<PlannedScenario>,
    options: &Options,
    progress: &Progress,
) -> Result<(Server, DiffResult), ServerError> {
    let server = connect(args, url, &options.stop).await?;
    let accounts = named_accounts(args, &server).await?;
    let on_progress = |done: usize, thing: &str| progress.show(done, thing);
    let result = diff::diff(rules, &server, &accounts, scenarios, options, on_progress).await?;
    Ok((server, result))
}

fn outcome(report: &DiffReport) -> Outcome {
    Outcome::of_comparison(report.broken_off.is_some(), report.fails(), report.is_whole())
}
