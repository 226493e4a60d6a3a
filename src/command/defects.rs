//! `defects`: which check catches which mistake.

use guest_access_model::scoreboard::scoreboard;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;

use crate::diff::{self, PlannedScenario};
use crate::report::Run;
use crate::report::defects::DefectsReport;
use crate::subject::reference::ReferenceSubject;
use crate::vectors;

use super::output::{Format, OutputArgs, Written, say};
use super::progress::Progress;
use super::search::{SearchArgs, SearchLimits};
use super::{CommandError, Outcome};

/// Show which check catches which mistake
///
/// Every mistake that homeservers have really made, and every forbidden option of every decision
/// point, is switched on by itself and held against the promised guarantees and, as a mistaken
/// reference homeserver, against the model; or against the conformance vectors; or served over HTTP and
/// held against the rules by `diff`, which has to find it and to name its decision point and no other.
/// Fails if nothing catches one that is not accounted for: in spec-notes/beyond-the-model.md; or
/// because no client could observe it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The rules that are mistaken
    #[arg(long, default_value = "latest")]
    rules: String,
    /// What the mistakes are held against
    #[arg(long, default_value = "model")]
    against: Against,
    #[command(flatten)]
    search: SearchArgs,
    /// The form of the report
    #[arg(long, default_value = "text")]
    format: Format,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Against {
    /// The guarantees, and the model in lockstep
    Model,
    /// The conformance vectors
    Vectors,
    /// `diff`, over HTTP
    Diff,
}

pub(super) fn run(args: &Args) -> Result<Written, CommandError> {
    let rules = Rules::find(&args.rules)?;
    let run = Run::of([&rules]);
    let limits = SearchLimits::begin(&args.search)?;
    let progress = Progress::new(rules.id.clone(), args.output.quiet);
    let told = |defects| progress.show(defects, "defect");
    let report = match args.against {
        Against::Model => {
            let make = |profile: &_, scope| ReferenceSubject::new(Clone::clone(profile), scope);
            scoreboard(&rules, make, limits.workers, &limits.stop, told)
                .map(|found| DefectsReport::new(&rules, &found, run))
        }
        Against::Vectors => {
            let vectors = vectors::vectors(&rules);
            let undetected = vectors::undetected(&rules, &vectors);
            vectors::detections(&rules, &vectors, limits.workers, &limits.stop, told)
                .map(|found| DefectsReport::by_vectors(&rules, &found, &undetected, run))
        }
        Against::Diff => {
            let vectors = vectors::vectors(&rules);
            let undetected = vectors::undetected(&rules, &vectors);
            let scenarios: Vec<_> = vectors.into_iter().map(PlannedScenario::from).collect();
            let defects = variant::defects(&rules);
            let results = diff::diff_defects(
                &rules,
                &defects,
                &scenarios,
                limits.workers,
                &limits.stop,
                told,
            );
            let results = results.transpose()?;
            results.map(|results| DefectsReport::by_diff(&rules, &results, &undetected, run))
        }
    };
    drop(progress);
    let Some(report) = report else {
        say("the search was ended before every defect was looked at");
        return Ok(Written::new(String::new(), Outcome::NoVerdict, &args.output));
    };
    let outcome = if report.has_a_gap() { Outcome::Fails } else { Outcome::Holds };
    Written::report(&report, args.format, outcome, &args.output)
}
