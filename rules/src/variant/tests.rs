use std::collections::BTreeSet;

use super::*;

fn latest() -> Rules {
    Rules::find("latest").unwrap()
}

#[test]
fn several_defects_can_be_combined() {
    let rules = latest();
    let ids = ["join.gate=none", "endpoint.GET /sync=refused", "join.gate=none"];
    let found: Vec<_> = ids.iter().map(|id| find(&rules, id).unwrap()).collect();
    let mut expected = found[0].profile.clone();
    let sync = EndpointId::find("GET /sync").unwrap();
    expected.set_access(sync, Access::Refused);
    assert_eq!(together(&rules.profile(), &found), expected);
    assert_eq!(together(&rules.profile(), &[]), rules.profile());
}

#[test]
fn every_variant_has_a_unique_id_and_a_different_profile() {
    let rules = latest();
    let mut seen = BTreeSet::new();
    for variant in permitted(&rules).into_iter().chain(defects(&rules)) {
        assert!(seen.insert(variant.id.clone()), "{} is given twice", variant.id);
        assert_ne!(variant.profile, rules.profile(), "{}", variant.id);
    }
}

#[test]
fn the_permitted_variants_come_first() {
    let variants = Variants::of(&latest());
    for (number, variant) in variants.all.iter().enumerate() {
        assert_eq!(variants.profile(&[number]), variant.profile, "{variant:?}");
        assert_eq!(variant.is_permitted(), number < variants.permitted, "{variant:?}");
        assert!(variants.exclude_each_other(number, number));
    }
}

/// A reading permits one known mistake (A13 permits `preview-state-from-before`); every forbidden
/// option stays forbidden.
#[test]
fn every_defect_is_among_the_variants() {
    let rules = latest();
    let variants = Variants::of(&rules);
    for defect in defects(&rules) {
        let of_profile = variants.of_profile(&defect.profile);
        let variant = of_profile.unwrap_or_else(|| panic!("{} is missing", defect.id));
        assert!(defect.is_known_mistake || !variant.is_permitted(), "{}", defect.id);
    }
}

/// Reading A16 of the draft permits to open the endpoint where the room is `world_readable`.
#[test]
fn a_conditional_reading_forbids_to_open_without_conditions() {
    let draft = Rules::find("draft-2015-11-05").unwrap();
    let put_state = "PUT /rooms/{roomId}/state/{eventType}/{stateKey}";
    let conditional = format!("endpoint.{put_state}=open where room:world_readable");
    assert!(open(&draft).iter().any(|variant| variant.id == conditional));
    let defect = find(&draft, &format!("endpoint.{put_state}=open")).expect("the draft forbids it");
    assert_eq!(defect.standing, VariantStanding::Forbidden);
    let endpoint = EndpointId::find(put_state).unwrap();
    assert_eq!(defect.profile.access(endpoint), UNCONDITIONAL);
}
