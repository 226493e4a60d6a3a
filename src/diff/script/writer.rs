//! The steps of a script, as lines.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_model::action::Actor;
use guest_access_model::decide::Outcome;

use crate::scenario::LABEL;
use crate::subject::server::{Exchange, LearnedValue, Recording, Token, ValueSource};

use super::super::judge::StepRecord;
use super::quoted::word;
use super::symbols::{Fits, Origin, Symbols};
use super::units::{Kind, Unit};

/// Writes the steps of a script.
pub(super) struct Writer<'a> {
    pub(super) recording: &'a Recording,
    pub(super) log: &'a [StepRecord],
    /// The number of the last step.
    pub(super) last: usize,
    /// What the rules say to it.
    pub(super) expected: Option<Outcome>,
    pub(super) symbols: Symbols,
    lines: Vec<Line>,
    /// In which step that was left out a variable would be learned.
    left_out: BTreeMap<String, usize>,
}

enum Line {
    Plain(String),
    /// Whatever of these is used is learned here.
    Learn(Vec<String>),
    /// The same, unless the call before is refused.
    LearnIfAllowed(Vec<String>),
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        recording: &'a Recording,
        log: &'a [StepRecord],
        last: usize,
        expected: Option<Outcome>,
    ) -> Self {
        let symbols = known_from_the_beginning(recording);
        let (lines, left_out) = (Vec::new(), BTreeMap::new());
        Self { recording, log, last, expected, symbols, lines, left_out }
    }

    /// Writes a step, or the first state.
    pub(super) fn write(&mut self, heading: Vec<String>, units: &[&Unit<'_>]) {
        self.lines.push(Line::Plain(String::new()));
        self.lines.extend(heading.into_iter().map(Line::Plain));
        let is_last = units.iter().any(|unit| unit.first.step == Some(self.last));
        let deciding = if is_last { self.deciding(units) } else { Vec::new() };
        for (number, unit) in units.iter().enumerate() {
            if unit.kind == Kind::Watch {
                let watch = self.watch(unit);
                self.lines.extend(watch.into_iter().map(Line::Plain));
                continue;
            }
            let call = self.call(unit);
            self.lines.push(Line::Plain(call));
            let is_allowed = unit.last.is_allowed();
            if deciding.contains(&number) {
                let checks = self.checks(unit, deciding.last() == Some(&number));
                self.lines.extend(checks.into_iter().map(Line::Plain));
                if is_allowed {
                    let names = self.learn(unit.last);
                    self.lines.push(Line::LearnIfAllowed(names));
                }
            } else if is_allowed {
                let names = self.learn(unit.last);
                self.lines.push(Line::Plain("needed".to_owned()));
                self.lines.push(Line::Learn(names));
            }
        }
    }

    /// Leaves a step out.
    pub(super) fn leave_out(&mut self, step: usize, units: &[&Unit<'_>]) {
        for unit in units.iter().filter(|unit| unit.last.is_allowed()) {
            for name in self.learn(unit.last) {
                self.left_out.insert(name, step);
            }
        }
    }

    /// The steps that were left out although a later call needs what they tell.
    pub(super) fn missing(&self) -> BTreeSet<usize> {
        let used = self.left_out.iter().filter(|(name, _)| self.symbols.uses(name));
        used.map(|(_, step)| *step).collect()
    }

    /// Which units decide what came of the last step: the calls of its endpoint by its caller.
    fn deciding(&self, units: &[&Unit<'_>]) -> Vec<usize> {
        let Some(endpoint) = self.log[self.last].step.operation.endpoint() else {
            return Vec::new();
        };
        let calls = |unit: &Unit<'_>| {
            unit.kind != Kind::Watch && unit.first.request.call == endpoint.get().id
        };
        let first = units.iter().find(|unit| calls(unit));
        let token = first.and_then(|unit| unit.first.token.clone());
        let same = |unit: &Unit<'_>| calls(unit) && unit.first.token == token;
        let deciding: Vec<_> =
            units.iter().enumerate().filter(|(_, u)| same(u)).map(|(number, _)| number).collect();
        // Of two calls of one endpoint the last is the step's own, but for what is read in parts, or now
        // and as of some place.
        let has_place = |unit: &Unit<'_>| unit.first.request.parameter("at").is_some();
        if units.iter().any(|unit| unit.kind == Kind::Pages || has_place(unit)) {
            deciding
        } else {
            deciding.last().copied().into_iter().collect()
        }
    }

    fn call(&mut self, unit: &Unit<'_>) -> String {
        let Exchange { request, token, .. } = unit.first;
        let (who, token) = self.symbols.caller(token.as_ref());
        let (verb, left_out): (_, &[&str]) = match &unit.kind {
            Kind::Call | Kind::Watch => ("call".to_owned(), &[]),
            Kind::Interactive { identity } => {
                (format!("interactively {}", self.symbols.word(identity.as_deref())), &[])
            }
            Kind::Pages => {
                let from = self.symbols.word(request.parameter("from"));
                (format!("pages {from}"), &["from"])
            }
        };
        let target = word(&self.symbols.target(request, left_out));
        let call = format!("{verb} {who} {token} {} \\\n    {target}", request.method);
        match &request.body {
            Some(body) => format!("{call} \\\n    {}", word(&self.symbols.body(body))),
            None => call,
        }
    }

    /// What of an answer is given a name, in case that a later call needs it.
    fn learn(&mut self, exchange: &Exchange) -> Vec<String> {
        let by = exchange.step.map(|number| self.log[number].step.by);
        let who = match by {
            Some(Actor::Guest(number)) => format!("guest{}", number + 1),
            _ => "somebody".to_owned(),
        };
        let mut names = Vec::new();
        for LearnedValue { from, value } in &exchange.learned {
            let origin = self.origin(from);
            if *from == ValueSource::Field("access_token") {
                let token = Token::from(value.clone());
                names.extend(self.symbols.know_token(&who, token, origin));
                continue;
            }
            let name = self.name(&who, exchange, from, value);
            let fits = match from {
                ValueSource::Field("next_batch" | "origin_server_ts") => Fits::Alone,
                _ => Fits::of_id(value),
            };
            let Some(id) = self.symbols.know(&name, value, fits, origin) else { continue };
            names.push(id.clone());
            if *from == ValueSource::Field("user_id")
                && let Some((localpart, _)) = value.trim_start_matches('@').split_once(':')
            {
                let (name, origin) = (format!("{who}_name"), Origin::LocalpartOf(id));
                names.extend(self.symbols.know(&name, localpart, Fits::Alone, origin));
            }
        }
        names
    }

    /// The program that finds in an answer what was found there.
    fn origin(&mut self, from: &ValueSource) -> Origin {
        Origin::Answer(match from {
            ValueSource::Field(key) => format!(".{key}"),
            ValueSource::StateEvent { kind, state_key, in_chunk } => {
                let list = if *in_chunk { ".chunk[]" } else { ".[]" };
                let (kind, key) = (self.symbols.text(kind), self.symbols.text(state_key));
                format!("[{list} | select(.type == {kind} and .state_key == {key})][-1].event_id")
            }
        })
    }

    /// The name for something that was learned.
    fn name(&self, who: &str, exchange: &Exchange, from: &ValueSource, value: &str) -> String {
        let room = self.recording.rooms.iter().position(|room| room == value);
        let tagged = self.recording.tagged.as_ref();
        match from {
            ValueSource::Field("user_id") => format!("{who}_id"),
            ValueSource::Field("room_id") => {
                room.map_or("another_room".to_owned(), |room| format!("room{}", room + 1))
            }
            ValueSource::Field("next_batch") => "since".to_owned(),
            ValueSource::Field("origin_server_ts") => "sent_at".to_owned(),
            _ if tagged.is_some_and(|(tagged, _)| tagged == value) => format!("{LABEL}_id"),
            ValueSource::StateEvent { .. } => "state_event".to_owned(),
            ValueSource::Field(_) => {
                format!("event_of_step{}", exchange.step.map_or(0, |step| step + 1))
            }
        }
    }

    /// All that was written.
    pub(super) fn body(&self) -> String {
        let mut names = vec!["moderator_id", "moderator_token", "user_id", "user_token"];
        names.push("server_name");
        names.extend(self.symbols.to_declare());
        let names: Vec<_> = names.iter().map(|name| format!("{name}=''")).collect();
        let mut lines = vec!["# What is learned on the way.".to_owned()];
        lines.push(format!("export {}\n", names.join(" ")));
        lines.push(ACCOUNTS.to_owned());
        for line in &self.lines {
            match line {
                Line::Plain(line) => lines.push(line.clone()),
                Line::Learn(names) => lines.extend(self.symbols.learn(names)),
                Line::LearnIfAllowed(names) => {
                    let learn = self.symbols.learn(names);
                    let learn: Vec<_> = learn.iter().map(|line| format!("    {line}")).collect();
                    if !learn.is_empty() {
                        lines.push("if [[ $came == allow ]]; then".to_owned());
                        lines.extend(learn);
                        lines.push("fi".to_owned());
                    }
                }
            }
        }
        lines.join("\n") + "\n"
    }
}

/// What a script knows before its first call about the story.
fn known_from_the_beginning(recording: &Recording) -> Symbols {
    let mut symbols = Symbols::default();
    symbols.know("run", &recording.word, Fits::Within, Origin::EventPresence);
    for (who, (id, token)) in [("moderator", &recording.moderator), ("user", &recording.user)] {
        symbols.know(&format!("{who}_id"), id, Fits::of_id(id), Origin::EventPresence);
        symbols.know_token(who, token.clone(), Origin::EventPresence);
    }
    if let Some((_, server)) = recording.moderator.0.split_once(':') {
        symbols.know("server_name", server, Fits::AsServerName, Origin::EventPresence);
    }
    symbols
}

const ACCOUNTS: &str = "echo 'The accounts'
account moderator \"${MODERATOR_TOKEN-}\"
account user \"${USER_TOKEN-}\"
server_name=${moderator_id#*:}";
