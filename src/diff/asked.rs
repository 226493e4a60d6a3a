//! What was asked of a homeserver, and what it did: per scenario, and folded into classes.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_model::action::{Action, Actor, Answer, Operation, Place as At};
use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::state::State;
use guest_access_rules::profile::Profile;

use crate::scenario::{operation_phrase, sentence};
use crate::subject::server::{CallVerdict, EventPresence, ResponseContent};

use super::found::{Asked, Came, Class, Place, Question, Ran, Verdict as Judged};
use super::judge::Taken;
use super::signature::{Names, Signature, role};
use super::story::{Part, Story, Told};

/// What came of each scenario: of the vectors that were to be run, in their order, and of what was
/// run beside.
pub(super) fn ran(default: &Profile, vectors: &[String], told: &[(Story, Told)]) -> Vec<Ran> {
    let mut ran: BTreeMap<&str, &Told> = BTreeMap::new();
    ran.extend(told.iter().map(|(story, told)| (&*story.id, told)));
    let vectors = vectors.iter().map(|id| (id, true, ran.remove(&**id))).collect::<Vec<_>>();
    let beside = told.iter().filter(|(story, _)| ran.contains_key(&*story.id));
    let beside = beside.map(|(story, told)| (&story.id, false, Some(told)));
    let all = vectors.into_iter().chain(beside);
    all.map(|(id, is_vector, told)| {
        let (decisions, not_run, asked) = match told {
            None => (0, vec!["it was not begun".to_owned()], BTreeSet::new()),
            Some(told) => (told.decisions, reasons(told), questions(default, told)),
        };
        Ran { scenario: id.clone(), is_vector, decisions, not_run, asked }
    })
    .collect()
}

/// Why not all of a scenario was run, each reason once.
fn reasons(told: &Told) -> Vec<String> {
    let reasons = told.not_run.iter().map(|not_run| match &not_run.step {
        Some(step) => format!("{step}: {}", not_run.because),
        None => not_run.because.clone(),
    });
    reasons.collect::<BTreeSet<_>>().into_iter().collect()
}

fn questions(default: &Profile, told: &Told) -> BTreeSet<Question> {
    let moments = told.parts.iter().flat_map(|part| moments(default, part));
    moments.map(|moment| question(&moment.taken.step, &moment.before)).collect()
}

/// The question that a step is: what is done, by the guest that is called the first, and by whom.
fn question(step: &Action, before: &State) -> Question {
    let names = Names::of(step);
    Question { step: sentence(&names.step(step)), by: role(step, before).to_owned() }
}

/// All that was asked, folded into classes.
pub(super) fn matrix(default: &Profile, parts: &[Part]) -> Vec<Asked> {
    let mut classes: BTreeMap<Class, BTreeMap<(Came, Came, Judged), usize>> = BTreeMap::new();
    for part in parts {
        for moment in moments(default, part) {
            let came = (moment.expected(), moment.observed(), moment.judged(part));
            *classes.entry(moment.class()).or_default().entry(came).or_default() += 1;
        }
    }
    let asked = classes.into_iter().flat_map(|(class, came)| {
        came.into_iter().map(move |((expected, observed, verdict), count)| Asked {
            class: class.clone(),
            expected,
            observed,
            verdict,
            count,
        })
    });
    asked.collect()
}

/// A step that was judged, in the state in which it was taken.
struct Moment<'a> {
    at: usize,
    before: State,
    taken: &'a Taken,
    ours: Outcome,
}

/// The steps of a part that were judged, but for those that led to it once more.
fn moments<'a>(default: &'a Profile, part: &'a Part) -> impl Iterator<Item = Moment<'a>> {
    let afters = part.log.iter().map(|taken| taken.after);
    let befores = std::iter::once(initial(default)).chain(afters);
    let moments = befores.zip(&part.log).enumerate().skip(part.known);
    moments.filter_map(|(at, (before, taken))| {
        let is_told = !matches!(taken.observed.verdict, CallVerdict::Inconclusive(_));
        let ours = outcome(default, &before, &taken.step).filter(|_| is_told)?;
        Some(Moment { at, before, taken, ours })
    })
}

impl Moment<'_> {
    fn class(&self) -> Class {
        let Self { before, taken: Taken { step, .. }, .. } = self;
        let room = step.room().map(|number| &before.rooms[number]);
        let membership = match step.by {
            Actor::Guest(number) => room.map(|room| room.members[usize::from(number)]),
            Actor::User => room.map(|room| room.user),
            _ => None,
        };
        Class {
            operation_phrase: called(step),
            by: role(step, before).to_owned(),
            place: match step.place {
                At::Room(_) => Place::Room,
                At::Elsewhere => Place::Elsewhere,
                At::Nowhere => Place::Nowhere,
            },
            membership: membership.map(guest_access_rules::vocabulary::Membership::as_str),
            history_visibility: room.map(|room| {
                room.visibility.map_or("none that can be read", |visibility| visibility.as_str())
            }),
            guest_access: room.map(|room| room.guest_access.as_str()),
        }
    }

    fn expected(&self) -> Came {
        let observation = &self.ours.observation;
        match observation.answer {
            _ if !observation.decision.allows() => Came::Denied,
            Answer::Gave { tagged } if self.before.tagged.is_some() => Came::giving(tagged),
            _ => Came::Allowed,
        }
    }

    fn observed(&self) -> Came {
        let observed = &self.taken.observed;
        match &observed.content {
            _ if !observed.is_allowed() => Came::Denied,
            ResponseContent::Gave(given) if self.before.tagged.is_some() => {
                Came::giving(!matches!(given, EventPresence::Absent))
            }
            _ => Came::Allowed,
        }
    }

    fn judged(&self, part: &Part) -> Judged {
        let difference = part.differences.iter().find(|difference| difference.at == self.at);
        match difference {
            None => Judged::AsExpected,
            Some(difference) if !difference.variants.is_empty() => Judged::Permitted,
            Some(difference) => Judged::Diverges(Signature::of(difference, self.taken).kind),
        }
    }
}

/// What is done: the endpoint, if it is one call, and else the act in words.
fn called(step: &Action) -> String {
    match step.operation {
        Operation::Read(endpoint) | Operation::Call(endpoint) => endpoint.to_string(),
        _ => operation_phrase(Names::of(step).step(step).operation),
    }
}
