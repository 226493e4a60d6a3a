//! Finds the causes: the mistakes that predict what the homeserver did.
//!
//! A candidate is a mistake with what comes from other servers, or a forbidden variant of the profile. A
//! candidate that predicts another answer than the rules, and the homeserver gave neither, is out.
//!
//! 1. Take the candidate that explains the most divergences that nothing explains yet. Of several such
//!    candidates, take the first.
//! 2. Repeat this until no candidate explains any of the others.

use std::collections::BTreeSet;

use guest_access_rules::federation::FederationMistake;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{Edit, Variant, Variants};

use crate::diff::HIDDEN;

use super::answer::Answer;
use super::judged_step::JudgedStep;
use super::prediction::{Prediction, predictions};
use super::result::FederatedCause;

/// A mistake that may be a cause, and the places of the steps that it explains.
struct Candidate {
    cause: FederatedCause,
    explains: BTreeSet<usize>,
}

/// The causes of the answers at these places, each with the places that it explains first.
pub(super) fn causes(
    rules: &Rules,
    steps: &[JudgedStep<'_>],
    mut open: BTreeSet<usize>,
) -> Vec<(FederatedCause, BTreeSet<usize>)> {
    if open.is_empty() {
        return Vec::new();
    }
    let candidates = candidates(rules, steps);
    let mut causes = Vec::new();
    loop {
        let mut best: Option<(&Candidate, BTreeSet<usize>)> = None;
        for candidate in &candidates {
            let explains: BTreeSet<_> = candidate.explains.intersection(&open).copied().collect();
            if explains.len() > best.as_ref().map_or(0, |(_, most)| most.len()) {
                best = Some((candidate, explains));
            }
        }
        let Some((candidate, explains)) = best else { return causes };
        open.retain(|place| !explains.contains(place));
        let cause = FederatedCause { explains: explains.len(), ..candidate.cause.clone() };
        causes.push((cause, explains));
    }
}

fn candidates(rules: &Rules, steps: &[JudgedStep<'_>]) -> Vec<Candidate> {
    let variants = Variants::of(rules);
    let mistakes = FederationMistake::ALL.into_iter().filter_map(|mistake| {
        let explains = explained(&variants.default, Some(mistake), steps)?;
        Some(Candidate { cause: of_mistake(mistake), explains: explains.into_iter().collect() })
    });
    // An option that cannot show is no cause.
    let is_hidden = |variant: &&Variant| {
        let mut points = variant.edits.iter().map(Edit::point);
        points.any(|point| HIDDEN.iter().any(|(hidden, _)| *hidden == point))
    };
    let forbidden = variants.all.iter().skip(variants.permitted);
    let forbidden = forbidden.filter(|variant| !is_hidden(variant)).filter_map(|variant| {
        let explains = explained(&variant.profile, None, steps)?;
        let explains = explains.into_iter().collect();
        Some(Candidate { cause: of_variant(rules, variant), explains })
    });
    mistakes.chain(forbidden).collect()
}

fn of_mistake(mistake: FederationMistake) -> FederatedCause {
    let (decision_point, option) = mistake.id();
    FederatedCause {
        decision_point: decision_point.to_owned(),
        option: option.to_owned(),
        means: mistake.means().to_owned(),
        clauses: mistake.clauses().iter().map(|clause| (*clause).to_owned()).collect(),
        explains: 0,
    }
}

fn of_variant(rules: &Rules, variant: &Variant) -> FederatedCause {
    FederatedCause {
        decision_point: variant.point(),
        option: variant.option(),
        means: variant.means(),
        clauses: variant.clauses(rules),
        explains: 0,
    }
}

/// The places of the steps that a candidate explains, if it predicts all that it predicts otherwise than the
/// rules, and something at all.
fn explained(
    profile: &Profile,
    mistake: Option<FederationMistake>,
    steps: &[JudgedStep<'_>],
) -> Option<Vec<usize>> {
    let mut explains = Vec::new();
    let mut of: Option<(&str, Vec<Prediction>)> = None;
    for (place, step) in steps.iter().enumerate() {
        if of.as_ref().is_none_or(|(id, _)| *id != step.scenario.id) {
            of = Some((step.scenario.id, predictions(profile, mistake, step.scenario)));
        }
        let predicted =
            of.as_ref().and_then(|(_, predicted)| predicted.get(step.number)?.answer.as_ref());
        let (Some(by_mistake), Some(by_rules), Ok(observed)) =
            (predicted, &step.prediction.answer, step.observed)
        else {
            continue;
        };
        if by_rules.divergence(by_mistake).is_none() {
            continue;
        }
        // An error code is no matter of the mistake.
        let is_as_predicted = by_mistake.divergence(observed).is_none()
            || matches!((by_mistake, observed), (Answer::Denied { .. }, Answer::Denied { .. }));
        if !is_as_predicted {
            return None;
        }
        explains.push(place);
    }
    (!explains.is_empty()).then_some(explains)
}
