//! One story on a homeserver: its steps are taken and judged one after the other.
//!
//! After a divergence that leaves the homeserver in another state than the rules, nothing that
//! follows could be judged: the rest of the story is begun anew, in other rooms with other guests,
//! without the step that went wrong. So no divergence is blamed for an earlier one.

use std::sync::Arc;
use std::time::Duration;

use guest_access_model::action::{Action, Actor, Operation, Setting};
use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::state::{MAX_GUESTS, State};
use guest_access_model::stop::Stop;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Profile;

use crate::scenario::sentence;
use crate::subject::server::{
    CallVerdict, HttpObservation, Needs, Recording, Server, ServerError, Session, SharedFixture,
};

use super::found::NotRun;
use super::judge::{Expected, Judge, Judgement, Taken, are_as_in};
use super::signature::Names;
use guest_access_rules::variant::Variants;

/// Steps that can happen by the rules, from the first state on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// The id.
    pub id: String,
    /// The steps.
    pub steps: Vec<Action>,
}

/// A part of a story that was run from the first state on.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) log: Vec<Taken>,
    pub(super) differences: Vec<Difference>,
    /// So many steps at the beginning only led to the others once more.
    pub(super) known: usize,
    /// What was said, if there is a difference.
    pub(super) recording: Option<Arc<Recording>>,
    /// Why memberships could not be looked at, if some could not.
    unseen: Option<String>,
    /// How many steps could not happen any more, since the homeserver refused what they need.
    lost: usize,
}

impl Part {
    /// The endpoint that was called at one of its differences.
    pub(super) fn called(&self, difference: usize) -> Option<EndpointId> {
        self.log[self.differences[difference].at].step.operation.endpoint()
    }
}

/// A step at which a homeserver did otherwise than our readings say.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    /// Its place in the log.
    pub(super) at: usize,
    /// The state before it.
    pub(super) before: State,
    /// What was expected.
    pub(super) expected: Outcome,
    /// The changes under which the homeserver is right, any of these; empty if there are none.
    pub(super) variants: Vec<Vec<usize>>,
}

/// What came of a story.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    pub(super) parts: Vec<Part>,
    /// How many steps were judged.
    pub(super) decisions: usize,
    pub(super) not_run: Vec<NotRun>,
    /// Why it was not told to its end.
    pub(super) broken: Option<ServerError>,
}

/// What tells stories on a homeserver.
#[derive(Debug)]
pub(super) struct Teller<'a> {
    pub(super) server: &'a Server,
    pub(super) variants: &'a Variants,
    /// How long effects are waited for.
    pub(super) settle: Duration,
    /// Whether the rooms are left as they are.
    pub(super) keep: bool,
    pub(super) stop: Stop,
}

/// How a part of a story ended.
enum Ending {
    /// With its last step.
    Whole,
    /// Before that: the step with this number left the homeserver in another state than the rules.
    Astray { at: usize, why: String },
    /// Before that, since the time is up.
    Stopped,
}

impl Teller<'_> {
    /// Takes and judges the steps of a story.
    pub(super) async fn tell(&self, fixture: &SharedFixture, story: &Story) -> Told {
        let mut told = Told::default();
        let mut steps = story.steps.clone();
        // Of these steps, so many at the beginning only lead to the others.
        let mut known = 0;
        let deeds: Vec<_> = steps.iter().filter(|step| step.by == Actor::Server).copied().collect();
        if !deeds.is_empty() {
            let left_out = |step: &Action| step.by == Actor::Server;
            let (possible, mut lost) = possible(&self.variants.default, &steps, left_out);
            for operation_phrase in &deeds {
                let because = "it cannot be asked for over HTTP".to_owned();
                told.not_run.push(not_run(
                    story,
                    Some(operation_phrase),
                    std::mem::take(&mut lost),
                    because,
                ));
            }
            steps = possible;
        }
        while known < steps.len() {
            let first = initial(&self.variants.default).rooms[0];
            let session = self.server.session(fixture, Needs::of(&steps), &first).await;
            let mut session = match session {
                Ok(session) => session,
                Err(error) => {
                    let because = format!("it cannot be set up: {error}");
                    told.not_run.push(not_run(story, None, steps.len() - known, because));
                    told.broken = Some(error);
                    return told;
                }
            };
            let mut judge = Judge::new(self.variants);
            let mut part = Part {
                log: Vec::new(),
                differences: Vec::new(),
                known,
                recording: None,
                unseen: None,
                lost: 0,
            };
            let ending = self.tell_part(&mut session, &mut judge, &steps, &mut part).await;
            part.differences.retain(|difference| difference.at >= known);
            if !part.differences.is_empty() {
                part.recording = Some(Arc::new(session.recording()));
            }
            let is_there = !ending.as_ref().is_err_and(ServerError::is_broken_line);
            if is_there && !self.keep {
                let may_go_on = matches!(ending, Ok(Ending::Whole));
                session.clean_up(fixture, &judge.state(), judge.log.len(), may_go_on).await;
            }
            let clean = judge.log.iter().filter(|taken| !taken.diverges && taken.tells());
            let lead: Vec<_> = clean.map(|taken| taken.step).collect();
            part.log = judge.log;
            let judged = part.log.iter().skip(known);
            for taken in judged {
                match &taken.observed.verdict {
                    CallVerdict::Inconclusive(why) => {
                        told.not_run.push(not_run(story, Some(&taken.step), 0, why.clone()));
                    }
                    _ => told.decisions += 1,
                }
            }
            if let Some(why) = part.unseen.take() {
                let because = format!("the memberships could not be looked at: {why}");
                told.not_run.push(not_run(story, None, 0, because));
            }
            if part.lost > 0 {
                let because = "the homeserver refused what they need".to_owned();
                told.not_run.push(not_run(story, None, part.lost, because));
            }
            told.parts.push(part);
            match ending {
                Ok(Ending::Whole) => break,
                Ok(Ending::Stopped) => {
                    let because = "the time was up".to_owned();
                    told.not_run.push(not_run(story, None, 0, because));
                    break;
                }
                Ok(Ending::Astray { at, .. }) if at < known => {
                    let because = "the same steps did not lead to the same place again".to_owned();
                    told.not_run.push(not_run(story, None, steps.len() - known, because));
                    break;
                }
                Ok(Ending::Astray { at, why }) => {
                    let offending = steps[at];
                    // What was done and undone again may have left its marks on the homeserver.
                    let lead = leading(&self.variants.default, &lead);
                    known = lead.len();
                    let rest = lead.into_iter().chain(steps[at + 1..].iter().copied());
                    let rest: Vec<_> = rest.collect();
                    let (possible, lost) = possible(&self.variants.default, &rest, |_| false);
                    if lost > 0 {
                        told.not_run.push(not_run(story, Some(&offending), lost, why));
                    }
                    steps = possible;
                }
                Err(error) => {
                    told.not_run.push(not_run(story, None, 0, error.to_string()));
                    told.broken = Some(error);
                    break;
                }
            }
        }
        told
    }

    async fn tell_part(
        &self,
        session: &mut Session<'_>,
        judge: &mut Judge<'_>,
        steps: &[Action],
        part: &mut Part,
    ) -> Result<Ending, ServerError> {
        let mut gone = [false; MAX_GUESTS];
        for (at, step) in steps.iter().enumerate() {
            if self.stop.now() {
                return Ok(Ending::Stopped);
            }
            // What cannot happen any more needs what the homeserver refused.
            let Some(expected) = judge.expected(step) else {
                part.lost += 1;
                continue;
            };
            session.begin_action(judge.log.len());
            let ours = expected[0].outcome;
            let before = judge.state();
            let mut observed = if Session::ends_unmodelled_tokens(step, &ours.observation) {
                HttpObservation::inconclusive("it would end tokens of which the rules do not speak")
            } else {
                session.perform(step).await?
            };
            if matches!(observed.verdict, CallVerdict::ParametersRejected { .. })
                && !ours.observation.decision.allows()
            {
                observed = self.without_made_up_parameters(session, step, observed).await?;
            }
            if let (Operation::Deactivate, Actor::Guest(guest), true) =
                (step.operation, step.by, observed.is_allowed())
            {
                gone[usize::from(guest)] = true;
            }
            let untold = match &observed.verdict {
                CallVerdict::Inconclusive(why) => Some(why.clone()),
                _ => None,
            };
            let members = if untold.is_none() && may_change_memberships(step, &before, &expected) {
                // Where the answer is what no reading says, there is nothing to wait for.
                let outcomes = expected.iter().map(|expected| &expected.outcome);
                let fitting: Vec<_> =
                    outcomes.filter(|outcome| observed.fits(&outcome.observation)).collect();
                let settled = |rooms: &[_]| {
                    fitting.is_empty() || fitting.iter().any(|o| are_as_in(rooms, &o.next, gone))
                };
                match session.members(self.settle, settled).await {
                    Ok(members) => Some(members),
                    Err(error) if error.is_broken_line() => return Err(error),
                    Err(error) => {
                        part.unseen = Some(error.to_string());
                        None
                    }
                }
            } else {
                None
            };
            let unchanged = members.as_ref().map(|rooms| are_as_in(rooms, &before, gone));
            let allowed = observed.is_allowed();
            let as_decided = observed.decides_as(&ours.observation);
            let listing = judge.listing(step, gone);
            let taken = Taken {
                step: *step,
                observed,
                members,
                listing,
                gone,
                diverges: false,
                after: before,
            };
            if let Some(why) = untold {
                // Where a step leads that tells nothing is known only if it leads nowhere.
                let leads = expected.iter().any(|expected| expected.outcome.next != before);
                judge.log.push(taken);
                if leads {
                    return Ok(Ending::Astray { at, why });
                }
                continue;
            }
            let at_log = judge.log.len();
            let difference = |variants| Difference { at: at_log, before, expected: ours, variants };
            let settled = taken.members_fit(&ours.next);
            match judge.judge(taken, &expected) {
                Judgement::Same => {}
                Judgement::ByAReading(variants) => part.differences.push(difference(variants)),
                Judgement::Diverges => {
                    part.differences.push(difference(Vec::new()));
                    if as_decided && settled {
                        judge.go_on(ours.next);
                        continue;
                    }
                    // A refused step changes nothing. One that was let through, and must not be,
                    // leaves its marks even where nobody's membership is another.
                    let changed_nothing = if allowed {
                        !may_change_anything(step) && ours.next == before
                    } else {
                        unchanged.unwrap_or(true)
                    };
                    if !changed_nothing {
                        let why = "the homeserver took it otherwise than the rules".to_owned();
                        return Ok(Ending::Astray { at, why });
                    }
                }
            }
        }
        Ok(Ending::Whole)
    }

    /// A call that failed on what was made up says something of guests only if an ordinary user gets
    /// further with it.
    async fn without_made_up_parameters(
        &self,
        session: &mut Session<'_>,
        step: &Action,
        observed: HttpObservation,
    ) -> Result<HttpObservation, ServerError> {
        let CallVerdict::ParametersRejected { status, errcode } = observed.verdict else {
            return Ok(observed);
        };
        if session.user_gets_further(step).await? {
            return Ok(HttpObservation {
                verdict: CallVerdict::Denied { status, errcode },
                ..observed
            });
        }
        let errcode = errcode.unwrap_or_default();
        Ok(HttpObservation::inconclusive(format!(
            "the homeserver refuses the made-up parameters first ({status} {errcode}), to users too"
        )))
    }
}

/// The steps that can happen one after the other when some are left out, and how many more are lost.
pub(super) fn possible(
    profile: &Profile,
    steps: &[Action],
    left_out: impl Fn(&Action) -> bool,
) -> (Vec<Action>, usize) {
    let mut state = initial(profile);
    let (mut possible, mut lost) = (Vec::with_capacity(steps.len()), 0);
    for step in steps.iter().filter(|step| !left_out(step)) {
        match outcome(profile, &state, step) {
            Some(outcome) => {
                state = outcome.next;
                possible.push(*step);
            }
            None => lost += 1,
        }
    }
    (possible, lost)
}

/// The steps of these that change the state: where they lead, the others lead too.
pub(super) fn leading(profile: &Profile, steps: &[Action]) -> Vec<Action> {
    let mut state = initial(profile);
    let mut leading = Vec::new();
    for step in steps {
        let Some(outcome) = outcome(profile, &state, step) else { continue };
        if outcome.next != state {
            state = outcome.next;
            leading.push(*step);
        }
    }
    leading
}

/// Whether a step can have a part in what memberships there are, by one of the ways to read the rules
/// or by mistake.
fn may_change_memberships(step: &Action, before: &State, expected: &[Expected]) -> bool {
    let variants = |expected: &Expected| {
        before
            .rooms
            .iter()
            .zip(&expected.outcome.next.rooms)
            .any(|(before, after)| before.members != after.members || before.user != after.user)
    };
    expected.iter().any(variants)
        || matches!(
            step.operation,
            Operation::SetGuestAccess(..)
                | Operation::RedactSetting(Setting::GuestAccess)
                | Operation::Upgrade(_)
                | Operation::RegisterOver(_)
        )
}

/// Whether a step may change anything, by the rules or by mistake.
pub(super) fn may_change_anything(step: &Action) -> bool {
    let ends_tokens = |endpoint: EndpointId| endpoint.get().id == "POST /logout/all";
    match step.operation {
        Operation::Read(_)
        | Operation::ReadThroughOtherRoom
        | Operation::WhoAmI
        | Operation::Send(_)
        | Operation::SendState
        | Operation::SetProfile { .. } => false,
        Operation::Call(endpoint) => ends_tokens(endpoint),
        _ => true,
    }
}

fn not_run(story: &Story, step: Option<&Action>, with_it: usize, because: String) -> NotRun {
    let scenario = story.id.clone();
    let step = step.map(|step| sentence(&Names::of(step).step(step)));
    NotRun { scenario, step, with_it, because, count: 1 }
}
