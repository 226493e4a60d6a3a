//! The list of federated scenarios.
//!
//! Each begins with a room on the server under test. Its moderator, and an ordinary user, are joined; ours
//! is too, unless the scenario says otherwise. Unless a scenario says otherwise, all events are made and
//! delivered in the order of the steps.

use guest_access_rules::vocabulary::GuestAccess::{CanJoin, Forbidden};
use guest_access_rules::vocabulary::HistoryVisibility::{self, Joined, Shared, WorldReadable};

use super::scenario::After::{Beside, Everything};
use super::scenario::Content::{
    Demotion, GuestAccess, GuestAccessElsewhere, GuestAccessMessage, GuestAccessRedaction, Message,
    Visibility,
};
use super::scenario::Member::{Guest, Ours, User};
use super::scenario::Question::{
    GuestLooksLikeUser, GuestReads, GuestReadsOne, Membership, OursGiven, ToldMembership, UserReads,
};
use super::scenario::SeenIn::{Devices, MemberEvent, Profile};
use super::scenario::Standing::{Counts, LosesTo, NoSetting, Rejected, SoftFailed};
use super::scenario::Step::{
    Ask, Deliver, GuestJoins, LocalGuestAccess, LocalGuestAccessRedaction, LocalMessage, Make,
    OursJoin, OursLeave,
};
use super::scenario::{
    Content, FederatedScenario, Label, Made, Sender, ServerRead, Standing, Step,
};

/// An event of our moderator, after everything, that counts.
const fn setting(event: Label, what: Content) -> Step {
    made(event, what, Counts)
}

/// An event of our moderator, after everything.
const fn made(event: Label, what: Content, standing: Standing) -> Step {
    let by = Sender::Moderator;
    Make(Made { event, by, what, after: Everything, dated_back: false, standing })
}

/// An event of somebody else of ours, after everything.
const fn by(by: Sender, event: Label, what: Content, standing: Standing) -> Step {
    Make(Made { event, by, what, after: Everything, dated_back: false, standing })
}

/// An event of our moderator beside another one.
const fn beside(
    other: Label,
    event: Label,
    what: Content,
    dated_back: bool,
    standing: Standing,
) -> Step {
    let by = Sender::Moderator;
    Make(Made { event, by, what, after: Beside(other), dated_back, standing })
}

/// Guests lose their membership, and nobody else does.
const REVOKED: &[&str] = &["GA-6", "GA-23"];
/// A guest keeps its membership: nothing has changed that guests may join.
const KEPT: &[&str] = &["GA-7", "GA-23"];
/// Users, and the users of other servers, keep their membership.
const SPARED: &[&str] = &["GA-5", "GA-24"];
/// An event that the room's rules do not permit changes nothing.
const NOT_PERMITTED: &[&str] = &["CS-8", "GA-23"];
/// A setting under another state key, or without one, is none.
const NO_SETTING: &[&str] = &["GA-9", "GA-23"];
/// An event is judged by the state of the room at that event.
const AT_THE_EVENT: &[&str] = &["HV-16", "HV-21"];
/// Nobody tells another server who is a guest.
const UNTOLD: &[&str] = &["GA-5", "GA-25"];
/// An event that nobody of a server may see is not given to it.
const CONFINED: &[&str] = &["HV-6", "HV-26"];

/// What a server asks that has no user in the room. The two messages are named `m1` and `m2`.
macro_rules! outsider {
    ($id:literal, $about:literal, $visibility:expr) => {
        FederatedScenario {
            id: $id,
            about: $about,
            visibility: $visibility,
            guest_access: CanJoin,
            ours_joined: false,
            steps: &[
                LocalMessage("m1"),
                LocalMessage("m2"),
                Ask(OursGiven("m1", ServerRead::Event), CONFINED),
                Ask(OursGiven("m1", ServerRead::Backfill), CONFINED),
                Ask(OursGiven("m1", ServerRead::MissingEvents { before: "m2" }), CONFINED),
                Ask(OursGiven("m1", ServerRead::State), CONFINED),
                Ask(OursGiven("m1", ServerRead::StateIds), CONFINED),
            ],
        }
    };
}

/// Every federated scenario.
pub const SCENARIOS: &[FederatedScenario] = &[
    FederatedScenario {
        id: "revocation-from-elsewhere",
        about: "A moderator on another server closes the room to guests.",
        visibility: Shared,
        guest_access: CanJoin,
        ours_joined: true,
        steps: &[
            GuestJoins(0),
            setting("r", GuestAccess(Forbidden)),
            Deliver(&["r"]),
            Ask(Membership(Guest(0)), REVOKED),
            Ask(ToldMembership(0), REVOKED),
            Ask(Membership(User), SPARED),
            Ask(Membership(Ours), SPARED),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "revocation-at-home",
        about: "The moderator on the guests' own server closes the room to guests.",
        visibility: Shared,
        guest_access: CanJoin,
        ours_joined: true,
        steps: &[
            GuestJoins(0),
            LocalGuestAccess(Forbidden),
            Ask(Membership(Guest(0)), REVOKED),
            Ask(ToldMembership(0), REVOKED),
            Ask(Membership(User), SPARED),
            Ask(Membership(Ours), SPARED),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "opening-from-elsewhere",
        about: "A moderator on another server opens the room to guests.",
        visibility: Shared,
        guest_access: Forbidden,
        ours_joined: true,
        steps: &[
            GuestJoins(0),
            setting("c", GuestAccess(CanJoin)),
            Deliver(&["c"]),
            GuestJoins(0),
            Ask(Membership(Guest(0)), KEPT),
            Ask(ToldMembership(0), KEPT),
        ],
    },
    FederatedScenario {
        id: "revocation-repeated",
        about: "A revocation arrives once more, after the room was opened again.",
        visibility: Shared,
        guest_access: CanJoin,
        ours_joined: true,
        steps: &[
            setting("r", GuestAccess(Forbidden)),
            setting("c", GuestAccess(CanJoin)),
            Deliver(&["r", "c"]),
            GuestJoins(0),
            Deliver(&["r"]),
            Ask(Membership(Guest(0)), KEPT),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "opening-repeated",
        about: "An old opening arrives once more, after the room was closed.",
        visibility: Shared,
        guest_access: Forbidden,
        ours_joined: true,
        steps: &[
            setting("c", GuestAccess(CanJoin)),
            Deliver(&["c"]),
            GuestJoins(0),
            setting("r", GuestAccess(Forbidden)),
            Deliver(&["r"]),
            Ask(Membership(Guest(0)), REVOKED),
            Deliver(&["c"]),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "opening-after-the-revocation",
        about: "An opening arrives after the revocation that follows it.",
        visibility: Shared,
        guest_access: Forbidden,
        ours_joined: true,
        steps: &[
            setting("c", GuestAccess(CanJoin)),
            setting("r", GuestAccess(Forbidden)),
            Deliver(&["r"]),
            Deliver(&["c"]),
            GuestJoins(0),
        ],
    },
    FederatedScenario {
        id: "revocation-after-the-opening",
        about: "A revocation arrives after the opening that follows it.",
        visibility: Shared,
        guest_access: CanJoin,
        ours_joined: true,
        steps: &[
            setting("r", GuestAccess(Forbidden)),
            setting("c", GuestAccess(CanJoin)),
            Deliver(&["c"]),
            GuestJoins(0),
            Deliver(&["r"]),
            Ask(Membership(Guest(0)), KEPT),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "revocation-rejected",
        about: "A user without power on another server closes the room to guests.",
        visibility: Shared,
        guest_access: CanJoin,
        ours_joined: true,
        steps: &[
            GuestJoins(0),
            by(Sender::Plain, "r", GuestAccess(Forbidden), Rejected),
            Deliver(&["r"]),
            Ask(Membership(Guest(0)), NOT_PERMITTED),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "opening-rejected",
        about: "A user without power on another server opens the room to guests.",
        visibility: Shared,
        guest_access: Forbidden,
        ours_joined: true,
        steps: &[
            by(Sender::Plain, "c", GuestAccess(CanJoin), Rejected),
            Deliver(&["c"]),
            GuestJoins(0),
        ],
    },
    FederatedScenario {
        id: "revocation-soft-failed",
        about: "A moderator who has lost its power closes the room, dated before its demotion.",
        visibility: Shared,
        guest_access: CanJoin,
        ours_joined: true,
        steps: &[
            GuestJoins(0),
            setting("d", Demotion),
            Make(Made {
                event: "r",
                by: Sender::Helper,
                what: GuestAccess(Forbidden),
                after: Beside("d"),
                dated_back: false,
                standing: SoftFailed,
            }),
            Deliver(&["d"]),
            Deliver(&["r"]),
            Ask(Membership(Guest(0)), NOT_PERMITTED),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "revocation-loses",
        about: "State resolution prefers an opening to a revocation, which arrives last.",
        visibility: Shared,
        guest_access: CanJoin,
        ours_joined: true,
        steps: &[
            GuestJoins(0),
            setting("c", GuestAccess(CanJoin)),
            beside("c", "r", GuestAccess(Forbidden), true, LosesTo("c")),
            Deliver(&["c"]),
            Deliver(&["r"]),
            Ask(Membership(Guest(0)), KEPT),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "revocation-loses-later",
        about: "State resolution prefers an opening that arrives after the revocation.",
        visibility: Shared,
        guest_access: CanJoin,
        ours_joined: true,
        steps: &[
            GuestJoins(0),
            setting("c", GuestAccess(CanJoin)),
            beside("c", "r", GuestAccess(Forbidden), true, LosesTo("c")),
            Deliver(&["r"]),
            Ask(Membership(Guest(0)), REVOKED),
            Deliver(&["c"]),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "revocation-wins",
        about: "State resolution prefers a revocation to an opening, which arrives last.",
        visibility: Shared,
        guest_access: CanJoin,
        ours_joined: true,
        steps: &[
            GuestJoins(0),
            setting("r", GuestAccess(Forbidden)),
            beside("r", "c", GuestAccess(CanJoin), true, LosesTo("r")),
            Deliver(&["r"]),
            Ask(Membership(Guest(0)), REVOKED),
            Deliver(&["c"]),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "revocation-under-another-state-key",
        about: "A guest access event from another server has another state key.",
        visibility: Shared,
        guest_access: CanJoin,
        ours_joined: true,
        steps: &[
            GuestJoins(0),
            made("r", GuestAccessElsewhere(Forbidden), NoSetting),
            Deliver(&["r"]),
            Ask(Membership(Guest(0)), NO_SETTING),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "opening-under-another-state-key",
        about: "A guest access event that opens the room has another state key.",
        visibility: Shared,
        guest_access: Forbidden,
        ours_joined: true,
        steps: &[
            made("c", GuestAccessElsewhere(CanJoin), NoSetting),
            Deliver(&["c"]),
            GuestJoins(0),
        ],
    },
    FederatedScenario {
        id: "revocation-by-a-message-event",
        about: "A message event from another server has the type of guest access.",
        visibility: Shared,
        guest_access: CanJoin,
        ours_joined: true,
        steps: &[
            GuestJoins(0),
            by(Sender::Plain, "r", GuestAccessMessage(Forbidden), NoSetting),
            Deliver(&["r"]),
            Ask(Membership(Guest(0)), NO_SETTING),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "redaction-from-elsewhere",
        about: "A moderator on another server redacts the event that lets guests join.",
        visibility: Shared,
        guest_access: Forbidden,
        ours_joined: true,
        steps: &[
            setting("c", GuestAccess(CanJoin)),
            Deliver(&["c"]),
            GuestJoins(0),
            made("x", GuestAccessRedaction, Counts),
            Deliver(&["x"]),
            Ask(Membership(Guest(0)), &["CS-17", "CS-19", "GA-23"]),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "redaction-of-a-local-opening",
        about: "A moderator on another server redacts the opening of the room's own moderator.",
        visibility: Shared,
        guest_access: Forbidden,
        ours_joined: true,
        steps: &[
            LocalGuestAccess(CanJoin),
            GuestJoins(0),
            made("x", GuestAccessRedaction, Counts),
            Deliver(&["x"]),
            Ask(Membership(Guest(0)), &["CS-17", "CS-19", "GA-23"]),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "redaction-at-home",
        about: "The moderator on the guests' own server redacts an opening from another server.",
        visibility: Shared,
        guest_access: Forbidden,
        ours_joined: true,
        steps: &[
            setting("c", GuestAccess(CanJoin)),
            Deliver(&["c"]),
            GuestJoins(0),
            LocalGuestAccessRedaction,
            Ask(Membership(Guest(0)), &["CS-17", "CS-19", "GA-23"]),
            Ask(ToldMembership(0), &["CS-17", "CS-19", "GA-23"]),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "redaction-without-power",
        about: "A user without power on another server redacts the opening of the room's moderator.",
        visibility: Shared,
        guest_access: Forbidden,
        ours_joined: true,
        steps: &[
            LocalGuestAccess(CanJoin),
            GuestJoins(0),
            by(Sender::Plain, "x", GuestAccessRedaction, NoSetting),
            Deliver(&["x"]),
            Ask(Membership(Guest(0)), NOT_PERMITTED),
            GuestJoins(1),
        ],
    },
    FederatedScenario {
        id: "message-hidden-when-it-was-sent",
        about: "A message of a closed room arrives after the room was opened to everybody.",
        visibility: Joined,
        guest_access: Forbidden,
        ours_joined: true,
        steps: &[
            setting("v", Visibility(WorldReadable)),
            beside("v", "m1", Message, false, NoSetting),
            setting("m2", Message),
            Deliver(&["v"]),
            Deliver(&["m1"]),
            Deliver(&["m2"]),
            Ask(UserReads("m1"), &["HV-3"]),
            Ask(GuestReads(0, "m2"), &["HV-11"]),
            Ask(GuestReads(0, "m1"), AT_THE_EVENT),
            Ask(GuestReadsOne(0, "m1"), AT_THE_EVENT),
        ],
    },
    FederatedScenario {
        id: "message-open-when-it-was-sent",
        about: "A message of an open room arrives after the room was closed and opened again.",
        visibility: WorldReadable,
        guest_access: Forbidden,
        ours_joined: true,
        steps: &[
            setting("v", Visibility(Joined)),
            beside("v", "m1", Message, false, NoSetting),
            Deliver(&["v"]),
            Deliver(&["m1"]),
            setting("w", Visibility(WorldReadable)),
            Deliver(&["w"]),
            Ask(GuestReads(0, "m1"), AT_THE_EVENT),
            Ask(GuestReadsOne(0, "m1"), AT_THE_EVENT),
        ],
    },
    FederatedScenario {
        id: "message-before-its-setting",
        about: "A message arrives before the setting that hides it, and the server has to ask for that.",
        visibility: WorldReadable,
        guest_access: Forbidden,
        ours_joined: true,
        steps: &[
            setting("v", Visibility(Joined)),
            setting("m1", Message),
            Deliver(&["m1"]),
            setting("w", Visibility(WorldReadable)),
            Deliver(&["w"]),
            Ask(UserReads("m1"), &["HV-3"]),
            Ask(GuestReads(0, "m1"), AT_THE_EVENT),
            Ask(GuestReadsOne(0, "m1"), AT_THE_EVENT),
        ],
    },
    FederatedScenario {
        id: "nobody-is-told",
        about: "Another server cannot tell a guest from a user.",
        visibility: Shared,
        guest_access: CanJoin,
        ours_joined: true,
        steps: &[
            GuestJoins(0),
            Ask(ToldMembership(0), UNTOLD),
            Ask(GuestLooksLikeUser(0, MemberEvent), UNTOLD),
            Ask(GuestLooksLikeUser(0, Profile), UNTOLD),
            Ask(GuestLooksLikeUser(0, Devices), UNTOLD),
        ],
    },
    outsider!(
        "outsider-joined",
        "A server that is not in the room asks for events that only members see.",
        Joined
    ),
    outsider!(
        "outsider-invited",
        "A server that is not in the room asks for events that only the invited see.",
        HistoryVisibility::Invited
    ),
    outsider!(
        "outsider-shared",
        "A server that is not in the room asks for events that whoever joins sees.",
        Shared
    ),
    outsider!(
        "outsider-world-readable",
        "A server that is not in the room asks for events that everybody sees.",
        WorldReadable
    ),
    FederatedScenario {
        id: "entrant-asks-for-the-past",
        about: "A server enters the room, and asks for what was sent before.",
        visibility: Joined,
        guest_access: CanJoin,
        ours_joined: false,
        steps: &[
            LocalMessage("m1"),
            LocalMessage("m2"),
            OursJoin,
            Ask(OursGiven("m1", ServerRead::Event), CONFINED),
            Ask(OursGiven("m1", ServerRead::Backfill), CONFINED),
            Ask(OursGiven("m1", ServerRead::MissingEvents { before: "m2" }), CONFINED),
        ],
    },
    FederatedScenario {
        id: "leaver-asks-for-the-future",
        about: "A server leaves the room, and asks for what was sent after.",
        visibility: Joined,
        guest_access: CanJoin,
        ours_joined: true,
        steps: &[
            OursLeave,
            LocalMessage("m1"),
            LocalMessage("m2"),
            Ask(OursGiven("m1", ServerRead::Event), CONFINED),
            Ask(OursGiven("m1", ServerRead::Backfill), CONFINED),
            Ask(OursGiven("m1", ServerRead::MissingEvents { before: "m2" }), CONFINED),
            Ask(OursGiven("m1", ServerRead::State), CONFINED),
        ],
    },
];
