//! The translation of JSON into a step. JSON that is no step gives the reason.

use guest_access_model::action::{
    Action, Actor, Credential, Key, Message, Operation, Place, ProfileKey, Says, Setting, Upgrade,
};
use guest_access_model::actions::has_its_own_operation;
use guest_access_model::state::Kind;
use guest_access_rules::endpoint::{EndpointId, KNOWN};
use guest_access_rules::similar::did_you_mean;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, JoinRule};

use super::super::ScenarioStep;
use super::super::actor;
use super::super::known_endpoints::KnownEndpoints;
use super::super::verb::{Field, Verb};
use super::{Fault, StepEntry, spelling};

impl StepEntry {
    /// Converts the entry to a step, which can call these endpoints.
    pub(in super::super) fn scenario_step(
        self,
        endpoints: KnownEndpoints<'_>,
    ) -> Result<ScenarioStep, Fault> {
        let by = actor::find(&self.by).map_err(|known| Fault::Actor(self.by.clone(), known))?;
        let verb = Verb::find(&self.operation_name);
        let endpoint = endpoints.find(&self.operation_name);
        if verb.is_none() && endpoint.is_none() {
            return Err(self.unknown_operation(endpoints));
        }
        let (needs, takes) = match verb {
            Some(verb) => (verb.needs(), verb.takes()),
            None if self.operation_name == KNOWN.event.get().id => {
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
            let message =
                format!("the token `{with}` is for guests, and `{}` is no guest", self.by);
            return Err(Fault::Other(message));
        }
        let operation = match (verb, endpoint) {
            (Some(verb), _) => self.operation(verb, by)?,
            (None, Some(endpoint)) => self.call(endpoint)?,
            (None, None) => return Err(self.unknown_operation(endpoints)),
        };
        let tag = self.event.is_some() && operation != Operation::ReadThroughOtherRoom;
        if tag && (operation.sends().is_none() || place != Place::Room(0)) {
            let kinds = Kind::ALL.iter().map(ToString::to_string);
            return Err(Fault::Other(format!(
                "the event of this step cannot be labelled; one of room1 can, if it is a {}",
                actor::listed(kinds)
            )));
        }
        let event = if tag { self.event } else { None };
        Ok(ScenarioStep {
            action: Action { by, with, operation, place, tag },
            event,
            expect: self.expect,
        })
    }

    fn operation(&self, verb: Verb, by: Actor) -> Result<Operation, Fault> {
        let only = |actor: Actor| {
            if by == actor {
                return Ok(());
            }
            let (operation_name, only) = (&self.operation_name, actor::name(actor));
            Err(Fault::Other(format!(
                "`{operation_name}` is done by `{only}` only, not by `{}`",
                self.by
            )))
        };
        let guest = || self.guest();
        let way = || {
            let endpoints = if verb == Verb::Join {
                MembershipEndpoint::ALL
            } else {
                &[MembershipEndpoint::Own, MembershipEndpoint::StateEvent]
            };
            Ok(option(&self.way, "by", endpoints, MembershipEndpoint::as_str)?
                .unwrap_or(MembershipEndpoint::Own))
        };
        Ok(match verb {
            Verb::RegisterAsGuest => {
                self.by_a_guest(by)?;
                Operation::Register { named: self.named }
            }
            Verb::RegisterOver => {
                only(Actor::Nobody)?;
                Operation::RegisterOver(guest()?)
            }
            Verb::Upgrade => Operation::Upgrade(self.upgrade(by)?),
            Verb::LogOut => Operation::LogOut,
            Verb::Deactivate => Operation::Deactivate,
            Verb::EndToken => {
                only(Actor::Server)?;
                Operation::EndToken(guest()?)
            }
            Verb::Restart => {
                only(Actor::Server)?;
                Operation::Restart
            }
            Verb::SetProfile => {
                let moderator = actor::name(Actor::Moderator);
                if let Some(target) = self.target.as_ref().filter(|target| **target != moderator) {
                    return Err(Fault::Other(format!(
                        "`set profile` has no target `{target}`; the target is `{moderator}`, or left out for the actor's own profile"
                    )));
                }
                let key = required(&self.key, "key", ProfileKey::ALL, ProfileKey::as_str)?;
                Operation::SetProfile { key, own: self.target.is_none() }
            }
            Verb::SetHistoryVisibility => Operation::SetVisibility(
                self.says(HistoryVisibility::ALL, HistoryVisibility::as_str)?,
                self.under()?,
            ),
            Verb::SetGuestAccess => Operation::SetGuestAccess(
                self.says(GuestAccess::ALL, GuestAccess::as_str)?,
                self.under()?,
            ),
            Verb::Redact => Operation::RedactSetting(required(
                &self.setting,
                "setting",
                Setting::ALL,
                Setting::as_str,
            )?),
            Verb::SetJoinRule => {
                Operation::SetJoinRule(required(&self.to, "to", JoinRule::ALL, JoinRule::as_str)?)
            }
            Verb::Send => {
                Operation::Send(required(&self.kind, "type", Message::ALL, Message::as_str)?)
            }
            Verb::SendState => Operation::SendState,
            Verb::Invite => Operation::Invite(guest()?),
            Verb::Kick => Operation::Kick(guest()?),
            Verb::Ban => Operation::Ban(guest()?),
            Verb::Unban => Operation::Unban(guest()?),
            Verb::Join => Operation::Join(way()?),
            Verb::Leave => Operation::Leave(way()?),
            Verb::Knock => Operation::Knock(way()?),
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
                    "a guest that upgrades its own account names no `target`; leave it out"
                        .to_owned(),
                )),
                of => Ok(Upgrade::OthersToken { of, with }),
            },
            (Some(_), true) => {
                Err(Fault::Other("`upgrade` takes a `target` or `named`, and not both".to_owned()))
            }
        }
    }

    fn call(&self, endpoint: EndpointId) -> Result<Operation, Fault> {
        if endpoint == KNOWN.whoami {
            return Ok(Operation::WhoAmI);
        }
        if has_its_own_operation(endpoint) {
            let verbs: Vec<_> = verbs_of(endpoint).collect();
            return Err(Fault::Other(format!(
                "`{endpoint}` has verbs of its own; write one of {}",
                verbs.join(", ")
            )));
        }
        Ok(match endpoint.get().gives {
            Some(_) if self.event.is_some() && self.room.as_deref() != Some("room1") => {
                Operation::ReadThroughOtherRoom
            }
            Some(_) if self.event.is_some() => {
                return Err(Fault::Other(
                    "a read of room1 requests the labelled event already; leave `event` out, and say `sees` or `not_sees`"
                        .to_owned(),
                ));
            }
            Some(_) => Operation::Read(endpoint),
            None => Operation::Call(endpoint),
        })
    }

    fn by_a_guest(&self, by: Actor) -> Result<u8, Fault> {
        match by {
            Actor::Guest(number) => Ok(number),
            _ => Err(Fault::Other(format!(
                "`{}` is done by a guest, not by `{}`",
                self.operation_name, self.by
            ))),
        }
    }

    /// The number of the guest that is the target.
    fn guest(&self) -> Result<u8, Fault> {
        let Some(target) = &self.target else {
            return Err(Fault::Other(format!(
                "`{}` needs a `target`, a guest",
                self.operation_name
            )));
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
        values.iter().copied().find(|value| spelling(*value, as_str) == text).ok_or_else(|| {
            let known = actor::listed(values.iter().map(|value| spelling(*value, as_str)));
            Fault::Other(format!("there is no `to` of `{text}` here; there are {known}"))
        })
    }

    fn unknown_operation(&self, endpoints: KnownEndpoints<'_>) -> Fault {
        let verbs = Verb::ALL.iter().map(|verb| verb.as_str());
        let known = verbs.chain(endpoints.ids());
        let near = did_you_mean(&self.operation_name, known);
        Fault::UnknownOperation(self.operation_name.clone(), near)
    }

    fn check_fields(&self, needs: &[Field], takes: &[Field]) -> Result<(), Fault> {
        if let Some(missing) = needs.iter().find(|field| !self.has(**field)) {
            let message = format!("`{}` needs a `{}`", self.operation_name, missing.as_str());
            return Err(Fault::Other(message));
        }
        let known = || needs.iter().chain(takes);
        match Field::ALL.iter().find(|f| self.has(**f) && !known().any(|known| known == *f)) {
            None => Ok(()),
            Some(stranger) => {
                let known = known().map(|field| format!("`{}`", field.as_str()));
                Err(Fault::Other(format!(
                    "`{}` takes no `{}`; it takes {}",
                    self.operation_name,
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

/// The value with the spelling given, if one is given.
fn option<T: Copy>(
    spelling: &Option<String>,
    field: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<Option<T>, Fault> {
    let Some(text) = spelling else {
        return Ok(None);
    };
    all.iter().copied().find(|value| as_str(*value) == text).map(Some).ok_or_else(|| {
        let known = actor::listed(all.iter().map(|value| as_str(*value).to_owned()));
        Fault::Other(format!("there is no `{field}` of `{text}` here; there are {known}"))
    })
}

/// The value with the spelling given, where one must be given.
fn required<T: Copy>(
    spelling: &Option<String>,
    field: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, Fault> {
    option(spelling, field, all, as_str)?
        .ok_or_else(|| Fault::Other(format!("a `{field}` is needed")))
}
