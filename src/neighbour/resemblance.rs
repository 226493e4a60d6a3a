//! Whether what another server is told of a guest is what it is told of a user.

use std::collections::BTreeSet;

use serde_json::Value;

/// The most characters of a server's text that a difference quotes.
const LONGEST: usize = 60;

/// Compares what is told of a guest with what is told of a user.
///
/// # Errors
/// What tells that the one is a guest: a key that the user does not have, or the word guest.
pub(super) fn alike(guest: &Value, user: &Value) -> Result<(), String> {
    let (mut of_guest, mut of_user) = (Told::default(), Told::default());
    of_guest.note(guest, "");
    of_user.note(user, "");
    if let Some(key) = of_guest.keys.difference(&of_user.keys).next() {
        return Err(format!("only the guest has `{}`", short(key)));
    }
    if let Some(text) = of_guest.guest_words.difference(&of_user.guest_words).next() {
        return Err(format!("it says `{}`", short(text)));
    }
    Ok(())
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// What a JSON value tells.
#[derive(Default)]
struct Told {
    /// The paths of the keys.
    keys: BTreeSet<String>,
    /// The texts that have the word guest. Ids of users are left out: every event names its sender.
    guest_words: BTreeSet<String>,
}

impl Told {
    fn note(&mut self, value: &Value, path: &str) {
        match value {
            Value::Object(entries) => {
                for (key, value) in entries {
                    let path = format!("{path}.{key}");
                    self.note(value, &path);
                    self.keys.insert(path);
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.note(value, path);
                }
            }
            Value::String(text)
                if !text.starts_with('@') && text.to_lowercase().contains("guest") =>
            {
                self.guest_words.insert(text.clone());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_key_or_the_word_guest_tells() {
        let user = json!({ "membership": "join", "displayname": "me" });
        alike(&json!({ "membership": "join" }), &user).unwrap();
        alike(&json!({ "membership": "join", "displayname": "you" }), &user).unwrap();
        let key = alike(&json!({ "membership": "join", "kind": "x" }), &user).unwrap_err();
        assert_eq!(key, "only the guest has `.kind`");
        let word = alike(&json!({ "displayname": "Guest 7" }), &user).unwrap_err();
        assert_eq!(word, "it says `Guest 7`");
    }

    #[test]
    fn a_key_deep_inside_tells() {
        let (guest, user) = (json!({ "a": [{ "b": 1 }] }), json!({ "a": [{}] }));
        assert_eq!(alike(&guest, &user).unwrap_err(), "only the guest has `.a.b`");
    }
}
