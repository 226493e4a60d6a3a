//! Looks up the names in a rules file. An unknown name is an error with its line.

use std::path::Path;

use toml::Spanned;

use crate::clause;
use crate::decision_point::{POINTS, PointId};
use crate::endpoint::EndpointId;
use crate::guarantee::GuaranteeId;
use crate::profile::{Condition, Conditions};
use crate::text_file::line_of;

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
        RulesError::Meaning { path: self.path.to_owned(), line: self.line(of), message }
    }

    /// The endpoint with this id, among those that `rules` know.
    pub(super) fn endpoint(
        &self,
        rules: &Rules,
        name: &Spanned<String>,
    ) -> Result<EndpointId, RulesError> {
        rules.find_endpoint(name.get_ref()).ok_or_else(|| {
            let known = rules.every_endpoint().map(|endpoint| endpoint.get().id.as_str());
            let near = nearest(name, known);
            let message = format!(
                "there is no endpoint `{}`; did you mean `{near}`? An endpoint that is new needs an entry `[[endpoint]]`",
                name.get_ref()
            );
            self.error(name, message)
        })
    }

    pub(super) fn point(&self, name: &Spanned<String>) -> Result<PointId, RulesError> {
        PointId::find(name.get_ref()).ok_or_else(|| {
            self.unknown("decision point", name, POINTS.iter().map(|point| point.id))
        })
    }

    pub(super) fn guarantee(&self, name: &Spanned<String>) -> Result<GuaranteeId, RulesError> {
        GuaranteeId::find(name.get_ref())
            .ok_or_else(|| self.unknown("guarantee", name, GuaranteeId::all().map(|g| g.get().id)))
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
        names.iter().map(condition).collect()
    }

    pub(super) fn clauses(&self, names: &[Spanned<String>]) -> Result<Vec<String>, RulesError> {
        let listed = |name: &Spanned<String>| {
            let is_known = clause::find(name.get_ref()).is_some();
            self.listed("clause", "spec-notes/clauses.md", name, is_known)
        };
        names.iter().map(listed).collect()
    }

    pub(super) fn reading(&self, name: &Spanned<String>) -> Result<String, RulesError> {
        let is_known = clause::find_reading(name.get_ref()).is_some();
        self.listed("reading", "spec-notes/readings.md", name, is_known)
    }

    /// The name, if the page of the specification notes lists it.
    fn listed(
        &self,
        what: &str,
        page: &str,
        name: &Spanned<String>,
        is_known: bool,
    ) -> Result<String, RulesError> {
        if is_known {
            return Ok(name.get_ref().clone());
        }
        let message = format!("there is no {what} `{}`; {page} lists them", name.get_ref());
        Err(self.error(name, message))
    }

    /// The error for an unknown name. The error suggests the most similar known name.
    fn unknown<'k>(
        &self,
        what: &str,
        name: &Spanned<String>,
        known: impl Iterator<Item = &'k str>,
    ) -> RulesError {
        let near = nearest(name, known);
        let message = format!("there is no {what} `{}`; did you mean `{near}`?", name.get_ref());
        self.error(name, message)
    }
}

/// The known name that is most like this one.
fn nearest<'k>(name: &Spanned<String>, known: impl Iterator<Item = &'k str>) -> &'k str {
    let likeness = |known: &str| strsim::jaro(name.get_ref(), known);
    known.max_by(|one, other| likeness(one).total_cmp(&likeness(other))).unwrap_or_default()
}
