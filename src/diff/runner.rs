//! Runs one scenario on a homeserver: takes its steps and judges them, one after the other.
//!
//! A divergence may leave the homeserver in another state than the rules. Then no later step can be
//! judged. So the rest of the scenario is run in a new segment: in other rooms, by other guests, and
//! without the step that diverged. No divergence is a consequence of an earlier one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use guest_access_model::action::{Action, Actor, Operation, ProfileKey, Setting};
use guest_access_model::decide::{initial, outcome};
use guest_access_model::state::{MAX_GUESTS, State};
use guest_access_model::stop::Stop;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::Variants;
use guest_access_rules::vocabulary::Membership;

use crate::subject::server::{
    CallVerdict, HttpObservation, Needs, NotRunKind, NotRunReason, ResponseContent, Server,
    ServerError, Session, SharedFixture,
};

use super::content::{self, ContentCheck, ContentCoverage, SessionEvidence};
use super::judge::{Expected, SegmentJudge, StepRecord, StepVerdict, are_as_in};
use super::open_question::open_question;
use super::read_class::ReadClass;
use super::scenario_run::{ContentPlan, Difference, PlannedScenario, ScenarioRun, Segment};
use super::taken_step::{TakenStep, take_steps};

/// Runs scenarios on a homeserver, and judges them.
#[derive(Debug)]
pub(super) struct ScenarioRunner<'a> {
    pub(super) server: &'a Server,
    pub(super) rules: &'a Rules,
    pub(super) variants: &'a Variants,
    /// The longest time to wait for effects.
    pub(super) settle: Duration,
    /// Whether the rooms are left as they are.
    pub(super) keep: bool,
    /// Whether every event of an answer is compared.
    pub(super) content: bool,
    pub(super) stop: Stop,
}

/// How a segment ended.
enum Ending {
    /// With the last step of the scenario.
    Whole,
    /// Early: the step with this number left the homeserver in another state than the rules expect.
    Astray { at: usize, why: NotRunReason },
    /// Early, since the time is up.
    Stopped,
}

impl ScenarioRunner<'_> {
    /// Takes and judges the steps of a scenario.
    pub(super) async fn run(
        &self,
        fixture: &SharedFixture,
        scenario: &PlannedScenario,
    ) -> ScenarioRun {
        let mut run = ScenarioRun::default();
        let mut steps = scenario.steps.clone();
        let mut content = scenario.content.clone();
        // The number of steps at the beginning that only lead to the others.
        let mut known = 0;
        let server_actions: Vec<_> =
            steps.iter().filter(|step| step.by == Actor::Server).copied().collect();
        if !server_actions.is_empty() {
            let left_out = |step: &Action| step.by == Actor::Server;
            let (possible, mut lost) = possible(&self.variants.default, &steps, left_out);
            for action in &server_actions {
                let kind = NotRunKind::NotOverHttp;
                let reason = NotRunReason::new(kind, "it cannot be asked for over HTTP");
                run.step_not_run(scenario, action, std::mem::take(&mut lost), &reason);
            }
            steps = possible;
        }
        while known < steps.len() {
            let first = initial(&self.variants.default).rooms[0];
            let session = self.server.session(fixture, Needs::of(&steps), &first).await;
            let mut session = match session {
                Ok(session) => session,
                Err(error) => {
                    run.rest_not_run(scenario, steps.len() - known, &not_set_up(&error));
                    run.broken = Some(error);
                    return run;
                }
            };
            let compares_content = self.content && content != ContentPlan::Skipped;
            if compares_content {
                session.keep_answers();
            }
            let mut judge = SegmentJudge::new(self.variants);
            let mut segment = Segment {
                scenario: scenario.id.clone(),
                initial: initial(&self.variants.default),
                log: Vec::new(),
                differences: Vec::new(),
                known,
                further: BTreeSet::new(),
                recording: None,
                lost: 0,
            };
            let in_question = if scenario.is_trial { steps.len() - 1 } else { known };
            let plan = (&*steps, in_question, &mut content);
            let ending = self.run_segment(&mut session, &mut judge, plan, &mut segment).await;
            let is_there = !ending.as_ref().is_err_and(ServerError::is_broken_line);
            if is_there && compares_content {
                self.compare_content(&session, &mut judge, &mut segment, &mut run.coverage).await;
            }
            let led_astray = matches!(&ending, Ok(Ending::Astray { why, .. })
                if why.kind == NotRunKind::Consequence);
            // A step of the lead that leads astray now is a divergence as any other: its setting may have
            // another shape this time.
            let last = judge.log.len().checked_sub(1).filter(|_| led_astray);
            segment
                .differences
                .retain(|difference| difference.at >= known || Some(difference.at) == last);
            if !segment.differences.is_empty() {
                segment.recording = Some(Arc::new(session.recording()));
            }
            if is_there && !self.keep {
                let may_go_on = matches!(ending, Ok(Ending::Whole));
                session.clean_up(fixture, &judge.state(), judge.log.len(), may_go_on).await;
            }
            let clean = judge.log.iter().filter(|record| !record.diverges && record.is_answered());
            let lead: Vec<_> = clean.map(|record| record.step).collect();
            segment.log = judge.log;
            let judged = segment.log.iter().skip(known);
            for record in judged {
                let not_compared = record.observed.verdict.not_run().or(record.unseen.as_ref());
                if let Some(reason) = not_compared {
                    run.step_not_run(scenario, &record.step, 0, reason);
                }
                if record.is_answered() {
                    run.decisions += 1;
                }
                let endpoint = record.step.operation.endpoint();
                if let (ResponseContent::Effect { .. }, Some(endpoint)) =
                    (&record.observed.content, endpoint)
                {
                    run.coverage.checks(endpoint, "", ContentCheck::Effect);
                }
            }
            if segment.lost > 0 {
                let because = "the homeserver refused what they need";
                let reason = NotRunReason::new(NotRunKind::Consequence, because);
                run.rest_not_run(scenario, segment.lost, &reason);
            }
            // Every step before this one is in the log, or was lost.
            let reached = segment.log.len() + segment.lost;
            let rest = steps.len() - reached.max(known);
            run.segments.push(segment);
            match ending {
                Ok(Ending::Whole) => break,
                Ok(Ending::Stopped) => {
                    let reason = NotRunReason::new(NotRunKind::Stopped, "the time was up");
                    run.rest_not_run(scenario, rest, &reason);
                    break;
                }
                Ok(Ending::Astray { at, why }) if at < known && !led_astray => {
                    let kind =
                        if why.kind.is_failure() { why.kind } else { NotRunKind::NotRepeatable };
                    let because = "the same steps did not lead to the same place again";
                    let reason = NotRunReason::new(kind, because);
                    run.rest_not_run(scenario, steps.len() - known, &reason);
                    break;
                }
                Ok(Ending::Astray { at, why }) => {
                    let offending = steps[at];
                    let profile = &self.variants.default;
                    // Steps that undo each other stay: they may have left traces on the homeserver.
                    let lead = leading(profile, &lead);
                    let after = |end: usize| {
                        let rest = steps[at + 1..end].iter();
                        let steps: Vec<_> = lead.iter().chain(rest).copied().collect();
                        possible(profile, &steps, |_| false)
                    };
                    let (judged_before, _) = after(known.max(at + 1));
                    let (possible, lost) = after(steps.len());
                    if lost > 0 {
                        let kind = why.kind.of_consequence();
                        let reason = NotRunReason { kind, ..why };
                        run.dependent_not_run(scenario, &offending, lost, &reason);
                    }
                    known = judged_before.len();
                    steps = possible;
                }
                Err(error) => {
                    run.rest_not_run(scenario, rest, &error.not_run());
                    run.broken = Some(error);
                    break;
                }
            }
        }
        run
    }

    async fn run_segment(
        &self,
        session: &mut Session<'_>,
        judge: &mut SegmentJudge<'_>,
        (steps, in_question, content): (&[Action], usize, &mut ContentPlan),
        segment: &mut Segment,
    ) -> Result<Ending, ServerError> {
        let mut gone = [false; MAX_GUESTS];
        for (at, step) in steps.iter().enumerate() {
            if self.stop.now() {
                return Ok(Ending::Stopped);
            }
            // A step that is impossible now depends on a step that the homeserver refused.
            let Some(expected) = judge.expected(step) else {
                segment.lost += 1;
                continue;
            };
            session.begin_action(judge.log.len());
            let ours = expected[0].outcome;
            let before = judge.state();
            let mut observed = if Session::ends_unmodelled_tokens(step, &ours.observation) {
                let why = "it would end tokens of which the rules do not speak";
                HttpObservation::inconclusive(NotRunKind::BeyondTheRules, why)
            } else {
                let earlier = judge.log.iter().rev().map(|record| &record.step);
                let classes = ReadClass::of(&before, earlier, step, &ours);
                let wanted = content.further(&classes);
                session.read_also(wanted.clone());
                let observed = session.perform(step).await?;
                let unread = session.left_unread();
                let is_made = |class: &&ReadClass| {
                    wanted.contains(&class.read) && !unread.contains(&class.read)
                };
                for class in classes.iter().filter(is_made) {
                    content.was_made(*class);
                    segment.further.insert(*class);
                }
                observed
            };
            if matches!(observed.verdict, CallVerdict::ParametersRejected { .. })
                && !ours.observation.decision.allows()
            {
                observed = self.without_made_up_parameters(session, step, observed).await?;
            }
            // Only a sentence of these rules can demand an effect.
            if let Some(effect) = observed.missing_effect()
                && self.rules.in_force(effect.clauses()).is_empty()
            {
                observed.content = ResponseContent::Nothing;
            }
            if let Some(reason) = open_question(step, &before, (&observed, &expected), &judge.log) {
                observed.verdict = CallVerdict::Inconclusive(reason);
            }
            if let (Operation::Deactivate, Actor::Guest(guest), true) =
                (step.operation, step.by, observed.is_allowed())
            {
                gone[usize::from(guest)] = true;
            }
            let inconclusive = observed.verdict.not_run().cloned();
            let mut unseen = observed.unread().cloned();
            let members = if inconclusive.is_none()
                && may_change_memberships(step, &before, (&expected, &observed))
                && (at >= in_question || has_late_effects(step))
            {
                // If no reading expects the answer, no effect is awaited.
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
                        let because = format!("the memberships could not be looked at: {error}");
                        unseen = Some(NotRunReason::new(NotRunKind::EffectUnseen, because));
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
            let record = StepRecord {
                step: *step,
                observed,
                members,
                unseen,
                listing,
                content: Vec::new(),
                gone,
                diverges: false,
                after: before,
            };
            if let Some(why) = inconclusive {
                // The answer does not show the outcome. The state after the step is known only if no
                // expected outcome changes the state.
                let leads = expected.iter().any(|expected| expected.outcome.next != before);
                judge.log.push(record);
                if leads {
                    return Ok(Ending::Astray { at, why });
                }
                continue;
            }
            let at_log = judge.log.len();
            let difference = |variants| {
                let (cause, inconsistency) = (None, None);
                Difference { at: at_log, before, expected: ours, variants, cause, inconsistency }
            };
            let settled = record.members_fit(&ours.next);
            match judge.judge(record, &expected) {
                StepVerdict::AsExpected => {}
                StepVerdict::Permitted(variants) => segment.differences.push(difference(variants)),
                StepVerdict::Diverges => {
                    segment.differences.push(difference(Vec::new()));
                    if as_decided && settled {
                        judge.go_on(ours.next);
                        continue;
                    }
                    // A refused step changes nothing. A step that the homeserver wrongly allowed may
                    // have changed more than memberships.
                    let changed_nothing = if allowed {
                        !may_change_anything(step) && ours.next == before
                    } else {
                        unchanged.unwrap_or(true)
                    };
                    if !changed_nothing {
                        let because = "the homeserver took it otherwise than the rules";
                        let why = NotRunReason::new(NotRunKind::Consequence, because);
                        return Ok(Ending::Astray { at, why });
                    }
                }
            }
        }
        Ok(Ending::Whole)
    }

    /// Compares the events in the answers of a segment with what each reader may be given. A step that
    /// diverges already stays as it is.
    async fn compare_content(
        &self,
        session: &Session<'_>,
        judge: &mut SegmentJudge<'_>,
        segment: &mut Segment,
        coverage: &mut ContentCoverage,
    ) {
        let evidence = match SessionEvidence::of(session).await {
            Ok(evidence) if evidence.timelines.is_empty() => return,
            Ok(evidence) => evidence,
            // A homeserver whose moderator may not read the rooms is judged by the steps alone.
            Err(error) if error.not_run_kind() == NotRunKind::Refused => return,
            Err(error) => {
                judge.content_unread(&error.not_run());
                return;
            }
        };
        let Segment { initial, .. } = segment;
        let found = content::differences(self.variants, initial, &judge.log, &evidence, coverage);
        for (at, mut differences) in found {
            differences.retain(|found| !found.sentence().in_force(self.rules).is_empty());
            if differences.is_empty() {
                continue;
            }
            let before = at.checked_sub(1).map_or(*initial, |previous| judge.log[previous].after);
            let record = &mut judge.log[at];
            if record.diverges || !record.is_answered() {
                continue;
            }
            let Some(expected) = outcome(&self.variants.default, &before, &record.step) else {
                continue;
            };
            record.content = differences;
            record.diverges = true;
            segment.differences.retain(|known| known.at != at);
            segment.differences.push(Difference {
                at,
                before,
                expected,
                variants: Vec::new(),
                cause: None,
                inconsistency: None,
            });
        }
        segment.differences.sort_by_key(|difference| difference.at);
    }

    /// The verdict on a call whose made-up parameters the homeserver rejected. The rejection says
    /// something about guests only if the same call of an ordinary user succeeds.
    async fn without_made_up_parameters(
        &self,
        session: &mut Session<'_>,
        step: &Action,
        observed: HttpObservation,
    ) -> Result<HttpObservation, ServerError> {
        let CallVerdict::ParametersRejected { status, errcode } = observed.verdict else {
            return Ok(observed);
        };
        let on_user = match session.verdict_on_user(step).await {
            Err(error) if !error.is_broken_line() => {
                Some(CallVerdict::Inconclusive(error.not_run()))
            }
            verdict => verdict?,
        };
        let verdict = match on_user {
            Some(CallVerdict::Allowed) => CallVerdict::Denied { status, errcode },
            // The user's call failed, so it does not show whether the homeserver rejects the
            // parameters.
            Some(CallVerdict::Denied { status: 500.., errcode }) => {
                let errcode = errcode.unwrap_or_default();
                let because = format!("the homeserver fails for a user ({errcode})");
                CallVerdict::Inconclusive(NotRunReason::new(NotRunKind::ServerFailure, because))
            }
            Some(CallVerdict::Inconclusive(reason)) if reason.kind.is_failure() => {
                CallVerdict::Inconclusive(reason)
            }
            _ => {
                let errcode = errcode.unwrap_or_default();
                let because = format!(
                    "the homeserver refuses the made-up parameters first ({status} {errcode}), to users too"
                );
                let kind = NotRunKind::ParametersRejected;
                CallVerdict::Inconclusive(NotRunReason::new(kind, because))
            }
        };
        Ok(HttpObservation { verdict, ..observed })
    }
}

/// The steps that can still happen, in order, without those that are left out; and the number of steps
/// that became impossible.
pub(super) fn possible(
    profile: &Profile,
    steps: &[Action],
    left_out: impl Fn(&Action) -> bool,
) -> (Vec<Action>, usize) {
    let steps = steps.iter().filter(|step| !left_out(step));
    let (possible, lost): (Vec<_>, Vec<_>) =
        take_steps(profile, initial(profile), steps).partition(|taken| taken.outcome.is_some());
    (possible.into_iter().map(|taken| taken.step).collect(), lost.len())
}

/// Those of the steps that change the state. They lead to the same state as all steps.
pub(super) fn leading(profile: &Profile, steps: &[Action]) -> Vec<Action> {
    let taken = take_steps(profile, initial(profile), steps);
    taken.filter(TakenStep::changes_state).map(|taken| taken.step).collect()
}

/// Whether a step that was answered so may have changed memberships, by some reading of the rules or by a
/// known mistake.
fn may_change_memberships(
    step: &Action,
    before: &State,
    (expected, observed): (&[Expected], &HttpObservation),
) -> bool {
    let variants = |expected: &Expected| {
        before
            .rooms
            .iter()
            .zip(&expected.outcome.next.rooms)
            .any(|(before, after)| before.members != after.members || before.user != after.user)
    };
    // A refused change of the caller's own membership changes nothing, by any reading and any known
    // mistake.
    let is_own =
        matches!(step.operation, Operation::Join(_) | Operation::Knock(_) | Operation::Leave(_));
    let is_refused = matches!(observed.verdict, CallVerdict::Denied { .. });
    expected.iter().any(variants) && !(is_own && is_refused)
        || has_late_effects(step)
        || renames_outsider(step, before)
}

/// Whether a guest that is out of a room, and has a membership there, changes its display name. A homeserver
/// that carries the name into the membership would make the guest joined.
fn renames_outsider(step: &Action, before: &State) -> bool {
    let (Operation::SetProfile { key: ProfileKey::DisplayName, own: true }, Actor::Guest(guest)) =
        (step.operation, step.by)
    else {
        return false;
    };
    before.rooms.iter().any(|room| {
        !matches!(room.members[usize::from(guest)], Membership::Join | Membership::Never)
    })
}

/// Whether a step may change memberships after it is answered, and memberships that it does not name.
fn has_late_effects(step: &Action) -> bool {
    matches!(
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

/// The reason why a scenario does not run, if this error ended its set-up.
fn not_set_up(error: &ServerError) -> NotRunReason {
    let NotRunReason { kind, because } = error.not_run();
    // The refusal of a call is a failure of the set-up.
    let kind = if kind == NotRunKind::Refused { NotRunKind::SetUp } else { kind };
    NotRunReason::new(kind, format!("it cannot be set up: {because}"))
}
