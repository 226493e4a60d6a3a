//! Histories with a known linearization. The reference takes one call at a time. Each call gets a
//! random start and end around the instant at which it took effect. The checker has to find a
//! linearization of each such history, and none where a falsified answer has none.

use fastrand::Rng;
use guest_access_model::action::{
    Action, Actor, Credential, Key, Message, Observation, Operation, Says, Subject, Upgrade,
};
use guest_access_model::decide::{initial, outcome};
use guest_access_model::linearizability::PartitionedSpecification;
use guest_access_model::state::State;
use guest_access_rules::endpoint::KNOWN;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::vocabulary::MembershipEndpoint;
use guest_access_rules::vocabulary::{GuestAccess, HistoryVisibility, Membership};
use guest_access_scenarios::scenario::{WrittenAction, guest_name};
use proptest::prelude::*;

use crate::subject::reference::ReferenceSubject;

use super::check::Checker;
use super::explain::{PartitionExplanation, explain};
use super::linearization::{LinearizationSearch, SearchResult};
use super::partition::Partition;
use super::recording::{AnswerVerdict, RecordedAnswer, RecordedCall, Round, RoundEnd};
use super::specification::{
    PartitionCall, PartitionOperation, Readings, RoundSpecification, RoundState,
    SpecificationByReadings,
};

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

/// A round of the reference: `length` calls, whose starts and ends hide their order. The message `e1`
/// is the tagged one.
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
        // Leave out calls that the model does not know in this state.
        let Some(expected) = outcome(profile, &state, &step) else { continue };
        state = expected.next;
        let observation = reference.take(&step);
        now += 10;
        let start = rng.u64(now - 10_u64.min(now)..=now).saturating_sub(rng.u64(0..30));
        let end = now + rng.u64(0..40);
        // Take a free client, or a new one.
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

fn call(
    client: u32,
    step: &Action,
    observation: &Observation,
    start: u64,
    end: u64,
) -> RecordedCall {
    use guest_access_model::action::Answer;
    let Observation { decision, answer } = observation;
    let gave = match answer {
        Answer::Gave { tagged } => Some(if *tagged { vec!["e1".to_owned()] } else { Vec::new() }),
        _ => None,
    };
    let is_guest = match answer {
        Answer::IsGuest(is_guest) => Some(*is_guest),
        _ => None,
    };
    RecordedCall {
        round: 1,
        client,
        step: WrittenAction(Action { tag: false, ..*step }),
        upgraded: false,
        event: step.tag.then(|| "e1".to_owned()),
        about: None,
        start,
        end: Some(end),
        answer: Some(RecordedAnswer {
            verdict: if decision.allows() { AnswerVerdict::Allow } else { AnswerVerdict::Deny },
            status: decision.status,
            errcode: decision.errcode.map(|errcode| errcode.as_str().to_owned()),
            whole: gave.is_some(),
            gave,
            is_guest,
        }),
        failure: None,
    }
}

/// Whether there is a linearization, by trying every order, without the steps that shorten the search.
fn by_brute_force(rules: &SpecificationByReadings, partition: &Partition) -> bool {
    fn go_on(
        rules: &SpecificationByReadings,
        partition: &Partition,
        taken: &mut Vec<usize>,
        state: RoundState,
    ) -> bool {
        let calls = &partition.calls;
        let remaining: Vec<usize> = (0..calls.len()).filter(|call| !taken.contains(call)).collect();
        let is_answered = |call: &usize| calls[*call].answer.is_some();
        let ends_well = partition.end.as_ref().is_none_or(|end| end.fits(&state));
        if !remaining.iter().any(is_answered) && ends_well {
            return true;
        }
        let precedes = |one: &PartitionCall, other: &PartitionCall| {
            one.answer.as_ref().is_some_and(|(end, _)| *end < other.start)
        };
        for call in &remaining {
            if remaining.iter().any(|other| precedes(&calls[*other], &calls[*call])) {
                continue;
            }
            let default_readings = Readings::from([]);
            let Some(prediction) =
                rules.predict(&calls[*call].operation, &state, &default_readings)
            else {
                continue;
            };
            if calls[*call].answer.as_ref().is_none_or(|(_, seen)| prediction.answer.fits(seen)) {
                taken.push(*call);
                if go_on(rules, partition, taken, prediction.next) {
                    return true;
                }
                taken.pop();
            }
        }
        false
    }
    go_on(rules, partition, &mut Vec::new(), rules.init())
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

fn order(rules: &SpecificationByReadings, partition: &Partition) -> SearchResult {
    LinearizationSearch::of_partition(rules, &Readings::from([]), partition).run()
}

/// So many cases, unless the environment asks for another number.
fn cases(default: u32) -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(default),
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn histories_of_the_reference_are_linearizable(seed in any::<u64>(), length in 4_usize..60) {
        let rules = latest();
        let checker = Checker::new(&rules);
        let round = round_of_the_reference(&rules.profile(), length, &mut Rng::with_seed(seed));
        prop_assert!(checker.explains(&round), "{round:#?}");
    }

    /// The falsified answers: `whoami` tells a guest before its upgrade that it is no guest, and a read
    /// returns a message that was not sent yet.
    #[test]
    fn histories_with_falsified_answers_are_not_linearizable(seed in any::<u64>(), length in 20_usize..60) {
        let rules = latest();
        let checker = Checker::new(&rules);
        let mut rng = Rng::with_seed(seed);
        let round = round_of_the_reference(&rules.profile(), length, &mut rng);
        let sent = round.calls.iter().find(|call| call.event.is_some()).map(|call| call.start);
        let upgrades = |of: Actor| {
            let upgrade = |call: &&RecordedCall| {
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
    fn the_search_agrees_with_trying_every_order(
        seed in any::<u64>(),
        length in 4_usize..10,
        lies in 0_usize..3,
    ) {
        let rules = latest();
        let specification = SpecificationByReadings::new(&rules);
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
        for partition in RoundSpecification::partition(&round) {
            let found = matches!(order(&specification, &partition), SearchResult::Order);
            prop_assert_eq!(found, by_brute_force(&specification, &partition), "{:#?}", partition);
        }
    }

    /// A reference that keeps one assignment over several rounds is permitted.
    #[test]
    fn a_reference_with_one_assignment_is_consistent(
        seed in any::<u64>(),
        rounds in 2_u32..5,
        length in 4_usize..24,
    ) {
        let rules = latest();
        let checker = Checker::new(&rules);
        let variants = SpecificationByReadings::new(&rules).variants;
        let mut rng = Rng::with_seed(seed);
        let mut taken: Vec<usize> = Vec::new();
        for _ in 0..rng.usize(0..4) {
            let variant = rng.usize(0..variants.permitted);
            if taken.iter().all(|other| *other != variant && !variants.exclude_each_other(variant, *other)) {
                taken.push(variant);
            }
        }
        taken.sort_unstable();
        let profile = variants.profile(&taken);
        let rounds = (1..=rounds).map(|number| {
            let mut round = round_of_the_reference(&profile, length, &mut rng);
            round.number = number;
            round.calls.iter_mut().for_each(|call| call.round = number);
            round.end.iter_mut().for_each(|end| end.round = number);
            round
        });
        let header =
            super::RecordingHeader { format: 1, rules: rules.id.clone(), server: None, seed: None };
        let recording = super::Recording { header, rounds: rounds.collect() };
        let checked = checker.check(&recording, |_| ());
        prop_assert!(checked.inconsistent.is_empty(), "{taken:?}: {:#?}", checked.inconsistent);
    }

    /// All calls overlap, so that the history has as many orders as it has permutations.
    #[test]
    fn calls_that_all_overlap_are_decided(
        // The search in the order of the calls decides neither of the two.
        seed in prop_oneof![
            30 => any::<u64>(),
            1 => Just(5_302_254_184_221_296_267),
            1 => Just(7_310_827_523_415_175_732),
        ],
    ) {
        let rules = latest();
        let mut rng = Rng::with_seed(seed);
        let mut round = round_of_the_reference(&rules.profile(), 48, &mut rng);
        for (client, call) in (0..).zip(&mut round.calls) {
            (call.client, call.start, call.end) = (client, 1, Some(1_000));
        }
        let specification = SpecificationByReadings::new(&rules);
        for partition in RoundSpecification::partition(&round) {
            prop_assert_eq!(order(&specification, &partition), SearchResult::Order);
        }
        // Nobody upgrades, and an answer says that the caller is no guest.
        round.calls.retain(|call| !matches!(call.step().operation, Operation::Upgrade(_)));
        let of_whoami = |call: &&mut RecordedCall| call.step().operation == Operation::WhoAmI;
        let Some(lie) = round.calls.iter_mut().find(of_whoami) else { return Ok(()) };
        let by = lie.step().by;
        lie.answer.iter_mut().for_each(|answer| {
            answer.verdict = AnswerVerdict::Allow;
            answer.status = 200;
            answer.errcode = None;
            answer.is_guest = Some(false);
        });
        let partitions = RoundSpecification::partition(&round);
        for partition in partitions.iter().filter(|partition| partition.user == by) {
            prop_assert_eq!(order(&specification, partition), SearchResult::NoOrder);
        }
    }

    /// The minimal history of a violation is a violation by itself.
    #[test]
    fn a_minimal_history_has_no_linearization(seed in any::<u64>(), length in 8_usize..30) {
        let rules = latest();
        let specification = SpecificationByReadings::new(&rules);
        let mut rng = Rng::with_seed(seed);
        let mut round = round_of_the_reference(&rules.profile(), length, &mut rng);
        falsify(&mut round, &mut rng);
        for partition in RoundSpecification::partition(&round) {
            if !matches!(order(&specification, &partition), SearchResult::NoOrder) {
                continue;
            }
            let PartitionExplanation::NoOrder(minimal, _) = explain(&specification, &partition, &[]) else { continue };
            prop_assert!(minimal.calls.len() <= partition.calls.len());
            let calls = minimal.calls.iter().filter(|call| call.answer.is_some());
            let as_recorded = calls.map(|call| &round.calls[call.number]);
            for call in as_recorded {
                prop_assert!(call.answer.is_some(), "a call without an answer is shown with one");
            }
            let alone = Partition { calls: minimal.calls.clone(), end: minimal.end, ..partition.clone() };
            prop_assert!(!by_brute_force(&specification, &alone) || !minimal.anytime.is_empty());
        }
    }
}

/// A round with a linearization has a linearization of each partition.
#[test]
fn a_linearizable_round_has_linearizable_partitions() {
    let rules = latest();
    let specification = SpecificationByReadings::new(&rules);
    for seed in 0..40 {
        let round = round_of_the_reference(&rules.profile(), 40, &mut Rng::with_seed(seed));
        for partition in RoundSpecification::partition(&round) {
            assert!(
                matches!(order(&specification, &partition), SearchResult::Order),
                "seed {seed}: {partition:#?}"
            );
        }
    }
}

#[test]
fn a_join_after_the_revocation_is_reported_as_a_race() {
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
    let recording = super::Recording { header: about, rounds: vec![round] };
    let checked = Checker::new(&rules).check(&recording, |_| ());
    let [violation] = checked.violations.as_slice() else { panic!("{checked:#?}") };
    assert!(violation.race);
    assert_eq!(violation.kind, guest_access_scenarios::permitted::DivergenceKind::Effect);
    assert!(violation.observed.contains("the membership of guest1 is `join`"), "{violation:?}");
    let starts: Vec<_> = violation.calls.iter().map(|call| call.start).collect();
    assert!(!starts.contains(&95), "the violation shows the message: {starts:?}");
}

/// For the kinds of events that the model tags, the recorded event has the tag of the model.
#[test]
fn an_event_has_the_tag_of_the_model() {
    let profile = latest().profile();
    let specification = SpecificationByReadings::new(&latest());
    let mut state = specification.init();
    let register = Action::new(guest(0), Operation::Register { named: false });
    state.state = outcome(&profile, &state.state, &register).unwrap().next;
    let operations = [
        Operation::Send(Message::Message),
        Operation::SendState,
        Operation::SetVisibility(Says::Value(HistoryVisibility::Joined), Key::Empty),
    ];
    for operation in operations {
        let step = Action::new(Actor::Moderator, operation).at(0);
        let call =
            PartitionOperation { step, upgraded: false, sends: Some(0), tags: true, about: None };
        let default_readings =
            specification.predict(&call, &state, &Readings::from([])).unwrap().next.state;
        let models: State = outcome(&profile, &state.state, &step.tagged()).unwrap().next;
        assert_eq!(default_readings, models, "{step:?}");
    }
}
