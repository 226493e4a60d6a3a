//! The way to a state as a sequence diagram: who asked the server for what, and what it said.

use std::fmt::Write;

use guest_access_model::step::Actor;

use crate::scenario::{actor_name, sentence};

use super::model::Taken;

/// Between two actors, and from the edge to the first.
const COLUMN: usize = 160;
/// Between two steps.
const ROW: usize = 44;

/// The steps as a diagram, in SVG.
pub(super) fn svg<'a>(taken: impl Iterator<Item = &'a Taken>) -> String {
    let taken: Vec<_> = taken.collect();
    let mut actors = vec![Actor::Server];
    for step in &taken {
        if !actors.contains(&step.step.by) {
            actors.push(step.step.by);
        }
    }
    // The server stands to the left, and all who call it to its right.
    let x = |index: usize| COLUMN / 2 + index * COLUMN;
    let (width, height) = (x(actors.len()) + 3 * COLUMN, ROW * (taken.len() + 2));
    let mut svg = format!(
        // The Explorer's page is dark: the diagram brings its own paper.
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12"><rect width="{width}" height="{height}" rx="6" fill="#fff"/>"##
    );
    for (index, actor) in actors.iter().enumerate() {
        let (x, name) = (x(index), actor_name(*actor));
        let _ = write!(
            svg,
            r##"<text x="{x}" y="16" text-anchor="middle" font-weight="bold">{name}</text><line x1="{x}" y1="24" x2="{x}" y2="{height}" stroke="#bbb"/>"##
        );
    }
    for (row, step) in taken.iter().enumerate() {
        let from = x(actors.iter().position(|actor| *actor == step.step.by).unwrap_or_default());
        let y = ROW * (row + 1) + 20;
        let decision = &step.observation.decision;
        let colour = if decision.allows() { "#197a2b" } else { "#b3261e" };
        let _ = write!(
            svg,
            r#"<line x1="{from}" y1="{y}" x2="{to}" y2="{y}" stroke="{colour}"/><circle cx="{to}" cy="{y}" r="3" fill="{colour}"/>"#,
            to = x(0),
        );
        let _ = write!(
            svg,
            r#"<text x="{at}" y="{above}">{said}</text><text x="{at}" y="{below}" fill="{colour}">{decision}</text>"#,
            at = x(0) + 8,
            above = y - 4,
            below = y + 14,
            said = escaped(&format!("{}. {}", row + 1, sentence(&step.step))),
        );
    }
    svg + "</svg>"
}

/// Text as XML holds it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
