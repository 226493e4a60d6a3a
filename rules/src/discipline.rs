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
/// Every point of a discipline.
DISCIPLINE_POINTS {
    /// What does a call hold, that no other may hold, from when it looks until it is answered?
    "call.holds" holds: Holds [] {
        /// Its user from when its token is looked at, and its room from the check on. What changes a
        /// user holds that user; a revocation holds all users that it may remove, taken with the room
        /// in one instant.
        RoomAndUser = "room_and_user",
        /// Its room, from the check on.
        Room = "room",
        /// Its user, from when its token is looked at; a revocation, each one while it removes it.
        User = "user",
        /// Nothing: it checks, and then acts on what it saw.
        Nothing = "nothing",
    }

    /// Does a call that only reads hold what others hold?
    "call.readers" readers: Readers [] {
        /// Yes.
        HoldToo = "hold_too",
        /// No.
        HoldNothing = "hold_nothing",
    }

    /// Of which moments is what a call looks at?
    "call.reads" reads: Reads [] {
        /// Of the moment at which it looks: the token's, the room's and the events' one after the
        /// other.
        AsItGoes = "as_it_goes",
        /// Of one moment, that of the check.
        Snapshot = "snapshot",
    }

    /// What of its check does a call repeat in one instant with what it does?
    "call.rechecks" rechecks: Rechecks [] {
        /// Nothing.
        Nothing = "nothing",
        /// What depends on the room.
        Room = "room",
        /// What depends on the token.
        Token = "token",
        /// All of it, the token too.
        Everything = "everything",
    }

    /// When do the things that one call changes come to be?
    "call.commits" commits: Commits [] {
        /// One after the other: of an upgrade the account, then the end of the old token; of a
        /// revocation the event, then one member after the other.
        OneByOne = "one_by_one",
        /// All in one instant.
        AtOnce = "at_once",
    }

    /// Are members removed before or after the event that ends guest access takes effect?
    "sweep.when" sweeps: Sweeps [] {
        /// After it.
        AfterEvent = "after_event",
        /// Before it.
        BeforeEvent = "before_event",
    }

    /// How often is the room looked through for members to remove?
    "sweep.runs" runs: Runs [] {
        /// Once.
        Once = "once",
        /// Again after each round, until nobody is left to remove.
        UntilClean = "until_clean",
    }

    /// Is a member still looked at when its turn comes?
    "sweep.turn" turn: Turn [] {
        /// Yes: it is removed if that is still to be.
        LooksAgain = "looks_again",
        /// No: who stood on the list is removed, whatever has become of it.
        AsListed = "as_listed",
    }

    /// What does a revocation do while another one removes members of the same room?
    "sweep.meanwhile" meanwhile: Meanwhile [] {
        /// It removes members too.
        SweepsToo = "sweeps_too",
        /// It leaves that to the other, and is done.
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
        about: "a lock for each user and one for each room, held until the answer",
        safe: true,
        discipline: LOCKS,
    },
    NamedDiscipline {
        id: "transaction",
        about: "reads of one instant, and all that a call changes in one instant with all of its check",
        safe: true,
        discipline: Discipline { reads: Reads::Snapshot, commits: Commits::AtOnce, ..RECHECK },
    },
    NamedDiscipline {
        id: "nothing_held",
        about: "check, then act, with nothing held between",
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
        about: "reads of one instant, and nothing held until the act",
        safe: false,
        discipline: Discipline { reads: Reads::Snapshot, ..NOTHING_HELD },
    },
    NamedDiscipline {
        id: "readers_unlocked",
        about: "as locks, for all but reads, of which the token is looked at with the events",
        safe: false,
        discipline: Discipline {
            readers: Readers::HoldNothing,
            rechecks: Rechecks::Token,
            ..LOCKS
        },
    },
    NamedDiscipline {
        id: "recheck_room",
        about: "the room checked again in one instant with the act, and changes one by one",
        safe: false,
        discipline: Discipline { rechecks: Rechecks::Room, ..NOTHING_HELD },
    },
    NamedDiscipline {
        id: "token_once",
        about: "the room checked again in one instant with all that a call changes, and the token not",
        safe: false,
        discipline: Discipline {
            rechecks: Rechecks::Room,
            commits: Commits::AtOnce,
            ..NOTHING_HELD
        },
    },
    NamedDiscipline {
        id: "recheck",
        about: "everything checked again in one instant with the act, and changes one by one",
        safe: false,
        discipline: RECHECK,
    },
    NamedDiscipline {
        id: "sweep_before_event",
        about: "as recheck, with the members removed before the event takes effect",
        safe: false,
        discipline: Discipline { sweeps: Sweeps::BeforeEvent, ..RECHECK },
    },
    NamedDiscipline {
        id: "sweep_as_listed",
        about: "as recheck, with the members removed that were listed at first",
        safe: false,
        discipline: Discipline { turn: Turn::AsListed, ..RECHECK },
    },
    NamedDiscipline {
        id: "sweep_until_clean",
        about: "as nothing_held, with the members removed again and again until nobody is left",
        safe: false,
        discipline: Discipline { runs: Runs::UntilClean, ..NOTHING_HELD },
    },
    NamedDiscipline {
        id: "sweep_shared",
        about: "as recheck, with a revocation that relies on one that is under way",
        safe: false,
        discipline: Discipline { meanwhile: Meanwhile::LeavesItToTheOther, ..RECHECK },
    },
    NamedDiscipline {
        id: "sweep_shared_until_clean",
        about: "as sweep_shared, with the members removed until nobody is left",
        safe: false,
        discipline: Discipline {
            meanwhile: Meanwhile::LeavesItToTheOther,
            runs: Runs::UntilClean,
            ..RECHECK
        },
    },
];

impl Discipline {
    /// The discipline with this name; or the first options but for those given as `point=option`,
    /// separated by commas.
    ///
    /// # Errors
    /// If there is no such name, point or option.
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
