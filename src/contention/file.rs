//! Reading and writing a recording: JSON Lines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use guest_access_model::action::{Actor, Place};
use guest_access_rules::text_file::{self, FileKind, TextFileError};
use guest_access_scenarios::scenario::{actor_name, guest_name, sentence};

use super::recording::{
    AnswerVerdict, FORMAT, RecordedCall, Recording, RecordingLine, Round, RoundEnd, sends,
};

/// The kind of the file of a recording.
const KIND: FileKind = FileKind {
    name: "recording",
    most_bytes: 1 << 28,
    hint: "; `diff --concurrent --record FILE` writes one",
    if_too_large: "; split it, each part with whole rounds",
};

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file cannot be read as text.
    #[error(transparent)]
    File(#[from] TextFileError),
    /// The file is empty.
    #[error(
        "{}:1: the file is empty; a recording begins with `{{\"line\":\"recording\",\"format\":{FORMAT},\"rules\":\"latest\"}}`",
        path.display()
    )]
    Empty {
        /// The path of the file.
        path: PathBuf,
    },
    /// A line does not match the format.
    #[error("{}:{line}: {message}; schema/recording.json says what a line is", path.display())]
    Syntax {
        /// The path of the file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// The message of the JSON reader.
        message: String,
    },
    /// A line matches the format, but contradicts itself or another line.
    #[error("{}:{line}: {message}", path.display())]
    Meaning {
        /// The path of the file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// The fault, and how to mend it.
        message: String,
    },
}

impl Recording {
    /// Reads the recording in the file at `path`, or from the standard input if `path` is `-`.
    ///
    /// # Errors
    /// If the file cannot be read or is no recording.
    pub fn load(path: &Path) -> Result<Self, RecordingError> {
        let text = text_file::read(path, KIND)?;
        Self::parse(path, &text)
    }

    /// Reads the recording in `text`, the content of the file at `path`.
    ///
    /// # Errors
    /// If the text is not a recording.
    pub fn parse(path: &Path, text: &str) -> Result<Self, RecordingError> {
        let mut reader = RecordingReader { path, about: None, rounds: BTreeMap::new() };
        for (number, line) in (1..).zip(text.lines()) {
            if !line.trim().is_empty() {
                reader.line(number, line)?;
            }
        }
        reader.recording()
    }

    /// Returns the recording as JSON Lines.
    ///
    /// # Panics
    /// Never: every recording can be written as JSON.
    pub fn to_jsonl(&self) -> String {
        let about = std::iter::once(RecordingLine::Recording(self.header.clone()));
        let rounds = self.rounds.iter().flat_map(|round| {
            let calls = round.calls.iter().cloned().map(RecordingLine::Call);
            calls.chain(round.end.clone().map(RecordingLine::End))
        });
        let lines = about.chain(rounds).map(|line| {
            serde_json::to_string(&line).expect("a recording consists of strings and numbers")
        });
        lines.map(|line| line + "\n").collect()
    }
}

/// The lines read so far, with the line number of each call.
struct RecordingReader<'a> {
    path: &'a Path,
    about: Option<super::RecordingHeader>,
    rounds: BTreeMap<u32, RoundSoFar>,
}

/// The calls and the final state of a round read so far, each with its line number.
#[derive(Default)]
struct RoundSoFar {
    calls: Vec<(usize, RecordedCall)>,
    end: Option<(usize, RoundEnd)>,
}

impl RecordingReader<'_> {
    fn wrong<T>(&self, line: usize, message: String) -> Result<T, RecordingError> {
        Err(RecordingError::Meaning { path: self.path.to_owned(), line, message })
    }

    fn line(&mut self, number: usize, text: &str) -> Result<(), RecordingError> {
        let line: RecordingLine = serde_json::from_str(text).map_err(|error| {
            let message = error.to_string();
            // The parser counts lines within this line.
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            RecordingError::Syntax { path: self.path.to_owned(), line: number, message }
        })?;
        match line {
            RecordingLine::Recording(about) if self.about.is_some() => {
                let rules = about.rules;
                self.wrong(number, format!("a second header, for `{rules}`; a recording has one header, on its first line"))
            }
            RecordingLine::Recording(about) if about.format != FORMAT => {
                let format = about.format;
                self.wrong(
                    number,
                    format!("the format is {format}; this program reads format {FORMAT}"),
                )
            }
            RecordingLine::Recording(about) => {
                self.about = Some(about);
                Ok(())
            }
            RecordingLine::Call(_) | RecordingLine::End(_) if self.about.is_none() => self.wrong(
                number,
                "the first line has to be the header, with `\"line\":\"recording\"`".to_owned(),
            ),
            RecordingLine::Call(call) => {
                self.check(number, &call)?;
                self.rounds.entry(call.round).or_default().calls.push((number, call));
                Ok(())
            }
            RecordingLine::End(end) => {
                let known: Vec<_> =
                    (0..guest_access_model::state::MAX_GUESTS).map(guest_name).collect();
                if let Some(who) = end.memberships.keys().find(|who| !known.contains(who)) {
                    let known = known.join(", ");
                    return self
                        .wrong(number, format!("there is no guest `{who}`; there are {known}"));
                }
                let round = end.round;
                let of = self.rounds.entry(round).or_default();
                if let Some((before, _)) = of.end {
                    return self
                        .wrong(number, format!("round {round} ended in line {before} already"));
                }
                of.end = Some((number, end));
                Ok(())
            }
        }
    }

    /// Checks a call without the other calls.
    fn check(&self, number: usize, call: &RecordedCall) -> Result<(), RecordingError> {
        let step = call.step();
        if step.by == Actor::Server {
            return self.wrong(
                number,
                "a recording has only calls, and no actions of the homeserver itself".to_owned(),
            );
        }
        if !matches!(step.place, Place::Nowhere | Place::Room(0)) {
            return self
                .wrong(number, "a recording has only one room in each round, `room1`".to_owned());
        }
        if call.upgraded && !matches!(step.by, Actor::Guest(_)) {
            let by = actor_name(step.by);
            return self.wrong(
                number,
                format!("`upgraded` is for calls of guests, and `{by}` is no guest"),
            );
        }
        if call.event.is_some() && !sends(step.operation) {
            let step = sentence(step);
            return self
                .wrong(number, format!("`{step}` sends no event with a name; leave `event` out"));
        }
        if let Some(end) = call.end.filter(|end| *end < call.start) {
            let start = call.start;
            return self
                .wrong(number, format!("the call ends at {end}, before its start at {start}"));
        }
        match &call.answer {
            Some(_) if call.end.is_none() => self.wrong(
                number,
                "the call has an answer and no `end`; `end` is the time of the answer".to_owned(),
            ),
            Some(answer)
                if (answer.verdict == AnswerVerdict::Allow)
                    != (200..300).contains(&answer.status) =>
            {
                let status = answer.status;
                let message = format!(
                    "`allow` needs a status from 200 to 299, and `deny` any other status; this status is {status}"
                );
                self.wrong(number, message)
            }
            _ => Ok(()),
        }
    }

    fn recording(self) -> Result<Recording, RecordingError> {
        let Some(about) = self.about.clone() else {
            return Err(RecordingError::Empty { path: self.path.to_owned() });
        };
        let mut rounds = Vec::with_capacity(self.rounds.len());
        for (round, RoundSoFar { calls, end }) in &self.rounds {
            self.check_names(calls)?;
            self.check_clients(calls)?;
            let mut calls: Vec<_> = calls.iter().map(|(_, call)| call.clone()).collect();
            calls.sort_by_key(|call| (call.start, call.client));
            let end = end.as_ref().map(|(_, end)| end.clone());
            rounds.push(Round { number: *round, calls, end });
        }
        Ok(Recording { header: about, rounds })
    }

    /// Checks that no two events have one name, and that every name has an event.
    fn check_names(&self, calls: &[(usize, RecordedCall)]) -> Result<(), RecordingError> {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for (line, call) in calls {
            if let Some(name) = &call.event
                && let Some(before) = names.insert(name, *line)
            {
                return self.wrong(
                    *line,
                    format!("the event of line {before} of this round has the name `{name}` too; give each event its own name"),
                );
            }
        }
        for (line, call) in calls {
            let gave = call.answer.iter().filter_map(|answer| answer.gave.as_ref()).flatten();
            let mut named = gave.chain(&call.about);
            if let Some(name) = named.find(|name| !names.contains_key(&***name)) {
                return self.wrong(
                    *line,
                    format!(
                        "no call of this round sends an event with the name `{name}`; put `\"event\":\"{name}\"` on the call that sends it"
                    ),
                );
            }
        }
        Ok(())
    }

    /// Checks that no client makes two calls at once.
    fn check_clients(&self, calls: &[(usize, RecordedCall)]) -> Result<(), RecordingError> {
        let clients: BTreeSet<_> = calls.iter().map(|(_, call)| call.client).collect();
        for client in clients {
            let mut of: Vec<_> = calls.iter().filter(|(_, call)| call.client == client).collect();
            of.sort_by_key(|(_, call)| (call.start, call.end));
            for pair in of.windows(2) {
                let [(before, one), (line, other)] = pair else { continue };
                if one.end.is_some_and(|end| end > other.start) {
                    return self.wrong(
                        *line,
                        format!(
                            "client {client} begins this call before the answer to its call of line {before}; give this call another client"
                        ),
                    );
                }
            }
        }
        Ok(())
    }
}
