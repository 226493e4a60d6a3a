//! Variables in place of what a homeserver chose, or what was made up for one run.
//!
//! A value is known under the name of a variable from the answer on in which it stood. Requests are
//! written with the variables: as programs of jq's, which quotes what stands in them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::subject::server::{Request, Token, escaped};

use super::quoted::{in_jq, word};

/// How a variable comes to its value.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// The script begins with it.
    EventPresence,
    /// A program of jq's finds it in the answer.
    Answer(String),
    /// It is the localpart of the user id in this variable.
    LocalpartOf(String),
}

/// Where a value stands for its variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fits {
    /// Where there is nothing else: short words may stand anywhere by chance.
    Alone,
    /// Within a text, too.
    Within,
    /// Alone, and as the server's name at the end of an id or the beginning of a path.
    AsServerName,
}

impl Fits {
    /// Where an id stands for its variable. What does not look like one may stand anywhere by chance.
    pub(super) fn of_id(id: &str) -> Self {
        let is_id = id.len() > 3 && id.starts_with(['@', '!', '$', '#']);
        if is_id { Self::Within } else { Self::Alone }
    }
}

#[derive(Debug)]
struct Variable {
    name: String,
    value: String,
    fits: Fits,
    origin: Origin,
}

#[derive(Debug)]
struct Holder {
    token: Token,
    /// The variable.
    name: String,
    /// Who shows it.
    who: String,
    origin: Origin,
}

/// What is known under which name.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    variables: Vec<Variable>,
    tokens: Vec<Holder>,
    used: BTreeSet<String>,
}

impl Symbols {
    /// Makes a value known, unless it is already; says under which name.
    pub(super) fn know(
        &mut self,
        name: &str,
        value: &str,
        fits: Fits,
        origin: Origin,
    ) -> Option<String> {
        if value.is_empty() || self.variables.iter().any(|known| known.value == value) {
            return None;
        }
        let name = self.free(name);
        let value = value.to_owned();
        self.variables.push(Variable { name: name.clone(), value, fits, origin });
        Some(name)
    }

    /// Makes a token known, which `who` shows; says under which name.
    pub(super) fn know_token(&mut self, who: &str, token: Token, origin: Origin) -> Option<String> {
        if self.tokens.iter().any(|known| known.token == token) {
            return None;
        }
        let name = self.free(&format!("{who}_token"));
        self.tokens.push(Holder { token, name: name.clone(), who: who.to_owned(), origin });
        Some(name)
    }

    /// A name that is not taken.
    fn free(&self, name: &str) -> String {
        let is_free = |name: &String| {
            let variables = self.variables.iter().map(|known| &known.name);
            !variables.chain(self.tokens.iter().map(|known| &known.name)).any(|n| n == name)
        };
        let numbered = (2..).map(|number| format!("{name}{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(is_free).unwrap_or_default()
    }

    /// The lines that give these variables their values, where anything uses them.
    pub(super) fn learn(&self, names: &[String]) -> Vec<String> {
        let mut lines = Vec::new();
        for name in names.iter().filter(|name| self.used.contains(*name)) {
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
                Some(Origin::EventPresence) | None => {}
            }
        }
        lines
    }

    /// The names of all variables that are used and that the script has to find out.
    pub(super) fn to_declare(&self) -> Vec<&str> {
        let variables = self.variables.iter().map(|known| (&known.name, &known.origin));
        let all = variables.chain(self.tokens.iter().map(|known| (&known.name, &known.origin)));
        let found_out = all.filter(|(_, origin)| !matches!(origin, Origin::EventPresence));
        found_out.map(|(name, _)| &**name).filter(|name| self.used.contains(*name)).collect()
    }

    /// Who shows this token, and the word of the shell's that stands for it.
    pub(super) fn caller(&mut self, token: Option<&Token>) -> (String, String) {
        let Some(token) = token else { return ("nobody".to_owned(), "''".to_owned()) };
        match self.tokens.iter().find(|known| known.token == *token) {
            Some(known) => {
                self.used.insert(known.name.clone());
                (known.who.clone(), format!("\"${}\"", known.name))
            }
            // Every other token is one that nobody was given.
            None => ("somebody".to_owned(), "made-up-token".to_owned()),
        }
    }

    /// Whether anything uses this variable.
    pub(super) fn uses(&self, name: &str) -> bool {
        self.used.contains(name)
    }

    /// Whether a variable stands for this.
    pub(super) fn knows(&self, value: &str) -> bool {
        self.variables.iter().any(|known| known.value == value)
    }

    /// The word of the shell's for a value that a variable stands for; the empty one for another.
    pub(super) fn word(&mut self, value: Option<&str>) -> String {
        let text = value.map(|value| self.text(value)).unwrap_or_default();
        text.strip_prefix("env.").map_or("''".to_owned(), |name| format!("\"${name}\""))
    }

    /// The text as a term of jq's.
    pub(super) fn text(&mut self, text: &str) -> String {
        if let Some(known) = self.tokens.iter().find(|k| k.token == Token::from(text.to_owned())) {
            self.used.insert(known.name.clone());
            return format!("env.{}", known.name);
        }
        let pieces = self.pieces(text);
        match pieces.as_slice() {
            [Piece::Variable(name)] => format!("env.{name}"),
            pieces => format!("\"{}\"", interpolated(pieces, in_jq)),
        }
    }

    /// The path and the query of a request, but for what of the query is left out, as a program.
    pub(super) fn target(&mut self, request: &Request, left_out: &[&str]) -> String {
        let mut target: Vec<String> = Vec::new();
        for segment in request.segments() {
            target.push(interpolated(&self.pieces(&segment), escaped));
        }
        let mut target = target.join("/");
        let mut separator = '?';
        for (key, value) in request.query.iter().filter(|(key, _)| !left_out.contains(key)) {
            let value = interpolated(&self.pieces(value), escaped);
            target += &format!("{separator}{key}={value}");
            separator = '&';
        }
        let format = if target.contains("\\(") { "@uri " } else { "" };
        format!("{format}\"{target}\"")
    }

    /// A body as a program.
    pub(super) fn body(&mut self, body: &Value) -> String {
        match body {
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| self.body(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Object(fields) => {
                let fields = fields.iter().map(|(key, value)| match key.as_str() {
                    // It is the script's own.
                    "password" => "\"password\": env.password".to_owned(),
                    _ => format!("{}: {}", self.key(key), self.body(value)),
                });
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        }
    }

    /// The key of an object in a program: in parentheses where it is not a plain string.
    fn key(&mut self, key: &str) -> String {
        let key = self.text(key);
        if key.contains("env.") { format!("({key})") } else { key }
    }

    /// The text, cut where it holds what variables stand for.
    fn pieces(&mut self, text: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if let Some(known) = self.variables.iter().find(|known| known.value == text) {
            pieces.push(Piece::Variable(known.name.clone()));
        } else {
            let mut plain = String::new();
            let mut rest = text;
            while let Some(next) = rest.chars().next() {
                let known = self.variables.iter().filter(|known| known.begins(&plain, rest));
                if let Some(known) = known.max_by_key(|known| known.value.len()) {
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Variable(known.name.clone()));
                    rest = &rest[known.value.len()..];
                } else {
                    plain.push(next);
                    rest = &rest[next.len_utf8()..];
                }
            }
            if !plain.is_empty() {
                pieces.push(Piece::Text(plain));
            }
        }
        for piece in &pieces {
            if let Piece::Variable(name) = piece {
                self.use_(name);
            }
        }
        pieces
    }

    fn use_(&mut self, name: &str) {
        self.used.insert(name.to_owned());
        let of = self.variables.iter().find(|known| known.name == name);
        if let Some(Origin::LocalpartOf(id)) = of.map(|known| known.origin.clone()) {
            self.used.insert(id);
        }
    }
}

impl Variable {
    /// Whether `rest`, which `before` comes before, begins with what the variable stands for.
    fn begins(&self, before: &str, rest: &str) -> bool {
        let Some(after) = rest.strip_prefix(&self.value) else { return false };
        match self.fits {
            Fits::Alone => false,
            Fits::Within => true,
            Fits::AsServerName => {
                before.ends_with([':', '/']) && (after.is_empty() || after.starts_with('/'))
            }
        }
    }
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable(String),
}

/// The inner of a string of jq's.
fn interpolated(pieces: &[Piece], text: impl Fn(&str) -> String) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(plain) => text(plain),
        Piece::Variable(name) => format!("\\(env.{name})"),
    };
    pieces.iter().map(piece).collect()
}

/// A program as a word of the shell's: bare, where that is plain to see.
fn shell_program(program: &str) -> String {
    let is_plain = program.chars().all(|c| c.is_ascii_alphanumeric() || "._".contains(c));
    if is_plain { program.to_owned() } else { word(program) }
}

#[cfg(test)]
mod tests {
    use guest_access_rules::endpoint::KNOWN;
    use serde_json::json;

    use super::*;

    fn symbols() -> Symbols {
        let mut symbols = Symbols::default();
        let id = Origin::Answer(".user_id".to_owned());
        symbols.know("run", "ga-1", Fits::Within, Origin::EventPresence);
        symbols.know("server_name", "b", Fits::AsServerName, Origin::EventPresence);
        symbols.know("guest1_id", "@17:b", Fits::Within, id);
        let localpart = Origin::LocalpartOf("guest1_id".to_owned());
        symbols.know("guest1_name", "17", Fits::Alone, localpart);
        let token = Origin::Answer(".access_token".to_owned());
        symbols.know_token("guest1", "secret".to_owned().into(), token);
        symbols
    }

    #[test]
    fn what_was_learned_is_replaced_by_variables() {
        let mut symbols = symbols();
        assert_eq!(symbols.text("@17:b"), "env.guest1_id");
        assert_eq!(symbols.text("mxc://b/17"), r#""mxc://\(env.server_name)/17""#);
        assert_eq!(symbols.text("a bee"), "\"a bee\"");
        let body = json!({ "username": "17", "guest_access_token": "secret", "password": "p" });
        let program = symbols.body(&body);
        assert!(program.contains(r#""username": env.guest1_name"#), "{program}");
        assert!(program.contains(r#""guest_access_token": env.guest1_token"#), "{program}");
        assert!(program.contains(r#""password": env.password"#), "{program}");
        let levels = json!({ "users": { "@17:b": 50 } });
        assert_eq!(symbols.body(&levels), r#"{"users": {(env.guest1_id): 50}}"#);
    }

    #[test]
    fn a_path_and_a_query_are_escaped_but_for_the_variables_which_jq_escapes() {
        let request = Request::to(KNOWN.put_state, ["!r:b", "m.room.member", "@17:b"]);
        let request = request.query("user_id", "a b ga-1").query("from", "x");
        assert_eq!(
            symbols().target(&request, &["from"]),
            r#"@uri "/_matrix/client/v3/rooms/%21r%3A\(env.server_name)/state/m.room.member/\(env.guest1_id)?user_id=a%20b%20\(env.run)""#
        );
    }

    #[test]
    fn only_what_is_used_is_learned_with_what_it_comes_from() {
        let mut symbols = symbols();
        let names = ["guest1_id", "guest1_name", "guest1_token"].map(str::to_owned);
        assert!(symbols.learn(&names).is_empty());
        symbols.text("17");
        assert_eq!(symbols.learn(&names)[0], "learn guest1_id .user_id");
        assert_eq!(symbols.to_declare(), ["guest1_id", "guest1_name"]);
    }

    #[test]
    fn a_token_that_nobody_was_given_is_not_repeated() {
        let token = Token::from("another".to_owned());
        assert_eq!(symbols().caller(Some(&token)).1, "made-up-token");
        assert_eq!(symbols().caller(Some(&"secret".to_owned().into())).1, "\"$guest1_token\"");
    }
}
