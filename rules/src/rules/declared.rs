//! The endpoints that a rules file declares.
//!
//! The model and the reference know of such an endpoint only who may call it. So an entry has to say what
//! the endpoint gives and does: of guarantees about those, nothing is known where guests may call it.

use toml::Spanned;

use crate::endpoint::{Auth, Endpoint, EndpointId};

use super::file::DeclaredEndpoint;
use super::names::Source;
use super::{Rules, RulesError};

/// The path of an endpoint that names no other one.
const PREFIX: &str = "/_matrix/client/v3";
/// The methods of the client-server API.
const METHODS: [&str; 4] = ["GET", "PUT", "POST", "DELETE"];
/// What an endpoint gives or does, if nothing.
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
        known.id == *id || known.method() == method && known.path == whole
    };
    if let Some(known) = rules.every_endpoint().find(is_the_same) {
        let message = format!("`{known}` is known already; leave the entry out");
        return Err(source.error(&entry.id, message));
    }
    let endpoint = Endpoint {
        id: id.clone(),
        path: whole,
        auth: auth(source, entry.auth.as_ref())?,
        added_in: None,
        deprecated: false,
        gives: None,
        unseen: unless_nothing(&entry.gives),
        effect: unless_nothing(&entry.does),
    };
    EndpointId::declare(endpoint).map_err(|error| source.error(&entry.id, error.to_string()))
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

fn auth(source: &Source<'_>, given: Option<&Spanned<String>>) -> Result<Auth, RulesError> {
    let Some(given) = given else { return Ok(Auth::User) };
    Auth::from_spelling(given.get_ref()).ok_or_else(|| {
        let known: Vec<_> = Auth::ALL.iter().map(|auth| format!("`{auth}`")).collect();
        let message = format!("`auth` is one of {}", known.join(", "));
        source.error(given, message)
    })
}

fn unless_nothing(text: &str) -> Option<String> {
    (text != NOTHING).then(|| text.to_owned())
}
