//! The workflow commands of GitHub Actions: `::error title=…::…` in a log becomes an annotation.
//!
//! A message can contain text of a homeserver. A line feed would end the command, and the next line
//! could be a command of the homeserver's. So the message and the properties are escaped.

use super::{BaselineStanding, Finding, Findings, Level};

/// The verdict, then one command for each finding that is not known, then one for each obstacle.
pub(super) fn text(findings: &Findings<'_>) -> String {
    let is_shown = |finding: &&Finding| !matches!(finding.standing, BaselineStanding::Known(_));
    let shown = findings.findings.iter().filter(is_shown).map(command);
    let obstacles = findings
        .obstacles
        .iter()
        .map(|obstacle| format!("::error title=no verdict::{}", escape_data(obstacle)));
    let lines = std::iter::once(escape_data(&findings.verdict)).chain(shown).chain(obstacles);
    lines.map(|line| line + "\n").collect()
}

fn command(finding: &Finding) -> String {
    let name = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "notice",
    };
    let file = match &finding.place.path {
        Some(path) if finding.place.is_file => format!("file={},line=1,", escape_property(path)),
        _ => String::new(),
    };
    let (title, text) = (escape_property(&finding.title), escape_data(&finding.text));
    format!("::{name} {file}title={title}::{text}")
}

/// The message of a command, on one line.
fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, which a comma or two colons would end.
fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}
