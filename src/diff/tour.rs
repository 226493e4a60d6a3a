//! Stories that lie on one way, told as one: a homeserver is asked for one room in place of many.
//!
//! By the rules, what a question is answered does not depend on questions that were asked before it and
//! change nothing. So a story that ends with one can be told on the way of any other that begins like
//! it; whether a homeserver keeps to that is seen where the story is told by itself afterwards.

use guest_access_model::step::Step;

use super::story::may_change_anything;

/// One way, and what is asked on it.
#[derive(Debug)]
pub(super) struct Tour {
    /// The steps that lead on.
    pub(super) lead: Vec<Step>,
    /// What is asked, in the order of the steps that lead there; only the last may change anything.
    asked: Vec<Asked>,
}

/// The last step of a story.
#[derive(Debug)]
pub(super) struct Asked {
    /// The number of the group that it was told for.
    pub(super) group: usize,
    /// How many steps lead to it.
    pub(super) lead: usize,
    step: Step,
}

impl Tour {
    /// All the steps, with what each is asked for, if it does not only lead on.
    pub(super) fn steps(&self) -> impl Iterator<Item = (Step, Option<&Asked>)> {
        (0..=self.lead.len()).flat_map(|at| {
            let asked = self.asked.iter().filter(move |asked| asked.lead == at);
            let asked = asked.map(|asked| (asked.step, Some(asked)));
            asked.chain(self.lead.get(at).map(|step| (*step, None)))
        })
    }

    /// Whether a story can be told on this way.
    fn takes(&self, lead: &[Step], last: &Step) -> bool {
        if !self.lead.starts_with(lead) {
            return false;
        }
        !may_change_anything(last) || lead.len() == self.lead.len() && !self.ends_with_a_change()
    }

    fn ends_with_a_change(&self) -> bool {
        self.asked.last().is_some_and(|asked| may_change_anything(&asked.step))
    }
}

/// Tours on which all of these stories are told, each for the group with its number.
pub(super) fn tours(mut stories: Vec<(usize, Vec<Step>)>) -> Vec<Tour> {
    // The longest first: the others may lie on their way.
    stories.sort_by_key(|(group, steps)| (std::cmp::Reverse(steps.len()), *group));
    let mut tours: Vec<Tour> = Vec::new();
    for (group, mut lead) in stories {
        let Some(step) = lead.pop() else { continue };
        let asked = Asked { group, lead: lead.len(), step };
        match tours.iter_mut().find(|tour| tour.takes(&lead, &step)) {
            None => tours.push(Tour { lead, asked: vec![asked] }),
            Some(tour) => {
                tour.asked.push(asked);
                tour.asked.sort_by_key(|asked| {
                    (asked.lead, may_change_anything(&asked.step), asked.group)
                });
            }
        }
    }
    tours
}

#[cfg(test)]
mod tests {
    use guest_access_model::endpoint::KNOWN;
    use guest_access_model::step::{Act, Actor, Way};

    use super::*;

    #[test]
    fn what_lies_on_the_way_is_asked_there_and_what_changes_something_last() {
        let guest = |act| Step::new(Actor::Guest(0), act);
        let register = guest(Act::Register { named: false });
        let read = guest(Act::Read(KNOWN.messages)).at(0);
        let join = guest(Act::Join(Way::Own)).at(0);
        let leave = guest(Act::Leave(Way::Own)).at(0);
        let stories = vec![
            (0, vec![register, read]),
            (1, vec![register, join, leave]),
            (2, vec![register, join, read]),
            (3, vec![register, join]),
        ];
        let tours = tours(stories);
        let told: Vec<Vec<(Step, Option<usize>)>> = tours
            .iter()
            .map(|tour| tour.steps().map(|(step, a)| (step, a.map(|asked| asked.group))).collect())
            .collect();
        let by_itself = vec![(register, None), (join, Some(3))];
        let together = vec![
            (register, None),
            (read, Some(0)),
            (join, None),
            (read, Some(2)),
            (leave, Some(1)),
        ];
        assert_eq!(told, [together, by_itself]);
    }
}
