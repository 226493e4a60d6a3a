//! The goals that a vector can cover: a class of decisions, a change of state, a class of events, an
//! option that differs from the default, or a clause that decides one way.

use std::fmt::{self, Display, Formatter};

use guest_access_model::action::{Credential, Operation, Setting};
use guest_access_model::state::{Kind, Standing};
use guest_access_rules::endpoint::{EndpointId, Gives};
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, JoinRule, Membership};
use serde::{Serialize, Serializer};

use crate::scenario::operation_phrase;

/// One goal that a vector can cover.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CoverageGoal {
    /// An option of a decision point: the vector distinguishes a homeserver that takes it from the
    /// default.
    Option {
        /// The decision point, `endpoint.` and the endpoint, or `mistake` for a known one.
        point: String,
        /// The option.
        option: String,
    },
    /// A clause, and which way a decision goes that rests on the clause.
    Clause {
        /// The clause.
        id: &'static str,
        /// Whether the decision allows or gives. Otherwise it denies or withholds.
        allows: bool,
    },
    /// A class of decisions.
    DecisionClass(DecisionClass),
    /// A class of events that one endpoint gives or withholds.
    EventClass(EventClass),
    /// A change of a membership, a setting or an account.
    StateChange(StateChange),
    /// A membership that a guest had when the room was closed to guests.
    RoomClosing(RoomClosing),
    /// A read by a guest that came to its membership in one way.
    ReadClass(ReadClass),
}

/// The caller, as far as the rules distinguish callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallerClass {
    /// Somebody without a token.
    Nobody,
    /// A guest.
    Guest,
    /// A guest whose token was ended.
    EndedGuest,
    /// A guest that names the moderator in the query.
    Masquerade,
    /// A guest that upgraded.
    FormerGuest,
    /// A guest that upgraded, with the token that it had before.
    OldToken,
    /// A guest that upgraded and whose token was ended.
    EndedFormerGuest,
    /// The ordinary user.
    User,
    /// The moderator.
    Moderator,
}

/// Which room a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PlaceClass {
    /// About no room.
    Nowhere,
    /// About a room of the server's.
    Room,
    /// About a room in which the server takes no part.
    Elsewhere,
}

/// A class of decisions: an operation, its caller, and those circumstances that distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DecisionClass {
    /// The operation, with the first guest in place of any guest.
    pub operation: Operation,
    /// The caller.
    pub caller: CallerClass,
    /// Which room the call is about.
    pub place: PlaceClass,
    /// The room's history visibility.
    pub visibility: Option<HistoryVisibility>,
    /// The caller's membership of the room.
    pub membership: Option<Membership>,
    /// The room's guest access.
    pub guest_access: Option<GuestAccess>,
    /// The room's join rule.
    pub join_rule: Option<JoinRule>,
}

/// A class of events, and whether a guest is given an event of the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventClass {
    /// The endpoint; or every endpoint that gives the same.
    pub by: ReaderClass,
    /// The kind of the event.
    pub kind: Kind,
    /// The room's history visibility before it, and after it.
    pub visibility: (HistoryVisibility, HistoryVisibility),
    /// The guest's membership before it, and after it.
    pub standing: (Standing, Standing),
    /// Whether the guest was joined at any moment after it.
    pub joined_later: bool,
    /// The guest's membership now, and whether the room is `world_readable` now, where these two
    /// matter.
    pub now: Option<(Membership, bool)>,
    /// Whether the event is given.
    pub given: bool,
}

/// The endpoint by which a guest reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReaderClass {
    /// This endpoint.
    Endpoint(EndpointId),
    /// Any endpoint that gives this.
    Any(Gives),
}

/// A change of state: from what, to what, by which operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StateChange {
    /// A membership changes.
    Membership {
        /// The membership before.
        from: Membership,
        /// The membership after.
        to: Membership,
        /// The operation.
        by: Operation,
    },
    /// A history visibility changes.
    Visibility {
        /// The setting before.
        from: HistoryVisibility,
        /// The setting after.
        to: HistoryVisibility,
        /// The operation.
        by: Operation,
    },
    /// The guest access changes.
    GuestAccess {
        /// The setting before.
        from: GuestAccess,
        /// The setting after.
        to: GuestAccess,
        /// The operation.
        by: Operation,
    },
    /// An account changes, while its holder had a membership.
    Account {
        /// The operation.
        by: Operation,
        /// The membership that it had.
        with: Membership,
    },
}

/// A membership that a guest had when a room was closed to guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomClosing {
    /// The operation.
    pub by: Operation,
    /// The kind of guest.
    pub caller: CallerClass,
    /// Its membership.
    pub membership: Membership,
}

/// A read of a room by a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReadClass {
    /// The endpoint of the read.
    pub endpoint: EndpointId,
    /// The membership before, the membership now, and the operation that changed it.
    pub way: (Membership, Membership, Operation),
    /// Whether the room is `world_readable` now.
    pub previewable: bool,
}

/// The operation, with the first guest in place of any guest.
pub(super) fn of_anyone(operation: Operation) -> Operation {
    operation.with_guests(|guest| u8::from(Some(guest) != operation.target()))
}

impl CallerClass {
    /// The caller as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Guest => "guest",
            Self::EndedGuest => "ended guest",
            Self::Masquerade => "guest in masquerade",
            Self::FormerGuest => "former guest",
            Self::OldToken => "former guest with its old token",
            Self::EndedFormerGuest => "ended former guest",
            Self::User => "user",
            Self::Moderator => "moderator",
        }
    }

    /// The caller of a step that shows this token, where the account is in this state.
    pub(super) fn holder(account: guest_access_model::state::Account, with: Credential) -> Self {
        use guest_access_model::state::Account;
        match (account, with) {
            (_, Credential::Masquerade) => Self::Masquerade,
            (_, Credential::BeforeUpgrade) => Self::OldToken,
            (Account::Absent, _) => Self::Nobody,
            (Account::Guest, _) => Self::Guest,
            (Account::GuestEnded, _) => Self::EndedGuest,
            (Account::User, _) => Self::FormerGuest,
            (Account::UserEnded, _) => Self::EndedFormerGuest,
        }
    }
}

/// The words of a goal, separated by dots; absent words are left out.
fn words(f: &mut Formatter<'_>, words: &[Option<String>]) -> fmt::Result {
    let words: Vec<&str> = words.iter().flatten().map(String::as_str).collect();
    f.write_str(&words.join(" · "))
}

fn labelled<T: Display>(label: &str, value: Option<T>) -> Option<String> {
    value.map(|value| format!("{label} {value}"))
}

impl CoverageGoal {
    /// The family of the goal.
    pub const fn family(&self) -> &'static str {
        match self {
            Self::Option { .. } => "option",
            Self::Clause { .. } => "clause",
            Self::DecisionClass(_) => "decision",
            Self::EventClass(_) => "event",
            Self::StateChange(_) => "way",
            Self::RoomClosing(_) => "closing",
            Self::ReadClass(_) => "read after",
        }
    }
}

impl Display for CoverageGoal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let family = self.family();
        match self {
            Self::Option { point, option } => write!(f, "{family} · {point}={option}"),
            Self::Clause { id, allows } => {
                write!(f, "{family} · {id} · {}", if *allows { "allows" } else { "denies" })
            }
            Self::DecisionClass(decision) => words(
                f,
                &[
                    Some(family.to_owned()),
                    Some(operation_phrase(decision.operation)),
                    Some(decision.caller.as_str().to_owned()),
                    match (decision.place, decision.operation) {
                        (PlaceClass::Elsewhere, _) => Some("elsewhere".to_owned()),
                        (PlaceClass::Nowhere, Operation::Read(_)) => Some("of no room".to_owned()),
                        _ => None,
                    },
                    labelled("visibility", decision.visibility),
                    labelled("membership", decision.membership),
                    labelled("guest access", decision.guest_access),
                    labelled("join rule", decision.join_rule),
                ],
            ),
            Self::EventClass(class) => words(
                f,
                &[
                    Some(family.to_owned()),
                    Some(match class.by {
                        ReaderClass::Endpoint(endpoint) => endpoint.to_string(),
                        ReaderClass::Any(gives) => gives.to_string(),
                    }),
                    Some(class.kind.to_string()),
                    Some(format!("sent under {}", between(class.visibility))),
                    Some(format!("to {}", between(class.standing))),
                    class.joined_later.then(|| "joined later".to_owned()),
                    class.now.map(|(membership, _)| format!("{membership} now")),
                    class
                        .now
                        .filter(|(_, previewable)| *previewable)
                        .map(|_| "world_readable now".to_owned()),
                    Some(if class.given { "given" } else { "withheld" }.to_owned()),
                ],
            ),
            Self::StateChange(way) => match way {
                StateChange::Membership { from, to, by } => {
                    write!(f, "{family} · membership {from} → {to} · {}", operation_phrase(*by))
                }
                StateChange::Visibility { from, to, by } => {
                    write!(f, "{family} · visibility {from} → {to} · {}", operation_phrase(*by))
                }
                StateChange::GuestAccess { from, to, by } => {
                    write!(f, "{family} · guest access {from} → {to} · {}", operation_phrase(*by))
                }
                StateChange::Account { by, with } => {
                    write!(f, "{family} · {} · membership {with}", operation_phrase(*by))
                }
            },
            Self::RoomClosing(RoomClosing { by, caller, membership }) => {
                let caller = caller.as_str();
                write!(
                    f,
                    "{family} · {} · {caller} · membership {membership}",
                    operation_phrase(*by)
                )
            }
            Self::ReadClass(ReadClass { endpoint, way: (from, to, by), previewable }) => {
                let previewable = if *previewable { " · world_readable now" } else { "" };
                let by = operation_phrase(*by);
                write!(f, "{family} · {endpoint} · {from} → {to} · {by}{previewable}")
            }
        }
    }
}

fn between<T: PartialEq + Display>((before, after): (T, T)) -> String {
    if before == after { before.to_string() } else { format!("{before} → {after}") }
}

impl Serialize for CoverageGoal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The setting that an operation is about, if it is about one.
pub(super) const fn setting(operation: Operation) -> Option<Setting> {
    match operation {
        Operation::SetVisibility(..) => Some(Setting::HistoryVisibility),
        Operation::SetGuestAccess(..) => Some(Setting::GuestAccess),
        Operation::RedactSetting(setting) => Some(setting),
        _ => None,
    }
}
