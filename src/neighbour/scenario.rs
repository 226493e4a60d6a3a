//! Federated scenarios: what another server sends, in which order, and what is asked then.

use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};

/// A scenario with two servers: the server under test, and ours.
#[derive(Debug, Clone, Copy)]
pub struct FederatedScenario {
    /// The id, which never changes.
    pub id: &'static str,
    /// What the scenario shows, in a sentence.
    pub about: &'static str,
    /// The room's history visibility at the beginning.
    pub visibility: HistoryVisibility,
    /// The room's guest access at the beginning.
    pub guest_access: GuestAccess,
    /// Whether our server is in the room from the beginning.
    pub ours_joined: bool,
    /// The steps.
    pub steps: &'static [Step],
}

/// The name of an event in a scenario.
pub type Label = &'static str;

/// A step of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A guest of the server under test asks to join. The answer is judged.
    GuestJoins(u8),
    /// The moderator on the server under test sends a message.
    LocalMessage(Label),
    /// The moderator on the server under test sets the guest access.
    LocalGuestAccess(GuestAccess),
    /// The moderator on the server under test redacts the guest access.
    LocalGuestAccessRedaction,
    /// Our server makes an event, and sends it to nobody yet.
    Make(Made),
    /// Our server sends events, in this order.
    Deliver(&'static [Label]),
    /// A user of our server joins.
    OursJoin,
    /// Our users leave.
    OursLeave,
    /// Something is looked at, and judged.
    Ask(Question, &'static [&'static str]),
}

/// An event of our server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// The name of the event.
    pub event: Label,
    /// The sender.
    pub by: Sender,
    /// The content.
    pub what: Content,
    /// The place in the graph.
    pub after: After,
    /// Whether the sender says that it sent the event earlier than the other events.
    pub dated_back: bool,
    /// What the rules of the room make of the event.
    pub standing: Standing,
}

/// A user of our server who sends an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    /// A moderator with the power 100.
    Moderator,
    /// A moderator with the power 90, whom the other one can demote.
    Helper,
    /// A user without power.
    Plain,
}

/// The content of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The guest access.
    GuestAccess(GuestAccess),
    /// A `m.room.guest_access` under a state key that does not count.
    GuestAccessElsewhere(GuestAccess),
    /// A message event of the type `m.room.guest_access`.
    GuestAccessMessage(GuestAccess),
    /// The redaction of the event that is the guest access now.
    GuestAccessRedaction,
    /// The history visibility.
    Visibility(HistoryVisibility),
    /// A message.
    Message,
    /// The power levels, in which the helper has none.
    Demotion,
}

/// The place of an event in the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// After everything that our server knows.
    Everything,
    /// Beside this event: after the same events as that one.
    Beside(Label),
}

/// What the rules of the room make of an event, once a server has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is accepted, and a setting becomes current.
    Counts,
    /// It is accepted, and state resolution prefers this other event.
    LosesTo(Label),
    /// It is accepted, and is no setting of the room.
    NoSetting,
    /// It was permitted at its place in the graph, and is not permitted now.
    SoftFailed,
    /// It was not permitted at its place in the graph.
    Rejected,
}

/// Something to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// The membership of somebody, as the moderator on the server under test sees it.
    Membership(Member),
    /// The membership of a guest, as the server under test told ours.
    ToldMembership(u8),
    /// Whether a guest is given the event by `GET /rooms/{roomId}/messages`.
    GuestReads(u8, Label),
    /// Whether a guest is given the event by `GET /rooms/{roomId}/event/{eventId}`.
    GuestReadsOne(u8, Label),
    /// Whether the ordinary user is given the event by `GET /rooms/{roomId}/messages`.
    UserReads(Label),
    /// Whether a guest looks like a user to our server.
    GuestLooksLikeUser(u8, SeenIn),
    /// Whether our server is given the event.
    OursGiven(Label, ServerRead),
}

/// A member of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// A guest of the server under test.
    Guest(u8),
    /// The ordinary user of the server under test.
    User,
    /// The moderator of our server.
    Ours,
}

/// Where our server looks at a user of another server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeenIn {
    /// The membership event.
    MemberEvent,
    /// `GET query/profile`.
    Profile,
    /// `GET user/devices/{userId}`.
    Devices,
}

/// A question of our server to the server under test that can give it an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerRead {
    /// `GET event/{eventId}`.
    Event,
    /// `GET backfill/{roomId}`.
    Backfill,
    /// `POST get_missing_events/{roomId}`, before the event with this name.
    MissingEvents {
        /// The later event.
        before: Label,
    },
    /// `GET state/{roomId}`: any state at the event.
    State,
    /// `GET state_ids/{roomId}`: any state at the event.
    StateIds,
}

impl FederatedScenario {
    /// The events of our server.
    pub fn made(&self) -> impl Iterator<Item = &'static Made> {
        self.steps.iter().filter_map(|step| match step {
            Step::Make(made) => Some(made),
            _ => None,
        })
    }

    /// The users of our server that the scenario needs.
    pub fn senders(&self) -> Vec<Sender> {
        let mut senders: Vec<_> = self.made().map(|made| made.by).collect();
        senders.push(Sender::Moderator);
        senders.sort();
        senders.dedup();
        senders
    }

    /// The number of guests that the scenario needs.
    pub fn guests(&self) -> u8 {
        let guest = |step: &Step| match step {
            Step::GuestJoins(guest)
            | Step::Ask(
                Question::Membership(Member::Guest(guest))
                | Question::ToldMembership(guest)
                | Question::GuestReads(guest, _)
                | Question::GuestReadsOne(guest, _)
                | Question::GuestLooksLikeUser(guest, _),
                _,
            ) => guest + 1,
            _ => 0,
        };
        self.steps.iter().map(guest).max().unwrap_or(0)
    }

    /// Whether the step is judged.
    pub fn is_judged(step: &Step) -> bool {
        matches!(step, Step::GuestJoins(_) | Step::Ask(..))
    }
}

impl Sender {
    /// The localpart of the user id.
    pub const fn localpart(self) -> &'static str {
        match self {
            Self::Moderator => "moderator",
            Self::Helper => "helper",
            Self::Plain => "plain",
        }
    }

    /// The power level.
    pub const fn power(self) -> u8 {
        match self {
            Self::Moderator => 100,
            Self::Helper => 90,
            Self::Plain => 0,
        }
    }
}
