//! What no mistake explains by the model, told to the reference that makes the mistake.
//!
//! The model keeps one event of a room, the reference all of them. A mistake that shows wherever there
//! is an event also shows where the model knows of none: so the reference is asked whether it does the
//! same there.

use std::collections::BTreeSet;
use std::time::Duration;

use guest_access_rules::profile::Profile;

use crate::serve::Embedded;
use crate::subject::server::{Limits, Proof, Server};

use super::cause::{Explanation, unexplained};
use super::signature::Signature;
use super::story::{Part, Story, Teller, Told};
use super::workers::{self, Workers};

/// How many stories are told at once: the reference takes one call at a time.
const JOBS: usize = 2;

/// Adds to each mistake that explains something what the reference does by it of what is open yet.
pub(super) async fn explain_more(
    teller: &Teller<'_>,
    parts: &[Part],
    explanations: &mut [Explanation],
) {
    for number in 0..explanations.len() {
        let Explanation { variants, .. } = &explanations[number];
        if variants.iter().all(|variant| teller.variants.all[*variant].is_permitted()) {
            continue;
        }
        let open = unexplained(parts, explanations);
        let concerned = |(part, difference): &(usize, usize)| {
            let called = parts[*part].called(*difference);
            variants.iter().any(|variant| teller.variants.all[*variant].concerns(called))
        };
        let open: Vec<_> = open.into_iter().filter(concerned).collect();
        let profile = teller.variants.profile(variants);
        // Without a reference, what is open stays so.
        let Some(more) = done_by(teller, profile, parts, &open).await else { return };
        explanations[number].explains.extend(more);
    }
}

/// Of these differences, those in which the reference with this profile does the same; `None` if there
/// is no reference to be had.
async fn done_by(
    teller: &Teller<'_>,
    profile: Profile,
    parts: &[Part],
    open: &[(usize, usize)],
) -> Option<Vec<(usize, usize)>> {
    let numbers: BTreeSet<_> = open.iter().map(|(part, _)| *part).collect();
    if numbers.is_empty() {
        return Some(Vec::new());
    }
    let reference = Embedded::start(profile).ok()?;
    let server = Server::meet(&reference.url(), Limits::default(), Proof::default()).await.ok()?;
    let fixtures = workers::fixtures(&server, JOBS, &[]).await.ok()?;
    // What the reference does, it has done when it answers; and nobody comes after us.
    let teller = Teller {
        server: &server,
        variants: teller.variants,
        settle: Duration::ZERO,
        keep: true,
        stop: teller.stop.clone(),
    };
    let stories = numbers.iter().map(|number| Story {
        id: number.to_string(),
        steps: parts[*number].log.iter().map(|taken| taken.step).collect(),
    });
    let told = Workers::new(teller, fixtures).tell_all(stories.collect(), |_| ()).await;
    let told: Vec<_> = numbers.into_iter().zip(told).collect();
    let same = told.iter().flat_map(|(number, (_, told))| {
        let of_part = open.iter().filter(move |(part, _)| part == number);
        of_part.filter(move |(_, difference)| does_the_same(told, &parts[*number], *difference))
    });
    Some(same.copied().collect())
}

/// Whether a story that was told as this part was has the difference too, and none where the part has
/// none.
fn does_the_same(told: &Told, part: &Part, difference: usize) -> bool {
    let here = &part.differences[difference];
    let signature = Signature::of(here, &part.log[here.at]);
    let Some((again, _)) = signature.shown_by(told, here.at) else { return false };
    let mut others = again.differences.iter().filter(|other| other.at >= part.known);
    others.all(|other| part.differences.iter().any(|known| known.at == other.at))
}
