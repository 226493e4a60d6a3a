//! The effects that an allowed call must have besides its answer, each with the sentence that demands it.

use serde::Serialize;

/// An effect that an allowed call must have, besides memberships.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallEffect {
    /// The display name that the call sets is in the profile.
    NameStored,
    /// The profile has no display name.
    NameRemoved,
    /// The display name is in the caller's member event in every room that the caller is joined to.
    NameCarried,
    /// The answer is the file that was uploaded.
    FileGiven,
    /// The answer is a picture.
    ThumbnailGiven,
    /// The answer names the room that the caller joined.
    RoomNamed,
    /// The answer to the registration of a guest has an access token, although the body asks for none.
    TokenGiven,
    /// The answer to a registration names the device of the new token.
    DeviceNamed,
    /// The device of a guest is not the one that the registration asks for.
    DeviceChosen,
    /// The answer to `whoami` names the device of the token.
    DeviceKnown,
    /// The next sync of the device gives the message to the device.
    MessageDelivered,
    /// Later syncs of the device do not give the message again.
    MessageDeliveredOnce,
    /// The syncs of the device give no message to a device of somebody else.
    MessageKept,
    /// The caller is given nothing of the history of the room that it forgot.
    RoomForgotten,
    /// The answer names the room to which the alias leads.
    AliasLeads,
    /// The directory says whether the room may be viewed without joining it.
    PreviewListed,
    /// The directory says whether guests may join the room.
    GuestsListed,
    /// The directory has no room that is not published.
    RoomHidden,
}

impl CallEffect {
    /// The ids of the clauses that demand the effect. Those that are in force are cited.
    pub const fn clauses(self) -> &'static [&'static str] {
        match self {
            // CS-66: A display name that a user sets is the display name in its profile.
            Self::NameStored => &["CS-66"],
            // CS-67: A key that is deleted from a profile is no longer in the profile.
            Self::NameRemoved => &["CS-67"],
            // CS-28: A change of a user's display name is carried into its member event in every room that it
            // is joined to.
            Self::NameCarried => &["CS-28"],
            // CS-68: A download gives the content that was uploaded.
            Self::FileGiven => &["CS-68"],
            // CS-69: The answer to a request for a thumbnail is a picture.
            Self::ThumbnailGiven => &["CS-69"],
            // CS-61: The answer to a join names the room that was joined.
            Self::RoomNamed => &["CS-61"],
            // RG-10: The registration of a guest ignores every parameter of its body but
            // `initial_device_display_name`.
            Self::TokenGiven => &["RG-10"],
            // RG-15: The answer to a registration that logs in names the device of the access token.
            Self::DeviceNamed => &["RG-15"],
            // RG-11: The server picks the device id of a guest account, whatever the body asks for.
            Self::DeviceChosen => &["RG-11"],
            // CS-62: The answer to `whoami` names the device of the access token, if the token has one.
            Self::DeviceKnown => &["CS-62"],
            // CS-63: A message to a device is given once by the syncs of the device.
            Self::MessageDelivered | Self::MessageDeliveredOnce | Self::MessageKept => &["CS-63"],
            // CS-49: A user who has forgotten a room is no longer given its history.
            Self::RoomForgotten => &["CS-49"],
            // CS-75: The answer to the look-up of an alias names the room to which the alias leads.
            Self::AliasLeads => &["CS-75"],
            // CS-46: The directory says by `world_readable` whether guests may view a room without joining it.
            // CS-47: The directory says by `world_readable` whether users may view a room without joining it.
            Self::PreviewListed => &["CS-46", "CS-47"],
            // CS-76: The directory says by `guest_can_join` whether guests may join a room.
            Self::GuestsListed => &["CS-76"],
            // CS-80: A room that is not published is hidden from the directory.
            Self::RoomHidden => &["CS-80"],
        }
    }

    /// Why a homeserver must not leave out the effect.
    pub const fn because(self) -> &'static str {
        match self {
            Self::NameStored => "the call sets the display name",
            Self::NameRemoved => "the call removes the display name",
            Self::NameCarried => "member events carry the display name",
            Self::FileGiven => "a download gives what was uploaded",
            Self::ThumbnailGiven => "a thumbnail is a picture",
            Self::RoomNamed => "the answer to a join names the room",
            Self::TokenGiven => "the registration of a guest ignores `inhibit_login`",
            Self::DeviceNamed => "a registration names the device of the token",
            Self::DeviceChosen => "the homeserver picks the device of a guest",
            Self::DeviceKnown => "`whoami` names the device of the token",
            Self::MessageDelivered | Self::MessageDeliveredOnce => {
                "a message to a device is given once by its syncs"
            }
            Self::MessageKept => "a message to a device is given by the syncs of this device",
            Self::RoomForgotten => "the caller has forgotten the room",
            Self::AliasLeads => "the answer names the room of the alias",
            Self::PreviewListed => "the directory says who may view a room",
            Self::GuestsListed => "the directory says which rooms guests may join",
            Self::RoomHidden => "the directory has published rooms",
        }
    }
}
