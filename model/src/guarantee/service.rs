//! Guarantees about what a guest is owed: listed endpoints serve it, and no other guest interferes.

use crate::action::{Action, Credential, Message, Operation, Place};
use crate::state::{Account, ReaderRelation};
use guest_access_rules::decision_point::{JoinAgain, RoomRule};
use guest_access_rules::endpoint::{Auth, Gives};
use guest_access_rules::profile::Access;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, JoinRule, Membership};

use super::{ActionGuarantee, GuaranteeId, Judgement, Transition, by_a_guest};

pub(super) const AVAILABILITY: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::Availability,
    about: |action| by_a_guest(action) && action.with == Credential::Own,
    judge: |t| {
        let owed = is_owed(t).unwrap_or(false);
        Judgement::of(owed, !owed || t.allowed())
    },
};

/// Whether the rules leave no reason to refuse a guest's call.
fn is_owed(t: &Transition) -> Option<bool> {
    use Membership::{Ban, Invite, Join, Leave};
    let guest = t.live_guest()?;
    let endpoint = t.action.operation.endpoint()?;
    let Access::Open(conditions) = t.rules.access(endpoint) else { return None };
    if endpoint.get().auth == Auth::None || !conditions.iter().all(|c| t.holds(c, guest)) {
        return None;
    }
    let number = t.action.room();
    let room = number.map(|room| &t.before.rooms[room]);
    let membership = room.map(|room| room.members[guest]);
    let previewable = room.is_some_and(|r| r.visibility == Some(HistoryVisibility::WorldReadable));
    // The draft's rule: only a room that is world_readable now.
    let room_is_out_of_reach =
        t.rules.choices.room_rule == RoomRule::WorldReadableNow && !previewable;
    Some(match t.action.operation {
        Operation::Call(_) | Operation::WhoAmI | Operation::LogOut | Operation::Deactivate => true,
        Operation::SetProfile { own, .. } => own,
        Operation::Send(Message::Message | Message::Other) | Operation::SendState => {
            membership? == Join && !room_is_out_of_reach
        }
        Operation::Join(MembershipEndpoint::Own | MembershipEndpoint::Alias) => {
            // A63: a join of the joined may be refused.
            let let_in = membership? == Join && t.rules.choices.join_again == JoinAgain::Answered
                || membership? == Invite
                || membership? != Ban && room?.join_rule == JoinRule::Public;
            room?.guest_access == GuestAccess::CanJoin && let_in
        }
        Operation::Leave(MembershipEndpoint::Own) => matches!(membership?, Join | Invite),
        Operation::Read(_) => match endpoint.get().gives? {
            Gives::Sync => true,
            // The guest may not see every event that it can ask for.
            Gives::Event | Gives::StateEvent => false,
            _ if t.action.place == Place::Nowhere || room_is_out_of_reach => false,
            Gives::Stream => membership? == Join || previewable && membership? != Ban,
            Gives::Timeline | Gives::State | Gives::Members | Gives::InitialSync => {
                membership? == Join
                    || membership? == Leave && t.reads_as_of_its_leaving(number?, guest)
                    || previewable && membership? != Ban
            }
        },
        _ => false,
    })
}

pub(super) const NON_INTERFERENCE: ActionGuarantee = ActionGuarantee {
    id: GuaranteeId::NonInterference,
    about: |action| by_a_guest(action) && action.place != Place::Nowhere,
    judge: |t| {
        let (Some(guest), Some(room)) = (t.live_guest(), t.action.room()) else {
            return Judgement::Untouched;
        };
        if matches!(t.action.operation, Operation::Upgrade(_) | Operation::ReadThroughOtherRoom) {
            return Judgement::Untouched;
        }
        let others = (0..t.before.accounts.len()).filter(|other| *other != guest);
        let other_rooms = (0..t.before.rooms.len()).filter(|other| *other != room);
        let company = others.clone().any(|other| t.before.accounts[other].is_guest())
            || other_rooms
                .clone()
                .any(|other| t.before.rooms[other].members[guest] != Membership::Never);
        let untouched =
            others.clone().all(|other| {
                t.before.accounts[other] == t.after.accounts[other]
                    && t.before.rooms[room].members[other] == t.after.rooms[room].members[other]
            }) && other_rooms.clone().all(|other| t.before.rooms[other] == t.after.rooms[other]);
        Judgement::of(company, untouched && t.is_the_same_alone())
    },
};

impl Transition<'_> {
    /// Whether the call gets the same answer without the other guests and the other rooms. The
    /// comparison runs the system twice and does not ask the rules.
    fn is_the_same_alone(&self) -> bool {
        let (Some(guest), Some(room)) = (self.caller(), self.action.room()) else {
            return true;
        };
        let mut alone = self.before.in_no_room_but(room, &crate::decide::initial(self.system));
        for other in (0..alone.accounts.len()).filter(|other| *other != guest) {
            alone.accounts[other] = Account::Absent;
            alone.rooms[room].members[other] = Membership::Never;
            if let Some(tagged) = &mut alone.tagged {
                tagged.relations[other] = ReaderRelation::STRANGER;
            }
        }
        let action = Action { tag: self.action.tag && alone.tagged.is_none(), ..*self.action };
        crate::decide::outcome(self.system, &alone, &action).is_some_and(|outcome| {
            outcome.observation.decision.is_like(&self.observation.decision)
                && outcome.observation.answer == self.observation.answer
        })
    }
}
