//! `check` and `compare` as documents: Markdown for a pull request, and one page of HTML.

use crate::cli::{Folder, Ran, run, run_line, wrapped};

/// The document without the style sheet and the record of the run.
fn stable(ran: &Ran) -> String {
    let page = match (ran.out.split_once("<style>"), ran.out.split_once("<sub>")) {
        (Some((before, rest)), _) => {
            let (_, after) = rest.split_once("</style>").unwrap();
            let (after, _) = after.split_once("<footer>").unwrap();
            format!("{before}<style></style>{after}").replace("><", ">\n<")
        }
        (None, Some((text, _))) => text.to_owned(),
        (None, None) => panic!("{ran:?}"),
    };
    wrapped(&page)
}

const NO_KICK: &str =
    "check examples/proposals/no-kick.toml --property revocation --guests 1 --quiet --format";

#[test]
fn a_check_is_written_as_markdown() {
    let ran = run_line(&format!("{NO_KICK} markdown"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(stable(&ran));
}

#[test]
fn a_check_is_written_as_a_page() {
    let ran = run_line(&format!("{NO_KICK} html"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(stable(&ran));
}

#[test]
fn a_comparison_is_written_as_markdown() {
    insta::assert_snapshot!(stable(&run_line("compare v1.16 v1.18 --format markdown")));
}

#[test]
fn a_comparison_is_written_as_a_page() {
    insta::assert_snapshot!(stable(&run_line("compare v1.16 v1.18 --format html")));
}

#[test]
fn a_trace_of_overlapping_calls_is_written() {
    let line =
        "check v1.16 --model concurrent --discipline nothing_held --property linearizable --quiet";
    for (format, part) in [("markdown", "sequenceDiagram"), ("html", "<pre>")] {
        let ran = run_line(&format!("{line} --format {format}"));
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.out.contains(part), "{ran:?}");
    }
}

#[test]
fn a_document_escapes_the_text_of_a_rules_file() {
    let injection = "<script>alert('&\\\"')</script> | *bold* _x_";
    let folder = Folder::new();
    let rules = format!(
        "id = \"p <b>\"\nextends = \"v1.16\"\nabout = \"{injection}\"\n[[endpoint]]\nid = \"GET /archive\"\ngives = \"{injection}\"\ndoes = \"nothing\"\n[[allow]]\nendpoint = \"GET /archive\"\n[[withdraw]]\nguarantee = \"revocation\"\nbecause = \"{injection}\"\n"
    );
    let path = folder.file("p.toml", rules).display().to_string();
    for command in [
        vec!["compare", "v1.16", path.as_str()],
        vec!["check", path.as_str(), "--guests", "1", "--property", "read_confinement"],
    ] {
        for format in ["html", "markdown"] {
            let ran = run(command.iter().copied().chain(["--quiet", "--format", format]));
            let unescaped = ran.out.replace("\\<", "");
            assert!(!unescaped.contains("<script") && !unescaped.contains("<b>"), "{ran:?}");
            let escaped = if format == "html" { "&lt;script&gt;" } else { "\\<script\\>" };
            assert!(ran.out.contains(escaped), "{ran:?}");
            for fetches in ["src=", "<link", "@import", "url(", "<iframe"] {
                assert!(!ran.out.contains(fetches), "{fetches}: {ran:?}");
            }
        }
    }
}
