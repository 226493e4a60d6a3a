//! Decision points: the questions to which revisions, readings and defective homeservers give
//! different answers.
//!
//! Each decision point has two or more options. A [`Profile`](crate::profile::Profile) holds one
//! option of every decision point, and is the only parameter of the model and of the reference. The
//! first option is the answer of the rules in force, or their default reading. The rules file of a
//! revision says which options the revision requires, permits or forbids.
//!
//! Every endpoint is a decision point too: is the endpoint open to guests? Its options are the
//! values of [`Access`](crate::profile::Access).

/// Declares a family of decision points: an enum of the options of each point, the struct that holds
/// one option of every point, and the table of the points. If a name stands in brackets, it also
/// declares a reader, which records the points that are read.
macro_rules! points {
    (@reader [] $($rest:tt)*) => {};
    (@reader [$reader:ident] $choices:ident $($(#[doc = $question:literal])+ $field:ident: $options:ident,)+) => {
        /// Reads the chosen options, and records which points were read.
        ///
        /// A decision that never reads a point is the same for every option of the point.
        #[derive(Debug)]
        pub struct $reader<'a> {
            choices: &'a $choices,
            read: std::cell::Cell<crate::decision_point::PointSet>,
        }

        impl<'a> $reader<'a> {
            /// A reader of these choices, which has read no point.
            pub const fn new(choices: &'a $choices) -> Self {
                Self { choices, read: std::cell::Cell::new(crate::decision_point::PointSet::EMPTY) }
            }

            /// The points that were read.
            pub const fn points_read(&self) -> crate::decision_point::PointSet {
                self.read.get()
            }
        }

        const _: () = {
            #[allow(non_camel_case_types)]
            enum Number { $($field,)+ }

            impl $reader<'_> {
                $(
                    $(#[doc = $question])+
                    #[inline]
                    pub fn $field(&self) -> $options {
                        self.read.set(self.read.get().with_number(Number::$field as u32));
                        self.choices.$field
                    }
                )+
            }
        };
    };
    ($(#[$about:meta])* $choices:ident, read by $reader:tt $(#[$tables:meta])* $table:ident {$(
        $(#[doc = $question:literal])+
        $id:literal $field:ident: $options:ident [$($clause:literal),* $(,)?] {
            $($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+
        }
    )+}) => {
        $(
            crate::vocabulary::spelled! {
                $(#[doc = $question])+
                $options { $($(#[doc = $doc])+ $variant = $text,)+ }
            }
        )+

        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $choices { $($(#[doc = $question])+ pub $field: $options,)+ }

        impl $choices {
            /// The first option of every point.
            pub const FIRST: Self = Self { $($field: $options::ALL[0],)+ };

            /// The spelling of the chosen option of the point with this id, if there is such a
            /// point.
            pub fn option(&self, point: &str) -> Option<&'static str> {
                match point { $($id => Some(self.$field.as_str()),)+ _ => None }
            }

            /// Chooses another option of the point with this id. Returns `false` if there is no
            /// such point, or the point has no option with this spelling.
            #[must_use]
            pub fn set_option(&mut self, point: &str, option: &str) -> bool {
                match point {
                    $($id => match $options::from_spelling(option) {
                        Some(value) => { self.$field = value; true }
                        None => false,
                    },)+
                    _ => false,
                }
            }
        }

        crate::decision_point::points! {
            @reader $reader $choices $($(#[doc = $question])+ $field: $options,)+
        }

        $(#[$tables])*
        pub const $table: &[crate::decision_point::Point] = &[$(crate::decision_point::Point {
            id: $id,
            question: &[$($question),+],
            clauses: &[$($clause),*],
            options: &[$(crate::decision_point::PointOption { id: $text, means: &[$($doc),+] },)+],
        },)+];
    };
}
pub(crate) use points;

impl Choices {
    /// The spelling of the chosen option of `point`.
    ///
    /// # Panics
    /// Never: [`POINTS`] lists the fields.
    pub fn get(&self, point: PointId) -> &'static str {
        self.option(point.get().id).expect("POINTS lists the fields")
    }

    /// Chooses another option of `point`. Returns `false` if the point has no option with this
    /// spelling.
    #[must_use]
    pub fn set(&mut self, point: PointId, option: &str) -> bool {
        self.set_option(point.get().id, option)
    }
}

/// A question that the rules answer, or leave open.
#[derive(Debug)]
pub struct Point {
    /// The id, which never changes: `family.question`.
    pub id: &'static str,
    /// The question, in lines.
    pub(crate) question: &'static [&'static str],
    /// The clauses that raise the question.
    pub clauses: &'static [&'static str],
    /// The possible answers.
    pub options: &'static [PointOption],
}

/// One possible answer to the question of a decision point.
#[derive(Debug)]
pub struct PointOption {
    /// The option's id, unique within its point.
    pub id: &'static str,
    /// What a homeserver with this option does, in lines.
    pub(crate) means: &'static [&'static str],
}

impl Point {
    /// The question, on one line.
    pub fn question(&self) -> String {
        joined(self.question)
    }

    /// The ids of the options.
    pub fn option_ids(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.options.iter().map(|option| option.id)
    }
}

impl PointOption {
    /// What a homeserver with this option does, on one line.
    pub fn means(&self) -> String {
        joined(self.means)
    }
}

fn joined(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// A decision point, as its index in [`POINTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PointId(u8);

impl PointId {
    /// Every decision point, in order.
    ///
    /// # Panics
    /// Never: there are fewer than 256 points.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..u8::try_from(POINTS.len()).expect("there are fewer than 256 points")).map(Self)
    }

    /// The point with this id, if there is one.
    pub fn find(id: &str) -> Option<Self> {
        Self::all().find(|point| point.get().id == id)
    }

    /// The point itself.
    pub fn get(self) -> &'static Point {
        &POINTS[self.index()]
    }

    /// The index in [`POINTS`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A set of decision points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PointSet(u128);

impl PointSet {
    /// No point.
    pub const EMPTY: Self = Self(0);

    /// The set with the point that has this index in [`POINTS`] added.
    const fn with_number(self, number: u32) -> Self {
        Self(self.0 | 1 << number)
    }

    /// The points that are in at least one of the two sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a point is in both sets.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl FromIterator<PointId> for PointSet {
    fn from_iter<I: IntoIterator<Item = PointId>>(points: I) -> Self {
        points.into_iter().fold(Self::EMPTY, |set, point| set.with_number(u32::from(point.0)))
    }
}

const _: () = assert!(POINTS.len() <= 128, "a set of points has 128 bits");

points! {
/// One option for every decision point.
Choices,
read by [ReadChoices]
/// Every decision point that is not an endpoint's, in the order in which a call meets them.
POINTS {
    // ---- who is calling -------------------------------------------------------------------

    /// May a call that needs an access token be made without one?
    "authentication.missing_token" missing_token: MissingToken ["CS-1", "CS-3"] {
        /// Denied: 401 `M_MISSING_TOKEN`.
        Refused = "refused",
        /// A call without a token is served as if a guest had made it.
        ServedAsGuest = "served_as_guest",
    }

    /// Does the server check that a token has not been ended?
    "authentication.ended_token" ended_token: EndedToken ["CS-2", "CS-4", "CS-5"] {
        /// A call with an ended token is denied: 401 `M_UNKNOWN_TOKEN`.
        Refused = "refused",
        /// A call with a guest's ended token is served.
        GuestsServed = "guests_served",
    }

    /// Who is the caller of a guest's call that names another user in its query?
    "authentication.masquerade" masquerade: Masquerade ["DR-11", "RG-5"] {
        /// The guest itself: the server ignores the query.
        Ignored = "ignored",
        /// The named user.
        Honoured = "honoured",
    }

    /// Does the room summary need an access token?
    "authentication.room_summary" room_summary_token: RoomSummaryToken ["CS-1", "CS-3", "CS-42"] {
        /// Yes: 401 without a live token.
        Required = "required",
        /// No: a call without a token is answered. A token that a call shows has to be live.
        Optional = "optional",
        /// No: a call is answered as one without a token, whatever token the call shows.
        Unread = "unread",
    }

    // ---- registration ---------------------------------------------------------------------

    /// Does the server register guests at all?
    "registration.guests" registration_guests: RegistrationGuests ["DR-1", "DR-8", "GA-1", "GA-4", "RG-4", "RG-12"] {
        /// Yes.
        Open = "open",
        /// No: 403 `M_FORBIDDEN`.
        Closed = "closed",
    }

    /// What does the server do with the parameters of a guest's registration, such as `username`,
    /// except the device name?
    "registration.parameters" registration_parameters: RegistrationParameters ["RG-6", "RG-10", "RG-11"] {
        /// Ignored: the server chooses the user id.
        Ignored = "ignored",
        /// Honoured: the guest gets the localpart that it asks for.
        Honoured = "honoured",
    }

    /// Does the server store at registration that the account is a guest?
    "registration.flag" registration_flag: RegistrationFlag ["RG-1", "RG-3"] {
        /// Stored: the account is a guest until it is upgraded.
        Stored = "stored",
        /// Not stored: after a restart of the server, every guest is an ordinary user.
        LostAtRestart = "lost_at_restart",
    }

    /// If the first account of a server is a guest, is it an administrator?
    "registration.first_guest" first_guest: FirstGuest ["GA-3", "RG-3"] {
        /// No: it is a guest like any other.
        Plain = "plain",
        /// Yes, and no allow-list limits an administrator.
        Administrator = "administrator",
    }

    /// May an ordinary registration, without the guest's token, ask for a guest's user id?
    "registration.user_ids" user_ids: UserIds ["RG-7"] {
        /// Denied: 400 `M_USER_IN_USE`.
        Distinct = "distinct",
        /// The server gives the account to the caller, as an ordinary user.
        Colliding = "colliding",
    }

    /// Which error code does the 400 have for an ordinary registration that asks for a guest's user id?
    "registration.taken_errcode" taken_errcode: TakenErrcode ["RG-7"] {
        /// `M_USER_IN_USE`: the user id is taken.
        UserInUse = "M_USER_IN_USE",
        /// `M_INVALID_USERNAME`: user names of this form are reserved for guests.
        InvalidUsername = "M_INVALID_USERNAME",
        /// `M_EXCLUSIVE`: user names of this form are in a reserved namespace.
        Exclusive = "M_EXCLUSIVE",
    }

    /// How does the server recognise a guest?
    "registration.known_by" known_by: KnownBy ["RG-1", "RG-2"] {
        /// By its registration as a guest.
        Registration = "registration",
        /// By having no password: an ordinary user who signs in elsewhere counts as a guest.
        NoPassword = "no_password",
    }

    /// What does `whoami` say in `is_guest`?
    "whoami.is_guest" whoami: Whoami ["CS-39"] {
        /// `true` for guests and for nobody else.
        Truthful = "truthful",
        /// Always `false`, as if the field did not exist.
        Never = "never",
        /// Always `true`.
        Always = "always",
    }

    // ---- upgrade --------------------------------------------------------------------------

    /// May a guest become an ordinary user by registering with `guest_access_token`?
    "upgrade.offered" upgrade_offered: UpgradeOffered ["GA-32"] {
        /// Yes.
        Offered = "offered",
        /// No: the parameter is unknown, and the user id is taken (400 `M_USER_IN_USE`).
        NotOffered = "not_offered",
    }

    /// Whose token must the upgrade show?
    "upgrade.token" upgrade_token: UpgradeToken ["GA-32"] {
        /// The live token of the guest whose localpart is asked for; any other is denied: 403
        /// `M_FORBIDDEN`.
        Own = "own",
        /// The live token of any guest.
        AnyGuest = "any_guest",
        /// Any text: the server does not check the token.
        Unchecked = "unchecked",
    }

    /// How is an upgrade refused that shows a token which is not live?
    "upgrade.dead_token" dead_token: DeadToken ["GA-32", "CS-2", "RG-7"] {
        /// 403 `M_FORBIDDEN`: the upgrade is not permitted.
        Forbidden = "M_FORBIDDEN",
        /// 401 `M_UNKNOWN_TOKEN`: the token is not live.
        UnknownToken = "M_UNKNOWN_TOKEN",
        /// 400 `M_USER_IN_USE`: without a token the user id is taken.
        UserInUse = "M_USER_IN_USE",
    }

    /// Which user id does an upgrade keep?
    "upgrade.username" upgrade_username: UpgradeUsername ["GA-33"] {
        /// The guest's own: another `username` is denied: 400 `M_INVALID_PARAM`.
        OwnRequired = "own_required",
        /// Another `username` is accepted, and a new account takes the guest's place.
        AnyAccepted = "any_accepted",
    }

    /// What does the upgrade do to the guest's token?
    "upgrade.old_token" old_token: OldToken ["GA-32", "CS-2"] {
        /// The token is ended: 401 `M_UNKNOWN_TOKEN` afterwards.
        Ended = "ended",
        /// The token stays live, as a token of the upgraded user.
        KeptAsUser = "kept_as_user",
        /// The token stays live, with a guest's limits.
        KeptAsGuest = "kept_as_guest",
    }

    /// What does the upgrade do to the guest's memberships?
    "upgrade.memberships" upgrade_memberships: UpgradeMemberships ["GA-33"] {
        /// They stay as they are.
        Kept = "kept",
        /// The account leaves every room that it is in.
        Left = "left",
    }

    // ---- the end of an account ------------------------------------------------------------

    /// What does a deactivation do to the account's memberships?
    "deactivation.memberships" deactivation_memberships: DeactivationMemberships ["CS-5"] {
        /// They stay as they are.
        Kept = "kept",
        /// The account leaves every room that it is in.
        Left = "left",
    }

    // ---- the allow-list -------------------------------------------------------------------

    /// What happens to a guest's call to an endpoint that is not on the list?
    "unlisted.endpoint" unlisted: Unlisted ["DR-2", "DR-9", "DR-13", "GA-3"] {
        /// Denied.
        Refused = "refused",
        /// Served: there is no allow-list.
        Served = "served",
    }

    /// Which error code does the 403 for an unlisted endpoint have?
    "unlisted.errcode" unlisted_errcode: UnlistedErrcode ["CS-34"] {
        /// `M_GUEST_ACCESS_FORBIDDEN`.
        GuestAccessForbidden = "M_GUEST_ACCESS_FORBIDDEN",
        /// `M_FORBIDDEN`.
        Forbidden = "M_FORBIDDEN",
    }

    /// May a guest change its own membership by sending `m.room.member` to PUT state, if that
    /// endpoint is open?
    "put_state.membership" put_state_membership: PutStateMembership ["GA-46"] {
        /// Yes, by the same rules as the membership's own endpoints.
        AsOwnEndpoint = "as_own_endpoint",
        /// No: denied like an unlisted endpoint.
        Refused = "refused",
    }

    /// May a guest redact by sending `m.room.redaction` to PUT send, if that endpoint accepts any
    /// event type?
    "send.redaction" send_redaction: SendRedaction ["GA-45"] {
        /// Yes, by the rules of the room.
        ByRoomRules = "by_room_rules",
        /// No: denied like an unlisted endpoint.
        Refused = "refused",
    }

    /// Must a guest be joined to a room to send an event to it?
    "send.membership" send_membership: SendMembership ["GA-20", "CS-7"] {
        /// Yes: denied with 403 `M_FORBIDDEN` otherwise.
        Required = "required",
        /// No: the server accepts the event.
        NotRequired = "not_required",
    }

    /// May a guest change somebody else's profile, if it may change its own?
    "profile.owner" profile_owner: ProfileOwner ["GA-21"] {
        /// Denied: 403 `M_FORBIDDEN`.
        Own = "own",
        /// Yes, anybody's.
        Anybodys = "anybodys",
    }

    // ---- what the settings mean -----------------------------------------------------------

    /// What does a room without a `m.room.guest_access` event mean?
    "guest_access.absent" guest_access_absent: GuestAccessAbsent ["GA-10"] {
        /// `forbidden`.
        Forbidden = "forbidden",
        /// `can_join`.
        CanJoin = "can_join",
    }

    /// What does an unknown `guest_access` value mean?
    "guest_access.unknown" guest_access_unknown: GuestAccessUnknown ["GA-8"] {
        /// `forbidden`.
        Forbidden = "forbidden",
        /// `can_join`.
        CanJoin = "can_join",
    }

    /// What does an `m.room.guest_access` event with malformed content mean (the key is missing, or
    /// is not a string)?
    "guest_access.malformed" guest_access_malformed: GuestAccessMalformed ["GA-8"] {
        /// `forbidden`.
        Forbidden = "forbidden",
        /// `can_join`.
        CanJoin = "can_join",
    }

    /// What does a redacted `m.room.guest_access` event mean?
    "guest_access.redacted" guest_access_redacted: GuestAccessRedacted ["CS-17", "CS-19"] {
        /// `forbidden`, because the redacted content is empty.
        Forbidden = "forbidden",
        /// What it said before.
        Unchanged = "unchanged",
    }

    /// Does an `m.room.guest_access` event under another state key, or sent as a message event,
    /// change the setting?
    "guest_access.stray" guest_access_stray: GuestAccessStray ["GA-9", "CS-6"] {
        /// No.
        Ignored = "ignored",
        /// The latest event of the type counts, wherever it stands.
        Counts = "counts",
    }

    /// What does a room without a `m.room.history_visibility` event mean?
    "history_visibility.absent" visibility_absent: VisibilityAbsent ["HV-2"] {
        /// `shared`.
        Shared = "shared",
        /// `world_readable`.
        WorldReadable = "world_readable",
    }

    /// What does an unknown `history_visibility` value mean?
    "history_visibility.unknown" visibility_unknown: VisibilityUnknown ["HV-9", "HV-10"] {
        /// `shared`.
        Shared = "shared",
        /// `world_readable`.
        WorldReadable = "world_readable",
        /// The value before the event stays in force.
        Unchanged = "unchanged",
    }

    /// What does an `m.room.history_visibility` event with malformed content mean (the key is
    /// missing, or is not a string)?
    "history_visibility.malformed" visibility_malformed: VisibilityMalformed ["HV-10"] {
        /// `shared`.
        Shared = "shared",
        /// `world_readable`.
        WorldReadable = "world_readable",
        /// Reading the room fails with 500 `M_UNKNOWN` as long as the event is the current one.
        Fails = "fails",
    }

    /// What does a redacted `m.room.history_visibility` event mean?
    "history_visibility.redacted" visibility_redacted: VisibilityRedacted ["CS-17", "CS-18"] {
        /// What it said before: redaction keeps the key.
        Unchanged = "unchanged",
        /// `shared`, as if its content were empty.
        Shared = "shared",
    }

    /// Does an `m.room.history_visibility` event under another state key, or sent as a message
    /// event, change the setting?
    "history_visibility.stray" visibility_stray: VisibilityStray ["HV-8", "CS-6"] {
        /// No.
        Ignored = "ignored",
        /// The latest event of the type counts, wherever it stands.
        Counts = "counts",
    }

    // ---- joining --------------------------------------------------------------------------

    /// When may a guest join?
    "join.gate" join_gate: JoinGate ["GA-7", "GA-22"] {
        /// Only while the room's guest access is `can_join`.
        CanJoinOnly = "can_join_only",
        /// Always: the server has no gate, or ignores the answer of the gate.
        None = "none",
    }

    /// Does the gate apply to an invited guest?
    "join.gate_for_invited" gate_for_invited: GateForInvited ["GA-22", "CS-11", "CS-36"] {
        /// Yes.
        Holds = "holds",
        /// No: an invited guest may join.
        Waived = "waived",
    }

    /// Does the gate apply to a join by POST /join/{roomIdOrAlias}, if that endpoint is open?
    "join.gate_by_alias" gate_by_alias: GateByAlias ["GA-22"] {
        /// Yes.
        Holds = "holds",
        /// No.
        Waived = "waived",
    }

    /// Does the gate apply to a join by PUT state with an `m.room.member` event, if that endpoint
    /// is open?
    "join.gate_by_state_event" gate_by_state_event: GateByStateEvent ["GA-22", "GA-46"] {
        /// Yes.
        Holds = "holds",
        /// No.
        Waived = "waived",
    }

    /// Which error code does the 403 of the gate have?
    "join.errcode" join_errcode: JoinErrcode ["GA-22", "CS-34"] {
        /// `M_GUEST_ACCESS_FORBIDDEN`.
        GuestAccessForbidden = "M_GUEST_ACCESS_FORBIDDEN",
        /// `M_FORBIDDEN`.
        Forbidden = "M_FORBIDDEN",
    }

    /// Does the gate apply to anybody but guests?
    "join.gate_for_users" gate_for_users: GateForUsers ["RG-2", "GA-32"] {
        /// No: ordinary users pass the gate, and so do upgraded guests.
        Pass = "pass",
        /// Yes, to upgraded guests: the upgrade does not end this limit.
        UpgradedHeld = "upgraded_held",
    }

    /// May a guest join a room in which its server does not participate?
    "join.elsewhere" join_elsewhere: JoinElsewhere ["DR-4", "GA-22"] {
        /// No: 404 `M_NOT_FOUND`, as for a room that does not exist.
        Refused = "refused",
        /// No: the gate checks an empty state, and denies: 403 `M_GUEST_ACCESS_FORBIDDEN`.
        RefusedByEmptyState = "refused_by_empty_state",
        /// No: 403 `M_FORBIDDEN`.
        Forbidden = "forbidden",
        /// No: 404 `M_UNKNOWN`, because the call names no server that is in the room.
        NoServer = "no_server",
        /// The call fails: 500 `M_UNKNOWN`.
        Fails = "fails",
    }

    /// What is the answer to a joined user who joins again?
    "join.again" join_again: JoinAgain ["CS-10", "CS-11"] {
        /// The user is joined, as it was.
        Answered = "answered",
        /// Denied: 403 `M_FORBIDDEN`. The user stays joined.
        Refused = "refused",
    }

    /// Which error code does the 403 have for a banned user's join?
    "join.banned_errcode" join_banned_errcode: JoinBannedErrcode ["CS-9"] {
        /// `M_FORBIDDEN`.
        Forbidden = "M_FORBIDDEN",
        /// `M_BAD_STATE`.
        BadState = "M_BAD_STATE",
    }

    // ---- leaving and knocking -------------------------------------------------------------

    /// What is the answer to `POST leave` of a user who is not in the room?
    "leave.again" leave_again: LeaveAgain ["CS-14", "CS-37", "CS-40"] {
        /// Denied: 403 `M_FORBIDDEN`.
        Refused = "refused",
        /// 200 to a user who has left, and 403 to any other user. No membership changes.
        WhoLeftAnswered = "who_left_answered",
        /// 200 to every user who is not banned. No membership changes.
        Answered = "answered",
    }

    /// What is the answer to PUT state with the membership `leave` of a user who is not in the room?
    "leave.again_by_state_event" leave_again_by_state_event: LeaveAgainByStateEvent ["CS-14", "CS-37", "GA-46"] {
        /// Denied: 403 `M_FORBIDDEN`.
        Refused = "refused",
        /// 200 to a user who has left, and 403 to any other user. No membership changes.
        WhoLeftAnswered = "who_left_answered",
    }

    /// Does a user who leaves a room forget the room at once?
    "leave.forgets" leave_forgets: LeaveForgets ["CS-23", "CS-41"] {
        /// No: the user may read the room as one who left.
        Remembers = "remembers",
        /// Yes: until its membership changes, the user is refused the room, unless the room is
        /// `world_readable`.
        Forgets = "forgets",
    }

    /// What is the answer to a knocking user who knocks again?
    "knock.again" knock_again: KnockAgain ["CS-35"] {
        /// The user is knocking, as it was.
        Answered = "answered",
        /// Denied: 403 `M_FORBIDDEN`. The user stays knocking.
        Refused = "refused",
    }

    /// Which error code does the 403 have for a banned user's knock?
    "knock.banned_errcode" knock_banned_errcode: KnockBannedErrcode ["CS-35"] {
        /// `M_FORBIDDEN`.
        Forbidden = "M_FORBIDDEN",
        /// `M_BAD_STATE`.
        BadState = "M_BAD_STATE",
    }

    // ---- revocation -----------------------------------------------------------------------

    /// What happens to the guests in a room when the room's guest access stops being `can_join`?
    "revocation.effect" revocation_effect: RevocationEffect ["GA-23"] {
        /// Their membership is set to `leave`.
        Leave = "leave",
        /// Nothing.
        None = "none",
        /// Their membership is set to `ban`.
        Ban = "ban",
    }

    /// Which changes that end `can_join` revoke?
    "revocation.trigger" revocation_trigger: RevocationTrigger ["GA-23"] {
        /// Every change: another value, unknown content, a redaction.
        EveryWay = "every_way",
        /// A new event with other content; a redaction of the current event does not revoke.
        NewEventOnly = "new_event_only",
        /// Only a new event that says `forbidden`.
        ForbiddenOnly = "forbidden_only",
    }

    /// Which memberships of a guest does a revocation end?
    "revocation.memberships" revocation_memberships: RevocationMemberships ["GA-23"] {
        /// `join` only.
        Joined = "joined",
        /// `join` and `invite`.
        JoinedAndInvited = "joined_and_invited",
        /// `join`, `invite` and `knock`.
        JoinedInvitedAndKnocking = "joined_invited_and_knocking",
    }

    /// Whom does a revocation remove?
    "revocation.whom" revocation_whom: RevocationWhom ["GA-23", "GA-24"] {
        /// The server's own guests.
        LocalGuests = "local_guests",
        /// Only guests whose token is live.
        LiveGuestsOnly = "live_guests_only",
        /// Guests, and those who were guests before they upgraded.
        UpgradedToo = "upgraded_too",
        /// Everybody except the sender of the change.
        Everybody = "everybody",
    }

    /// Does a rejected `m.room.guest_access` event revoke?
    "revocation.rejected_event" rejected_event: RejectedEvent ["GA-23", "CS-8"] {
        /// No: a refused call changes nothing.
        Ignored = "ignored",
        /// Yes: the guests are removed although the event is refused.
        Revokes = "revokes",
    }

    // ---- who may read a room at all -------------------------------------------------------

    /// On what does a guest's right to call about a room depend?
    "room.rule" room_rule: RoomRule ["DR-12", "RP-1", "RP-2", "RP-8"] {
        /// On its membership, or else on the room being `world_readable`.
        MembershipOrPreview = "membership_or_preview",
        /// On the room being `world_readable` now, and on nothing else.
        WorldReadableNow = "world_readable_now",
        /// On nothing: the server leaves out the check, or makes it too late.
        Unchecked = "unchecked",
    }

    /// Does a previewer's GET messages (or initialSync) get an answer if the room was
    /// `world_readable` before, and is not now?
    "room.closed_again" closed_again: ClosedAgain ["RP-2", "RP-5", "CS-26"] {
        /// No: the whole call is refused, 403 `M_FORBIDDEN`.
        Refused = "refused",
        /// Yes, with the events that the previewer may see.
        Answered = "answered",
    }

    /// May a user who is invited, and not joined, call GET messages (or initialSync)?
    "room.invited_reader" invited_reader: InvitedReader ["HV-23", "CS-26"] {
        /// Yes, with the events that the user may see.
        Answered = "answered",
        /// Like a user who is not in the room.
        AsStranger = "as_stranger",
    }

    /// May a banned user read what it could read before the ban, and what anyone can read?
    "room.banned_reader" banned_reader: BannedReader ["HV-11", "HV-19"] {
        /// Yes, like a user who left.
        AsLeft = "as_left",
        /// Nothing: 403 `M_FORBIDDEN`.
        Refused = "refused",
        /// Like a user who is not in the room: only while the room is `world_readable`.
        AsStranger = "as_stranger",
    }

    /// What may a user who left a `world_readable` room read?
    "room.left_reader" left_reader: LeftReader ["HV-11", "HV-19", "HV-20"] {
        /// What the user could read before, and what anybody may read.
        AtLeastAsStranger = "at_least_as_stranger",
        /// Only what the user could read before: less than a user who never joined.
        OnlyItsOwnTime = "only_its_own_time",
    }

    /// May a user who was never joined read like a user who left, once its invite, its knock or its ban
    /// has ended?
    "room.turned_away" turned_away: TurnedAway ["CS-24", "CS-26", "RP-2"] {
        /// Yes: the user is answered, with what the user may see.
        AsLeft = "as_left",
        /// No: the user is a stranger to the room.
        AsStranger = "as_stranger",
    }

    /// What is the answer to a call about a room in which the server does not participate?
    "room.elsewhere" room_elsewhere: RoomElsewhere ["DR-4", "CS-24"] {
        /// Denied: 403 `M_FORBIDDEN`.
        Refused = "refused",
        /// Denied: 404 `M_NOT_FOUND`.
        NotFound = "not_found",
        /// 401 `M_UNKNOWN_TOKEN`, as if the caller's token were at fault.
        Unauthorised = "unauthorised",
        /// The call fails: 500 `M_UNKNOWN`.
        Fails = "fails",
    }

    /// What does a guest's GET /events without `room_id` get?
    "events.no_room" events_no_room: EventsNoRoom ["DR-17", "GA-15", "GA-36", "RP-7"] {
        /// 400 `M_MISSING_PARAM`.
        Refused = "refused",
        /// The events of the guest's joined rooms.
        JoinedRooms = "joined_rooms",
        /// The events of every room that is `world_readable`.
        EveryPreviewableRoom = "every_previewable_room",
    }

    // ---- which events a reader is given ---------------------------------------------------

    /// Which setting of the room decides about an event: the setting at the event, or at the call?
    "visibility.evaluated_at" evaluated_at: EvaluatedAt ["DR-12", "HV-1", "HV-16", "HV-21"] {
        /// The setting at the event.
        Event = "event",
        /// The setting at the call.
        Now = "now",
    }

    /// Which events may a guest see at most?
    "visibility.guest_reads" guest_reads: GuestReads ["GA-16", "GA-17", "GA-37"] {
        /// What an ordinary user with the same membership may see.
        AsUser = "as_user",
        /// Only events sent while the room was `world_readable`, joined or not.
        WorldReadableOnly = "world_readable_only",
    }

    /// Who may see events sent under `shared`, besides users who were joined at the event?
    "visibility.shared" shared_opens: SharedOpens ["HV-5", "HV-13", "HV-22"] {
        /// A user who was joined at any point after the event, even if that join has ended.
        LaterJoin = "later_join",
        /// A user who joined after the event and is still joined.
        LaterJoinNotEnded = "later_join_not_ended",
        /// Everybody.
        Everyone = "everyone",
        /// Nobody else.
        Nobody = "nobody",
    }

    /// May a user who was invited at the event see an event sent under `invited`?
    "visibility.invited" invited_opens: InvitedOpens ["HV-4", "HV-14", "HV-18", "HV-23"] {
        /// Yes.
        Opens = "opens",
        /// Yes, and events sent under `shared` too.
        OpensSharedToo = "opens_shared_too",
        /// Only once the user has joined.
        OnceJoined = "once_joined",
        /// No.
        Never = "never",
    }

    /// May a user who was joined at the event see the event?
    "visibility.joined" joined_opens: JoinedOpens ["HV-3", "HV-19"] {
        /// Yes, for ever.
        Opens = "opens",
        /// Only while the user is joined.
        WhileJoined = "while_joined",
    }

    /// What may a joined user see of the time before its join?
    "visibility.joined_now" joined_now: JoinedNow ["HV-6", "HV-15"] {
        /// What the rules give for each event.
        ByEvent = "by_event",
        /// Everything: the server checks only that the user is joined now.
        Everything = "everything",
    }

    /// Which value decides who may see an `m.room.history_visibility` event?
    "visibility.setting_change" setting_change: SettingChange ["HV-1", "HV-24"] {
        /// Either: it is enough that the value before or the value after allows it.
        Either = "either",
        /// The value before the event.
        Before = "before",
        /// The value after the event.
        After = "after",
    }

    /// Which membership decides whether a user may see its own `m.room.member` event?
    "visibility.own_membership" own_membership: OwnMembership ["HV-1", "HV-25"] {
        /// Either: it is enough that the membership before or after allows it.
        Either = "either",
        /// The membership before the event.
        Before = "before",
        /// The membership after the event.
        After = "after",
    }

    /// Does `world_readable` open an event, or close it?
    "visibility.world_readable" world_readable: WorldReadableMeans ["HV-11", "HV-26", "HV-27"] {
        /// It opens the event to every authenticated user.
        Opens = "opens",
        /// The check is inverted: every other setting opens the event to everybody, and
        /// `world_readable` does not.
        Inverted = "inverted",
    }

    /// What does one hidden event do to an answer with several events?
    "visibility.hidden_event" hidden_event: HiddenEvent ["GA-13", "HV-21"] {
        /// The hidden event is left out.
        LeftOut = "left_out",
        /// The whole answer is denied: 403 `M_FORBIDDEN`.
        FailsAnswer = "fails_answer",
    }

    /// How is `GET context` refused for an event that the caller may not see?
    "context.unseen" context_unseen: ContextUnseen ["CS-33", "GA-41"] {
        /// 404 `M_NOT_FOUND`, as for an event that does not exist.
        NotFound = "M_NOT_FOUND",
        /// 403 `M_FORBIDDEN`, as for an event that does not exist.
        Forbidden = "M_FORBIDDEN",
        /// 403 `M_FORBIDDEN`, and 404 `M_NOT_FOUND` for an event that does not exist.
        ForbiddenIfThere = "forbidden_if_there",
    }

    /// Does a call with an event's id and the path of another room get the event?
    "visibility.other_room" other_room: OtherRoom ["CS-33"] {
        /// No: 404 `M_NOT_FOUND`.
        NotFound = "not_found",
        /// Yes, if the caller may read the room in the path.
        Given = "given",
    }

    // ---- which state a reader is given ----------------------------------------------------

    /// Which state is a previewer given?
    "state.preview" state_preview: StatePreview ["GA-16", "RP-10"] {
        /// State events sent while the room was `world_readable`.
        OwnVisibility = "own_visibility",
        /// The whole current state of a room that is `world_readable` now.
        Current = "current",
    }

    /// Which state is a user who left given?
    "state.left" state_left: StateLeft ["CS-23", "CS-27", "HV-20"] {
        /// The state at the time of leaving.
        AtLeaving = "at_leaving",
        /// The current state.
        Current = "current",
    }

    /// Does the server check who reads the state?
    "state.check" state_check: StateCheck ["CS-22", "CS-24"] {
        /// Yes: the membership, or the conditions of a preview.
        Checked = "checked",
        /// No: anybody may read the current state.
        Unchecked = "unchecked",
    }
}
}
