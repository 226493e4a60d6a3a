use super::*;

#[test]
fn every_published_revision_can_be_read() {
    for (id, _) in PUBLISHED {
        let rules = Rules::find(id).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(rules.id, *id);
        let _ = rules.profile();
    }
}

#[test]
fn every_revision_but_the_first_extends_its_predecessor() {
    let published = Rules::published();
    for (before, after) in published.iter().zip(&published[1..]) {
        assert_eq!(after.extends.first(), Some(&before.id));
    }
}

#[test]
fn an_alias_names_its_revision() {
    assert_eq!(Rules::find("latest").unwrap().id, "v1.16");
    assert_eq!(Rules::find("v1.13").unwrap().id, "v1.12");
}
