//! Checking any number of guests and rooms at once.

use std::time::Instant;

use super::{Counterexamples, Report, Status, counterexamples_in_new_rooms};
use crate::dense::{EveryView, NumberOfRooms, judge_every_view};
use crate::executor::{Encoding, ExecutorReport};
use crate::sequential::Sequential;
use crate::shortest_trace;
use crate::state::Scope;
use crate::stop::Stop;
use crate::transition_system::Exploration;
use guest_access_rules::guarantee::GuaranteeSet;
use guest_access_rules::profile::Profile;

/// The scopes in which a counterexample is searched.
const SCOPES: [Scope; 3] =
    [Scope { guests: 1, rooms: 1 }, Scope { guests: 2, rooms: 1 }, Scope { guests: 1, rooms: 2 }];

/// The scope in which rooms that never set anything are explored: a guest, and another beside it.
const IN_NEW_ROOMS: Scope = Scope { guests: 2, rooms: 1 };

/// Judges the guarantees for any number of guests, on this number of threads. The homeserver has the
/// profile `system`, and the profile `rules` judges it. The explored states of the report are views.
///
/// 1. Judge every view ([`judge_every_view`]). A guarantee that no view violates holds.
/// 2. For each other guarantee, search a shortest counterexample with one guest or two, in one room or
///    two. With a counterexample, the guarantee is violated.
/// 3. Without one, the status is [`Status::Unknown`]: a run may not reach the view.
///
/// A homeserver may take a room that never set anything for something else than the clauses say. Such a
/// room is explored with two guests, and a counterexample in it counts too.
///
/// `None` if one guest's view is not enough, because guests or rooms depend on each other.
pub fn check_any_number(
    system: &Profile,
    rules: &Profile,
    rooms: NumberOfRooms,
    (guarantees, required): (GuaranteeSet, GuaranteeSet),
    threads: usize,
    stop: &Stop,
) -> Option<Report> {
    let started = Instant::now();
    let EveryView { views, transitions, verdicts } =
        judge_every_view(system, rules, rooms, threads)?;
    let complete = !stop.now() && stop.most_states.is_none_or(|most| views <= most);
    let mut exploration =
        Exploration { states: views, transitions, depth: None, complete, verdicts };
    // The views are those of rooms that have settings. A room that never set any is explored.
    let two_guests = Sequential::new(IN_NEW_ROOMS, system.clone(), rules.clone());
    let in_new_rooms = counterexamples_in_new_rooms(&two_guests, guarantees, stop);
    for (guarantee, _) in &in_new_rooms {
        exploration.verdicts.note(*guarantee, false);
    }
    let mut counterexamples: Counterexamples<_> =
        in_new_rooms.into_iter().map(|(guarantee, trace)| (guarantee, Some(trace))).collect();
    for scope in SCOPES.into_iter().filter(|s| rooms == NumberOfRooms::Any || s.rooms == 1) {
        let model = Sequential::new(scope, system.clone(), rules.clone());
        let found = counterexamples.keys().copied().collect();
        let violated = guarantees.intersection(exploration.verdicts.violated).without(found);
        let traces = shortest_trace::counterexamples(&model, violated, stop);
        let traces = violated.iter().zip(traces).filter(|(_, trace)| trace.is_some());
        counterexamples.extend(traces);
    }
    let explored = ExecutorReport { exploration, encoding: Encoding::GuestViews };
    let mut report = Report::new(required, guarantees, explored, counterexamples, started);
    for finding in &mut report.findings {
        if finding.status == Status::Violated && finding.counterexample.is_none() {
            finding.status = Status::Unknown;
        }
    }
    Some(report)
}
