//! The classes into which a step falls, and the reason for each class.
//!
//! | who does what | one class for each | why |
//! |---|---|---|
//! | a guest calls a listed endpoint about a room | history visibility, membership and guest access | a homeserver looks up each of these for each endpoint by itself, so each can be wrong by itself |
//! | a guest takes further operations of the same endpoint (PUT send, PUT state) | membership and guest access | no rule about sending or membership names the history visibility |
//! | an upgraded guest reads | history visibility and membership | it shows whether the limits of a guest have ended |
//! | an upgraded guest acts | membership and guest access | the same |
//! | a guest joins | membership, guest access and join rule | the rules of joining name these |
//! | a guest knocks | membership and join rule | the rules of knocking name these |
//! | a guest, or an upgraded guest, calls an endpoint off the list | membership | such an endpoint denies guests in every room |
//! | a guest, or an upgraded guest, syncs | membership in the first room | a sync lists the rooms of each membership apart |
//! | anyone makes another call about no room, or without a live token of its own, or in masquerade | endpoint and caller | it is decided before any room is looked up |
//! | the ordinary user reads | history visibility | the ordinary user stays joined |
//! | a guest is given an event, or not, by one listed endpoint | kind of the event, setting and membership at the event, and whether the reader was joined later | the rules of visibility name these |
//! | a guest is given a message or a state event, or not, by any endpoint that gives the same | in addition, the membership now, and whether the room is `world_readable` now | these two belong to the room's own check, which the decisions above cover for each endpoint |
//!
//! Two combinations have no class. A caller that no list binds makes no call to an endpoint off the
//! list that changes something, because the server would carry out the call. A guest that knocks now is
//! not asked which events it is given, because a knock changes nothing about earlier events.

use guest_access_model::action::{
    Action, Actor, Answer, Credential, Key, Message, Operation, Place, Says, Setting, Upgrade,
};
use guest_access_model::decide::Outcome;
use guest_access_model::state::{Account, Kind, MAX_GUESTS, State};
use guest_access_rules::endpoint::{EndpointId, Gives};
use guest_access_rules::profile::{Access, Profile};
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{ErrCode, GuestAccess, HistoryVisibility, Membership};

use super::client_actions::is_plain_query;
use super::coverage_goal::{
    CallerClass, CoverageGoal, DecisionClass, EventClass, PlaceClass, ReadClass, ReaderClass,
    RoomClosing, StateChange, of_anyone, setting,
};

/// How each guest came to its membership in the first room: the membership before, and the operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Origins(pub(super) [Option<(Membership, Operation)>; MAX_GUESTS]);

impl Origins {
    /// The origins after `step` has led from `before` to `after`.
    #[must_use]
    pub(super) fn after(mut self, before: &State, step: &Action, after: &State) -> Self {
        let (before, after) = (&before.rooms[0].members, &after.rooms[0].members);
        for (guest, way) in self.0.iter_mut().enumerate() {
            if before[guest] != after[guest] {
                *way = Some((before[guest], origin_operation(step.operation)));
            }
        }
        self
    }
}

/// The operation as the origin of a membership. All operations that close a room to guests are one.
fn origin_operation(operation: Operation) -> Operation {
    match setting(operation) {
        Some(_) => Operation::SetGuestAccess(Says::Value(GuestAccess::Forbidden), Key::Empty),
        None => of_anyone(operation),
    }
}

/// The classes into which `step` falls when `profile` decides it in `before`, where the memberships of
/// the guests have these origins.
pub(super) fn classes(
    profile: &Profile,
    before: &State,
    origins: &Origins,
    step: &Action,
    outcome: &Outcome,
) -> Vec<CoverageGoal> {
    let here = ClassifiedStep { profile, before, origins, step, outcome };
    let mut goals: Vec<CoverageGoal> =
        here.decisions().into_iter().map(CoverageGoal::DecisionClass).collect();
    goals.extend(here.event_classes().into_iter().flatten().map(CoverageGoal::EventClass));
    goals.extend(here.read_after().map(CoverageGoal::ReadClass));
    goals.extend(here.state_changes().into_iter().map(CoverageGoal::StateChange));
    goals.extend(here.room_closings().into_iter().map(CoverageGoal::RoomClosing));
    goals
}

/// The classes of events among the classes into which `step` falls.
pub(super) fn event_classes(
    profile: &Profile,
    before: &State,
    step: &Action,
    outcome: &Outcome,
) -> Vec<CoverageGoal> {
    let here = ClassifiedStep { profile, before, origins: &Origins::default(), step, outcome };
    here.event_classes().into_iter().flatten().map(CoverageGoal::EventClass).collect()
}

struct ClassifiedStep<'a> {
    profile: &'a Profile,
    before: &'a State,
    origins: &'a Origins,
    step: &'a Action,
    outcome: &'a Outcome,
}

impl ClassifiedStep<'_> {
    fn guest(&self) -> Option<usize> {
        self.step.by.guest().map(usize::from)
    }

    fn caller(&self) -> CallerClass {
        // A registration in the name of an account counts as one by its holder.
        let target = match self.step.operation {
            Operation::RegisterOver(of)
            | Operation::Upgrade(
                Upgrade::Own(of)
                | Upgrade::OtherName(of)
                | Upgrade::OthersToken { of, .. }
                | Upgrade::MadeUpToken(of),
            ) => Some(of),
            _ => None,
        };
        match (target.map(usize::from).or(self.guest()), self.step.by) {
            (Some(guest), _) => CallerClass::holder(self.before.accounts[guest], self.step.with),
            (None, Actor::User) => CallerClass::User,
            (None, Actor::Moderator) => CallerClass::Moderator,
            (None, _) => CallerClass::Nobody,
        }
    }

    /// Whether the list names the endpoint. If not, the rules consider only the token and the list.
    fn is_listed(&self, endpoint: EndpointId) -> bool {
        self.profile.access(endpoint) != Access::Refused
    }

    /// The membership of a guest who syncs. A sync gives the rooms of each membership in a list of its own.
    fn membership_at_sync(&self, caller: CallerClass) -> Option<Membership> {
        let Operation::Read(endpoint) = self.step.operation else { return None };
        let is_sync = endpoint.get().gives == Some(Gives::Sync) && self.is_listed(endpoint);
        let is_live = matches!(caller, CallerClass::Guest | CallerClass::FormerGuest);
        self.guest().filter(|_| is_sync && is_live).map(|guest| self.before.rooms[0].members[guest])
    }

    fn decisions(&self) -> Vec<DecisionClass> {
        let step = self.step;
        let caller = self.caller();
        if let Operation::Call(endpoint) = step.operation
            && matches!(
                caller,
                CallerClass::EndedGuest | CallerClass::FormerGuest | CallerClass::EndedFormerGuest
            )
            && !self.is_listed(endpoint)
            && !is_plain_query(endpoint)
        {
            return Vec::new();
        }
        let place = match step.place {
            Place::Nowhere => PlaceClass::Nowhere,
            Place::Room(_) => PlaceClass::Room,
            Place::Elsewhere => PlaceClass::Elsewhere,
        };
        let plain = DecisionClass {
            operation: of_anyone(step.operation),
            caller,
            place,
            visibility: None,
            membership: None,
            guest_access: None,
            join_rule: None,
        };
        let Some(room) = step.room().map(|room| &self.before.rooms[room]) else {
            return vec![DecisionClass { membership: self.membership_at_sync(caller), ..plain }];
        };
        let membership = match self.guest() {
            Some(guest) => Some(room.members[guest]),
            None => (caller == CallerClass::User).then_some(room.user),
        };
        let (visibility, guest_access) = (room.visibility, Some(room.guest_access));
        match caller {
            CallerClass::Moderator => {
                let stray = matches!(
                    step.operation,
                    Operation::SetVisibility(_, Key::Wrong | Key::Message)
                        | Operation::SetGuestAccess(_, Key::Wrong | Key::Message)
                );
                return match setting(step.operation) {
                    Some(Setting::HistoryVisibility) if stray => {
                        vec![DecisionClass { visibility, ..plain }]
                    }
                    Some(Setting::GuestAccess) if stray => {
                        vec![DecisionClass { guest_access, ..plain }]
                    }
                    _ => vec![plain],
                };
            }
            CallerClass::User => return vec![DecisionClass { visibility, ..plain }],
            CallerClass::Guest | CallerClass::FormerGuest => {}
            _ => return vec![plain],
        }
        let by_membership = DecisionClass { membership, ..plain };
        let listed = step.operation.endpoint().is_some_and(|endpoint| self.is_listed(endpoint));
        if !listed {
            return vec![by_membership];
        }
        let by_access = DecisionClass { guest_access, ..by_membership };
        if caller == CallerClass::FormerGuest {
            return vec![match step.operation {
                Operation::Read(_) => DecisionClass { visibility, ..by_membership },
                _ => by_access,
            }];
        }
        let join_rule = Some(room.join_rule);
        let by_all = DecisionClass { visibility, ..by_access };
        match step.operation {
            Operation::Join(MembershipEndpoint::Own) => {
                vec![by_all, DecisionClass { join_rule, ..by_access }]
            }
            Operation::Join(_) => vec![DecisionClass { join_rule, ..by_access }],
            Operation::Knock(_) => vec![DecisionClass { join_rule, ..by_membership }],
            Operation::Read(_)
            | Operation::Send(Message::Message)
            | Operation::SendState
            | Operation::Leave(MembershipEndpoint::Own) => {
                vec![by_all]
            }
            _ => vec![by_access],
        }
    }

    /// Whether a guest was given the tagged event.
    fn event_classes(&self) -> [Option<EventClass>; 2] {
        let none = [None, None];
        let (Operation::Read(endpoint), Some(guest)) = (self.step.operation, self.guest()) else {
            return none;
        };
        let Some(tagged) = self.before.tagged else { return none };
        let Some(gives) = endpoint.get().gives else { return none };
        let is_state = matches!(gives, Gives::State | Gives::StateEvent);
        let looks = self.caller() == CallerClass::Guest
            && matches!(self.step.place, Place::Nowhere | Place::Room(0))
            && self.is_listed(endpoint)
            && gives != Gives::Members
            && (!is_state || tagged.kind == Kind::State);
        let observation = &self.outcome.observation;
        let is_given = match observation.answer {
            Answer::Gave { tagged } => tagged,
            _ if observation.decision.errcode == Some(ErrCode::NotFound) => false,
            _ => return none,
        };
        if !looks {
            return none;
        }
        let relation = tagged.relations[guest];
        let room = &self.before.rooms[0];
        let of_endpoint = EventClass {
            by: ReaderClass::Endpoint(endpoint),
            kind: tagged.kind,
            visibility: (tagged.before, tagged.after),
            standing: (relation.before, relation.after),
            joined_later: relation.joined_later,
            now: None,
            given: is_given,
        };
        let previewable = room.visibility == Some(HistoryVisibility::WorldReadable);
        let now = EventClass {
            by: ReaderClass::Any(gives),
            now: Some((room.members[guest], previewable)),
            ..of_endpoint
        };
        let looks_at_now = matches!(tagged.kind, Kind::Message | Kind::State)
            && room.members[guest] != Membership::Knock;
        [Some(of_endpoint), looks_at_now.then_some(now)]
    }

    fn read_after(&self) -> Option<ReadClass> {
        let Operation::Read(endpoint) = self.step.operation else { return None };
        let guest = self.guest()?;
        let (from, by) = self.origins.0[guest]?;
        let room = &self.before.rooms[0];
        let looks = self.caller() == CallerClass::Guest
            && self.step.place == Place::Room(0)
            && self.is_listed(endpoint);
        looks.then(|| ReadClass {
            endpoint,
            way: (from, room.members[guest], by),
            previewable: room.visibility == Some(HistoryVisibility::WorldReadable),
        })
    }

    fn state_changes(&self) -> Vec<StateChange> {
        let by = of_anyone(self.step.operation);
        let mut origins = Vec::new();
        let after = &self.outcome.next;
        for (room, next) in self.before.rooms.iter().zip(&after.rooms) {
            for (from, to) in room.members.iter().zip(&next.members) {
                if from != to {
                    origins.push(StateChange::Membership { from: *from, to: *to, by });
                }
            }
            if let (Some(from), Some(to)) = (room.visibility, next.visibility)
                && (from != to || setting(by) == Some(Setting::HistoryVisibility))
                && self.step.by == Actor::Moderator
                && self.step.room().is_some_and(|number| room == &self.before.rooms[number])
            {
                origins.push(StateChange::Visibility { from, to, by });
            }
            if room.guest_access != next.guest_access {
                let (from, to) = (room.guest_access, next.guest_access);
                origins.push(StateChange::GuestAccess { from, to, by });
            }
        }
        let accounts = self.before.accounts.iter().zip(&after.accounts).enumerate();
        for (guest, (from, to)) in accounts {
            if from != to && *from != Account::Absent {
                let with = self.before.rooms[0].members[guest];
                origins.push(StateChange::Account { by, with });
            }
        }
        origins
    }

    /// The memberships of the guests, if the step closes a room to guests.
    fn room_closings(&self) -> Vec<RoomClosing> {
        let Some(number) = self.step.room() else { return Vec::new() };
        let (room, next) = (&self.before.rooms[number], &self.outcome.next.rooms[number]);
        let closes = room.guest_access == GuestAccess::CanJoin
            && next.guest_access == GuestAccess::Forbidden;
        if !closes {
            return Vec::new();
        }
        let guests = self.before.accounts.iter().zip(room.members);
        let by = of_anyone(self.step.operation);
        let forbids =
            by == Operation::SetGuestAccess(Says::Value(GuestAccess::Forbidden), Key::Empty);
        guests
            .filter(|(account, _)| {
                **account != Account::Absent && (forbids || **account == Account::Guest)
            })
            .map(|(account, membership)| RoomClosing {
                by,
                caller: CallerClass::holder(*account, Credential::Own),
                membership,
            })
            .collect()
    }
}
