//! The shape of a rules file: each key is known, each value is of the kind that the key asks for, and no
//! necessary key is missing.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use crate::decision_point::PointId;
use crate::key::{KEYS, Key, KeyValue};
use crate::similar::did_you_mean;

/// A fault in the shape: the place in the text, and what would be right.
pub(super) struct Fault {
    pub(super) at: Range<usize>,
    pub(super) message: String,
}

/// Removes every part of the file that has a wrong shape. The result is the fault of each.
pub(super) fn remove_faulty(table: &mut DeTable<'_>) -> Vec<Fault> {
    let mut faults = Faults::default();
    faults.check(table, &Key::top().collect::<Vec<_>>(), "a rules file", &(0..0));
    faults.found
}

#[derive(Default)]
struct Faults {
    found: Vec<Fault>,
}

impl Faults {
    /// Adds a fault. The result says that the part is not right.
    fn add(&mut self, at: &Range<usize>, message: String) -> bool {
        self.found.push(Fault { at: at.clone(), message });
        false
    }

    /// Whether the table, which begins at `at`, has these keys. Removes what is wrong. Messages call the
    /// table `what`.
    fn check(
        &mut self,
        table: &mut DeTable<'_>,
        keys: &[&Key],
        what: &str,
        at: &Range<usize>,
    ) -> bool {
        let before = self.found.len();
        for key in keys.iter().filter(|key| key.is_required) {
            let name = key.name_in_entry();
            if !table.keys().any(|given| given.get_ref() == name) {
                self.add(at, format!("{what} needs the key `{name}`: {}", key.means));
            }
        }
        retain(table, |name, value| {
            if let Some(key) = keys.iter().find(|key| key.name_in_entry() == name.get_ref()) {
                return self.check_value(key, name, value);
            }
            let known: Vec<_> = keys.iter().map(|key| key.name_in_entry()).collect();
            let near = did_you_mean(name.get_ref(), known.iter().copied());
            let (name_of, known) = (name.get_ref(), known.join(", "));
            self.add(
                &name.span(),
                format!("{what} has no key `{name_of}`;{near} its keys are {known}"),
            )
        });
        self.found.len() == before
    }

    /// Whether the value is one of the key. Removes the entries that are wrong.
    fn check_value(
        &mut self,
        key: &Key,
        name: &Spanned<DeString<'_>>,
        value: &mut Spanned<DeValue<'_>>,
    ) -> bool {
        let name_of = key.name_in_entry();
        let entry: Vec<_> = key.keys_of_an_entry().collect();
        let message = match (key.value, value.get_mut()) {
            (KeyValue::Entries, DeValue::Array(entries))
                if entries.iter().all(|entry| entry.get_ref().is_table()) =>
            {
                let mut right = DeArray::new();
                for one in entries.iter_mut() {
                    let (what, at) = (format!("an entry `{}`", key.id), one.span());
                    if let DeValue::Table(table) = one.get_mut()
                        && self.check(table, &entry, &what, &at)
                    {
                        right.push(one.clone());
                    }
                }
                *entries = right;
                return true;
            }
            (KeyValue::Points, DeValue::Table(points)) => {
                retain(points, |point, answer| self.check_point(point, answer, &entry));
                return true;
            }
            (KeyValue::Entries, _) => format!(
                "write `{}` on a line of its own before each entry, with two pairs of brackets",
                key.id
            ),
            (KeyValue::Points, _) => {
                "write `[points]` on a line of its own before the answers".to_owned()
            }
            (kind, DeValue::Array(list))
                if kind.is_list() && list.iter().all(|item| item.get_ref().is_str()) =>
            {
                return true;
            }
            (kind, _) if kind.is_list() => format!(
                "`{name_of}` is a list of texts, each in quotation marks: `{name_of} = [\"…\"]`"
            ),
            (_, DeValue::String(_)) => return true,
            _ => format!("`{name_of}` is a text in quotation marks: `{name_of} = \"…\"`"),
        };
        self.add(&name.span(), message)
    }

    /// Whether the answer to a decision point is a table with these keys.
    fn check_point(
        &mut self,
        point: &Spanned<DeString<'_>>,
        answer: &mut Spanned<DeValue<'_>>,
        keys: &[&Key],
    ) -> bool {
        let name = point.get_ref();
        let DeValue::Table(table) = answer.get_mut() else {
            let message =
                format!("the answer to `{name}` is a table: `\"{name}\" = {{ required = \"…\" }}`");
            return self.add(&point.span(), message);
        };
        if PointId::find(name).is_none()
            && let Some(whole) = unquoted(name, table)
        {
            let message = format!(
                "write `\"{whole}\"` in quotation marks: without them, the dot begins a table `{name}`"
            );
            return self.add(&point.span(), message);
        }
        self.check(table, keys, &format!("the answer to `{name}`"), &point.span())
    }
}

/// Keeps the entries of the table for which `keep` holds.
fn retain<'i>(
    table: &mut DeTable<'i>,
    mut keep: impl FnMut(&Spanned<DeString<'i>>, &mut Spanned<DeValue<'i>>) -> bool,
) {
    for (name, mut value) in std::mem::replace(table, DeTable::new()) {
        if keep(&name, &mut value) {
            table.insert(name, value);
        }
    }
}

/// The decision point that an author meant by the beginning of its name and this table: the dot of an
/// unquoted name begins a table.
fn unquoted(name: &str, table: &DeTable<'_>) -> Option<String> {
    table.iter().find_map(|(next, value)| {
        let whole = format!("{name}.{}", next.get_ref());
        let table = value.get_ref().as_table()?;
        let is_point = PointId::find(&whole).is_some()
            || KEYS.iter().all(|key| key.name_in_entry() != next.get_ref());
        is_point.then(|| unquoted(&whole, table).unwrap_or(whole))
    })
}
