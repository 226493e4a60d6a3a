//! One page of HTML, without other files, network access or scripts.
//!
//! Most of the text of a page comes from a homeserver. maud escapes every text, so a page never contains
//! markup of the homeserver.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Run;

/// The style sheet, for light and dark screens and for paper.
const STYLE: &str = include_str!("diff/html/style.css");

/// A page.
pub(super) struct Page<'a> {
    /// The title, which is also the first heading.
    pub(super) title: &'a str,
    /// What follows the first heading: the verdict.
    pub(super) header: Markup,
    /// The content.
    pub(super) main: Markup,
    /// The id of the rules.
    pub(super) rules: &'a str,
    /// The run that made the page.
    pub(super) run: &'a Run,
}

impl Page<'_> {
    /// The text of the page.
    pub(super) fn text(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    // A second defence, should a text of the homeserver ever be unescaped.
                    meta http-equiv="Content-Security-Policy"
                        content="default-src 'none'; style-src 'unsafe-inline'";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header {
                        h1 { (self.title) }
                        (self.header)
                    }
                    main { (self.main) }
                    (self.footer())
                }
            }
        };
        page.into_string() + "\n"
    }

    fn footer(&self) -> Markup {
        let run = self.run;
        html! {
            footer {
                p { code { (run.command) } }
                p.fine {
                    "guest-access " (run.version) ", begun " (run.started) ", rules " (self.rules)
                    " (SHA-256 " (run.rules_sha256) ")"
                    @if let Some(seed) = run.seed { ", seed " (seed) }
                }
            }
        }
    }
}

/// Text as markup; text between backticks is code.
pub(super) fn prose(text: &str) -> Markup {
    let parts: Vec<_> = text.split('`').collect();
    // Without a closing backtick, the backticks stay as they are.
    if parts.len().is_multiple_of(2) {
        return html! { (text) };
    }
    html! {
        @for (index, part) in parts.iter().enumerate() {
            @if index % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}
