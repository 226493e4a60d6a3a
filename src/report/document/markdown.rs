//! A document as Markdown. Sequence diagrams are blocks of [Mermaid](https://mermaid.js.org), which GitHub
//! and GitLab draw.

use std::fmt::Write;

use super::{Document, Part};

/// The text of the document.
pub(super) fn text(document: &Document<'_>) -> String {
    let mut text = format!("# {}\n", escaped(&document.title));
    let verdicts: Vec<_> =
        document.verdicts.iter().map(|verdict| format!("**{}**", escaped(&verdict.text))).collect();
    block(&mut text, &verdicts.join(" · "));
    for part in &document.parts {
        block(&mut text, &self::part(part));
    }
    let run = document.run;
    let made = format!(
        "Made by `{}`, guest-access {}, begun {}, rules {} (SHA-256 {})",
        run.command.replace('`', "'"),
        run.version,
        run.started,
        escaped(&document.rules),
        run.rules_sha256
    );
    block(&mut text, &format!("<sub>{made}</sub>"));
    text
}

/// Adds a block after an empty line.
fn block(text: &mut String, block: &str) {
    let _ = write!(text, "\n{}\n", block.trim_end());
}

fn part(part: &Part) -> String {
    match part {
        Part::Section(heading) => format!("## {}", escaped(heading)),
        Part::Finding(heading) => format!("### {}", escaped(heading)),
        Part::Paragraph(text) => escaped(text),
        Part::List(sentences) => {
            let items = sentences.iter().map(|sentence| format!("- {}", escaped(sentence)));
            items.collect::<Vec<_>>().join("\n")
        }
        Part::Table { headings, rows } => {
            let row = |cells: &mut dyn Iterator<Item = String>| {
                format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
            };
            let mut table = row(&mut headings.iter().map(|heading| (*heading).to_owned()));
            table += &row(&mut headings.iter().map(|_| "---".to_owned()));
            for cells in rows {
                table += &row(&mut cells.iter().map(|cell| escaped(&cell.text)));
            }
            table
        }
        Part::Trace(trace) => {
            let diagram = format!("```mermaid\n{}```", trace.mermaid());
            match trace.because() {
                Some(because) => format!("{diagram}\n\n{}", escaped(because)),
                None => diagram,
            }
        }
    }
}

/// The text in one line of Markdown: text between backticks is code, and everything else is no markup.
fn escaped(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // Without a closing backtick, no text is code.
    let has_code = !text.split('`').count().is_multiple_of(2);
    let mut is_code = false;
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '`' if has_code => is_code = !is_code,
            // Also within code, a bar ends the cell of a table.
            '|' => escaped.push('\\'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '~' if !is_code => {
                escaped.push('\\');
            }
            _ => {}
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_between_backticks_is_markup() {
        assert_eq!(escaped("`GET /sync` <b> a_b"), r"`GET /sync` \<b\> a\_b");
        assert_eq!(escaped("a `b | *c*` d"), r"a `b \| *c*` d");
        assert_eq!(escaped("one ` alone\n# no heading"), r"one \` alone \# no heading");
    }
}
