//! `defects`: which check catches which defect.

use guest_access_model::scoreboard::scoreboard;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;
use guest_access_scenarios::vectors;

use crate::diff;
use crate::neighbour;
use crate::report::Run;
use crate::report::defects::DefectsReport;
use crate::subject::reference::ReferenceSubject;

use super::output::{CommandOutput, Format, OutputArgs, print_message};
use super::progress::Progress;
use super::search::{SearchArgs, SearchLimits};
use super::{CommandError, Outcome};

/// Show which check catches which defect
///
/// A defect is a forbidden option of a decision point, or a mistake that a homeserver really made. The
/// command switches on one defect at a time, and applies the checks that `--against` selects. It fails
/// if no check catches a defect, unless spec-notes/beyond-the-model.md explains the defect, or no
/// client can observe it. The scopes are fixed: `--guests` and `--rooms` have no effect.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  guest-access defects --rules v1.16 --against vectors")]
pub(super) struct Args {
    /// The rules whose defects are tried
    #[arg(long, default_value = "latest")]
    rules: String,
    /// The checks that have to catch each defect
    #[arg(long, default_value = "model")]
    against: Against,
    #[command(flatten)]
    search: SearchArgs,
    /// The format of the report
    #[arg(long, default_value = "text")]
    format: Format,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Against {
    /// The promised guarantees, and the comparison of the reference with the model
    Model,
    /// The conformance vectors
    Vectors,
    /// `diff` over HTTP, which has to name the decision point of the defect and no other
    Diff,
    /// `diff --federated`: the defects that show to another homeserver
    Federation,
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    let rules = Rules::find(&args.rules)?;
    let run = Run::of([&rules]);
    let limits = SearchLimits::begin(&args.search)?;
    let progress = Progress::new(rules.id.clone(), args.output.quiet);
    let on_progress = |defects| progress.show(defects, "defect");
    let report = match args.against {
        Against::Model => {
            let make = |profile: &_, scope| ReferenceSubject::new(Clone::clone(profile), scope);
            scoreboard(&rules, make, limits.workers, &limits.stop, on_progress)
                .map(|detections| DefectsReport::new(&rules, &detections, run))
        }
        Against::Vectors => {
            let vectors = vectors::vectors(&rules);
            let undetected = vectors::undetected(&rules, &vectors);
            vectors::detections(
                &rules,
                &vectors,
                ReferenceSubject::new,
                limits.workers,
                &limits.stop,
                on_progress,
            )
            .map(|detections| DefectsReport::by_vectors(&rules, &detections, &undetected, run))
        }
        Against::Diff => {
            let vectors = vectors::vectors(&rules);
            let undetected = vectors::undetected(&rules, &vectors);
            let scenarios = diff::plan_vectors(&rules, vectors);
            let defects = variant::defects(&rules);
            let results = diff::diff_defects(
                &rules,
                &defects,
                &scenarios,
                limits.workers,
                &limits.stop,
                on_progress,
            );
            let results = results.transpose()?;
            results.map(|results| DefectsReport::by_diff(&rules, &results, &undetected, run))
        }
        Against::Federation => {
            let defects = neighbour::federated_defects(&rules);
            let (threads, stop) = (limits.workers, &limits.stop);
            let results = neighbour::run_defects(&rules, &defects, threads, stop, on_progress);
            let results = results.transpose()?;
            results.map(|results| DefectsReport::by_federation(&rules, &results, run))
        }
    };
    drop(progress);
    let Some(report) = report else {
        print_message("the search ended before every defect was checked");
        return Ok(CommandOutput::new(String::new(), Outcome::NoVerdict, &args.output));
    };
    let outcome = if report.has_a_gap() { Outcome::Fails } else { Outcome::Holds };
    CommandOutput::report(&report, args.format, outcome, &args.output)
}
