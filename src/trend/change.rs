//! The change of a divergence or of a cause over several reports.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Presence;

/// How the presence in the reports changes, from the first report to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Absent at first, and present from some report on.
    Came,
    /// Present in every report.
    Stayed,
    /// Present at first, and absent from some report on.
    Went,
    /// The presence changes more than once.
    CameAndWent,
    /// The reports that are not known decide which of the other changes it is.
    NotKnown,
}

impl Change {
    /// Every change, in the order of the reports.
    pub const ALL: [Self; 5] =
        [Self::Came, Self::Stayed, Self::Went, Self::CameAndWent, Self::NotKnown];

    /// The change in words.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Came => "came",
            Self::Stayed => "stayed",
            Self::Went => "went",
            Self::CameAndWent => "came and went",
            Self::NotKnown => "not known",
        }
    }

    /// The change over these reports, at least one of which has the divergence or the cause.
    ///
    /// A report that is not known may be either. If not every choice leads to the same change, the change
    /// is not known.
    pub fn of(presence: &[Presence]) -> Self {
        let mut courses: BTreeSet<Option<Course>> = BTreeSet::from([None]);
        for presence in presence {
            let choices: &[bool] = match presence {
                Presence::Present => &[true],
                Presence::Absent => &[false],
                Presence::NotKnown { .. } => &[true, false],
            };
            let next = |before: Option<Course>| {
                choices.iter().map(move |is_present| Some(Course::after(before, *is_present)))
            };
            courses = courses.into_iter().flat_map(next).collect();
        }
        let changes: BTreeSet<_> = courses.into_iter().flatten().map(Course::change).collect();
        match changes.first() {
            Some(change) if changes.len() == 1 => *change,
            _ => Self::NotKnown,
        }
    }
}

/// What matters of the reports so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Course {
    is_present: bool,
    /// How often the presence changed; 2 stands for more.
    switches: u8,
}

impl Course {
    fn after(before: Option<Self>, is_present: bool) -> Self {
        let switches = before.map_or(0, |before| {
            (before.switches + u8::from(before.is_present != is_present)).min(2)
        });
        Self { is_present, switches }
    }

    const fn change(self) -> Change {
        match (self.switches, self.is_present) {
            (0, _) => Change::Stayed,
            (1, true) => Change::Came,
            (1, false) => Change::Went,
            _ => Change::CameAndWent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The change of a row: `x` for present, `.` for absent, `?` for not known.
    fn change(row: &str) -> Change {
        let presence = row.chars().map(|c| match c {
            'x' => Presence::Present,
            '.' => Presence::Absent,
            _ => Presence::NotKnown { because: String::new() },
        });
        Change::of(&presence.collect::<Vec<_>>())
    }

    #[test]
    fn known_reports_give_the_change() {
        for (rows, expected) in [
            (&["x", "xx", "xxx"][..], Change::Stayed),
            (&[".x", "..x", ".xx"], Change::Came),
            (&["x.", "xx.", "x.."], Change::Went),
            (&[".x.", "x.x", ".x.x", "x.x.x"], Change::CameAndWent),
        ] {
            for row in rows {
                assert_eq!(change(row), expected, "{row}");
            }
        }
    }

    #[test]
    fn a_report_that_is_not_known_never_decides_the_change() {
        for (rows, expected) in [
            (&["x?", "?x", "x?x", "?.x", "x.?", ".??x", "x??."][..], Change::NotKnown),
            (&[".?x", ".?xx"], Change::Came),
            (&["x?.", "xx?."], Change::Went),
            (&[".x?x.", "?x.x", ".x.?"], Change::CameAndWent),
        ] {
            for row in rows {
                assert_eq!(change(row), expected, "{row}");
            }
        }
    }
}
