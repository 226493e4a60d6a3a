//! A trace of the federated model as a scenario.

use guest_access_model::action::{Action, Actor, Answer, Message, Observation, Operation};
use guest_access_model::decide::Outcome;
use guest_access_model::federated::{
    Delivered, FederatedAction, FederatedTraceStep, Setting, moderators_action,
};
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::Decision;
use guest_access_rules::vocabulary::MembershipEndpoint;

use super::actor::server;
use super::{InterleavingEntry, LABEL, ObservedStep, Scenario, ScenarioStep};

/// The steps that sent the events which are on their way.
#[derive(Default)]
struct Senders {
    access: Vec<usize>,
    visibility: Vec<usize>,
    message: usize,
    /// The step that last changed the membership of each guest.
    membership: Vec<usize>,
    /// The steps that sent the newest settings that every server has: guest access, visibility.
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
        story: &[FederatedTraceStep],
    ) -> Self {
        let guests = story.first().map_or(0, |told| told.before.servers.len());
        let mut told_steps = Vec::new();
        let mut interleaving = Vec::new();
        for guest in (0..guests).filter(|guest| takes_part_in(story, *guest)) {
            told_steps.push(Action::new(
                Actor::Guest(small(guest)),
                Operation::Register { named: false },
            ));
            interleaving.push(InterleavingEntry {
                step: told_steps.len(),
                server: Some(server(guest)),
                ..InterleavingEntry::default()
            });
        }
        let mut senders = Senders { membership: vec![0; guests], ..Senders::default() };
        for told in story {
            let (step, on) = match told.happens {
                FederatedAction::Reaches { what, server } => (senders.of(what), server),
                FederatedAction::TakesPart(on) => {
                    told_steps.push(
                        Action::new(Actor::User, Operation::Join(MembershipEndpoint::Own)).at(0),
                    );
                    (told_steps.len(), on)
                }
                FederatedAction::Sets { by, says, .. } => {
                    told_steps.push(moderators_action(says));
                    (told_steps.len(), by)
                }
                FederatedAction::Sends(by) => {
                    let sends = Action::new(Actor::Moderator, Operation::Send(Message::Message));
                    told_steps.push(sends.at(0).tagged());
                    (told_steps.len(), by)
                }
                FederatedAction::Calls(guest, operation) => {
                    let step = Action::new(Actor::Guest(small(guest)), operation);
                    let is_here = told.before.servers[guest].takes_part;
                    told_steps.push(if is_here { step.at(0) } else { step.elsewhere() });
                    (told_steps.len(), guest)
                }
            };
            senders.note(told, step);
            interleaving.push(happening(told, step, on, &told_steps));
        }
        let told = |step: &Action| ScenarioStep {
            action: *step,
            event: step.tag.then(|| LABEL.to_owned()),
            expect: None,
        };
        Self {
            id: id.into(),
            rules: rules.id.clone(),
            about: about.into(),
            clauses,
            steps: told_steps.iter().map(told).collect(),
            interleaving,
        }
    }
}

impl Senders {
    /// The step that sent this event.
    fn of(&self, what: Delivered) -> usize {
        let of = |steps: &[usize], number: usize| steps.get(number).copied().unwrap_or(1);
        match what {
            Delivered::Access(number) => of(&self.access, number),
            Delivered::Visibility(number) => of(&self.visibility, number),
            Delivered::AccessAgain => self.before[0].max(1),
            Delivered::VisibilityAgain => self.before[1].max(1),
            Delivered::Message => self.message,
            Delivered::Membership(guest) => of(&self.membership, guest),
        }
    }

    fn note(&mut self, told: &FederatedTraceStep, step: usize) {
        match told.happens {
            FederatedAction::Sets { says: Setting::Visibility(_), place, .. } => {
                self.visibility.insert(place, step);
            }
            FederatedAction::Sets { place, .. } => self.access.insert(place, step),
            FederatedAction::Sends(_) => self.message = step,
            _ => {}
        }
        // An event that every server has is no longer on its way.
        let over = |steps: &mut Vec<usize>, left: usize, before: &mut usize| {
            *before = steps.drain(..steps.len() - left).next_back().unwrap_or(*before);
        };
        let [access, visibility] = &mut self.before;
        over(&mut self.access, told.after.access.events.len(), access);
        over(&mut self.visibility, told.after.visibility.events.len(), visibility);
        for (guest, last) in self.membership.iter_mut().enumerate() {
            let (before, after) = told.on(guest);
            if before.rooms[0].members[guest] != after.rooms[0].members[guest] {
                *last = step;
            }
        }
    }
}

/// The entry of the interleaving for one action.
fn happening(
    told: &FederatedTraceStep,
    step: usize,
    on: usize,
    steps: &[Action],
) -> InterleavingEntry {
    const DONE: Observation =
        Observation { decision: Decision::allow(&[], ""), answer: Answer::Nothing };
    let (before, after) = told.on(on);
    let outcome = Outcome { observation: told.answered.unwrap_or(DONE), next: *after };
    let step_taken = &steps[step - 1];
    let observed =
        ObservedStep { action: step_taken, before, outcome: &outcome, label: Some(LABEL) };
    let mut answered = observed.expect();
    let membership = match told.answered {
        None => std::mem::take(&mut answered.membership),
        Some(_) => std::collections::BTreeMap::new(),
    };
    InterleavingEntry {
        step,
        server: Some(server(on)),
        stage: None,
        answered: told.answered.map(|_| answered),
        membership,
    }
}

/// Whether the guest with this number takes any action of the trace.
fn takes_part_in(story: &[FederatedTraceStep], guest: usize) -> bool {
    story
        .iter()
        .any(|told| matches!(told.happens, FederatedAction::Calls(caller, _) if caller == guest))
}

fn small(number: usize) -> u8 {
    u8::try_from(number).expect("there are few servers")
}
