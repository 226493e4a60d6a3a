//! The rules of history visibility: which events a caller may see.

use std::ops::Range;

use guest_access_rules::decision_point::{
    EvaluatedAt, GuestReads, HiddenEvent, InvitedOpens, JoinedNow, JoinedOpens, LeftReader,
    OwnMembership, SettingChange, SharedOpens, WorldReadableMeans,
};
use guest_access_rules::vocabulary::{HistoryVisibility, Membership};

use super::answer::Refusal;
use super::authorisation::Caller;
use super::event::{HISTORY_VISIBILITY, MEMBER};
use super::room::StateAt;
use super::{Reference, Room};

/// The facts about a reader that the rules need, besides the state at the event.
struct ReaderFacts {
    /// The membership now.
    now: Membership,
    /// Whether the reader was joined at any time after the event.
    joined_later: bool,
}

impl Reference {
    /// Whether the caller may see the event at this place of `room`.
    pub(super) fn may_see(&self, caller: &Caller, room: &Room, place: usize) -> bool {
        #[cfg(test)]
        tests::JUDGED.with(|judged| judged.set(judged.get() + 1));
        if !room.is_shown(place) {
            return false;
        }
        let choices = self.choices();
        let reader = ReaderFacts {
            now: caller.membership(room),
            joined_later: caller
                .user
                .as_deref()
                .is_some_and(|user| room.was_joined_after(place, user)),
        };
        let values = self.visibility_at(room, place);

        if choices.world_readable == WorldReadableMeans::Inverted {
            return values.iter().any(|value| *value != HistoryVisibility::WorldReadable);
        }
        let world_readable = values.iter().any(|value| self.rule_1(*value, &reader));
        if choices.joined_now == JoinedNow::Everything && reader.now == Membership::Join {
            return true;
        }
        // GA-16: A guest is given only events at which `m.room.history_visibility` was present and
        // `world_readable`.
        // GA-17: A guest may be given such events whether or not it is joined to the room.
        if caller.guest && choices.guest_reads == GuestReads::WorldReadableOnly {
            return world_readable;
        }
        // GA-37: What a guest may read follows from history visibility and its membership, as for
        // any user.
        let memberships = self.membership_at(caller, room, place);
        let by_membership = values.iter().any(|value| {
            memberships.iter().any(|membership| {
                self.rule_2(*membership, &reader)
                    || self.rule_3(*value, &reader)
                    || self.rule_4(*value, *membership, &reader)
            })
        });
        // HV-6: A user to whom no other rule shows an event may not see it.
        world_readable || by_membership
    }

    /// The two values of the history visibility that may open an event. Mostly, both are the same.
    pub(super) fn visibility_at(&self, room: &Room, place: usize) -> [HistoryVisibility; 2] {
        let choices = self.choices();
        // Reading A57: the draft asks of the room now.
        // HV-1: Whether a user may see an event depends on nothing but the state of the room at
        // that event.
        // HV-16: The setting applies when an event is sent; a later change neither shows nor hides
        // earlier events.
        // HV-21: Whether a user may see an event is judged by the state of the room at that event.
        if choices.evaluated_at == EvaluatedAt::Now {
            return [visibility_or_shared(room.now()); 2];
        }
        // Reading A12: the state at an event is the state before it.
        let before = visibility_or_shared(room.before(place));
        let after = visibility_or_shared(room.after(place));
        if room.event(place).kind != HISTORY_VISIBILITY {
            return [before; 2];
        }
        // HV-24: A change of the setting may be seen if the setting before it or the setting after
        // it shows it.
        match choices.setting_change {
            SettingChange::Either => [before, after],
            SettingChange::Before => [before; 2],
            SettingChange::After => [after; 2],
        }
    }

    /// The two memberships of the caller that may open an event. Mostly, both are the same.
    fn membership_at(&self, caller: &Caller, room: &Room, place: usize) -> [Membership; 2] {
        let Some(user) = &caller.user else {
            return [Membership::Never; 2];
        };
        let before = room.membership_before(place, user);
        let after = room.membership_after(place, user);
        if !room.event(place).is_state(MEMBER, user.as_str()) {
            return [before; 2];
        }
        // HV-25: A user's own member event may be seen if the membership before it or the
        // membership after it shows it.
        match self.choices().own_membership {
            OwnMembership::Either => [before, after],
            OwnMembership::Before => [before; 2],
            OwnMembership::After => [after; 2],
        }
    }

    // HV-12: Any participating server may share `world_readable` events with anyone, whether or not
    // they ever joined.
    // HV-26: Any participating server may share `world_readable` events with any authenticated
    // user, joined or not.
    // HV-11: An event at which the setting was `world_readable` may be seen, whatever the reader's
    // membership.
    // HV-27: The authenticated users who may be given `world_readable` events include guests.
    fn rule_1(&self, value: HistoryVisibility, reader: &ReaderFacts) -> bool {
        // Reading A47: leaving does not give less than never having joined.
        // HV-20: A user who left may see no event received after it left.
        let has_left = matches!(reader.now, Membership::Leave | Membership::Ban);
        let loses_preview = has_left && self.choices().left_reader == LeftReader::OnlyItsOwnTime;
        value == HistoryVisibility::WorldReadable && !loses_preview
    }

    // HV-3: A user whose membership at the event was `join` may see it.
    fn rule_2(&self, membership: Membership, reader: &ReaderFacts) -> bool {
        // HV-19: A user who left may still see every event that it was allowed to see before it
        // left.
        let for_good = self.choices().joined_opens == JoinedOpens::Opens;
        membership == Membership::Join && (for_good || reader.now == Membership::Join)
    }

    // HV-22: An event at which the setting was `shared` may be seen by a user who joined at any
    // point after it.
    fn rule_3(&self, value: HistoryVisibility, reader: &ReaderFacts) -> bool {
        value == HistoryVisibility::Shared
            && match self.choices().shared_opens {
                // Reading A10: any later join opens them, for good.
                SharedOpens::LaterJoin => reader.joined_later,
                SharedOpens::LaterJoinNotEnded => {
                    reader.joined_later && reader.now == Membership::Join
                }
                // HV-5: A user who was neither invited nor joined at the event may see it if the
                // setting was `shared`.
                SharedOpens::Everyone => true,
                SharedOpens::Nobody => false,
            }
    }

    // HV-23: A user whose membership at the event was `invite` may see it if the setting was
    // `invited`.
    fn rule_4(&self, value: HistoryVisibility, at: Membership, reader: &ReaderFacts) -> bool {
        let invited = value == HistoryVisibility::Invited;
        at == Membership::Invite
            && match self.choices().invited_opens {
                // Reading A11: an invite is enough.
                InvitedOpens::Opens => invited,
                // HV-4: A user who was invited at the event may see it if the setting was `invited`
                // or `shared`.
                InvitedOpens::OpensSharedToo => invited || value == HistoryVisibility::Shared,
                InvitedOpens::OnceJoined => invited && reader.joined_later,
                InvitedOpens::Never => false,
            }
    }

    /// The places of the events that the caller may see, among `places`, in order. The iterator looks at
    /// one event for each part of the timeline, however long the parts are.
    ///
    /// # Errors
    /// The refusal, if a hidden event makes the whole call fail.
    pub(super) fn visible<'a>(
        &'a self,
        caller: &'a Caller,
        room: &'a Room,
        places: Range<usize>,
    ) -> Result<impl DoubleEndedIterator<Item = usize> + 'a, Refusal> {
        let parts = || room.parts(caller.user.as_deref(), places.clone());
        let may_see = |part: &Range<usize>| {
            !room.is_shown(part.start) || self.may_see(caller, room, part.start)
        };
        if self.choices().hidden_event == HiddenEvent::FailsAnswer
            && !parts().all(|part| may_see(&part))
        {
            return Err(Refusal::forbidden(&["HV-6"], "the caller may not see one of the events"));
        }
        Ok(self.seen(caller, room, places))
    }

    /// The places of the events that the caller may see, among `places`, in order.
    pub(super) fn seen<'a>(
        &'a self,
        caller: &'a Caller,
        room: &'a Room,
        places: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = usize> + 'a {
        let parts = room.parts(caller.user.as_deref(), places);
        parts.filter(move |part| self.may_see(caller, room, part.start)).flatten()
    }
}

/// The history visibility in `state`; `shared` if the server fails to read the setting.
fn visibility_or_shared(state: &StateAt) -> HistoryVisibility {
    state.settings.visibility.unwrap_or(HistoryVisibility::Shared)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use guest_access_rules::profile::Profile;
    use ruma::OwnedEventId;
    use ruma::api::client::message::get_message_events;
    use ruma::api::client::redact::redact_event;
    use serde_json::json;

    use super::super::fixture::{FORBIDDEN, Fixture, TestUser, draft, latest};
    use super::*;

    thread_local! {
        /// The number of events that were judged on this thread.
        pub(super) static JUDGED: Cell<usize> = const { Cell::new(0) };
    }

    /// A room with every kind of change, and a guest with every membership.
    fn eventful(profile: Profile) -> (Fixture, TestUser) {
        use Membership::{Ban, Invite, Join, Knock, Leave};
        let mut fixture = Fixture::with_profile(profile);
        let guest = fixture.guest();
        for (round, visibility) in
            ["shared", "world_readable", "invited", "joined", "unknown", "world_readable"]
                .into_iter()
                .enumerate()
        {
            let setting = fixture.set_visibility(visibility);
            for (step, membership) in [Invite, Join, Leave, Knock, Ban, Leave].iter().enumerate() {
                fixture.say(&format!("{round}.{step}"));
                fixture.say(&format!("{round}.{step} again"));
                if (round + step) % 3 > 0 {
                    set_membership(&mut fixture, &guest, *membership);
                }
            }
            let content = json!({ "history_visibility": "joined" });
            fixture.set("org.example.note", &content);
            if round % 2 == 1 {
                let room = fixture.room.clone();
                let redact = redact_event::v3::Request::new(room, setting, visibility.into());
                fixture.server.redact(&fixture.moderator.credentials(), &redact).unwrap();
                fixture.say(&format!("{round} after the redaction"));
            }
        }
        (fixture, guest)
    }

    #[test]
    fn the_parts_of_a_timeline_show_what_each_event_shows_by_itself() {
        for options in [
            &[][..],
            &[("visibility.evaluated_at", "now")],
            &[("visibility.guest_reads", "world_readable_only")],
            &[("history_visibility.redacted", "shared")],
            &[("history_visibility.stray", "counts")],
            &[("visibility.setting_change", "after"), ("visibility.own_membership", "after")],
        ] {
            let (fixture, guest) = eventful(latest(options));
            let room = fixture.server.room(&fixture.room).unwrap();
            for user in [&guest.user_id, &fixture.moderator.user_id] {
                let caller = Caller::reader(user.clone(), *user == guest.user_id);
                for places in [0..room.len(), 3..room.len() - 5, 7..7] {
                    let each: Vec<_> = places
                        .clone()
                        .filter(|&place| fixture.server.may_see(&caller, room, place))
                        .collect();
                    let seen = fixture.server.seen(&caller, room, places.clone());
                    assert_eq!(seen.collect::<Vec<_>>(), each, "{options:?} {places:?}");
                    let backward = fixture.server.seen(&caller, room, places);
                    assert!(backward.rev().eq(each.into_iter().rev()), "{options:?}");
                }
            }
        }
    }

    #[test]
    fn a_page_costs_the_same_in_a_long_room() {
        let judged = |length: usize, hidden: bool| {
            let mut fixture = Fixture::new();
            let guest = fixture.guest();
            fixture.set_visibility("world_readable");
            for number in 0..20 {
                fixture.say(&format!("public {number}"));
            }
            if hidden {
                fixture.set_visibility("joined");
            }
            for number in 0..length {
                fixture.say(&format!("long {number}"));
            }
            fixture.set_visibility("world_readable");
            let room = fixture.room.clone();
            let before = JUDGED.get();
            for request in [
                get_message_events::v3::Request::backward(room.clone()),
                get_message_events::v3::Request::forward(room.clone()),
            ] {
                let answer = fixture.server.messages(&guest.credentials(), &request).unwrap();
                assert_eq!(answer.response.chunk.len(), 10);
            }
            JUDGED.get() - before
        };
        for hidden in [false, true] {
            assert_eq!(judged(10, hidden), judged(1_000, hidden));
            assert!(judged(1_000, hidden) < 20);
        }
    }

    fn sees(fixture: &Fixture, who: &TestUser, event: &OwnedEventId) -> bool {
        fixture.read(who).is_ok_and(|events| events.iter().any(|id| id == event.as_str()))
    }

    fn set_membership(fixture: &mut Fixture, who: &TestUser, to: Membership) {
        let (room, moderator) = (fixture.room.clone(), fixture.moderator.user_id.clone());
        fixture.server.set_membership(&room, &moderator, &who.user_id, to);
    }

    /// The hole of the draft: a guest reads messages among members once the room is
    /// opened to the world.
    #[test]
    fn only_the_draft_shows_earlier_events_of_an_opened_room() {
        for (profile, shown) in [(draft(&[]), true), (latest(&[]), false)] {
            let mut fixture = Fixture::with_profile(profile);
            let guest = fixture.guest();
            let secret = fixture.say("secret");
            fixture.set_visibility("world_readable");
            let public = fixture.say("public");
            assert_eq!(sees(&fixture, &guest, &secret), shown);
            assert!(sees(&fixture, &guest, &public));
        }
    }

    #[test]
    fn a_non_member_reads_the_events_sent_while_world_readable() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        fixture.set_visibility("world_readable");
        let public = fixture.say("public");
        assert!(sees(&fixture, &guest, &public));
        fixture.set_visibility("joined");
        assert_eq!(fixture.read(&guest), Err(FORBIDDEN));
    }

    #[test]
    fn shared_history_opens_to_whoever_joins_later_and_stays_open() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        let before = fixture.say("before");
        set_membership(&mut fixture, &guest, Membership::Join);
        assert!(sees(&fixture, &guest, &before));
        set_membership(&mut fixture, &guest, Membership::Leave);
        assert!(sees(&fixture, &guest, &before));
        let after = fixture.say("after");
        assert!(!sees(&fixture, &guest, &after));
    }

    #[test]
    fn joined_history_opens_to_who_was_joined_then() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        fixture.set_visibility("joined");
        let before = fixture.say("before");
        set_membership(&mut fixture, &guest, Membership::Join);
        let during = fixture.say("during");
        assert!(!sees(&fixture, &guest, &before));
        assert!(sees(&fixture, &guest, &during));
    }

    #[test]
    fn invited_history_opens_from_the_invite_on() {
        let mut fixture = Fixture::new();
        let guest = fixture.guest();
        fixture.set_visibility("invited");
        let before = fixture.say("before");
        set_membership(&mut fixture, &guest, Membership::Invite);
        let invited = fixture.say("invited");
        assert!(!sees(&fixture, &guest, &before));
        assert!(sees(&fixture, &guest, &invited));
    }

    #[test]
    fn a_change_of_the_setting_is_seen_by_who_sees_either_side() {
        for (options, shown) in
            [(&[][..], true), (&[("visibility.setting_change", "before")][..], false)]
        {
            let mut fixture = Fixture::with_profile(latest(options));
            let guest = fixture.guest();
            let change = fixture.set_visibility("world_readable");
            assert_eq!(sees(&fixture, &guest, &change), shown);
        }
    }

    #[test]
    fn ones_own_join_is_seen_although_the_room_was_closed_before_it() {
        for (options, shown) in
            [(&[][..], true), (&[("visibility.own_membership", "before")][..], false)]
        {
            let mut fixture = Fixture::with_profile(latest(options));
            let guest = fixture.guest();
            fixture.set_visibility("joined");
            set_membership(&mut fixture, &guest, Membership::Join);
            let room = fixture.server.room(&fixture.room).unwrap();
            let join = room.event(room.len() - 1).id.clone();
            assert_eq!(sees(&fixture, &guest, &join), shown);
        }
    }

    #[test]
    fn one_hidden_event_fails_the_answer_where_it_does() {
        let mut fixture =
            Fixture::with_profile(latest(&[("visibility.hidden_event", "fails_answer")]));
        let guest = fixture.guest();
        fixture.set_visibility("world_readable");
        assert_eq!(fixture.read(&guest), Err(FORBIDDEN));
    }

    #[test]
    fn one_option_limits_a_joined_guest_to_world_readable_events() {
        let mut fixture =
            Fixture::with_profile(latest(&[("visibility.guest_reads", "world_readable_only")]));
        let guest = fixture.guest();
        set_membership(&mut fixture, &guest, Membership::Join);
        let hidden = fixture.say("hidden");
        fixture.set_visibility("world_readable");
        let public = fixture.say("public");
        assert!(!sees(&fixture, &guest, &hidden));
        assert!(sees(&fixture, &guest, &public));
    }
}
