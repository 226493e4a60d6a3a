//! Runs the federated scenarios on the reference with each defect: is the defect found, and is its decision
//! point named?

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use guest_access_model::stop::Stop;
use guest_access_model::threads::each_until;
use guest_access_rules::federation::FederationMistake;
use guest_access_rules::profile::Profile;
use guest_access_rules::rules::Rules;
use guest_access_rules::variant::{self, JOINED_BY, Variant};

use crate::diff::{HIDDEN, wait_for};
use crate::subject::server::{Limits, Proof, Server, ServerError};

use super::prediction::{Prediction, predictions};
use super::result::{FederatedDivergence, FederatedResult};
use super::scenarios::SCENARIOS;
use super::set_up::{Neighbour, NeighbourError, NeighbourOptions};
use super::under_test::{ANY_PORT, ReferenceUnderTest, SETTLE_OF_REFERENCE};
use super::{Options, run};

/// The number of scenarios that run at once.
const JOBS: usize = 12;
/// The longest time of one call.
const CALL: Duration = Duration::from_secs(30);

/// A defect that shows in a federated scenario.
#[derive(Debug, Clone)]
pub struct FederatedDefect {
    /// The id of the defect.
    pub id: String,
    /// The family of the defect.
    pub family: String,
    /// The behaviour of a homeserver with the defect.
    pub about: String,
    /// The decision point; several are joined by `and`.
    pub point: String,
    /// Why the defect may keep steps from being judged, if it may.
    pub unjudged: Option<&'static str>,
    profile: Profile,
    mistake: Option<FederationMistake>,
}

/// The result for the reference with one defect.
#[derive(Debug)]
pub struct FederatedDefectResult {
    /// The defect.
    pub defect: FederatedDefect,
    /// The result.
    pub result: FederatedResult,
}

impl FederatedDefectResult {
    /// The divergences that the rules forbid.
    pub fn wrong(&self) -> impl Iterator<Item = &FederatedDivergence> {
        self.result.divergences.iter().filter(|divergence| divergence.readings.is_empty())
    }

    /// Whether the decision point of the defect explains every divergence, and no other point is named.
    pub fn is_named(&self) -> bool {
        let own: BTreeSet<_> = self.defect.point.split(JOINED_BY).collect();
        let causes = &self.result.causes;
        !causes.is_empty()
            && causes
                .iter()
                .all(|cause| cause.decision_point.split(JOINED_BY).all(|point| own.contains(point)))
            && self.wrong().all(|divergence| divergence.cause.is_some())
    }
}

/// The decision points whose defects may keep steps from being judged, each with the reason.
const UNJUDGED: &[(&str, &str)] = &[(
    "visibility.world_readable",
    "not even a member sees the event after which a step is judged, so the run has no verdict",
)];

/// Why a defective reference could not be compared with the rules.
#[derive(Debug, thiserror::Error)]
pub enum FederatedDefectError {
    /// The system has no free port or no thread.
    #[error("the reference homeserver cannot be started")]
    Runtime(#[from] io::Error),
    /// A call to the reference failed.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The servers cannot exchange events.
    #[error(transparent)]
    Neighbour(#[from] NeighbourError),
}

/// The defects that show: mistakes with what comes from other servers, and defects of the rules, by which the
/// model predicts another answer than the rules permit.
pub fn federated_defects(rules: &Rules) -> Vec<FederatedDefect> {
    let default = rules.profile();
    let mistakes = FederationMistake::ALL.into_iter().map(|mistake| FederatedDefect {
        id: mistake.to_string(),
        family: "federation".to_owned(),
        about: mistake.means().to_owned(),
        point: mistake.id().0.to_owned(),
        unjudged: None,
        profile: default.clone(),
        mistake: Some(mistake),
    });
    let permitted = variant::permitted(rules);
    let mistakes =
        mistakes.filter(|defect| shows(&default, &permitted, &defect.profile, defect.mistake));
    let is_hidden = |defect: &Variant| HIDDEN.iter().any(|(point, _)| *point == defect.point());
    let forbidden = variant::defects(rules).into_iter();
    let forbidden = forbidden.filter(|defect| !defect.is_permitted() && !is_hidden(defect));
    let showing = forbidden.filter(|defect| shows(&default, &permitted, &defect.profile, None));
    let defects = showing.map(|defect| FederatedDefect {
        point: defect.point(),
        unjudged: UNJUDGED.iter().find(|(at, _)| *at == defect.point()).map(|(_, why)| *why),
        id: defect.id,
        family: defect.family,
        about: defect.about,
        profile: defect.profile,
        mistake: None,
    });
    mistakes.chain(defects).collect()
}

/// Whether a homeserver with this profile and this mistake answers otherwise in some scenario than by the rules
/// and by each permitted variant alone.
fn shows(
    default: &Profile,
    permitted: &[Variant],
    profile: &Profile,
    mistake: Option<FederationMistake>,
) -> bool {
    let profiles = std::iter::once(default).chain(permitted.iter().map(|variant| &variant.profile));
    let profiles: Vec<_> = profiles.collect();
    SCENARIOS.iter().any(|scenario| {
        let done = predictions(profile, mistake, scenario);
        let due: Vec<_> =
            profiles.iter().map(|profile| predictions(profile, None, scenario)).collect();
        done.iter().enumerate().any(|(number, done)| {
            let differs = |due: &Vec<Prediction>| {
                let answers =
                    due.get(number).and_then(|due| due.answer.as_ref()).zip(done.answer.as_ref());
                answers.is_some_and(|(due, done)| due.divergence(done).is_some())
            };
            due.iter().all(differs)
        })
    })
}

/// Runs every federated scenario on the reference with each of these defects. `progress` is called with the
/// number of finished defects. The result is `None` if `stop` ended the run early.
///
/// # Errors
/// If a reference cannot be started, or the servers cannot exchange events.
pub fn run_defects(
    rules: &Rules,
    defects: &[FederatedDefect],
    threads: usize,
    stop: &Stop,
    progress: impl Fn(usize),
) -> Option<Result<Vec<FederatedDefectResult>, FederatedDefectError>> {
    let one = |defect: &FederatedDefect| {
        let result = run_reference(rules, &defect.profile, defect.mistake, stop)?;
        Ok(FederatedDefectResult { defect: defect.clone(), result })
    };
    let results = each_until(defects, threads, one, stop, progress)?;
    Some(results.into_iter().collect())
}

/// Runs every federated scenario on the reference with this profile and this mistake.
fn run_reference(
    rules: &Rules,
    profile: &Profile,
    mistake: Option<FederationMistake>,
    stop: &Stop,
) -> Result<FederatedResult, FederatedDefectError> {
    let reference = ReferenceUnderTest::start(profile.clone(), mistake)?;
    let comparison = async {
        let url = reference.client_url();
        let server = Server::connect(&url, Limits::default(), Proof::default()).await?;
        let fixture = server.fixture(&[]).await?;
        let url = reference.server_url().to_owned();
        let options = NeighbourOptions { listen: ANY_PORT, name: None, url, timeout: CALL };
        let target = fixture.moderator.user_id.server_name().to_owned();
        let neighbour = Neighbour::start(&options, target)?;
        let scenarios: Vec<_> = SCENARIOS.iter().collect();
        // The servers end after the run, so their rooms need no cleaning.
        let settle = SETTLE_OF_REFERENCE;
        let options =
            Options { jobs: JOBS, settle, keep: true, room_version: None, stop: stop.clone() };
        let ran = run(rules, &server, &fixture, &neighbour, &scenarios, &options, |_| ()).await?;
        Ok::<_, FederatedDefectError>(ran)
    };
    let mut result = wait_for(comparison)?.0?;
    result.broken_off.take().map_or(Ok(result), |error| Err(error.into()))
}
