//! A divergence as a script that needs nothing but curl and jq.
//!
//! It is written from what was said when the divergence was seen, so it makes the calls that the
//! runner made, in their order. What the homeserver chose then (ids, tokens, places in streams) and
//! what was made up for the run (names, passwords) are variables, which the script fills from the
//! answers that it gets itself.

mod checks;
mod quoted;
mod symbols;
mod units;
mod writer;

use std::collections::BTreeSet;
use std::time::Duration;

use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::state::State;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;

use crate::scenario::{LABEL, ObservedStep as Expected, sentence};
use crate::subject::server::Recording;

use super::judge::StepRecord;
use super::scenario_run::Segment;
use super::step_result::StepResult;

use quoted::{line, word};
use units::{Unit, units};
use writer::Writer;

/// What every script of a run has in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scripts<'a> {
    /// The homeserver's address.
    pub(super) url: &'a str,
    /// How long effects are waited for.
    pub(super) settle: Duration,
    pub(super) rules: &'a Rules,
    /// What our readings of the rules say.
    pub(super) profile: &'a Profile,
}

/// A divergence, with where it was seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScriptSource<'a> {
    pub(super) id: &'a str,
    pub(super) by: &'a str,
    /// What the rules say.
    pub(super) expected: &'a str,
    /// What the homeserver did.
    pub(super) observed: &'a str,
    pub(super) because: &'a str,
    pub(super) clauses: &'a [String],
    /// Whether the scenario, run by itself, showed it again.
    pub(super) reproduced: bool,
    pub(super) segment: &'a Segment,
    /// The number of the step that shows it.
    pub(super) at: usize,
}

impl Scripts<'_> {
    /// The script that shows a divergence, if what was said is known.
    pub(super) fn script(&self, source: ScriptSource<'_>) -> Option<String> {
        let recording = source.segment.recording.as_ref()?;
        let last = source.segment.log.get(source.at)?;
        let log = &source.segment.log[..=source.at];
        let exchanges = recording.exchanges.iter().filter(|e| e.step <= Some(source.at));
        let exchanges: Vec<_> = exchanges.cloned().collect();
        let body = self.steps(recording, log, &units(&exchanges), source.reproduced);
        let uses = |function: &str| body.lines().any(|line| line.starts_with(function));
        let mut script = self.beginning(&source, last);
        if uses("memberships ") {
            let seconds = self.settle.as_secs_f64().ceil();
            script += "# For how many seconds effects are waited for that come a little later.\n";
            script += &format!("settle={seconds}\n");
        }
        script += "\n";
        script += FRAME;
        if uses("given ") || uses("pages ") {
            script += GIVEN;
        }
        if uses("pages ") {
            script += PAGES;
        }
        if uses("memberships ") {
            script += MEMBERSHIPS;
        }
        if uses("listed ") {
            script += LISTED;
        }
        script += "\n";
        script += &body;
        script += &Self::end(&source);
        Some(script)
    }

    /// The steps that lead to the last, and the last. Of a story that is not the `smallest` what comes to
    /// nothing is left out, unless it told what a later call needs.
    fn steps(
        &self,
        recording: &Recording,
        log: &[StepRecord],
        units: &[Unit<'_>],
        smallest: bool,
    ) -> String {
        let last = log.len() - 1;
        let befores = std::iter::once(initial(self.profile)).chain(log.iter().map(|t| t.after));
        let befores: Vec<State> = befores.take(log.len()).collect();
        let expected = |step: usize| outcome(self.profile, &befores[step], &log[step].step);
        let leads = |step: &usize| smallest || *step == last || befores[*step] != log[*step].after;
        let mut kept: BTreeSet<usize> = (0..log.len()).filter(leads).collect();
        loop {
            let mut writer = Writer::new(recording, log, last, expected(last));
            let of = |step| units.iter().filter(|u| u.first.step == step).collect::<Vec<_>>();
            writer.write(vec!["echo 'The first state'".to_owned()], &of(None));
            let mut number = 0;
            for step in 0..log.len() {
                if !kept.contains(&step) {
                    writer.leave_out(step, &of(Some(step)));
                    continue;
                }
                number += 1;
                let before = &befores[step];
                let words = expected(step).map(|o| self.in_words(&log[step], before, &o));
                let heading = heading(number, &log[step], before, words);
                writer.write(heading, &of(Some(step)));
            }
            let missing = writer.missing();
            if missing.is_empty() {
                return writer.body();
            }
            kept.extend(missing);
        }
    }

    fn beginning(&self, source: &ScriptSource<'_>, last: &StepRecord) -> String {
        let ScriptSource { id, by, expected, observed, because, clauses, .. } = source;
        let clauses = in_brackets(clauses.iter().map(String::as_str));
        let mut about = vec![
            format!("{id}: {} ({by})", sentence(&last.step)),
            format!("  the rules ({}): {expected}", self.rules.id),
            format!("  because {because}{clauses}"),
            format!("  the homeserver: {observed}"),
        ];
        if !source.reproduced {
            about.push("  Run by itself, it did not show again: so it was seen.".to_owned());
        }
        let about: String = about.iter().map(|text| format!("# {}\n", line(text))).collect();
        let server = format!("[[ -n $server ]] || server={}", word(self.url));
        format!("#!/usr/bin/env bash\n{about}{USAGE}{server}\n{LIMITS}")
    }

    fn end(source: &ScriptSource<'_>) -> String {
        let say = |text: &str| format!("echo {}\n", word(&line(text)));
        let clauses = in_brackets(source.clauses.iter().map(String::as_str));
        let rules = say(&format!("the rules say: {}{clauses}", source.expected));
        let report = say(&format!("the report says: {}", source.observed));
        format!("\n{rules}{report}{END}")
    }

    fn in_words(&self, record: &StepRecord, before: &State, outcome: &Outcome) -> String {
        let said = Expected { action: &record.step, before, outcome, label: Some(LABEL) }.expect();
        let decision = &outcome.observation.decision;
        let clauses = self.rules.in_force(decision.clauses);
        format!(
            "{}{}",
            crate::scenario::outcome_in_words(decision, &said),
            in_brackets(clauses.into_iter())
        )
    }
}

fn in_brackets<'a>(clauses: impl Iterator<Item = &'a str>) -> String {
    let clauses: Vec<_> = clauses.collect();
    if clauses.is_empty() { String::new() } else { format!(" ({})", clauses.join(", ")) }
}

/// What a step is, what the rules say to it, and what was seen of it.
fn heading(
    number: usize,
    record: &StepRecord,
    before: &State,
    expected: Option<String>,
) -> Vec<String> {
    let step = format!("{number}. {}", sentence(&record.step));
    let expected = expected.unwrap_or_else(|| "they do not foresee it".to_owned());
    vec![
        format!("echo {}", word(&line(&step))),
        format!("# the rules: {}", line(&expected)),
        format!(
            "# in the report: {}",
            line(&StepResult::observed(record, before.tagged.is_some()).in_words())
        ),
    ]
}

const FRAME: &str = include_str!("script/frame.sh");
const GIVEN: &str = include_str!("script/given.sh");
const PAGES: &str = include_str!("script/pages.sh");
const MEMBERSHIPS: &str = include_str!("script/memberships.sh");
const LISTED: &str = include_str!("script/listed.sh");

const USAGE: &str = "#
# usage: bash THIS [URL]
#
# It needs curl and jq, and registers accounts of its own; where that cannot be, MODERATOR_TOKEN and
# USER_TOKEN are the access tokens of two. REGISTRATION_TOKEN is shown to a homeserver that asks for
# one. Exits 0 if all is as the report says, 1 if it is otherwise, 2 if it could not run.
# shellcheck disable=SC2016 # the programs of jq's are to stand as they are
set -euo pipefail

server=${1:-}
";

const LIMITS: &str = "server=${server%/}
# How many seconds one call may take.
patience=30
";

const END: &str = "if [[ -n $otherwise ]]; then
    echo 'otherwise than the report says'
    exit 1
fi
echo 'as the report says'
";
