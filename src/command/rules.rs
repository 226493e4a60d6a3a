//! `rules`: the list of revisions, one revision in full, or help for authors of a rules file.

use guest_access_rules::rules::Rules;
use guest_access_rules::similar::did_you_mean;

use crate::report::Run;
use crate::report::explanation::{Explanations, find_terms, names};
use crate::report::revisions::{RevisionReport, Revisions};
use crate::report::rules_schema;
use crate::report::template::template;
use crate::report::vocabulary::Vocabulary;

use super::output::{CommandOutput, Format, OutputArgs};
use super::{CommandError, Outcome};

/// List the revisions with their changes, or show one revision in full
///
/// For authors of a rules file, the command also explains a word, lists all words, and writes a file to
/// begin with.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  guest-access rules v1.16\n  guest-access rules --explain revocation.effect\n  guest-access rules --template my-proposal --output my-proposal.toml"
)]
pub(super) struct Args {
    /// The rules to show in full [default: the list of all revisions; latest, with one of the options
    /// below]
    rules: Option<String>,
    /// Explain a word: a decision point, an option, a guarantee, a condition, an endpoint, a clause, a
    /// reading or a key of a rules file. What does it mean, since when, and who uses it?
    #[arg(long, value_name = "WORD", group = "help for authors")]
    explain: Option<String>,
    /// List every word that a rules file can be written with
    #[arg(long, group = "help for authors")]
    vocabulary: bool,
    /// Write the JSON Schema of rules files, for editors
    #[arg(long, group = "help for authors")]
    schema: bool,
    /// Write a rules file with the name ID that extends the rules, with an example of each entry
    #[arg(long, value_name = "ID", group = "help for authors", value_parser = id)]
    template: Option<String>,
    /// The format of the report; a template is always TOML, and the schema always JSON
    #[arg(long, default_value = "text")]
    format: Format,
    #[command(flatten)]
    output: OutputArgs,
}

/// Parses the id of a proposal.
fn id(text: &str) -> Result<String, String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || !text.chars().all(is_part) {
        return Err(
            "it has to be letters, digits, `-`, `_` and `.`, such as `my-proposal`".to_owned()
        );
    }
    Ok(text.to_owned())
}

pub(super) fn run(args: &Args) -> Result<CommandOutput, CommandError> {
    let name = args.rules.as_deref().unwrap_or("latest");
    let report = |report: &dyn Fn(&Rules, Run) -> Result<CommandOutput, CommandError>| {
        let rules = Rules::find(name)?;
        report(&rules, Run::of([&rules]))
    };
    if let Some(word) = &args.explain {
        return report(&|rules, run| explain(args, word, rules, run));
    }
    if args.vocabulary {
        return report(&|rules, run| {
            let vocabulary = Vocabulary::new(rules, run);
            CommandOutput::report(&vocabulary, args.format, Outcome::Holds, &args.output)
        });
    }
    if args.schema {
        let text = format!("{:#}\n", rules_schema::schema());
        return Ok(CommandOutput::new(text, Outcome::Holds, &args.output));
    }
    if let Some(id) = &args.template {
        return report(&|rules, _| {
            let extends = if rules.is_published() { rules.id.as_str() } else { name };
            let text = template(id, extends, rules);
            Ok(CommandOutput::new(text, Outcome::Holds, &args.output))
        });
    }
    if args.rules.is_some() {
        return report(&|rules, run| {
            let revision = RevisionReport::new(rules, run);
            CommandOutput::report(&revision, args.format, Outcome::Holds, &args.output)
        });
    }
    let published = Rules::published();
    let revisions = Revisions::new(&published, Run::of(&published));
    CommandOutput::report(&revisions, args.format, Outcome::Holds, &args.output)
}

fn explain(
    args: &Args,
    word: &str,
    rules: &Rules,
    run: Run,
) -> Result<CommandOutput, CommandError> {
    let terms = find_terms(rules, word);
    if terms.is_empty() {
        let near = did_you_mean(word, names(rules).iter().map(String::as_str));
        return Err(CommandError::UnknownWord { word: word.to_owned(), near });
    }
    let explanations = Explanations::new(rules, &terms, run);
    CommandOutput::report(&explanations, args.format, Outcome::Holds, &args.output)
}
