//! What makes two divergences the same: who did what, what came of it, and what should have.

use std::collections::BTreeMap;

use guest_access_model::action::{Action, Actor, Answer, Credential, Operation, Place};
use guest_access_model::decide::Outcome;
use guest_access_model::state::{Account, MAX_GUESTS, State};

use crate::scenario::{LABEL, ObservedStep as Expected};
use crate::subject::server::{CallVerdict, EventPresence, Memberships, ResponseContent};

use super::found::Kind;
use super::judge::Taken;
use super::story::{Difference, Part, Told};

/// What makes two divergences the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Signature {
    pub(super) kind: Kind,
    /// The step, by the guest that is called the first.
    pub(super) step: Action,
    pub(super) by: &'static str,
    pub(super) expected: String,
    pub(super) observed: String,
    /// Whether a reading permits it.
    pub(super) permitted: bool,
}

impl Signature {
    /// Whether the homeserver did the same, whatever else it showed of how it reads the rules.
    fn is_like(&self, other: &Self) -> bool {
        *self == Self { permitted: self.permitted, ..other.clone() }
    }

    /// If the step at this place of a story shows the same: the part, and the difference in it.
    pub(super) fn shown_by<'a>(
        &self,
        told: &'a Told,
        at: usize,
    ) -> Option<(&'a Part, &'a Difference)> {
        let part = told.parts.first()?;
        let difference = part.differences.iter().find(|difference| difference.at == at)?;
        let is_it = Self::of(difference, &part.log[at]).is_like(self);
        is_it.then_some((part, difference))
    }

    pub(super) fn of(difference: &Difference, taken: &Taken) -> Self {
        let names = Names::of(&taken.step);
        let (expected, observed) = names.told(difference, taken);
        Self {
            kind: kind(&difference.expected, taken),
            step: names.step(&taken.step),
            by: role(&taken.step, &difference.before),
            expected,
            observed,
            permitted: !difference.variants.is_empty(),
        }
    }
}

fn kind(expected: &Outcome, taken: &Taken) -> Kind {
    let must = expected.observation.decision.allows();
    match (&taken.observed.verdict, must) {
        (_, false) if taken.observed.is_allowed() => Kind::Leak,
        (CallVerdict::Denied { .. }, true) => Kind::Refusal,
        (_, false) => Kind::Error,
        // Who is not in the room any more was shown more than its own time.
        (_, true) if !taken.lists_as_it_should() => {
            if taken.listing.is_some_and(|listing| listing.is_of_now) {
                Kind::Refusal
            } else {
                Kind::Leak
            }
        }
        (_, true) => match (&taken.observed.content, expected.observation.answer) {
            (ResponseContent::Gave(given), Answer::Gave { tagged: false })
                if *given != EventPresence::Absent =>
            {
                Kind::Leak
            }
            (ResponseContent::Gave(given), Answer::Gave { tagged: true })
                if *given != EventPresence::Present =>
            {
                Kind::Refusal
            }
            _ => Kind::Effect,
        },
    }
}

/// What the caller of a step is.
pub(super) fn role(step: &Action, before: &State) -> &'static str {
    let Actor::Guest(number) = step.by else {
        return match step.by {
            Actor::Moderator => "the moderator",
            Actor::User => "an ordinary user",
            Actor::Nobody | Actor::Guest(_) => "somebody without a token",
            Actor::Server => "the homeserver itself",
        };
    };
    match (before.accounts[usize::from(number)], step.with) {
        (Account::Absent, _) => "somebody who is not registered",
        (Account::Guest, Credential::Masquerade) => "a guest that names the moderator",
        (Account::Guest, _) => "a guest",
        (Account::User, Credential::BeforeUpgrade) => "a former guest, with its old token",
        (Account::User, _) => "a former guest",
        (Account::GuestEnded, _) => "a guest whose token was ended",
        (Account::UserEnded, _) => "a former guest whose token was ended",
    }
}

/// New names for the guests of a step, by the order in which it names them, and for its room: the
/// first, unless it is what the step reads there that matters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    guests: [u8; MAX_GUESTS],
    exchanges_rooms: bool,
}

impl Names {
    pub(super) fn of(step: &Action) -> Self {
        Self::with_others(step, &[])
    }

    /// The same, where these guests come next after those that the step names.
    pub(super) fn with_others(step: &Action, others: &[u8]) -> Self {
        let mut order: Vec<u8> = Vec::new();
        let rest = (0_u8..).take(MAX_GUESTS);
        for number in step.guests().chain(others.iter().copied()).chain(rest) {
            if !order.contains(&number) {
                order.push(number);
            }
        }
        let mut names = [0; MAX_GUESTS];
        for (new, old) in (0_u8..).zip(order) {
            if let Some(name) = names.get_mut(usize::from(old)) {
                *name = new;
            }
        }
        let reads = matches!(step.operation, Operation::Read(_) | Operation::ReadThroughOtherRoom);
        Self { guests: names, exchanges_rooms: !reads && step.room() == Some(1) }
    }

    pub(super) fn guest(self, number: u8) -> u8 {
        self.guests.get(usize::from(number)).copied().unwrap_or(number)
    }

    /// The number of the room that had this number.
    const fn room(self, number: usize) -> usize {
        match number {
            0 | 1 if self.exchanges_rooms => 1 - number,
            _ => number,
        }
    }

    /// The step by the guests' new names.
    pub(super) fn step(self, step: &Action) -> Action {
        let place = if self.exchanges_rooms { Place::Room(0) } else { step.place };
        Action { place, ..step.with_guests(|guest| self.guest(guest)) }
    }

    /// The state by the guests' new names.
    pub(super) fn state(self, state: &State) -> State {
        let mut renamed = *state;
        for (old, new) in self.guests.into_iter().enumerate() {
            let new = usize::from(new);
            renamed.accounts[new] = state.accounts[old];
            for (renamed, room) in renamed.rooms.iter_mut().zip(&state.rooms) {
                renamed.members[new] = room.members[old];
            }
            if let (Some(renamed), Some(tagged)) = (&mut renamed.tagged, &state.tagged) {
                renamed.relations[new] = tagged.relations[old];
            }
        }
        if self.exchanges_rooms {
            renamed.rooms.swap(0, 1);
            renamed.tagged = None;
        }
        renamed
    }

    /// What was expected, and what was seen.
    fn told(self, difference: &Difference, taken: &Taken) -> (String, String) {
        let Difference { before, expected: outcome, .. } = difference;
        let said = Expected { action: &taken.step, before, outcome, label: Some(LABEL) }.expect();
        // The memberships are told where they are what is wrong.
        let without = crate::scenario::Expect { membership: BTreeMap::new(), ..said };
        let mut expected =
            crate::scenario::outcome_in_words(&outcome.observation.decision, &without);
        let mut observed = seen(taken, before.tagged.is_some());
        let rooms = taken.members.iter().flatten().zip(&outcome.next.rooms);
        for (number, (seen, expect)) in rooms.enumerate() {
            let room = self.room(number) + 1;
            let expect = Memberships { guests: expect.members, user: expect.user };
            for (who, should, is) in self.otherwise(expect, *seen, taken.gone) {
                expected += &format!(", {who} is `{should}` in room{room}");
                observed += &format!(", {who} is `{is}` in room{room}");
            }
        }
        for (how, should, is) in taken.listed() {
            for (who, should, is) in self.otherwise(should, is, taken.gone) {
                expected += &format!(", {who} is listed as `{should}`{how}");
                observed += &format!(", {who} is listed as `{is}`{how}");
            }
        }
        (expected, observed)
    }

    /// Whose membership is not what it should be: who, what it should be, what it is.
    fn otherwise(
        self,
        should: Memberships,
        is: Memberships,
        gone: [bool; MAX_GUESTS],
    ) -> Vec<(String, &'static str, &'static str)> {
        let mut otherwise: Vec<_> = (0_u8..)
            .zip(should.guests.iter().zip(is.guests).zip(gone))
            .filter(|(_, ((should, is), gone))| *should != is && !gone)
            .map(|(number, ((should, is), _))| {
                let who = format!("guest{}", self.guest(number) + 1);
                (who, should.as_str(), is.as_str())
            })
            .collect();
        otherwise.sort();
        if should.user != is.user {
            otherwise.push(("the user".to_owned(), should.user.as_str(), is.user.as_str()));
        }
        otherwise
    }
}

/// What was seen of a step, in short, as stories tell it.
pub(super) fn seen(taken: &Taken, is_tagged: bool) -> String {
    let code = |errcode: &Option<String>| {
        errcode.clone().unwrap_or_else(|| "without an error code".to_owned())
    };
    let verdict = match &taken.observed.verdict {
        CallVerdict::Allowed => "allow".to_owned(),
        CallVerdict::Denied { status, errcode } => format!("deny {status} {}", code(errcode)),
        CallVerdict::ParametersRejected { status, errcode } => {
            format!("allow, and then {status} {} over the parameters", code(errcode))
        }
        CallVerdict::Inconclusive(why) => format!("nothing is known: {why}"),
    };
    let content = match &taken.observed.content {
        ResponseContent::Gave(EventPresence::Present) if is_tagged => format!(", gives {LABEL}"),
        ResponseContent::Gave(EventPresence::Absent) if is_tagged => {
            format!(", does not give {LABEL}")
        }
        ResponseContent::Gave(EventPresence::Partial(part)) => format!(", gives {LABEL} {part}"),
        ResponseContent::IsGuest(true) => ", says that it is a guest".to_owned(),
        ResponseContent::IsGuest(false) => ", says that it is no guest".to_owned(),
        ResponseContent::Named(true) => ", with the name it asked for".to_owned(),
        ResponseContent::Named(false) => ", with a name of the server's choice".to_owned(),
        ResponseContent::Nothing | ResponseContent::Gave(_) | ResponseContent::Listed { .. } => {
            String::new()
        }
    };
    verdict + &content
}
