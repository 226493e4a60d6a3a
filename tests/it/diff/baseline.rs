//! The baseline and the formats of the report, through the command.

use guest_access_reference::serve::Embedded;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;

use super::diff_vectors;
use crate::cli::{Folder, Ran, run, run_line, run_with_input};

/// A reference with a defect. It runs until the value is dropped.
struct DefectiveServer(Embedded);

impl DefectiveServer {
    fn start() -> Self {
        let mistake = variant::find(&Rules::find("latest").unwrap(), "join.gate=none").unwrap();
        Self(Embedded::start(mistake.profile).unwrap())
    }

    /// Runs `diff` with a few vectors.
    fn diff(&self, args: &[&str]) -> Ran {
        let url = self.0.url();
        diff_vectors(["--server", &url, "--quiet", "--only", "guest-access*"].iter().chain(args))
    }

    /// Runs `diff --replay` with this report.
    fn replay(&self, report: &str) -> Ran {
        run(["diff", "--server", &self.0.url(), "--quiet", "--replay", report])
    }
}

#[test]
fn a_baseline_passes_until_a_divergence_no_longer_occurs() {
    let folder = Folder::new();
    let known = folder.path("known.toml").display().to_string();
    let again = folder.path("again.toml").display().to_string();
    let server = DefectiveServer::start();
    let ran = server.diff(&["--format", "jsonl"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains(r#"{"Action":"fail","Test":"#), "{ran:?}");
    let ran = server.diff(&["--write-baseline", &known]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = server.diff(&["--baseline", &known, "--write-baseline", &again]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let (known_text, again) =
        (std::fs::read_to_string(&known).unwrap(), std::fs::read_to_string(again).unwrap());
    assert!(known_text.contains("[[known]]"));
    assert_eq!(known_text, again, "two runs give the same ids");
    let mended = diff_vectors([
        "--quiet",
        "--only",
        "guest-access*",
        "--baseline",
        &known,
        "--format",
        "json",
    ]);
    assert_eq!(mended.code, Some(1), "{mended:?}");
    let report = mended.json();
    let stale = report["baseline"]["stale"].as_array().unwrap();
    assert_eq!(stale.len(), known_text.matches("[[known]]").count(), "{stale:?}");
    let others = diff_vectors(["--quiet", "--only", "accounts", "--baseline", &known]);
    assert_eq!(others.code, Some(0), "{others:?}");
    assert!(others.out.contains("was not selected"), "{others:?}");
}

/// The ids of the current scheme, for a reference that lets every guest join. A changed id breaks the
/// baselines of all users. To change ids on purpose, raise `ID_SCHEME`.
const IDS: [&str; 4] =
    ["leak-join-36a28a1b", "leak-join-4378525a", "error-join-9de8751c", "error-join-92225fa2"];

#[test]
fn ids_do_not_depend_on_words_or_selected_vectors() {
    let server = DefectiveServer::start();
    let ids = |ran: &Ran| -> Vec<String> {
        let report = ran.json();
        assert_eq!(report["ids"], 3);
        let divergences = report["divergences"].as_array().unwrap();
        divergences.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let url = server.0.url();
    let always = ["--server", &url, "--quiet", "--format", "json", "--only"];
    let with = |only: &str| ids(&diff_vectors(always.iter().chain(&[only])));
    assert_eq!(with("room-*"), IDS);
    assert_eq!(with("guest-access*"), IDS[..1]);
}

#[test]
fn a_baseline_with_old_ids_is_refused_and_can_be_rewritten() {
    let folder = Folder::new();
    let known = folder.path("known.toml").display().to_string();
    let server = DefectiveServer::start();
    let ran = server.diff(&["--write-baseline", &known]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let text = std::fs::read_to_string(&known).unwrap();
    let older = text.replace("ids = 3\n", "").replace("id = \"leak", "id = \"older-leak");
    let older = older.replacen("reason = \"\"", "reason = \"an issue\"", 1);
    std::fs::write(&known, &older).unwrap();
    let ran = server.diff(&["--baseline", &known]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
    assert!(
        ran.err.contains("has ids of scheme 1, and this version makes ids of scheme 3"),
        "{ran:?}"
    );
    assert!(ran.err.contains("`--write-baseline FILE`"), "{ran:?}");
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    // The reason of a divergence stays, because the words are the same.
    let ran = server.diff(&["--write-baseline", &known]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let again = std::fs::read_to_string(&known).unwrap();
    assert_eq!(again, text.replacen("reason = \"\"", "reason = \"an issue\"", 1));
}

#[test]
fn one_run_writes_every_format_without_any_token() {
    let folder = Folder::new();
    let formats = ["text", "json", "junit", "html", "jsonl"];
    let server = DefectiveServer::start();
    let also: Vec<_> = formats
        .iter()
        .flat_map(|format| {
            ["--also".to_owned(), format!("{format}={}", folder.path(format).display())]
        })
        .collect();
    let ran = server.diff(&also.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(!contains_a_token(&ran.err), "{}", ran.err);
    for format in formats {
        let text = std::fs::read_to_string(folder.path(format)).unwrap();
        assert!(text.contains("v1.17"), "{format}");
        assert!(!contains_a_token(&text), "{format}");
    }
    let replayed = server.replay(&folder.path("json").display().to_string());
    assert_eq!(replayed.code, Some(1), "{replayed:?}");
    assert!(!contains_a_token(&replayed.out) && !contains_a_token(&replayed.err), "{replayed:?}");
    assert_eq!(std::fs::read_to_string(folder.path("text")).unwrap(), ran.out);
}

/// Whether a text contains an access token. Tokens of the reference are `token-` and a number. Tokens of
/// real homeservers begin with `syt_`, `mat_` or `MDAx`.
fn contains_a_token(text: &str) -> bool {
    let numbered = |after: &str| after.starts_with(|c: char| c.is_ascii_digit());
    text.split("token-").skip(1).any(numbered)
        || ["syt_", "mat_", "MDAx"].iter().any(|begin| {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let mut words = text.split(|c| !is_word(c));
            words.any(|word| word.starts_with(begin) && word.len() > 20)
        })
}

#[test]
fn no_snapshot_contains_a_token() {
    fn visit(folder: &std::path::Path, seen: &mut usize) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, seen);
            } else if path.extension().is_some_and(|extension| extension == "snap") {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(!contains_a_token(&text), "{}", path.display());
                *seen += 1;
            }
        }
    }
    let mut seen = 0;
    for folder in ["tests", "model/tests"] {
        visit(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut seen);
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn a_wrong_baseline_is_reported_with_its_line_before_any_call() {
    let folder = Folder::new();
    let entry = "[[known]]\nid = \"a\"\nreason = \"\"\nlink = \"\"\nstep = \"\"\nby = \"\"\nexpected = \"\"\nobserved = \"\"\nvectors = []\n";
    let cases = [
        ("not TOML", "rules = \"v1.17".to_owned()),
        ("no rules", String::new()),
        ("other rules", "\nrules = \"r0.0.0\"\n".to_owned()),
        ("ids of an older scheme", "rules = \"v1.17\"\n".to_owned()),
        ("an unknown key", "rules = \"v1.17\"\n[[known]]\nid = \"a\"\nwhy = \"\"\n".to_owned()),
        ("an entry without a reason", "rules = \"v1.17\"\n[[known]]\nid = \"a\"\n".to_owned()),
        ("listed twice", format!("rules = \"v1.17\"\nids = 3\n\n{entry}\n{entry}")),
    ];
    let mut messages = String::new();
    for (what, text) in cases {
        let path = folder.file("known.toml", text);
        let ran = run(["diff".into(), "--baseline".into(), path.into_os_string()]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        messages += &format!("{what}\n  {}", folder.without_path(&ran.err));
    }
    for input in [&b"rules = \"r0.0.0\""[..], b"rules = \"latest\"\n# \xff"] {
        let ran = run_with_input("diff --baseline -", input);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        messages += &format!("the standard input\n  {}", ran.err);
    }
    let ran = run_line("diff --baseline no-such-file.toml");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    messages += &format!("no file\n  {}", ran.err);
    let ran = run_line("diff --also pdf=report.pdf");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    messages += &ran.err;
    insta::assert_snapshot!(messages);
}
