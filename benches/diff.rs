//! The speed of the runner itself: decisions per second against the embedded reference, over HTTP on
//! the loopback interface. The last column is the part of the time in which the runner does not wait
//! for an answer.
//!
//! `cargo bench --bench diff`

use std::time::Duration;

use guest_access::diff::{Options, diff, plan, wait_for};
use guest_access::subject::server::{Limits, Proof, Server};
use guest_access_model::stop::Stop;
use guest_access_reference::serve::Embedded;
use guest_access_rules::rules::Rules;

/// The number of rounds.
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rules = Rules::find("latest")?;
    let scenarios = plan(&rules, &[]);
    let options = Options {
        jobs: 8,
        settle: Duration::ZERO,
        keep: false,
        content: true,
        explore_for: None,
        seed: 0,
        stop: Stop::default(),
    };
    println!("round  decisions  calls  seconds  decisions/s  own time");
    for round in 1..=ROUNDS {
        let reference = Embedded::start(rules.profile())?;
        let comparison = async {
            let server =
                Server::connect(&reference.url(), Limits::default(), Proof::default()).await?;
            let found = diff(&rules, &server, &[], scenarios.clone(), &options, |_, _| ()).await?;
            Ok::<_, Box<dyn std::error::Error>>((found.decisions, server.client().calls()))
        };
        let (result, time) = wait_for(comparison)?;
        let (decisions, calls) = result?;
        let seconds = time.took.as_secs_f64();
        let own = time.took.saturating_sub(time.waited).as_secs_f64() / seconds * 100.0;
        let count = u32::try_from(decisions)?;
        println!(
            "{round:5}  {decisions:9}  {calls:5}  {seconds:7.2}  {:11.0}  {own:6.0} %",
            f64::from(count) / seconds
        );
    }
    Ok(())
}
