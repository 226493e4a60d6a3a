//! Looks up the names in a rules file. An unknown name is an error with its line.

use std::fmt::Display;
use std::path::Path;

use toml::Spanned;

use crate::decision_point::{POINTS, PointId};
use crate::declaration::interned;
use crate::endpoint::EndpointId;
use crate::guarantee::GuaranteeId;
use crate::profile::{Condition, Conditions};
use crate::similar::did_you_mean;
use crate::text_file::line_of;

use super::error::all;
use super::{Rules, RulesError};

/// The text of a rules file and its path: what an error message points at.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// The line, from 1, in which this piece of the file begins.
    pub(super) fn line<T>(&self, of: &Spanned<T>) -> usize {
        line_of(self.text.as_bytes(), of.span().start)
    }

    /// The error that says `message` of this piece of the file.
    pub(super) fn error<T>(&self, of: &Spanned<T>, message: String) -> RulesError {
        self.error_at(of.span().start, message)
    }

    /// The error that says `message` of the piece of the file that begins with this byte.
    pub(super) fn error_at(&self, start: usize, message: String) -> RulesError {
        let line = line_of(self.text.as_bytes(), start);
        RulesError::Meaning { path: self.path.to_owned(), line, message }
    }

    /// The endpoint with this name, among those that `rules` know.
    pub(super) fn endpoint(
        &self,
        rules: &Rules,
        name: &Spanned<String>,
    ) -> Result<EndpointId, RulesError> {
        let text = name.get_ref();
        let has_method = text.contains(' ');
        let is_called = |endpoint: &EndpointId| has_method && endpoint.get().is_called(text);
        let found = rules.find_endpoint(text).or_else(|| rules.every_endpoint().find(is_called));
        found.ok_or_else(|| {
            let known = rules.every_endpoint().map(|endpoint| endpoint.get().id.as_str());
            let near = did_you_mean(&below_prefix(text), known);
            let message = format!(
                "there is no endpoint `{text}`;{near} `rules --vocabulary` lists the endpoints, and a new one needs an entry `[[endpoint]]`"
            );
            self.error(name, message)
        })
    }

    pub(super) fn point(&self, name: &Spanned<String>) -> Result<PointId, RulesError> {
        PointId::find(name.get_ref()).ok_or_else(|| {
            self.unknown("decision point", name, POINTS.iter().map(|point| point.id))
        })
    }

    pub(super) fn guarantee(
        &self,
        rules: &Rules,
        name: &Spanned<String>,
    ) -> Result<GuaranteeId, RulesError> {
        rules.find_guarantee(name.get_ref()).ok_or_else(|| {
            let known = rules.guarantees().iter().map(|guarantee| guarantee.get().id);
            self.unknown("guarantee", name, known)
        })
    }

    /// The conditions of a rule for `endpoint`. Each asks for something that a call of the endpoint
    /// names.
    pub(super) fn conditions(
        &self,
        endpoint: EndpointId,
        names: &[Spanned<String>],
    ) -> Result<Conditions, RulesError> {
        let condition = |name: &Spanned<String>| {
            let known = Condition::from_spelling(name.get_ref()).ok_or_else(|| {
                let known: Vec<_> = Condition::ALL.iter().map(|c| c.as_str()).collect();
                let known = known.join(", ");
                let message =
                    format!("there is no condition `{}`; there are {known}", name.get_ref());
                self.error(name, message)
            })?;
            if known.can_apply_to(endpoint) {
                return Ok(known);
            }
            let fit = EndpointId::all().filter(|endpoint| known.can_apply_to(*endpoint));
            let fit: Vec<_> = fit.map(|endpoint| format!("`{endpoint}`")).collect();
            let fit = match &fit[..] {
                [first, second, third, _, ..] => {
                    format!("{first}, {second}, {third} and others do")
                }
                [only] => format!("{only} does"),
                few => format!("{} do", few.join(", ")),
            };
            let message = format!(
                "the condition `{known}` cannot apply to `{endpoint}`: a call has to name {}; {fit}",
                known.asks_for()
            );
            Err(self.error(name, message))
        };
        Ok(all(names.iter().map(condition))?.into_iter().collect())
    }

    pub(super) fn clauses(
        &self,
        rules: &Rules,
        names: &[Spanned<String>],
    ) -> Result<Vec<String>, RulesError> {
        let listed = |name: &Spanned<String>| {
            let is_known = rules.find_clause(name.get_ref()).is_some();
            self.listed(("clause", "spec-notes/clauses.md"), name, is_known)
        };
        all(names.iter().map(listed))
    }

    pub(super) fn reading(
        &self,
        rules: &Rules,
        name: &Spanned<String>,
    ) -> Result<String, RulesError> {
        let is_known = rules.find_reading(name.get_ref()).is_some();
        self.listed(("reading", "spec-notes/readings.md"), name, is_known)
    }

    /// The name, if the page of the specification notes lists it, or a file declares it.
    fn listed(
        &self,
        (what, page): (&str, &str),
        name: &Spanned<String>,
        is_known: bool,
    ) -> Result<String, RulesError> {
        if is_known {
            return Ok(name.get_ref().clone());
        }
        let message = format!(
            "there is no {what} `{}`; {page} lists them, and one of the proposal needs an entry `[[{what}]]`",
            name.get_ref()
        );
        Err(self.error(name, message))
    }

    /// The word with this spelling. Messages call the words `what`.
    pub(super) fn word<T: Copy + Display>(
        &self,
        what: &str,
        name: &Spanned<String>,
        all: &[T],
    ) -> Result<T, RulesError> {
        let found = all.iter().find(|word| word.to_string() == *name.get_ref());
        found.copied().ok_or_else(|| {
            let known: Vec<_> = all.iter().map(|word| format!("`{word}`")).collect();
            let text = name.get_ref();
            self.error(name, format!("there is no {what} `{text}`; there are {}", known.join(", ")))
        })
    }

    /// The text of a declaration, in one line.
    pub(super) fn one_line(&self, text: &Spanned<String>) -> Result<&'static str, RulesError> {
        let trimmed = text.get_ref().trim();
        if trimmed.is_empty() || trimmed.contains(char::is_control) {
            let message = "write a text of one line here".to_owned();
            return Err(self.error(text, message));
        }
        Ok(interned(trimmed))
    }

    /// The error for an unknown name. The error suggests a known name, if one is similar.
    fn unknown<'k>(
        &self,
        what: &str,
        name: &Spanned<String>,
        known: impl Iterator<Item = &'k str>,
    ) -> RulesError {
        let near = did_you_mean(name.get_ref(), known);
        let own = match what {
            "guarantee" => ", and one of the proposal needs an entry `[[guarantee]]`",
            _ => "",
        };
        let message = format!(
            "there is no {what} `{}`;{near} `rules --vocabulary` lists them{own}",
            name.get_ref()
        );
        self.error(name, message)
    }
}

/// The name of an endpoint with the path below the API's prefix: `/_matrix/client/v3` is left out.
fn below_prefix(name: &str) -> String {
    let below = name.split_once("/_matrix/client/").and_then(|(method, path)| {
        let (_, below) = path.split_once('/')?;
        Some(format!("{method}/{below}"))
    });
    below.unwrap_or_else(|| name.to_owned())
}
