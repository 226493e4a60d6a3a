//! Bad input and bad homeservers, case by case. `docs/robustness.md` shows the same cases.
//!
//! | file | contents |
//! |---|---|
//! | `robustness/input.toml` | commands with bad input: each a script for bash |
//! | `robustness/servers.toml` | homeservers that misbehave, and what `diff` says of them |
//!
//! Each case runs in a new folder. It has to end with the exit code and the message of its row. No case
//! panics, and no case shows a token.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Deserialize;

use crate::cli::{Folder, Ran};
use crate::diff::misbehaving::{Reply, misbehaving};

/// The cases of one file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases<T> {
    case: Vec<T>,
}

/// A command with bad input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputCase {
    /// The heading of the table.
    group: String,
    /// The input, in words.
    what: String,
    /// The script. It has the functions of [`PRELUDE`].
    run: String,
    /// The exit code.
    code: i32,
    /// A part of the standard error, or of the report if the standard error is empty.
    says: String,
}

/// A homeserver that misbehaves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerCase {
    group: String,
    what: String,
    /// The calls that misbehave: a part of the request line [default: every call].
    #[serde(default)]
    at: String,
    /// The number of calls before the first that misbehaves.
    #[serde(default)]
    after: usize,
    /// The status line of the reply, without `HTTP/1.1`.
    #[serde(default = "ok")]
    status: String,
    /// Further headers.
    #[serde(default)]
    headers: String,
    /// The body, or with `raw` the whole reply.
    #[serde(default)]
    body: String,
    /// What is sent again and again after the body.
    #[serde(default)]
    repeat: String,
    /// How often.
    #[serde(default)]
    times: usize,
    /// The way of the reply.
    #[serde(default)]
    way: Way,
    /// More arguments of `diff`.
    #[serde(default)]
    args: String,
    code: i32,
    says: String,
}

fn ok() -> String {
    "200 OK".to_owned()
}

/// How a homeserver replies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    /// With the status, the headers and the body.
    #[default]
    Whole,
    /// With the body alone, which is not HTTP.
    Raw,
    /// Byte by byte.
    Drip,
    /// Not at all.
    Silence,
    /// By the end of the connection.
    Close,
}

/// The functions of the scripts.
const PRELUDE: &str = r#"
set -u
ga() { "$GUEST_ACCESS" "$@"; }
# rules LINES: a rules file `p.toml` that extends v1.16.
rules() { printf 'id = "p"\nabout = ""\nextends = "v1.16"\n%b\n' "${1-}" >p.toml; }
# scenario STEP: a scenario `a.json` with this step after the registration of a guest.
scenario() {
    printf '{"id": "a", "rules": "latest", "about": "", "clauses": [], "steps": [
{"as": "guest1", "do": "register as guest"}, %s]}' "$1" >a.json
}
# times N TEXT: the text N times.
times() { printf "%.0s$2" $(seq "$1"); }
"#;

fn read<T: for<'de> Deserialize<'de>>(name: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/robustness").join(name);
    let cases: Cases<T> = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    cases.case
}

/// The most time that a case may take, in seconds. `timeout` ends it then with the exit code 124.
const MOST_SECONDS: &str = "120";

/// Why the case is not as its row says; `None` if it is.
fn fault(what: &str, (code, says): (i32, &str), ran: &Ran) -> Option<String> {
    let said = if ran.err.is_empty() { &ran.out } else { &ran.err };
    let is_so = ran.code == Some(code) && said.contains(says);
    let is_clean = ["panicked", "SECRET", "RUST_BACKTRACE"]
        .iter()
        .all(|word| !ran.err.contains(word) && !ran.out.contains(word));
    // Only colours may control a terminal, and there is no terminal here.
    let is_plain = !ran.err.contains('\u{1b}') && !ran.out.contains('\u{1b}');
    let start: String = said.chars().take(500).collect();
    (!is_so || !is_clean || !is_plain)
        .then(|| format!("{what}\n  code {:?} instead of {code}, `{says}`\n  {start}", ran.code))
}

/// Runs each case on two threads, and fails with all faults.
fn each<T: Sync>(cases: &[T], fault: impl Fn(&T) -> Option<String> + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        let numbers = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        let cases = numbers.map_while(|number| cases.get(number));
        cases.filter_map(&fault).collect::<Vec<_>>()
    };
    let faults: Vec<_> = std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(faults.is_empty(), "{} cases:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn bad_input_is_refused_with_a_message() {
    let cases: Vec<InputCase> = read("input.toml");
    assert!(cases.len() >= 150, "{}", cases.len());
    each(&cases, |case| {
        let folder = Folder::new();
        let mut command = Command::new("timeout");
        command.args([MOST_SECONDS, "bash", "-c", &format!("{PRELUDE}{}", case.run)]);
        command
            .current_dir(folder.path(""))
            .env("GUEST_ACCESS", env!("CARGO_BIN_EXE_guest-access"));
        command.stdin(std::process::Stdio::null());
        let ran = Ran::from(command.output().unwrap());
        fault(&case.what, (case.code, &case.says), &ran)
    });
}

impl ServerCase {
    /// The reply to a call; `None` if the call is answered as it should be.
    fn reply(&self, number: usize, line: &str) -> Option<Reply> {
        if number < self.after || !line.contains(&self.at) {
            return None;
        }
        let body = self.body.clone() + &self.repeat.repeat(self.times);
        let length = if self.headers.contains("content-length") {
            String::new()
        } else {
            format!("content-length: {}\r\n", body.len())
        };
        let (status, headers) = (&self.status, self.headers.replace('\n', "\r\n"));
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}{length}connection: close\r\n\r\n"
        );
        Some(match self.way {
            Way::Whole => Reply::Bytes((head + &body).into_bytes()),
            Way::Raw => Reply::Bytes(body.into_bytes()),
            Way::Drip => Reply::Drip((head + &body).into_bytes(), Duration::from_millis(200)),
            Way::Silence => Reply::Silence,
            Way::Close => Reply::Bytes(Vec::new()),
        })
    }
}

/// A scenario in which a guest previews a room.
const PREVIEW: &str = r#"{"id": "preview", "rules": "latest", "about": "", "clauses": [], "steps": [
    {"as": "guest1", "do": "register as guest"},
    {"as": "moderator", "do": "set history visibility", "room": "room1", "to": "world_readable"},
    {"as": "guest1", "do": "GET /rooms/{roomId}/messages", "room": "room1"}
]}"#;

#[test]
fn a_bad_homeserver_ends_in_a_message() {
    let cases: Vec<ServerCase> = read("servers.toml");
    assert!(cases.len() >= 40, "{}", cases.len());
    each(&cases, |case| {
        let folder = Folder::new();
        let scenarios: PathBuf = folder.path("scenarios");
        std::fs::create_dir(&scenarios).unwrap();
        std::fs::write(scenarios.join("preview.json"), PREVIEW).unwrap();
        let served = case.clone();
        let url = misbehaving(move |number, line| served.reply(number, line));
        let mut command = Command::new("timeout");
        command.args([MOST_SECONDS, env!("CARGO_BIN_EXE_guest-access"), "diff", "--quiet"]);
        command.args(["--jobs", "1", "--call-timeout", "2s", "--settle", "0s", "--server", &url]);
        command.arg("--scenarios").arg(&scenarios).args(case.args.split_whitespace());
        let mut ran = Ran::from(command.output().unwrap());
        // The report says more than the standard error.
        ran.err += &ran.out;
        fault(&case.what, (case.code, &case.says), &ran)
    });
}

/// One row of the page.
fn row(what: &str, code: i32, says: &str) -> String {
    let says = says.replace('|', "\\|");
    let says =
        if says.is_empty() { String::new() } else { format!("`{}`", says.replace('`', "'")) };
    format!("| {what} | {code} | {says} |")
}

#[test]
fn the_page_on_robustness_has_every_case() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/robustness.md");
    let page = std::fs::read_to_string(path).unwrap();
    let input: Vec<InputCase> = read("input.toml");
    let servers: Vec<ServerCase> = read("servers.toml");
    let rows = input.iter().map(|case| (&case.group, row(&case.what, case.code, &case.says)));
    let rows = rows
        .chain(servers.iter().map(|case| (&case.group, row(&case.what, case.code, &case.says))));
    let mut groups: Vec<(&String, Vec<String>)> = Vec::new();
    for (group, row) in rows {
        match groups.last_mut() {
            Some((last, rows)) if *last == group => rows.push(row),
            _ => groups.push((group, vec![row])),
        }
    }
    let names: BTreeSet<_> = groups.iter().map(|(group, _)| group).collect();
    assert_eq!(names.len(), groups.len(), "a group is in two places");
    let tables = groups.iter().map(|(group, rows)| {
        format!(
            "## {group}\n\n| case | exit code | what the program says |\n|---|---|---|\n{}\n",
            rows.join("\n")
        )
    });
    let tables = tables.collect::<Vec<_>>().join("\n");
    let (_, shown) = page.split_once("\n## ").unwrap();
    assert!(format!("## {shown}") == tables, "the page has to end with:\n{tables}");
}
