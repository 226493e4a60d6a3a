//! Sb.
use guest_access::subject::reference::ReferenceSubject;
use guest_access_model::{rules::Rules, scoreboard::*, stop::Stop};
fn main() {
    let t = std::time::Instant::now();
    let c = scoreboard(
        &Rules::find("latest").unwrap(),
        |p, s| ReferenceSubject::new(p.clone(), s),
        2,
        &Stop::default(),
        |_, _| (),
    )
    .unwrap();
    println!("{} of {} {:?}", c.iter().filter(|c| c.is_caught()).count(), c.len(), t.elapsed());
    for c in c {
        if c.defect.id.starts_with("endpoint.")
            && c.is_caught()
            && c.by_lockstep
            && !c.by_guarantees.is_empty()
        {
            continue;
        }
        println!(
            "{} lock {} {:?}",
            c.defect.id,
            c.by_lockstep,
            c.by_guarantees.iter().map(|g| g.get().id).collect::<Vec<_>>()
        );
    }
}
