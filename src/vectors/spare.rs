//! What is asked more often than it takes: a question that was new when it was asked may cover nothing
//! that a later one does not.

use std::collections::HashSet;

use guest_access_model::decide::{initial, outcome};
use guest_access_rules::profile::Profile;

use super::classes::{Ways, classes};
use super::item::Item;
use super::scenes::Scene;

/// A step that changes nothing, and the classes into which it falls.
struct Question {
    way: usize,
    at: usize,
    items: Vec<Item>,
}

/// Leaves so many of the questions on these ways out that the others still cover every class: first
/// those are kept that cover the most which nothing kept covers.
pub(super) fn leave_out_spare(profile: &Profile, woven: &mut [Scene]) {
    let mut covered = HashSet::new();
    let mut questions = Vec::new();
    for (way, Scene { steps, .. }) in woven.iter().enumerate() {
        let (mut state, mut came_by) = (initial(profile), Ways::default());
        for (at, step) in steps.iter().enumerate() {
            let Some(outcome) = outcome(profile, &state, step) else { continue };
            let items = classes(profile, &state, &came_by, step, &outcome);
            if outcome.next == state {
                questions.push(Question { way, at, items });
            } else {
                covered.extend(items);
            }
            came_by = came_by.after(&state, step, &outcome.next);
            state = outcome.next;
        }
    }
    let most = questions.iter().map(|question| question.items.len()).max().unwrap_or(0);
    for worth in (1..=most).rev() {
        // What a question adds only shrinks, so one that adds less now is left to a later round.
        questions.retain(|question| {
            let new = question.items.iter().filter(|item| !covered.contains(*item)).count();
            let is_kept = new >= worth;
            if is_kept {
                covered.extend(question.items.iter().cloned());
            }
            !is_kept
        });
    }
    let spare: HashSet<_> = questions.iter().map(|question| (question.way, question.at)).collect();
    for (way, Scene { steps, .. }) in woven.iter_mut().enumerate() {
        let mut at = 0..;
        steps.retain(|_| !spare.contains(&(way, at.next().unwrap_or_default())));
    }
}

#[cfg(test)]
mod tests {
    use guest_access_model::action::{Action, Actor, Key, Message, Operation, Says};
    use guest_access_rules::endpoint::KNOWN;
    use guest_access_rules::rules::Rules;
    use guest_access_rules::vocabulary::HistoryVisibility;

    use super::*;

    #[test]
    fn a_question_stays_that_covers_more_than_an_earlier_one_and_what_changes_anything() {
        let guest = |operation| Action::new(Actor::Guest(0), operation);
        let register = guest(Operation::Register { named: false });
        let moderator = |operation| Action::new(Actor::Moderator, operation).at(0);
        let world_readable = Says::Value(HistoryVisibility::WorldReadable);
        let open = moderator(Operation::SetVisibility(world_readable, Key::Empty));
        let send = moderator(Operation::Send(Message::Message)).tagged();
        let read = guest(Operation::Read(KNOWN.messages)).at(0);
        let who_am_i = guest(Operation::WhoAmI);
        let scene = |steps: &[Action]| Scene {
            slug: "any".to_owned(),
            about: "anything".to_owned(),
            steps: steps.to_vec(),
        };
        let mut woven = [
            scene(&[register, open, read, who_am_i, who_am_i]),
            scene(&[register, open, read, send, read, who_am_i]),
        ];
        leave_out_spare(&Rules::find("latest").unwrap().profile(), &mut woven);
        let left = woven.map(|scene| scene.steps);
        assert_eq!(left, [vec![register, open, who_am_i], vec![register, open, send, read]]);
    }
}
