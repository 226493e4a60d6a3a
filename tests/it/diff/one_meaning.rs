//! Vectors, `diff`, contention and `decide` give one behaviour one meaning.

use guest_access::subject::reference::ReferenceSubject;
use guest_access_model::action::{Action, Observation, Subject};
use guest_access_model::state::State;
use guest_access_rules::vocabulary::{Decision, ErrCode};
use guest_access_scenarios::permitted::{StepJudgement, judge_run, options_of};
use serde_json::{Value, json};

use super::diff_vectors;
use super::layer::{Behind, Call, Layer, Reply, in_front_of, refusal};
use crate::cli::{Folder, run};
use crate::vectors::{LATEST, VECTORS};

/// What a homeserver answers, where the default refuses an unlisted endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnlistedAnswer {
    /// 403 `M_GUEST_ACCESS_FORBIDDEN`, the default.
    GuestAccessForbidden,
    /// 403 `M_FORBIDDEN`, which A21 permits.
    Forbidden,
    /// 200.
    Allowed,
}

use UnlistedAnswer::{Allowed, Forbidden, GuestAccessForbidden};

/// The two unlisted endpoints that the recording and the scenario call.
const ENDPOINTS: [&str; 2] = ["GET /joined_rooms", "GET /voip/turnServer"];

/// The answers of a homeserver: at the first endpoint, and at every other one.
type Behaviour = [UnlistedAnswer; 2];

fn answer_at(behaviour: Behaviour, endpoint: &str) -> UnlistedAnswer {
    behaviour[usize::from(endpoint != ENDPOINTS[0])]
}

/// The meaning of a behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    AsDefault,
    ByAnotherReading,
    Inconsistent,
    NotPermitted,
}

/// The homeservers: their behaviour, the layer that shows the behaviour, and its meaning.
const HOMESERVERS: [(Behaviour, Layer, Meaning); 4] = [
    ([GuestAccessForbidden, GuestAccessForbidden], answer::<0>, Meaning::AsDefault),
    ([Forbidden, Forbidden], answer::<1>, Meaning::ByAnotherReading),
    ([Forbidden, GuestAccessForbidden], answer::<2>, Meaning::Inconsistent),
    ([Allowed, GuestAccessForbidden], answer::<3>, Meaning::NotPermitted),
];

/// The reference, which answers as homeserver number N.
fn answer<const N: usize>(behind: &Behind, call: &Call) -> Reply {
    let reply = behind.forward(call);
    // A join by a listed endpoint is refused by the settings of the room.
    let is_of_the_room = call.is("POST", &["rooms", "", "join"])
        || call.is("PUT", &["rooms", "", "state", "m.room.member", ""]);
    if reply.1["errcode"] != "M_GUEST_ACCESS_FORBIDDEN" || is_of_the_room {
        return reply;
    }
    let endpoint = format!("{} /{}", call.method, call.segments.join("/"));
    match answer_at(HOMESERVERS[N].0, &endpoint) {
        GuestAccessForbidden => reply,
        Forbidden => refusal(403, "M_FORBIDDEN"),
        Allowed => (200, json!({})),
    }
}

/// The reference as a subject, with a behaviour of its own.
struct WithBehaviour(ReferenceSubject, Behaviour);

impl Subject for WithBehaviour {
    fn take(&mut self, step: &Action) -> Observation {
        let mut observation = self.0.take(step);
        let decision = observation.decision;
        let endpoint = step.operation.endpoint().map(|endpoint| endpoint.get().id.as_str());
        if let Some(endpoint) = endpoint.filter(|_| decision.clauses.contains(&"GA-3")) {
            observation.decision = match answer_at(self.1, endpoint) {
                Forbidden if decision.errcode == Some(ErrCode::GuestAccessForbidden) => {
                    Decision { errcode: Some(ErrCode::Forbidden), ..decision }
                }
                Allowed => Decision::allow(decision.clauses, decision.because),
                _ => decision,
            };
        }
        observation
    }

    fn abstraction(&self) -> State {
        self.0.abstraction()
    }
}

fn by_vectors(behaviour: Behaviour) -> Meaning {
    let vectors: Vec<_> =
        VECTORS.iter().filter(|vector| vector.scenario.id.starts_with("accounts")).collect();
    let options = options_of(vectors.iter().map(|vector| &vector.otherwise[..]));
    let run = vectors.iter().map(|vector| {
        let reference = ReferenceSubject::new(LATEST.profile(), vector.scope);
        vector.matches(WithBehaviour(reference, behaviour), &options)
    });
    let judged = judge_run(&options, &run.collect::<Vec<_>>());
    let any = |is: fn(&StepJudgement) -> bool| judged.steps.iter().flatten().any(is);
    if any(|step| matches!(step, StepJudgement::Unexplained)) {
        Meaning::NotPermitted
    } else if any(|step| matches!(step, StepJudgement::Inconsistent(_))) {
        Meaning::Inconsistent
    } else if judged.assignment.is_default() {
        Meaning::AsDefault
    } else {
        Meaning::ByAnotherReading
    }
}

fn by_diff(layer: Layer) -> Meaning {
    let url = in_front_of(LATEST.profile(), layer);
    let always = ["--server", &url, "--only", "accounts", "--quiet", "--format", "json"];
    let ran = diff_vectors(always);
    let report = ran.json();
    let divergences = report["divergences"].as_array().unwrap();
    let failing = |divergence: &&Value| divergence["permitted"] == false;
    let meaning = if divergences.iter().filter(failing).any(|one| one["kind"] != "inconsistent") {
        Meaning::NotPermitted
    } else if divergences.iter().any(|divergence| failing(&divergence)) {
        Meaning::Inconsistent
    } else if divergences.is_empty() {
        Meaning::AsDefault
    } else {
        Meaning::ByAnotherReading
    };
    let fails = matches!(meaning, Meaning::Inconsistent | Meaning::NotPermitted);
    assert_eq!(ran.code, Some(i32::from(fails)), "{}", ran.out);
    meaning
}

/// The answer as scenarios and recordings write it.
fn written(answer: UnlistedAnswer) -> Value {
    let refused = |errcode: &str| json!({ "verdict": "deny", "status": 403, "errcode": errcode });
    match answer {
        GuestAccessForbidden => refused("M_GUEST_ACCESS_FORBIDDEN"),
        Forbidden => refused("M_FORBIDDEN"),
        Allowed => json!({ "verdict": "allow", "status": 200 }),
    }
}

/// A recording in which a guest calls each endpoint, with one call at a time.
fn by_contention(behaviour: Behaviour) -> Meaning {
    let mut lines = vec![json!({ "line": "recording", "format": 1, "rules": "latest" })];
    let call = |round: usize, start: usize, action: &str, answer: Value| {
        json!({
            "line": "call", "round": round, "client": 1, "start": start, "end": start + 5,
            "step": { "as": "guest1", "do": action }, "answer": answer,
        })
    };
    for (place, endpoint) in ENDPOINTS.into_iter().enumerate() {
        let registered = json!({ "verdict": "allow", "status": 200 });
        lines.push(call(place + 1, 1, "register as guest", registered));
        lines.push(call(place + 1, 10, endpoint, written(behaviour[place])));
    }
    let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
    let folder = Folder::new();
    let path = folder.file("h.jsonl", lines.join("\n") + "\n").display().to_string();
    let report = run(["replay", &path, "--quiet", "--format", "json"]).json();
    let has = |key: &str| !report[key].as_array().unwrap().is_empty();
    if has("violations") {
        Meaning::NotPermitted
    } else if has("inconsistent") {
        Meaning::Inconsistent
    } else if has("readings") {
        Meaning::ByAnotherReading
    } else {
        Meaning::AsDefault
    }
}

/// `decide` lists all outcomes that the rules permit of a step, and judges no run: two answers to one
/// question are each permitted.
fn by_decide(behaviour: Behaviour) -> Meaning {
    let steps = ENDPOINTS.map(|endpoint| json!({ "as": "guest1", "do": endpoint }));
    let [first, second] = steps;
    let scenario = json!({
        "id": "a", "rules": "latest", "about": "", "clauses": [],
        "steps": [{ "as": "guest1", "do": "register as guest" }, first, second],
    });
    let folder = Folder::new();
    let path = folder.file("a.json", scenario.to_string()).display().to_string();
    let report = run(["decide", &path, "--format", "json"]).json();
    let by_another: Vec<_> = behaviour
        .into_iter()
        .enumerate()
        .map(|(place, answer)| {
            let step = &report["steps"][place + 1];
            let is_so = |outcome: &Value| outcome["observed"] == written(answer);
            let mut others = step["otherwise"].as_array().unwrap().iter();
            if is_so(step) { Some(false) } else { others.any(is_so).then_some(true) }
        })
        .collect();
    match by_another[..] {
        [Some(false), Some(false)] => Meaning::AsDefault,
        [Some(true), Some(true)] => Meaning::ByAnotherReading,
        [Some(_), Some(_)] => Meaning::Inconsistent,
        _ => Meaning::NotPermitted,
    }
}

#[test]
fn a_behaviour_means_the_same_to_each_that_judges() {
    for (behaviour, layer, meaning) in HOMESERVERS {
        assert_eq!(by_vectors(behaviour), meaning, "vectors, {behaviour:?}");
        assert_eq!(by_diff(layer), meaning, "diff, {behaviour:?}");
        assert_eq!(by_contention(behaviour), meaning, "contention, {behaviour:?}");
        assert_eq!(by_decide(behaviour), meaning, "decide, {behaviour:?}");
    }
}
