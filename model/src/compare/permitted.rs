//! What two revisions permit: the answers that a homeserver may give under one and not under the other.
//!
//! The answers are compared as the rules state them. A witness shows the effect of an answer: the
//! difference between a homeserver with this answer and a homeserver with all defaults.

use std::collections::BTreeMap;

use crate::action::Action;
use crate::actions::actions;
use crate::state::Scope;
use crate::stop::Stop;
use crate::threads::each;
use guest_access_rules::decision_point::PointId;
use guest_access_rules::endpoint::EndpointId;
use guest_access_rules::profile::{Access, Profile};
use guest_access_rules::rules::{Rules, Standing};
use guest_access_rules::variant::Edit;
use guest_access_rules::vocabulary::spelled;

use super::difference_search::{DifferenceKind, DifferenceSearch};
use super::{Direction, Leader, NEAR, Side};

spelled! {
    /// What the second revision permits, relative to the first.
    PermittedVerdict {
        /// Both permit the same answers, by the same readings.
        Same = "same",
        /// The second permits everything that the first permits, and more.
        Wider = "wider",
        /// The second permits less, and nothing more.
        Narrower = "narrower",
        /// Each permits an answer that the other forbids; or the defaults or the readings differ.
        Different = "different",
    }
}

spelled! {
    /// A change of what a homeserver may answer.
    PermittedChangeKind {
        /// The second revision permits the answer, and the first forbids it.
        NewlyPermitted = "newly_permitted",
        /// The first revision permits the answer, and the second forbids it.
        NoLongerPermitted = "no_longer_permitted",
        /// Both permit the answer; it is the default of the second only.
        BecomesDefault = "becomes_default",
        /// Both permit the same answers, by another standing, reading or clause.
        OtherReason = "other_reason",
    }
}

/// A change of what a homeserver may answer.
#[derive(Debug, Clone)]
pub struct PermittedChange {
    /// The decision point and the answer.
    pub edit: Edit,
    /// The change.
    pub kind: PermittedChangeKind,
    /// The standing of the point under the first revision.
    pub before: StandingInRules,
    /// The standing of the point under the second revision.
    pub after: StandingInRules,
    /// The effect of the answer. `None` if the answer is a default of the revision that permits it, or
    /// if no action shows the effect.
    pub effect: Option<AnswerEffect>,
}

/// How rules stand to a decision point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingInRules {
    /// `required`, `open` or `silent`.
    pub standing: &'static str,
    /// The options that the rules permit, the default first.
    pub options: Vec<String>,
    /// The reading, if there is one.
    pub reading: Option<String>,
    /// The clauses that the rules name for the point.
    pub clauses: Vec<String>,
}

/// The effect of a permitted answer: the first action at which a homeserver with this answer differs
/// from the default.
#[derive(Debug, Clone)]
pub struct AnswerEffect {
    /// The endpoint. `None` for an action of the server itself.
    pub endpoint: Option<EndpointId>,
    /// The kind of caller.
    pub caller: &'static str,
    /// What the answer does, relative to the default.
    pub direction: Direction,
    /// The outcome with the default.
    pub default: Side,
    /// The outcome with this answer.
    pub answer: Side,
    /// A shortest trace whose last action shows the effect.
    pub witness: Vec<Action>,
    /// The homeserver of the trace: `From` with the default, `To` with the answer.
    pub leader: Leader,
}

/// Every change of what a homeserver may answer, by decision point, then by endpoint. The second value
/// is whether every effect was searched to the end. If both declare endpoints by one id and for the same
/// calls, the changes are of the endpoints of `from`.
///
/// # Panics
/// Never: the reader of the rules checked that each option is one of its point.
pub fn permitted_changes(
    from: &Rules,
    to: &Rules,
    scope: Scope,
    threads: usize,
    stop: &Stop,
) -> (Vec<PermittedChange>, bool) {
    let to = &*to.with_endpoints_of(from);
    let mut changes: Vec<PermittedChange> = Vec::new();
    for point in PointId::all() {
        let (before, after) = (of_point(from, point), of_point(to, point));
        let edit = |option: &str| {
            let option = point.get().option_ids().find(|id| *id == option);
            Edit::Choice(point, option.expect("a standing's options were checked"))
        };
        add_changes(&mut changes, &before, &after, edit);
    }
    for endpoint in from.endpoints_of_either(to) {
        let accesses = [from, to].into_iter().flat_map(|rules| rules.accesses(endpoint));
        let accesses: BTreeMap<String, Access> =
            accesses.map(|access| (access.to_string(), access)).collect();
        let (before, after) = (of_endpoint(from, endpoint), of_endpoint(to, endpoint));
        let edit = |option: &str| Edit::Access(endpoint, accesses[option]);
        add_changes(&mut changes, &before, &after, edit);
    }
    let effects = each(&changes, threads, |change| {
        let rules = match change.kind {
            PermittedChangeKind::NewlyPermitted => to,
            PermittedChangeKind::NoLongerPermitted => from,
            PermittedChangeKind::BecomesDefault | PermittedChangeKind::OtherReason => {
                return (None, true);
            }
        };
        let default = rules.profile();
        let answer = change.edit.applied_to(default.clone());
        let first = first_difference(&default, &answer, scope, stop);
        let near = stop.clone().at_states(stop.most_states.unwrap_or(NEAR).min(NEAR));
        let wider =
            Scope::WIDER.iter().map(|wider| first_difference(&default, &answer, *wider, &near));
        let shown =
            std::iter::once(first.clone()).chain(wider).find(|(effect, _)| effect.is_some());
        shown.unwrap_or(first)
    });
    let mut complete = true;
    for (change, (effect, searched)) in changes.iter_mut().zip(effects) {
        change.effect = effect;
        complete &= searched;
    }
    (changes, complete)
}

/// What the second revision permits, relative to the first.
pub fn permitted_verdict(changes: &[PermittedChange]) -> PermittedVerdict {
    let has = |kind| changes.iter().any(|change| change.kind == kind);
    let more = has(PermittedChangeKind::NewlyPermitted);
    let less = has(PermittedChangeKind::NoLongerPermitted);
    match (more, less) {
        _ if changes.is_empty() => PermittedVerdict::Same,
        (true, false) => PermittedVerdict::Wider,
        (false, true) => PermittedVerdict::Narrower,
        (true, true) | (false, false) => PermittedVerdict::Different,
    }
}

fn add_changes(
    changes: &mut Vec<PermittedChange>,
    before: &StandingInRules,
    after: &StandingInRules,
    edit: impl Fn(&str) -> Edit,
) {
    let mut add = |option: &str, kind| {
        changes.push(PermittedChange {
            edit: edit(option),
            kind,
            before: before.clone(),
            after: after.clone(),
            effect: None,
        });
    };
    let (old, new) = (&before.options, &after.options);
    for option in new.iter().filter(|option| !old.contains(option)) {
        add(option, PermittedChangeKind::NewlyPermitted);
    }
    for option in old.iter().filter(|option| !new.contains(option)) {
        add(option, PermittedChangeKind::NoLongerPermitted);
    }
    if new[0] != old[0] && old.contains(&new[0]) {
        add(&new[0], PermittedChangeKind::BecomesDefault);
    }
    let alike = |one: &[String], other: &[String]| one.iter().all(|option| other.contains(option));
    if alike(old, new) && alike(new, old) && old[0] == new[0] && before != after {
        add(&new[0], PermittedChangeKind::OtherReason);
    }
}

fn of_point(rules: &Rules, point: PointId) -> StandingInRules {
    let rule = rules.point(point);
    let (standing, options) = match &rule.standing {
        Standing::Required(option) => ("required", vec![(*option).to_owned()]),
        Standing::Open(options) => {
            ("open", options.iter().map(|option| (*option).to_owned()).collect())
        }
        Standing::Silent(default) => {
            let others = point.get().option_ids().filter(|option| option != default);
            let options = std::iter::once(*default).chain(others).map(str::to_owned);
            ("silent", options.collect())
        }
    };
    StandingInRules {
        standing,
        options,
        reading: rule.reading.clone(),
        clauses: rule.clauses.clone(),
    }
}

fn of_endpoint(rules: &Rules, endpoint: EndpointId) -> StandingInRules {
    let rule = rules.endpoint(endpoint);
    let options: Vec<_> = rules.accesses(endpoint).iter().map(ToString::to_string).collect();
    StandingInRules {
        standing: if options.len() == 1 { "required" } else { "open" },
        options,
        reading: rule.may_be_open.as_ref().map(|may_be_open| may_be_open.reading.clone()),
        clauses: rule.clauses.clone(),
    }
}

/// The first difference between two profiles, and whether the search for it was complete.
pub fn first_difference(
    default: &Profile,
    answer: &Profile,
    scope: Scope,
    stop: &Stop,
) -> (Option<AnswerEffect>, bool) {
    if default == answer {
        return (None, true);
    }
    let actions = actions(scope, &[default, answer]);
    let mut difference_search = DifferenceSearch::new(default, answer, &actions, 1);
    difference_search.only_first = true;
    difference_search.search_new_rooms(stop);
    if difference_search.found.is_empty() {
        let known = difference_search.search_led_by(Leader::To, None, stop);
        if difference_search.found.is_empty() {
            difference_search.search_led_by(Leader::From, Some(&known), stop);
        }
    }
    let complete = difference_search.complete || !difference_search.found.is_empty();
    let rank = |kind: &DifferenceKind| match kind.direction {
        Direction::Opens => 0,
        Direction::Closes => 1,
        Direction::Changes => 2,
    };
    let first = difference_search
        .found
        .into_iter()
        .min_by_key(|(kind, found)| (rank(kind), found.witness.len()));
    let effect = first.map(|(kind, found)| AnswerEffect {
        endpoint: kind.endpoint,
        caller: kind.caller,
        direction: kind.direction,
        default: found.sides.0,
        answer: found.sides.1,
        witness: found.witness,
        leader: found.leader,
    });
    (effect, complete)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(base: &str, entries: &str) -> Vec<PermittedChange> {
        let head = format!("id = \"p\"\nabout = \"A proposal.\"\nextends = \"{base}\"\n");
        let to = Rules::parse("p.toml", &format!("{head}{entries}")).unwrap();
        let from = Rules::find(base).unwrap();
        let scope = Scope { guests: 1, rooms: 1 };
        let (changes, complete) = permitted_changes(&from, &to, scope, 2, &Stop::default());
        assert!(complete);
        changes
    }

    #[test]
    fn a_must_that_becomes_a_may_is_wider_and_shown() {
        let may = "[points]\n\"revocation.effect\" = { default = \"leave\", also = [\"none\"], reading = \"A2\" }";
        let changes = changes("v1.16", may);
        assert_eq!(permitted_verdict(&changes), PermittedVerdict::Wider);
        let effect = changes[0].effect.as_ref().unwrap();
        assert_eq!(effect.direction, Direction::Opens);
        assert!(effect.witness.len() <= 5, "{effect:?}");
    }

    #[test]
    fn a_may_that_becomes_a_must_is_narrower_and_shown() {
        let must = "[points]\n\"events.no_room\" = { required = \"refused\" }";
        let changes = changes("v1.16", must);
        assert_eq!(permitted_verdict(&changes), PermittedVerdict::Narrower);
        assert_eq!(changes[0].before.reading.as_deref(), Some("A9"));
        assert!(changes[0].effect.is_some());
    }

    #[test]
    fn an_endpoint_that_a_server_may_open_is_wider() {
        let may = "[[may_allow]]\nendpoint = \"GET /pushers\"\nreading = \"A19\"";
        let changes = changes("v1.16", may);
        assert_eq!(permitted_verdict(&changes), PermittedVerdict::Wider);
        assert_eq!(changes[0].effect.as_ref().unwrap().direction, Direction::Opens);
    }

    #[test]
    fn another_reading_of_the_same_answers_is_reported() {
        let reading = "[points]\n\"events.no_room\" = { default = \"refused\", also = [\"joined_rooms\"], reading = \"A18\" }";
        let changes = changes("v1.16", reading);
        assert_eq!(permitted_verdict(&changes), PermittedVerdict::Different);
        assert_eq!(changes[0].kind, PermittedChangeKind::OtherReason);
    }

    #[test]
    fn a_new_default_among_permitted_answers_is_reported() {
        let moved = "[points]\n\"events.no_room\" = { default = \"joined_rooms\", also = [\"refused\"], reading = \"A9\" }";
        let changes = changes("v1.16", moved);
        assert_eq!(changes[0].kind, PermittedChangeKind::BecomesDefault);
    }
}
