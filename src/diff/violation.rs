//! The sentence that a divergence violates: which clauses forbid or demand, and why they do here.
//!
//! The decision of the rules says whether a call is answered. What an answer has to hold is another
//! question, with sentences of its own: of the event, of the content, of the effect.

use guest_access_model::action::{Actor, Answer, Operation, Setting};
use guest_access_model::state::{Kind, ReaderRelation, Standing, State, Tagged};
use guest_access_rules::clause::{self, Force};
use guest_access_rules::endpoint::Gives;
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::{HistoryVisibility, Membership};

use crate::subject::server::{CallVerdict, EventPresence, ResponseContent};

use super::content_difference::{Sentence, reason_to_hide};
use super::judge::StepRecord;
use super::scenario_run::Difference;

/// The clauses that are violated, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    /// The ids of the clauses that are in force; none, if no clause speaks of the difference.
    pub(super) clauses: Vec<String>,
    /// The reason in words.
    pub(super) because: &'static str,
}

impl Violation {
    /// The violation that a difference is.
    pub(super) fn of(rules: &Rules, difference: &Difference, record: &StepRecord) -> Self {
        let expected = difference.expected_in_run();
        let decision = expected.observation.decision;
        let in_force = |sentence: Sentence| Self {
            clauses: sentence.in_force(rules).into_iter().map(str::to_owned).collect(),
            because: sentence.because,
        };
        if difference.inconsistency.is_some() {
            return in_force(Sentence::new(
                &[],
                "the answer by itself is permitted, and contradicts another answer of the same run",
            ));
        }
        if let Some(content) = record.content.first() {
            return in_force(content.sentence());
        }
        if let Some(effect) = record.observed.missing_effect() {
            return in_force(Sentence::new(effect.clauses(), effect.because()));
        }
        if let Some(sentence) = sentence_on_event(difference, record) {
            return in_force(sentence);
        }
        if fails_to_send(decision.clauses, record) && decision.allows() {
            let because =
                "the homeserver fails, and no clause says more than who may send the event";
            return in_force(Sentence::new(&[], because));
        }
        // RG-10: The registration of a guest ignores every parameter of its body but
        // `initial_device_display_name`.
        if matches!(record.step.operation, Operation::Register { named: true })
            && decision.allows()
            && !record.observed.is_allowed()
        {
            let because = "the registration of a guest ignores a `username` and a `device_id`";
            let sentence = in_force(Sentence::new(&["RG-10"], because));
            if !sentence.clauses.is_empty() {
                return sentence;
            }
        }
        let are_members_wrong = !record.members_fit(&expected.next);
        if are_members_wrong && removes_guests(record) && removes_users(difference, record) {
            // GA-23: When `m.room.guest_access` changes so that guests may no longer join, the server sets
            // their membership to `leave`.
            // GA-32: A guest may upgrade to a full account by registering in the ordinary way with its own
            // token in `guest_access_token`.
            let because = "a revocation ends the memberships of guests, and who upgraded is none";
            return in_force(Sentence::new(&["GA-23", "GA-32"], because));
        }
        if are_members_wrong && removes_guests(record) {
            // GA-23: When `m.room.guest_access` changes so that guests may no longer join, the server sets
            // their membership to `leave`.
            let because = "a revocation ends the memberships of the guests";
            return in_force(Sentence::new(&["GA-23"], because));
        }
        if are_members_wrong && matches!(record.step.operation, Operation::SetProfile { .. }) {
            // CS-28: A change of a user's display name is carried into its member event in every room that it
            // is joined to.
            let because = "a new display name is carried into joined rooms, and lets nobody in";
            return in_force(Sentence::new(&["CS-28"], because));
        }
        // CS-22: A joined user is given the current state of a room.
        // CS-25: A user who left a room is given its members as of the time it left.
        match record.listing.filter(|_| !record.lists_as_it_should()) {
            Some(listing) if listing.is_current => {
                in_force(Sentence::new(&["CS-22"], "a joined user is given the current members"))
            }
            Some(_) => in_force(Sentence::new(
                &["CS-25"],
                "a user who left is given the members as of its leaving",
            )),
            None => Self { clauses: binding(rules, difference, record), because: decision.because },
        }
    }
}

/// The clauses on which the decision rests and that bind the homeserver here.
///
/// - A clause that only permits a refusal forbids no answer. It is cited where the homeserver refuses too, in
///   another way.
/// - A clause about guests does not bind what a former guest is answered.
fn binding(rules: &Rules, difference: &Difference, record: &StepRecord) -> Vec<String> {
    let decision = difference.expected_in_run().observation.decision;
    let is_former_guest = match record.step.by {
        Actor::Guest(guest) => !difference.before.accounts[usize::from(guest)].is_guest(),
        _ => false,
    };
    let in_force = rules.in_force(decision.clauses);
    let binds = |id: &&str| {
        let permits = clause::find(id).is_some_and(|clause| clause.force == Force::May);
        let is_about_guests = id.starts_with("GA-") || id.starts_with("DR-");
        !(permits && record.observed.is_allowed() || is_about_guests && is_former_guest)
    };
    let binding: Vec<_> = in_force.iter().copied().filter(binds).collect();
    let cited = if binding.is_empty() { in_force } else { binding };
    cited.into_iter().map(str::to_owned).collect()
}

/// Whether a homeserver fails at a call of which the rules say only who may send the event.
///
/// CS-7 and CS-8 say who may not send. Neither demands that an event is stored whatever its content is.
fn fails_to_send(clauses: &[&str], record: &StepRecord) -> bool {
    matches!(record.observed.verdict, CallVerdict::Denied { status: 500.., .. })
        && clauses.iter().all(|clause| ["CS-7", "CS-8"].contains(clause))
}

/// Whether a step can end the memberships of guests.
fn removes_guests(record: &StepRecord) -> bool {
    matches!(
        record.step.operation,
        Operation::SetGuestAccess(..) | Operation::RedactSetting(Setting::GuestAccess)
    )
}

/// Whether a joined member who is no guest by the rules has left.
fn removes_users(difference: &Difference, record: &StepRecord) -> bool {
    let (State { accounts, .. }, Some(members)) = (&difference.before, &record.members) else {
        return false;
    };
    members.iter().zip(&difference.expected.next.rooms).any(|(is, should)| {
        let guests = accounts.iter().zip(is.guests.iter().zip(&should.members));
        guests.into_iter().any(|(account, (is, should))| {
            !account.is_guest() && *should == Membership::Join && *is == Membership::Leave
        })
    })
}

/// The sentence that says whether the caller is given the tagged event, if the answer is wrong in that.
fn sentence_on_event(difference: &Difference, record: &StepRecord) -> Option<Sentence> {
    let State { tagged, rooms, .. } = &difference.before;
    let tagged = tagged.as_ref()?;
    let is_due = match difference.expected.observation.answer {
        Answer::Gave { tagged } => tagged,
        // The model answers a refusal of one event with a denial of the call.
        _ if record.observed.is_allowed() => false,
        _ => return None,
    };
    let is_given = match &record.observed.content {
        ResponseContent::Gave(EventPresence::Present) => true,
        ResponseContent::Gave(EventPresence::Absent) => false,
        // One direction gives the event, and the other does not.
        ResponseContent::Gave(EventPresence::Partial(_)) => !is_due,
        _ => return None,
    };
    if is_due == is_given {
        return None;
    }
    let (relation, membership) = match record.step.by {
        Actor::Guest(guest) => {
            let guest = usize::from(guest);
            (*tagged.relations.get(guest)?, *rooms[0].members.get(guest)?)
        }
        _ => (JOINED, Membership::Join),
    };
    let gives_state = matches!(
        record.step.operation.endpoint()?.get().gives,
        Some(Gives::State | Gives::StateEvent)
    );
    let is_own_membership = tagged.kind == Kind::Member && relation.before != relation.after;
    Some(match (is_due, membership) {
        // CS-22: A joined user is given the current state of a room.
        (true, Membership::Join) if gives_state => {
            Sentence::new(&["CS-22"], "a joined user is given the current state")
        }
        // CS-23: A user who left a room is given its state as of the time it left.
        (true, Membership::Leave) if gives_state => {
            Sentence::new(&["CS-23"], "a user who left is given the state as of its leaving")
        }
        (false, Membership::Leave) if gives_state && has_joined(relation) => {
            Sentence::new(&["CS-23"], "a user who left is given the state as of its leaving")
        }
        (true, _) => sentence_that_shows(tagged, relation),
        // HV-25: A user's own member event may be seen if the membership before it or the membership after
        // it shows it.
        // HV-6: A user to whom no other rule shows an event may not see it.
        (false, _) if is_own_membership => Sentence::new(
            &["HV-25", "HV-6"],
            "neither the membership before the reader's own member event nor the one after it shows it",
        ),
        // HV-6: A user to whom no other rule shows an event may not see it.
        (false, _) if has_joined(relation) => {
            Sentence::new(&["HV-6"], reason_to_hide(tagged.before))
        }
        // RP-10: A user who has not joined is given only events at which `m.room.history_visibility` was
        // present and `world_readable`.
        (false, _) => Sentence::new(&["HV-6", "RP-10"], reason_to_hide(tagged.before)),
    })
}

/// A reader that was joined at the event.
const JOINED: ReaderRelation =
    ReaderRelation { before: Standing::Join, after: Standing::Join, joined_later: true };

/// Whether the reader was joined at the event or after it.
fn has_joined(relation: ReaderRelation) -> bool {
    relation.before == Standing::Join || relation.after == Standing::Join || relation.joined_later
}

/// The sentence by which a reader may see the tagged event.
fn sentence_that_shows(tagged: &Tagged, relation: ReaderRelation) -> Sentence {
    match (tagged.before, relation.before) {
        // HV-11: An event at which the setting was `world_readable` may be seen, whatever the reader's
        // membership.
        (HistoryVisibility::WorldReadable, _) => {
            Sentence::new(&["HV-11"], "the event was sent under `world_readable`")
        }
        // HV-3: A user whose membership at the event was `join` may see it.
        (_, Standing::Join) => Sentence::new(&["HV-3"], "the reader was joined at the event"),
        // HV-24: A change of the setting may be seen if the setting before it or the setting after it
        // shows it.
        // HV-23: A user whose membership at the event was `invite` may see it if the setting was
        // `invited`.
        (HistoryVisibility::Invited, Standing::Invite) if tagged.after != tagged.before => {
            Sentence::new(
                &["HV-24", "HV-4", "HV-23"],
                "the setting before the change shows it to the invited",
            )
        }
        // HV-4: A user who was invited at the event may see it if the setting was `invited` or `shared`.
        (HistoryVisibility::Invited, Standing::Invite) => Sentence::new(
            &["HV-4", "HV-23"],
            "the event was sent under `invited`, and the reader was invited",
        ),
        // HV-22: An event at which the setting was `shared` may be seen by a user who joined at any point
        // after it.
        // HV-5: A user who was neither invited nor joined at the event may see it if the setting was
        // `shared`.
        (HistoryVisibility::Shared, _) if relation.joined_later => Sentence::new(
            &["HV-5", "HV-22"],
            "the event was sent under `shared`, and the reader joined later",
        ),
        // HV-24: A change of the setting may be seen if the setting before it or the setting after it
        // shows it.
        _ if tagged.before != tagged.after => {
            Sentence::new(&["HV-24"], "the setting after the event shows it")
        }
        // HV-25: A user's own member event may be seen if the membership before it or the membership after
        // it shows it.
        _ if relation.before != relation.after => {
            Sentence::new(&["HV-25"], "the reader's membership after its own member event shows it")
        }
        // GA-37: What a guest may read follows from history visibility and its membership, as for any user.
        _ => Sentence::new(&["GA-37"], "a rule shows the reader this event"),
    }
}
