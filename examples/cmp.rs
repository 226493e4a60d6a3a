//! Cmp.
use guest_access_model::{compare::*, rules::Rules, state::Scope, stop::Stop};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let t = std::time::Instant::now();
    let c = compare(
        &Rules::find(&a[1]).unwrap(),
        &Rules::find(&a[2]).unwrap(),
        Scope { guests: 1, rooms: 1 },
        &Stop::default(),
    );
    println!("{} {} {:?}", c.verdict, c.contexts, t.elapsed());
    for d in c.differences {
        println!(
            "{} {} {:?} {:?} {} -> {} in {} when {:?} [{}] story {}",
            d.direction,
            d.caller,
            d.endpoints.first(),
            d.cases,
            d.from.decision,
            d.to.decision,
            d.contexts,
            d.when,
            d.endpoints.len(),
            d.witness.len()
        );
    }
}
