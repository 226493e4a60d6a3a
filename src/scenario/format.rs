//! A step as it is written, and the step of the model that it means. The two say the same: each is
//! made of the other without loss.

use guest_access_model::endpoint::{EndpointId, KNOWN};
use guest_access_model::state::Kind;
use guest_access_model::step::{
    Act, Actor, Credential, Key, Message, Place, ProfileKey, Says, Setting, Step, Upgrade, Way,
};
use guest_access_model::steps::has_a_step_of_its_own;
use guest_access_model::vocabulary::{GuestAccess, HistoryVisibility, JoinRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::actor;
use super::verb::{Field, Verb};
use super::{Expect, Told};

/// A step as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a step, which is an object")]
#[schemars(rename = "Step")]
pub(super) struct Entry {
    /// Who takes it.
    #[serde(rename = "as")]
    #[schemars(schema_with = "super::schema::actor")]
    pub(super) by: String,
    /// A verb, or an endpoint that is called or read by.
    #[serde(rename = "do")]
    #[schemars(schema_with = "super::schema::deed")]
    pub(super) deed: String,
    /// About which room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::place")]
    room: Option<String>,
    /// Whose account, or whose membership: a guest's; `set profile` takes the moderator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::target")]
    target: Option<String>,
    /// The new value of the setting: one of its values, `unknown` for a value of nobody's, or
    /// `malformed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::to")]
    to: Option<String>,
    /// Where the setting is sent: as state under a `wrong` key, or as a `message`; left out, as the
    /// room's state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::under")]
    under: Option<String>,
    /// By which endpoint the membership changes: by `alias`, or by a `state_event`; left out, by the
    /// membership's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::by")]
    #[serde(rename = "by")]
    way: Option<String>,
    /// Which token is shown: the one `before_upgrade`, or one's own in `masquerade` as the moderator;
    /// left out, the newest of one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::token")]
    token: Option<String>,
    /// The type of the event that is sent.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "type")]
    #[schemars(schema_with = "super::schema::event_type")]
    kind: Option<String>,
    /// The setting that is redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::setting")]
    setting: Option<String>,
    /// The key of the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::key")]
    key: Option<String>,
    /// Whether the registration asks for a name of the caller's choice.
    #[serde(default, skip_serializing_if = "is_false")]
    named: bool,
    /// The label of the event that the step sends; on `GET /rooms/{roomId}/event/{eventId}`, the
    /// event of another room that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<String>,
    /// What is expected of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expect: Option<Expect>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Why an entry means no step.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nobody has this name; known are these.
    Actor(String, String),
    /// Neither a verb nor an endpoint; this one is most like it.
    Deed(String, String),
    /// Something else.
    Other(String),
}

impl Entry {
    /// How `told` is written. `label` is the label of the scenario's event.
    pub(super) fn of(told: &Told, label: &str) -> Self {
        let Told { step, event, expect } = told;
        let entry = Self {
            by: actor::name(step.by),
            room: actor::place(step.place),
            token: unless(step.with, Credential::Own, Credential::as_str),
            event: step.tag.then(|| event.as_deref().unwrap_or(label).to_owned()),
            expect: expect.clone(),
            ..Self::default()
        };
        let guest = |number: u8| Some(actor::guest(number.into()));
        let way = |way: Way| unless(way, Way::Own, Way::as_str);
        let verb = |verb: Verb| verb.as_str().to_owned();
        match step.act {
            Act::Register { named } => Self { deed: verb(Verb::RegisterAsGuest), named, ..entry },
            Act::RegisterOver(of) => {
                Self { deed: verb(Verb::RegisterOver), target: guest(of), ..entry }
            }
            Act::Upgrade(upgrade) => {
                let (named, target) = match upgrade {
                    Upgrade::Own(_) => (false, None),
                    Upgrade::OtherName(_) => (true, None),
                    Upgrade::OthersToken { of, .. } | Upgrade::MadeUpToken(of) => {
                        (false, guest(of))
                    }
                };
                Self { deed: verb(Verb::Upgrade), named, target, ..entry }
            }
            Act::LogOut => Self { deed: verb(Verb::LogOut), ..entry },
            Act::Deactivate => Self { deed: verb(Verb::Deactivate), ..entry },
            Act::EndToken(of) => Self { deed: verb(Verb::EndToken), target: guest(of), ..entry },
            Act::Restart => Self { deed: verb(Verb::Restart), ..entry },
            Act::SetProfile { key, own } => Self {
                deed: verb(Verb::SetProfile),
                key: Some(key.to_string()),
                target: (!own).then(|| actor::name(Actor::Moderator)),
                ..entry
            },
            Act::SetVisibility(says, key) => Self {
                deed: verb(Verb::SetHistoryVisibility),
                to: Some(spelled(says, HistoryVisibility::as_str)),
                under: unless(key, Key::Empty, Key::as_str),
                ..entry
            },
            Act::SetGuestAccess(says, key) => Self {
                deed: verb(Verb::SetGuestAccess),
                to: Some(spelled(says, GuestAccess::as_str)),
                under: unless(key, Key::Empty, Key::as_str),
                ..entry
            },
            Act::RedactSetting(setting) => {
                Self { deed: verb(Verb::Redact), setting: Some(setting.to_string()), ..entry }
            }
            Act::SetJoinRule(rule) => {
                Self { deed: verb(Verb::SetJoinRule), to: Some(rule.to_string()), ..entry }
            }
            Act::Send(message) => {
                Self { deed: verb(Verb::Send), kind: Some(message.to_string()), ..entry }
            }
            Act::SendState => Self { deed: verb(Verb::SendState), ..entry },
            Act::Invite(of) => Self { deed: verb(Verb::Invite), target: guest(of), ..entry },
            Act::Kick(of) => Self { deed: verb(Verb::Kick), target: guest(of), ..entry },
            Act::Ban(of) => Self { deed: verb(Verb::Ban), target: guest(of), ..entry },
            Act::Unban(of) => Self { deed: verb(Verb::Unban), target: guest(of), ..entry },
            Act::Join(by) => Self { deed: verb(Verb::Join), way: way(by), ..entry },
            Act::Leave(by) => Self { deed: verb(Verb::Leave), way: way(by), ..entry },
            Act::Knock(by) => Self { deed: verb(Verb::Knock), way: way(by), ..entry },
            Act::WhoAmI => Self { deed: KNOWN.whoami.to_string(), ..entry },
            Act::Read(endpoint) | Act::Call(endpoint) => {
                Self { deed: endpoint.to_string(), ..entry }
            }
            Act::ReadThroughOtherRoom => {
                Self { deed: KNOWN.event.to_string(), event: Some(label.to_owned()), ..entry }
            }
        }
    }

    /// The step that the entry means.
    pub(super) fn told(self) -> Result<Told, Fault> {
        let by = actor::find(&self.by).map_err(|known| Fault::Actor(self.by.clone(), known))?;
        let verb = Verb::find(&self.deed);
        let endpoint = EndpointId::find(&self.deed);
        if verb.is_none() && endpoint.is_none() {
            return Err(self.unknown_deed());
        }
        let (needs, takes) = match verb {
            Some(verb) => (verb.needs(), verb.takes()),
            None if self.deed == KNOWN.event.get().id => {
                (&[][..], &[Field::Room, Field::Token, Field::Event][..])
            }
            None => (&[][..], &[Field::Room, Field::Token][..]),
        };
        self.check_fields(needs, takes)?;
        let place = match &self.room {
            None => Place::Nowhere,
            Some(room) => actor::find_place(room).map_err(|known| {
                Fault::Other(format!("there is no room `{room}`; there are {known}"))
            })?,
        };
        let with = option(&self.token, "token", Credential::ALL, Credential::as_str)?
            .unwrap_or(Credential::Own);
        if with != Credential::Own && !matches!(by, Actor::Guest(_)) {
            let message = format!("`{}` has no token `{with}`; guests have", self.by);
            return Err(Fault::Other(message));
        }
        let act = match (verb, endpoint) {
            (Some(verb), _) => self.act(verb, by)?,
            (None, Some(endpoint)) => self.call(endpoint)?,
            (None, None) => return Err(self.unknown_deed()),
        };
        let tag = self.event.is_some() && act != Act::ReadThroughOtherRoom;
        if tag && (act.sends().is_none() || place != Place::Room(0)) {
            let kinds = Kind::ALL.iter().map(ToString::to_string);
            return Err(Fault::Other(format!(
                "the event of this step cannot be labelled; one of room1 can, if it is a {}",
                actor::listed(kinds)
            )));
        }
        let event = if tag { self.event } else { None };
        Ok(Told { step: Step { by, with, act, place, tag }, event, expect: self.expect })
    }

    fn act(&self, verb: Verb, by: Actor) -> Result<Act, Fault> {
        let only = |actor: Actor| {
            if by == actor {
                return Ok(());
            }
            let (deed, only) = (&self.deed, actor::name(actor));
            Err(Fault::Other(format!("`{deed}` is done by `{only}` only, not by `{}`", self.by)))
        };
        let guest = || self.guest();
        let way = || {
            let ways = if verb == Verb::Join { Way::ALL } else { &[Way::Own, Way::StateEvent] };
            Ok(option(&self.way, "by", ways, Way::as_str)?.unwrap_or(Way::Own))
        };
        Ok(match verb {
            Verb::RegisterAsGuest => {
                self.by_a_guest(by)?;
                Act::Register { named: self.named }
            }
            Verb::RegisterOver => {
                only(Actor::Nobody)?;
                Act::RegisterOver(guest()?)
            }
            Verb::Upgrade => Act::Upgrade(self.upgrade(by)?),
            Verb::LogOut => Act::LogOut,
            Verb::Deactivate => Act::Deactivate,
            Verb::EndToken => {
                only(Actor::Server)?;
                Act::EndToken(guest()?)
            }
            Verb::Restart => {
                only(Actor::Server)?;
                Act::Restart
            }
            Verb::SetProfile => {
                let moderator = actor::name(Actor::Moderator);
                if let Some(target) = self.target.as_ref().filter(|target| **target != moderator) {
                    return Err(Fault::Other(format!(
                        "`set profile` has no target `{target}`; it has `{moderator}`, or none for one's own"
                    )));
                }
                let key = required(&self.key, "key", ProfileKey::ALL, ProfileKey::as_str)?;
                Act::SetProfile { key, own: self.target.is_none() }
            }
            Verb::SetHistoryVisibility => Act::SetVisibility(
                self.says(HistoryVisibility::ALL, HistoryVisibility::as_str)?,
                self.under()?,
            ),
            Verb::SetGuestAccess => Act::SetGuestAccess(
                self.says(GuestAccess::ALL, GuestAccess::as_str)?,
                self.under()?,
            ),
            Verb::Redact => Act::RedactSetting(required(
                &self.setting,
                "setting",
                Setting::ALL,
                Setting::as_str,
            )?),
            Verb::SetJoinRule => {
                Act::SetJoinRule(required(&self.to, "to", JoinRule::ALL, JoinRule::as_str)?)
            }
            Verb::Send => Act::Send(required(&self.kind, "type", Message::ALL, Message::as_str)?),
            Verb::SendState => Act::SendState,
            Verb::Invite => Act::Invite(guest()?),
            Verb::Kick => Act::Kick(guest()?),
            Verb::Ban => Act::Ban(guest()?),
            Verb::Unban => Act::Unban(guest()?),
            Verb::Join => Act::Join(way()?),
            Verb::Leave => Act::Leave(way()?),
            Verb::Knock => Act::Knock(way()?),
        })
    }

    fn upgrade(&self, by: Actor) -> Result<Upgrade, Fault> {
        if by == Actor::Nobody && !self.named {
            return Ok(Upgrade::MadeUpToken(self.guest()?));
        }
        let with = self.by_a_guest(by)?;
        match (&self.target, self.named) {
            (None, false) => Ok(Upgrade::Own(with)),
            (None, true) => Ok(Upgrade::OtherName(with)),
            (Some(_), false) => match self.guest()? {
                of if of == with => Err(Fault::Other(
                    "a guest that upgrades its own account names no `target`; leave it out".to_owned(),
                )),
                of => Ok(Upgrade::OthersToken { of, with }),
            },
            (Some(_), true) => Err(Fault::Other(
                "`upgrade` asks for the name of the `target` or for one of its choice (`named`), not for both"
                    .to_owned(),
            )),
        }
    }

    fn call(&self, endpoint: EndpointId) -> Result<Act, Fault> {
        if endpoint == KNOWN.whoami {
            return Ok(Act::WhoAmI);
        }
        if has_a_step_of_its_own(endpoint) {
            let verbs: Vec<_> = verbs_of(endpoint).collect();
            return Err(Fault::Other(format!(
                "`{endpoint}` is written by what it is called for: {}",
                verbs.join(", ")
            )));
        }
        Ok(match endpoint.get().gives {
            Some(_) if self.event.is_some() && self.room.as_deref() != Some("room1") => {
                Act::ReadThroughOtherRoom
            }
            Some(_) if self.event.is_some() => {
                return Err(Fault::Other(
                    "in room1 the labelled event is the one asked for; leave `event` out, and say `sees` or `not_sees`"
                        .to_owned(),
                ));
            }
            Some(_) => Act::Read(endpoint),
            None => Act::Call(endpoint),
        })
    }

    fn by_a_guest(&self, by: Actor) -> Result<u8, Fault> {
        match by {
            Actor::Guest(number) => Ok(number),
            _ => Err(Fault::Other(format!(
                "`{}` is done by a guest, not by `{}`",
                self.deed, self.by
            ))),
        }
    }

    /// The number of the guest that is the target.
    fn guest(&self) -> Result<u8, Fault> {
        let Some(target) = &self.target else {
            return Err(Fault::Other(format!("`{}` needs a `target`, a guest", self.deed)));
        };
        actor::find_guest(target).map_err(|known| {
            Fault::Other(format!("the target `{target}` is no guest; guests are {known}"))
        })
    }

    fn under(&self) -> Result<Key, Fault> {
        Ok(option(&self.under, "under", Key::ALL, Key::as_str)?.unwrap_or(Key::Empty))
    }

    fn says<T: Copy>(&self, all: &[T], as_str: fn(T) -> &'static str) -> Result<Says<T>, Fault> {
        let values: Vec<Says<T>> =
            all.iter().map(|v| Says::Value(*v)).chain([Says::Unknown, Says::Malformed]).collect();
        let text = self.to.as_deref().unwrap_or_default();
        values.iter().copied().find(|value| spelled(*value, as_str) == text).ok_or_else(|| {
            let known = actor::listed(values.iter().map(|value| spelled(*value, as_str)));
            Fault::Other(format!("there is no `to` of `{text}` here; there are {known}"))
        })
    }

    fn unknown_deed(&self) -> Fault {
        let verbs = Verb::ALL.iter().map(|verb| verb.as_str());
        let known = verbs.chain(EndpointId::all().map(|endpoint| endpoint.get().id.as_str()));
        let likeness = |known: &str| strsim::jaro(&self.deed, known);
        let nearest = known.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default();
        Fault::Deed(self.deed.clone(), nearest.to_owned())
    }

    fn check_fields(&self, needs: &[Field], takes: &[Field]) -> Result<(), Fault> {
        if let Some(missing) = needs.iter().find(|field| !self.has(**field)) {
            let message = format!("`{}` needs a `{}`", self.deed, missing.as_str());
            return Err(Fault::Other(message));
        }
        let known = || needs.iter().chain(takes);
        match Field::ALL.iter().find(|f| self.has(**f) && !known().any(|known| known == *f)) {
            None => Ok(()),
            Some(stranger) => {
                let known = known().map(|field| format!("`{}`", field.as_str()));
                Err(Fault::Other(format!(
                    "`{}` takes no `{}`; it takes {}",
                    self.deed,
                    stranger.as_str(),
                    actor::listed(known.chain(["`expect`".to_owned()])),
                )))
            }
        }
    }

    fn has(&self, field: Field) -> bool {
        match field {
            Field::Room => self.room.is_some(),
            Field::Target => self.target.is_some(),
            Field::To => self.to.is_some(),
            Field::Under => self.under.is_some(),
            Field::By => self.way.is_some(),
            Field::Token => self.token.is_some(),
            Field::Type => self.kind.is_some(),
            Field::Setting => self.setting.is_some(),
            Field::Key => self.key.is_some(),
            Field::Named => self.named,
            Field::Event => self.event.is_some(),
        }
    }
}

/// The verbs that call an endpoint.
fn verbs_of(endpoint: EndpointId) -> impl Iterator<Item = &'static str> {
    let calls: &[Verb] = match endpoint {
        e if e == KNOWN.register => &[Verb::RegisterAsGuest, Verb::RegisterOver, Verb::Upgrade],
        e if e == KNOWN.logout => &[Verb::LogOut],
        e if e == KNOWN.deactivate => &[Verb::Deactivate],
        e if e == KNOWN.set_profile => &[Verb::SetProfile],
        e if e == KNOWN.put_state => &[
            Verb::SendState,
            Verb::SetHistoryVisibility,
            Verb::SetGuestAccess,
            Verb::SetJoinRule,
            Verb::Join,
            Verb::Leave,
            Verb::Knock,
        ],
        e if e == KNOWN.send => &[Verb::Send, Verb::SetHistoryVisibility, Verb::SetGuestAccess],
        e if e == KNOWN.leave => &[Verb::Leave],
        e if e == KNOWN.knock => &[Verb::Knock],
        _ => &[Verb::Join],
    };
    calls.iter().map(|verb| verb.as_str())
}

fn spelled<T>(says: Says<T>, as_str: fn(T) -> &'static str) -> String {
    match says {
        Says::Value(value) => as_str(value),
        Says::Unknown => "unknown",
        Says::Malformed => "malformed",
    }
    .to_owned()
}

/// The spelling of a value, unless it is the one that goes without saying.
fn unless<T: Copy + PartialEq>(
    value: T,
    usual: T,
    as_str: fn(T) -> &'static str,
) -> Option<String> {
    (value != usual).then(|| as_str(value).to_owned())
}

/// The value with the spelling given, if one is given.
fn option<T: Copy>(
    given: &Option<String>,
    field: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<Option<T>, Fault> {
    let Some(text) = given else {
        return Ok(None);
    };
    all.iter().copied().find(|value| as_str(*value) == text).map(Some).ok_or_else(|| {
        let known = actor::listed(all.iter().map(|value| as_str(*value).to_owned()));
        Fault::Other(format!("there is no `{field}` of `{text}` here; there are {known}"))
    })
}

/// The value with the spelling given, where one must be given.
fn required<T: Copy>(
    given: &Option<String>,
    field: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, Fault> {
    option(given, field, all, as_str)?.ok_or_else(|| Fault::Other(format!("a `{field}` is needed")))
}
