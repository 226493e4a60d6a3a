//! The shapes of settings that the rules do not know: malformed content, and values of nobody's.
//!
//! The rules treat all shapes alike, and a homeserver may not. A session sends another shape at each
//! such setting, in a fixed order. The order begins at the number of the action that sends the first
//! such setting. So sessions begin at different shapes, and the same scenario always sends the same
//! shapes.

use std::cell::Cell;

use guest_access_model::action::{Action, Key, Operation, Says};
use serde_json::{Value, json};

/// The number of shapes of malformed content.
const MALFORMED: usize = 6;
/// The number of shapes of a value of nobody's.
const UNKNOWN: usize = 4;
/// The most shapes that one setting has.
pub const MOST_SHAPES: usize = MALFORMED;

/// Chooses the shapes of one session.
#[derive(Debug, Default)]
pub(super) struct ShapeRotation {
    next: Cell<Option<usize>>,
}

impl ShapeRotation {
    /// The number of the next shape; `action` is the number of the action that sends the setting.
    pub(super) fn next(&self, action: usize) -> usize {
        let shape = self.next.get().unwrap_or(action);
        self.next.set(Some(shape + 1));
        shape
    }
}

/// How many shapes the setting has that the action sends as the setting of its room.
pub fn setting_shapes(action: &Action) -> usize {
    match action.operation {
        Operation::SetVisibility(Says::Malformed, Key::Empty)
        | Operation::SetGuestAccess(Says::Malformed, Key::Empty) => MALFORMED,
        Operation::SetVisibility(Says::Unknown, Key::Empty)
        | Operation::SetGuestAccess(Says::Unknown, Key::Empty) => UNKNOWN,
        _ => 1,
    }
}

/// Malformed content in the shape with this number. `open` is the value that gives guests the most: a
/// homeserver that finds it in the content may act on it.
pub(super) fn malformed(key: &str, open: &str, shape: usize) -> Value {
    let shapes: [Value; MALFORMED] = [
        json!({ key: 7 }),
        json!({}),
        json!({ key: null }),
        json!({ key: [open] }),
        json!({ key: { open: true } }),
        json!({ key: true }),
    ];
    shapes[shape % MALFORMED].clone()
}

/// Content with a value of nobody's in the shape with this number; `open` is as for malformed content.
pub(super) fn unknown(key: &str, open: &str, shape: usize) -> Value {
    let shapes: [String; UNKNOWN] = [
        "org.example.unknown".to_owned(),
        format!("{open}\0"),
        String::new(),
        open.to_ascii_uppercase(),
    ];
    json!({ key: shapes[shape % UNKNOWN] })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};

    use super::*;

    #[test]
    fn the_shapes_of_a_session_follow_each_other() {
        let shapes = ShapeRotation::default();
        assert_eq!([3, 9, 9].map(|action| shapes.next(action)), [3, 4, 5]);
    }

    #[test]
    fn no_shape_is_a_value_of_the_specification() {
        let key = "guest_access";
        let of = |shape| [malformed(key, "can_join", shape), unknown(key, "can_join", shape)];
        let contents: Vec<_> = (0..MALFORMED).flat_map(of).collect();
        for content in &contents {
            let text = content[key].as_str().unwrap_or_default();
            assert_eq!(GuestAccess::from_spelling(text), None, "{content}");
            assert_eq!(HistoryVisibility::from_spelling(text), None, "{content}");
        }
        let different: BTreeSet<_> = contents.iter().map(Value::to_string).collect();
        assert_eq!(different.len(), MALFORMED + UNKNOWN);
    }
}
