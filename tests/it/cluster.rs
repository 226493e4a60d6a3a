//! `check` by several processes: two on this machine, and what becomes of one whose fellow is lost.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::cli::{Folder, Ran, program, run, run_line};

/// A hosts file with so many addresses that nobody listens on.
fn hosts(folder: &Folder, processes: usize) -> String {
    let listeners: Vec<_> =
        (0..processes).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let lines: String =
        listeners.iter().map(|listener| format!("{}\n", listener.local_addr().unwrap())).collect();
    folder.file("hosts", lines).display().to_string()
}

fn start(line: &str, hosts: &str, process: usize) -> Child {
    let process = process.to_string();
    let cluster = ["--hosts", hosts, "--process", &process];
    program()
        .args(line.split(' ').chain(cluster))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What was found, without how.
fn found(report: &Value) -> Value {
    let stable_keys = ["complete", "states", "transitions", "depth", "properties"];
    stable_keys.iter().map(|key| report[key].clone()).collect()
}

#[test]
fn two_processes_find_the_result_of_one() {
    let line = "check latest --guests 2 --rooms 1 --format json --quiet --workers 2";
    let alone = run_line(line).json();
    assert_eq!((&alone["states"], &alone["engine"]), (&660_972.into(), &"timely".into()));
    let folder = Folder::new();
    let hosts = hosts(&folder, 2);
    let both = [0, 1].map(|process| start(line, &hosts, process));
    for process in both {
        let ran = Ran::from(process.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
        assert_eq!(found(&ran.json()), found(&alone));
    }
}

#[test]
fn a_process_that_is_lost_ends_the_run_without_a_verdict() {
    let folder = Folder::new();
    let hosts = hosts(&folder, 2);
    // Nothing is said before five seconds, and three servers take many minutes wherever.
    let line = "check latest --model federated --servers 3 --workers 1";
    let mut stays = start(line, &hosts, 0);
    let mut goes = start(line, &hosts, 1);
    let mut lines = BufReader::new(stays.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("a second"), "{first}");
    goes.kill().unwrap();
    goes.wait().unwrap();
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    let ran = Ran::from(stays.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{rest:?}");
    assert!(rest.last().unwrap().contains("another process, broke off"), "{rest:?}");
    assert!(!rest.iter().any(|line| line.contains("panicked")), "{rest:?}");
}

#[test]
fn a_process_that_does_not_connect_is_named() {
    let folder = Folder::new();
    let hosts = hosts(&folder, 2);
    let line =
        format!("check latest --guests 2 --hosts {hosts} --process 0 --wait-for-hosts 100ms");
    let ran = run_line(&line);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.err.contains("process 1, `127.0.0.1:"), "{ran:?}");
}

#[test]
fn processes_that_are_about_different_work_do_not_begin() {
    let folder = Folder::new();
    let hosts = hosts(&folder, 2);
    let one = start("check latest --guests 2 --quiet --workers 1", &hosts, 0);
    let other = start("check r0.0.0 --guests 2 --quiet --workers 1", &hosts, 1);
    for process in [one, other] {
        let ran = Ran::from(process.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(3), "{ran:?}");
    }
}

#[test]
fn a_wrong_hosts_file_is_reported_with_its_line() {
    let folder = Folder::new();
    let path = folder.file("hosts", "127.0.0.1:2101\nnowhere\n").display().to_string();
    let ran = run(["check", "--hosts", &path, "--process", "0"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("line 2") && ran.err.contains("`nowhere`"), "{ran:?}");
    let hosts = hosts(&folder, 2);
    let ran = run(["check", "--hosts", &hosts, "--process", "2"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("no process 2"), "{ran:?}");
    let ran = run(["check", "--hosts", &hosts, "--process", "0", "--engine", "stateright"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
}
