//! Defects in lockstep with themselves.
use guest_access::subject::reference::ReferenceSubject;
use guest_access_model::{defect::defects, lockstep, rules::Rules, state::Scope, stop::Stop};
fn main() {
    let r = Rules::find("latest").unwrap();
    let scope = Scope { guests: 1, rooms: 1 };
    let only = std::env::args().nth(1);
    for d in defects(&r) {
        if d.id.starts_with("endpoint.") {
            continue;
        }
        if only.as_ref().is_some_and(|o| *o != d.id) {
            continue;
        }
        let l = lockstep::explore(
            &d.profile,
            scope,
            ReferenceSubject::new(d.profile.clone(), scope),
            &Stop::default().at_states(3000),
        );
        if let Some(m) = l.mismatch {
            println!("{} differs from itself", d.id);
            for s in m.story {
                println!("  {s:?}");
            }
            println!("{}", format!("{:?}", m.difference));
        }
    }
}
