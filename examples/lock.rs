//! Lock.
use guest_access::subject::reference::ReferenceSubject;
use guest_access_model::{lockstep, rules::Rules, state::Scope, stop::Stop};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let r = Rules::find(&a[1]).unwrap();
    let scope = Scope { guests: a[2].parse().unwrap(), rooms: a[3].parse().unwrap() };
    let t = std::time::Instant::now();
    let l = lockstep::explore(
        &r.profile(),
        scope,
        ReferenceSubject::new(r.profile(), scope),
        &Stop::default(),
    );
    println!("{} states {} steps {} {:?}", l.states, l.steps, l.complete, t.elapsed());
    if let Some(m) = l.mismatch {
        for s in m.story {
            println!("  {s:?}");
        }
        println!("{:#?}", m.difference);
    }
}
