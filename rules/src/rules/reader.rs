//! Reading a rules file, in three steps:
//!
//! 1. Deserialise the TOML into a [`RulesFile`].
//! 2. Read the rules that the file `extends`, or begin with rules that say nothing.
//! 3. Apply the file's own entries to those rules, and look up every name on the way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use crate::decision_point::POINTS;
use crate::endpoint::EndpointId;
use crate::guarantee::GuaranteeSet;
use crate::text_file::{self, FileKind, line_of};

use super::entries;
use super::file::RulesFile;
use super::names::Source;
use super::shape;
use super::{EndpointRule, PUBLISHED, PointRule, Rules, RulesError, Standing};

const KIND: FileKind =
    FileKind { name: "rules file", most_bytes: 1 << 20, hint: "", if_too_large: "" };

/// The number of files on a chain of `extends` at most. Each file is read within the reading of the file
/// that extends it, so a longer chain would take the stack.
const MAX_CHAIN: usize = 64;

/// The revision with this id or alias.
pub(super) fn revision(name: &str) -> Result<Rules, RulesError> {
    let is_named = |(_, text): &&(&str, &str)| {
        toml::from_str::<RulesFile>(text).is_ok_and(|file| file.names().any(|known| known == name))
    };
    match PUBLISHED.iter().find(is_named) {
        Some((id, text)) => {
            parse(&PathBuf::from(format!("rules/{id}.toml")), text, &mut vec![(*id).to_owned()])
        }
        None => {
            Err(RulesError::UnknownRevision { name: name.to_owned(), known: known_revisions() })
        }
    }
}

fn known_revisions() -> String {
    let files = PUBLISHED.iter().filter_map(|(_, text)| toml::from_str::<RulesFile>(text).ok());
    let names = files.map(|file| file.names().collect::<Vec<_>>().join(", "));
    names.collect::<Vec<_>>().join(", ")
}

/// The rules in the file at `path`.
pub(super) fn load(path: &Path) -> Result<Rules, RulesError> {
    load_extended(path, &mut Vec::new())
}

fn load_extended(path: &Path, seen: &mut Vec<String>) -> Result<Rules, RulesError> {
    let text = text_file::read(path, KIND)?;
    // A canonical path is the same for every spelling of a path, so a circle is found. The standard
    // input has no canonical path, and no file can extend it.
    let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    seen.push(place.display().to_string());
    parse(path, &text, seen)
}

/// The rules in `text`, the content of the file at `path`. `seen` names the files and revisions
/// that extend this one, to find circles.
pub(super) fn parse(path: &Path, text: &str, seen: &mut Vec<String>) -> Result<Rules, RulesError> {
    let source = Source { path, text };
    let (mut table, errors) = DeTable::parse_recoverable(text);
    let errors = errors.into_iter().map(|error| syntax_error(&source, &error));
    RulesError::of(errors).map_or(Ok(()), Err)?;
    let faults = shape::remove_faulty(table.get_mut()).into_iter();
    let mut errors: Vec<_> =
        faults.map(|fault| source.error_at(fault.at.start, fault.message)).collect();
    match read_file(&source, table, seen) {
        Ok(rules) if errors.is_empty() => return Ok(rules),
        // A file without its necessary keys has no entries that could be read.
        Err(RulesError::Syntax { .. }) if !errors.is_empty() => {}
        Err(error) => errors.push(error),
        Ok(_) => {}
    }
    Err(RulesError::of(errors).expect("there is an error"))
}

/// The rules in a file that has the right shape.
fn read_file(
    source: &Source<'_>,
    table: Spanned<DeTable<'_>>,
    seen: &mut Vec<String>,
) -> Result<Rules, RulesError> {
    let file = RulesFile::deserialize(Deserializer::from(table))
        .map_err(|error| syntax_error(source, &error))?;
    let base = match &file.extends {
        None => None,
        Some(name) => Some(extended(source, name, seen)?),
    };
    let mut rules = match base {
        Some(base) => extending(&file, base),
        None => blank(source, &file)?,
    };
    entries::apply(&mut rules, source, &file)?;
    rules.sources.insert(0, source.text.to_owned());
    Ok(rules)
}

fn syntax_error(source: &Source<'_>, error: &toml::de::Error) -> RulesError {
    RulesError::Syntax {
        path: source.path.to_owned(),
        line: line_of(source.text.as_bytes(), error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    }
}

/// The rules that the file extends.
fn extended(
    source: &Source<'_>,
    name: &Spanned<String>,
    seen: &mut Vec<String>,
) -> Result<Rules, RulesError> {
    let is_file = Path::new(name.get_ref()).extension().is_some_and(|e| e == "toml");
    let path = source.path.parent().unwrap_or(Path::new("")).join(name.get_ref());
    let key = if is_file {
        path.canonicalize().map_or_else(|_| path.display().to_string(), |p| p.display().to_string())
    } else {
        name.get_ref().clone()
    };
    if seen.contains(&key) {
        let message = format!(
            "`extends = \"{}\"` leads back to a file that extends this one; the chain must end in a revision",
            name.get_ref()
        );
        return Err(source.error(name, message));
    }
    if seen.len() >= MAX_CHAIN {
        let message = format!(
            "the chain of `extends` has more than {MAX_CHAIN} files; extend a revision, or a file nearer to one"
        );
        return Err(source.error(name, message));
    }
    if is_file {
        return load_extended(&path, seen);
    }
    seen.push(key);
    revision(name.get_ref()).map_err(|error| match error {
        RulesError::UnknownRevision { .. } => source.error(name, error.to_string()),
        other => other,
    })
}

/// The rules `base` under the file's own name, before the file's own entries.
fn extending(file: &RulesFile, base: Rules) -> Rules {
    let extends = std::iter::once(base.id.clone()).chain(base.extends.clone()).collect();
    Rules {
        id: file.id.get_ref().clone(),
        date: file.date.clone(),
        about: file.about.clone(),
        aliases: file.aliases.iter().map(|alias| alias.get_ref().clone()).collect(),
        extends,
        extends_as: file.extends.as_ref().map(|name| name.get_ref().clone()),
        own_promises: if base.is_published() { GuaranteeSet::EMPTY } else { base.own_promises },
        base: Some(Arc::new(base.clone())),
        ..base
    }
}

/// Rules under the file's own name that say nothing yet. The file extends nothing, so its entries
/// have to give every decision point.
fn blank(source: &Source<'_>, file: &RulesFile) -> Result<Rules, RulesError> {
    let is_given = |point: &str| file.points.keys().any(|id| id.get_ref() == point);
    if let Some(missing) = POINTS.iter().find(|point| !is_given(point.id)) {
        return Err(RulesError::Meaning {
            path: source.path.to_owned(),
            line: 1,
            message: format!(
                "the file extends nothing, so it must give every decision point, and `{}` is missing; add `extends = \"v1.16\"` to change the rules in force",
                missing.id
            ),
        });
    }
    let unsaid = PointRule { standing: Standing::Silent(""), reading: None, clauses: Vec::new() };
    Ok(Rules {
        id: file.id.get_ref().clone(),
        date: file.date.clone(),
        about: file.about.clone(),
        aliases: file.aliases.iter().map(|alias| alias.get_ref().clone()).collect(),
        extends: Vec::new(),
        extends_as: None,
        points: vec![unsaid; POINTS.len()],
        endpoints: vec![EndpointRule::REFUSED; EndpointId::count()],
        declared: BTreeMap::new(),
        declared_clauses: Vec::new(),
        declared_readings: Vec::new(),
        declared_guarantees: GuaranteeSet::EMPTY,
        promises: BTreeMap::new(),
        withdrawn: BTreeMap::new(),
        own_promises: GuaranteeSet::EMPTY,
        base: None,
        sources: Vec::new(),
    })
}
