//! `diff`: a homeserver is held against the rules.

mod concurrent;
mod replay;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use glob::Pattern;
use guest_access_model::stop::Stop;
use guest_access_rules::rules::Rules;

use crate::diff::{self, DiffResult, Options, PlannedScenario};
use crate::report::Run;
use crate::report::diff::{self as report, Baseline, DiffReport};
use crate::serve::Embedded;
use crate::subject::server::{Limits, Proof, Server, ServerError, Token, UserAccount};

use super::output::{OutputArgs, Written, json, say};
use super::progress::Progress;
use super::{CommandError, Outcome, interrupt};

/// Hold a homeserver against the rules, over HTTP
///
/// Runs scenarios that come from the model on the homeserver, in rooms and by guests of their own,
/// and judges every answer by everything that the rules permit: what it allows, what it gives, and
/// what it does to memberships. Reports what is otherwise, the worst first, each with its clauses, the
/// smallest scenario that shows it, and what the homeserver seems to do that explains it. A divergence
/// that a reading of the text permits is reported, and is no failure unless `--strict`.
///
/// Accounts are registered as they are needed (`m.login.dummy`, or a registration token); the rooms
/// are left and forgotten afterwards.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The homeserver's address [default: the reference, which is started for this]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The rules that it is held against [default: latest, or those of the report with `--replay`]
    #[arg(long)]
    rules: Option<String>,
    /// Run the divergences of a saved JSON report (`-`: the standard input) again, on its homeserver
    /// or another
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["explore_for", "seed", "baseline", "write_baseline", "also"])]
    replay: Option<PathBuf>,
    /// How many scenarios are run at once
    #[arg(long, value_name = "N", default_value_t = 12,
        value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// End after this time, and report what is known: `90s`, `5m`
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// How long one call may take
    #[arg(long, value_name = "TIME", default_value = "30s",
        value_parser = humantime::parse_duration)]
    call_timeout: Duration,
    /// How long effects are waited for that the homeserver applies a little later
    #[arg(long, value_name = "TIME", default_value = "2s",
        value_parser = humantime::parse_duration)]
    settle: Duration,
    /// Run only scenarios (or divergences of the report) whose id matches; may be given several times
    #[arg(long, value_name = "GLOB", value_parser = Pattern::new)]
    only: Vec<Pattern>,
    /// Let divergences fail too that a reading of the text permits
    #[arg(long)]
    strict: bool,
    /// Leave the rooms as they are in the end
    #[arg(long)]
    keep: bool,
    /// Past the scenarios, try histories at random for so long
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    explore_for: Option<Duration>,
    /// The seed of the histories [default: another one every time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// An account to use: the first as the moderator, the second as the ordinary user
    #[arg(long = "user", value_name = "NAME:PASSWORD", value_parser = account)]
    users: Vec<Account>,
    /// The access token of an account to use, after those of `--user`
    #[arg(long = "token", value_name = "TOKEN", value_parser = token)]
    tokens: Vec<Token>,
    /// What to show to a homeserver that registers users with a token only
    #[arg(long, value_name = "TOKEN", value_parser = token)]
    registration_token: Option<Token>,
    /// Pass over the differences that are listed in FILE (`-`: the standard input), and fail where
    /// one of them happens no more
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// List the differences in FILE; what stands there of those that stay is kept
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
    #[command(flatten)]
    contention: concurrent::ConcurrentArgs,
    /// The form of the report
    #[arg(long, default_value = "text")]
    format: Format,
    /// Write the report in another form to FILE, too; may be given several times
    #[arg(long, value_name = "FORMAT=FILE", value_parser = other_form)]
    also: Vec<(Format, PathBuf)>,
    #[command(flatten)]
    output: OutputArgs,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// For CI: JUnit XML, one case for each vector
    Junit,
    /// For people: one page that needs nothing else
    Html,
    /// For CI: one line of JSON for each vector, the same every time, to be committed and compared
    Jsonl,
}

impl Format {
    fn write(self, report: &DiffReport) -> Result<String, CommandError> {
        Ok(match self {
            Self::Text => report.to_string(),
            Self::Json => json(report)?,
            Self::Junit => report::junit(report)?,
            Self::Html => report::html(report),
            Self::Jsonl => report::jsonl(report)?,
        })
    }
}

fn other_form(text: &str) -> Result<(Format, PathBuf), String> {
    let known: Vec<_> =
        Format::value_variants().iter().filter_map(clap::ValueEnum::to_possible_value).collect();
    let names: Vec<_> = known.iter().map(clap::builder::PossibleValue::get_name).collect();
    let wrong =
        || format!("it has to be `FORMAT=FILE`, where FORMAT is one of {}", names.join(", "));
    let (format, path) = text.split_once('=').ok_or_else(wrong)?;
    let format = Format::from_str(format, false).map_err(|_| wrong())?;
    if path.is_empty() { Err(wrong()) } else { Ok((format, path.into())) }
}

/// A name and a password.
#[derive(Debug, Clone)]
struct Account {
    name: String,
    password: Token,
}

fn account(text: &str) -> Result<Account, String> {
    // A user id holds a colon too.
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

#[expect(clippy::unnecessary_wraps, reason = "clap asks for a result")]
fn token(text: &str) -> Result<Token, String> {
    Ok(text.to_owned().into())
}

pub(super) fn run(args: &Args) -> Result<Written, CommandError> {
    if let Some(report) = &args.replay {
        return replay::run(args, report);
    }
    if args.contention.concurrent {
        return concurrent::run(args);
    }
    let rules = Rules::find(args.rules.as_deref().unwrap_or("latest"))?;
    let known = KnownDifferences::read(args, &rules)?;
    let options = options(args)?;
    let seed = args.explore_for.map(|_| options.seed);
    let run = Run { seed, ..Run::of([&rules]) };
    let progress = Progress::new(rules.id.clone(), args.output.quiet);
    let embedded = match &args.server {
        Some(_) => None,
        None => Some(Embedded::start(rules.profile()).map_err(CommandError::Runtime)?),
    };
    let url = args.server.clone().or_else(|| embedded.as_ref().map(Embedded::url));
    let url = url.unwrap_or_default();
    // Where nobody is, nothing needs to be made ready.
    diff::wait_for(meet(args, &url)).map_err(CommandError::Runtime)?.0?;
    let scenarios = diff::plan(&rules, &args.only);
    if scenarios.is_empty() && args.explore_for.is_none() {
        say("no scenario matches, so nothing was there to check");
        return Ok(Written::new(String::new(), Outcome::NoVerdict, &args.output));
    }
    let asked = hold(args, &url, &rules, scenarios, &options, &progress);
    let (result, waited) = diff::wait_for(asked).map_err(CommandError::Runtime)?;
    drop(progress);
    drop(embedded);
    let (server, found) = result?;
    if let Some(error) = &found.broken_off {
        say(&format!("error: {error}; the report holds what was found before"));
    }
    let mut report = DiffReport::new(&rules, &server, found, waited, args.strict, run);
    if let Some(baseline) = &known.held_against {
        report.hold_against(baseline, |id| is_asked_for(args, id));
    }
    if let Some(path) = &args.write_baseline {
        let baseline = Baseline::of(&report, known.before(), |id| is_asked_for(args, id));
        Written::beside(&baseline.to_toml()?, path)?;
        // What is listed now is known now.
        report.hold_against(&baseline, |id| is_asked_for(args, id));
    }
    for (format, path) in &args.also {
        Written::beside(&format.write(&report)?, path)?;
    }
    Ok(Written::new(args.format.write(&report)?, outcome(&report), &args.output))
}

/// What is known before the homeserver is asked.
struct KnownDifferences {
    /// What the differences are held against.
    held_against: Option<Baseline>,
    /// What stands where they will be written, if that is another place.
    written: Option<Baseline>,
}

impl KnownDifferences {
    fn read(args: &Args, rules: &Rules) -> Result<Self, CommandError> {
        let load = |path: &Path| Baseline::load(path, &rules.id);
        let load_to_rewrite = |path: &Path| Baseline::load_to_rewrite(path, &rules.id);
        let held_against = args.baseline.as_deref().map(load).transpose()?;
        let written = args.write_baseline.as_deref();
        let written = written.filter(|path| held_against.is_none() && path.exists());
        Ok(Self { held_against, written: written.map(load_to_rewrite).transpose()? })
    }

    /// What says the reasons and links that are kept.
    fn before(&self) -> Option<&Baseline> {
        self.held_against.as_ref().or(self.written.as_ref())
    }
}

/// Whether a vector of this name would be run.
fn is_asked_for(args: &Args, id: &str) -> bool {
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
        explore_for: args.explore_for,
        seed: args.seed.unwrap_or_else(|| fastrand::u64(..1 << 32)),
        stop,
    })
}

/// The accounts that are given.
async fn given(args: &Args, server: &Server) -> Result<Vec<UserAccount>, ServerError> {
    let mut given: Vec<UserAccount> = Vec::new();
    for account in &args.users {
        given.push(server.log_in(&account.name, account.password.clone()).await?);
    }
    for token in &args.tokens {
        given.push(server.holder(token.clone()).await?);
    }
    Ok(given)
}

async fn meet(args: &Args, url: &str) -> Result<Server, ServerError> {
    let limits = Limits { call: args.call_timeout, ..Limits::default() };
    Server::meet(url, limits, Proof::with(args.registration_token.clone())).await
}

/// Meets the homeserver, and holds it against the rules.
async fn hold(
    args: &Args,
    url: &str,
    rules: &Rules,
    scenarios: Vec<PlannedScenario>,
    options: &Options,
    progress: &Progress,
) -> Result<(Server, DiffResult), ServerError> {
    let server = meet(args, url).await?;
    let given = given(args, &server).await?;
    let tell = |done: usize, thing: &str| progress.show(done, thing);
    let found = diff::diff(rules, &server, &given, scenarios, options, tell).await?;
    Ok((server, found))
}

fn outcome(report: &DiffReport) -> Outcome {
    if report.broken_off.is_some() {
        Outcome::BrokenOff
    } else if report.fails() {
        Outcome::Fails
    } else if !report.complete || report.decisions == 0 {
        Outcome::NoVerdict
    } else {
        Outcome::Holds
    }
}
