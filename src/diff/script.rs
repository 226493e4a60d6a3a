//! A divergence as a shell script that needs only curl and jq.
//!
//! The script is written from the recorded HTTP exchanges, so it makes the same calls in the same order.
//! Values that the homeserver chose (ids, tokens, stream positions) and values that `diff` made up (names,
//! passwords) become shell variables. The script sets a variable from the answer that contains the value.

mod checks;
mod quoted;
mod script_call;
mod variables;
mod writer;

use std::collections::BTreeSet;
use std::time::Duration;

use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::state::State;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_scenarios::scenario::{LABEL, ObservedStep as Expected, sentence};

use crate::subject::server::SessionRecording;

use super::judge::StepRecord;
use super::scenario_run::Segment;
use super::step_result::StepResult;

use quoted::{line, word};
use script_call::{ScriptCall, script_calls};
use writer::Writer;

/// The inputs that all scripts of a run share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scripts<'a> {
    /// The base URL of the homeserver.
    pub(super) url: &'a str,
    /// The longest time to wait for delayed effects.
    pub(super) settle: Duration,
    pub(super) rules: &'a Rules,
    /// The default profile of the rules.
    pub(super) profile: &'a Profile,
}

/// A divergence, and the run that showed the divergence.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScriptSource<'a> {
    pub(super) id: &'a str,
    pub(super) by: &'a str,
    /// The outcome that the rules expect, in words.
    pub(super) expected: &'a str,
    /// The outcome at the homeserver, in words.
    pub(super) observed: &'a str,
    pub(super) because: &'a str,
    pub(super) clauses: &'a [String],
    /// Whether the scenario alone showed the divergence again.
    pub(super) reproduced: bool,
    pub(super) segment: &'a Segment,
    /// The number of the step that shows the divergence.
    pub(super) at: usize,
}

impl Scripts<'_> {
    /// The script that shows a divergence, if its exchanges were recorded.
    pub(super) fn script(&self, source: ScriptSource<'_>) -> Option<String> {
        let recording = source.segment.recording.as_ref()?;
        let last = source.segment.log.get(source.at)?;
        let log = &source.segment.log[..=source.at];
        let exchanges = recording.exchanges.iter().filter(|e| e.step <= Some(source.at));
        let exchanges: Vec<_> = exchanges.cloned().collect();
        let body = self.steps(recording, log, &script_calls(&exchanges), source.reproduced);
        let uses = |function: &str| body.lines().any(|line| line.starts_with(function));
        let mut script = self.beginning(&source, last);
        if uses("memberships ") {
            let seconds = self.settle.as_secs_f64().ceil();
            script += "# The seconds to wait for effects that come after the answer.\n";
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

    /// The body of the script: the steps up to the last. If the trace is not the `smallest`, steps that
    /// change nothing are left out, unless a later call needs a value from their answers.
    fn steps(
        &self,
        recording: &SessionRecording,
        log: &[StepRecord],
        calls: &[ScriptCall<'_>],
        smallest: bool,
    ) -> String {
        let last = log.len() - 1;
        let befores = std::iter::once(initial(self.profile)).chain(log.iter().map(|t| t.after));
        let befores: Vec<State> = befores.take(log.len()).collect();
        let expected = |step: usize| outcome(self.profile, &befores[step], &log[step].step);
        let is_kept =
            |step: &usize| smallest || *step == last || befores[*step] != log[*step].after;
        let mut kept: BTreeSet<usize> = (0..log.len()).filter(is_kept).collect();
        loop {
            let mut writer = Writer::new(recording, log, last, expected(last));
            let of = |step| calls.iter().filter(|call| call.first.step == step).collect::<Vec<_>>();
            writer.write(vec!["echo 'The initial state'".to_owned()], &of(None));
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
            about.push("  The scenario alone did not show the divergence again. These are the calls that showed it.".to_owned());
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
        let expected =
            Expected { action: &record.step, before, outcome, label: Some(LABEL) }.expect();
        let decision = &outcome.observation.decision;
        let clauses = self.rules.in_force(decision.clauses);
        format!(
            "{}{}",
            guest_access_scenarios::scenario::outcome_in_words(decision, &expected),
            in_brackets(clauses.into_iter())
        )
    }
}

fn in_brackets<'a>(clauses: impl Iterator<Item = &'a str>) -> String {
    let clauses: Vec<_> = clauses.collect();
    if clauses.is_empty() { String::new() } else { format!(" ({})", clauses.join(", ")) }
}

/// The lines before the calls of a step: the step, the outcome by the rules, and the observed outcome.
fn heading(
    number: usize,
    record: &StepRecord,
    before: &State,
    expected: Option<String>,
) -> Vec<String> {
    let step = format!("{number}. {}", sentence(&record.step));
    let expected = expected.unwrap_or_else(|| "the rules have no such step".to_owned());
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
# The script needs curl and jq. It registers two accounts, unless MODERATOR_TOKEN and USER_TOKEN are the
# access tokens of existing ones. A homeserver that asks for a registration token gets
# REGISTRATION_TOKEN. Exit code: 0 if everything is as in the report, 1 if something differs, 2 if the
# script could not run.
# shellcheck disable=SC2016 # the shell must not expand the jq programs
set -euo pipefail

server=${1:-}
";

const LIMITS: &str = "server=${server%/}
# The longest time for one call, in seconds.
patience=30
";

const END: &str = "if [[ -n $otherwise ]]; then
    echo 'the homeserver differs from the report'
    exit 1
fi
echo 'the homeserver behaves as in the report'
";
