//! What a script looks at, and holds against the report.

use guest_access_model::state::MAX_GUESTS;
use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};

use crate::scenario::LABEL;
use crate::subject::server::{
    CallVerdict, Direction, EventPresence, Exchange, Memberships, Request, ResponseContent, escaped,
};

use super::super::judge::StepRecord;
use super::quoted::word;
use super::units::{Kind, Unit};
use super::writer::Writer;

impl Writer<'_> {
    /// The lines that hold what came of the last step against the report.
    pub(super) fn checks(&mut self, unit: &Unit<'_>, is_last: bool) -> Vec<String> {
        let observed = &self.log[self.last].observed;
        let mut lines = Vec::new();
        if is_last {
            lines.push(format!("compare 'the answer' {} \"$came\"", word(&came(unit.last))));
        }
        match &observed.content {
            _ if observed.verdict != CallVerdict::Allowed => {}
            ResponseContent::Gave(given) => lines.extend(self.given(unit, given)),
            ResponseContent::IsGuest(is_guest) => {
                lines.push(asked("says that it is a guest", ".is_guest == true", *is_guest));
            }
            ResponseContent::Named(named) => {
                let name = unit.first.request.body.as_ref().and_then(|body| body.get("username"));
                let name = name.and_then(serde_json::Value::as_str).unwrap_or_default();
                let name = self.symbols.text(name);
                let program = format!(".user_id | ltrimstr(\"@\") | split(\":\")[0] == {name}");
                lines.push(asked("has the name that it asked for", &program, *named));
            }
            ResponseContent::Listed { now, at } => {
                let has_place = unit.first.request.parameter("at").is_some();
                let seen = if has_place { at.unwrap_or(*now) } else { *now };
                let record = &self.log[self.last];
                let (seen, program) = (word(&self.told(record, seen)), word(&self.program(record)));
                let how = if has_place { " with at" } else { "" };
                lines.push(format!("listed {program}"));
                lines.push(format!("compare 'lists{how}' {seen} \"$list\""));
            }
            ResponseContent::Nothing => {}
        }
        lines
    }

    /// The lines that say whether the tagged event was given.
    fn given(&mut self, unit: &Unit<'_>, given: &EventPresence) -> Vec<String> {
        let Some((tagged, is_note)) = self.recording.tagged.clone() else { return Vec::new() };
        // The first use of its id, so that it is learned.
        self.symbols.text(&tagged);
        let direction = unit.first.request.parameter("dir");
        let direction = direction.filter(|_| unit.kind == Kind::Pages);
        let given = match given {
            EventPresence::Present => true,
            EventPresence::Absent => false,
            EventPresence::Partial(Direction::Backwards) => direction == Some("b"),
            EventPresence::Partial(Direction::Forwards) => direction == Some("f"),
        };
        let given = if given { "yes" } else { "no" };
        let mut lines = Vec::new();
        if unit.kind != Kind::Pages {
            let Some(program) = self.events(unit.first, is_note) else { return Vec::new() };
            lines.push(format!("given {}", word(&program)));
        }
        let direction = direction.map_or(String::new(), |dir| format!(" (dir={dir})"));
        lines.push(format!("compare 'gives {LABEL}{direction}' {given} \"$gave\""));
        lines
    }

    /// The program that finds the events in an answer, as the runner looks for them; none, where the
    /// answer is the event.
    fn events(&mut self, exchange: &Exchange, is_note: bool) -> Option<String> {
        let endpoint = EndpointId::find(exchange.request.call)?;
        let note = |program: &str| if is_note { format!(", {program}") } else { String::new() };
        Some(match endpoint.get().gives? {
            Gives::Event if endpoint == KNOWN.event => ".event_id".to_owned(),
            Gives::Event => match exchange.request.parameter("ts") {
                // Two events of one moment are alike to who asks by the time.
                Some(time) => {
                    let time = self.symbols.text(time);
                    let same = format!("(.origin_server_ts | tostring) == {time}");
                    format!(".event_id, (select({same}) | env.{LABEL}_id)")
                }
                None => ".event.event_id".to_owned(),
            },
            Gives::InitialSync => {
                format!(".messages.chunk[]?.event_id{}", note(".state[]?.event_id"))
            }
            Gives::State if is_note => ".[].event_id".to_owned(),
            Gives::State => "empty".to_owned(),
            Gives::Sync => {
                let room = self.symbols.text(self.recording.rooms.first()?);
                let note = note(".state.events[]?.event_id");
                format!(".rooms.join[{room}] | .timeline.events[]?.event_id{note}")
            }
            Gives::StateEvent | Gives::Members | Gives::Timeline | Gives::Stream => {
                return None;
            }
        })
    }

    /// The lines that wait until what a step did to memberships is what it was in the report; for
    /// the last step, what it should be.
    pub(super) fn watch(&mut self, unit: &Unit<'_>) -> Vec<String> {
        let Some(step) = unit.first.step else { return Vec::new() };
        let record = &self.log[step];
        let mut lines = Vec::new();
        let rooms = record.members.iter().flatten().zip(&self.recording.rooms);
        for (number, (seen, id)) in rooms.enumerate() {
            let target = word(&self.symbols.target(&in_room(unit, &self.recording.rooms, id), &[]));
            let program = word(&self.program(record));
            let seen = self.told(record, *seen);
            if step != self.last {
                lines.push(format!(
                    "memberships {target} \\\n    {} \\\n    {program} ||",
                    word(&seen)
                ));
                lines.push("    stop 'the memberships are not those of the report'".to_owned());
                continue;
            }
            // An effect that is missing may still come; what was answered wrongly is done.
            let should_be = self.expected.as_ref().filter(|e| record.observed.fits(&e.observation));
            let should_be = should_be.and_then(|outcome| outcome.next.rooms.get(number));
            let should_be =
                should_be.map(|room| Memberships { guests: room.members, user: room.user });
            let wanted = should_be.map_or_else(|| seen.clone(), |it| self.told(record, it));
            let wanted = word(&wanted);
            lines.push(format!("memberships {target} \\\n    {wanted} \\\n    {program} || true"));
            lines.push(format!("compare 'in room{}' {} \"$found\"", number + 1, word(&seen)));
        }
        lines
    }

    /// The guests of whose memberships something is said: those who are registered by then.
    fn guests(&self, record: &StepRecord) -> Vec<(usize, String)> {
        let guests = (0..MAX_GUESTS).filter(|guest| !record.gone[*guest]);
        let guests =
            guests.filter_map(|guest| Some((guest, self.recording.guests[guest].clone()?)));
        guests.filter(|(_, id)| self.symbols.knows(id)).collect()
    }

    /// The memberships in words.
    fn told(&self, record: &StepRecord, members: Memberships) -> String {
        let guest = |(guest, _)| format!("guest{} {}, ", guest + 1, members.guests[guest]);
        let guests: String = self.guests(record).into_iter().map(guest).collect();
        format!("{guests}the user {}", members.user)
    }

    /// The program that says so of an answer.
    fn program(&mut self, record: &StepRecord) -> String {
        let mut program = String::new();
        for (guest, id) in self.guests(record) {
            program += &format!("guest{} \\(of({})), ", guest + 1, self.symbols.text(&id));
        }
        let user = self.symbols.text(&self.recording.user.0);
        format!("\"{program}the user \\(of({user}))\"")
    }
}

/// The call that looks at the members of this room, where the unit begins with the first room's.
fn in_room(unit: &Unit<'_>, rooms: &[String], id: &str) -> Request {
    let first = rooms.first();
    let segment =
        |segment: String| if first == Some(&segment) { escaped(id) } else { escaped(&segment) };
    let path: Vec<_> = unit.first.request.segments().map(segment).collect();
    Request { path: path.join("/"), ..unit.first.request.clone() }
}

/// What came of a call, as the script says it.
fn came(exchange: &Exchange) -> String {
    match &exchange.errcode {
        _ if exchange.is_allowed() => "allow".to_owned(),
        Some(errcode) => format!("{} {errcode}", exchange.status),
        None => exchange.status.to_string(),
    }
}

/// The line that asks something of the answer, and holds it against the report.
fn asked(what: &str, program: &str, reported: bool) -> String {
    format!("compare '{what}' {reported} \"$(jq -r {} \"$answer\" 2>/dev/null)\"", word(program))
}
