//! A trace of the federated model as a scenario.

use guest_access_model::action::{Action, Actor, Answer, Message, Observation, Operation};
use guest_access_model::decide::Outcome;
use guest_access_model::federated::{
    Delivery, FederatedAction, FederatedTraceStep, Setting, moderators_action,
};
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::Decision;
use guest_access_rules::vocabulary::MembershipEndpoint;

use super::actor::server;
use super::{InterleavingEntry, LABEL, ObservedStep, Scenario, ScenarioStep};

/// For each event in transit: the step that sent the event.
#[derive(Default)]
struct Senders {
    access: Vec<usize>,
    visibility: Vec<usize>,
    message: usize,
    /// The step that last changed the membership of each guest.
    membership: Vec<usize>,
    /// The steps that sent the newest settings that every server has: guest access, then visibility.
    before: [usize; 2],
}

impl Scenario {
    /// The scenario of a trace of the federated model. The guest of each server has the number of the
    /// server. The steps expect nothing; each answer stands in its entry of the interleaving.
    pub fn from_federated_trace(
        id: impl Into<String>,
        rules: &Rules,
        about: impl Into<String>,
        clauses: Vec<String>,
        trace: &[FederatedTraceStep],
    ) -> Self {
        let guests = trace.first().map_or(0, |transition| transition.before.servers.len());
        let mut steps = Vec::new();
        let mut interleaving = Vec::new();
        for guest in (0..guests).filter(|guest| takes_part_in(trace, *guest)) {
            steps.push(Action::new(
                Actor::Guest(small(guest)),
                Operation::Register { named: false },
            ));
            interleaving.push(InterleavingEntry {
                step: steps.len(),
                server: Some(server(guest)),
                ..InterleavingEntry::default()
            });
        }
        let mut senders = Senders { membership: vec![0; guests], ..Senders::default() };
        for transition in trace {
            let (step, on) = match transition.action {
                FederatedAction::DeliverEvent { delivery, server } => {
                    (senders.of(delivery), server)
                }
                FederatedAction::EnterRoom(on) => {
                    steps.push(
                        Action::new(Actor::User, Operation::Join(MembershipEndpoint::Own)).at(0),
                    );
                    (steps.len(), on)
                }
                FederatedAction::ChangeSetting { by, setting, .. } => {
                    steps.push(moderators_action(setting));
                    (steps.len(), by)
                }
                FederatedAction::SendEvent(by) => {
                    let send_message =
                        Action::new(Actor::Moderator, Operation::Send(Message::Message));
                    steps.push(send_message.at(0).tagged());
                    (steps.len(), by)
                }
                FederatedAction::CallEndpoint(guest, operation) => {
                    let step = Action::new(Actor::Guest(small(guest)), operation);
                    let is_here = transition.before.servers[guest].takes_part;
                    steps.push(if is_here { step.at(0) } else { step.elsewhere() });
                    (steps.len(), guest)
                }
            };
            senders.note(transition, step);
            interleaving.push(interleaving_entry(transition, step, on, &steps));
        }
        let scenario_step = |step: &Action| ScenarioStep {
            action: *step,
            event: step.tag.then(|| LABEL.to_owned()),
            expect: None,
        };
        Self {
            id: id.into(),
            rules: rules.id.clone(),
            about: about.into(),
            clauses,
            steps: steps.iter().map(scenario_step).collect(),
            interleaving,
        }
    }
}

impl Senders {
    /// The step that sent this event.
    fn of(&self, delivery: Delivery) -> usize {
        let of = |steps: &[usize], number: usize| steps.get(number).copied().unwrap_or(1);
        match delivery {
            Delivery::Access(number) => of(&self.access, number),
            Delivery::Visibility(number) => of(&self.visibility, number),
            Delivery::AccessAgain => self.before[0].max(1),
            Delivery::VisibilityAgain => self.before[1].max(1),
            Delivery::Message => self.message,
            Delivery::Membership(guest) => of(&self.membership, guest),
        }
    }

    /// Records the step of a transition as the sender of its event.
    fn note(&mut self, transition: &FederatedTraceStep, step: usize) {
        match transition.action {
            FederatedAction::ChangeSetting { setting: Setting::Visibility(_), place, .. } => {
                self.visibility.insert(place, step);
            }
            FederatedAction::ChangeSetting { place, .. } => self.access.insert(place, step),
            FederatedAction::SendEvent(_) => self.message = step,
            _ => {}
        }
        // An event that every server has is no longer in transit.
        let drop_delivered = |steps: &mut Vec<usize>, in_transit: usize, before: &mut usize| {
            *before = steps.drain(..steps.len() - in_transit).next_back().unwrap_or(*before);
        };
        let [access, visibility] = &mut self.before;
        drop_delivered(&mut self.access, transition.after.access.events.len(), access);
        drop_delivered(&mut self.visibility, transition.after.visibility.events.len(), visibility);
        for (guest, last) in self.membership.iter_mut().enumerate() {
            let (before, after) = transition.on(guest);
            if before.rooms[0].members[guest] != after.rooms[0].members[guest] {
                *last = step;
            }
        }
    }
}

/// The entry of the interleaving for one action.
fn interleaving_entry(
    transition: &FederatedTraceStep,
    step: usize,
    on: usize,
    steps: &[Action],
) -> InterleavingEntry {
    const NOTHING: Observation =
        Observation { decision: Decision::allow(&[], ""), answer: Answer::Nothing };
    let (before, after) = transition.on(on);
    let outcome = Outcome { observation: transition.observation.unwrap_or(NOTHING), next: *after };
    let step_taken = &steps[step - 1];
    let observed =
        ObservedStep { action: step_taken, before, outcome: &outcome, label: Some(LABEL) };
    let mut answered = observed.expect();
    let membership = match transition.observation {
        None => std::mem::take(&mut answered.membership),
        Some(_) => std::collections::BTreeMap::new(),
    };
    InterleavingEntry {
        step,
        server: Some(server(on)),
        stage: None,
        answered: transition.observation.map(|_| answered),
        membership,
    }
}

/// Whether the guest with this number takes any action of the trace.
fn takes_part_in(trace: &[FederatedTraceStep], guest: usize) -> bool {
    trace
        .iter()
        .any(|transition| matches!(transition.action, FederatedAction::CallEndpoint(caller, _) if caller == guest))
}

fn small(number: usize) -> u8 {
    u8::try_from(number).expect("there are few servers")
}
