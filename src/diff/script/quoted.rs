//! Quotes texts for a script. A hostile homeserver may have chosen the texts.

/// The text as one word of the shell, in single quotes.
pub(super) fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The text on one line, for people: without line breaks and terminal control characters.
pub(super) fn line(text: &str) -> String {
    let source = |c: char| if c.is_control() || is_invisible(c) { '?' } else { c };
    text.chars().map(source).collect()
}

/// Whether a character breaks the line or changes the direction of the text, although it is no control
/// character.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text as the inner part of a jq string. jq interpolates nothing in the text.
pub(super) fn in_jq(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVIL: &str = "'; touch /tmp/x; $(touch x) `touch y` \\(env.password) \"\n#\r\u{1b}[2J'";

    #[test]
    fn a_quoted_word_cannot_end_early() {
        assert_eq!(word("a'b$(c)"), r"'a'\''b$(c)'");
        // Every quote within the quotes belongs to an escaped quote.
        let quoted = word(EVIL);
        let inner = &quoted[1..quoted.len() - 1];
        assert!(!inner.replace(r"'\''", "").contains('\''));
    }

    #[test]
    fn a_line_stays_one_line() {
        assert!(!line(EVIL).contains(char::is_control));
        assert_eq!(line("a\nb\u{2028}c\u{202e}d é"), "a?b?c?d é");
    }

    #[test]
    fn jq_interpolates_nothing_in_a_quoted_string() {
        assert_eq!(in_jq(r"\(env.password)"), r"\\(env.password)");
        assert_eq!(in_jq("\"\n"), "\\\"\\n");
    }
}
