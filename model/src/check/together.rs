//! Answers that break a guarantee only together: a homeserver may take several permitted answers at once.
//!
//! A proposal permits new answers. Each new answer is tried together with each other permitted answer, and
//! all new answers are tried at once. Answers that the base of the proposal permits already are not tried
//! with each other.

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
    found.extend(search.all_new(alone, &found)?);
    Ok(found)
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

    /// What three or more new answers break together: the first new answer to each question.
    fn all_new(
        &self,
        alone: &[PermittedAnswer],
        pairs: &[PermittedAnswer],
    ) -> Result<Option<PermittedAnswer>, ExecutorError> {
        let mut new: Vec<&PermittedAnswer> = Vec::new();
        for answer in alone.iter().filter(|answer| answer.is_new) {
            if !new.iter().any(|known| known.variant.excludes(&answer.variant)) {
                new.push(answer);
            }
        }
        if new.len() < 3 {
            return Ok(None);
        }
        let known = new.iter().copied().chain(pairs);
        let kept = known.fold(self.guarantees, |kept, answer| kept.without(answer.breaks()));
        let variants: Vec<_> = new.iter().map(|answer| &answer.variant).collect();
        let answer = self.check(Variant::of_all(self.default, &variants), kept)?;
        Ok(Some(answer).filter(|answer| !answer.is_unbroken()))
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
