//! The command line, the workers and the limits, which all explorations of one `check` share.

use guest_access_model::executor::timely::Cluster;
use guest_access_model::executor::{Executor, ExecutorError, Workers};

use crate::command::CommandError;
use crate::command::progress::Progress;
use crate::command::search::SearchLimits;

use super::args::{Args, ClusterArgs, ExecutorName};

/// One run of `check`.
pub(super) struct Task<'a> {
    pub(super) args: &'a Args,
    pub(super) workers: Workers,
    pub(super) limits: SearchLimits,
}

impl<'a> Task<'a> {
    pub(super) fn begin(args: &'a Args) -> Result<Self, CommandError> {
        let limits = SearchLimits::begin(&args.search)?;
        let workers = workers(args, &limits)?;
        Ok(Self { args, workers, limits })
    }

    /// The executor that the user names; without one, timely for several processes, else `default`.
    pub(super) fn executor(&self, default: Executor) -> Executor {
        let default = if self.workers.cluster.is_some() { Executor::Timely } else { default };
        self.args.engine.map_or(default, Executor::from)
    }

    pub(super) fn progress(&self, of: String) -> Progress {
        Progress::new(of, self.args.output.quiet)
    }
}

/// The threads that explore, and the other processes that take part.
fn workers(args: &Args, limits: &SearchLimits) -> Result<Workers, CommandError> {
    let ClusterArgs { hosts, process, wait_for_hosts } = &args.cluster;
    let mut workers = Workers::threads(limits.workers);
    if let (Some(hosts), Some(process)) = (hosts, process) {
        silence_timely();
        if args.engine == Some(ExecutorName::Stateright) {
            return Err(CommandError::OneProcess);
        }
        // The processes compare this text, to make sure that all explore the same states.
        let work = format!(
            "{:?}",
            (args.rules(), args.model, &args.subject, &args.search, &args.properties)
        );
        let cluster = Cluster::read(hosts, *process, *wait_for_hosts, work);
        workers.cluster = Some(cluster.map_err(ExecutorError::from)?);
    }
    Ok(workers)
}

/// Silences the panics of timely's threads. If another process breaks off, each of these threads panics,
/// and the executor returns one error for all of them.
fn silence_timely() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        if !thread.name().is_some_and(|name| name.starts_with("timely:")) {
            report(panic);
        }
    }));
}
