//! Answers that break a guarantee only together: a homeserver may take several permitted answers at once.
//!
//! A proposal permits new answers. These are tried together:
//!
//! 1. Each new answer with each other permitted answer.
//! 2. All new answers at once, one to each question; alone, and with each old answer.
//!
//! A question with several new answers gives several combinations in step 2, of which [`MOST_COMBINATIONS`]
//! are tried. Old answers, which the base of the proposal permits already, are not tried with each other.

use crate::executor::ExecutorError;
use crate::stop::Stop;
use crate::threads::each;
use guest_access_rules::guarantee::GuaranteeSet;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::Variant;

use super::permitted::{
    PermittedAnswer, SCOPE, broken, guarantees_of, judged_by, only_opens_what_answers,
};
use super::points_read::PointsRead;

/// What the permitted answers break together, and none of them alone: one answer for each such set.
pub(super) fn check_together(
    rules: &Rules,
    guarantees: GuaranteeSet,
    alone: &[PermittedAnswer],
    threads: usize,
    stop: &Stop,
) -> Result<Vec<PermittedAnswer>, ExecutorError> {
    let default = rules.profile();
    let search = Together { rules, default: &default, guarantees, threads, stop };
    let mut found = Vec::new();
    for (number, new) in alone.iter().enumerate().filter(|(_, answer)| answer.is_new) {
        // Two new answers are one pair.
        let others = alone
            .iter()
            .enumerate()
            .filter(|(other, answer)| *other > number || !answer.is_new && *other != number);
        let others: Vec<_> = others
            .map(|(_, other)| other)
            .filter(|other| !other.variant.excludes(&new.variant))
            .collect();
        found.extend(search.with_each(new, &others)?);
    }
    let combinations = combinations(alone);
    for new in combinations.iter().take(MOST_COMBINATIONS) {
        let further = search.with_all(new, alone, &found)?;
        found.extend(further);
    }
    Ok(found)
}

/// The most combinations of all new answers that are tried.
const MOST_COMBINATIONS: usize = 8;

/// The combinations of new answers, one answer to each question, that have at least two answers.
fn combinations(alone: &[PermittedAnswer]) -> Vec<Vec<&PermittedAnswer>> {
    let mut questions: Vec<Vec<&PermittedAnswer>> = Vec::new();
    for answer in alone.iter().filter(|answer| answer.is_new) {
        let same = |question: &&mut Vec<&PermittedAnswer>| {
            question.iter().any(|known| known.variant.excludes(&answer.variant))
        };
        match questions.iter_mut().find(same) {
            Some(question) => question.push(answer),
            None => questions.push(vec![answer]),
        }
    }
    if questions.len() < 2 {
        return Vec::new();
    }
    let mut combinations = vec![Vec::new()];
    for question in questions {
        let longer = combinations.iter().flat_map(|combination| {
            question.iter().map(|answer| combination.iter().copied().chain([*answer]).collect())
        });
        // The next questions make no combination fewer.
        combinations = longer.take(MOST_COMBINATIONS + 1).collect();
    }
    combinations
}

/// Whether each combination of all new answers among these was tried.
pub fn tries_every_combination(answers: &[PermittedAnswer]) -> bool {
    let alone = answers.iter().filter(|answer| answer.variant.edits.len() == 1);
    combinations(&alone.cloned().collect::<Vec<_>>()).len() <= MOST_COMBINATIONS
}

struct Together<'a> {
    rules: &'a Rules,
    default: &'a Profile,
    guarantees: GuaranteeSet,
    threads: usize,
    stop: &'a Stop,
}

impl Together<'_> {
    /// What the new answer breaks together with one of the others.
    fn with_each(
        &self,
        new: &PermittedAnswer,
        others: &[&PermittedAnswer],
    ) -> Result<Vec<PermittedAnswer>, ExecutorError> {
        let kept = self.guarantees.without(new.breaks());
        // Endpoints that only answer change no state, so one of them changes no call of another.
        let (answering, others): (Vec<_>, Vec<_>) =
            others.iter().copied().partition(|other| only_opens_what_answers(&other.variant));
        let answering = if only_opens_what_answers(&new.variant) { Vec::new() } else { answering };
        if kept.is_empty() || answering.is_empty() && others.is_empty() {
            return Ok(Vec::new());
        }
        let system = &new.variant.profile;
        let judged_by = judged_by(self.rules, system);
        let points_read = PointsRead::of(SCOPE, system, &judged_by, self.threads, self.stop);
        let check = |others: &[&PermittedAnswer]| {
            let variants: Vec<_> =
                std::iter::once(new).chain(others.iter().copied()).map(|of| &of.variant).collect();
            let variant = Variant::of_all(self.default, &variants);
            let kept = others.iter().fold(kept, |kept, other| kept.without(other.breaks()));
            let breakable = points_read
                .as_ref()
                .and_then(|known| known.breakable(&variant.profile, kept, self.stop));
            self.check(variant, breakable.unwrap_or(kept))
        };
        let mut found = Vec::new();
        if !answering.is_empty() && !check(&answering)?.is_unbroken() {
            let each_alone = each(&answering, self.threads, |other| check(&[*other]));
            found.extend(each_alone.into_iter().collect::<Result<Vec<_>, _>>()?);
        }
        let each_alone = each(&others, self.threads, |other| check(&[*other]));
        found.extend(each_alone.into_iter().collect::<Result<Vec<_>, _>>()?);
        found.retain(|answer| !answer.is_unbroken());
        Ok(found)
    }

    /// What these new answers to all questions break at once, and together with each old answer.
    fn with_all(
        &self,
        new: &[&PermittedAnswer],
        alone: &[PermittedAnswer],
        known: &[PermittedAnswer],
    ) -> Result<Vec<PermittedAnswer>, ExecutorError> {
        let variants: Vec<_> = new.iter().map(|answer| &answer.variant).collect();
        let variant = Variant::of_all(self.default, &variants);
        let parts = alone.iter().chain(known).filter(|known| variant.contains(&known.variant));
        let kept = parts.fold(self.guarantees, |kept, answer| kept.without(answer.breaks()));
        // Two new answers are a pair, which was tried already.
        let all = if new.len() == 2 {
            PermittedAnswer::unbroken(variant)
        } else {
            self.check(variant, kept)?
        };
        let old = alone.iter().filter(|answer| !answer.is_new);
        let old: Vec<_> = old.filter(|old| !old.variant.excludes(&all.variant)).collect();
        let search = Self { guarantees: kept, ..*self };
        let mut found = search.with_each(&all, &old)?;
        // A pair with an old answer may break the same without the other new answers.
        for answer in &mut found {
            let parts = known.iter().filter(|known| answer.variant.contains(&known.variant));
            let known = parts.fold(GuaranteeSet::EMPTY, |set, known| set.union(known.breaks()));
            answer.broken.retain(|(guarantee, _)| !known.contains(*guarantee));
            answer.newly_broken = guarantees_of(&answer.broken);
        }
        found.push(all);
        found.retain(|answer| !answer.is_unbroken());
        Ok(found)
    }

    fn check(
        &self,
        variant: Variant,
        guarantees: GuaranteeSet,
    ) -> Result<PermittedAnswer, ExecutorError> {
        let judged_by = judged_by(self.rules, &variant.profile);
        let (broken, complete) = broken(&variant.profile, judged_by, guarantees, self.stop)?;
        let newly_broken = guarantees_of(&broken);
        Ok(PermittedAnswer { variant, is_new: true, broken, newly_broken, complete })
    }
}

impl PermittedAnswer {
    /// New answers that break nothing.
    fn unbroken(variant: Variant) -> Self {
        let newly_broken = GuaranteeSet::EMPTY;
        Self { variant, is_new: true, broken: Vec::new(), newly_broken, complete: true }
    }

    /// Whether every state was visited, and no guarantee is broken.
    fn is_unbroken(&self) -> bool {
        self.complete && self.broken.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use guest_access_rules::guarantee::GuaranteeId;

    use super::*;
    use crate::check::check_permitted;
    use crate::check::permitted::check_each_alone;

    fn answers(entries: &str, guarantee: GuaranteeId) -> Vec<PermittedAnswer> {
        let head = "id = \"p\"\nabout = \"A proposal.\"\nextends = \"v1.16\"\n";
        let rules = Rules::parse("p.toml", &format!("{head}{entries}")).unwrap();
        let guarantees = GuaranteeSet::of(&[guarantee]);
        let mut answers = check_permitted(&rules, guarantees, 2, &Stop::default()).unwrap();
        assert!(answers.iter().all(|answer| answer.complete));
        answers.retain(|answer| answer.newly_broken.contains(guarantee));
        answers
    }

    const WAIVED: &str = "[points]\n\"join.gate_by_alias\" = { default = \"holds\", also = [\"waived\"], reading = \"A2\" }\n";
    /// An entry about joining by an alias, which v1.16 permits a homeserver to open to guests.
    fn joining(entry: &str) -> String {
        format!("[[{entry}]]\nendpoint = \"POST /join/{{roomIdOrAlias}}\"\n")
    }

    fn ids(answers: &[PermittedAnswer]) -> Vec<&str> {
        answers.iter().map(|answer| answer.variant.id.as_str()).collect()
    }

    #[test]
    fn two_new_answers_break_a_promise_only_together() {
        let readable = "when = [\"room:world_readable\"]\nreading = \"A2\"\n";
        let may_join = format!("{}{readable}", joining("may_allow"));
        let broken = answers(&format!("{may_join}{WAIVED}"), GuaranteeId::JoinGate);
        let open = "endpoint.POST /join/{roomIdOrAlias}=open where room:world_readable";
        assert_eq!(ids(&broken), [format!("join.gate_by_alias=waived and {open}")]);
        let closed = format!("{}{WAIVED}", joining("refuse"));
        for alone in [may_join, closed] {
            assert_eq!(ids(&answers(&alone, GuaranteeId::JoinGate)), [""; 0], "{alone}");
        }
    }

    #[test]
    fn a_new_answer_breaks_a_promise_with_an_old_one() {
        let broken = answers(WAIVED, GuaranteeId::JoinGate);
        let open = "endpoint.POST /join/{roomIdOrAlias}=open";
        assert_eq!(ids(&broken), [format!("join.gate_by_alias=waived and {open}")]);
    }

    #[test]
    fn two_new_answers_break_a_promise_with_an_old_one() {
        let readable = "when = [\"room:world_readable\"]\nreading = \"A2\"\n";
        let state = "endpoint = \"PUT /rooms/{roomId}/state/{eventType}/{stateKey}\"\n";
        let waived = |also: &str| {
            format!(
                "[points]\n\"join.gate_by_state_event\" = {{ default = \"holds\", also = [\"waived\"], reading = \"A2\" }}\n\"put_state.membership\" = {{ default = \"refused\"{also} }}\n"
            )
        };
        let entries = |also: &str| format!("[[may_allow]]\n{state}{readable}{}", waived(also));
        let also = ", also = [\"as_own_endpoint\"], reading = \"A6\"";
        let broken = answers(&entries(also), GuaranteeId::JoinGate);
        assert_eq!(broken.len(), 1, "{:?}", ids(&broken));
        assert_eq!(broken[0].variant.edits.len(), 3);
        let broken = answers(&entries(", reading = \"A6\""), GuaranteeId::JoinGate);
        assert_eq!(ids(&broken), [""; 0]);
    }

    #[test]
    fn all_new_answers_are_combined_one_to_each_question() {
        let entries = |more: &str| {
            format!(
                "id = \"p\"\nabout = \"\"\nextends = \"v1.16\"\n[points]\n\"upgrade.token\" = {{ default = \"own\", also = [\"any_guest\", \"unchecked\"], reading = \"A2\" }}\n\"revocation.effect\" = {{ default = \"leave\", also = [\"none\", \"ban\"], reading = \"A2\" }}\n{more}"
            )
        };
        let alone = |entries: &str| {
            let rules = Rules::parse("p.toml", entries).unwrap();
            check_each_alone(&rules, GuaranteeSet::EMPTY, 2, &Stop::default()).unwrap()
        };
        let answers = alone(&entries(""));
        let found = combinations(&answers);
        assert!(found.iter().all(|combination| combination.len() == 2));
        assert_eq!((found.len(), tries_every_combination(&answers)), (4, true));
        let more = "\"visibility.shared\" = { silent = \"later_join\" }\n\"visibility.invited\" = { silent = \"opens\" }\n";
        assert!(!tries_every_combination(&alone(&entries(more))));
    }

    #[test]
    fn a_new_answer_is_tried_with_two_guests_and_two_rooms() {
        let may = |point: &str, default: &str, also: &str| {
            format!(
                "[points]\n\"{point}\" = {{ default = \"{default}\", also = [\"{also}\"], reading = \"A2\" }}"
            )
        };
        for (entries, guarantee) in [
            (may("upgrade.token", "own", "any_guest"), GuaranteeId::UpgradeIdentity),
            (may("visibility.other_room", "not_found", "given"), GuaranteeId::ReadConfinement),
        ] {
            let broken = answers(&entries, guarantee);
            assert_eq!(broken.len(), 1, "{entries}: {broken:?}");
        }
    }
}
