//! The judgement of the guarantees on an action.

use crate::action::{Action, Actor, Answer};
use crate::guarantee::{NeverSet, Transition, Verdicts};
use crate::state::{Account, State};
use guest_access_rules::federation::Past;
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, Membership};

use super::actions::FederatedAction;
use super::delivery::FederatedOutcome;
use super::history::Setting;
use super::{Federated, Servers};

/// Guarantees of the sequential model that are judged when a guest of an honest server reads.
const WHEN_READ: GuaranteeSet =
    GuaranteeSet::of(&[GuaranteeId::ReadConfinement, GuaranteeId::PreviewConfinement]);

impl Federated {
    /// The guarantees that this model judges.
    pub fn guarantees() -> GuaranteeSet {
        let own = [
            GuaranteeId::FederatedRevocation,
            GuaranteeId::GuestBlindness,
            GuaranteeId::Participation,
            GuaranteeId::ServerConfinement,
            GuaranteeId::RevocationEverywhere,
            GuaranteeId::ReadConfinementEverywhere,
        ];
        GuaranteeSet::of(&own).union(WHEN_READ)
    }

    /// The guarantees about all servers, dishonest ones included, if the rules promise the same of honest
    /// servers. No text promises these guarantees.
    pub fn guarantees_of_all_servers(rules: &Rules) -> GuaranteeSet {
        let promised =
            GuaranteeSet::of(&[GuaranteeId::FederatedRevocation, GuaranteeId::ReadConfinement]);
        let is_promised = |id: GuaranteeId| rules.promises.contains_key(&id);
        if !promised.iter().all(is_promised) {
            return GuaranteeSet::default();
        }
        GuaranteeSet::of(&[
            GuaranteeId::RevocationEverywhere,
            GuaranteeId::ReadConfinementEverywhere,
        ])
    }

    pub(super) fn judge(
        &self,
        before: &Servers,
        action: &FederatedAction,
        outcome: &FederatedOutcome,
    ) -> Verdicts {
        let mut verdicts = Verdicts::default();
        self.judge_revocation(before, action, &outcome.after, &mut verdicts);
        self.judge_blindness(before, action, outcome, &mut verdicts);
        judge_servers(before, action, &outcome.after, &mut verdicts);
        if let (FederatedAction::CallEndpoint(guest, operation), Some(observation)) =
            (*action, &outcome.observation)
        {
            if !before.servers[guest].takes_part {
                verdicts.note(GuaranteeId::Participation, !observation.decision.allows());
            }
            if matches!(observation.answer, Answer::Gave { .. }) {
                let action =
                    Action::new(Actor::Guest(u8::try_from(guest).unwrap_or(u8::MAX)), operation);
                let seen = self.as_it_was_sent(before, guest);
                let transition = Transition {
                    rules: &self.rules,
                    system: &self.rules,
                    before: &seen,
                    action: &action.at(0),
                    observation,
                    after: &seen,
                    never_set: NeverSet::default(),
                };
                let mut read = Verdicts::default();
                read.judge(WHEN_READ, &transition);
                let confinement = GuaranteeSet::of(&[GuaranteeId::ReadConfinement]);
                if !read.exercised.intersection(confinement).is_empty() {
                    let kept = read.violated.intersection(confinement).is_empty();
                    verdicts.note(GuaranteeId::ReadConfinementEverywhere, kept);
                }
                if self.is_honest(guest) {
                    verdicts.add(read);
                }
            }
        }
        verdicts
    }

    /// The state of a server, with the message as its sender sent it.
    fn as_it_was_sent(&self, servers: &Servers, server: usize) -> State {
        let mut seen = self.seen_by(servers, server);
        if self.federation.past == Past::FetchedFirst {
            return seen;
        }
        if let (Some(message), Some(tagged)) = (&servers.message, &mut seen.tagged) {
            let later = tagged.relations[server].joined_later;
            *tagged = message.class;
            tagged.relations[server].joined_later |= later;
        }
        seen
    }

    fn judge_revocation(
        &self,
        before: &Servers,
        action: &FederatedAction,
        after: &Servers,
        verdicts: &mut Verdicts,
    ) {
        if let FederatedAction::DeliverEvent { server, .. } = *action {
            let (was, is) = (&before.servers[server], &after.servers[server]);
            let ends = was.state.rooms[0].guest_access == GuestAccess::CanJoin
                && is.state.rooms[0].guest_access != GuestAccess::CanJoin;
            if ends && was.state.rooms[0].members[server] == Membership::Join {
                verdicts.note(GuaranteeId::RevocationEverywhere, true);
                if self.is_honest(server) {
                    verdicts.note(GuaranteeId::FederatedRevocation, true);
                }
            }
        }
        if !is_quiet(after) || may_join(after) {
            return;
        }
        for (guest, home) in after.servers.iter().enumerate() {
            let is_guest = home.state.accounts[guest].is_guest();
            if is_guest && home.state.rooms[0].members[guest] == Membership::Join {
                verdicts.note(GuaranteeId::RevocationEverywhere, false);
                if self.is_honest(guest) {
                    verdicts.note(GuaranteeId::FederatedRevocation, false);
                }
            }
        }
    }

    /// Judges whether an action has the same effect on a server if a guest of another server is a user
    /// instead. The judgement compares the system with itself.
    fn judge_blindness(
        &self,
        before: &Servers,
        action: &FederatedAction,
        outcome: &FederatedOutcome,
        verdicts: &mut Verdicts,
    ) {
        let (FederatedAction::ChangeSetting { by: server, .. }
        | FederatedAction::DeliverEvent { server, .. }) = *action
        else {
            return;
        };
        let arrives = matches!(action, FederatedAction::DeliverEvent { .. });
        for guest in (0..before.servers.len()).filter(|guest| *guest != server) {
            let mut other = before.clone();
            other.servers[guest].state.accounts[guest] = Account::User;
            let same = self.take(&other, action).is_some_and(|then| {
                then.after.servers[server].state == outcome.after.servers[server].state
            });
            if arrives || !same {
                verdicts.note(GuaranteeId::GuestBlindness, same);
            }
        }
    }
}

/// Judges whether each server has only messages that it may have.
fn judge_servers(
    before: &Servers,
    action: &FederatedAction,
    after: &Servers,
    verdicts: &mut Verdicts,
) {
    let opens = |servers: &Servers| {
        servers.message.as_ref().is_some_and(|message| {
            let setting = message.class.before;
            matches!(setting, HistoryVisibility::WorldReadable | HistoryVisibility::Shared)
        })
    };
    if matches!(action, FederatedAction::EnterRoom(_)) && before.message.is_some() && !opens(before)
    {
        verdicts.note(GuaranteeId::ServerConfinement, true);
    }
    let Some(message) = &after.message else { return };
    for (number, server) in after.servers.iter().enumerate() {
        if server.has_message && !message.recipients[number] && !opens(after) {
            verdicts.note(GuaranteeId::ServerConfinement, false);
        }
    }
}

/// Whether the newest of all events of guest access lets guests in.
fn may_join(servers: &Servers) -> bool {
    servers.access.newest() == Some(Setting::GuestAccess(GuestAccess::CanJoin))
}

/// Whether nothing is in transit.
fn is_quiet(servers: &Servers) -> bool {
    let up_to_date = |server: &super::Server| !server.outdated.contains(&true);
    servers.access.events.is_empty()
        && servers.visibility.events.is_empty()
        && servers.servers.iter().all(up_to_date)
}
