//! A scenario as a sequence diagram: the calls of each actor, and the homeserver's answers.
//!
//! The SVG contains its own colours, so it needs no other file. A page that embeds the SVG can set
//! other colours for its classes.

use guest_access_model::action::{Action, Actor};
use guest_access_scenarios::scenario::{actor_name, sentence_with};
use maud::{Markup, html};

/// The distance between two actors, and from the edge to the first actor.
const COLUMN: usize = 150;
/// The distance between two lines of text.
const LINE: usize = 17;
/// The assumed greatest width of a character.
const CHARACTER: usize = 7;
/// The height of the row with the names of the actors.
const HEAD: usize = 34;

/// A step of a scenario, and the answers to the step.
#[derive(Debug, Clone)]
pub struct DiagramRow<'a> {
    /// The step.
    pub step: &'a Action,
    /// The answers, one line each.
    pub answers: Vec<DiagramAnswer>,
}

/// An answer to a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiagramAnswer {
    /// The answer in words.
    pub words: String,
    /// The kind of the answer, which determines the colour.
    pub kind: AnswerKind,
}

/// The kind of an answer, which determines its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// The homeserver allowed the step.
    Allowed,
    /// The homeserver denied the step.
    Denied,
    /// The answer that the rules expect.
    Expected,
    /// The homeserver's answer, which the rules forbid.
    Wrong,
}

impl AnswerKind {
    const fn class(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Expected => "expected",
            Self::Wrong => "wrong",
        }
    }

    const fn colour(self) -> &'static str {
        match self {
            Self::Allowed | Self::Expected => "#197a2b",
            Self::Denied => "#5f6368",
            Self::Wrong => "#b3261e",
        }
    }
}

/// The rows as a diagram, in SVG; the tagged event is called `label`.
pub fn svg(rows: &[DiagramRow<'_>], label: &str) -> Markup {
    let mut actors = vec![Actor::Server];
    for row in rows {
        if !actors.contains(&row.step.by) {
            actors.push(row.step.by);
        }
    }
    // The server stands on the left, and its callers on the right.
    let x = |index: usize| COLUMN / 2 + index * COLUMN;
    let sentences: Vec<_> = (1..)
        .zip(rows)
        .map(|(number, row)| format!("{number}. {}", sentence_with(row.step, label)))
        .collect();
    let answers = rows.iter().flat_map(|row| &row.answers).map(|answer| &answer.words);
    let longest = sentences.iter().chain(answers).map(|text| text.chars().count()).max();
    let text = x(0) + (longest.unwrap_or_default() + 2) * CHARACTER;
    let width = text.max(x(actors.len()));
    let row_height = |row: &DiagramRow<'_>| LINE * (2 + row.answers.len());
    // The line of each step runs below the words of the step, and above the answers.
    let lines = rows.iter().scan(HEAD, |top, row| {
        let line = *top + LINE + 4;
        *top += row_height(row);
        Some(line)
    });
    let lines: Vec<_> = lines.collect();
    let height = HEAD + rows.iter().map(row_height).sum::<usize>();
    html! {
        svg xmlns="http://www.w3.org/2000/svg" class="diagram" role="img" width=(width) height=(height)
            viewBox=(format!("0 0 {width} {height}")) font-family="sans-serif" font-size="12" {
            title { "The calls to the homeserver, and its answers" }
            rect class="paper" width=(width) height=(height) rx="6" fill="#fff" {}
            @for index in 0..actors.len() {
                line class="lane" x1=(x(index)) y1="24" x2=(x(index)) y2=(height) stroke="#ccc" {}
            }
            @for (row, y) in rows.iter().zip(&lines) {
                @let from = x(actors.iter().position(|a| *a == row.step.by).unwrap_or_default());
                @let kind = row.answers.last().map_or(AnswerKind::Allowed, |answer| answer.kind);
                line class=(kind.class()) x1=(from) y1=(y) x2=(x(0)) y2=(y) stroke=(kind.colour()) {}
                circle class=(kind.class()) cx=(x(0)) cy=(y) r="3" fill=(kind.colour()) {}
            }
            // A white outline separates the text from lines that cross the text.
            g.words paint-order="stroke" stroke="#fff" stroke-width="3" stroke-linejoin="round" {
                @for (index, actor) in actors.iter().enumerate() {
                    text.ink x=(x(index)) y="16" text-anchor="middle" font-weight="bold" {
                        (actor_name(*actor))
                    }
                }
                @for ((row, y), sentence) in rows.iter().zip(&lines).zip(&sentences) {
                    text.ink x=(x(0) + 8) y=(y - 5) { (sentence) }
                    @for (number, answer) in (1..).zip(&row.answers) {
                        text class=(answer.kind.class()) x=(x(0) + 8) y=(y + LINE * number - 2)
                            fill=(answer.kind.colour()) { (answer.words) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use guest_access_model::action::Operation;

    use super::*;

    #[test]
    fn the_diagram_escapes_the_answers_of_the_homeserver() {
        let step = Action::new(Actor::Guest(0), Operation::WhoAmI);
        let words = "deny 403 <script>alert(1)</script> \"&'".to_owned();
        let answers = vec![DiagramAnswer { words, kind: AnswerKind::Wrong }];
        let svg = svg(&[DiagramRow { step: &step, answers }], "e1").into_string();
        assert!(!svg.contains("<script"), "{svg}");
        assert!(svg.contains("&lt;script&gt;"), "{svg}");
        assert!(svg.contains("1. guest1 asks who it is"), "{svg}");
    }
}
