//! The entries of a rules file, applied to the rules that the file extends.

use std::collections::BTreeMap;

use toml::Spanned;

use crate::decision_point::PointId;
use crate::profile::{Access, Conditions};

use super::declared;
use super::file::{
    Allow, DeclaredEndpoint, MayAllow, PointEntry, Promise, Refuse, RulesFile, Withdraw,
};
use super::names::Source;
use super::{EndpointRule, MayBeOpen, PointRule, Rules, RulesError, Standing, Withdrawal};

/// Applies every entry of the file.
pub(super) fn apply(
    rules: &mut Rules,
    source: &Source<'_>,
    file: &RulesFile,
) -> Result<(), RulesError> {
    for entry in &file.endpoint {
        declare(rules, source, entry)?;
    }
    for entry in &file.allow {
        allow(rules, source, entry)?;
    }
    for entry in &file.refuse {
        refuse(rules, source, entry)?;
    }
    for entry in &file.may_allow {
        may_allow(rules, source, entry)?;
    }
    for (id, entry) in &file.points {
        let point = source.point(id)?;
        rules.points[point.index()] = point_rule(source, id, point, entry)?;
    }
    for entry in &file.promise {
        promise(rules, source, entry)?;
    }
    for entry in &file.withdraw {
        withdraw(rules, source, file, entry)?;
    }
    Ok(())
}

/// Checks that at most one entry of the file is about each endpoint.
pub(super) fn check_endpoints_are_named_once(
    source: &Source<'_>,
    file: &RulesFile,
) -> Result<(), RulesError> {
    let named = (file.allow.iter().map(|entry| &entry.endpoint))
        .chain(file.may_allow.iter().map(|entry| &entry.endpoint))
        .chain(file.refuse.iter().map(|entry| &entry.endpoint));
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for name in named {
        let line = source.line(name);
        if let Some(first) = seen.insert(name.get_ref(), line) {
            let message = format!(
                "`{}` has an entry in line {} already; an endpoint is allowed, refused or left open, once",
                name.get_ref(),
                first.min(line)
            );
            return Err(source.error(name, message));
        }
    }
    Ok(())
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

fn allow(rules: &mut Rules, source: &Source<'_>, entry: &Allow) -> Result<(), RulesError> {
    let endpoint = source.endpoint(rules, &entry.endpoint)?;
    let access = Access::Open(source.conditions(endpoint, &entry.when)?);
    if entry.or_always.is_some() && entry.when.is_empty() {
        let message = "`or_always` drops the conditions of `when`; give some, or leave it out";
        return Err(source.error(&entry.endpoint, message.to_owned()));
    }
    let may_be_open = entry.or_always.as_ref().map(|reading| {
        let reading = source.reading(reading)?;
        Ok::<_, RulesError>(MayBeOpen { reading, conditions: Conditions::NONE })
    });
    let may_be_open = may_be_open.transpose()?;
    let clauses = source.clauses(&entry.clauses)?;
    *rules.endpoint_mut(endpoint) = EndpointRule { access, may_be_open, clauses };
    Ok(())
}

fn refuse(rules: &mut Rules, source: &Source<'_>, entry: &Refuse) -> Result<(), RulesError> {
    let endpoint = source.endpoint(rules, &entry.endpoint)?;
    let rule = rules.endpoint_mut(endpoint);
    if rule.access == Access::Refused && rule.may_be_open.is_none() {
        let message = format!("`{endpoint}` is not on the list already; leave the entry out");
        return Err(source.error(&entry.endpoint, message));
    }
    let clauses = source.clauses(&entry.clauses)?;
    *rule = EndpointRule { access: Access::Refused, may_be_open: None, clauses };
    Ok(())
}

fn may_allow(rules: &mut Rules, source: &Source<'_>, entry: &MayAllow) -> Result<(), RulesError> {
    let endpoint = source.endpoint(rules, &entry.endpoint)?;
    let reading = source.reading(&entry.reading)?;
    let conditions = source.conditions(endpoint, &entry.when)?;
    let may_be_open = Some(MayBeOpen { reading, conditions });
    let clauses = source.clauses(&entry.clauses)?;
    *rules.endpoint_mut(endpoint) = EndpointRule { access: Access::Refused, may_be_open, clauses };
    Ok(())
}

fn promise(rules: &mut Rules, source: &Source<'_>, entry: &Promise) -> Result<(), RulesError> {
    let guarantee = source.guarantee(&entry.guarantee)?;
    rules.withdrawn.remove(&guarantee);
    rules.own_promises.insert(guarantee);
    rules.promises.insert(guarantee, source.clauses(&entry.clauses)?);
    Ok(())
}

fn withdraw(
    rules: &mut Rules,
    source: &Source<'_>,
    file: &RulesFile,
    entry: &Withdraw,
) -> Result<(), RulesError> {
    let guarantee = source.guarantee(&entry.guarantee)?;
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
    let clauses = source.clauses(&entry.clauses)?;
    let because = entry.because.clone();
    rules.withdrawn.insert(guarantee, Withdrawal { by: file.id.clone(), because, clauses });
    Ok(())
}

fn point_rule(
    source: &Source<'_>,
    id: &Spanned<String>,
    point: PointId,
    entry: &PointEntry,
) -> Result<PointRule, RulesError> {
    let standing = standing(source, id, point, entry)?;
    let reading = entry.reading.as_ref().map(|reading| source.reading(reading)).transpose()?;
    Ok(PointRule { standing, reading, clauses: source.clauses(&entry.clauses)? })
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
