//! `check`: every guarantee of a revision, in every reachable state.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guest_access_model::check::Check;
use guest_access_model::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_model::lockstep::{Lockstep, explore};
use guest_access_model::profile::Profile;
use guest_access_model::rules::Rules;
use guest_access_model::state::Scope;
use guest_access_model::stop::Stop;

use crate::report::check::{AGREEMENT, CheckReport, Explored};
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
    /// The homeserver that is held against the rules: `reference`, or `defect:ID` for a mistaken one
    #[arg(long, value_name = "SUBJECT", default_value = "reference")]
    subject: String,
    #[command(flatten)]
    search: SearchArgs,
    /// Judge this guarantee only; may be given several times
    #[arg(long = "property", value_name = "ID")]
    properties: Vec<String>,
    /// What explores the model
    #[arg(long, default_value = "stateright")]
    engine: Engine,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Model {
    /// One homeserver, one call at a time
    Sequential,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    /// Breadth-first, in memory
    Stateright,
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

pub(super) fn run(args: &Args) -> Result<Written, CommandError> {
    let Model::Sequential = args.model;
    let Engine::Stateright = args.engine;
    let asked_for = Asked::of(&args.properties)?;
    let rules: Vec<_> =
        args.rules.iter().map(|name| Rules::find(name)).collect::<Result<_, _>>()?;
    let subjects: Vec<_> =
        rules.iter().map(|rules| system(rules, &args.subject)).collect::<Result<_, _>>()?;
    let limits = Limits::begin(&args.search)?;
    let scopes = args.search.scopes(&[(2, 1), (1, 2)]);
    let mut reports = Vec::new();
    for ((name, rules), system) in args.rules.iter().zip(&rules).zip(&subjects) {
        // The reference is held against the model once for each of the rules, at the smallest scope.
        let mut agreement = asked_for.agreement;
        for scope in &scopes {
            let subject = Subject { name: &args.subject, system };
            let mut report =
                check(rules, &subject, *scope, &asked_for, &limits, args.output.quiet)?;
            if std::mem::take(&mut agreement) {
                let found = in_lockstep(rules, system, &limits);
                report.add_agreement(rules, &found)?;
            }
            report.tell_rules_as(name);
            reports.push(report);
        }
    }
    let outcome = outcome(&reports);
    let nothing = |report: &&CheckReport| report.checked() == 0;
    for report in reports.iter().filter(nothing) {
        say(&format!(
            "{} promises nothing, so nothing was there to check; name guarantees with `--property`",
            report.rules
        ));
    }
    let text = match (args.format, reports.as_slice()) {
        (Format::Text, reports) => {
            let texts: Vec<_> = reports.iter().map(ToString::to_string).collect();
            texts.join("\n")
        }
        (Format::Json, [report]) => json(report)?,
        (Format::Json, reports) => json(&reports)?,
        (Format::Junit, reports) => crate::report::junit::junit(reports)?,
    };
    Ok(Written::new(text, outcome, &args.output))
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
    fn of(names: &[String]) -> Result<Self, CommandError> {
        let by_name = names.iter().filter(|name| *name != AGREEMENT);
        let guarantees = by_name.map(|name| guarantee(name)).collect::<Result<_, _>>()?;
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

/// The reference that does what `system` says, side by side with the model of the rules.
fn in_lockstep(rules: &Rules, system: &Profile, limits: &Limits) -> Lockstep {
    let scope = Scope { guests: 1, rooms: 1 };
    let subject = ReferenceSubject::new(system.clone(), scope);
    explore(&rules.profile(), scope, subject, &limits.stop)
}

fn check(
    rules: &Rules,
    subject: &Subject,
    scope: Scope,
    asked_for: &Asked,
    limits: &Limits,
    quiet: bool,
) -> Result<CheckReport, CommandError> {
    // What is asked for by name is held against the revision as if it promised it.
    let mut held = rules.clone();
    for guarantee in &asked_for.guarantees {
        held.promises.entry(*guarantee).or_default();
    }
    let guarantees: GuaranteeSet = if asked_for.everything() {
        GuaranteeSet::at(scope)
    } else {
        asked_for.guarantees.iter().copied().collect()
    };
    let of =
        format!("{}, {}, {}", rules.id, count(scope.guests, "guest"), count(scope.rooms, "room"));
    let progress = Progress::new(of, quiet);
    let run = Run::of([rules]);
    let (system, threads) = (subject.system.clone(), limits.workers);
    let found = Check { rules: &held, system, scope, guarantees, threads }
        .run(&limits.stop, |states| progress.tell(states, "state"));
    drop(progress);
    let explored = Explored {
        model: "sequential",
        scope,
        engine: "stateright",
        subject: subject.name,
        ended_by: Some(limits.what_ended_it()),
    };
    Ok(CheckReport::new(&rules.taken_for(subject.system), explored, &found, run)?)
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
        let workers = args.workers.map_or_else(available_workers, usize::from);
        Ok(Self { workers, stop, interrupt })
    }

    fn what_ended_it(&self) -> &'static str {
        if self.interrupt.load(Ordering::Relaxed) {
            "an interrupt"
        } else if self.stop.now() {
            "the time limit"
        } else {
            "the limit of states"
        }
    }
}

fn available_workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
