//! `explore`: the Explorer, as far as it can be tried without a browser.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use crate::cli::{program, run};

#[test]
fn a_port_in_use_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let ran = run(["explore", "--listen", &address]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("cannot be listened on; name another"), "{ran:?}");
}

#[test]
fn states_and_steps_are_in_words() {
    let mut child = program()
        .args(["explore", "--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap();
    let answer = ask(address, "/.states/0");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(answer.contains("guest1 registers as a guest"), "{answer}");
    assert!(answer.contains("guest1 has the account `guest`"), "{answer}");
    assert!(answer.contains("<svg"), "{answer}");
}

/// What the Explorer answers, once it listens.
fn ask(address: &str, path: &str) -> String {
    for _ in 0..100 {
        if let Ok(mut stream) = TcpStream::connect(address) {
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
                .unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            return answer;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("the Explorer does not listen on {address}")
}
