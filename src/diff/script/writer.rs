//! Writes the steps of a script as lines.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_model::action::Actor;
use guest_access_model::decide::Outcome;
use guest_access_scenarios::scenario::LABEL;

use crate::subject::server::{Exchange, LearnedValue, SessionRecording, Token, ValueSource};

use super::super::judge::StepRecord;
use super::quoted::word;
use super::script_call::{Kind, ScriptCall};
use super::variables::{Origin, Replaces, Variables};

/// Writes the steps of a script.
pub(super) struct Writer<'a> {
    pub(super) recording: &'a SessionRecording,
    pub(super) log: &'a [StepRecord],
    /// The number of the last step.
    pub(super) last: usize,
    /// The outcome of the last step by the rules.
    pub(super) expected: Option<Outcome>,
    pub(super) variables: Variables,
    /// The content of the file that was uploaded last.
    pub(super) uploaded: Option<String>,
    lines: Vec<ScriptLine>,
    /// For each variable that only a left-out step would set: the number of the step.
    left_out: BTreeMap<String, usize>,
}

enum ScriptLine {
    Plain(String),
    /// Sets those of these variables that the script uses.
    Assign(Vec<String>),
    /// The same, unless the homeserver denied the call before.
    AssignIfAllowed(Vec<String>),
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        recording: &'a SessionRecording,
        log: &'a [StepRecord],
        last: usize,
        expected: Option<Outcome>,
    ) -> Self {
        let variables = variables_at_start(recording);
        let uploads = |exchange: &&Exchange| exchange.request.call.ends_with("/upload");
        let uploaded = recording.exchanges.iter().rev().find(uploads);
        let uploaded = uploaded.and_then(|exchange| exchange.request.body.as_ref()?.as_str());
        let uploaded = uploaded.map(str::to_owned);
        let (lines, left_out) = (Vec::new(), BTreeMap::new());
        Self { recording, log, last, expected, variables, uploaded, lines, left_out }
    }

    /// Writes the heading and the calls of a step, or of the setup.
    pub(super) fn write(&mut self, heading: Vec<String>, calls: &[&ScriptCall<'_>]) {
        self.lines.push(ScriptLine::Plain(String::new()));
        self.lines.extend(heading.into_iter().map(ScriptLine::Plain));
        let is_last = calls.iter().any(|call| call.first.step == Some(self.last));
        let deciding = if is_last { self.deciding(calls) } else { Vec::new() };
        for (number, call) in calls.iter().enumerate() {
            let reads_back = is_last && !deciding.contains(&number) && calls[number..].len() == 1;
            if call.kind == Kind::Watch {
                let watch = self.watch(call);
                self.lines.extend(watch.into_iter().map(ScriptLine::Plain));
                continue;
            }
            let line = self.line(call);
            self.lines.push(ScriptLine::Plain(line));
            let is_allowed = call.last.is_allowed();
            if deciding.contains(&number) {
                let checks = self.checks(call, deciding.last() == Some(&number));
                self.lines.extend(checks.into_iter().map(ScriptLine::Plain));
                if is_allowed {
                    let renaming = self.add_variables(call.last);
                    self.lines.push(ScriptLine::AssignIfAllowed(renaming));
                }
            } else if is_allowed {
                let renaming = self.add_variables(call.last);
                self.lines.push(ScriptLine::Plain("needed".to_owned()));
                self.lines.push(ScriptLine::Assign(renaming));
            }
            if reads_back {
                let checks = self.effect_check(calls);
                self.lines.extend(checks.into_iter().map(ScriptLine::Plain));
            }
        }
    }

    /// Leaves a step out, and remembers the variables that the step would set.
    pub(super) fn leave_out(&mut self, step: usize, calls: &[&ScriptCall<'_>]) {
        for call in calls.iter().filter(|call| call.last.is_allowed()) {
            for name in self.add_variables(call.last) {
                self.left_out.insert(name, step);
            }
        }
    }

    /// The steps that were left out although a later call needs a value from their answers.
    pub(super) fn missing(&self) -> BTreeSet<usize> {
        let used = self.left_out.iter().filter(|(name, _)| self.variables.uses(name));
        used.map(|(_, step)| *step).collect()
    }

    /// The calls that determine the outcome of the last step: the calls of its endpoint by its caller.
    fn deciding(&self, calls: &[&ScriptCall<'_>]) -> Vec<usize> {
        let Some(endpoint) = self.log[self.last].step.operation.endpoint() else {
            return Vec::new();
        };
        let is_of_endpoint = |call: &ScriptCall<'_>| {
            call.kind != Kind::Watch && call.first.request.call == endpoint.get().id
        };
        let first = calls.iter().find(|call| is_of_endpoint(call));
        let token = first.and_then(|call| call.first.token.clone());
        let same = |call: &ScriptCall<'_>| is_of_endpoint(call) && call.first.token == token;
        let deciding: Vec<_> =
            calls.iter().enumerate().filter(|(_, u)| same(u)).map(|(number, _)| number).collect();
        // Of several calls of the endpoint, only the last is the step itself. Exceptions are reads page
        // by page, and lists of members with and without `at`.
        let has_place = |call: &ScriptCall<'_>| call.first.request.parameter("at").is_some();
        if calls.iter().any(|call| call.kind == Kind::Pages || has_place(call)) {
            deciding
        } else {
            deciding.last().copied().into_iter().collect()
        }
    }

    /// The line that makes a call.
    fn line(&mut self, call: &ScriptCall<'_>) -> String {
        let Exchange { request, token, .. } = call.first;
        let (who, token) = self.variables.caller(token.as_ref());
        let (verb, left_out): (_, &[&str]) = match &call.kind {
            Kind::Call | Kind::Watch => ("call".to_owned(), &[]),
            Kind::Interactive { identity } => {
                (format!("interactively {}", self.variables.word(identity.as_deref())), &[])
            }
            Kind::Pages => {
                let from = self.variables.word(request.parameter("from"));
                (format!("pages {from}"), &["from"])
            }
        };
        let target = word(&self.variables.target(request, left_out));
        let line = format!("{verb} {who} {token} {} \\\n    {target}", request.method);
        match &request.body {
            Some(body) => format!("{line} \\\n    {}", word(&self.variables.body(body))),
            None => line,
        }
    }

    /// Adds variables for the values of an answer, in case a later call needs them. Returns their names.
    fn add_variables(&mut self, exchange: &Exchange) -> Vec<String> {
        let by = exchange.step.map(|number| self.log[number].step.by);
        let who = match by {
            Some(Actor::Guest(number)) => format!("guest{}", number + 1),
            _ => "somebody".to_owned(),
        };
        let mut renaming = Vec::new();
        for LearnedValue { from, value } in &exchange.learned {
            let origin = self.origin(from);
            if *from == ValueSource::Field("access_token") {
                let token = Token::from(value.clone());
                renaming.extend(self.variables.add_token(&who, token, origin));
                continue;
            }
            let name = self.name(&who, exchange, from, value);
            let replaces = match from {
                ValueSource::Field("next_batch" | "end" | "origin_server_ts")
                | ValueSource::MediaId => Replaces::WholeText,
                _ => Replaces::of_id(value),
            };
            let Some(id) = self.variables.add(&name, value, replaces, origin) else { continue };
            renaming.push(id.clone());
            if *from == ValueSource::Field("user_id")
                && let Some((localpart, _)) = value.trim_start_matches('@').split_once(':')
            {
                let (name, origin) = (format!("{who}_name"), Origin::LocalpartOf(id));
                renaming.extend(self.variables.add(&name, localpart, Replaces::WholeText, origin));
            }
        }
        renaming
    }

    /// The jq program that finds a value in an answer.
    fn origin(&mut self, from: &ValueSource) -> Origin {
        Origin::Answer(match from {
            ValueSource::Field(key) => format!(".{key}"),
            ValueSource::MediaId => r#".content_uri | split("/")[-1]"#.to_owned(),
            ValueSource::StateEvent { kind, state_key, in_chunk } => {
                let list = if *in_chunk { ".chunk[]" } else { ".[]" };
                let (kind, key) = (self.variables.text(kind), self.variables.text(state_key));
                format!("[{list} | select(.type == {kind} and .state_key == {key})][-1].event_id")
            }
        })
    }

    /// The name of the variable for a value.
    fn name(&self, who: &str, exchange: &Exchange, from: &ValueSource, value: &str) -> String {
        let room = self.recording.rooms.iter().position(|room| room == value);
        let tagged = self.recording.tagged.as_ref();
        match from {
            ValueSource::Field("user_id") => format!("{who}_id"),
            ValueSource::Field("room_id") => {
                room.map_or("another_room".to_owned(), |room| format!("room{}", room + 1))
            }
            ValueSource::MediaId => "media_id".to_owned(),
            ValueSource::Field("next_batch") => "since".to_owned(),
            ValueSource::Field("end") => "end".to_owned(),
            ValueSource::Field("origin_server_ts") => "sent_at".to_owned(),
            _ if tagged.is_some_and(|(tagged, _)| tagged == value) => format!("{LABEL}_id"),
            ValueSource::StateEvent { .. } => "state_event".to_owned(),
            ValueSource::Field(_) => {
                format!("event_of_step{}", exchange.step.map_or(0, |step| step + 1))
            }
        }
    }

    /// The text of all steps.
    pub(super) fn body(&self) -> String {
        let mut renaming = vec!["moderator_id", "moderator_token", "user_id", "user_token"];
        renaming.push("server_name");
        renaming.extend(self.variables.to_declare());
        let renaming: Vec<_> = renaming.iter().map(|name| format!("{name}=''")).collect();
        let mut lines = vec!["# Values from the answers.".to_owned()];
        lines.push(format!("export {}\n", renaming.join(" ")));
        lines.push(ACCOUNTS.to_owned());
        for line in &self.lines {
            match line {
                ScriptLine::Plain(line) => lines.push(line.clone()),
                ScriptLine::Assign(renaming) => lines.extend(self.variables.assignments(renaming)),
                ScriptLine::AssignIfAllowed(renaming) => {
                    let assignments = self.variables.assignments(renaming);
                    let assignments: Vec<_> =
                        assignments.iter().map(|line| format!("    {line}")).collect();
                    if !assignments.is_empty() {
                        lines.push("if [[ $came == allow ]]; then".to_owned());
                        lines.extend(assignments);
                        lines.push("fi".to_owned());
                    }
                }
            }
        }
        lines.join("\n") + "\n"
    }
}

/// The variables that the start of a script sets.
fn variables_at_start(recording: &SessionRecording) -> Variables {
    let mut variables = Variables::default();
    variables.add("run", &recording.word, Replaces::AnyPart, Origin::Start);
    for (who, (id, token)) in [("moderator", &recording.moderator), ("user", &recording.user)] {
        variables.add(&format!("{who}_id"), id, Replaces::of_id(id), Origin::Start);
        variables.add_token(who, token.clone(), Origin::Start);
    }
    if let Some((_, server)) = recording.moderator.0.split_once(':') {
        variables.add("server_name", server, Replaces::AsServerName, Origin::Start);
    }
    variables
}

const ACCOUNTS: &str = "echo 'The accounts'
account moderator \"${MODERATOR_TOKEN-}\"
account user \"${USER_TOKEN-}\"
server_name=${moderator_id#*:}";
