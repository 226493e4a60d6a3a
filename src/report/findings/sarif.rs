//! SARIF 2.1.0, the OASIS format for the findings of analysis tools.
//!
//! | SARIF | here |
//! |---|---|
//! | `rules` of the tool | the kinds of findings |
//! | `taxonomies` | the clauses that the findings cite |
//! | `partialFingerprints` | the id of the finding, by which later runs recognise it |
//! | `baselineState`, `suppressions` | what the baseline says |
//! | `toolExecutionNotifications` | why there is no verdict |

use std::collections::{BTreeMap, BTreeSet};

use guest_access_rules::clause;
use serde::Serialize;

use super::{BaselineStanding, Finding, FindingPlace, Findings, Level};

/// The schema that the output is valid against.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
const NAME: &str = "guest-access";
/// The name of the fingerprint that holds the id of a finding.
const FINGERPRINT: &str = "guestAccessId/v1";
/// The name of the taxonomy of clauses.
const CLAUSES: &str = "guest-access clauses";

/// The findings as indented JSON that ends with a newline.
pub(super) fn text(findings: &Findings<'_>) -> serde_json::Result<String> {
    let log = Log { schema: SCHEMA, version: "2.1.0", runs: [ToolRun::of(findings)] };
    Ok(serde_json::to_string_pretty(&log)? + "\n")
}

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [ToolRun<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolRun<'a> {
    tool: Tool<'a>,
    invocations: [Invocation<'a>; 1],
    taxonomies: Vec<Taxonomy>,
    column_kind: &'static str,
    results: Vec<SarifResult<'a>>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a> {
    name: &'static str,
    version: &'static str,
    rules: Vec<Descriptor<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    id: &'a str,
    short_description: Message<'a>,
}

#[derive(Serialize)]
struct Taxonomy {
    name: &'static str,
    taxa: Vec<Descriptor<'static>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<'a> {
    command_line: &'a str,
    start_time_utc: &'a str,
    execution_successful: bool,
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: OwnedMessage,
}

#[derive(Serialize)]
struct Message<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult<'a> {
    rule_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: &'static str,
    message: OwnedMessage,
    locations: [Location<'a>; 1],
    partial_fingerprints: BTreeMap<&'static str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline_state: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    taxa: Vec<Taxon<'a>>,
}

#[derive(Serialize)]
struct OwnedMessage {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_location: Option<PhysicalLocation>,
    logical_locations: [LogicalLocation<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation<'a> {
    fully_qualified_name: &'a str,
}

#[derive(Serialize)]
struct Suppression<'a> {
    kind: &'static str,
    justification: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Taxon<'a> {
    id: &'a str,
    tool_component: ComponentReference,
}

#[derive(Serialize)]
struct ComponentReference {
    name: &'static str,
}

impl<'a> ToolRun<'a> {
    fn of(findings: &'a Findings<'_>) -> Self {
        let run = findings.run;
        let rules = findings.kinds.iter().map(|kind| Descriptor {
            id: kind.id,
            short_description: Message { text: &kind.about },
        });
        let notifications = findings.obstacles.iter().map(|obstacle| Notification {
            level: "error",
            message: OwnedMessage { text: without_links(obstacle) },
        });
        Self {
            tool: Tool {
                driver: Driver { name: NAME, version: run.version, rules: rules.collect() },
            },
            invocations: [Invocation {
                command_line: &run.command,
                start_time_utc: &run.started,
                execution_successful: findings.obstacles.is_empty(),
                tool_execution_notifications: notifications.collect(),
            }],
            taxonomies: vec![taxonomy(&findings.findings)],
            column_kind: "unicodeCodePoints",
            results: findings.findings.iter().map(|finding| result(findings, finding)).collect(),
        }
    }
}

/// The clauses that the findings cite. A clause of a proposal, which has no row in the table, is left
/// out.
fn taxonomy(findings: &[Finding]) -> Taxonomy {
    let cited: BTreeSet<_> = findings.iter().flat_map(|finding| &finding.clauses).collect();
    let clauses = cited.into_iter().filter_map(|id| clause::find(id));
    let taxa = clauses.map(|clause| Descriptor {
        id: clause.id,
        short_description: Message { text: clause.text },
    });
    Taxonomy { name: CLAUSES, taxa: taxa.collect() }
}

fn result<'a>(findings: &'a Findings<'_>, finding: &'a Finding) -> SarifResult<'a> {
    let state = match finding.standing {
        BaselineStanding::New => "new",
        BaselineStanding::Known(_) => "unchanged",
        BaselineStanding::Absent => "absent",
    };
    let suppression = match &finding.standing {
        BaselineStanding::Known(reason) => {
            Some(Suppression { kind: "external", justification: reason })
        }
        BaselineStanding::New | BaselineStanding::Absent => None,
    };
    let known = finding.clauses.iter().filter(|id| clause::find(id).is_some());
    SarifResult {
        rule_id: finding.kind,
        rule_index: findings.kinds.iter().position(|kind| kind.id == finding.kind),
        level: match finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        },
        message: OwnedMessage {
            text: without_links(&format!("{}\n{}", finding.title, finding.text)),
        },
        locations: [location(&finding.place)],
        partial_fingerprints: BTreeMap::from([(FINGERPRINT, finding.id.as_str())]),
        baseline_state: findings.has_baseline.then_some(state),
        suppressions: suppression.into_iter().collect(),
        taxa: known
            .map(|id| Taxon { id, tool_component: ComponentReference { name: CLAUSES } })
            .collect(),
    }
}

/// A text in which `[text](address)` is no link: a homeserver may have written it.
fn without_links(text: &str) -> String {
    text.replace("](", "] (")
}

fn location(place: &FindingPlace) -> Location<'_> {
    let physical = place.path.as_ref().map(|path| PhysicalLocation {
        artifact_location: ArtifactLocation { uri: uri(path) },
        region: place.is_file.then_some(Region { start_line: 1 }),
    });
    Location {
        physical_location: physical,
        logical_locations: [LogicalLocation { fully_qualified_name: &place.name }],
    }
}

/// The path as a URI reference: relative paths stay relative, as code scanners want them.
fn uri(path: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    let path = utf8_percent_encode(path.trim_start_matches("./"), KEPT).to_string();
    if path.starts_with('/') { format!("file://{path}") } else { path }
}
