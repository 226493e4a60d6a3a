//! Disciplines of concurrency control: how a homeserver isolates overlapping calls.
//!
//! The rules speak of one call at a time. No text says what a server has to lock, to check again or to do
//! atomically. Each such question is a point with options, like the questions of the rules in
//! [`decision_point`](crate::decision_point).
//!
//! - The first options together are safe ([`Discipline::FIRST`]).
//! - `point=option` switches on any other option.
//! - [`DISCIPLINES`] names the combinations that real servers have.
//!
//! ```
//! use guest_access_rules::discipline::{Discipline, Holds};
//!
//! let discipline = Discipline::find("call.holds=nothing")?;
//! assert_eq!(discipline.holds, Holds::Nothing);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::decision_point::points;

points! {
/// One option for every point: the whole discipline of a homeserver.
Discipline,
read by []
/// Every point of a discipline.
DISCIPLINE_POINTS {
    /// Which locks does a call hold until it is answered?
    "call.holds" holds: Holds [] {
        /// The lock of its user, from the check of the token on, and the lock of its room, from the check
        /// of the room on. A call that changes a user holds the lock of that user. A revocation takes the
        /// locks of all users that it may remove, atomically with the lock of the room.
        RoomAndUser = "room_and_user",
        /// The lock of its room, from the check of the room on.
        Room = "room",
        /// The lock of its user, from the check of the token on. A revocation holds the lock of each user
        /// while it removes the user.
        User = "user",
        /// None: the call checks, and later acts on the result of the check.
        Nothing = "nothing",
    }

    /// Does a call that only reads hold the same locks as other calls?
    "call.readers" readers: Readers [] {
        /// Yes.
        HoldToo = "hold_too",
        /// No, it holds no lock.
        HoldNothing = "hold_nothing",
    }

    /// At which moments does a call read the token, the room and the events?
    "call.reads" reads: Reads [] {
        /// At several: it reads them one after the other, each at its own moment.
        AsItGoes = "as_it_goes",
        /// At one moment, that of the check: all reads see one snapshot.
        Snapshot = "snapshot",
    }

    /// Which part of its check does a call repeat atomically with its change?
    "call.rechecks" rechecks: Rechecks [] {
        /// None.
        Nothing = "nothing",
        /// The part that depends on the room.
        Room = "room",
        /// The part that depends on the token.
        Token = "token",
        /// The whole check.
        Everything = "everything",
    }

    /// Does a call commit all its changes atomically?
    "call.commits" commits: Commits [] {
        /// No, one after the other. An upgrade changes the account, and then ends the old token. A
        /// revocation sends the event, and then removes one member after the other.
        OneByOne = "one_by_one",
        /// Yes.
        AtOnce = "at_once",
    }

    /// Does a revocation remove the members before or after its event takes effect?
    "sweep.when" sweeps: Sweeps [] {
        /// After the event.
        AfterEvent = "after_event",
        /// Before the event.
        BeforeEvent = "before_event",
    }

    /// How often does a revocation list the members to remove?
    "sweep.runs" runs: Runs [] {
        /// Once.
        Once = "once",
        /// Again after each round of removals, until the list is empty.
        UntilClean = "until_clean",
    }

    /// Does a revocation check a listed member again before it removes the member?
    "sweep.turn" turn: Turn [] {
        /// Yes: it removes the member only if the member still has to leave.
        LooksAgain = "looks_again",
        /// No: it removes every listed member, whatever happened since.
        AsListed = "as_listed",
    }

    /// What does a revocation do while another one removes members of the same room?
    "sweep.meanwhile" meanwhile: Meanwhile [] {
        /// It removes members too.
        SweepsToo = "sweeps_too",
        /// It relies on the other one, and removes nobody.
        LeavesItToTheOther = "leaves_it_to_the_other",
    }
}
}

/// A named discipline.
#[derive(Debug, Clone, Copy)]
pub struct NamedDiscipline {
    /// The name.
    pub id: &'static str,
    /// A description.
    pub about: &'static str,
    /// Whether the discipline is expected to keep every guarantee.
    pub safe: bool,
    /// The options.
    pub discipline: Discipline,
}

const LOCKS: Discipline = Discipline::FIRST;
const NOTHING_HELD: Discipline = Discipline { holds: Holds::Nothing, ..LOCKS };
const RECHECK: Discipline = Discipline { rechecks: Rechecks::Everything, ..NOTHING_HELD };

/// The named disciplines, the safe ones first.
pub const DISCIPLINES: &[NamedDiscipline] = &[
    NamedDiscipline {
        id: "locks",
        about: "a lock for each user and each room, held until the answer",
        safe: true,
        discipline: LOCKS,
    },
    NamedDiscipline {
        id: "transaction",
        about: "one snapshot for all reads; a call repeats its check and commits all changes atomically",
        safe: true,
        discipline: Discipline { reads: Reads::Snapshot, commits: Commits::AtOnce, ..RECHECK },
    },
    NamedDiscipline {
        id: "nothing_held",
        about: "no locks: a call checks, and acts later",
        safe: false,
        discipline: NOTHING_HELD,
    },
    NamedDiscipline {
        id: "user_lock",
        about: "a lock for each user",
        safe: false,
        discipline: Discipline { holds: Holds::User, ..LOCKS },
    },
    NamedDiscipline {
        id: "room_lock",
        about: "a lock for each room",
        safe: false,
        discipline: Discipline { holds: Holds::Room, ..LOCKS },
    },
    NamedDiscipline {
        id: "snapshot",
        about: "one snapshot for all reads, and no locks",
        safe: false,
        discipline: Discipline { reads: Reads::Snapshot, ..NOTHING_HELD },
    },
    NamedDiscipline {
        id: "readers_unlocked",
        about: "as locks, but reads hold no lock; a read checks its token together with the events",
        safe: false,
        discipline: Discipline {
            readers: Readers::HoldNothing,
            rechecks: Rechecks::Token,
            ..LOCKS
        },
    },
    NamedDiscipline {
        id: "recheck_room",
        about: "no locks; a call checks the room again atomically with its first change",
        safe: false,
        discipline: Discipline { rechecks: Rechecks::Room, ..NOTHING_HELD },
    },
    NamedDiscipline {
        id: "token_once",
        about: "no locks; a call checks the room, not the token, again atomically with all changes",
        safe: false,
        discipline: Discipline {
            rechecks: Rechecks::Room,
            commits: Commits::AtOnce,
            ..NOTHING_HELD
        },
    },
    NamedDiscipline {
        id: "recheck",
        about: "no locks; a call checks everything again atomically with its first change",
        safe: false,
        discipline: RECHECK,
    },
    NamedDiscipline {
        id: "sweep_before_event",
        about: "as recheck, but members are removed before the event takes effect",
        safe: false,
        discipline: Discipline { sweeps: Sweeps::BeforeEvent, ..RECHECK },
    },
    NamedDiscipline {
        id: "sweep_as_listed",
        about: "as recheck, but listed members are removed without another look",
        safe: false,
        discipline: Discipline { turn: Turn::AsListed, ..RECHECK },
    },
    NamedDiscipline {
        id: "sweep_until_clean",
        about: "as nothing_held, but members are listed and removed until none is left",
        safe: false,
        discipline: Discipline { runs: Runs::UntilClean, ..NOTHING_HELD },
    },
    NamedDiscipline {
        id: "sweep_shared",
        about: "as recheck, but a revocation relies on another one that is under way",
        safe: false,
        discipline: Discipline { meanwhile: Meanwhile::LeavesItToTheOther, ..RECHECK },
    },
    NamedDiscipline {
        id: "sweep_shared_until_clean",
        about: "as sweep_shared, but members are listed and removed until none is left",
        safe: false,
        discipline: Discipline {
            meanwhile: Meanwhile::LeavesItToTheOther,
            runs: Runs::UntilClean,
            ..RECHECK
        },
    },
];

impl Discipline {
    /// The discipline with this name; or the discipline of a list `point=option,…`, with the first option
    /// at every other point.
    ///
    /// # Errors
    /// If the name, a point or an option does not exist.
    pub fn find(text: &str) -> Result<Self, UnknownDiscipline> {
        if let Some(named) = DISCIPLINES.iter().find(|named| named.id == text) {
            return Ok(named.discipline);
        }
        let mut discipline = Self::FIRST;
        for part in text.split(',') {
            let (point, option) = part.split_once('=').unwrap_or((part, ""));
            if !discipline.set_option(point, option) {
                return Err(UnknownDiscipline { text: part.to_owned(), known: Self::known(point) });
            }
        }
        Ok(discipline)
    }

    fn known(point: &str) -> String {
        let names = || DISCIPLINES.iter().map(|named| named.id.to_owned());
        let known: Vec<_> = match DISCIPLINE_POINTS.iter().find(|known| known.id == point) {
            Some(known) => known.option_ids().map(|option| format!("{point}={option}")).collect(),
            None => {
                names().chain(DISCIPLINE_POINTS.iter().map(|p| format!("{}=…", p.id))).collect()
            }
        };
        known.join(", ")
    }
}

/// No discipline has this name.
#[derive(Debug, thiserror::Error)]
#[error("there is no discipline `{text}`; there are {known}")]
pub struct UnknownDiscipline {
    text: String,
    known: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discipline_is_found_by_its_name_or_its_options() {
        let by_options = Discipline::find("call.holds=nothing,call.rechecks=everything").unwrap();
        assert_eq!(by_options, Discipline::find("recheck").unwrap());
        let error = Discipline::find("call.holds=everything").unwrap_err().to_string();
        assert!(error.ends_with("call.holds=user, call.holds=nothing"), "{error}");
        assert!(Discipline::find("hope").unwrap_err().to_string().contains("sweep_shared"));
    }

    #[test]
    fn every_option_is_taken_by_a_discipline_with_a_name() {
        for point in DISCIPLINE_POINTS {
            for option in point.option_ids() {
                let takes =
                    |named: &NamedDiscipline| named.discipline.option(point.id) == Some(option);
                assert!(DISCIPLINES.iter().any(takes), "{}={option}", point.id);
            }
        }
    }
}
