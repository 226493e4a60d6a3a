//! A layer in front of the embedded reference: it handles whole calls, and knows who calls.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use guest_access_reference::serve::Embedded;
use guest_access_rules::profile::Profile;
use serde_json::{Value, json};

/// A call to the homeserver.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: String,
    /// The path and the query.
    pub(super) target: String,
    /// The segments of the path after `/_matrix/client/v3`, decoded.
    pub(super) segments: Vec<String>,
    pub(super) token: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Call {
    pub(super) fn is(&self, method: &str, pattern: &[&str]) -> bool {
        let alike = |(segment, part): (&String, &&str)| part.is_empty() || segment == part;
        self.method == method
            && self.segments.len() == pattern.len()
            && self.segments.iter().zip(pattern).all(alike)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// An answer: the status and the JSON. An answer that is `null` has an empty body.
pub(super) type Reply = (u16, Value);

pub(super) fn refusal(status: u16, errcode: &str) -> Reply {
    (status, json!({ "errcode": errcode, "error": "refused by the layer" }))
}

/// The reference behind the layer, and what the layer has seen of its users and rooms.
pub(super) struct Behind {
    reference: Embedded,
    client: reqwest::blocking::Client,
    /// The user and the kind of account, by token.
    users: Mutex<BTreeMap<String, (String, bool)>>,
    /// The token of the creator, by room.
    creators: Mutex<BTreeMap<String, String>>,
    /// What the layer has noted.
    notes: Mutex<BTreeSet<(String, String)>>,
}

impl Behind {
    /// The answer of the reference.
    pub(super) fn forward(&self, call: &Call) -> Reply {
        let reply = self.request(&call.method, &call.target, call.token.as_deref(), &call.body);
        let text = |key: &str| reply.1[key].as_str().map(str::to_owned);
        if let (200, Some(token), Some(user)) = (reply.0, text("access_token"), text("user_id")) {
            let is_guest = call.target.contains("kind=guest");
            self.users.lock().unwrap().insert(token, (user, is_guest));
        }
        if let (true, Some(room), Some(token)) =
            (call.is("POST", &["createRoom"]), text("room_id"), &call.token)
        {
            self.creators.lock().unwrap().insert(room, token.clone());
        }
        reply
    }

    /// The answer of the reference to a call that the layer makes.
    pub(super) fn request(
        &self,
        method: &str,
        target: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Reply {
        let method = method.parse().unwrap();
        let mut request = self.client.request(method, format!("{}{target}", self.reference.url()));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json").body(body.to_vec());
        }
        let response = request.send().unwrap();
        let status = response.status().as_u16();
        (status, response.json().unwrap_or_default())
    }

    /// The user who calls.
    pub(super) fn caller(&self, call: &Call) -> Option<String> {
        let users = self.users.lock().unwrap();
        users.get(call.token.as_ref()?).map(|(user, _)| user.clone())
    }

    /// Whether a guest calls, by the token of its registration.
    pub(super) fn is_guest(&self, call: &Call) -> bool {
        let users = self.users.lock().unwrap();
        call.token.as_ref().and_then(|token| users.get(token)).is_some_and(|(_, guest)| *guest)
    }

    /// Whether the layer has seen this room created.
    pub(super) fn has_room(&self, room: &str) -> bool {
        self.creators.lock().unwrap().contains_key(room)
    }

    /// The rooms that the layer has seen created.
    pub(super) fn rooms(&self) -> Vec<String> {
        self.creators.lock().unwrap().keys().cloned().collect()
    }

    /// The answer to a read of the room by its creator; `target` follows the id of the room in the path.
    pub(super) fn as_creator(&self, room: &str, target: &str) -> Value {
        let creator = self.creators.lock().unwrap().get(room).cloned();
        let target = format!("/_matrix/client/v3/rooms/{room}/{target}");
        self.request("GET", &target, creator.as_deref(), b"").1
    }

    /// The creator of the room removes the user.
    pub(super) fn kick(&self, room: &str, user: &str) {
        let creator = self.creators.lock().unwrap().get(room).cloned();
        let target = format!("/_matrix/client/v3/rooms/{room}/kick");
        let body = json!({ "user_id": user }).to_string();
        self.request("POST", &target, creator.as_deref(), body.as_bytes());
    }

    /// The content of a state event of the room, as its creator reads the event.
    fn state(&self, room: &str, kind: &str, key: &str) -> Option<Value> {
        let creator = self.creators.lock().unwrap().get(room).cloned()?;
        let target = format!("/_matrix/client/v3/rooms/{room}/state/{kind}/{key}");
        let (status, content) = self.request("GET", &target, Some(&creator), b"");
        (status == 200).then_some(content)
    }

    pub(super) fn membership(&self, room: &str, user: &str) -> Option<String> {
        let content = self.state(room, "m.room.member", user)?;
        content["membership"].as_str().map(str::to_owned)
    }

    pub(super) fn is_world_readable(&self, room: &str) -> bool {
        let setting = self.state(room, "m.room.history_visibility", "");
        setting.is_some_and(|content| content["history_visibility"] == "world_readable")
    }

    pub(super) fn note(&self, room: &str, user: &str) {
        self.notes.lock().unwrap().insert((room.to_owned(), user.to_owned()));
    }

    pub(super) fn has_note(&self, room: &str, user: &str) -> bool {
        self.notes.lock().unwrap().contains(&(room.to_owned(), user.to_owned()))
    }

    pub(super) fn erase_note(&self, room: &str, user: &str) {
        self.notes.lock().unwrap().remove(&(room.to_owned(), user.to_owned()));
    }
}

/// The answer to a call. A layer that leaves a call as it is forwards the call.
pub(super) type Layer = fn(&Behind, &Call) -> Reply;

/// Starts the reference with this profile, and the layer in front of it. Returns the URL.
pub(super) fn in_front_of(profile: Profile, layer: Layer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // An error means that a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let behind = Arc::new(Behind {
        reference: Embedded::start(profile).unwrap(),
        client: reqwest::blocking::Client::new(),
        users: Mutex::default(),
        creators: Mutex::default(),
        notes: Mutex::default(),
    });
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, behind) = (stream.unwrap(), Arc::clone(&behind));
            std::thread::spawn(move || answer_calls(&stream, &behind, layer));
        }
    });
    url
}

/// Answers the calls of one connection, until the client closes the connection.
fn answer_calls(mut stream: &TcpStream, behind: &Behind, layer: Layer) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(call) = read_call(&mut reader) {
        let (status, body) = layer(behind, &call);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

fn read_call(reader: &mut impl BufRead) -> Option<Call> {
    let (mut first, mut token, mut length) = (String::new(), None, 0);
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match &*name.to_ascii_lowercase() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => token = value.strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let path = target.split('?').next().unwrap_or_default();
    let decoded =
        |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into();
    let segments = path.split('/').skip(4).map(decoded).collect();
    Some(Call { method, target, segments, token, body })
}
