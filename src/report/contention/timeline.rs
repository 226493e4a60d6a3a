//! A timeline of overlapping calls. All intervals between two starts or ends are drawn with the same
//! length, because only their order matters.

use guest_access_scenarios::scenario::{actor_name, sentence};
use maud::{Markup, html};

use crate::contention::{AnswerVerdict, RecordedCall};

/// The layout of the calls of a violation.
pub(super) struct Timeline<'a> {
    pub(super) rows: Vec<CallRow<'a>>,
    /// The number of distinct starts and ends.
    moments: usize,
}

/// The layout of one call.
pub(super) struct CallRow<'a> {
    call: &'a RecordedCall,
    pub(super) number: usize,
    /// The moment of the start.
    start: usize,
    /// The moment of the answer; none if the call was in flight at the end.
    end: Option<usize>,
    pub(super) unexplained: bool,
}

impl<'a> Timeline<'a> {
    pub(super) fn of(calls: &'a [RecordedCall], unexplained: Option<usize>) -> Self {
        let ends = calls.iter().filter_map(|call| call.end);
        let mut times: Vec<_> = calls.iter().map(|call| call.start).chain(ends).collect();
        times.sort_unstable();
        times.dedup();
        let moment = |time: u64| times.partition_point(|known| *known < time);
        let rows = (1..).zip(calls).map(|(number, call)| CallRow {
            call,
            number,
            start: moment(call.start),
            end: call.end.map(moment),
            unexplained: Some(number) == unexplained,
        });
        Self { rows: rows.collect(), moments: times.len() }
    }

    /// The bar of a row, in characters.
    pub(super) fn bar(&self, row: &CallRow<'_>) -> String {
        let wide = if self.moments <= 24 { 2 } else { 1 };
        let end = row.end.unwrap_or(self.moments);
        let width = (self.moments + 1) * wide;
        let bar = (0..width).map(|column| match (column, row.end) {
            (column, _) if column == row.start * wide => '├',
            (column, Some(_)) if column == end * wide => '┤',
            (column, _) if column > row.start * wide && column < end * wide => '─',
            (column, None) if column >= end * wide => '…',
            _ => ' ',
        });
        bar.collect()
    }

    /// The timeline as an SVG picture.
    pub(super) fn svg(&self) -> Markup {
        let x = |moment: usize| LEFT + moment * MOMENT;
        let right = x(self.moments);
        let summaries = self.rows.iter().map(CallRow::summary);
        let longest = summaries.map(|summary| summary.chars().count()).max().unwrap_or_default();
        let width = right + 12 + (longest + 2) * CHARACTER;
        let height = LINE * (self.rows.len() + 1);
        html! {
            svg xmlns="http://www.w3.org/2000/svg" class="diagram" role="img" width=(width)
                height=(height) viewBox=(format!("0 0 {width} {height}")) font-family="sans-serif"
                font-size="12" {
                title { "Which calls overlapped, and what they were answered" }
                rect class="paper" width=(width) height=(height) rx="6" fill="#fff" {}
                @for (line, row) in self.rows.iter().enumerate() {
                    @let y = LINE * line + LINE / 2 + 6;
                    @let (class, colour) = row.tone();
                    @let end = row.end.map_or(right, x);
                    text.ink x="8" y=(y + 4) { (row.number) ". " (row.client()) }
                    rect class=(class) x=(x(row.start)) y=(y - 6) width=(end - x(row.start))
                        height="12" rx="3" fill=(colour) fill-opacity="0.25" stroke=(colour)
                        stroke-dasharray=[row.end.is_none().then_some("4 3")] {}
                    text class=(class) x=(right + 12) y=(y + 4) fill=(colour) { (row.summary()) }
                }
            }
        }
    }
}

/// The distance of the first moment from the left.
const LEFT: usize = 130;
/// The distance of two moments.
const MOMENT: usize = 16;
/// The distance of two rows.
const LINE: usize = 22;
/// The assumed width of a character.
const CHARACTER: usize = 7;

impl CallRow<'_> {
    /// The user and the client of the call.
    pub(super) fn client(&self) -> String {
        format!("{} ({})", actor_name(self.call.step().by), self.call.client)
    }

    /// The action and the answer of the call.
    pub(super) fn summary(&self) -> String {
        let RecordedCall { event, about, answer, .. } = self.call;
        let sentence = sentence(self.call.step());
        let event = event.as_ref().map(|event| format!(" ({event})")).unwrap_or_default();
        let about = about.as_ref().map(|about| format!(" ({about})")).unwrap_or_default();
        let answer = match answer {
            None => "in flight".to_owned(),
            Some(answer) => {
                let verdict = match answer.verdict {
                    AnswerVerdict::Allow => "allow".to_owned(),
                    AnswerVerdict::Deny => format!(
                        "deny {}{}",
                        answer.status,
                        answer.errcode.as_ref().map(|code| format!(" {code}")).unwrap_or_default()
                    ),
                };
                let gave = answer.gave.as_ref().filter(|_| answer.verdict == AnswerVerdict::Allow);
                let gave = gave.map(|gave| match gave.as_slice() {
                    [] => ", gives none of the events".to_owned(),
                    gave => format!(", gives {}", gave.join(", ")),
                });
                let is_guest = answer.is_guest.map(|is_guest| {
                    format!(", says that it is {} guest", if is_guest { "a" } else { "no" })
                });
                verdict + &gave.unwrap_or_default() + &is_guest.unwrap_or_default()
            }
        };
        format!("{sentence}{event}{about}: {answer}")
    }

    /// The CSS class and the colour of the call.
    const fn tone(&self) -> (&'static str, &'static str) {
        match (self.unexplained, &self.call.answer) {
            (true, _) => ("wrong", "#b3261e"),
            (false, Some(answer)) if matches!(answer.verdict, AnswerVerdict::Allow) => {
                ("allowed", "#197a2b")
            }
            (false, _) => ("denied", "#5f6368"),
        }
    }
}

#[cfg(test)]
mod tests {
    use guest_access_model::action::{Action, Actor, Operation};

    use guest_access_scenarios::scenario::WrittenAction;

    use super::*;

    fn call(client: u32, start: u64, end: Option<u64>) -> RecordedCall {
        RecordedCall {
            round: 1,
            client,
            step: WrittenAction(Action::new(Actor::Guest(0), Operation::WhoAmI)),
            upgraded: false,
            event: None,
            about: None,
            start,
            end,
            answer: None,
            failure: Some("<script>".to_owned()),
        }
    }

    #[test]
    fn bars_overlap_where_calls_do() {
        let calls = [call(1, 100, Some(900)), call(2, 200, Some(250)), call(3, 950, None)];
        let timeline = Timeline::of(&calls, Some(2));
        let bars: Vec<_> = timeline.rows.iter().map(|row| timeline.bar(row)).collect();
        assert_eq!(
            bars,
            ["├─────┤       ", "  ├─┤         ", "        ├─……  "]
                .map(|bar| {
                    // The bar of a call in flight goes on to the edge.
                    bar.replace("├─……  ", "├─…………")[..].to_owned()
                })
                .map(|bar| bar.chars().take(12).collect::<String>())
        );
        assert!(timeline.rows[1].unexplained);
    }
}
