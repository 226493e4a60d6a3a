//! The actions of the federated model.

use crate::action::Operation;
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::profile::Access;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};

use super::history::{Setting, SettingHistory};
use super::{Federated, Servers};

/// An action of the federated model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FederatedAction {
    /// A user of the server joins, so that the server takes part in the room.
    EnterRoom(usize),
    /// The moderator on this server changes a setting. `place` is the position that state resolution gives
    /// the event among those in transit.
    ChangeSetting {
        /// The server.
        by: usize,
        /// The setting.
        setting: Setting,
        /// The position.
        place: usize,
    },
    /// The moderator on this server sends the message.
    SendEvent(usize),
    /// A delivery reaches a server.
    DeliverEvent {
        /// The delivery.
        delivery: Delivery,
        /// The server.
        server: usize,
    },
    /// The guest of the server with this number makes a call to its own server.
    CallEndpoint(usize, Operation),
}

/// A delivery to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// The event of guest access with this number among those in transit.
    Access(usize),
    /// The event of history visibility with this number.
    Visibility(usize),
    /// The newest event of guest access that every server has, delivered again.
    AccessAgain,
    /// The newest event of history visibility that every server has, delivered again.
    VisibilityAgain,
    /// The message.
    Message,
    /// The membership of the guest of the server with this number.
    Membership(usize),
}

/// The servers that have a moderator among their users.
const MODERATED: usize = 2;

/// The positions that state resolution may give an event of this server: after every event that the server
/// knows. A redaction comes directly after the redacted event.
fn places(
    history: &SettingHistory,
    by: usize,
    setting: Setting,
) -> impl Iterator<Item = FederatedAction> {
    let known = history.known(by);
    let last = if setting == Setting::Redacted { known } else { history.events.len() };
    let is_free = |place: &usize| {
        history.events.get(*place).is_none_or(|next| next.setting != Setting::Redacted)
    };
    (known..=last).filter(is_free).map(move |place| FederatedAction::ChangeSetting {
        by,
        setting,
        place,
    })
}

impl Federated {
    /// All actions that may be possible in a state.
    pub(super) fn actions(&self, servers: &Servers) -> Vec<FederatedAction> {
        let mut actions = Vec::new();
        let takes_part = |server: usize| servers.servers[server].takes_part;
        let all = || 0..self.servers;
        actions.extend(all().filter(|server| !takes_part(*server)).map(FederatedAction::EnterRoom));
        for guest in all() {
            let open = self.rules.access(KNOWN.join) != Access::Refused;
            actions.extend(open.then_some(FederatedAction::CallEndpoint(
                guest,
                Operation::Join(MembershipEndpoint::Own),
            )));
            actions.push(FederatedAction::CallEndpoint(guest, Operation::Read(KNOWN.messages)));
        }
        let has_room =
            servers.access.events.len() + servers.visibility.events.len() < self.in_transit;
        for by in all().take(MODERATED).filter(|by| takes_part(*by)) {
            if servers.message.is_none() {
                actions.push(FederatedAction::SendEvent(by));
            }
            if has_room {
                let access = GuestAccess::ALL.iter().map(|value| Setting::GuestAccess(*value));
                for setting in access.chain([Setting::Redacted]) {
                    actions.extend(places(&servers.access, by, setting));
                }
                for value in [HistoryVisibility::WorldReadable, HistoryVisibility::Joined] {
                    actions.extend(places(&servers.visibility, by, Setting::Visibility(value)));
                }
            }
        }
        for server in all().filter(|server| takes_part(*server)) {
            let deliver = |delivery| FederatedAction::DeliverEvent { delivery, server };
            actions.extend((0..servers.access.events.len()).map(Delivery::Access).map(deliver));
            actions.extend(
                (0..servers.visibility.events.len()).map(Delivery::Visibility).map(deliver),
            );
            actions.extend([Delivery::AccessAgain, Delivery::VisibilityAgain].map(deliver));
            actions.extend(servers.message.is_some().then_some(deliver(Delivery::Message)));
            let outdated = servers.servers[server].outdated;
            let news = all().filter(|guest| outdated[*guest]);
            actions.extend(news.map(Delivery::Membership).map(deliver));
        }
        actions
    }
}
