//! Texts in a script that nobody vouches for: a homeserver may have chosen them.

/// The text as one word of the shell's, which takes it as it stands.
pub(super) fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The text in one line, to be read: without anything that ends a line or steers a terminal.
pub(super) fn line(text: &str) -> String {
    let source = |c: char| if c.is_control() || is_invisible(c) { '?' } else { c };
    text.chars().map(source).collect()
}

/// What ends a line or turns the direction of the text, although it is no control character.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text as a string of jq's, without the quotes: nothing in it is interpolated.
pub(super) fn in_jq(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVIL: &str = "'; touch /tmp/x; $(touch x) `touch y` \\(env.password) \"\n#\r\u{1b}[2J'";

    #[test]
    fn a_word_ends_only_where_it_is_meant_to() {
        assert_eq!(word("a'b$(c)"), r"'a'\''b$(c)'");
        // Between the quotes there is no quote but those that end it for one escaped quote.
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
    fn nothing_is_interpolated_in_a_string_of_jqs() {
        assert_eq!(in_jq(r"\(env.password)"), r"\\(env.password)");
        assert_eq!(in_jq("\"\n"), "\\\"\\n");
    }
}
