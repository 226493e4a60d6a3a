//! The words of the specification: the values that settings, memberships and answers can have.

use std::fmt;

use serde::Serialize;

/// Declares an enum of values that each have one spelling, in the specification or in our own
/// files. Display, parsing and serialisation use this spelling.
#[macro_export]
macro_rules! spelled {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every value, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The value as the specification spells it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value with this spelling, if there is one.
            pub fn from_spelling(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub use spelled;

spelled! {
    /// The meaning of a room's `m.room.history_visibility`: who may read an event.
    HistoryVisibility {
        /// Anyone may read.
        WorldReadable = "world_readable",
        /// Members may read, including the events that were sent before they joined.
        Shared = "shared",
        /// Members may read the events that were sent since their invite.
        Invited = "invited",
        /// Members may read the events that were sent since their join.
        Joined = "joined",
    }
}

spelled! {
    /// The meaning of a room's `m.room.guest_access`: whether guests may join.
    GuestAccess {
        /// Guests may join.
        CanJoin = "can_join",
        /// Guests may not join.
        Forbidden = "forbidden",
    }
}

spelled! {
    /// A room's `m.room.join_rules`: the values on which a guest's join can depend.
    JoinRule {
        /// Anyone may join.
        Public = "public",
        /// Only an invited user may join.
        Invite = "invite",
        /// Only an invited user may join; anyone may ask for an invite by knocking.
        Knock = "knock",
    }
}

spelled! {
    /// A user's membership of a room.
    Membership {
        /// The room has no `m.room.member` event of the user.
        Never = "never",
        /// Invited.
        Invite = "invite",
        /// Joined.
        Join = "join",
        /// Asked for an invite.
        Knock = "knock",
        /// Left, was removed, or declined an invite.
        Leave = "leave",
        /// Banned.
        Ban = "ban",
    }
}

spelled! {
    /// The endpoint by which a user changes its own membership.
    MembershipEndpoint {
        /// The membership's own endpoint, with the room id in the path.
        Own = "own",
        /// POST /join/{roomIdOrAlias} (joins only).
        Alias = "alias",
        /// PUT state with an `m.room.member` event.
        StateEvent = "state_event",
    }
}

spelled! {
    /// The error codes of denied calls.
    ErrCode {
        /// The call has no access token.
        MissingToken = "M_MISSING_TOKEN",
        /// The server does not know the access token, or does not know it any more.
        UnknownToken = "M_UNKNOWN_TOKEN",
        /// The room or resource does not permit guests.
        GuestAccessForbidden = "M_GUEST_ACCESS_FORBIDDEN",
        /// The call is forbidden for any other reason.
        Forbidden = "M_FORBIDDEN",
        /// The resource does not exist, or the caller may not know that the resource exists.
        NotFound = "M_NOT_FOUND",
        /// A required parameter is missing.
        MissingParam = "M_MISSING_PARAM",
        /// The user id is taken.
        UserInUse = "M_USER_IN_USE",
        /// The user name is not permitted.
        InvalidUsername = "M_INVALID_USERNAME",
        /// The name is in a reserved namespace.
        Exclusive = "M_EXCLUSIVE",
        /// The membership of the user does not permit the change.
        BadState = "M_BAD_STATE",
        /// The room alias is taken.
        RoomInUse = "M_ROOM_IN_USE",
        /// The server does not support this room version.
        UnsupportedRoomVersion = "M_UNSUPPORTED_ROOM_VERSION",
        /// A parameter has an invalid value.
        InvalidParam = "M_INVALID_PARAM",
        /// The server failed.
        Unknown = "M_UNKNOWN",
    }
}

/// The answer of the rules to one call: allow, or deny with an error; and the reason.
///
/// Two decisions are *alike* ([`Decision::is_like`]) if a caller cannot tell them apart: only the
/// status and the error code count. The clauses and the reason are for the reader of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The HTTP status of the answer. The status 200 allows the call; any other status denies it.
    pub status: u16,
    /// The error code of a denial.
    pub errcode: Option<ErrCode>,
    /// The ids of the clauses on which the decision rests.
    pub clauses: &'static [&'static str],
    /// The reason, as the end of a sentence: "… because {because}".
    pub because: &'static str,
}

impl Decision {
    /// A decision that allows the call.
    pub const fn allow(clauses: &'static [&'static str], because: &'static str) -> Self {
        Self { status: 200, errcode: None, clauses, because }
    }

    /// A decision that denies the call with this status and error code.
    pub const fn deny(
        status: u16,
        errcode: ErrCode,
        clauses: &'static [&'static str],
        because: &'static str,
    ) -> Self {
        Self { status, errcode: Some(errcode), clauses, because }
    }

    /// Whether the decision allows the call.
    pub const fn allows(&self) -> bool {
        self.status == 200
    }

    /// Whether a caller cannot tell the two decisions apart.
    pub fn is_like(&self, other: &Self) -> bool {
        self.status == other.status && self.errcode == other.errcode
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errcode {
            _ if self.allows() => f.pad("allow"),
            None => f.pad(&format!("deny {}", self.status)),
            Some(errcode) => f.pad(&format!("deny {} {errcode}", self.status)),
        }
    }
}
