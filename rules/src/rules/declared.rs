//! The endpoints that a rules file declares.
//!
//! The model and the reference know of such an endpoint only who may call it. So an entry has to say what
//! the endpoint gives and does: of guarantees about those, nothing is known where guests may call it.

use toml::Spanned;

use crate::endpoint::{Auth, Changes, Endpoint, EndpointId, path_pattern};

use super::error::{all, both};
use super::file::DeclaredEndpoint;
use super::names::Source;
use super::{Rules, RulesError};

/// The path of an endpoint that names no other one.
const PREFIX: &str = "/_matrix/client/v3";
/// The methods of the client-server API.
const METHODS: [&str; 4] = ["GET", "PUT", "POST", "DELETE"];
/// The words of an endpoint that gives or does nothing.
const NOTHING: &str = "nothing";

/// The endpoint of an entry.
pub(super) fn endpoint(
    rules: &Rules,
    source: &Source<'_>,
    entry: &DeclaredEndpoint,
) -> Result<EndpointId, RulesError> {
    let id = entry.id.get_ref();
    let (method, path) = id.split_once(' ').unwrap_or_default();
    if !METHODS.contains(&method) || !is_path(path) {
        let message = format!(
            "`{id}` is no endpoint: write a method ({}), a space, and a path such as `/rooms/{{roomId}}/peek`",
            METHODS.join(", ")
        );
        return Err(source.error(&entry.id, message));
    }
    let whole = match &entry.path {
        None => format!("{PREFIX}{path}"),
        Some(whole) => {
            let is_whole =
                whole.get_ref().starts_with("/_matrix/client/") && is_path(whole.get_ref());
            if !is_whole || !whole.get_ref().ends_with(path) {
                let message = format!(
                    "the whole path has to begin with `/_matrix/client/` and end with `{path}`: write `{PREFIX}{path}`, or one with `unstable` in it"
                );
                return Err(source.error(whole, message));
            }
            whole.get_ref().clone()
        }
    };
    let is_the_same = |known: &EndpointId| {
        let known = known.get();
        known.id == *id || known.method() == method && pattern(&known.path) == pattern(&whole)
    };
    if let Some(known) = rules.every_endpoint().find(is_the_same) {
        let message = format!("`{known}` is known already; leave the entry out");
        return Err(source.error(&entry.id, message));
    }
    let content = unless_nothing(source, &entry.gives);
    let effect = unless_nothing(source, &entry.does);
    let changes = changes(source, entry);
    let ((auth, unseen), (effect, changes)) =
        both(both(auth(source, entry.auth.as_ref()), content), both(effect, changes))?;
    let endpoint = Endpoint {
        id: id.clone(),
        path: whole,
        auth,
        added_in: None,
        deprecated: false,
        gives: None,
        unseen,
        effect,
        changes,
    };
    EndpointId::declare(endpoint).map_err(|error| source.error(&entry.id, error.to_string()))
}

/// The pattern of a path in the version that replaced `r0`. Requests to two paths with one pattern are not
/// told apart.
fn pattern(path: &str) -> String {
    path_pattern(&path.replacen("/r0/", "/v3/", 1))
}

/// Whether the text is a path: parts after slashes, each a word or a placeholder in braces.
fn is_path(path: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    };
    let is_part = |part: &str| match part.strip_prefix('{') {
        Some(placeholder) => placeholder.strip_suffix('}').is_some_and(is_word),
        None => is_word(part),
    };
    path.strip_prefix('/').is_some_and(|path| path.split('/').all(is_part))
}

fn auth(source: &Source<'_>, entry: Option<&Spanned<String>>) -> Result<Auth, RulesError> {
    let Some(entry) = entry else { return Ok(Auth::User) };
    Auth::from_spelling(entry.get_ref()).ok_or_else(|| {
        let known: Vec<_> = Auth::ALL.iter().map(|auth| format!("`{auth}`")).collect();
        let message = format!("`auth` is one of {}", known.join(", "));
        source.error(entry, message)
    })
}

/// What a call of the endpoint changes, if the entry says so.
fn changes(
    source: &Source<'_>,
    entry: &DeclaredEndpoint,
) -> Result<Option<Vec<Changes>>, RulesError> {
    let Some(names) = &entry.changes else { return Ok(None) };
    if let Some(name) = names.first().filter(|_| is_nothing(entry.does.get_ref())) {
        let message = "the endpoint does nothing, so it changes nothing; leave `changes` out";
        return Err(source.error(name, message.to_owned()));
    }
    let known = |name: &Spanned<String>| {
        Changes::from_spelling(name.get_ref()).ok_or_else(|| {
            let known: Vec<_> = Changes::ALL.iter().map(|changes| format!("`{changes}`")).collect();
            let message = format!(
                "`changes` lists some of {}, and not `{}`; `changes = []` says that a call changes none of them",
                known.join(", "),
                name.get_ref()
            );
            source.error(name, message)
        })
    };
    all(names.iter().map(known)).map(Some)
}

fn is_nothing(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case(NOTHING)
}

/// The content or the effect of an endpoint, in one line.
fn unless_nothing(
    source: &Source<'_>,
    entry: &Spanned<String>,
) -> Result<Option<String>, RulesError> {
    let text = entry.get_ref().trim();
    if text.is_empty() || text.contains(char::is_control) {
        let message = format!("say in one line what the endpoint gives or does, or `{NOTHING}`");
        return Err(source.error(entry, message));
    }
    Ok((!is_nothing(text)).then(|| text.to_owned()))
}
