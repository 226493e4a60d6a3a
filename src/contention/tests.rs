//! Histories made by construction: the reference takes one call at a time, and each call is said to
//! have lasted a while around its instant. So there is an order of each, and the checker has to find
//! one; and in one whose answers were falsified it finds none where there is none.

use fastrand::Rng;
use guest_access_model::action::{
    Action, Actor, Credential, Key, Message, Observation, Operation, Says, Subject, Upgrade,
};
use guest_access_model::decide::{initial, outcome};
use guest_access_model::state::State;
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, Membership};
use proptest::prelude::*;

use crate::scenario::{WrittenAction, guest_name};
use crate::subject::reference::ReferenceSubject;

use super::check::Checker;
use super::explain::{Explanation, explain};
use super::linearization::{LinearizationSearch, SearchResult};
use super::partition::{Partition, parts};
use super::recording::{Answer, AnswerVerdict, Call, Round, RoundEnd};
use super::specification::{PartitionCall, Readings, RoundState, SequentialSpecification};

/// A guest, by number.
const fn guest(number: u8) -> Actor {
    Actor::Guest(number)
}

fn by_moderator(rng: &mut Rng) -> Action {
    let operation = match rng.u8(0..8) {
        0 | 1 => Operation::SetGuestAccess(Says::Value(GuestAccess::Forbidden), Key::Empty),
        2 | 3 => Operation::SetGuestAccess(Says::Value(GuestAccess::CanJoin), Key::Empty),
        4 => Operation::SetVisibility(Says::Value(HistoryVisibility::WorldReadable), Key::Empty),
        5 => Operation::SetVisibility(Says::Value(HistoryVisibility::Joined), Key::Empty),
        6 => Operation::Kick(rng.u8(0..2)),
        _ => Operation::Invite(rng.u8(0..2)),
    };
    Action::new(Actor::Moderator, operation).at(0)
}

fn by_guest(number: u8, rng: &mut Rng) -> Action {
    let here = |operation| Action::new(guest(number), operation).at(0);
    match rng.u8(0..12) {
        0..=2 => here(Operation::Join(MembershipEndpoint::Own)),
        3 => here(Operation::Leave(MembershipEndpoint::Own)),
        4 => here(Operation::Send(Message::Message)),
        5..=8 => here(Operation::Read(KNOWN.messages)),
        9 => Action::new(guest(number), Operation::WhoAmI),
        10 => Action::new(guest(number), Operation::Upgrade(Upgrade::Own(number))),
        _ => Action::new(guest(number), Operation::LogOut),
    }
}

/// A round of the reference itself: `length` calls, in an order that is hidden behind the time that
/// each is said to have taken. The message `e1` is the tagged one.
pub(super) fn round_of_the_reference(profile: &Profile, length: usize, rng: &mut Rng) -> Round {
    let scope = guest_access_model::state::Scope { guests: 2, rooms: 1 };
    let mut reference = ReferenceSubject::new(profile.clone(), scope);
    let mut round = Round { number: 1, ..Round::default() };
    let mut upgraded = [false; 2];
    let mut free: Vec<u64> = Vec::new();
    let mut now = 0;
    let mut state = initial(profile);
    let mut steps: Vec<Action> = vec![
        Action::new(guest(0), Operation::Register { named: false }),
        Action::new(guest(1), Operation::Register { named: false }),
    ];
    let message = rng.usize(3..length.max(4));
    for number in 0..length {
        let step = match number {
            0 | 1 => steps.remove(0),
            _ if number == message => {
                Action::new(Actor::Moderator, Operation::Send(Message::Message)).at(0).tagged()
            }
            _ if rng.bool() => by_moderator(rng),
            _ => by_guest(rng.u8(0..2), rng),
        };
        // What the model knows no call for is not made.
        let Some(expected) = outcome(profile, &state, &step) else { continue };
        state = expected.next;
        let observation = reference.take(&step);
        now += 10;
        let start = rng.u64(now - 10_u64.min(now)..=now).saturating_sub(rng.u64(0..30));
        let end = now + rng.u64(0..40);
        // A client that is free; there is always another.
        let client = (0..=free.len())
            .find(|client| free.get(*client).is_none_or(|free| *free < start))
            .unwrap();
        free.resize(free.len().max(client + 1), 0);
        free[client] = end;
        let mut call = call(u32::try_from(client).unwrap(), &step, &observation, start, end);
        if let (Actor::Guest(number), Credential::Own) = (step.by, step.with) {
            let number = usize::from(number);
            call.upgraded = upgraded[number];
            upgraded[number] |=
                matches!(step.operation, Operation::Upgrade(_)) && observation.decision.allows();
        }
        round.calls.push(call);
    }
    let room = state.rooms[0];
    let memberships =
        [0, 1].map(|guest| (guest_name(guest), room.members[guest])).into_iter().collect();
    round.end = Some(RoundEnd {
        round: 1,
        memberships,
        history_visibility: room.visibility,
        guest_access: Some(room.guest_access),
    });
    round.calls.sort_by_key(|call| (call.start, call.client));
    round
}

fn call(client: u32, step: &Action, observation: &Observation, start: u64, end: u64) -> Call {
    use guest_access_model::action::Answer as Held;
    let Observation { decision, answer } = observation;
    let gave = match answer {
        Held::Gave { tagged } => Some(if *tagged { vec!["e1".to_owned()] } else { Vec::new() }),
        _ => None,
    };
    let is_guest = match answer {
        Held::IsGuest(is_guest) => Some(*is_guest),
        _ => None,
    };
    Call {
        round: 1,
        client,
        step: WrittenAction(Action { tag: false, ..*step }),
        upgraded: false,
        event: step.tag.then(|| "e1".to_owned()),
        about: None,
        start,
        end: Some(end),
        answer: Some(Answer {
            verdict: if decision.allows() { AnswerVerdict::Allow } else { AnswerVerdict::Deny },
            status: decision.status,
            errcode: decision.errcode.map(|errcode| errcode.as_str().to_owned()),
            whole: gave.is_some(),
            gave,
            is_guest,
        }),
        untold: None,
    }
}

/// Whether there is an order, by trying every one: no memory of what was tried, nothing taken at once.
fn by_brute_force(rules: &SequentialSpecification, part: &Partition) -> bool {
    fn go_on(
        rules: &SequentialSpecification,
        part: &Partition,
        taken: &mut Vec<usize>,
        place: RoundState,
    ) -> bool {
        let calls = &part.calls;
        let left: Vec<usize> = (0..calls.len()).filter(|call| !taken.contains(call)).collect();
        let is_answered = |call: &usize| calls[*call].answer.is_some();
        let ends_well = part.end.as_ref().is_none_or(|end| end.fits(&place));
        if !left.iter().any(is_answered) && ends_well {
            return true;
        }
        let precedes = |one: &PartitionCall, other: &PartitionCall| {
            one.answer.as_ref().is_some_and(|(end, _)| *end < other.start)
        };
        for call in &left {
            if left.iter().any(|other| precedes(&calls[*other], &calls[*call])) {
                continue;
            }
            let ours = Readings::from([]);
            let Some(comes) = rules.comes(&calls[*call], &place, &ours) else { continue };
            if calls[*call].answer.as_ref().is_none_or(|(_, seen)| comes.says.fits(seen)) {
                taken.push(*call);
                if go_on(rules, part, taken, comes.to) {
                    return true;
                }
                taken.pop();
            }
        }
        false
    }
    go_on(rules, part, &mut Vec::new(), rules.beginning())
}

fn falsify(round: &mut Round, rng: &mut Rng) {
    let number = rng.usize(0..round.calls.len());
    let Some(answer) = &mut round.calls[number].answer else { return };
    match (&mut answer.gave, &mut answer.is_guest) {
        (Some(gave), _) if answer.verdict == AnswerVerdict::Allow && gave.is_empty() => {
            gave.push("e1".to_owned());
        }
        (Some(gave), _) if answer.verdict == AnswerVerdict::Allow => gave.clear(),
        (_, Some(is_guest)) => *is_guest = !*is_guest,
        _ if answer.verdict == AnswerVerdict::Allow => {
            answer.verdict = AnswerVerdict::Deny;
            answer.status = 403;
            answer.errcode = Some("M_FORBIDDEN".to_owned());
        }
        _ => {
            answer.verdict = AnswerVerdict::Allow;
            answer.status = 200;
            answer.errcode = None;
        }
    }
}

fn latest() -> Rules {
    Rules::find("latest").unwrap()
}

fn order(rules: &SequentialSpecification, part: &Partition) -> SearchResult {
    LinearizationSearch::of_part(rules, &Readings::from([]), part).run()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_the_reference_did_has_an_order(seed in any::<u64>(), length in 4_usize..60) {
        let rules = latest();
        let checker = Checker::new(&rules);
        let round = round_of_the_reference(&rules.profile(), length, &mut Rng::with_seed(seed));
        prop_assert!(checker.explains(&round), "{round:#?}");
    }

    /// A guest that is told that it is none, and has not upgraded; and a message that is given before
    /// it was sent.
    #[test]
    fn what_nothing_explains_has_none(seed in any::<u64>(), length in 20_usize..60) {
        let rules = latest();
        let checker = Checker::new(&rules);
        let mut rng = Rng::with_seed(seed);
        let round = round_of_the_reference(&rules.profile(), length, &mut rng);
        let sent = round.calls.iter().find(|call| call.event.is_some()).map(|call| call.start);
        let upgrades = |of: Actor| {
            let upgrade = |call: &&Call| {
                call.step().by == of && matches!(call.step().operation, Operation::Upgrade(_))
            };
            round.calls.iter().any(|call| upgrade(&call))
        };
        for (number, call) in round.calls.iter().enumerate() {
            let Some(answer) = &call.answer else { continue };
            let mut lie = answer.clone();
            if answer.is_guest.is_some() && !upgrades(call.step().by) {
                lie.is_guest = Some(false);
            } else if answer.gave.is_some() && sent.is_some_and(|sent| call.end < Some(sent)) {
                lie.gave = Some(vec!["e1".to_owned()]);
            } else {
                continue;
            }
            let mut falsified = round.clone();
            falsified.calls[number].answer = Some(lie);
            prop_assert!(!checker.explains(&falsified), "{:#?}", falsified.calls[number]);
        }
    }

    #[test]
    fn the_search_finds_what_trying_every_order_finds(
        seed in any::<u64>(),
        length in 4_usize..10,
        lies in 0_usize..3,
    ) {
        let rules = latest();
        let rulebook = SequentialSpecification::new(&rules);
        let mut rng = Rng::with_seed(seed);
        let mut round = round_of_the_reference(&rules.profile(), length, &mut rng);
        for _ in 0..lies {
            falsify(&mut round, &mut rng);
        }
        if lies == 2 {
            let number = rng.usize(0..round.calls.len());
            round.calls[number].answer = None;
            round.calls[number].end = None;
        }
        for part in parts(&round) {
            let found = matches!(order(&rulebook, &part), SearchResult::Order);
            prop_assert_eq!(found, by_brute_force(&rulebook, &part), "{:#?}", part);
        }
    }

    /// What is shown of a violation is one by itself: it has no order either.
    #[test]
    fn the_least_of_what_has_no_order_has_none(seed in any::<u64>(), length in 8_usize..30) {
        let rules = latest();
        let rulebook = SequentialSpecification::new(&rules);
        let mut rng = Rng::with_seed(seed);
        let mut round = round_of_the_reference(&rules.profile(), length, &mut rng);
        falsify(&mut round, &mut rng);
        for part in parts(&round) {
            if !matches!(order(&rulebook, &part), SearchResult::NoOrder(_)) {
                continue;
            }
            let Explanation::NoOrder(least, _) = explain(&rulebook, &part, &[]) else { continue };
            prop_assert!(least.calls.len() <= part.calls.len());
            let calls = least.calls.iter().filter(|call| call.answer.is_some());
            let as_recorded = calls.map(|call| &round.calls[call.number]);
            for call in as_recorded {
                prop_assert!(call.answer.is_some(), "what was not answered is not shown as if");
            }
            let alone = Partition { calls: least.calls.clone(), end: least.end, ..part.clone() };
            prop_assert!(!by_brute_force(&rulebook, &alone) || !least.anytime.is_empty());
        }
    }
}

/// The parts leave nothing out that a whole round could show of one guest and one event.
#[test]
fn an_order_of_the_whole_is_one_of_each_part() {
    let rules = latest();
    let rulebook = SequentialSpecification::new(&rules);
    for seed in 0..40 {
        let round = round_of_the_reference(&rules.profile(), 40, &mut Rng::with_seed(seed));
        for part in parts(&round) {
            assert!(
                matches!(order(&rulebook, &part), SearchResult::Order),
                "seed {seed}: {part:#?}"
            );
        }
    }
}

#[test]
fn a_join_that_lands_after_the_revocation_is_a_race_and_shown_as_one() {
    let rules = latest();
    let allow = Observation {
        decision: guest_access_rules::vocabulary::Decision::allow(&[], ""),
        answer: guest_access_model::action::Answer::Nothing,
    };
    let moderator = |operation| Action::new(Actor::Moderator, operation).at(0);
    let access = |value| moderator(Operation::SetGuestAccess(Says::Value(value), Key::Empty));
    let join = Action::new(guest(0), Operation::Join(MembershipEndpoint::Own)).at(0);
    let register = Action::new(guest(0), Operation::Register { named: false });
    let calls = vec![
        call(0, &register, &allow, 0, 10),
        call(0, &access(GuestAccess::CanJoin), &allow, 20, 30),
        call(1, &join, &allow, 40, 90),
        call(0, &access(GuestAccess::Forbidden), &allow, 50, 80),
        call(0, &moderator(Operation::Send(Message::Message)), &allow, 95, 99),
    ];
    let memberships = std::iter::once((guest_name(0), Membership::Join)).collect();
    let end = RoundEnd {
        round: 1,
        memberships,
        history_visibility: None,
        guest_access: Some(GuestAccess::Forbidden),
    };
    let round = Round { number: 1, calls, end: Some(end) };
    let about =
        super::RecordingHeader { format: 1, rules: rules.id.clone(), server: None, seed: None };
    let recording = super::Recording { about, rounds: vec![round] };
    let checked = Checker::new(&rules).check(&recording, |_| ());
    let [violation] = checked.violations.as_slice() else { panic!("{checked:#?}") };
    assert!(violation.race);
    assert_eq!(violation.kind, crate::permitted::DivergenceKind::Effect);
    assert!(violation.observed.contains("the membership of guest1 is `join`"), "{violation:?}");
    let told: Vec<_> = violation.calls.iter().map(|call| call.start).collect();
    assert!(!told.contains(&95), "the message has no part in it: {told:?}");
}

/// A read by tagged class agrees with the model's own tag, for the kinds that the model tags.
#[test]
fn an_event_is_tagged_as_the_model_tags_it() {
    let profile = latest().profile();
    let rulebook = SequentialSpecification::new(&latest());
    let mut place = rulebook.beginning();
    let register = Action::new(guest(0), Operation::Register { named: false });
    place.state = outcome(&profile, &place.state, &register).unwrap().next;
    let operations = [
        Operation::Send(Message::Message),
        Operation::SendState,
        Operation::SetVisibility(Says::Value(HistoryVisibility::Joined), Key::Empty),
    ];
    for operation in operations {
        let step = Action::new(Actor::Moderator, operation).at(0);
        let asked = PartitionCall {
            number: 0,
            step,
            upgraded: false,
            sends: Some(0),
            tags: true,
            about: None,
            start: 0,
            answer: None,
        };
        let ours = rulebook.comes(&asked, &place, &Readings::from([])).unwrap().to.state;
        let models: State = outcome(&profile, &place.state, &step.tagged()).unwrap().next;
        assert_eq!(ours, models, "{step:?}");
    }
}
