//! The shell variables of a script, which stand for values that a homeserver chose or `diff` made up.
//!
//! A variable gets its value from the first answer that contains the value. Later requests contain the
//! variable in place of the value. Requests are jq programs, and jq quotes the values.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::subject::server::{Request, Token, escaped};

use super::quoted::{in_jq, word};

/// Where a variable gets its value from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// The start of the script sets the variable.
    Start,
    /// A jq program finds the value in the answer.
    Answer(String),
    /// The value is the localpart of the user id in this variable.
    LocalpartOf(String),
}

/// In which places a value is replaced by its variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replaces {
    /// Only a whole text. A short word may occur within a text by chance.
    WholeText,
    /// Any part of a text.
    AnyPart,
    /// A whole text, and the name of the server at the end of an id or at the start of a path.
    AsServerName,
}

impl Replaces {
    /// The places for an id. A value that does not look like an id may occur within a text by chance.
    pub(super) fn of_id(id: &str) -> Self {
        let is_id = id.len() > 3 && id.starts_with(['@', '!', '$', '#']);
        if is_id { Self::AnyPart } else { Self::WholeText }
    }
}

#[derive(Debug)]
struct Variable {
    name: String,
    value: String,
    replaces: Replaces,
    origin: Origin,
}

/// A variable for an access token.
#[derive(Debug)]
struct TokenVariable {
    token: Token,
    /// The name of the variable.
    name: String,
    /// The actor that uses the token.
    actor: String,
    origin: Origin,
}

/// The variables of a script.
#[derive(Debug, Default)]
pub(super) struct Variables {
    variables: Vec<Variable>,
    tokens: Vec<TokenVariable>,
    /// The names of the variables that the script uses.
    used: BTreeSet<String>,
}

impl Variables {
    /// Adds a variable for a value, unless there is one. Returns the name of the new variable.
    pub(super) fn add(
        &mut self,
        name: &str,
        value: &str,
        replaces: Replaces,
        origin: Origin,
    ) -> Option<String> {
        if value.is_empty() || self.variables.iter().any(|known| known.value == value) {
            return None;
        }
        let name = self.free_name(name);
        let value = value.to_owned();
        self.variables.push(Variable { name: name.clone(), value, replaces, origin });
        Some(name)
    }

    /// Adds a variable for a token of `actor`, unless there is one. Returns the name of the new variable.
    pub(super) fn add_token(
        &mut self,
        actor: &str,
        token: Token,
        origin: Origin,
    ) -> Option<String> {
        if self.tokens.iter().any(|known| known.token == token) {
            return None;
        }
        let name = self.free_name(&format!("{actor}_token"));
        self.tokens.push(TokenVariable {
            token,
            name: name.clone(),
            actor: actor.to_owned(),
            origin,
        });
        Some(name)
    }

    /// `name`, with a number if another variable has the name.
    fn free_name(&self, name: &str) -> String {
        let is_free = |name: &String| {
            let variables = self.variables.iter().map(|known| &known.name);
            !variables.chain(self.tokens.iter().map(|known| &known.name)).any(|n| n == name)
        };
        let numbered = (2..).map(|number| format!("{name}{number}"));
        let mut renaming = std::iter::once(name.to_owned()).chain(numbered);
        renaming.find(is_free).unwrap_or_default()
    }

    /// The lines that set these variables, without variables that the script does not use.
    pub(super) fn assignments(&self, renaming: &[String]) -> Vec<String> {
        let mut lines = Vec::new();
        for name in renaming.iter().filter(|name| self.used.contains(*name)) {
            let variable = self.variables.iter().find(|known| known.name == *name);
            let origin = variable.map(|known| &known.origin);
            let token = || self.tokens.iter().find(|known| known.name == *name);
            match origin.or_else(|| token().map(|known| &known.origin)) {
                Some(Origin::Answer(program)) => {
                    lines.push(format!("learn {name} {}", shell_program(program)));
                }
                Some(Origin::LocalpartOf(id)) => {
                    lines.push(format!("{name}=${{{id}#@}}"));
                    lines.push(format!("{name}=${{{name}%%:*}}"));
                }
                Some(Origin::Start) | None => {}
            }
        }
        lines
    }

    /// The names of all variables that are used and that the script has to find out.
    pub(super) fn to_declare(&self) -> Vec<&str> {
        let variables = self.variables.iter().map(|known| (&known.name, &known.origin));
        let all = variables.chain(self.tokens.iter().map(|known| (&known.name, &known.origin)));
        let found_out = all.filter(|(_, origin)| !matches!(origin, Origin::Start));
        found_out.map(|(name, _)| &**name).filter(|name| self.used.contains(*name)).collect()
    }

    /// The actor with this token, and the shell word for the token.
    pub(super) fn caller(&mut self, token: Option<&Token>) -> (String, String) {
        let Some(token) = token else { return ("nobody".to_owned(), "''".to_owned()) };
        match self.tokens.iter().find(|known| known.token == *token) {
            Some(known) => {
                self.used.insert(known.name.clone());
                (known.actor.clone(), format!("\"${}\"", known.name))
            }
            // Every other token is made up: the homeserver gave it to nobody.
            None => ("somebody".to_owned(), "made-up-token".to_owned()),
        }
    }

    /// Whether the script uses this variable.
    pub(super) fn uses(&self, name: &str) -> bool {
        self.used.contains(name)
    }

    /// Whether a variable stands for this value.
    pub(super) fn has(&self, value: &str) -> bool {
        self.variables.iter().any(|known| known.value == value)
    }

    /// The shell word for the variable of a value; the empty word if the value has no variable.
    pub(super) fn word(&mut self, value: Option<&str>) -> String {
        let text = value.map(|value| self.text(value)).unwrap_or_default();
        text.strip_prefix("env.").map_or("''".to_owned(), |name| format!("\"${name}\""))
    }

    /// The text as a jq expression.
    pub(super) fn text(&mut self, text: &str) -> String {
        if let Some(known) = self.tokens.iter().find(|k| k.token == Token::from(text.to_owned())) {
            self.used.insert(known.name.clone());
            return format!("env.{}", known.name);
        }
        let fragments = self.fragments(text);
        match fragments.as_slice() {
            [Fragment::Variable(name)] => format!("env.{name}"),
            fragments => format!("\"{}\"", interpolate(fragments, in_jq)),
        }
    }

    /// The path and the query of a request as a jq program, without the `left_out` parameters.
    pub(super) fn target(&mut self, request: &Request, left_out: &[&str]) -> String {
        let mut target: Vec<String> = Vec::new();
        for segment in request.segments() {
            target.push(interpolate(&self.fragments(&segment), escaped));
        }
        let mut target = target.join("/");
        let mut separator = '?';
        for (key, value) in request.query.iter().filter(|(key, _)| !left_out.contains(key)) {
            let value = match self.json_text(value) {
                Some(program) => format!("\\({program} | tojson)"),
                None => interpolate(&self.fragments(value), escaped),
            };
            target += &format!("{separator}{key}={value}");
            separator = '&';
        }
        let format = if target.contains("\\(") { "@uri " } else { "" };
        format!("{format}\"{target}\"")
    }

    /// A text that is the JSON of an object, such as a filter, as a jq program; `None` for other texts.
    /// Within JSON, a value of a homeserver may be spelled with escapes, so the text itself need not
    /// contain the value.
    fn json_text(&mut self, text: &str) -> Option<String> {
        let body: Value = serde_json::from_str(text).ok().filter(Value::is_object)?;
        let program = self.body(&body);
        program.contains("env.").then_some(program)
    }

    /// A body as a jq program.
    pub(super) fn body(&mut self, body: &Value) -> String {
        match body {
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| self.body(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Object(fields) => {
                let fields = fields.iter().map(|(key, value)| match key.as_str() {
                    // The script makes its own password.
                    "password" => "\"password\": env.password".to_owned(),
                    _ => format!("{}: {}", self.key(key), self.body(value)),
                });
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        }
    }

    /// The key of an object in a jq program, in parentheses if it is not a plain string.
    fn key(&mut self, key: &str) -> String {
        let key = self.text(key);
        if key.contains("env.") { format!("({key})") } else { key }
    }

    /// Splits the text into plain text and variables.
    fn fragments(&mut self, text: &str) -> Vec<Fragment> {
        let mut fragments = Vec::new();
        if let Some(known) = self.variables.iter().find(|known| known.value == text) {
            fragments.push(Fragment::Variable(known.name.clone()));
        } else {
            let mut plain = String::new();
            let mut rest = text;
            while let Some(next) = rest.chars().next() {
                let known = self.variables.iter().filter(|known| known.matches(&plain, rest));
                if let Some(known) = known.max_by_key(|known| known.value.len()) {
                    if !plain.is_empty() {
                        fragments.push(Fragment::Text(std::mem::take(&mut plain)));
                    }
                    fragments.push(Fragment::Variable(known.name.clone()));
                    rest = &rest[known.value.len()..];
                } else {
                    plain.push(next);
                    rest = &rest[next.len_utf8()..];
                }
            }
            if !plain.is_empty() {
                fragments.push(Fragment::Text(plain));
            }
        }
        for fragment in &fragments {
            if let Fragment::Variable(name) = fragment {
                self.mark_used(name);
            }
        }
        fragments
    }

    /// Marks a variable as used, and the variable that it is computed from.
    fn mark_used(&mut self, name: &str) {
        self.used.insert(name.to_owned());
        let of = self.variables.iter().find(|known| known.name == name);
        if let Some(Origin::LocalpartOf(id)) = of.map(|known| known.origin.clone()) {
            self.used.insert(id);
        }
    }
}

impl Variable {
    /// Whether the variable replaces the start of `rest`, in a text that continues `before`.
    fn matches(&self, before: &str, rest: &str) -> bool {
        let Some(after) = rest.strip_prefix(&self.value) else { return false };
        match self.replaces {
            Replaces::WholeText => false,
            Replaces::AnyPart => true,
            Replaces::AsServerName => {
                before.ends_with([':', '/']) && (after.is_empty() || after.starts_with('/'))
            }
        }
    }
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fragment {
    Text(String),
    Variable(String),
}

/// The inner part of a jq string that interpolates the variables.
fn interpolate(fragments: &[Fragment], text: impl Fn(&str) -> String) -> String {
    let in_string = |fragment: &Fragment| match fragment {
        Fragment::Text(plain) => text(plain),
        Fragment::Variable(name) => format!("\\(env.{name})"),
    };
    fragments.iter().map(in_string).collect()
}

/// A jq program as a shell word, without quotes where none are needed.
fn shell_program(program: &str) -> String {
    let is_plain = program.chars().all(|c| c.is_ascii_alphanumeric() || "._".contains(c));
    if is_plain { program.to_owned() } else { word(program) }
}

#[cfg(test)]
mod tests {
    use guest_access_rules::endpoint::{EndpointId, KNOWN};
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        let mut variables = Variables::default();
        let id = Origin::Answer(".user_id".to_owned());
        variables.add("run", "ga-1", Replaces::AnyPart, Origin::Start);
        variables.add("server_name", "b", Replaces::AsServerName, Origin::Start);
        variables.add("guest1_id", "@17:b", Replaces::AnyPart, id);
        let localpart = Origin::LocalpartOf("guest1_id".to_owned());
        variables.add("guest1_name", "17", Replaces::WholeText, localpart);
        let token = Origin::Answer(".access_token".to_owned());
        variables.add_token("guest1", "secret".to_owned().into(), token);
        variables
    }

    #[test]
    fn variables_replace_values_of_answers() {
        let mut variables = variables();
        assert_eq!(variables.text("@17:b"), "env.guest1_id");
        assert_eq!(variables.text("mxc://b/17"), r#""mxc://\(env.server_name)/17""#);
        assert_eq!(variables.text("a bee"), "\"a bee\"");
        let body = json!({ "username": "17", "guest_access_token": "secret", "password": "p" });
        let program = variables.body(&body);
        assert!(program.contains(r#""username": env.guest1_name"#), "{program}");
        assert!(program.contains(r#""guest_access_token": env.guest1_token"#), "{program}");
        assert!(program.contains(r#""password": env.password"#), "{program}");
        let levels = json!({ "users": { "@17:b": 50 } });
        assert_eq!(variables.body(&levels), r#"{"users": {(env.guest1_id): 50}}"#);
    }

    #[test]
    fn a_target_is_escaped_except_for_its_variables() {
        let request = Request::to(KNOWN.put_state, ["!r:b", "m.room.member", "@17:b"]);
        let request = request.query("user_id", "a b ga-1").query("from", "x");
        assert_eq!(
            variables().target(&request, &["from"]),
            r#"@uri "/_matrix/client/v3/rooms/%21r%3A\(env.server_name)/state/m.room.member/\(env.guest1_id)?user_id=a%20b%20\(env.run)""#
        );
    }

    #[test]
    fn a_value_within_json_is_replaced_however_it_is_spelled() {
        let mut variables = variables();
        let id = Origin::Answer(".room_id".to_owned());
        let room = r#"!a"\b'$(c):b"#;
        variables.add("room1", room, Replaces::AnyPart, id);
        let sync = EndpointId::find("GET /sync").unwrap();
        let filter = json!({ "room": { "rooms": [room], "types": ["m.room.message"] } });
        let request = Request::to(sync, []).query("filter", filter.to_string());
        assert_eq!(
            variables.target(&request, &[]),
            r#"@uri "/_matrix/client/v3/sync?filter=\({"room": {"rooms": [env.room1], "types": ["m.room.message"]}} | tojson)""#
        );
        assert_eq!(variables.to_declare(), ["room1"]);
        let plain = Request::to(sync, []).query("filter", r#"{"types":["a"]}"#);
        assert!(!variables.target(&plain, &[]).contains("tojson"));
    }

    #[test]
    fn only_used_variables_and_their_origins_are_set() {
        let mut variables = variables();
        let renaming = ["guest1_id", "guest1_name", "guest1_token"].map(str::to_owned);
        assert!(variables.assignments(&renaming).is_empty());
        variables.text("17");
        assert_eq!(variables.assignments(&renaming)[0], "learn guest1_id .user_id");
        assert_eq!(variables.to_declare(), ["guest1_id", "guest1_name"]);
    }

    #[test]
    fn a_made_up_token_is_replaced_by_another() {
        let token = Token::from("another".to_owned());
        assert_eq!(variables().caller(Some(&token)).1, "made-up-token");
        assert_eq!(variables().caller(Some(&"secret".to_owned().into())).1, "\"$guest1_token\"");
    }
}
