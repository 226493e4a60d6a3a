//! The output of `rules --template`: a rules file to begin a proposal with.
//!
//! The file can be checked as it is. Each kind of entry stands in it once, as a comment whose lines begin
//! with `#` and no space. An author removes the `#` and changes the entry.

use guest_access_rules::endpoint::{Auth, EndpointId};
use guest_access_rules::guarantee::GuaranteeId;
use guest_access_rules::profile::Access;
use guest_access_rules::rules::Rules;

/// A rules file with this id that extends `rules`, which `extends` names.
pub fn template(id: &str, extends: &str, rules: &Rules) -> String {
    let with_access = |is_open: bool| {
        // A list of endpoints decides nothing about endpoints that everybody may call.
        let is_such = move |endpoint: &EndpointId| {
            endpoint.get().auth == Auth::User
                && endpoint.get().names_a_room()
                && (rules.endpoint(*endpoint).access != Access::Refused) == is_open
        };
        rules.every_endpoint().filter(is_such)
    };
    let mut closed = with_access(false).map(|endpoint| endpoint.to_string());
    let (allow, may_allow) = (closed.next(), closed.next());
    let refuse = with_access(true).next().map(|endpoint| endpoint.to_string());
    let promises = |guarantee: &GuaranteeId| rules.promises.contains_key(guarantee);
    let promise = GuaranteeId::all().find(|guarantee| !promises(guarantee));
    let withdraw = GuaranteeId::all().find(promises);
    let of_guarantee = |guarantee: Option<GuaranteeId>| guarantee.map(|g| g.to_string());
    let mut text = format!(
        r#"# {id}: what does the proposal change for guests?
#
#   guest-access check {id}.toml
#   guest-access compare {extends} {id}.toml
#
# `guest-access rules --vocabulary` lists every word that can stand here, and
# `guest-access rules --explain WORD` explains a word. Remove the `#` of an entry to use it.
#
# Editors with taplo complete the words by a schema. Write the schema beside this file, and let the first
# line of this file be `#:schema rules.schema.json`:
#
#   guest-access rules --schema --output rules.schema.json
id = "{id}"
extends = "{extends}"
about = "Say in one sentence what the proposal changes for guests."
"#
    );
    let mut entry = |about: &str, lines: Option<String>| {
        let Some(lines) = lines else { return };
        text += &format!("\n# {about}\n");
        for line in lines.lines() {
            text += &format!("#{line}\n");
        }
    };
    let named = |kind: &str, key: &str, value: Option<String>, more: &str| {
        value.map(|value| format!("[[{kind}]]\n{key} = \"{value}\"\n{more}"))
    };
    let of_the_proposal = [
        (
            "A sentence of the proposal itself. The other entries can cite it.",
            r#"[[clause]]
id = "Proposal-1"
force = "must"
place = "the section, or the address of the text"
text = "The sentence, as it stands or in your words.""#,
        ),
        (
            "A question that the proposal leaves open, and the answer that this file takes.",
            r#"[[reading]]
id = "Proposal-A1"
clauses = ["Proposal-1"]
question = "What does the sentence leave open?"
default = "the answer that this file takes"
because = "the reason""#,
        ),
    ];
    for (about, lines) in of_the_proposal {
        entry(about, Some(lines.to_owned()));
    }
    entry(
        "An endpoint that the specification does not have. Another entry has to open it to guests.",
        Some(
            r#"[[endpoint]]
id = "POST /rooms/{roomId}/new_endpoint"
path = "/_matrix/client/unstable/org.example/rooms/{roomId}/new_endpoint"
auth = "user"
gives = "nothing"
does = "nothing""#
                .to_owned(),
        ),
    );
    entry(
        "An endpoint that guests may call. `when` lists conditions of the call.",
        named("allow", "endpoint", allow, "when = [\"room:joined\"]"),
    );
    entry(
        "An endpoint that a homeserver may open to guests, by a reading of the text.",
        named("may_allow", "endpoint", may_allow, "reading = \"A7\""),
    );
    entry("An endpoint that closes to guests.", named("refuse", "endpoint", refuse, ""));
    entry(
        "A guarantee that the program does not have: in a situation, actions by an actor stay within a bound. `rules --explain guarantee` explains the keys.",
        Some(
            r#"[[guarantee]]
id = "closed-rooms-stay-closed"
actor = "guest"
actions = ["join"]
guest_access = ["forbidden"]
bound = "denied""#
                .to_owned(),
        ),
    );
    entry(
        "A guarantee that the proposal promises. `clauses` lists the clauses that promise it.",
        named("promise", "guarantee", of_guarantee(promise), "clauses = []"),
    );
    entry(
        "A guarantee that the proposal gives up.",
        named("withdraw", "guarantee", of_guarantee(withdraw), "because = \"the reason\""),
    );
    entry(
        "Answers to decision points: an option that is `required`, a `default` and options that a homeserver may `also` take, or an option where the text is `silent`.",
        Some(
            r#"[points]
"revocation.effect" = { default = "leave", also = ["none"] }"#
                .to_owned(),
        ),
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The template with all its entries.
    fn with_entries(template: &str) -> String {
        let uncommented = template.lines().map(|line| match line.strip_prefix('#') {
            Some(entry) if !entry.is_empty() && !entry.starts_with(' ') => entry,
            _ => line,
        });
        uncommented.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_template_is_a_rules_file_with_and_without_its_entries() {
        for rules in Rules::published() {
            let text = template("mine", &rules.id, &rules);
            let plain = Rules::parse("mine.toml", &text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(plain.profile(), rules.profile());
            assert_eq!((plain.id.as_str(), &plain.extends[0]), ("mine", &rules.id));
            let text = with_entries(&text);
            let with =
                Rules::parse("mine.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(with.declared.len(), 1);
            assert_ne!(with.profile(), rules.profile());
            assert_ne!(with.promised(), rules.promised());
        }
    }
}
