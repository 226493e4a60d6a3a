//! The verbs: operations that are more than a call of one endpoint.

/// The fields of a step, except `as` and `do`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Room,
    Target,
    To,
    Under,
    By,
    Token,
    Type,
    Setting,
    Key,
    Named,
    Event,
}

impl Field {
    pub(super) const ALL: [Self; 11] = [
        Self::Room,
        Self::Target,
        Self::To,
        Self::Under,
        Self::By,
        Self::Token,
        Self::Type,
        Self::Setting,
        Self::Key,
        Self::Named,
        Self::Event,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Target => "target",
            Self::To => "to",
            Self::Under => "under",
            Self::By => "by",
            Self::Token => "token",
            Self::Type => "type",
            Self::Setting => "setting",
            Self::Key => "key",
            Self::Named => "named",
            Self::Event => "event",
        }
    }
}

/// Declares the verbs: the spelling of each verb, its required fields, and its optional fields.
macro_rules! verbs {
    ($($(#[$doc:meta])* $verb:ident = $text:literal needs [$($need:ident),*] takes [$($take:ident),*],)+) => {
        /// A verb.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Verb { $($(#[$doc])* $verb,)+ }

        impl Verb {
            pub(super) const ALL: &'static [Self] = &[$(Self::$verb),+];

            pub(super) const fn as_str(self) -> &'static str {
                match self { $(Self::$verb => $text,)+ }
            }

            pub(super) const fn needs(self) -> &'static [Field] {
                match self { $(Self::$verb => &[$(Field::$need),*],)+ }
            }

            pub(super) const fn takes(self) -> &'static [Field] {
                match self { $(Self::$verb => &[$(Field::$take),*],)+ }
            }
        }
    };
}

verbs! {
    /// A guest registers; `named` if it asks for a name of its choice.
    RegisterAsGuest = "register as guest" needs [] takes [Named],
    /// Nobody registers, in the ordinary way, under the name of the target.
    RegisterOver = "register over" needs [Target] takes [],
    /// The guest asks to become a user: with its own token and name; `named`: with its own token and
    /// another name; `target`: with its own token, or nobody's, for the account of the target.
    Upgrade = "upgrade" needs [] takes [Named, Target],
    LogOut = "log out" needs [] takes [Token],
    Deactivate = "deactivate" needs [] takes [Token],
    /// The server ends the target's token.
    EndToken = "end token" needs [Target] takes [],
    /// The server is restarted.
    Restart = "restart" needs [] takes [],
    /// A key of one's own profile is set, or of the moderator's, if that is the target.
    SetProfile = "set profile" needs [Key] takes [Target, Token],
    SetHistoryVisibility = "set history visibility" needs [Room, To] takes [Under, Token, Event],
    SetGuestAccess = "set guest access" needs [Room, To] takes [Under, Token],
    /// The event that is the room's setting now is redacted.
    Redact = "redact" needs [Room, Setting] takes [Token],
    SetJoinRule = "set join rule" needs [Room, To] takes [Token],
    Send = "send" needs [Room, Type] takes [Token, Event],
    SendState = "send state" needs [Room] takes [Token, Event],
    Invite = "invite" needs [Room, Target] takes [Token, Event],
    Kick = "kick" needs [Room, Target] takes [Token, Event],
    Ban = "ban" needs [Room, Target] takes [Token],
    Unban = "unban" needs [Room, Target] takes [Token],
    Join = "join" needs [Room] takes [By, Token, Event],
    Leave = "leave" needs [Room] takes [By, Token, Event],
    Knock = "knock" needs [Room] takes [By, Token],
}

impl Verb {
    pub(super) fn find(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|verb| verb.as_str() == text)
    }
}
