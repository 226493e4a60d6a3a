//! A divergence as a script that needs nothing but curl and jq.
//!
//! It is written from what was said when the divergence was seen, so it makes the calls that the
//! runner made, in their order. What the homeserver chose then (ids, tokens, places in streams) and
//! what was made up for the run (names, passwords) are variables, which the script fills from the
//! answers that it gets itself.

mod quoted;
mod symbols;
mod units;

use std::time::Duration;

use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::endpoint::{EndpointId, Gives, KNOWN};
use guest_access_model::profile::Profile;
use guest_access_model::rules::Rules;
use guest_access_model::state::{MAX_GUESTS, State};
use guest_access_model::step::Actor;

use crate::report::in_force;
use crate::scenario::{LABEL, Observed as Expected, sentence};
use crate::subject::server::{
    Exchange, Given, Held, Learned, Members, Recording, Source, Token, Verdict,
};

use super::judge::Taken;
use super::signature::seen;
use super::story::Part;

use quoted::{line, word};
use symbols::{Fits, Origin, Symbols};
use units::{Kind, Unit, units};

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
pub(super) struct Shown<'a> {
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
    pub(super) part: &'a Part,
    /// The number of the step that shows it.
    pub(super) at: usize,
}

impl Scripts<'_> {
    /// The script that shows a divergence; empty, if nothing is known of how it was seen.
    pub(super) fn script(&self, shown: Shown<'_>) -> String {
        let Some(recording) = &shown.part.recording else { return String::new() };
        let Some(last) = shown.part.log.get(shown.at) else { return String::new() };
        let mut writer = Writer {
            recording,
            log: &shown.part.log,
            last: shown.at,
            symbols: known_from_the_beginning(recording),
            paragraphs: Vec::new(),
        };
        let steps = self.expectations(&shown.part.log[..=shown.at]);
        let exchanges = recording.exchanges.iter();
        let exchanges: Vec<_> =
            exchanges.filter(|e| e.step <= Some(shown.at)).cloned().collect();
        let units = units(&exchanges);
        for step in std::iter::once(None).chain((0..=shown.at).map(Some)) {
            let heading = match step {
                None => vec!["echo 'The first state'".to_owned()],
                Some(number) => heading(number, &shown.part.log[number], &steps[number]),
            };
            let units: Vec<_> = units.iter().filter(|unit| unit.first.step == step).collect();
            let expected = step.and_then(|number| steps[number].expected.as_ref());
            writer.write(heading, &units, expected.map(|(outcome, _)| outcome));
        }
        let body = writer.body();
        let frames = [FRAME, GIVEN, PAGES, MEMBERSHIPS];
        let needed = ["", "given ", "pages ", "memberships "];
        let used = |needed: &str| body.lines().any(|line| line.contains(needed));
        let given = used("given ") || used("pages ");
        let frames = frames.into_iter().zip(needed).filter(|(frame, needed)| {
            if *frame == GIVEN { given } else { used(needed) }
        });
        let mut script = self.beginning(&shown, last);
        if used("memberships ") {
            let seconds = self.settle.as_secs_f64().ceil();
            script += "# For how many seconds effects are waited for that come a little later.\n";
            script += &format!("settle={seconds}\n");
        }
        script += "\n";
        script.extend(frames.map(|(frame, _)| frame));
        script += "\n";
        script += &body;
        script += &self.end(&shown);
        script
    }

    fn beginning(&self, shown: &Shown<'_>, last: &Taken) -> String {
        let Shown { id, by, expected, observed, because, clauses, .. } = shown;
        let clauses = in_brackets(clauses.iter().map(String::as_str));
        let mut about = vec![
            format!("{id}: {} ({by})", sentence(&last.step)),
            format!("  the rules ({}): {expected}", self.rules.id),
            format!("  because {because}{clauses}"),
            format!("  the homeserver: {observed}"),
        ];
        if !shown.reproduced {
            about.push("  Run by itself, it did not show again: this is how it was seen.".to_owned());
        }
        let about: String = about.iter().map(|text| format!("# {}\n", line(text))).collect();
        format!("#!/usr/bin/env bash\n{about}{USAGE}server=${{1:-}}\n[[ -n $server ]] || server={}\nserver=${{server%/}}\n# How many seconds one call may take.\npatience=30\n", word(self.url))
    }

    fn end(&self, shown: &Shown<'_>) -> String {
        let say = |text: &str| format!("echo {}\n", word(&line(text)));
        let clauses = in_brackets(shown.clauses.iter().map(String::as_str));
        let rules = say(&format!("the rules say: {}{clauses}", shown.expected));
        let report = say(&format!("the report says: {}", shown.observed));
        format!("\n{rules}{report}{END}")
    }

    /// What the rules say to each step, and what was seen of it.
    fn expectations(&self, log: &[Taken]) -> Vec<Expectation> {
        let mut state = Some(initial(self.profile));
        let step = |taken: &Taken| {
            let before = state;
            let came_of_it = before.and_then(|state| outcome(self.profile, &state, &taken.step));
            if !taken.diverges {
                state = came_of_it.map(|outcome| outcome.next);
            }
            let is_tagged = before.is_some_and(|state| state.tagged.is_some());
            let expected = before.zip(came_of_it).map(|(before, outcome)| {
                let words = self.in_words(taken, &before, &outcome);
                (outcome, words)
            });
            Expectation { expected, seen: seen(taken, is_tagged) }
        };
        log.iter().map(step).collect()
    }

    fn in_words(&self, taken: &Taken, before: &State, outcome: &Outcome) -> String {
        let said = Expected { step: &taken.step, before, outcome, label: Some(LABEL) }.expect();
        let decision = &outcome.observation.decision;
        let clauses = in_force(self.rules, decision.clauses);
        format!("{}{}", crate::report::told(decision, &said), in_brackets(clauses.into_iter()))
    }
}

/// What the rules say to a step, if it can happen by our readings, and what was seen of it.
struct Expectation {
    expected: Option<(Outcome, String)>,
    seen: String,
}

fn in_brackets<'a>(clauses: impl Iterator<Item = &'a str>) -> String {
    let clauses: Vec<_> = clauses.collect();
    if clauses.is_empty() { String::new() } else { format!(" ({})", clauses.join(", ")) }
}

fn heading(number: usize, taken: &Taken, step: &Expectation) -> Vec<String> {
    let mut lines = vec![format!(
        "echo {}",
        word(&line(&format!("{}. {}", number + 1, sentence(&taken.step))))
    )];
    lines.push(match &step.expected {
        Some((_, words)) => format!("# the rules: {}", line(words)),
        None => "# the rules, as we read them, do not foresee it".to_owned(),
    });
    lines.push(format!("# in the report: {}", line(&step.seen)));
    lines
}

/// What a script knows before its first call about the story.
fn known_from_the_beginning(recording: &Recording) -> Symbols {
    let mut symbols = Symbols::default();
    symbols.know("run", &recording.word, Fits::Within, Origin::Given);
    for (who, (id, token)) in [("moderator", &recording.moderator), ("user", &recording.user)] {
        symbols.know(&format!("{who}_id"), id, Fits::Within, Origin::Given);
        symbols.know_token(who, token.clone(), Origin::Given);
    }
    if let Some((_, server)) = recording.moderator.0.split_once(':') {
        symbols.know("server_name", server, Fits::AsServerName, Origin::Given);
    }
    symbols
}

/// Writes the steps of a script.
struct Writer<'a> {
    recording: &'a Recording,
    log: &'a [Taken],
    /// The number of the last step.
    last: usize,
    symbols: Symbols,
    /// For each step its lines, with the variables that some of them give a value.
    paragraphs: Vec<Vec<Line>>,
}

enum Line {
    Plain(String),
    /// Whatever of these is used is learned here.
    Learn(Vec<String>),
    /// The same, unless the call before is refused.
    LearnIfAllowed(Vec<String>),
}

impl Writer<'_> {
    fn write(&mut self, heading: Vec<String>, units: &[&Unit<'_>], expected: Option<&Outcome>) {
        let mut lines: Vec<_> = heading.into_iter().map(Line::Plain).collect();
        let step = units.first().and_then(|unit| unit.first.step);
        let deciding = match step {
            Some(step) if step == self.last => self.deciding(units),
            _ => Vec::new(),
        };
        for (number, unit) in units.iter().enumerate() {
            if unit.kind == Kind::Watch {
                lines.extend(self.watch(unit, expected).into_iter().map(Line::Plain));
                continue;
            }
            lines.push(Line::Plain(self.call(unit)));
            let is_deciding = deciding.contains(&number);
            if unit.last.is_allowed() && !is_deciding {
                lines.push(Line::Plain("needed".to_owned()));
            }
            let is_last = deciding.last() == Some(&number);
            if is_deciding {
                lines.extend(self.checks(unit, is_last).into_iter().map(Line::Plain));
            }
            if unit.last.is_allowed() {
                let names = self.learn(unit.last);
                lines.push(if is_deciding { Line::LearnIfAllowed(names) } else { Line::Learn(names) });
            }
        }
        self.paragraphs.push(lines);
    }

    /// Which units decide what came of the last step: the calls of its endpoint by its caller.
    fn deciding(&self, units: &[&Unit<'_>]) -> Vec<usize> {
        let Some(endpoint) = self.log[self.last].step.act.endpoint() else { return Vec::new() };
        let calls = |unit: &Unit<'_>| {
            unit.kind != Kind::Watch && unit.first.request.call == endpoint.get().id
        };
        let first = units.iter().find(|unit| calls(unit));
        let token = first.and_then(|unit| unit.first.token.clone());
        let same = |unit: &Unit<'_>| calls(unit) && unit.first.token == token;
        let deciding: Vec<_> =
            units.iter().enumerate().filter(|(_, u)| same(u)).map(|(number, _)| number).collect();
        // Of two calls of one endpoint the last is the step's own, but for what is read in parts.
        if units.iter().any(|unit| unit.kind == Kind::Pages) {
            deciding
        } else {
            deciding.last().copied().into_iter().collect()
        }
    }

    fn call(&mut self, unit: &Unit<'_>) -> String {
        let Exchange { request, token, .. } = unit.first;
        let (who, token) = self.symbols.caller(token.as_ref());
        let (verb, left_out): (String, &[&str]) = match &unit.kind {
            Kind::Call | Kind::Watch => ("call".to_owned(), &[]),
            Kind::Interactive { identity } => {
                let identity = identity.as_ref().map(|user| self.symbols.text(user));
                let identity = identity.as_deref().and_then(|text| text.strip_prefix("env."));
                let identity = identity.map_or("''".to_owned(), |name| format!("\"${name}\""));
                (format!("interactively {identity}"), &[])
            }
            Kind::Pages => {
                let from = request.query.iter().find(|(key, _)| *key == "from");
                let from = from.map(|(_, from)| self.symbols.text(from));
                let from = from.as_deref().and_then(|text| text.strip_prefix("env."));
                let from = from.map_or("''".to_owned(), |name| format!("\"${name}\""));
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
        let who = exchange.step.map(|number| self.log[number].step.by);
        let who = match who {
            Some(Actor::Guest(number)) => format!("guest{}", number + 1),
            _ => "somebody".to_owned(),
        };
        let mut names = Vec::new();
        for Learned { from, value } in &exchange.learned {
            let program = match from {
                Source::Field(key) => format!(".{key}"),
                Source::StateEvent { kind, state_key, in_chunk } => {
                    let list = if *in_chunk { ".chunk" } else { "." };
                    let kind = self.symbols.text(kind);
                    let key = self.symbols.text(state_key);
                    format!(
                        "[{list}[] | select(.type == {kind} and .state_key == {key})][-1].event_id"
                    )
                }
            };
            let origin = Origin::Answer(program);
            let is_tagged =
                self.recording.tagged.as_ref().is_some_and(|(tagged, _)| tagged == value);
            let (name, fits) = match from {
                Source::Field("access_token") => {
                    let token = Token::from(value.clone());
                    names.extend(self.symbols.know_token(&who, token, origin));
                    continue;
                }
                Source::Field("user_id") => (format!("{who}_id"), within(value)),
                Source::Field("room_id") => {
                    let room = self.recording.rooms.iter().position(|room| room == value);
                    let name = room.map_or("room".to_owned(), |room| format!("room{}", room + 1));
                    (name, within(value))
                }
                Source::Field("next_batch") => ("since".to_owned(), Fits::Alone),
                Source::Field("origin_server_ts") => ("sent_at".to_owned(), Fits::Alone),
                _ if is_tagged => (LABEL.to_owned(), within(value)),
                Source::StateEvent { .. } => ("state_event".to_owned(), within(value)),
                Source::Field(_) => {
                    let step = exchange.step.map_or(0, |step| step + 1);
                    (format!("event_of_step{step}"), within(value))
                }
            };
            let Some(name) = self.symbols.know(&name, value, fits, origin) else { continue };
            if *from == Source::Field("user_id")
                && let Some((localpart, _)) = value.trim_start_matches('@').split_once(':')
            {
                let origin = Origin::LocalpartOf(name.clone());
                let of = format!("{who}_name");
                let of = self.symbols.know(&of, localpart, Fits::Alone, origin);
                names.push(name);
                names.extend(of);
            } else {
                names.push(name);
            }
        }
        names
    }

    /// The lines that hold what came of the last step against the report.
    fn checks(&mut self, unit: &Unit<'_>, is_last: bool) -> Vec<String> {
        let taken = &self.log[self.last];
        let mut lines = Vec::new();
        if is_last {
            let came = came(unit.last);
            lines.push(format!("compare 'the answer' {} \"$came\"", word(&came)));
        }
        let is_allowed = taken.observed.verdict == Verdict::Allowed;
        match &taken.observed.held {
            Held::Gave(given) if is_allowed && self.recording.tagged.is_some() => {
                lines.extend(self.given(unit, given));
            }
            Held::IsGuest(is_guest) if is_allowed => {
                lines.push(asked("says that it is a guest", ".is_guest == true", *is_guest));
            }
            Held::Named(named) if is_allowed => {
                let name = unit.first.request.body.as_ref().and_then(|body| body.get("username"));
                let name = name.and_then(serde_json::Value::as_str).unwrap_or_default();
                let name = self.symbols.text(name);
                let program = format!(".user_id | ltrimstr(\"@\") | split(\":\")[0] == {name}");
                lines.push(asked("has the name that it asked for", &program, *named));
            }
            _ => {}
        }
        lines
    }

    /// The lines that say whether the tagged event was given.
    fn given(&mut self, unit: &Unit<'_>, given: &Given) -> Vec<String> {
        let Some((tagged, is_note)) = self.recording.tagged.clone() else { return Vec::new() };
        if self.symbols.text(&tagged) != format!("env.{LABEL}") {
            return Vec::new();
        }
        let direction = unit.first.request.query.iter().find(|(key, _)| *key == "dir");
        let direction = direction.map(|(_, direction)| format!("dir={direction}"));
        let given = match given {
            Given::Yes => true,
            Given::No => false,
            Given::InPart(part) => direction.as_ref().is_some_and(|dir| part.contains(&**dir)),
        };
        let mut lines = Vec::new();
        if unit.kind != Kind::Pages {
            let Some(program) = self.events(unit.first, is_note) else { return Vec::new() };
            lines.push(format!("given {}", word(&program)));
        }
        let what = match direction.filter(|_| unit.kind == Kind::Pages) {
            Some(direction) => format!("gives {LABEL} ({direction})"),
            None => format!("gives {LABEL}"),
        };
        let given = if given { "yes" } else { "no" };
        lines.push(format!("compare '{what}' {given} \"$gave\""));
        lines
    }

    /// The program that finds the events in an answer, as the runner looks for them; none, where the
    /// answer is the event.
    fn events(&mut self, exchange: &Exchange, is_note: bool) -> Option<String> {
        let endpoint = EndpointId::find(exchange.request.call)?;
        let note = |program: &str| if is_note { format!(", {program}") } else { String::new() };
        Some(match endpoint.get().gives? {
            Gives::Event if endpoint == KNOWN.event => ".event_id".to_owned(),
            Gives::Event if exchange.request.query.iter().any(|(key, _)| *key == "ts") => {
                let time = exchange.request.query.iter().find(|(key, _)| *key == "ts")?;
                let time = self.symbols.text(&time.1);
                let same = format!("(.origin_server_ts | tostring) == {time}");
                format!("(select({same}) | env.{LABEL}), .event_id")
            }
            Gives::Event => ".event.event_id".to_owned(),
            Gives::InitialSync => {
                format!(".messages.chunk[]?.event_id{}", note(".state[]?.event_id"))
            }
            Gives::State if is_note => ".[].event_id".to_owned(),
            Gives::State => "empty".to_owned(),
            Gives::Sync => {
                let room = self.symbols.text(self.recording.rooms.first()?);
                let note = note(".state.events[]?.event_id");
                format!(".rooms.join[{room}] | .timeline.events[]?.event_id{note}")
            }
            Gives::StateEvent | Gives::Members | Gives::Timeline | Gives::Stream => return None,
        })
    }

    /// The lines that wait until what a step did to memberships is what it was in the report; for
    /// the last step, what it should be.
    fn watch(&mut self, unit: &Unit<'_>, expected: Option<&Outcome>) -> Vec<String> {
        let Some(step) = unit.first.step else { return Vec::new() };
        let taken = &self.log[step];
        let Some(rooms) = &taken.members else { return Vec::new() };
        let mut lines = Vec::new();
        for (number, (seen, id)) in rooms.iter().zip(&self.recording.rooms).enumerate() {
            let path: Vec<_> = unit.first.request.segments().collect();
            let path = path.iter().map(|part| {
                if *part == self.recording.rooms[0] { id.as_str() } else { part.as_str() }
            });
            let path = path.collect::<Vec<_>>();
            let target = crate::subject::server::Request {
                path: path.iter().map(|part| crate::subject::server::escaped(part)).collect::<Vec<_>>().join("/"),
                ..unit.first.request.clone()
            };
            let target = word(&self.symbols.target(&target, &[]));
            let program = word(&self.said_of_members(taken));
            let seen = self.members(taken, seen);
            if step != self.last {
                lines.push(format!("memberships {target} \\\n    {} \\\n    {program} || stop 'the memberships are not those of the report'", word(&seen)));
                continue;
            }
            // An effect that is missing may still come; what was answered wrongly is done.
            let fits = |outcome: &&Outcome| taken.observed.fits(&outcome.observation);
            let wanted = expected.filter(fits).and_then(|outcome| outcome.next.rooms.get(number));
            let wanted = wanted.map(|room| Members { guests: room.members, user: room.user });
            let wanted = wanted.map_or_else(|| seen.clone(), |wanted| self.members(taken, &wanted));
            lines.push(format!(
                "memberships {target} \\\n    {} \\\n    {program} || true",
                word(&wanted)
            ));
            let what = word(&format!("in room{}", number + 1));
            lines.push(format!("compare {what} {} \"$found\"", word(&seen)));
        }
        lines
    }

    /// The guests of whose memberships something is said: those who were registered.
    fn told(&self, taken: &Taken) -> Vec<(usize, String)> {
        let guests = (0..MAX_GUESTS).filter(|guest| !taken.gone[*guest]);
        guests.filter_map(|guest| Some((guest, self.recording.guests[guest].clone()?))).collect()
    }

    /// The memberships in words.
    fn members(&self, taken: &Taken, members: &Members) -> String {
        let guests = self.told(taken).into_iter().map(|(guest, _)| {
            format!("guest{} {}, ", guest + 1, members.guests[guest])
        });
        format!("{}the user {}", guests.collect::<String>(), members.user)
    }

    /// The program that says so of an answer.
    fn said_of_members(&mut self, taken: &Taken) -> String {
        let mut program = String::new();
        for (guest, id) in self.told(taken) {
            program += &format!("guest{} \\(of({})), ", guest + 1, self.symbols.text(&id));
        }
        let user = self.symbols.text(&self.recording.user.0);
        format!("\"{program}the user \\(of({user}))\"")
    }

    /// All that was written.
    fn body(&self) -> String {
        let mut body = String::new();
        let mut names = vec!["moderator_id", "moderator_token", "user_id", "user_token"];
        names.push("server_name");
        names.extend(self.symbols.to_declare());
        let names: Vec<_> = names.iter().map(|name| format!("{name}=''")).collect();
        body += &format!("# What is learned on the way.\nexport {}\n\n", names.join(" "));
        body += ACCOUNTS;
        for paragraph in &self.paragraphs {
            body += "\n";
            for line in paragraph {
                match line {
                    Line::Plain(line) => body += &format!("{line}\n"),
                    Line::Learn(names) => {
                        for line in self.symbols.learn(names) {
                            body += &format!("{line}\n");
                        }
                    }
                    Line::LearnIfAllowed(names) => {
                        let learn = self.symbols.learn(names);
                        if !learn.is_empty() {
                            let learn: String =
                                learn.iter().map(|line| format!("    {line}\n")).collect();
                            body += &format!("if [[ $came == allow ]]; then\n{learn}fi\n");
                        }
                    }
                }
            }
        }
        body
    }
}

/// What came of a call, as the script says it.
fn came(exchange: &Exchange) -> String {
    match &exchange.errcode {
        _ if exchange.is_allowed() => "allow".to_owned(),
        Some(errcode) => format!("{} {errcode}", exchange.status),
        None => exchange.status.to_string(),
    }
}

/// The line that asks something of the answer, and holds it against the report.
fn asked(what: &str, program: &str, reported: bool) -> String {
    format!(
        "compare '{what}' {reported} \"$(jq -r {} \"$answer\" 2>/dev/null)\"",
        word(program)
    )
}

/// An id is found within a text, too; what does not look like one may stand there by chance.
fn within(id: &str) -> Fits {
    let is_id = id.len() > 3 && id.starts_with(['@', '!', '$', '#']);
    if is_id { Fits::Within } else { Fits::Alone }
}

const FRAME: &str = include_str!("script/frame.sh");
const GIVEN: &str = include_str!("script/given.sh");
const PAGES: &str = include_str!("script/pages.sh");
const MEMBERSHIPS: &str = include_str!("script/memberships.sh");

const USAGE: &str = "#
# usage: bash THIS [URL]
#
# It needs curl and jq, and registers accounts of its own; where that cannot be, MODERATOR_TOKEN and
# USER_TOKEN are the access tokens of two. REGISTRATION_TOKEN is shown to a homeserver that asks for
# one. Exits 0 if all is as the report says, 1 if it is otherwise, 2 if it could not run.
# shellcheck disable=SC2016 # the programs of jq's are to stand as they are
set -euo pipefail

";

const ACCOUNTS: &str = "echo 'The accounts'
account moderator \"${MODERATOR_TOKEN-}\"
account user \"${USER_TOKEN-}\"
server_name=${moderator_id#*:}
";

const END: &str = "if [[ -n $otherwise ]]; then
    echo 'otherwise than the report says'
    exit 1
fi
echo 'as the report says'
";
