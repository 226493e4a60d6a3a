//! The command `serve`.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Stdio};

use crate::cli::{program, run};

/// The running command and its URL. Dropping the value ends the command.
struct Running(Child, String);

impl Running {
    fn start(args: &[&str]) -> Self {
        let mut child = program()
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        Self(child, url.trim().to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_server_answers_at_the_url_of_the_first_line() {
    let running = Running::start(&["--rules", "v1.1"]);
    let url = format!("{}/_matrix/client/versions", running.1);
    assert_eq!(reqwest::blocking::get(url).unwrap().status().as_u16(), 200);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_server_and_no_token_is_printed() {
    let mut running = Running::start(&["--defect", "join.gate=none"]);
    let url = format!("{}/_matrix/client/v3/register?kind=guest", running.1);
    let guest = super::client::http().post(url).body("{}").send().unwrap();
    let guest: serde_json::Value = guest.json().unwrap();
    let interrupt = std::process::Command::new("kill")
        .args(["-INT", &running.0.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupt.success());
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    let mut output = String::new();
    running.0.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    running.0.stderr.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(output.contains("v1.17 with join.gate=none is being served"), "{output}");
    assert!(!output.contains(guest["access_token"].as_str().unwrap()), "{output}");
}

#[test]
fn a_used_address_and_unknown_defects_or_rules_are_wrong_input() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for (args, says) in [
        (["--listen", &address], "cannot be listened on; name another with `--listen`"),
        (["--defect", "join.gate=non"], "did you mean `join.gate=none`?"),
        (["--rules", "v0.1"], "v0.1"),
    ] {
        let ran = run(["serve"].into_iter().chain(args));
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(says), "{ran:?}");
        assert_eq!(ran.out, "");
    }
}
