//! Homeservers that do otherwise: each takes one option that the rules' default profile does not
//! take, or makes one known mistake; and the steps by which a client can tell them apart.

use std::collections::{BTreeSet, HashMap, VecDeque};

use guest_access_model::action::{Action, Answer};
use guest_access_model::actions::actions;
use guest_access_model::canonical_form::normal_form;
use guest_access_model::decide::{Outcome, initial, outcome};
use guest_access_model::state::{Scope, State};
use guest_access_model::threads;
use guest_access_rules::decision_point::PointId;
use guest_access_rules::defect::defects;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;

use super::expectations::fails;
use super::item::Item;
use super::{Draft, Vector};
use crate::scenario::{permitted, sentence};

/// The point under which the known mistakes are listed.
const MISTAKE: &str = "mistake";

/// A homeserver that does otherwise.
#[derive(Debug, Clone)]
pub(super) struct Other {
    /// The decision point, `endpoint.` and the endpoint, or `mistake`.
    pub(super) point: String,
    /// The option.
    pub(super) option: String,
    /// The clauses of the point.
    pub(super) clauses: Vec<&'static str>,
    /// What it does.
    pub(super) profile: Profile,
    /// Whether the rules permit it.
    pub(super) permitted: bool,
}

impl Other {
    pub(super) fn item(&self) -> Item {
        Item::Option { point: self.point.clone(), option: self.option.clone() }
    }

    /// Whether a client that takes these steps can tell it from `right`; and, if it is forbidden,
    /// from everything that is permitted.
    pub(super) fn is_told_by(&self, right: &Profile, draft: &Draft) -> bool {
        let is_told = !told_apart(right, &self.profile, &draft.steps()).is_empty();
        is_told && (self.permitted || fails(&self.profile, &draft.scenario, &draft.otherwise))
    }

    /// Whether these steps show nothing of it that one of the permitted ones does not show. It is far
    /// quicker to find out than all that is permitted of each step.
    pub(super) fn is_as_permitted(&self, others: &[Self], steps: &[Action]) -> bool {
        let mut permitted = others.iter().filter(|other| other.permitted);
        !self.permitted
            && permitted.any(|other| told_apart(&other.profile, &self.profile, steps).is_empty())
    }

    /// The shortest steps by which a client that takes only those that `may` be taken can tell it
    /// from `right`, and that `tell` it.
    pub(super) fn telling_story(
        &self,
        right: &Profile,
        may: impl Fn(&Action) -> bool,
        tell: impl Fn(&[Action]) -> bool,
    ) -> Option<Vec<Action>> {
        SCOPES.iter().find_map(|(scope, pairs)| {
            let steps: Vec<Action> =
                actions(*scope, &[right, &self.profile]).into_iter().filter(|s| may(s)).collect();
            telling_story_in(right, &self.profile, &steps, *pairs, &tell)
        })
    }
}

/// Every homeserver that does one thing otherwise than the default profile of `rules`: where the
/// rules forbid it, where they permit it, and where they are silent.
pub(super) fn others(rules: &Rules) -> Vec<Other> {
    let mut others: Vec<Other> = Vec::new();
    let permitted = permitted(rules);
    let mut push = |point: String, option: String, profile: Profile| {
        let clauses = clauses_of(rules, &point);
        // A mistake of old can be a reading of today.
        let permitted = permitted.iter().any(|permitted| permitted.profile == profile);
        others.push(Other { point, option, clauses, profile, permitted });
    };
    let (options, mistakes): (Vec<_>, Vec<_>) =
        defects(rules).into_iter().partition(|defect| defect.id.contains('='));
    for defect in options {
        if let Some((point, option)) = defect.id.split_once('=') {
            push(point.to_owned(), option.to_owned(), defect.profile);
        }
    }
    for alternative in &permitted {
        let (option, profile) = (alternative.option.clone(), alternative.profile.clone());
        push(alternative.point_id(), option, profile);
    }
    // A mistake that is one option was told apart as that.
    for mistake in mistakes {
        push(MISTAKE.to_owned(), mistake.id, mistake.profile);
    }
    others
}

/// The clauses of a decision point, as the rules have it.
fn clauses_of(rules: &Rules, point: &str) -> Vec<&'static str> {
    let of_rule = match point.strip_prefix("endpoint.") {
        Some(endpoint) => EndpointId::find(endpoint).map(|id| &rules.endpoint(id).clauses),
        None => PointId::find(point).map(|id| &rules.point(id).clauses),
    };
    let of_point = PointId::find(point).map_or(&[][..], |id| id.get().clauses);
    let known = of_rule.into_iter().flatten();
    let known = known.filter_map(|id| guest_access_rules::clause::find(id)).map(|clause| clause.id);
    of_point.iter().copied().chain(known).collect()
}

/// Whether a client could tell the two outcomes of a step apart, at once or by asking who is in the
/// rooms.
pub(super) fn differ(one: &Outcome, other: &Outcome, tagged: bool) -> bool {
    let (a, b) = (&one.observation, &other.observation);
    let members = |state: &State| state.rooms.map(|room| (room.members, room.user));
    // Of the tagged event nothing can be said before there is one.
    let gave = |answer: Answer| match answer {
        Answer::Gave { .. } if !tagged => Answer::Nothing,
        answer => answer,
    };
    !a.decision.is_like(&b.decision)
        || gave(a.answer) != gave(b.answer)
        || members(&one.next) != members(&other.next)
}

/// The places of the steps by which `other` is told apart from `right`.
pub(super) fn told_apart(right: &Profile, other: &Profile, steps: &[Action]) -> Vec<usize> {
    let (mut here, mut there) = (initial(right), initial(other));
    let mut places = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        // What cannot be done by the other says no more of the steps that follow.
        let (Some(one), Some(two)) = (outcome(right, &here, step), outcome(other, &there, step))
        else {
            break;
        };
        if differ(&one, &two, here.tagged.is_some()) {
            places.push(place);
        }
        (here, there) = (one.next, two.next);
    }
    places
}

/// Where what one guest shows is looked for, then what it takes two guests or two rooms to show; and
/// at how many pairs of states.
const SCOPES: [(Scope, usize); 3] = [
    (Scope { guests: 1, rooms: 1 }, 24_000),
    (Scope { guests: 2, rooms: 1 }, 2_000),
    (Scope { guests: 1, rooms: 2 }, 2_000),
];

/// How many stories that end in a difference are looked at for one that tells.
const TRIES: usize = 400;

/// Whether a client can take the step.
pub(super) fn is_by_a_client(step: &Action) -> bool {
    step.operation.endpoint().is_some()
}

/// An option for which no vector fails a homeserver.
#[derive(Debug, Clone)]
pub struct Untold {
    /// The decision point, or `mistake`.
    pub point: String,
    /// The option.
    pub option: String,
    /// Why not.
    pub because: String,
}

impl Untold {
    /// The id of the defect that takes the option.
    pub fn defect_id(&self) -> String {
        let Self { point, option, .. } = self;
        if point == MISTAKE { option.clone() } else { format!("{point}={option}") }
    }
}

/// For what these vectors fail no homeserver although it is a defect, or that they do not tell from
/// the rules' default profile, and why: nothing that a client does can, or the rules permit it.
pub fn untold(rules: &Rules, vectors: &[Vector]) -> Vec<Untold> {
    let right = rules.profile();
    let told: BTreeSet<&Item> = vectors.iter().flat_map(|vector| &vector.covers).collect();
    let untold: Vec<_> = others(rules)
        .into_iter()
        .filter(|other| !told.contains(&other.item()) || other.point == MISTAKE && other.permitted)
        .collect();
    threads::each(&untold, threads::available(), |other| {
        let (point, option) = (other.point.clone(), other.option.clone());
        if other.permitted {
            return Untold { point, option, because: "these rules permit it".to_owned() };
        }
        let story = other.telling_story(&right, |_| true, |_| true);
        let because = match &story {
            None => "nothing that is allowed leads to where it would show".to_owned(),
            Some(story) => match story.iter().find(|step| !is_by_a_client(step)) {
                Some(operation_phrase) => {
                    format!("it shows only after {}", sentence(operation_phrase))
                }
                None => "what it shows is what another reading permits".to_owned(),
            },
        };
        Untold { point, option, because }
    })
}

fn telling_story_in(
    right: &Profile,
    other: &Profile,
    steps: &[Action],
    most_pairs: usize,
    tell: impl Fn(&[Action]) -> bool,
) -> Option<Vec<Action>> {
    let first = (initial(right), initial(other));
    let mut came_from: Vec<Option<(usize, Action)>> = vec![None];
    let mut pairs = vec![first];
    let mut known =
        HashMap::from([((normal_form(right, &first.0), normal_form(other, &first.1)), 0)]);
    let mut round = VecDeque::from([0]);
    let mut tries = TRIES;
    while let Some(number) = round.pop_front() {
        let (here, there) = pairs[number];
        for step in steps {
            let (Some(one), Some(two)) =
                (outcome(right, &here, step), outcome(other, &there, step))
            else {
                continue;
            };
            if tries > 0 && differ(&one, &two, here.tagged.is_some()) {
                tries -= 1;
                let mut story = vec![*step];
                let mut number = number;
                while let Some((before, step)) = came_from[number] {
                    story.push(step);
                    number = before;
                }
                story.reverse();
                if tell(&story) {
                    return Some(story);
                }
            }
            if pairs.len() < most_pairs && (one.next, two.next) != (here, there) {
                let pair = (one.next, two.next);
                known
                    .entry((normal_form(right, &pair.0), normal_form(other, &pair.1)))
                    .or_insert_with(|| {
                        pairs.push(pair);
                        came_from.push(Some((number, *step)));
                        round.push_back(pairs.len() - 1);
                        pairs.len() - 1
                    });
            }
        }
    }
    None
}
