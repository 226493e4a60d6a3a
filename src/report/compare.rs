//! The report of `compare`.

mod document;
mod permitted;
mod promises;
mod redeclared;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use guest_access_model::action::Answer;
use guest_access_model::compare::{
    Comparison, ComparisonVerdict, Difference, Direction, PermittedChange, Side,
};
use guest_access_model::state::{Scope, State};
use guest_access_rules::endpoint::{Auth, EndpointId};
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::HistoryVisibility;
use guest_access_scenarios::scenario::{Scenario, ScenarioError};
use serde::Serialize;

pub use permitted::{EffectReport, PermittedChangeReport, PermittedComparison, StandingReport};
pub use promises::PromiseChange;
pub use redeclared::{DeclarationReport, RedeclaredEndpoint};

use super::{Run, UncheckedEndpoint, is_rules_file, number, paint, steps_in_words, style};

/// The comparison of two revisions.
#[derive(Debug, Clone, Serialize)]
pub struct ComparisonReport {
    /// The revision to begin with.
    pub from: String,
    /// The revision that is held against it.
    pub to: String,
    /// The second revision, relative to the first.
    pub verdict: ComparisonVerdict,
    /// The number of guests.
    pub guests: usize,
    /// The number of rooms.
    pub rooms: usize,
    /// Whether every state that either revision can reach was compared.
    pub complete: bool,
    /// The number of compared pairs of a state and an action.
    pub contexts: usize,
    /// The differences.
    pub differences: Vec<DifferenceReport>,
    /// The comparison of the answers that the two revisions permit.
    pub permitted: PermittedComparison,
    /// The guarantees that only one of the two revisions promises.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub promises: Vec<PromiseChange>,
    /// The ids by which the two revisions declare two endpoints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redeclared: Vec<RedeclaredEndpoint>,
    /// The endpoints that only one of the two revisions declares, and that stay closed to guests: guests are
    /// refused by both.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub closed: Vec<String>,
    /// The unchecked endpoints that only one of the two revisions opens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<UncheckedEndpoint>,
    /// The run that made the report.
    pub run: Run,
    /// Both revisions as the user names them; for a file, their id.
    #[serde(skip)]
    called: [String; 2],
}

/// One difference: an endpoint on which the revisions decide differently for a kind of caller.
#[derive(Debug, Clone, Serialize)]
pub struct DifferenceReport {
    /// The endpoint; the first one, if several endpoints have the same decisions.
    pub endpoint: String,
    /// All endpoints with the same decisions.
    pub endpoints: Vec<String>,
    /// The kinds of calls of the endpoint that differ, if there are several.
    pub cases: BTreeSet<&'static str>,
    /// The kind of caller.
    pub caller: &'static str,
    /// The direction of the difference.
    pub direction: Direction,
    /// Whether both decide alike and give the same, and the state afterwards differs.
    pub by_effect: bool,
    /// The decision of the first revision, in the witness.
    pub from: String,
    /// The decision of the second revision, in the witness.
    pub to: String,
    /// The properties that all states with this difference share.
    pub when: BTreeSet<String>,
    /// The number of pairs of a state and a call with this difference.
    pub contexts: usize,
    /// The clauses on which the two decisions rest.
    pub clauses: BTreeSet<String>,
    /// A shortest trace whose last step shows the difference.
    pub witness: Scenario,
    /// Whether the first and the second revision allow the last step.
    #[serde(skip)]
    allows: [bool; 2],
    /// The rules under which it happens.
    #[serde(skip)]
    leader: Rules,
}

impl ComparisonReport {
    /// The report of how `to` differs from `from`.
    ///
    /// # Errors
    /// If a witness cannot happen, which would be a mistake of the model's.
    pub fn new(
        from: &Rules,
        to: &Rules,
        scope: Scope,
        found: &Comparison,
        (changes, searched): &(Vec<PermittedChange>, bool),
        run: Run,
    ) -> Result<Self, ScenarioError> {
        // As `compare` does it: the actions of the witnesses call the endpoints of `from`.
        let to = &*to.with_endpoints_of(from);
        let differences =
            (1..).zip(&found.differences).map(|(n, d)| DifferenceReport::new(from, to, n, d));
        Ok(Self {
            from: from.id.clone(),
            to: to.id.clone(),
            verdict: found.verdict,
            guests: scope.guests,
            rooms: scope.rooms,
            complete: found.complete && *searched,
            contexts: found.contexts,
            differences: differences.collect::<Result<_, _>>()?,
            permitted: PermittedComparison::new(from, to, changes)?,
            promises: PromiseChange::between(from, to),
            redeclared: found.redeclared.iter().copied().map(RedeclaredEndpoint::from).collect(),
            closed: from
                .endpoints_of_either(to)
                .into_iter()
                .filter(|endpoint| stays_closed(from, to, *endpoint))
                .map(|endpoint| endpoint.to_string())
                .collect(),
            unseen: UncheckedEndpoint::of(
                from.endpoints_of_either(to).into_iter().filter(|e| opens_in_one(from, to, *e)),
            ),
            run,
            called: [from.id.clone(), to.id.clone()],
        })
    }

    /// Names both revisions as the user does.
    pub fn name_rules(&mut self, names: [&str; 2]) {
        for (called, name) in self.called.iter_mut().zip(names) {
            if !is_rules_file(name) {
                name.clone_into(called);
            }
        }
    }
}

impl DifferenceReport {
    fn new(
        from: &Rules,
        to: &Rules,
        number: usize,
        found: &Difference,
    ) -> Result<Self, ScenarioError> {
        let endpoints: Vec<_> = found.endpoints.iter().map(ToString::to_string).collect();
        let mut clauses: BTreeSet<String> = BTreeSet::new();
        for side in [&found.from, &found.to] {
            clauses.extend(side.decision.clauses.iter().map(|clause| (*clause).to_owned()));
        }
        for rules in [from, to] {
            let of_endpoints = found.endpoints.iter().flat_map(|e| &rules.endpoint(*e).clauses);
            clauses.extend(of_endpoints.cloned());
        }
        let id = format!("{}-{}-{number}", from.id, to.id);
        let about = format!("`{}` and `{}` decide the last step otherwise.", from.id, to.id);
        let cited = clauses.iter().cloned().collect();
        let leader = found.leader.of(from, to).clone();
        Ok(Self {
            endpoint: endpoints.first().cloned().unwrap_or_else(|| "the server itself".to_owned()),
            endpoints,
            cases: found.cases.clone(),
            caller: found.caller,
            direction: found.direction,
            by_effect: differs_by_effect(&found.from, &found.to),
            from: outcome_in_words(&found.from, &found.to),
            to: outcome_in_words(&found.to, &found.from),
            when: found.when.clone(),
            contexts: found.contexts,
            clauses,
            witness: Scenario::from_trace(id, &leader, about, cited, &found.witness)?,
            allows: [&found.from, &found.to].map(|side| side.decision.allows()),
            leader,
        })
    }
}

/// Whether both sides decide alike and give the same, so that only the state afterwards differs.
fn differs_by_effect(one: &Side, other: &Side) -> bool {
    one.decision.is_like(&other.decision) && one.answer == other.answer
}

/// Whether only one of the two revisions declares the endpoint, and closes it to guests.
fn stays_closed(from: &Rules, to: &Rules, endpoint: EndpointId) -> bool {
    let declares = |rules: &Rules| rules.declared.contains_key(&endpoint);
    declares(from) != declares(to)
        && endpoint.get().auth == Auth::User
        && !from.may_open(endpoint)
        && !to.may_open(endpoint)
}

/// Whether guests may call the endpoint under only one of the two revisions, or under other conditions.
fn opens_in_one(from: &Rules, to: &Rules, endpoint: EndpointId) -> bool {
    // No list closes an endpoint that asks for no user's access token.
    let declares = |rules: &Rules| rules.declared.contains_key(&endpoint);
    let is_open_to_all = endpoint.get().auth != Auth::User;
    is_open_to_all && declares(from) != declares(to)
        || from.endpoint(endpoint).access != to.endpoint(endpoint).access
        || from.may_open(endpoint) != to.may_open(endpoint)
        || endpoint.get().auth == Auth::User
            && from.may_leave_out_the_list() != to.may_leave_out_the_list()
}

/// The decision of one revision about the last step of the witness. If both revisions allow the step,
/// also each part of the next state that differs under the other revision.
fn outcome_in_words(side: &Side, other: &Side) -> String {
    let decision = side.decision;
    let mut text = match side.answer {
        Answer::Gave { tagged: true } => format!("{decision}, gives the event"),
        Answer::Gave { tagged: false } => format!("{decision}, does not give the event"),
        Answer::IsGuest(is) => format!("{decision}, is_guest {is}"),
        Answer::Named(_) | Answer::Nothing => decision.to_string(),
    };
    if decision.allows() && other.decision.allows() {
        let others = standings(&other.next);
        for (of, standing) in standings(&side.next) {
            if others.get(&of) != Some(&standing) {
                text += &format!(", {of} is `{standing}`");
            }
        }
    }
    text
}

/// The guests and the rooms of a state, in words.
fn standings(state: &State) -> BTreeMap<String, &'static str> {
    let mut all = BTreeMap::new();
    for (guest, account) in (1..).zip(state.accounts) {
        all.insert(format!("guest{guest}'s account"), account.as_str());
    }
    for (number, room) in (1..).zip(&state.rooms) {
        for (guest, (membership, past)) in (1..).zip(room.members.into_iter().zip(room.past)) {
            all.insert(format!("guest{guest} in room{number}"), membership.as_str());
            let memory = if past.has_forgotten() { "forgotten" } else { "remembered" };
            all.insert(format!("room{number} by guest{guest}"), memory);
        }
        all.insert(format!("the user in room{number}"), room.user.as_str());
        let visibility = room.visibility.map_or("unreadable", HistoryVisibility::as_str);
        all.insert(format!("the history visibility of room{number}"), visibility);
        let guest_access = room.guest_access.as_str();
        all.insert(format!("the guest access of room{number}"), guest_access);
    }
    all
}

impl ComparisonReport {
    /// How the default answers differ, in words.
    fn verdict_in_words(&self) -> String {
        let [from, to] = &self.called;
        match self.verdict {
            ComparisonVerdict::Equivalent => {
                format!("by default, {to} decides everything as {from} does")
            }
            ComparisonVerdict::MorePermissive => {
                format!("by default, {to} allows or gives more than {from}, and nothing less")
            }
            ComparisonVerdict::LessPermissive => {
                format!("by default, {to} allows or gives less than {from}, and nothing more")
            }
            ComparisonVerdict::Incomparable => {
                format!(
                    "by default, {to} differs from {from} both ways, or in what is neither more nor less"
                )
            }
        }
    }

    /// How much was compared, in words.
    fn extent(&self) -> String {
        let much =
            if self.complete { "all of them" } else { "not all of them: the search was ended" };
        format!("{} decisions compared, {much}", number(self.contexts))
    }
}

impl Display for ComparisonReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [from, to] = &self.called;
        writeln!(f, "{}", paint(style::HEADING, self.verdict_in_words()))?;
        self.permitted.write_text(f, from, to)?;
        for promise in &self.promises {
            writeln!(f, "{}", paint(style::HEADING, promise.in_words(to)))?;
        }
        self.redeclared.iter().try_for_each(|endpoint| endpoint.write_text(f))?;
        writeln!(f, "{}", self.extent())?;
        for (number, difference) in (1..).zip(&self.differences) {
            writeln!(f)?;
            difference.write_text(f, number)?;
        }
        self.permitted.tell_changes(f, from, to)?;
        for endpoint in &self.closed {
            writeln!(
                f,
                "\n{endpoint}, which only one of them declares, is closed to guests by both"
            )?;
        }
        if !self.unseen.is_empty() {
            writeln!(f, "\nnot compared:")?;
        }
        self.unseen.iter().try_for_each(|unseen| unseen.write_text(f))
    }
}

impl DifferenceReport {
    fn write_text(&self, f: &mut Formatter<'_>, place: usize) -> fmt::Result {
        let style = match self.direction {
            Direction::Opens => style::GOOD,
            Direction::Closes => style::BAD,
            Direction::Changes => style::DOUBTFUL,
        };
        let direction = paint(style, self.direction);
        let by = if self.by_effect { "by its effect, where called by" } else { "to" };
        writeln!(f, "{place}. {direction} {by} a {}: {}", self.caller, self.endpoint)?;
        for other in self.endpoints.iter().skip(1) {
            writeln!(f, "      and {other}")?;
        }
        if !self.cases.is_empty() {
            let cases: Vec<_> = self.cases.iter().copied().collect();
            writeln!(f, "   for {}", cases.join(", "))?;
        }
        if !self.when.is_empty() {
            let when: Vec<_> = self.when.iter().map(String::as_str).collect();
            writeln!(f, "   always with {}", when.join(", "))?;
        }
        let clauses: Vec<_> = self.clauses.iter().map(String::as_str).collect();
        writeln!(f, "   in {} decisions ({})", number(self.contexts), clauses.join(", "))?;
        writeln!(f, "   before: {}", self.from)?;
        writeln!(f, "   after:  {}", self.to)?;
        for line in steps_in_words(&self.witness, &self.leader).map_err(|_| fmt::Error)? {
            writeln!(f, "      {line}")?;
        }
        Ok(())
    }
}
