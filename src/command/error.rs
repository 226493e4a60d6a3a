//! Why a command could not be carried out.

use std::net::SocketAddr;
use std::path::PathBuf;

use guest_access_model::rules::RulesError;

use crate::scenario::ScenarioError;

/// Why a command could not be carried out: the input or the command line is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There are no such rules.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// There is no such scenario, or it cannot be told.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// There is no such guarantee.
    #[error("there is no guarantee `{name}`; did you mean `{nearest}`?")]
    UnknownGuarantee {
        /// What was asked for.
        name: String,
        /// The guarantee that is most like it.
        nearest: &'static str,
    },
    /// There is no such subject.
    #[error(
        "there is no subject `{name}`; did you mean `{nearest}`? `guest-access defects` lists the defects"
    )]
    UnknownSubject {
        /// What was asked for.
        name: String,
        /// The subject that is most like it.
        nearest: String,
    },
    /// The report cannot be written.
    #[error(
        "{place}: the report cannot be written; name a file that can be, or leave `--output` out"
    )]
    Unwritable {
        /// Where to.
        place: String,
        /// Why.
        source: std::io::Error,
    },
    /// The vectors cannot be written.
    #[error("`{}` cannot be written; name a folder for `--out` that can be", path.display())]
    UnwritableVectors {
        /// Which file, or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There are other things in the folder.
    #[error(
        "`{}` holds other things than vectors; name a folder for `--out` that is new, empty, or was \
         written by this command",
        path.display()
    )]
    ForeignFolder {
        /// Which folder.
        path: PathBuf,
    },
    /// The report cannot be put into words.
    #[error("the report cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The report cannot be written as JUnit XML.
    #[error("the report cannot be written as JUnit XML")]
    Junit(#[from] quick_junit::SerializeError),
    /// The address cannot be listened on.
    #[error("`{address}` cannot be listened on; name another with `--listen`, or port 0 for any")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The interrupt cannot be caught.
    #[error("the interrupt cannot be caught")]
    Interrupt(#[from] ctrlc::Error),
}

impl CommandError {
    pub(super) fn unwritable(path: Option<&PathBuf>, source: std::io::Error) -> Self {
        let place = path.map_or("standard output".to_owned(), |path| path.display().to_string());
        Self::Unwritable { place, source }
    }
}
