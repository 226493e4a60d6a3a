//! Running the program, and reading what it said.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guest-access"));
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

/// What the program did with these arguments.
pub(crate) fn run<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Ran {
    Ran::from(program().args(args).output().unwrap())
}

/// What the program did with the arguments of this line.
pub(crate) fn run_line(line: &str) -> Ran {
    run(line.split_whitespace())
}

/// What the program did with the arguments of this line, and this on its standard input.
pub(crate) fn run_with_input(line: &str, input: impl AsRef<[u8]>) -> Ran {
    let piped = || Stdio::piped();
    let mut command = program();
    command.args(line.split_whitespace()).stdin(piped()).stdout(piped()).stderr(piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_ref()).unwrap();
    Ran::from(child.wait_with_output().unwrap())
}

/// The most characters in one line of a snapshot.
pub(crate) const SNAPSHOT_WIDTH: usize = 200;

/// The text for a snapshot: a line that is too long goes on in the next, four spaces further in.
pub(crate) fn wrapped(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let indentation: String = line.chars().take_while(|c| *c == ' ').collect();
        let mut words = line.split(' ');
        let mut wrapped = words.next().unwrap_or_default().to_owned();
        for word in words {
            if wrapped.chars().count() + 1 + word.chars().count() > SNAPSHOT_WIDTH {
                let next = format!("{indentation}    {word}");
                lines.push(std::mem::replace(&mut wrapped, next));
            } else {
                wrapped = format!("{wrapped} {word}");
            }
        }
        lines.push(wrapped);
    }
    lines.join("\n")
}

/// What the program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// The report, with what differs from run to run left out.
    pub(crate) fn text(&self) -> String {
        let seconds = |line: &str| match line.split_once(", in ") {
            Some((before, after)) if after.ends_with(" s") => format!("{before}, in [time]"),
            _ => line.to_owned(),
        };
        let lines: Vec<_> = self.out.lines().map(seconds).collect();
        lines.join("\n")
    }

    /// The report, as JSON, with what differs from run to run left out.
    pub(crate) fn stable_json(&self) -> Value {
        let mut report = self.json();
        for pointer in
            ["/seconds", "/peak_bytes", "/run/started", "/run/rules_sha256", "/run/command"]
        {
            if let Some(value) = report.pointer_mut(pointer) {
                assert!(!value.is_null(), "{pointer}");
                *value = "[differs]".into();
            }
        }
        report
    }

    /// The report, as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A folder of files for one test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A file with this content.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What was said, with the folder's own path left out.
    pub(crate) fn without_path(&self, text: &str) -> String {
        let real = self.0.path().canonicalize().unwrap();
        text.replace(&format!("{}/", real.display()), "")
            .replace(&format!("{}/", self.0.path().display()), "")
    }
}
