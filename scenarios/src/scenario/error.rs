//! Why a text is no scenario, or a scenario cannot be run.

use std::path::PathBuf;

use guest_access_rules::rules::RulesError;
use guest_access_rules::text_file::TextFileError;

/// Why a scenario cannot be read or run. Every message names the place of the error, and what would be
/// right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] TextFileError),
    /// The text is not JSON, or has keys or types that a scenario does not have.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The message of the JSON reader.
        message: String,
    },
    /// A step names an unknown actor.
    #[error("{}:{line}: step {number} is by `{actor}`, who is no actor; the actors are {known}", path.display())]
    UnknownActor {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The number of the step, from 1.
        number: usize,
        /// Who was named.
        actor: String,
        /// Who can be named.
        known: String,
    },
    /// A step does what is neither a verb nor an endpoint.
    #[error("{}:{line}: step {number} does `{operation}`, which is neither a verb nor an endpoint;{near} schema/scenario.json lists the verbs", path.display())]
    UnknownOperation {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The number of the step, from 1.
        number: usize,
        /// The operation of the step.
        operation: String,
        /// A question that suggests a similar verb or endpoint, with a space before it. Empty if none is
        /// similar.
        near: String,
    },
    /// A step, or its expectation, is invalid.
    #[error("{}:{line}: step {number}: {message}", path.display())]
    Action {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The number of the step, from 1.
        number: usize,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The scenario as a whole is invalid.
    #[error("{}:{line}: {message}", path.display())]
    Meaning {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The rules of the scenario do not exist, or their file is wrong.
    #[error(
        "{}:{line}: the `rules` of the scenario, `{name}`, cannot be read{looked_for}; `rules` is a revision, or the path of a rules file",
        path.display()
    )]
    Rules {
        /// The file.
        path: PathBuf,
        /// The line of the name, from 1.
        line: usize,
        /// The name of the rules.
        name: String,
        /// The whole path of a rules file; empty for a revision.
        looked_for: String,
        /// Why the rules cannot be read.
        source: Box<RulesError>,
    },
    /// Calls overlap, and the caller wants to decide them one after the other.
    #[error(
        "the calls of scenario `{id}` overlap, and the rules decide one call at a time; leave `interleaving` out to decide its steps one after the other"
    )]
    Overlapping {
        /// The scenario.
        id: String,
    },
    /// A step cannot happen after the steps before it.
    #[error("{place}: step {number}, `{sentence}`, cannot happen: {why}")]
    CannotHappen {
        /// The scenario, or its file and line.
        place: String,
        /// The number of the step, from 1.
        number: usize,
        /// The step, in words.
        sentence: String,
        /// Why not, and what would be right.
        why: String,
    },
}
