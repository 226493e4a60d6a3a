//! Counts.
use guest_access_model::{check::*, guarantee::*, rules::Rules, state::Scope, stop::Stop};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let r = Rules::find(&a[1]).unwrap();
    let scope = Scope { guests: a[2].parse().unwrap(), rooms: a[3].parse().unwrap() };
    let report = Check {
        rules: &r,
        system: r.profile(),
        scope,
        guarantees: GuaranteeId::all().collect(),
        threads: a[4].parse().unwrap(),
    }
    .run(&Stop::default(), |_| ());
    println!(
        "{} {} {} {:?} {:?}",
        report.states, report.transitions, report.complete, report.depth, report.took
    );
    for f in &report.findings {
        println!("{} {}", f.guarantee.get().id, f.status);
        for s in f.counterexample.iter().flatten() {
            println!("      {s:?}");
        }
    }
}
