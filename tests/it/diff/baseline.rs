//! The baseline and the forms of the report, by the command as a whole.

use guest_access::serve::Embedded;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant;

use crate::cli::{Folder, Ran, run, run_line, run_with_input};

/// A mistaken reference, for as long as this lives.
struct Mistaken(Embedded);

impl Mistaken {
    fn start() -> Self {
        let mistake = variant::find(&Rules::find("latest").unwrap(), "join.gate=none").unwrap();
        Self(Embedded::start(mistake.profile).unwrap())
    }

    /// `diff` against it, by a few vectors.
    fn diff(&self, args: &[&str]) -> Ran {
        let url = self.0.url();
        run(["diff", "--server", &url, "--quiet", "--only", "guest-access*"].iter().chain(args))
    }

    /// What it still does of this report.
    fn replay(&self, report: &str) -> Ran {
        run(["diff", "--server", &self.0.url(), "--quiet", "--replay", report])
    }
}

#[test]
fn a_baseline_is_written_and_holds_until_what_it_lists_happens_no_more() {
    let folder = Folder::new();
    let known = folder.path("known.toml").display().to_string();
    let again = folder.path("again.toml").display().to_string();
    let mistaken = Mistaken::start();
    let ran = mistaken.diff(&["--format", "jsonl"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains(r#"{"Action":"fail","Test":"#), "{ran:?}");
    let ran = mistaken.diff(&["--write-baseline", &known]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = mistaken.diff(&["--baseline", &known, "--write-baseline", &again]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let (known_text, again) =
        (std::fs::read_to_string(&known).unwrap(), std::fs::read_to_string(again).unwrap());
    assert!(known_text.contains("[[known]]"));
    assert_eq!(known_text, again, "two runs give the same ids");
    let mended = run([
        "diff",
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
    let others = run(["diff", "--quiet", "--only", "events-no-room", "--baseline", &known]);
    assert_eq!(others.code, Some(0), "{others:?}");
    assert!(others.out.contains("was not selected"), "{others:?}");
}

/// The ids of the scheme that is in force, for a reference that lets every guest join. A changed id
/// breaks the baselines of all users: whoever means to change ids raises `ID_SCHEME`.
const IDS: [&str; 4] =
    ["leak-join-a1c315fe", "leak-join-973fa139", "error-join-fe353be1", "error-join-7493695d"];

#[test]
fn ids_depend_on_no_words_and_on_no_choice_of_vectors() {
    let mistaken = Mistaken::start();
    let ids = |ran: &Ran| -> Vec<String> {
        let report = ran.json();
        assert_eq!(report["ids"], 2);
        let divergences = report["divergences"].as_array().unwrap();
        divergences.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let url = mistaken.0.url();
    let always = ["diff", "--server", &url, "--quiet", "--format", "json", "--only"];
    let with = |only: &str| ids(&run(always.iter().chain(&[only])));
    assert_eq!(with("room-*"), IDS);
    assert_eq!(with("guest-access*"), IDS[..1]);
}

#[test]
fn a_baseline_of_an_older_scheme_is_refused_and_can_be_written_anew() {
    let folder = Folder::new();
    let known = folder.path("known.toml").display().to_string();
    let mistaken = Mistaken::start();
    let ran = mistaken.diff(&["--write-baseline", &known]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let text = std::fs::read_to_string(&known).unwrap();
    let older = text.replace("ids = 2\n", "").replace("id = \"leak", "id = \"older-leak");
    let older = older.replacen("reason = \"\"", "reason = \"an issue\"", 1);
    std::fs::write(&known, &older).unwrap();
    let ran = mistaken.diff(&["--baseline", &known]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
    assert!(
        ran.err.contains("has ids of scheme 1, and this version makes ids of scheme 2"),
        "{ran:?}"
    );
    assert!(ran.err.contains("`--write-baseline FILE`"), "{ran:?}");
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    // What was said of a divergence stays, since the words are the same.
    let ran = mistaken.diff(&["--write-baseline", &known]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let again = std::fs::read_to_string(&known).unwrap();
    assert_eq!(again, text.replacen("reason = \"\"", "reason = \"an issue\"", 1));
}

#[test]
fn one_run_gives_every_form_of_the_report_and_none_holds_a_token() {
    let folder = Folder::new();
    let forms = ["text", "json", "junit", "html", "jsonl"];
    let mistaken = Mistaken::start();
    let also: Vec<_> = forms
        .iter()
        .flat_map(|form| ["--also".to_owned(), format!("{form}={}", folder.path(form).display())])
        .collect();
    let ran = mistaken.diff(&also.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(!holds_a_token(&ran.err), "{}", ran.err);
    for form in forms {
        let text = std::fs::read_to_string(folder.path(form)).unwrap();
        assert!(text.contains("v1.16"), "{form}");
        assert!(!holds_a_token(&text), "{form}");
    }
    let replayed = mistaken.replay(&folder.path("json").display().to_string());
    assert_eq!(replayed.code, Some(1), "{replayed:?}");
    assert!(!holds_a_token(&replayed.out) && !holds_a_token(&replayed.err), "{replayed:?}");
    assert_eq!(std::fs::read_to_string(folder.path("text")).unwrap(), ran.out);
}

/// Whether a text holds an access token: the reference's are `token-` and a number, and those of real
/// homeservers begin with `syt_`, `mat_` or `MDAx`.
fn holds_a_token(text: &str) -> bool {
    let numbered = |after: &str| after.starts_with(|c: char| c.is_ascii_digit());
    text.split("token-").skip(1).any(numbered)
        || ["syt_", "mat_", "MDAx"].iter().any(|begin| {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let mut words = text.split(|c| !is_word(c));
            words.any(|word| word.starts_with(begin) && word.len() > 20)
        })
}

#[test]
fn no_snapshot_holds_a_token() {
    fn look(folder: &std::path::Path, seen: &mut usize) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path, seen);
            } else if path.extension().is_some_and(|extension| extension == "snap") {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(!holds_a_token(&text), "{}", path.display());
                *seen += 1;
            }
        }
    }
    let mut seen = 0;
    for folder in ["tests", "model/tests"] {
        look(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut seen);
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn a_broken_baseline_is_told_with_its_line_before_anything_is_asked() {
    let folder = Folder::new();
    let entry = "[[known]]\nid = \"a\"\nreason = \"\"\nlink = \"\"\nstep = \"\"\nby = \"\"\nexpected = \"\"\nobserved = \"\"\nvectors = []\n";
    let cases = [
        ("not TOML", "rules = \"v1.16".to_owned()),
        ("no rules", String::new()),
        ("other rules", "\nrules = \"r0.0.0\"\n".to_owned()),
        ("ids of an older scheme", "rules = \"v1.16\"\n".to_owned()),
        ("an unknown key", "rules = \"v1.16\"\n[[known]]\nid = \"a\"\nwhy = \"\"\n".to_owned()),
        ("an entry without a reason", "rules = \"v1.16\"\n[[known]]\nid = \"a\"\n".to_owned()),
        ("listed twice", format!("rules = \"v1.16\"\nids = 2\n\n{entry}\n{entry}")),
    ];
    let mut said = String::new();
    for (what, text) in cases {
        let path = folder.file("known.toml", text);
        let ran = run(["diff".into(), "--baseline".into(), path.into_os_string()]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        said += &format!("{what}\n  {}", folder.without_path(&ran.err));
    }
    for input in [&b"rules = \"r0.0.0\""[..], b"rules = \"latest\"\n# \xff"] {
        let ran = run_with_input("diff --baseline -", input);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        said += &format!("the standard input\n  {}", ran.err);
    }
    let ran = run_line("diff --baseline no-such-file.toml");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    said += &format!("no file\n  {}", ran.err);
    let ran = run_line("diff --also pdf=report.pdf");
    assert_eq!(ran.code, Some(2), "{ran:?}");
    said += &ran.err;
    insta::assert_snapshot!(said);
}
