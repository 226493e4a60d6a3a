//! What the rules, or a mistake, make of a federated scenario.
//!
//! The state is that of the sequential model for the server under test, as in the federated model. An event
//! that arrives, and counts, is an action of the moderator on that state; the model decides it. Whether an
//! event counts is the scenario's [`Standing`], which our own graph of the room checks by state resolution.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_model::action::{Action, Actor, Answer as Given, Key, Operation, Says};
use guest_access_model::decide::{initial, outcome};
use guest_access_model::federated::{Setting, moderators_action};
use guest_access_model::state::{Account, Kind, Room, State, Tagged};
use guest_access_rules::endpoint::{EndpointId, KNOWN};
use guest_access_rules::federation::FederationMistake as Mistake;
use guest_access_rules::profile::Profile;
use guest_access_rules::vocabulary::{
    GuestAccess, HistoryVisibility, Membership, MembershipEndpoint,
};

use super::answer::Answer;
use super::mistake::revokes_for;
use super::scenario::{
    After, Content, FederatedScenario, Label, Made, Member, Question, Standing, Step,
};

/// What has to be observed at a judged step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prediction {
    /// The answer; `None` if the rules leave it open.
    pub answer: Option<Answer>,
    /// The clauses on which the answer rests.
    pub clauses: Vec<&'static str>,
    /// The reason, as the end of a sentence.
    pub because: &'static str,
}

/// An event, as far as predictions need it.
#[derive(Debug, Clone)]
struct KnownEvent {
    /// The event of our server; `None` for an event of the server under test.
    made: Option<&'static Made>,
    /// The events of our server before it.
    before: BTreeSet<Label>,
    /// The room at the event.
    room: Room,
    /// The class of the event, with who joined since.
    class: Tagged,
    /// Whether a user of our server was joined at the event.
    ours_joined: bool,
}

/// The server under test, and what our server knows.
struct World<'a> {
    profile: &'a Profile,
    mistake: Option<Mistake>,
    state: State,
    /// The history visibility, as our server knows it.
    our_visibility: HistoryVisibility,
    events: BTreeMap<Label, KnownEvent>,
    /// The events that the server under test has.
    delivered: BTreeSet<Label>,
    ours_joined: bool,
}

/// The predictions for the judged steps of a scenario, by the rules or by a server with a mistake.
pub fn predictions(
    profile: &Profile,
    mistake: Option<Mistake>,
    scenario: &FederatedScenario,
) -> Vec<Prediction> {
    let mut state = initial(profile);
    for guest in 0..scenario.guests() {
        state.accounts[usize::from(guest)] = Account::Guest;
    }
    state.rooms[0].visibility = Some(scenario.visibility);
    state.rooms[0].guest_access = scenario.guest_access;
    let mut world = World {
        profile,
        mistake,
        state,
        our_visibility: scenario.visibility,
        events: BTreeMap::new(),
        delivered: BTreeSet::new(),
        ours_joined: scenario.ours_joined,
    };
    scenario.steps.iter().filter_map(|step| world.take(step)).collect()
}

impl World<'_> {
    /// Takes a step, and predicts the answer of a judged one.
    fn take(&mut self, step: &'static Step) -> Option<Prediction> {
        match step {
            Step::GuestJoins(guest) => {
                let join = Operation::Join(MembershipEndpoint::Own);
                return Some(self.act(&Action::new(Actor::Guest(*guest), join).at(0)));
            }
            Step::LocalMessage(label) => {
                let room = self.state.rooms[0];
                self.know(label, None, BTreeSet::new(), room);
                self.delivered.insert(label);
            }
            Step::LocalGuestAccess(value) => self.change(Setting::GuestAccess(*value)),
            Step::LocalGuestAccessRedaction => self.change(Setting::Redacted),
            Step::Make(made) => self.make(made),
            Step::Deliver(labels) => {
                for label in *labels {
                    self.deliver(label);
                }
            }
            Step::OursJoin => self.ours_joined = true,
            Step::OursLeave => self.ours_joined = false,
            Step::Ask(question, clauses) => return Some(self.answer(*question, clauses)),
        }
        None
    }

    /// An action on the server under test.
    fn act(&mut self, action: &Action) -> Prediction {
        let Some(outcome) = outcome(self.profile, &self.state, action) else {
            return Prediction { answer: None, clauses: Vec::new(), because: "it cannot happen" };
        };
        self.state = outcome.next;
        let members = self.state.rooms[0].members;
        for event in self.events.values_mut() {
            event.class.note_joined(&members);
        }
        let decision = outcome.observation.decision;
        Prediction {
            answer: Some(decision.into()),
            clauses: decision.clauses.to_vec(),
            because: decision.because,
        }
    }

    /// A setting changes on the server under test.
    fn change(&mut self, setting: Setting) {
        // The redaction of an event that is not current changes nothing, and is no action of the model.
        self.act(&moderators_action(setting));
    }

    fn know(
        &mut self,
        label: Label,
        made: Option<&'static Made>,
        before: BTreeSet<Label>,
        room: Room,
    ) {
        let class = Tagged::between(Kind::Message, &room, &room);
        let ours_joined = self.ours_joined;
        self.events.insert(label, KnownEvent { made, before, room, class, ours_joined });
    }

    fn make(&mut self, made: &'static Made) {
        let (before, room) = match made.after {
            After::Everything => {
                let ours = self.events.iter().filter(|(_, event)| {
                    event.made.is_some_and(|made| {
                        !matches!(made.standing, Standing::Rejected | Standing::SoftFailed)
                    })
                });
                let before = ours.map(|(label, _)| *label).collect();
                let visibility = Some(self.our_visibility);
                (before, Room { visibility, ..self.state.rooms[0] })
            }
            After::Beside(other) => match self.events.get(other) {
                Some(other) => (other.before.clone(), other.room),
                None => (BTreeSet::new(), self.state.rooms[0]),
            },
        };
        self.know(made.event, Some(made), before, room);
        if let (Content::Visibility(value), Standing::Counts) = (made.what, made.standing) {
            self.our_visibility = value;
        }
    }

    /// An event arrives, after those before it, which the server under test has to fetch.
    fn deliver(&mut self, label: Label) {
        let Some(event) = self.events.get(label).cloned() else { return };
        let Some(made) = event.made else { return };
        let mut missing: Vec<_> = event.before.difference(&self.delivered).copied().collect();
        missing.sort_by_key(|label| self.events.get(label).map(|event| event.before.len()));
        for before in missing {
            self.deliver(before);
        }
        let is_new = self.delivered.insert(label);
        if self.mistake == Some(Mistake::IgnoresThePast)
            && is_new
            && let Some(event) = self.events.get_mut(label)
        {
            let room = self.state.rooms[0];
            event.class = Tagged::between(Kind::Message, &room, &room);
        }
        let counts = match made.standing {
            Standing::Counts => is_new && !self.is_overtaken(label),
            Standing::LosesTo(other) => is_new && !self.delivered.contains(other),
            Standing::NoSetting | Standing::SoftFailed | Standing::Rejected => false,
        };
        let last = self.mistake == Some(Mistake::TakesTheLastReceived)
            && matches!(made.standing, Standing::Counts | Standing::LosesTo(_));
        if is_new && made.standing == Standing::NoSetting {
            self.send_stray(made.what);
        }
        if counts || last {
            self.apply(made.what);
        } else if is_new
            && self.mistake.is_some_and(|mistake| revokes_for(mistake, made.standing, made.what))
        {
            self.revoke(made.what);
        }
    }

    /// Whether the server under test has a setting of the same kind that follows this one.
    fn is_overtaken(&self, label: Label) -> bool {
        let kind = |what: Content| std::mem::discriminant(&what);
        let own = self.events.get(label).and_then(|event| event.made);
        let later = self.delivered.iter().filter_map(|other| self.events.get(other));
        let mut later = later.filter(|event| event.before.contains(label));
        later.any(|event| {
            let pair = event.made.zip(own);
            pair.is_some_and(|(later, own)| {
                later.standing == Standing::Counts && kind(later.what) == kind(own.what)
            })
        })
    }

    /// A setting that arrived becomes current.
    fn apply(&mut self, what: Content) {
        let before = self.state.rooms[0];
        match what {
            Content::GuestAccess(value) => self.change(Setting::GuestAccess(value)),
            Content::GuestAccessRedaction if self.mistake != Some(Mistake::IgnoresRedactions) => {
                self.change(Setting::Redacted);
            }
            Content::Visibility(value) => self.change(Setting::Visibility(value)),
            _ => {}
        }
        let is_redaction = what == Content::GuestAccessRedaction;
        let spared = match self.mistake {
            Some(Mistake::RevokesForOwnUsersOnly) => true,
            Some(Mistake::OverlooksRedactions) => is_redaction,
            _ => false,
        };
        if spared {
            self.state.rooms[0].members = before.members;
        }
    }

    /// An event arrives that looks like guest access. The rules say whether it counts.
    fn send_stray(&mut self, what: Content) {
        let (value, key) = match what {
            Content::GuestAccessElsewhere(value) => (value, Key::Wrong),
            Content::GuestAccessMessage(value) => (value, Key::Message),
            _ => return,
        };
        let operation = Operation::SetGuestAccess(Says::Value(value), key);
        self.act(&Action::new(Actor::Moderator, operation).at(0));
    }

    /// Guests are removed, and no setting changes.
    fn revoke(&mut self, what: Content) {
        let closes = match what {
            Content::GuestAccess(value)
            | Content::GuestAccessElsewhere(value)
            | Content::GuestAccessMessage(value) => value != GuestAccess::CanJoin,
            _ => false,
        };
        if closes {
            let guest_access = self.state.rooms[0].guest_access;
            self.state.rooms[0].guest_access = GuestAccess::CanJoin;
            self.change(Setting::GuestAccess(GuestAccess::Forbidden));
            self.state.rooms[0].guest_access = guest_access;
        }
    }

    fn answer(&self, question: Question, clauses: &[&'static str]) -> Prediction {
        let of = |answer: Answer, because: &'static str| Prediction {
            answer: Some(answer),
            clauses: clauses.to_vec(),
            because,
        };
        let room = &self.state.rooms[0];
        match question {
            Question::Membership(Member::Guest(guest)) | Question::ToldMembership(guest) => {
                let membership = room.members[usize::from(guest)];
                let because = match membership {
                    Membership::Join => "nothing has ended the guest's membership",
                    _ => "guests may not join the room any more",
                };
                of(Answer::Membership(membership), because)
            }
            Question::Membership(Member::User) => {
                of(Answer::Membership(room.user), "a user is no guest")
            }
            Question::Membership(Member::Ours) => of(
                Answer::Membership(Membership::Join),
                "a server ends the membership of its own guests only",
            ),
            Question::GuestReads(guest, label) => {
                self.read(Actor::Guest(guest), KNOWN.messages, label, clauses)
            }
            Question::GuestReadsOne(guest, label) => {
                self.read(Actor::Guest(guest), KNOWN.event, label, clauses)
            }
            Question::UserReads(label) => self.read(Actor::User, KNOWN.messages, label, clauses),
            Question::GuestLooksLikeUser(..) => {
                of(Answer::Alike(Ok(())), "servers do not tell each other who is a guest")
            }
            Question::OursGiven(label, _) => {
                let event = self.events.get(label);
                let is_open = event.is_none_or(|event| {
                    let open = [HistoryVisibility::Shared, HistoryVisibility::WorldReadable];
                    event.ours_joined
                        || event.room.visibility.is_none_or(|visibility| open.contains(&visibility))
                });
                let because = "nobody of the asking server may see the event, joined or not";
                let answer = (!is_open).then_some(Answer::Given(false));
                Prediction { answer, ..of(Answer::Given(false), because) }
            }
        }
    }

    /// Whether a reader is given an event.
    fn read(
        &self,
        by: Actor,
        endpoint: EndpointId,
        label: Label,
        clauses: &[&'static str],
    ) -> Prediction {
        let event = self.events.get(label).filter(|_| self.delivered.contains(label));
        let state = State { tagged: event.map(|event| event.class), ..self.state };
        let action = Action::new(by, Operation::Read(endpoint)).at(0);
        let Some(outcome) = outcome(self.profile, &state, &action) else {
            return Prediction { answer: None, clauses: Vec::new(), because: "it cannot happen" };
        };
        let observation = outcome.observation;
        let is_given = observation.decision.allows()
            && matches!(observation.answer, Given::Gave { tagged: true });
        let mut cited = clauses.to_vec();
        cited.extend(observation.decision.clauses.iter().filter(|id| !clauses.contains(id)));
        Prediction {
            answer: Some(Answer::Given(is_given)),
            clauses: cited,
            because: if is_given {
                "the room at the event lets the reader see it"
            } else {
                "the room at the event does not let the reader see it"
            },
        }
    }
}

#[cfg(test)]
mod tests;
