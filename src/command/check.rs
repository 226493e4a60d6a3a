//! `check`: every guarantee of a revision, in every reachable state.

mod concurrent;
mod federated;

use guest_access_model::guarantee::sayable_at;
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guest_access_model::check::Check;
use guest_access_model::concurrent::Concurrent;
use guest_access_model::executor::timely::Cluster;
use guest_access_model::executor::{Executor, ExecutorError, Seen, Workers};
use guest_access_model::federated::Federated;
use guest_access_model::lockstep::{Lockstep, explore};
use guest_access_model::memory;
use guest_access_model::sequential::Sequential;
use guest_access_model::state::Scope;
use guest_access_model::stop::Stop;
use guest_access_model::threads;
use guest_access_rules::discipline::Discipline;
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;

use crate::report::check::{AGREEMENT, CheckReport, Disciplines, Explored};
use crate::report::{Run, count};
use crate::subject::reference::ReferenceSubject;

use super::output::{OutputArgs, Written, json, say};
use super::progress::Progress;
use super::{CommandError, Outcome, defects, interrupt};

/// Check what a revision promises, in every reachable state
///
/// Explores every interleaving of steps by guests, a user and a moderator, without a bound on their
/// number, and judges each step by the guarantees. A promised guarantee fails that is broken, or
/// whose premise nothing meets. What is not promised is reported too, with a shortest story that
/// breaks it, if there is one; a guarantee named with `--property` is held against the revision as if
/// it were promised.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The rules to check
    #[arg(value_name = "RULES", default_value = "latest")]
    rules: Vec<String>,
    /// The model to explore
    #[arg(long, default_value = "sequential")]
    model: Model,
    /// With `--model concurrent`: how overlapping calls are kept apart, as the name of a discipline or
    /// as `point=option,…`; may be given several times, and each is held to what the revision promises
    /// [default: all that have a name, of which the safe ones are held to it]
    #[arg(long = "discipline", value_name = "ID")]
    disciplines: Vec<String>,
    /// With `--model concurrent`: how many calls are in flight at most; with `--model federated`: how
    /// many settings are on their way at most; 1 to 4 [default: 2 calls, 1 setting]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=4))]
    in_flight: Option<u8>,
    /// With `--model federated`: how many servers there are, 2 or 3 [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=3))]
    servers: Option<u8>,
    /// With `--model federated`: what the servers do that they should not, as `point=option,…`; may be
    /// given several times, and each is held to what the revision promises [default: every option, of
    /// which what the specification asks for is held to it]
    #[arg(long = "federation", value_name = "OPTIONS")]
    federations: Vec<String>,
    /// The homeserver that is held against the rules: `reference`, or `defect:ID` for a mistaken one
    #[arg(long, value_name = "SUBJECT", default_value = "reference")]
    subject: String,
    #[command(flatten)]
    search: SearchArgs,
    /// Judge this guarantee only; may be given several times
    #[arg(long = "property", value_name = "ID")]
    properties: Vec<String>,
    /// Who explores the model [default: stateright for one guest in one room, timely for more]
    #[arg(long)]
    engine: Option<EngineName>,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// The form of the report
    #[arg(long, default_value = "text")]
    format: Format,
    #[command(flatten)]
    output: OutputArgs,
}

/// How much is searched, with how much effort.
#[derive(Debug, clap::Args)]
pub(super) struct SearchArgs {
    /// How many guests there are, 1 to 3
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=3))]
    guests: Option<u8>,
    /// How many rooms there are, 1 or 2
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=2))]
    rooms: Option<u8>,
    /// How many threads explore [default: as many as the machine runs at once]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// End after this time: `90s`, `5m`
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// End when this many states were explored in one search
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_states: Option<u64>,
}

/// Several processes that explore together.
#[derive(Debug, clap::Args)]
struct ClusterArgs {
    /// Explore with other processes: a file with a line `host:port` for each, the first being 0
    #[arg(long, value_name = "FILE", requires = "process")]
    hosts: Option<PathBuf>,
    /// Which of the processes this is; start all of them with the same arguments but for this one
    #[arg(long, value_name = "K", requires = "hosts")]
    process: Option<usize>,
    /// How long to wait for the other processes
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    wait_for_hosts: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Model {
    /// One homeserver, one call at a time
    Sequential,
    /// One homeserver, several calls at once
    Concurrent,
    /// Several homeservers in one room
    Federated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum EngineName {
    /// stateright: breadth-first, on several threads
    Stateright,
    /// Timely dataflow: breadth-first by rounds, on several threads
    Timely,
}

impl From<EngineName> for Executor {
    fn from(name: EngineName) -> Self {
        match name {
            EngineName::Stateright => Self::Stateright,
            EngineName::Timely => Self::Timely,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs: one object, or an array if there are several reports
    Json,
    /// For CI: JUnit XML
    Junit,
}

impl Model {
    fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Concurrent => "concurrent",
            Self::Federated => "federated",
        }
    }

    /// The guarantees that the model says something of.
    fn judges(self) -> GuaranteeSet {
        match self {
            Self::Sequential => GuaranteeSet::on_actions(),
            Self::Concurrent => Concurrent::guarantees(&Discipline::FIRST),
            Self::Federated => Federated::guarantees(),
        }
    }
}

pub(super) fn run(args: &Args) -> Result<Written, CommandError> {
    options_of_the_model(args)?;
    let asked_for = Asked::of(&args.properties, args.model)?;
    let rules: Vec<_> =
        args.rules.iter().map(|name| Rules::find(name)).collect::<Result<_, _>>()?;
    let subjects: Vec<_> =
        rules.iter().map(|rules| system(rules, &args.subject)).collect::<Result<_, _>>()?;
    let limits = Limits::begin(&args.search)?;
    let workers = args.workers(&limits)?;
    let how = How { args, workers: &workers, limits: &limits };
    let mut reports = Vec::new();
    for ((name, rules), system) in args.rules.iter().zip(&rules).zip(&subjects) {
        let subject = Subject { name: &args.subject, system };
        let mut found = match args.model {
            Model::Sequential => sequentially(&how, rules, &subject, &asked_for)?,
            Model::Concurrent => concurrent::check(&how, rules, &subject, &asked_for)?,
            Model::Federated => federated::check(&how, rules, &asked_for)?,
        };
        for report in &mut found {
            report.tell_rules_as(name);
        }
        reports.push(found);
    }
    let texts = reports.iter().map(|found| match args.model {
        Model::Concurrent | Model::Federated => Disciplines(found).to_string(),
        Model::Sequential => found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    });
    let texts: Vec<_> = texts.collect();
    let reports: Vec<_> = reports.into_iter().flatten().collect();
    let outcome = outcome(&reports);
    let nothing = |report: &&CheckReport| report.checked() == 0;
    for report in reports.iter().filter(nothing) {
        say(&format!(
            "{} promises nothing, so nothing was there to check; name guarantees with `--property`",
            report.rules
        ));
    }
    let text = match (args.format, reports.as_slice()) {
        (Format::Text, _) => texts.join("\n"),
        (Format::Json, [report]) => json(report)?,
        (Format::Json, reports) => json(&reports)?,
        (Format::Junit, reports) => crate::report::junit::junit(reports)?,
    };
    Ok(Written::new(text, outcome, &args.output))
}

impl Args {
    /// Who explores.
    fn workers(&self, limits: &Limits) -> Result<Workers, CommandError> {
        let ClusterArgs { hosts, process, wait_for_hosts } = &self.cluster;
        let mut workers = Workers::threads(limits.workers);
        if let (Some(hosts), Some(process)) = (hosts, process) {
            hush_timely();
            if self.engine == Some(EngineName::Stateright) {
                return Err(CommandError::OneProcess);
            }
            let work = format!(
                "{:?}",
                (&self.rules, self.model, &self.subject, &self.search, &self.properties)
            );
            workers.cluster = Some(
                Cluster::read(hosts, *process, *wait_for_hosts, work)
                    .map_err(ExecutorError::from)?,
            );
        }
        Ok(workers)
    }
}

/// Refuses options that are another model's.
fn options_of_the_model(args: &Args) -> Result<(), CommandError> {
    let model = args.model;
    let only = |given: bool, option, models: &[Model]| match models {
        _ if !given || models.contains(&model) => Ok(()),
        models => Err(CommandError::OfAnotherModel { option, model: models[0].name() }),
    };
    only(!args.disciplines.is_empty(), "--discipline", &[Model::Concurrent])?;
    only(args.in_flight.is_some(), "--in-flight", &[Model::Concurrent, Model::Federated])?;
    only(args.servers.is_some(), "--servers", &[Model::Federated])?;
    only(!args.federations.is_empty(), "--federation", &[Model::Federated])?;
    let several_guests = args.search.guests.is_some_and(|guests| guests != 1);
    if model == Model::Federated && several_guests {
        return Err(CommandError::OneGuest);
    }
    if model != Model::Sequential && args.search.rooms.is_some_and(|rooms| rooms != 1) {
        return Err(CommandError::OneRoom { model: model.name() });
    }
    if model == Model::Federated && args.subject != "reference" {
        return Err(CommandError::OfAnotherModel { option: "--subject", model: "sequential" });
    }
    Ok(())
}

/// The guarantee with this name.
fn guarantee(name: &str) -> Result<GuaranteeId, CommandError> {
    GuaranteeId::find(name).ok_or_else(|| {
        let likeness = |id: &GuaranteeId| strsim::jaro(name, id.get().id);
        let nearest = GuaranteeId::all().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let nearest = nearest.map_or("", |guarantee| guarantee.get().id);
        CommandError::UnknownGuarantee { name: name.to_owned(), nearest }
    })
}

/// Which properties are judged.
struct Asked {
    guarantees: Vec<GuaranteeId>,
    agreement: bool,
}

impl Asked {
    fn of(names: &[String], model: Model) -> Result<Self, CommandError> {
        let by_name = names.iter().filter(|name| *name != AGREEMENT);
        let guarantees: Vec<_> = by_name.map(|name| guarantee(name)).collect::<Result<_, _>>()?;
        let judged = model.judges();
        let stranger = guarantees.iter().find(|asked| !judged.contains(**asked));
        let agrees = names.iter().any(|name| name == AGREEMENT) && model != Model::Sequential;
        if let Some(name) = stranger.map(|id| id.get().id).or(agrees.then_some(AGREEMENT)) {
            let known: Vec<_> = judged.iter().map(|guarantee| guarantee.get().id).collect();
            return Err(CommandError::NotJudged {
                name,
                model: model.name(),
                known: known.join(", "),
            });
        }
        let agreement = names.is_empty() || names.iter().any(|name| name == AGREEMENT);
        Ok(Self { guarantees, agreement })
    }

    fn everything(&self) -> bool {
        self.guarantees.is_empty() && self.agreement
    }
}

/// A homeserver that is held against the rules.
struct Subject<'a> {
    name: &'a str,
    system: &'a Profile,
}

/// What the subject with this name does.
fn system(rules: &Rules, name: &str) -> Result<Profile, CommandError> {
    if name == "reference" {
        return Ok(rules.profile());
    }
    match name.strip_prefix("defect:") {
        Some(id) => defects::find(rules, id).map(|defect| defect.profile),
        None => Err(CommandError::UnknownSubject { name: name.to_owned() }),
    }
}

/// What is found by one call at a time, at each scope.
fn sequentially(
    how: &How<'_>,
    rules: &Rules,
    subject: &Subject,
    asked_for: &Asked,
) -> Result<Vec<CheckReport>, CommandError> {
    // The reference is held against the model once for each of the rules, at the smallest scope.
    let mut agreement = asked_for.agreement;
    let scopes = how.args.search.scopes(&[(2, 1), (1, 2)]).into_iter();
    let reports = scopes.map(|scope| {
        let mut report = check(rules, subject, how, scope, asked_for)?;
        if std::mem::take(&mut agreement) {
            let found = in_lockstep(rules, subject.system, how.limits);
            report.add_agreement(rules, &found)?;
        }
        Ok(report)
    });
    reports.collect()
}

/// The reference that does what `system` says, side by side with the model of the rules.
fn in_lockstep(rules: &Rules, system: &Profile, limits: &Limits) -> Lockstep {
    let scope = Scope { guests: 1, rooms: 1 };
    let subject = ReferenceSubject::new(system.clone(), scope);
    explore(&rules.profile(), scope, subject, &limits.stop)
}

/// How a check is made.
#[derive(Clone, Copy)]
struct How<'a> {
    args: &'a Args,
    workers: &'a Workers,
    limits: &'a Limits,
}

impl How<'_> {
    /// Who explores; `usual` if nobody says who and there is one process.
    fn executor(&self, usual: Executor) -> Executor {
        let usual = if self.workers.cluster.is_some() { Executor::Timely } else { usual };
        self.args.engine.map_or(usual, Executor::from)
    }

    fn progress(&self, of: String) -> Progress {
        Progress::new(of, self.args.output.quiet)
    }
}

fn check(
    rules: &Rules,
    subject: &Subject,
    how: &How<'_>,
    scope: Scope,
    asked_for: &Asked,
) -> Result<CheckReport, CommandError> {
    let How { workers, limits, .. } = *how;
    let executor = how.executor(Executor::usual(scope));
    // A guarantee that the user names is required, whether the revision promises it or not.
    let asked: GuaranteeSet = asked_for.guarantees.iter().copied().collect();
    let required = rules.promised().union(asked);
    let guarantees: GuaranteeSet = if asked_for.everything() { sayable_at(scope) } else { asked };
    let of =
        format!("{}, {}, {}", rules.id, count(scope.guests, "guest"), count(scope.rooms, "room"));
    let progress = how.progress(of);
    let run = Run::of([rules]);
    let model = Sequential::new(scope, subject.system.clone(), rules.profile());
    let found = Check { model, guarantees, required, executor, workers }
        .run(&limits.stop, &|seen| limits.tell(&progress, seen))?;
    drop(progress);
    let explored = Explored {
        model: "sequential",
        scope,
        engine: executor.as_str(),
        subject: subject.name,
        peak_bytes: memory::peak(),
        ended_by: Some(limits.what_ended_it()),
    };
    Ok(CheckReport::new(&rules.with_default_profile(subject.system), explored, &found, run)?)
}

fn outcome(reports: &[CheckReport]) -> Outcome {
    if reports.iter().any(CheckReport::fails) {
        Outcome::Fails
    } else if reports.is_empty() || !reports.iter().all(CheckReport::has_a_verdict) {
        Outcome::NoVerdict
    } else {
        Outcome::Holds
    }
}

impl SearchArgs {
    /// The scope that is asked for; those of `usual`, as guests and rooms, if none is.
    pub(super) fn scopes(&self, usual: &[(usize, usize)]) -> Vec<Scope> {
        let asked = |number: Option<u8>| usize::from(number.unwrap_or(1));
        if self.guests.is_none() && self.rooms.is_none() {
            usual.iter().map(|(guests, rooms)| Scope { guests: *guests, rooms: *rooms }).collect()
        } else {
            vec![Scope { guests: asked(self.guests), rooms: asked(self.rooms) }]
        }
    }
}

/// How much effort a search may take, from now on.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) workers: usize,
    pub(super) stop: Stop,
    interrupt: Arc<AtomicBool>,
    /// Memory ran short.
    short: Cell<bool>,
}

impl Limits {
    pub(super) fn begin(args: &SearchArgs) -> Result<Self, CommandError> {
        let interrupt = interrupt::flag()?;
        let mut stop = Stop::new(Arc::clone(&interrupt));
        if let Some(timeout) = args.timeout {
            stop = stop.after(timeout);
        }
        if let Some(states) = args.max_states {
            stop = stop.at_states(usize::try_from(states).unwrap_or(usize::MAX));
        }
        let workers = args.workers.map_or_else(threads::available, usize::from);
        Ok(Self { workers, stop, interrupt, short: Cell::new(false) })
    }

    /// Tells how far a search has come, and ends it where memory runs short.
    pub(super) fn tell(&self, progress: &Progress, seen: Seen) {
        progress.tell_explored(seen);
        if memory::is_short() {
            self.short.set(true);
            self.interrupt.store(true, Ordering::Relaxed);
        }
    }

    fn what_ended_it(&self) -> &'static str {
        if self.short.get() {
            "a shortage of memory"
        } else if self.interrupt.load(Ordering::Relaxed) {
            "an interrupt"
        } else if self.stop.now() {
            "the time limit"
        } else {
            "the limit of states"
        }
    }
}

/// Where another process breaks off, each thread of timely's panics; what it comes to is an error, and is
/// told once.
fn hush_timely() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        if !thread.name().is_some_and(|name| name.starts_with("timely:")) {
            tell(panic);
        }
    }));
}
