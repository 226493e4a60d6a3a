//! The entries of a rules file, applied to the rules that the file extends.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use crate::decision_point::PointId;
use crate::endpoint::{Auth, EndpointId};
use crate::profile::{Access, Conditions};

use super::declared;
use super::declared_guarantee;
use super::declared_text;
use super::error::{all, both};
use super::file::{
    Allow, DeclaredEndpoint, Entry, MayAllow, PointEntry, Promise, Refuse, RulesFile, Withdraw,
};
use super::names::Source;
use super::{
    EndpointRule, MayBeOpen, PointRule, Rules, RulesError, Standing, Withdrawal, is_published,
};

/// Applies every entry of the file. If entries are wrong, the error has the faults of all of them. An entry
/// that names a faulty declaration of the file is left out: its own faults show when the declaration is
/// right.
pub(super) fn apply(
    rules: &mut Rules,
    source: &Source<'_>,
    file: &RulesFile,
) -> Result<(), RulesError> {
    let mut results = vec![check_names(source, file), check_declared_once(source, file)];
    let mut faulty = BTreeSet::new();
    for entry in &file.clause {
        let result = declared_text::clause(rules, source, entry);
        note(&mut results, &mut faulty, &entry.id, result);
    }
    for entry in &file.reading {
        if entry.names_none_of(&faulty) {
            let result = declared_text::reading(rules, source, entry);
            note(&mut results, &mut faulty, &entry.id, result);
        } else {
            faulty.insert(entry.id.get_ref());
        }
    }
    for entry in &file.endpoint {
        let result = declare(rules, source, entry);
        note(&mut results, &mut faulty, &entry.id, result);
    }
    for entry in &file.guarantee {
        if entry.names_none_of(&faulty) {
            let result = declared_guarantee::declare(rules, source, entry);
            note(&mut results, &mut faulty, &entry.id, result);
        } else {
            faulty.insert(entry.id.get_ref());
        }
    }
    let is_right = |entry: &dyn Entry| entry.names_none_of(&faulty);
    for entry in file.allow.iter().filter(|entry| is_right(*entry)) {
        results.push(allow(rules, source, entry));
    }
    for entry in file.refuse.iter().filter(|entry| is_right(*entry)) {
        results.push(refuse(rules, source, entry));
    }
    for entry in file.may_allow.iter().filter(|entry| is_right(*entry)) {
        results.push(may_allow(rules, source, entry));
    }
    results.push(check_endpoints_are_named_once(rules, source, file));
    for (id, entry) in file.points.iter().filter(|(_, entry)| is_right(*entry)) {
        results.push(answer(rules, source, id, entry));
    }
    for entry in file.promise.iter().filter(|entry| is_right(*entry)) {
        results.push(promise(rules, source, entry));
    }
    results.push(check_guarantees_are_named_once(source, file));
    for entry in file.withdraw.iter().filter(|entry| is_right(*entry)) {
        results.push(withdraw(rules, source, file, entry));
    }
    all(results.into_iter()).map(|_| ())
}

/// Adds the result of a declaration, and its id to the faulty ones if it is an error.
fn note<'f>(
    results: &mut Vec<Result<(), RulesError>>,
    faulty: &mut BTreeSet<&'f str>,
    id: &'f Spanned<String>,
    result: Result<(), RulesError>,
) {
    if result.is_err() {
        faulty.insert(id.get_ref());
    }
    results.push(result);
}

/// Answers a decision point.
fn answer(
    rules: &mut Rules,
    source: &Source<'_>,
    id: &Spanned<String>,
    entry: &PointEntry,
) -> Result<(), RulesError> {
    let point = source.point(id)?;
    rules.points[point.index()] = point_rule(rules, source, id, point, entry)?;
    Ok(())
}

/// Checks that a proposal has a name, and none of a published revision.
fn check_names(source: &Source<'_>, file: &RulesFile) -> Result<(), RulesError> {
    if is_published(source.text) {
        return Ok(());
    }
    let names = || std::iter::once(&file.id).chain(&file.aliases);
    let is_no_name = |name: &str| name.trim().is_empty() || name.contains(char::is_control);
    let nameless = names().filter(|name| is_no_name(name.get_ref())).map(|name| {
        source.error(name, "a name has to be visible characters, such as `my-proposal`".to_owned())
    });
    let taken = names().filter(|name| Rules::is_name_of_published(name.get_ref()));
    let errors = taken.map(|name| {
        let message =
            format!("`{}` is the name of a published revision; choose another", name.get_ref());
        source.error(name, message)
    });
    RulesError::of(nameless.chain(errors)).map_or(Ok(()), Err)
}

/// Checks that at most one entry of the file is about each endpoint, however it is spelled.
fn check_endpoints_are_named_once(
    rules: &Rules,
    source: &Source<'_>,
    file: &RulesFile,
) -> Result<(), RulesError> {
    let named = (file.allow.iter().map(|entry| &entry.endpoint))
        .chain(file.may_allow.iter().map(|entry| &entry.endpoint))
        .chain(file.refuse.iter().map(|entry| &entry.endpoint));
    // An unknown endpoint is an error of its entry.
    let named = named.filter_map(|name| Some((source.endpoint(rules, name).ok()?, name)));
    let what = "an endpoint is allowed, refused or left open, once";
    check_named_once(source, named, what)
}

/// Checks that at most one entry of the file promises each guarantee.
fn check_guarantees_are_named_once(
    source: &Source<'_>,
    file: &RulesFile,
) -> Result<(), RulesError> {
    let named = file.promise.iter().map(|entry| (entry.guarantee.get_ref(), &entry.guarantee));
    check_named_once(source, named, "a guarantee is promised once")
}

/// Checks that at most one entry of the file declares each clause, each reading and each guarantee.
fn check_declared_once(source: &Source<'_>, file: &RulesFile) -> Result<(), RulesError> {
    let ids = [
        file.clause.iter().map(|entry| &entry.id).collect::<Vec<_>>(),
        file.reading.iter().map(|entry| &entry.id).collect(),
        file.guarantee.iter().map(|entry| &entry.id).collect(),
    ];
    let check = |ids: Vec<&Spanned<String>>| {
        let named = ids.into_iter().map(|id| (id.get_ref().clone(), id));
        check_named_once(source, named, "an id is declared once")
    };
    all(ids.into_iter().map(check)).map(|_| ())
}

fn check_named_once<'f, T: Ord>(
    source: &Source<'_>,
    named: impl Iterator<Item = (T, &'f Spanned<String>)>,
    what: &str,
) -> Result<(), RulesError> {
    let mut seen: BTreeMap<T, usize> = BTreeMap::new();
    let mut errors = Vec::new();
    for (thing, name) in named {
        let line = source.line(name);
        if let Some(first) = seen.insert(thing, line) {
            let first = first.min(line);
            let message =
                format!("`{}` has an entry in line {first} already; {what}", name.get_ref());
            errors.push(source.error(name, message));
        }
    }
    RulesError::of(errors).map_or(Ok(()), Err)
}

/// Declares an endpoint. Guests may not call the endpoint, unless another entry opens it.
fn declare(
    rules: &mut Rules,
    source: &Source<'_>,
    entry: &DeclaredEndpoint,
) -> Result<(), RulesError> {
    let endpoint = declared::endpoint(rules, source, entry)?;
    rules.declared.insert(endpoint, EndpointRule::REFUSED);
    Ok(())
}

/// The endpoint of an entry that opens or closes it to guests. An entry decides nothing about an endpoint
/// without a list.
fn listed(
    rules: &Rules,
    source: &Source<'_>,
    name: &Spanned<String>,
) -> Result<EndpointId, RulesError> {
    let endpoint = source.endpoint(rules, name)?;
    let because = match endpoint.get().auth {
        Auth::None => "asks for no access token, so everybody may call it",
        Auth::AppService => "is for application services, whose calls are no guest's",
        Auth::User | Auth::Optional | Auth::Other => return Ok(endpoint),
    };
    Err(source.error(name, format!("`{endpoint}` {because}; leave the entry out")))
}

fn allow(rules: &mut Rules, source: &Source<'_>, entry: &Allow) -> Result<(), RulesError> {
    let endpoint = listed(rules, source, &entry.endpoint);
    let conditions = match &endpoint {
        Ok(endpoint) => source.conditions(*endpoint, &entry.when),
        Err(_) => Ok(Conditions::NONE),
    };
    let may_be_open = match &entry.or_always {
        Some(_) if entry.when.is_empty() => {
            let message = "`or_always` drops the conditions of `when`; give some, or leave it out";
            Err(source.error(&entry.endpoint, message.to_owned()))
        }
        Some(reading) => source
            .reading(rules, reading)
            .map(|reading| Some(MayBeOpen { reading, conditions: Conditions::NONE })),
        None => Ok(None),
    };
    let rest = both(may_be_open, source.clauses(rules, &entry.clauses));
    let ((endpoint, conditions), (may_be_open, clauses)) = both(both(endpoint, conditions), rest)?;
    let access = Access::Open(conditions);
    *rules.endpoint_mut(endpoint) = EndpointRule { access, may_be_open, clauses };
    Ok(())
}

fn refuse(rules: &mut Rules, source: &Source<'_>, entry: &Refuse) -> Result<(), RulesError> {
    let endpoint = listed(rules, source, &entry.endpoint).and_then(|endpoint| {
        if rules.may_open(endpoint) {
            return Ok(endpoint);
        }
        let message = format!("`{endpoint}` is closed to guests already; leave the entry out");
        Err(source.error(&entry.endpoint, message))
    });
    let (endpoint, clauses) = both(endpoint, source.clauses(rules, &entry.clauses))?;
    *rules.endpoint_mut(endpoint) =
        EndpointRule { access: Access::Refused, may_be_open: None, clauses };
    Ok(())
}

fn may_allow(rules: &mut Rules, source: &Source<'_>, entry: &MayAllow) -> Result<(), RulesError> {
    let endpoint = listed(rules, source, &entry.endpoint);
    let conditions = match &endpoint {
        Ok(endpoint) => source.conditions(*endpoint, &entry.when),
        Err(_) => Ok(Conditions::NONE),
    };
    let rest = both(source.reading(rules, &entry.reading), source.clauses(rules, &entry.clauses));
    let ((endpoint, conditions), (reading, clauses)) = both(both(endpoint, conditions), rest)?;
    let may_be_open = Some(MayBeOpen { reading, conditions });
    *rules.endpoint_mut(endpoint) = EndpointRule { access: Access::Refused, may_be_open, clauses };
    Ok(())
}

fn promise(rules: &mut Rules, source: &Source<'_>, entry: &Promise) -> Result<(), RulesError> {
    let guarantee = source.guarantee(rules, &entry.guarantee);
    let (guarantee, clauses) = both(guarantee, source.clauses(rules, &entry.clauses))?;
    rules.withdrawn.remove(&guarantee);
    rules.own_promises.insert(guarantee);
    rules.promises.insert(guarantee, clauses);
    Ok(())
}

fn withdraw(
    rules: &mut Rules,
    source: &Source<'_>,
    file: &RulesFile,
    entry: &Withdraw,
) -> Result<(), RulesError> {
    let guarantee = source.guarantee(rules, &entry.guarantee)?;
    if file.promise.iter().any(|promise| promise.guarantee.get_ref() == guarantee.get().id) {
        let message = format!("`{guarantee}` is promised and withdrawn; keep one");
        return Err(source.error(&entry.guarantee, message));
    }
    if rules.promises.remove(&guarantee).is_none() {
        let promised: Vec<_> = rules.promises.keys().map(|g| g.get().id).collect();
        let message = format!(
            "`{guarantee}` is not promised, so it cannot be withdrawn; promised are {}",
            promised.join(", ")
        );
        return Err(source.error(&entry.guarantee, message));
    }
    let clauses = source.clauses(rules, &entry.clauses)?;
    let because = entry.because.clone();
    let by = file.id.get_ref().clone();
    rules.withdrawn.insert(guarantee, Withdrawal { by, because, clauses });
    Ok(())
}

fn point_rule(
    rules: &Rules,
    source: &Source<'_>,
    id: &Spanned<String>,
    point: PointId,
    entry: &PointEntry,
) -> Result<PointRule, RulesError> {
    let reading = entry.reading.as_ref().map(|reading| source.reading(rules, reading)).transpose();
    let rest = both(reading, source.clauses(rules, &entry.clauses));
    let (standing, (reading, clauses)) = both(standing(source, id, point, entry), rest)?;
    Ok(PointRule { standing, reading, clauses })
}

fn standing(
    source: &Source<'_>,
    id: &Spanned<String>,
    point: PointId,
    entry: &PointEntry,
) -> Result<Standing, RulesError> {
    let point = point.get();
    let option = |name: &String| {
        point.option_ids().find(|option| option == name).ok_or_else(|| {
            let known: Vec<_> = point.option_ids().collect();
            let known = known.join(", ");
            let message = format!("`{}` has no option `{name}`; it has {known}", point.id);
            source.error(id, message)
        })
    };
    match (&entry.required, &entry.default, &entry.silent) {
        (Some(required), None, None) if entry.also.is_empty() => {
            Ok(Standing::Required(option(required)?))
        }
        (None, None, Some(silent)) if entry.also.is_empty() => {
            Ok(Standing::Silent(option(silent)?))
        }
        (None, Some(default), None) => {
            let mut options = vec![option(default)?];
            for other in &entry.also {
                let other = option(other)?;
                if options.contains(&other) {
                    let message = format!("`{other}` is named twice for `{}`", point.id);
                    return Err(source.error(id, message));
                }
                options.push(other);
            }
            Ok(Standing::Open(options))
        }
        _ => {
            let message = format!(
                "`{}` needs exactly one of `required`, `silent`, or `default` (with `also` for the options that are permitted too)",
                point.id
            );
            Err(source.error(id, message))
        }
    }
}
