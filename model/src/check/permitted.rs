//! Checking one answer that the rules permit, and what the base of a proposal promised.
//!
//! The scope is one guest in one room: no rule names two guests or two rooms.

use crate::action::Action;
use crate::actions::has_its_own_operation;
use crate::executor::{Executor, ExecutorError, Workers};
use crate::guarantee::expressible_at;
use crate::sequential::Sequential;
use crate::state::Scope;
use crate::stop::Stop;
use crate::threads::each;
use guest_access_rules::guarantee::{GuaranteeId, GuaranteeSet};
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{self, Edit, Variant};

use super::Check;
use super::points_read::PointsRead;

pub(super) const SCOPE: Scope = Scope { guests: 1, rooms: 1 };

/// A counterexample for each guarantee that a homeserver breaks.
pub type Broken = Vec<(GuaranteeId, Vec<Action>)>;

/// An answer that the rules permit besides the default, and the guarantees that it breaks.
#[derive(Debug, Clone)]
pub struct PermittedAnswer {
    /// The answer; or several answers, if only together they break something.
    pub variant: Variant,
    /// Whether the answer is new: the base of the proposal forbids it.
    pub is_new: bool,
    /// The guarantees that a homeserver with this answer breaks, each with a shortest counterexample.
    pub broken: Broken,
    /// Those of them that only the proposal makes it break: the answer is new, or under the base of the
    /// proposal a homeserver with the answer keeps the guarantee.
    pub newly_broken: GuaranteeSet,
    /// Whether every state was visited.
    pub complete: bool,
}

impl PermittedAnswer {
    /// The guarantees that the answer breaks.
    pub(super) fn breaks(&self) -> GuaranteeSet {
        guarantees_of(&self.broken)
    }
}

/// The guarantees with a counterexample.
pub(super) fn guarantees_of(broken: &Broken) -> GuaranteeSet {
    broken.iter().map(|(guarantee, _)| *guarantee).collect()
}

/// Checks these guarantees for each answer that `rules` permit besides the default, one at a time.
///
/// # Errors
/// If a worker of the executor breaks down.
pub(super) fn check_each_alone(
    rules: &Rules,
    guarantees: GuaranteeSet,
    threads: usize,
    stop: &Stop,
) -> Result<Vec<PermittedAnswer>, ExecutorError> {
    let default = rules.profile();
    let guarantees = guarantees.intersection(expressible_at(SCOPE));
    let points_read = if guarantees.is_empty() {
        None
    } else {
        PointsRead::of(SCOPE, &default, &default, threads, stop)
    };
    let check = |system: &Profile| {
        let points_read = points_read.as_ref();
        let breakable =
            points_read.and_then(|points_read| points_read.breakable(system, guarantees, stop));
        let guarantees = breakable.unwrap_or(guarantees);
        broken(system, judged_by(rules, system), guarantees, stop)
    };
    // Each endpoint that only answers changes its own calls and no state. So if all of these endpoints
    // together break nothing when opened, each alone breaks nothing.
    let (only_answer, others): (Vec<_>, Vec<_>) =
        variant::permitted(rules).into_iter().partition(only_opens_what_answers);
    let together = variant::together(&default, &only_answer);
    let together_unbroken = match only_answer.len() {
        0 | 1 => false,
        _ => check(&together)? == (Vec::new(), true),
    };
    let all: Vec<_> = only_answer
        .into_iter()
        .map(|variant| (variant, together_unbroken))
        .chain(others.into_iter().map(|variant| (variant, false)))
        .collect();
    let answers = each(&all, threads, |(variant, is_known_unbroken)| {
        let (broken, complete) =
            if *is_known_unbroken { (Vec::new(), true) } else { check(&variant.profile)? };
        let is_new = rules.base_of_proposal().is_some_and(|base| is_new(base, variant));
        let newly_broken = GuaranteeSet::EMPTY;
        Ok(PermittedAnswer { variant: variant.clone(), is_new, broken, newly_broken, complete })
    });
    answers.into_iter().collect()
}

/// The profile that judges a homeserver with the profile `system`, which `rules` permit: the default, with
/// the allow-list of this homeserver, and with the tokens that it requires. `authentication` is about the
/// calls that require a token, and A70 is about that requirement.
pub(super) fn judged_by(rules: &Rules, system: &Profile) -> Profile {
    let mut judged_by = rules.profile();
    judged_by.choices.room_summary_token = system.choices.room_summary_token;
    for endpoint in rules.every_endpoint() {
        judged_by.set_access(endpoint, system.access(endpoint));
    }
    judged_by
}

impl PermittedAnswer {
    /// Adds the guarantees that a homeserver with the answer breaks only with two guests or two rooms.
    pub(super) fn add_wider_scopes(
        &mut self,
        rules: &Rules,
        guarantees: GuaranteeSet,
        threads: usize,
        stop: &Stop,
    ) -> Result<(), ExecutorError> {
        if only_opens_what_answers(&self.variant) {
            return Ok(());
        }
        for scope in Scope::WIDER {
            let kept = guarantees.without(self.breaks());
            let system = &self.variant.profile;
            let judged_by = judged_by(rules, system);
            let (broken, complete) = broken_at(scope, system, judged_by, kept, threads, stop)?;
            self.broken.extend(broken);
            self.complete &= complete;
        }
        Ok(())
    }

    /// The guarantees that the answer breaks under the proposal, and not under its base.
    pub(super) fn newly_broken(
        &self,
        base: &Rules,
        stop: &Stop,
    ) -> Result<GuaranteeSet, ExecutorError> {
        let breaks = self.breaks();
        if self.is_new || breaks.is_empty() {
            return Ok(breaks);
        }
        let system = &self
            .variant
            .edits
            .iter()
            .fold(base.profile(), |profile, edit| edit.applied_to(profile));
        let (broken, _) = broken(system, judged_by(base, system), breaks, stop)?;
        Ok(breaks.without(guarantees_of(&broken)))
    }
}

/// Whether the variant differs only in endpoints whose calls never change the state.
pub(super) fn only_opens_what_answers(variant: &Variant) -> bool {
    variant
        .endpoints()
        .is_some_and(|endpoints| endpoints.iter().all(|endpoint| !has_its_own_operation(*endpoint)))
}

fn is_new(base: &Rules, variant: &Variant) -> bool {
    variant.edits.iter().any(|edit| match *edit {
        Edit::Choice(point, option) => !base.permits(point, option),
        Edit::Access(endpoint, access) => !base.accesses(endpoint).contains(&access),
    })
}

/// The guarantees that a proposal inherits from its base and breaks. The allow-list of the base judges
/// them: a call that the base opens to guests has to succeed.
///
/// `confinement`, `authentication` and `clear_refusals` are about the list of endpoints. A proposal may
/// change the list, so the proposal's own list alone judges these three.
///
/// The base permits a homeserver some answers besides its default. A proposal that takes such an answer
/// breaks no promise by it, since the base left the guarantee to that answer.
///
/// 1. Judge the proposal by the default answers of the base.
/// 2. Judge what is broken again, by the base with each answer of the proposal that the base permits.
/// 3. What is broken only in step 1 is due to these answers.
///
/// # Errors
/// If a worker of the executor breaks down.
pub fn check_promises_of_base(
    base: &Rules,
    rules: &Rules,
    guarantees: GuaranteeSet,
    stop: &Stop,
) -> Result<BrokenPromises, ExecutorError> {
    let inherited = base.promised().intersection(rules.promised());
    let inherited = inherited.without(rules.own_promises).without(GuaranteeSet::ON_CALLS);
    let system = rules.profile();
    let inherited = inherited.intersection(guarantees);
    let (broken_by_default, mut complete) = broken(&system, base.profile(), inherited, stop)?;
    let taken: Vec<_> = variant::permitted(base)
        .into_iter()
        .filter(|answer| answer.edits.iter().all(|edit| edit.is_in(&system)))
        .collect();
    let still_broken = if taken.is_empty() {
        guarantees_of(&broken_by_default)
    } else {
        let judged_by = variant::together(&base.profile(), &taken);
        let guarantees = guarantees_of(&broken_by_default);
        let (broken, is_whole) = broken(&system, judged_by, guarantees, stop)?;
        complete &= is_whole;
        guarantees_of(&broken)
    };
    let (broken, left_open) =
        broken_by_default.into_iter().partition(|(guarantee, _)| still_broken.contains(*guarantee));
    let answers = taken.into_iter().map(|answer| answer.id).collect();
    Ok(BrokenPromises { broken, left_open, answers, complete })
}

/// The promises of its base that a proposal breaks.
#[derive(Debug, Clone)]
pub struct BrokenPromises {
    /// The broken promises.
    pub broken: Broken,
    /// The guarantees that are broken only by answers which the base permits.
    pub left_open: Broken,
    /// The answers of the proposal that the base permits, and that are not its default.
    pub answers: Vec<String>,
    /// Whether every state was visited.
    pub complete: bool,
}

pub(super) fn broken(
    system: &Profile,
    judged_by: Profile,
    guarantees: GuaranteeSet,
    stop: &Stop,
) -> Result<(Broken, bool), ExecutorError> {
    broken_at(SCOPE, system, judged_by, guarantees, 1, stop)
}

fn broken_at(
    scope: Scope,
    system: &Profile,
    judged_by: Profile,
    guarantees: GuaranteeSet,
    threads: usize,
    stop: &Stop,
) -> Result<(Broken, bool), ExecutorError> {
    let guarantees = guarantees.intersection(expressible_at(scope));
    if guarantees.is_empty() {
        return Ok((Vec::new(), true));
    }
    let check = Check {
        model: Sequential::new(scope, system.clone(), judged_by),
        guarantees,
        required: guarantees,
        executor: Executor::Timely,
        workers: &Workers::threads(threads),
    };
    let report = check.run(stop, &|_| ())?;
    let broken = report
        .findings
        .into_iter()
        .filter_map(|finding| finding.counterexample.map(|trace| (finding.guarantee, trace)));
    Ok((broken.collect(), report.explored.complete))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_permitted;

    fn proposal(entries: &str) -> Rules {
        let head = "id = \"p\"\nabout = \"A proposal.\"\nextends = \"v1.16\"\n";
        Rules::parse("p.toml", &format!("{head}{entries}")).unwrap()
    }

    fn broken_by(answers: &[PermittedAnswer], id: &str) -> Vec<GuaranteeId> {
        let answer = answers.iter().find(|answer| answer.variant.id == id).unwrap();
        assert!(answer.complete);
        answer.broken.iter().map(|(guarantee, _)| *guarantee).collect()
    }

    #[test]
    fn an_answer_that_a_proposal_permits_breaks_a_promise() {
        let rules = proposal(
            "[points]\n\"join.gate\" = { default = \"can_join_only\", also = [\"none\"], reading = \"A2\" }",
        );
        let some = GuaranteeSet::of(&[GuaranteeId::JoinGate, GuaranteeId::Revocation]);
        let answers = check_permitted(&rules, some, 2, &Stop::default()).unwrap();
        assert_eq!(broken_by(&answers, "join.gate=none")[0], GuaranteeId::JoinGate);
        let is_new = |id: &str| answers.iter().any(|a| a.variant.id == id && a.is_new);
        assert!(is_new("join.gate=none"));
        assert_eq!(
            broken_by(&answers, "revocation.trigger=new_event_only"),
            [GuaranteeId::Revocation]
        );
        assert!(!is_new("revocation.trigger=new_event_only"));
    }

    #[test]
    fn an_old_answer_that_breaks_nothing_in_the_base_is_new() {
        let waived = "[points]\n\"join.gate_by_alias\" = { default = \"holds\", also = [\"waived\"], reading = \"A2\" }\n";
        let join = "[[allow]]\nendpoint = \"POST /join/{roomIdOrAlias}\"\n";
        let (base, rules) = (proposal(waived), proposal(&format!("{join}{waived}")));
        let some = GuaranteeSet::of(&[GuaranteeId::JoinGate]);
        let answers = check_each_alone(&rules, some, 2, &Stop::default()).unwrap();
        let waives = |answer: &&PermittedAnswer| answer.variant.id == "join.gate_by_alias=waived";
        let mut answer = answers.iter().find(waives).unwrap().clone();
        answer.is_new = false;
        assert_eq!(answer.newly_broken(&base, &Stop::default()).unwrap(), some);
        let as_itself = answer.newly_broken(&rules, &Stop::default()).unwrap();
        assert_eq!(as_itself, GuaranteeSet::EMPTY);
    }

    #[test]
    fn a_summary_that_requires_no_token_breaks_no_promise() {
        let rules = proposal("");
        let some = GuaranteeSet::of(&[GuaranteeId::Authentication]);
        let answers = check_permitted(&rules, some, 2, &Stop::default()).unwrap();
        for option in ["optional", "unread"] {
            assert_eq!(broken_by(&answers, &format!("authentication.room_summary={option}")), []);
        }
    }

    #[test]
    fn a_proposal_breaks_what_its_base_promised() {
        let rules = proposal("[[refuse]]\nendpoint = \"GET /rooms/{roomId}/messages\"\n");
        let all = GuaranteeSet::on_actions();
        let base = rules.base_of_proposal().unwrap();
        let found = check_promises_of_base(base, &rules, all, &Stop::default()).unwrap();
        assert!(found.complete && found.left_open.is_empty());
        let broken = guarantees_of(&found.broken);
        assert!(broken.contains(GuaranteeId::Availability), "{broken:?}");
        let lost = rules.lost_clauses();
        assert!(lost.iter().any(|lost| lost.because.contains("messages")), "{lost:?}");
    }

    #[test]
    fn a_longer_list_breaks_nothing_that_the_base_promised() {
        let rules = proposal("[[allow]]\nendpoint = \"POST /knock/{roomIdOrAlias}\"\n");
        let base = rules.base_of_proposal().unwrap();
        let all = GuaranteeSet::on_actions();
        let found = check_promises_of_base(base, &rules, all, &Stop::default()).unwrap();
        assert!(found.complete && found.broken.is_empty() && found.left_open.is_empty());
    }

    #[test]
    fn an_answer_of_the_base_breaks_no_promise_of_the_base() {
        let forgets = "[points]\n\"leave.forgets\" = { required = \"forgets\" }\n";
        let closed = "[[refuse]]\nendpoint = \"GET /rooms/{roomId}/messages\"\n";
        let some = GuaranteeSet::of(&[GuaranteeId::Availability, GuaranteeId::Revocation]);
        let promises = |entries: &str| {
            let rules = proposal(entries);
            let base = rules.base_of_proposal().unwrap();
            check_promises_of_base(base, &rules, some, &Stop::default()).unwrap()
        };
        let availability = GuaranteeSet::of(&[GuaranteeId::Availability]);
        let found = promises(forgets);
        assert_eq!(guarantees_of(&found.left_open), availability);
        assert_eq!(found.answers, ["leave.forgets=forgets"]);
        assert!(found.broken.is_empty());
        // The answer is no excuse for what else the proposal takes away.
        let found = promises(&format!("{closed}{forgets}"));
        assert_eq!(guarantees_of(&found.broken), availability);
        assert!(found.left_open.is_empty());
    }
}
