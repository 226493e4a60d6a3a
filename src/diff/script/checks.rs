//! The checks of a script: the script compares the answers with those of the report.

use guest_access_model::state::MAX_GUESTS;
use guest_access_rules::endpoint::{EndpointId, Gives, KNOWN};
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};
use guest_access_scenarios::scenario::LABEL;

use crate::subject::server::{
    CallEffect, CallVerdict, Direction, EventPresence, Exchange, Memberships, Request,
    ResponseContent, escaped,
};

use super::super::judge::StepRecord;
use super::quoted::word;
use super::script_call::{Kind, ScriptCall};
use super::writer::Writer;

impl Writer<'_> {
    /// The lines that compare the answer to the last step with the report.
    pub(super) fn checks(&mut self, call: &ScriptCall<'_>, is_last: bool) -> Vec<String> {
        let observed = &self.log[self.last].observed;
        let mut lines = Vec::new();
        if is_last {
            lines.push(format!("compare 'the answer' {} \"$came\"", word(&result_of(call.last))));
        }
        match &observed.content {
            _ if observed.verdict != CallVerdict::Allowed => {}
            ResponseContent::Gave(presence) => lines.extend(self.presence_checks(call, presence)),
            ResponseContent::IsGuest(is_guest) => {
                lines.push(answer_check("says that it is a guest", ".is_guest == true", *is_guest));
            }
            ResponseContent::Named(named) => {
                let name = call.first.request.body.as_ref().and_then(|body| body.get("username"));
                let name = name.and_then(serde_json::Value::as_str).unwrap_or_default();
                let name = self.variables.text(name);
                let program = format!(".user_id | ltrimstr(\"@\") | split(\":\")[0] == {name}");
                lines.push(answer_check("has the requested name", &program, *named));
            }
            ResponseContent::Listed { now, at } => {
                let has_place = call.first.request.parameter("at").is_some();
                let seen = if has_place { at.unwrap_or(*now) } else { *now };
                let record = &self.log[self.last];
                let (seen, program) =
                    (word(&self.in_words(record, seen)), word(&self.program(record)));
                let how = if has_place { " with at" } else { "" };
                lines.push(format!("listed {program}"));
                lines.push(format!("compare 'lists{how}' {seen} \"$list\""));
            }
            ResponseContent::Effect { effect: CallEffect::FileGiven, holds } if is_last => {
                let content = self.uploaded.clone().unwrap_or_default();
                let program = format!(". == {}", self.variables.text(&content));
                lines.push(answer_check("gives the uploaded file", &program, *holds));
            }
            ResponseContent::Effect { effect: CallEffect::RoomNamed, holds } if is_last => {
                // The request may name the room by an alias.
                let room = self.log[self.last].step.room();
                if let Some(room) = room.and_then(|room| self.recording.rooms.get(room)) {
                    let program = format!(".room_id == {}", self.variables.text(room));
                    lines.push(answer_check("names the room", &program, *holds));
                }
            }
            ResponseContent::Effect {
                effect: CallEffect::DeviceNamed | CallEffect::DeviceKnown,
                holds,
            } if is_last => {
                lines.push(answer_check("names the device", "has(\"device_id\")", *holds));
            }
            ResponseContent::Effect { effect: CallEffect::DeviceChosen, holds } if is_last => {
                let body = call.first.request.body.as_ref();
                let asked = body.and_then(|body| body["device_id"].as_str()).unwrap_or_default();
                let program = format!(".device_id != {}", self.variables.text(asked));
                lines.push(answer_check("picks the device", &program, *holds));
            }
            ResponseContent::Effect {
                effect:
                    effect @ (CallEffect::AliasLeads
                    | CallEffect::PreviewListed
                    | CallEffect::GuestsListed
                    | CallEffect::RoomHidden),
                holds,
            } if is_last => lines.extend(self.directory_check(*effect, *holds)),
            // The script looks at other effects after another call.
            ResponseContent::Effect { .. }
            | ResponseContent::Unread(_)
            | ResponseContent::Nothing => {}
        }
        lines
    }

    /// The line that checks what the directory says of a room, on the answer of the directory.
    fn directory_check(&mut self, effect: CallEffect, holds: bool) -> Option<String> {
        if effect == CallEffect::AliasLeads {
            let names = |exchange: &&Exchange| {
                exchange.request.call == "PUT /directory/room/{roomAlias}" && exchange.is_allowed()
            };
            let named = self.recording.exchanges.iter().rev().find(names)?;
            let room = named.request.body.as_ref()?["room_id"].as_str()?;
            let program = format!(".room_id == {}", self.variables.text(room));
            return Some(answer_check("names the room of the alias", &program, holds));
        }
        let room = self.recording.rooms.first()?;
        let entry = format!(".chunk[] | select(.room_id == {})", self.variables.text(room));
        let settings = &self.log[self.last].after.rooms[0];
        let is_preview = settings.visibility == Some(HistoryVisibility::WorldReadable);
        let is_open = settings.guest_access == GuestAccess::CanJoin;
        let (what, program) = match effect {
            CallEffect::PreviewListed => {
                ("says who may view the room", format!("({entry}).world_readable == {is_preview}"))
            }
            CallEffect::GuestsListed => {
                ("says whether guests may join", format!("({entry}).guest_can_join == {is_open}"))
            }
            _ => ("hides the room", format!("[{entry}] == []")),
        };
        Some(answer_check(what, &program, holds))
    }

    /// The line that checks the effect of the last step, on the answer to the last of its calls.
    pub(super) fn effect_check(&mut self, calls: &[&ScriptCall<'_>]) -> Option<String> {
        let ResponseContent::Effect { effect, holds } = self.log[self.last].observed.content else {
            return None;
        };
        let mut bodies = calls.iter().rev().filter_map(|call| call.first.request.body.as_ref());
        let name = bodies.find_map(|body| body.get("displayname")?.as_str());
        Some(match effect {
            CallEffect::NameStored => {
                let name = self.variables.text(name.unwrap_or_default());
                let program = format!(".displayname == {name}");
                answer_check("the display name is stored", &program, holds)
            }
            CallEffect::NameCarried => {
                let name = self.variables.text(name.unwrap_or_default());
                let program = format!("any(.chunk[]; .content.displayname == {name})");
                answer_check("the display name is in the member events", &program, holds)
            }
            CallEffect::MessageDelivered => {
                let program = "(.to_device.events // []) | length > 0";
                answer_check("the message is delivered", program, holds)
            }
            CallEffect::MessageDeliveredOnce => {
                let program = "(.to_device.events // []) | length == 0";
                answer_check("the message is delivered once", program, holds)
            }
            CallEffect::FileGiven
            | CallEffect::ThumbnailGiven
            | CallEffect::RoomNamed
            | CallEffect::DeviceNamed
            | CallEffect::DeviceChosen
            | CallEffect::DeviceKnown
            | CallEffect::TokenGiven
            | CallEffect::AliasLeads
            | CallEffect::PreviewListed
            | CallEffect::GuestsListed
            | CallEffect::RoomHidden
            | CallEffect::MessageKept => return None,
            CallEffect::RoomForgotten => {
                let program = "(.chunk // []) | length == 0";
                answer_check("the room is forgotten", program, holds)
            }
            CallEffect::NameRemoved => {
                let program = "(.displayname // \"\") == \"\"";
                answer_check("the display name is removed", program, holds)
            }
        })
    }

    /// The lines that check whether the answer contains the tagged event.
    fn presence_checks(&mut self, call: &ScriptCall<'_>, presence: &EventPresence) -> Vec<String> {
        let Some((tagged, is_note)) = self.recording.tagged.clone() else { return Vec::new() };
        // Use the variable of the id once, so that the script sets the variable.
        self.variables.text(&tagged);
        let direction = call.first.request.parameter("dir");
        let direction = direction.filter(|_| call.kind == Kind::Pages);
        let is_present = match presence {
            EventPresence::Present => true,
            EventPresence::Absent => false,
            EventPresence::Partial(Direction::Backwards) => direction == Some("b"),
            EventPresence::Partial(Direction::Forwards) => direction == Some("f"),
            EventPresence::CutOff => return Vec::new(),
        };
        let expected = if is_present { "yes" } else { "no" };
        let mut lines = Vec::new();
        if call.kind != Kind::Pages {
            let Some(program) = self.events(call.first, is_note) else { return Vec::new() };
            lines.push(format!("given {}", word(&program)));
        }
        let direction = direction.map_or(String::new(), |dir| format!(" (dir={dir})"));
        lines.push(format!("compare 'gives {LABEL}{direction}' {expected} \"$gave\""));
        lines
    }

    /// The jq program that lists the event ids in an answer, in the same places as `diff`. `None` for
    /// endpoints whose answers are read page by page, or have no list of events.
    fn events(&mut self, exchange: &Exchange, is_note: bool) -> Option<String> {
        let endpoint = EndpointId::find(exchange.request.call)?;
        let note = |program: &str| if is_note { format!(", {program}") } else { String::new() };
        Some(match endpoint.get().gives? {
            Gives::Event if endpoint == KNOWN.event => ".event_id".to_owned(),
            Gives::Event => match exchange.request.parameter("ts") {
                // A search by time may return another event with the same time stamp.
                Some(time) => {
                    let time = self.variables.text(time);
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
                let room = self.variables.text(self.recording.rooms.first()?);
                let note = note(".state.events[]?.event_id");
                format!(".rooms.join[{room}] | .timeline.events[]?.event_id{note}")
            }
            Gives::StateEvent | Gives::Members | Gives::Timeline | Gives::Stream => {
                return None;
            }
        })
    }

    /// The lines that wait until the memberships after a step are those of the report. After the last
    /// step, the script waits for the memberships that the rules expect.
    pub(super) fn watch(&mut self, call: &ScriptCall<'_>) -> Vec<String> {
        let Some(step) = call.first.step else { return Vec::new() };
        let record = &self.log[step];
        let mut lines = Vec::new();
        let rooms = record.members.iter().flatten().zip(&self.recording.rooms);
        for (number, (seen, id)) in rooms.enumerate() {
            let target =
                word(&self.variables.target(&in_room(call, &self.recording.rooms, id), &[]));
            let program = word(&self.program(record));
            let seen = self.in_words(record, *seen);
            if step != self.last {
                lines.push(format!(
                    "memberships {target} \\\n    {} \\\n    {program} ||",
                    word(&seen)
                ));
                lines.push("    stop 'the memberships are not those of the report'".to_owned());
                continue;
            }
            // After the expected answer, a missing effect may still come. After a wrong answer, no
            // effect comes.
            let should_be = self.expected.as_ref().filter(|e| record.observed.fits(&e.observation));
            let should_be = should_be.and_then(|outcome| outcome.next.rooms.get(number));
            let should_be =
                should_be.map(|room| Memberships { guests: room.members, user: room.user });
            let wanted =
                should_be.map_or_else(|| seen.clone(), |members| self.in_words(record, members));
            let wanted = word(&wanted);
            lines.push(format!("memberships {target} \\\n    {wanted} \\\n    {program} || true"));
            lines.push(format!("compare 'in room{}' {} \"$found\"", number + 1, word(&seen)));
        }
        lines
    }

    /// The guests whose memberships are compared: those who are registered by then.
    fn guests(&self, record: &StepRecord) -> Vec<(usize, String)> {
        let guests = (0..MAX_GUESTS).filter(|guest| !record.gone[*guest]);
        let guests =
            guests.filter_map(|guest| Some((guest, self.recording.guests[guest].clone()?)));
        guests.filter(|(_, id)| self.variables.has(id)).collect()
    }

    /// The memberships in words.
    fn in_words(&self, record: &StepRecord, members: Memberships) -> String {
        let guest = |(guest, _)| format!("guest{} {}, ", guest + 1, members.guests[guest]);
        let guests: String = self.guests(record).into_iter().map(guest).collect();
        format!("{guests}the user {}", members.user)
    }

    /// The jq program that writes the memberships in an answer in the same words.
    fn program(&mut self, record: &StepRecord) -> String {
        let mut program = String::new();
        for (guest, id) in self.guests(record) {
            program += &format!("guest{} \\(of({})), ", guest + 1, self.variables.text(&id));
        }
        let user = self.variables.text(&self.recording.user.0);
        format!("\"{program}the user \\(of({user}))\"")
    }
}

/// The call that reads the members of this room, made from the call for the first room.
fn in_room(call: &ScriptCall<'_>, rooms: &[String], id: &str) -> Request {
    let first = rooms.first();
    let segment =
        |segment: String| if first == Some(&segment) { escaped(id) } else { escaped(&segment) };
    let path: Vec<_> = call.first.request.segments().map(segment).collect();
    Request { path: path.join("/"), ..call.first.request.clone() }
}

/// The result of a call, as the script prints it: `allow`, or the status and the error code.
fn result_of(exchange: &Exchange) -> String {
    match &exchange.errcode {
        _ if exchange.is_allowed() => "allow".to_owned(),
        Some(errcode) => format!("{} {errcode}", exchange.status),
        None => exchange.status.to_string(),
    }
}

/// The line that evaluates a jq program on the answer, and compares the result with the report.
fn answer_check(what: &str, program: &str, reported: bool) -> String {
    format!("compare '{what}' {reported} \"$(jq -r {} \"$answer\" 2>/dev/null)\"", word(program))
}
