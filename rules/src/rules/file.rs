//! Reading a rules file: TOML, checked against the decision points, endpoints and guarantees.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::clause;
use crate::decision_point::{POINTS, PointId};
use crate::endpoint::EndpointId;
use crate::guarantee::GuaranteeId;
use crate::profile::{Access, Condition, Conditions};
use crate::text_file::{self, Kind, line_of};

use super::{EndpointRule, PUBLISHED, PointRule, Rules, RulesError, Standing, Withdrawal};

const KIND: Kind = Kind { name: "rules file", most_bytes: 1 << 20, hint: "", if_too_large: "" };

/// A rules file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: String,
    date: Option<String>,
    extends: Option<Spanned<String>>,
    about: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    allow: Vec<Allow>,
    #[serde(default)]
    may_allow: Vec<MayAllow>,
    #[serde(default)]
    refuse: Vec<Refuse>,
    #[serde(default)]
    promise: Vec<Promise>,
    #[serde(default)]
    withdraw: Vec<Withdraw>,
    #[serde(default)]
    points: BTreeMap<Spanned<String>, PointEntry>,
}

/// An endpoint on the allow-list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allow {
    endpoint: Spanned<String>,
    #[serde(default)]
    when: Vec<Spanned<String>>,
    /// The reading that permits a server to open it without the conditions.
    or_always: Option<Spanned<String>>,
    #[serde(default)]
    clauses: Vec<Spanned<String>>,
}

/// An endpoint that is not listed, but that a reading permits a server to open.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MayAllow {
    endpoint: Spanned<String>,
    reading: Spanned<String>,
    #[serde(default)]
    clauses: Vec<Spanned<String>>,
}

/// An endpoint that is taken off the allow-list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refuse {
    endpoint: Spanned<String>,
    #[serde(default)]
    clauses: Vec<Spanned<String>>,
}

/// A guarantee that is promised.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Promise {
    guarantee: Spanned<String>,
    #[serde(default)]
    clauses: Vec<Spanned<String>>,
}

/// A promise that is not kept up.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Withdraw {
    guarantee: Spanned<String>,
    because: String,
    #[serde(default)]
    clauses: Vec<Spanned<String>>,
}

/// The standing of a decision point's options.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PointEntry {
    required: Option<String>,
    default: Option<String>,
    #[serde(default)]
    also: Vec<String>,
    silent: Option<String>,
    reading: Option<Spanned<String>>,
    #[serde(default)]
    clauses: Vec<Spanned<String>>,
}

/// The revision with this id or alias.
pub(super) fn revision(name: &str) -> Result<Rules, RulesError> {
    let named = |(_, text): &&(&str, &str)| {
        toml::from_str::<File>(text)
            .is_ok_and(|file| file.id == name || file.aliases.iter().any(|alias| alias == name))
    };
    match PUBLISHED.iter().find(named) {
        Some((id, text)) => {
            parse(&PathBuf::from(format!("rules/{id}.toml")), text, &mut vec![(*id).to_owned()])
        }
        None => {
            Err(RulesError::UnknownRevision { name: name.to_owned(), known: known_revisions() })
        }
    }
}

fn known_revisions() -> String {
    let files = PUBLISHED.iter().filter_map(|(_, text)| toml::from_str::<File>(text).ok());
    let names = files.flat_map(|file| std::iter::once(file.id).chain(file.aliases));
    names.collect::<Vec<_>>().join(", ")
}

/// The rules in the file at `path`.
pub(super) fn load(path: &Path) -> Result<Rules, RulesError> {
    load_after(path, &mut Vec::new())
}

fn load_after(path: &Path, seen: &mut Vec<String>) -> Result<Rules, RulesError> {
    let text = text_file::read(path, KIND)?;
    // A file has one place, whichever way it is named; what comes by the standard input has none, and
    // nothing extends it.
    let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    seen.push(place.display().to_string());
    parse(path, &text, seen)
}

/// The rules in `text`, which stands in the file at `path`. `seen` names the files on the way here.
pub(super) fn parse(path: &Path, text: &str, seen: &mut Vec<String>) -> Result<Rules, RulesError> {
    let file: File = toml::from_str(text).map_err(|error| RulesError::Syntax {
        path: path.to_owned(),
        line: line_of(text.as_bytes(), error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    let at = At { path, text };
    let base = match &file.extends {
        None => None,
        Some(name) => Some(at.extended(name, seen)?),
    };
    at.check_endpoints_are_named_once(&file)?;
    let mut rules = at.begin(&file, base)?;
    for allow in &file.allow {
        let endpoint = at.endpoint(&allow.endpoint)?;
        let access = Access::Open(at.conditions(&allow.when)?);
        let may_be_open = match &allow.or_always {
            Some(_) if allow.when.is_empty() => {
                let message =
                    "`or_always` drops the conditions of `when`; give some, or leave it out";
                return Err(at.meaning(&allow.endpoint, message.to_owned()));
            }
            reading => reading.as_ref().map(|reading| at.reading(reading)).transpose()?,
        };
        let clauses = at.clauses(&allow.clauses)?;
        rules.endpoints[endpoint.index()] = EndpointRule { access, may_be_open, clauses };
    }
    for refuse in &file.refuse {
        let endpoint = at.endpoint(&refuse.endpoint)?;
        let rule = &mut rules.endpoints[endpoint.index()];
        if rule.access == Access::Refused && rule.may_be_open.is_none() {
            return Err(at.meaning(
                &refuse.endpoint,
                format!("`{endpoint}` is not on the list already; leave the entry out"),
            ));
        }
        let clauses = at.clauses(&refuse.clauses)?;
        *rule = EndpointRule { access: Access::Refused, may_be_open: None, clauses };
    }
    for may in &file.may_allow {
        let endpoint = at.endpoint(&may.endpoint)?;
        let may_be_open = Some(at.reading(&may.reading)?);
        let clauses = at.clauses(&may.clauses)?;
        rules.endpoints[endpoint.index()] =
            EndpointRule { access: Access::Refused, may_be_open, clauses };
    }
    for (id, entry) in &file.points {
        let point = at.point(id)?;
        rules.points[point.index()] = at.point_rule(id, point, entry)?;
    }
    for promise in &file.promise {
        let guarantee = at.guarantee(&promise.guarantee)?;
        rules.withdrawn.remove(&guarantee);
        rules.promises.insert(guarantee, at.clauses(&promise.clauses)?);
    }
    for withdraw in &file.withdraw {
        let guarantee = at.guarantee(&withdraw.guarantee)?;
        if file.promise.iter().any(|promise| promise.guarantee.get_ref() == guarantee.get().id) {
            let message = format!("`{}` is promised and withdrawn; keep one", guarantee.get().id);
            return Err(at.meaning(&withdraw.guarantee, message));
        }
        if rules.promises.remove(&guarantee).is_none() {
            let promised: Vec<_> = rules.promises.keys().map(|g| g.get().id).collect();
            let message = format!(
                "`{}` is not promised, so it cannot be withdrawn; promised are {}",
                guarantee.get().id,
                promised.join(", ")
            );
            return Err(at.meaning(&withdraw.guarantee, message));
        }
        let clauses = at.clauses(&withdraw.clauses)?;
        let because = withdraw.because.clone();
        rules.withdrawn.insert(guarantee, Withdrawal { by: file.id.clone(), because, clauses });
    }
    rules.sources.insert(0, text.to_owned());
    Ok(rules)
}

/// A text and where it stands, for messages.
struct At<'a> {
    path: &'a Path,
    text: &'a str,
}

impl At<'_> {
    fn meaning<T>(&self, at: &Spanned<T>, message: String) -> RulesError {
        let line = line_of(self.text.as_bytes(), at.span().start);
        RulesError::Meaning { path: self.path.to_owned(), line, message }
    }

    fn extended(
        &self,
        name: &Spanned<String>,
        seen: &mut Vec<String>,
    ) -> Result<Rules, RulesError> {
        let is_file = Path::new(name.get_ref()).extension().is_some_and(|e| e == "toml");
        let path = self.path.parent().unwrap_or(Path::new("")).join(name.get_ref());
        let key = if is_file {
            path.canonicalize()
                .map_or_else(|_| path.display().to_string(), |p| p.display().to_string())
        } else {
            name.get_ref().clone()
        };
        if seen.contains(&key) {
            let message = format!(
                "`extends = \"{}\"` leads back to a file that extends this one; the chain must end in a revision",
                name.get_ref()
            );
            return Err(self.meaning(name, message));
        }
        if is_file {
            return load_after(&path, seen);
        }
        seen.push(key);
        revision(name.get_ref()).map_err(|error| match error {
            RulesError::UnknownRevision { .. } => self.meaning(name, error.to_string()),
            other => other,
        })
    }

    /// The rules before the file's own changes: those it extends, under its own name.
    fn begin(&self, file: &File, base: Option<Rules>) -> Result<Rules, RulesError> {
        let (id, date, about) = (file.id.clone(), file.date.clone(), file.about.clone());
        let aliases = file.aliases.clone();
        if let Some(base) = base {
            let extends = std::iter::once(base.id.clone()).chain(base.extends.clone()).collect();
            return Ok(Rules { id, date, about, aliases, extends, ..base });
        }
        if let Some(missing) =
            POINTS.iter().find(|p| !file.points.keys().any(|id| id.get_ref() == p.id))
        {
            return Err(RulesError::Meaning {
                path: self.path.to_owned(),
                line: 1,
                message: format!(
                    "the file extends nothing, so it must give every decision point, and `{}` is missing; add `extends = \"v1.16\"` to change the rules in force",
                    missing.id
                ),
            });
        }
        let unsaid =
            PointRule { standing: Standing::Silent(""), reading: None, clauses: Vec::new() };
        let refused =
            EndpointRule { access: Access::Refused, may_be_open: None, clauses: Vec::new() };
        Ok(Rules {
            id,
            date,
            about,
            aliases,
            extends: Vec::new(),
            points: vec![unsaid; POINTS.len()],
            endpoints: vec![refused; EndpointId::count()],
            promises: BTreeMap::new(),
            withdrawn: BTreeMap::new(),
            sources: Vec::new(),
        })
    }

    fn check_endpoints_are_named_once(&self, file: &File) -> Result<(), RulesError> {
        let named = (file.allow.iter().map(|a| &a.endpoint))
            .chain(file.may_allow.iter().map(|m| &m.endpoint))
            .chain(file.refuse.iter().map(|r| &r.endpoint));
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for name in named {
            let line = line_of(self.text.as_bytes(), name.span().start);
            if let Some(first) = seen.insert(name.get_ref(), line) {
                let message = format!(
                    "`{}` has an entry in line {} already; an endpoint is allowed, refused or left open, once",
                    name.get_ref(),
                    first.min(line)
                );
                return Err(self.meaning(name, message));
            }
        }
        Ok(())
    }

    fn endpoint(&self, name: &Spanned<String>) -> Result<EndpointId, RulesError> {
        EndpointId::find(name.get_ref()).ok_or_else(|| {
            let near = nearest(name.get_ref(), EndpointId::all().map(|e| e.get().id.as_str()));
            self.meaning(
                name,
                format!("there is no endpoint `{}`; did you mean `{near}`?", name.get_ref()),
            )
        })
    }

    fn point(&self, name: &Spanned<String>) -> Result<PointId, RulesError> {
        PointId::find(name.get_ref()).ok_or_else(|| {
            let near = nearest(name.get_ref(), POINTS.iter().map(|point| point.id));
            self.meaning(
                name,
                format!("there is no decision point `{}`; did you mean `{near}`?", name.get_ref()),
            )
        })
    }

    fn guarantee(&self, name: &Spanned<String>) -> Result<GuaranteeId, RulesError> {
        GuaranteeId::find(name.get_ref()).ok_or_else(|| {
            let near = nearest(name.get_ref(), GuaranteeId::all().map(|g| g.get().id));
            self.meaning(
                name,
                format!("there is no guarantee `{}`; did you mean `{near}`?", name.get_ref()),
            )
        })
    }

    fn conditions(&self, names: &[Spanned<String>]) -> Result<Conditions, RulesError> {
        names
            .iter()
            .map(|name| {
                Condition::from_spelling(name.get_ref()).ok_or_else(|| {
                    let known: Vec<_> = Condition::ALL.iter().map(|c| c.as_str()).collect();
                    let message = format!(
                        "there is no condition `{}`; there are {}",
                        name.get_ref(),
                        known.join(", ")
                    );
                    self.meaning(name, message)
                })
            })
            .collect()
    }

    fn clauses(&self, names: &[Spanned<String>]) -> Result<Vec<String>, RulesError> {
        names
            .iter()
            .map(|name| match clause::find(name.get_ref()) {
                Some(_) => Ok(name.get_ref().clone()),
                None => Err(self.meaning(
                    name,
                    format!(
                        "there is no clause `{}`; spec-notes/clauses.md lists them",
                        name.get_ref()
                    ),
                )),
            })
            .collect()
    }

    fn reading(&self, name: &Spanned<String>) -> Result<String, RulesError> {
        match clause::find_reading(name.get_ref()) {
            Some(_) => Ok(name.get_ref().clone()),
            None => Err(self.meaning(
                name,
                format!(
                    "there is no reading `{}`; spec-notes/readings.md lists them",
                    name.get_ref()
                ),
            )),
        }
    }

    fn point_rule(
        &self,
        id: &Spanned<String>,
        point: PointId,
        entry: &PointEntry,
    ) -> Result<PointRule, RulesError> {
        let option = |name: &String| {
            point.get().option_ids().find(|option| option == name).ok_or_else(|| {
                let known: Vec<_> = point.get().option_ids().collect();
                let message = format!(
                    "`{}` has no option `{name}`; it has {}",
                    point.get().id,
                    known.join(", ")
                );
                self.meaning(id, message)
            })
        };
        let standing = match (&entry.required, &entry.default, &entry.silent) {
            (Some(required), None, None) if entry.also.is_empty() => {
                Standing::Required(option(required)?)
            }
            (None, None, Some(silent)) if entry.also.is_empty() => {
                Standing::Silent(option(silent)?)
            }
            (None, Some(default), None) => {
                let mut options = vec![option(default)?];
                for other in &entry.also {
                    let other = option(other)?;
                    if options.contains(&other) {
                        let message =
                            format!("`{}` is named twice for `{}`", other, point.get().id);
                        return Err(self.meaning(id, message));
                    }
                    options.push(other);
                }
                Standing::Open(options)
            }
            _ => {
                let message = format!(
                    "`{}` needs exactly one of `required`, `silent`, or `default` (with `also` for the options that are permitted too)",
                    point.get().id
                );
                return Err(self.meaning(id, message));
            }
        };
        let reading = entry.reading.as_ref().map(|reading| self.reading(reading)).transpose()?;
        Ok(PointRule { standing, reading, clauses: self.clauses(&entry.clauses)? })
    }
}

/// The known name that is most like the one that was given.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> &'a str {
    known
        .max_by(|one, other| strsim::jaro(name, one).total_cmp(&strsim::jaro(name, other)))
        .unwrap_or_default()
}
