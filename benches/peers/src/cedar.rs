//! A comparison with cedar-policy, a widely used authorisation engine: a part of the rules as a Cedar
//! policy, with the same queries.
//!
//! | compared: calls by the holder of an account with its own token | not compared |
//! |---|---|
//! | endpoints of which the rules say only whether they may be called | one event or state event by its name |
//! | the caller's own account and profile | a stream that names no room |
//! | sending an event; join, leave, knock | rooms in which the server does not take part |
//! | reads of the timeline, state, members or stream of a room; sync | registration, upgrade, other tokens |
//!
//! The right column depends on more than the account, the room's settings and the membership.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request, RestrictedExpression,
};
use guest_access_rules::decision_point::PutStateMembership;
use guest_access_model::dense::{ActionNumber, Decisions, Situation};
use guest_access_rules::endpoint::{Auth, Gives};
use guest_access_rules::profile::{Access, Condition, Profile};
use guest_access_model::state::{Account, State};
use guest_access_model::action::{Operation, Actor, Credential, Message, Place, ProfileKey, Action};
use guest_access_rules::vocabulary::MembershipEndpoint;

const POLICY: &str = include_str!("guest_access.cedar");

/// A query for the table and for the function.
pub struct Question {
    pub situation: Situation,
    pub number: ActionNumber,
    pub state: State,
    pub step: Action,
}

/// Every query.
pub struct CedarQueries {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    /// The requests to Cedar, each with one query that it stands for.
    requests: Vec<(Request, Question)>,
    /// Every query, with the number of its request.
    questions: Vec<(Situation, ActionNumber, usize)>,
}

impl CedarQueries {
    /// Every query under this profile.
    pub fn of(profile: &Profile, table: &Decisions) -> Self {
        let steps: Vec<&Action> =
            table.every_action().filter(|step| groups(profile, step).is_some()).collect();
        let mut entities: BTreeMap<EntityUid, Entity> = BTreeMap::new();
        for step in &steps {
            let parents = groups(profile, step).expect("it has some").into_iter();
            add(
                &mut entities,
                entity("Action", &action(step), [], parents.map(|group| uid("Action", group))),
            );
        }
        let mut numbers: HashMap<(EntityUid, EntityUid, EntityUid, &'static str), usize> =
            HashMap::new();
        let (mut requests, mut questions) = (Vec::new(), Vec::new());
        for state in table.states().filter(|state| state.accounts[0] != Account::Absent) {
            let situation = table.situation(&state).expect("it is one of the table's");
            let (principal, resource) = (principal(&state), resource(&state));
            let membership = state.rooms[0].members[0].as_str();
            for step in &steps {
                let number = table.action(step).expect("it is one of the table's");
                if table.decide(situation, number).is_none() {
                    continue;
                }
                let action = uid("Action", &action(step));
                let key = (principal.uid(), action.clone(), resource.uid(), membership);
                let request = *numbers.entry(key).or_insert_with(|| {
                    let membership = ("membership".to_owned(), text(membership));
                    let context = Context::from_pairs([membership]).expect("one pair");
                    let request =
                        Request::new(principal.uid(), action, resource.uid(), context, None);
                    let question = Question { situation, number, state, step: **step };
                    requests.push((request.expect("there is no schema"), question));
                    requests.len() - 1
                });
                questions.push((situation, number, request));
            }
            add(&mut entities, principal);
            add(&mut entities, resource);
        }
        Self {
            authorizer: Authorizer::new(),
            policies: PolicySet::from_str(POLICY).expect("the policy can be read"),
            entities: Entities::from_entities(entities.into_values(), None)
                .expect("each is there once"),
            requests,
            questions,
        }
    }

    /// One query for each distinct request to Cedar.
    pub fn requests(&self) -> impl ExactSizeIterator<Item = &Question> {
        self.requests.iter().map(|(_, question)| question)
    }

    /// How many pairs of a situation and an action are queried.
    pub fn questions(&self) -> usize {
        self.questions.len()
    }

    /// Whether Cedar allows the request with this number.
    fn allows(&self, request: &Request) -> bool {
        let answer = self.authorizer.is_authorized(request, &self.policies, &self.entities);
        let errors: Vec<_> = answer.diagnostics().errors().collect();
        assert!(errors.is_empty(), "{request:?}: {errors:?}");
        answer.decision() == Decision::Allow
    }

    /// Compares Cedar with the table in every situation. Returns the first difference.
    pub fn difference(&self, table: &Decisions) -> Option<String> {
        let allowed: Vec<bool> =
            self.requests.iter().map(|(request, _)| self.allows(request)).collect();
        self.questions.iter().find_map(|(situation, step, request)| {
            let ours = table.decide(*situation, *step).expect("it can be taken").decision;
            (ours.allows() != allowed[*request])
                .then(|| format!("{:?}: ours: {ours:?}", self.requests[*request].0))
        })
    }

    /// Decides every request by Cedar.
    pub fn decide_by_cedar(&self) {
        for (request, _) in &self.requests {
            std::hint::black_box(self.allows(std::hint::black_box(request)));
        }
    }
}

/// The action groups of Cedar for an action; `None` if the action is not compared.
fn groups(profile: &Profile, step: &Action) -> Option<Vec<&'static str>> {
    let by_the_holder = step.by == Actor::Guest(0) && step.with == Credential::Own;
    if !by_the_holder || step.tag || step.place == Place::Elsewhere {
        return None;
    }
    let endpoint = step.operation.endpoint()?;
    let mut groups = match step.operation {
        // These are not permitted to a caller who may call the endpoint.
        Operation::SetProfile { own: false, .. } | Operation::SetVisibility(..) | Operation::SetGuestAccess(..) => {
            vec![]
        }
        Operation::Call(_) if endpoint.get().auth == Auth::AppService => vec![],
        Operation::Call(_) | Operation::WhoAmI | Operation::SetProfile { .. } | Operation::LogOut | Operation::Deactivate => {
            vec!["is served"]
        }
        Operation::Send(_) | Operation::SendState => vec!["send"],
        Operation::Join(_) => vec!["join"],
        Operation::Leave(_) => vec!["leave"],
        Operation::Knock(_) => vec!["knock"],
        Operation::Read(_) => match (endpoint.get().gives?, step.place) {
            (Gives::Sync, _) => vec!["is served"],
            (_, Place::Nowhere) | (Gives::Event | Gives::StateEvent, _) => return None,
            (Gives::Timeline | Gives::InitialSync, _) => {
                vec!["read what is told of it", "read its timeline"]
            }
            (Gives::State | Gives::Members, _) => vec!["read what is told of it", "read its state"],
            (Gives::Stream, _) => vec!["read what is told of it", "read its stream"],
        },
        _ => return None,
    };
    if endpoint.get().auth != Auth::None {
        groups.push("needs a token");
    }
    if is_open(profile, step)? {
        groups.push("open to guests");
    }
    Some(groups)
}

/// Whether the call is on the allow-list.
fn is_open(profile: &Profile, step: &Action) -> Option<bool> {
    let own_membership = matches!(
        step.operation,
        Operation::Join(MembershipEndpoint::StateEvent) | Operation::Leave(MembershipEndpoint::StateEvent) | Operation::Knock(MembershipEndpoint::StateEvent)
    );
    if own_membership && profile.choices.put_state_membership == PutStateMembership::Refused {
        return Some(false);
    }
    let Access::Open(conditions) = profile.access(step.operation.endpoint()?) else { return Some(false) };
    Some(conditions.iter().all(|condition| match condition {
        Condition::MessagesOnly => step.operation == Operation::Send(Message::Message),
        Condition::DisplayNameOnly => {
            !matches!(step.operation, Operation::SetProfile { key: ProfileKey::AvatarUrl, .. })
        }
        Condition::WorldReadableRoom | Condition::JoinedRoom => {
            unreachable!("the rules in force have no such condition")
        }
    }))
}

/// The name of the Cedar action for an action of the model.
fn action(step: &Action) -> String {
    format!("{:?}", step.operation)
}

fn principal(state: &State) -> Entity {
    let account = state.accounts[0];
    let (guest, live) = (account.is_guest(), account.is_live());
    entity("Account", account.as_str(), [("guest", truth(guest)), ("live", truth(live))], [])
}

fn resource(state: &State) -> Entity {
    let room = &state.rooms[0];
    let visibility =
        room.visibility.expect("the rules in force know what every content means").as_str();
    let (access, rule) = (room.guest_access.as_str(), room.join_rule.as_str());
    let settings = [
        ("history_visibility", text(visibility)),
        ("guest_access", text(access)),
        ("join_rule", text(rule)),
    ];
    entity("Room", &format!("{visibility}, {access}, {rule}"), settings, [])
}

fn entity<const N: usize>(
    kind: &str,
    name: &str,
    attributes: [(&str, RestrictedExpression); N],
    parents: impl IntoIterator<Item = EntityUid>,
) -> Entity {
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value)).into();
    let parents: HashSet<EntityUid> = parents.into_iter().collect();
    Entity::new(uid(kind, name), attributes, parents).expect("plain values")
}

fn add(entities: &mut BTreeMap<EntityUid, Entity>, entity: Entity) {
    entities.insert(entity.uid(), entity);
}

fn uid(kind: &str, name: &str) -> EntityUid {
    let kind = EntityTypeName::from_str(kind).expect("a name");
    EntityUid::from_type_name_and_id(kind, EntityId::new(name))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn truth(value: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(value)
}
