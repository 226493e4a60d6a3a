//! Access tokens and passwords, which no output shows.

use std::fmt;

use serde::Deserialize;

/// An access token or a password. Only requests to the homeserver hold it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// A token that no server ever issued.
    pub fn made_up() -> Self {
        Self("made-up-token".to_owned())
    }

    /// The token itself, for a request.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_output_hides_a_token() {
        let token = Token::from("syt_secret".to_owned());
        assert!(!format!("{token:?}").contains("secret"));
        assert_eq!(token.reveal(), "syt_secret");
    }
}
