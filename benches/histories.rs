//! How many calls a second are checked, and how that grows with the clients and with the length of a
//! round: `cargo bench --bench histories`.
//!
//! The rounds are recorded from the embedded reference, so that their answers and their overlaps are
//! those of a server; only the check is timed.

use std::time::{Duration, Instant};

use guest_access::contention::{Checker, RecordOptions, record};
use guest_access::diff::wait_for;
use guest_access::subject::server::{Limits, Proof, Server};
use guest_access_model::stop::Stop;
use guest_access_reference::serve::Embedded;
use guest_access_rules::rules::Rules;

/// For how long each size is recorded.
const TIME: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rules = Rules::find("latest")?;
    let embedded = Embedded::start(rules.profile())?;
    println!("clients  length  rounds   calls  overlapping  parts  calls checked per second");
    for (clients, length) in
        [(2, 10), (4, 10), (6, 10), (8, 10), (12, 10), (6, 5), (6, 20), (6, 40)]
    {
        let options = RecordOptions {
            clients,
            time: TIME,
            length,
            seed: 1,
            settle: Duration::from_secs(1),
            keep: true,
            stop: Stop::default(),
        };
        let checker = Checker::new(&rules);
        let (recorded, _) = wait_for(async {
            let server =
                Server::connect(&embedded.url(), Limits::default(), Proof::default()).await?;
            record(&rules, &checker, &server, &[], &options, |_| ()).await
        })?;
        let recording = recorded?.recording;
        let began = Instant::now();
        let checked = Checker::new(&rules).check(&recording, |_| ());
        let took = began.elapsed();
        let rate = f64::from(u32::try_from(checked.calls)?) / took.as_secs_f64();
        println!(
            "{clients:7}  {length:6}  {:6}  {:6}  {:11}  {:5}  {rate:.0}",
            checked.rounds, checked.calls, checked.overlapping, checked.partitions
        );
    }
    Ok(())
}
