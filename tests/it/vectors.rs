//! Vectors: what they cover, and how few they are.

use guest_access::vectors::vectors;
use guest_access_model::rules::Rules;

#[test]
fn every_vector_covers_something() {
    let rules = Rules::find("latest").unwrap();
    let vectors = vectors(&rules);
    assert!(!vectors.is_empty());
    assert!(vectors.iter().all(|vector| !vector.covers.is_empty()));
}
