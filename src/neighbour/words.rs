//! Federated scenarios in words.

use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility};

use super::scenario::{
    After, Content, Made, Member, Question, SeenIn, Sender, ServerRead, Standing, Step,
};

/// A step as a sentence without its full stop.
pub fn sentence(step: &Step) -> String {
    match step {
        Step::GuestJoins(guest) => format!("{} asks to join", guest_name(*guest)),
        Step::LocalMessage(label) => {
            format!("the moderator on the server under test sends a message ({label})")
        }
        Step::LocalGuestAccess(value) => format!(
            "the moderator on the server under test sets the guest access to {}",
            GuestAccess::as_str(*value)
        ),
        Step::LocalGuestAccessRedaction => {
            "the moderator on the server under test redacts the guest access".to_owned()
        }
        Step::Make(made) => made_in_words(made),
        Step::Deliver(labels) => format!("our server sends {}", labels.join(", then ")),
        Step::OursJoin => "a user of our server joins".to_owned(),
        Step::OursLeave => "the users of our server leave".to_owned(),
        Step::Ask(question, _) => question_in_words(*question),
    }
}

fn guest_name(guest: u8) -> String {
    format!("guest{}", guest + 1)
}

fn made_in_words(made: &Made) -> String {
    let by = match made.by {
        Sender::Moderator => "our moderator",
        Sender::Helper => "our other moderator",
        Sender::Plain => "our user without power",
    };
    let access = GuestAccess::as_str;
    let what = match made.what {
        Content::GuestAccess(value) => format!("sets the guest access to {}", access(value)),
        Content::GuestAccessElsewhere(value) => {
            format!("sends guest access {} under another state key", access(value))
        }
        Content::GuestAccessMessage(value) => {
            format!("sends a message event of the type of guest access, {}", access(value))
        }
        Content::GuestAccessRedaction => "redacts the guest access".to_owned(),
        Content::Visibility(value) => {
            format!("sets the history visibility to {}", HistoryVisibility::as_str(value))
        }
        Content::Message => "sends a message".to_owned(),
        Content::Demotion => "takes the power of our other moderator".to_owned(),
    };
    let place = match made.after {
        After::Everything => String::new(),
        After::Beside(other) => format!(" without knowing {other}"),
    };
    let dated = if made.dated_back { ", dated earlier" } else { "" };
    let standing = match made.standing {
        Standing::Counts | Standing::NoSetting => String::new(),
        Standing::LosesTo(other) => format!("; state resolution prefers {other}"),
        Standing::SoftFailed => "; it is not permitted any more".to_owned(),
        Standing::Rejected => "; it is not permitted".to_owned(),
    };
    format!("{by} {what} ({}){place}{dated}{standing}", made.event)
}

fn question_in_words(question: Question) -> String {
    match question {
        Question::Membership(Member::Guest(guest)) => {
            format!("the membership of {}", guest_name(guest))
        }
        Question::Membership(Member::User) => "the membership of the ordinary user".to_owned(),
        Question::Membership(Member::Ours) => "the membership of our moderator".to_owned(),
        Question::ToldMembership(guest) => {
            format!("the membership of {}, as our server was told", guest_name(guest))
        }
        Question::GuestReads(guest, label) => {
            format!("{} reads {label} by GET /rooms/{{roomId}}/messages", guest_name(guest))
        }
        Question::GuestReadsOne(guest, label) => {
            format!(
                "{} reads {label} by GET /rooms/{{roomId}}/event/{{eventId}}",
                guest_name(guest)
            )
        }
        Question::UserReads(label) => {
            format!("the ordinary user reads {label} by GET /rooms/{{roomId}}/messages")
        }
        Question::GuestLooksLikeUser(guest, seen_in) => {
            let place = match seen_in {
                SeenIn::MemberEvent => "its membership event",
                SeenIn::Profile => "its profile",
                SeenIn::Devices => "its devices",
            };
            format!("our server looks at {} in {place}", guest_name(guest))
        }
        Question::OursGiven(label, read) => {
            let call = match read {
                ServerRead::Event => "GET event",
                ServerRead::Backfill => "GET backfill",
                ServerRead::MissingEvents { .. } => "POST get_missing_events",
                ServerRead::State => "GET state",
                ServerRead::StateIds => "GET state_ids",
            };
            match read {
                ServerRead::State | ServerRead::StateIds => {
                    format!("our server asks for the state at {label} by {call}")
                }
                _ => format!("our server asks for {label} by {call}"),
            }
        }
    }
}
