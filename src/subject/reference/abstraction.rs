//! The abstract state of the homeserver: what the model knows of its accounts and timelines.

use guest_access_model::state::{
    Account, Kind, MAX_GUESTS, MAX_ROOMS, Past, ReaderRelation, Room, Standing, State, Tagged,
};
use guest_access_reference::reference::{self, Settings};
use guest_access_rules::decision_point::TurnedAway;
use guest_access_rules::vocabulary::{HistoryVisibility, JoinRule, Membership};

use super::ReferenceSubject;
use super::accounts::UserAccount;

impl ReferenceSubject {
    pub(super) fn describe(&self) -> State {
        let everyone = 0..self.scope.guests.min(MAX_GUESTS);
        let mut accounts = [Account::Absent; MAX_GUESTS];
        for number in everyone {
            accounts[number] =
                self.guest(number).map_or(Account::Absent, |guest| self.describe_account(guest));
        }
        let mut rooms = [self.fresh_room(); MAX_ROOMS];
        for (described, id) in rooms.iter_mut().zip(self.rooms.iter()) {
            if let Some(room) = self.reference.room(id) {
                *described = self.describe_room(room);
            }
        }
        State { accounts, rooms, tagged: self.describe_tagged() }
    }

    fn guest(&self, number: usize) -> Option<&UserAccount> {
        self.accounts.guests.get(number)?.as_ref()
    }

    fn describe_account(&self, guest: &UserAccount) -> Account {
        let Some(account) = self.reference.account(&guest.user_id) else {
            return Account::Absent;
        };
        match (account.is_guest(), account.is_live()) {
            (true, true) => Account::Guest,
            (true, false) => Account::GuestEnded,
            (false, true) => Account::User,
            (false, false) => Account::UserEnded,
        }
    }

    /// A room in which nothing has happened. Every room beyond the scope stays like this.
    fn fresh_room(&self) -> Room {
        let settings = Settings::of_a_new_room(&self.reference.profile().choices);
        Room {
            visibility: settings.visibility,
            guest_access: settings.guest_access,
            join_rule: JoinRule::Public,
            members: [Membership::Never; MAX_GUESTS],
            user: Membership::Join,
            past: [Past::Unkept; MAX_GUESTS],
        }
    }

    fn describe_room(&self, room: &reference::Room) -> Room {
        let settings = room.settings();
        let choices = &self.reference.profile().choices;
        let (mut members, mut past) = ([Membership::Never; MAX_GUESTS], [Past::Unkept; MAX_GUESTS]);
        for (number, (membership, past)) in members.iter_mut().zip(&mut past).enumerate() {
            if let Some(guest) = self.guest(number) {
                *membership = room.membership(&guest.user_id);
                let forgot = room.has_forgotten_by_leaving(&guest.user_id);
                let once_joined = choices.turned_away == TurnedAway::AsStranger
                    && room.was_ever_joined(&guest.user_id);
                *past = Past::of(once_joined, forgot);
            }
        }
        Room {
            visibility: settings.visibility,
            guest_access: settings.guest_access,
            join_rule: room.join_rule(),
            members,
            user: room.membership(&self.accounts.user.user_id),
            past,
        }
    }

    fn describe_tagged(&self) -> Option<Tagged> {
        let room = self.first_room()?;
        let place = room.place_of(self.tagged.as_ref()?)?;
        let mut relations = [STRANGER; MAX_GUESTS];
        for (number, relation) in relations.iter_mut().enumerate() {
            if let Some(guest) = self.guest(number) {
                *relation = ReaderRelation {
                    before: room.membership_before(place, &guest.user_id).into(),
                    after: room.membership_after(place, &guest.user_id).into(),
                    joined_later: room.was_joined_after(place, &guest.user_id),
                };
            }
        }
        Some(Tagged {
            kind: kind(room.event(place)),
            before: value_or_shared(room.settings_before(place)),
            after: value_or_shared(room.settings_after(place)),
            relations,
        })
    }
}

/// The relation of a reader who was not in the room at the tagged event and has not joined since.
const STRANGER: ReaderRelation =
    ReaderRelation { before: Standing::Other, after: Standing::Other, joined_later: false };

fn kind(event: &reference::Event) -> Kind {
    match (event.kind.as_str(), &event.state_key) {
        ("m.room.member", Some(_)) => Kind::Member,
        ("m.room.history_visibility", Some(_)) => Kind::Setting,
        (_, Some(_)) => Kind::State,
        (_, None) => Kind::Message,
    }
}

/// The history visibility at an event; `shared`, where the setting could not be read then.
fn value_or_shared(settings: Settings) -> HistoryVisibility {
    settings.visibility.unwrap_or(HistoryVisibility::Shared)
}
