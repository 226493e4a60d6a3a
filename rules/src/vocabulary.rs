//! The specification's own words: the values that events, memberships and answers can take.

use std::fmt;

use serde::Serialize;

/// Declares an enum whose variants have one spelling in the specification (or in our files), used
/// for display, for parsing and in every list.
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
    /// What a room's `m.room.history_visibility` means to the server (HV-1 and the rules after it).
    HistoryVisibility {
        /// Anyone may read.
        WorldReadable = "world_readable",
        /// Members may read, also what was sent before they joined.
        Shared = "shared",
        /// Members may read from the invite on.
        Invited = "invited",
        /// Members may read from their join on.
        Joined = "joined",
    }
}

spelled! {
    /// What a room's `m.room.guest_access` means to the server.
    GuestAccess {
        /// Guests may join.
        CanJoin = "can_join",
        /// Guests may not join.
        Forbidden = "forbidden",
    }
}

spelled! {
    /// A room's `m.room.join_rules`, as far as a guest's way into a room depends on it.
    JoinRule {
        /// Anyone may join.
        Public = "public",
        /// Only who was invited may join.
        Invite = "invite",
        /// Who was invited may join; anyone may ask for that by knocking.
        Knock = "knock",
    }
}

spelled! {
    /// A user's membership of a room. `Never` is the absence of any `m.room.member` event.
    Membership {
        /// No `m.room.member` event for this user.
        Never = "never",
        /// Invited.
        Invite = "invite",
        /// Joined.
        Join = "join",
        /// Asked to be let in.
        Knock = "knock",
        /// Left, was removed, or refused an invite.
        Leave = "leave",
        /// Banned.
        Ban = "ban",
    }
}

spelled! {
    /// By which endpoint a user changes its own membership.
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
    /// The error codes with which a call can be denied.
    ErrCode {
        /// No access token was given.
        MissingToken = "M_MISSING_TOKEN",
        /// The access token is not, or no longer, known.
        UnknownToken = "M_UNKNOWN_TOKEN",
        /// The room or resource does not permit guests.
        GuestAccessForbidden = "M_GUEST_ACCESS_FORBIDDEN",
        /// Forbidden, for any other reason.
        Forbidden = "M_FORBIDDEN",
        /// There is no such thing, or none that the caller may know of.
        NotFound = "M_NOT_FOUND",
        /// A needed parameter is missing.
        MissingParam = "M_MISSING_PARAM",
        /// The user id is taken.
        UserInUse = "M_USER_IN_USE",
        /// The room alias is taken.
        RoomInUse = "M_ROOM_IN_USE",
        /// The server keeps no rooms of this version.
        UnsupportedRoomVersion = "M_UNSUPPORTED_ROOM_VERSION",
        /// A parameter has a value that cannot be accepted.
        InvalidParam = "M_INVALID_PARAM",
        /// The server failed.
        Unknown = "M_UNKNOWN",
    }
}

/// Allow, or deny with its error: what the rules say to one call, and why.
///
/// Two decisions are *alike* ([`Decision::is_like`]) when a caller could not tell them apart: the
/// clauses and the reason are for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The HTTP status of the answer; 200 is the only one that allows.
    pub status: u16,
    /// The error code, on a denial.
    pub errcode: Option<ErrCode>,
    /// The clauses on which the decision rests, by id.
    pub clauses: &'static [&'static str],
    /// The reason, as a sentence's end: "… because {because}".
    pub because: &'static str,
}

impl Decision {
    /// The call is allowed.
    pub const fn allow(clauses: &'static [&'static str], because: &'static str) -> Self {
        Self { status: 200, errcode: None, clauses, because }
    }

    /// The call is denied with this status and error code.
    pub const fn deny(
        status: u16,
        errcode: ErrCode,
        clauses: &'static [&'static str],
        because: &'static str,
    ) -> Self {
        Self { status, errcode: Some(errcode), clauses, because }
    }

    /// Whether the call is allowed.
    pub const fn allows(&self) -> bool {
        self.status == 200
    }

    /// Whether a caller could not tell the two apart.
    pub fn is_like(&self, other: &Self) -> bool {
        self.status == other.status && self.errcode == other.errcode
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errcode {
            None => f.pad("allow"),
            Some(errcode) => f.pad(&format!("deny {} {errcode}", self.status)),
        }
    }
}
