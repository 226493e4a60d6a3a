//! No files import each other in a circle.
//!
//! The test compares the children of one parent module, each together with everything inside it. One
//! child uses another if some file of the first uses an item that a file of the second defines. The
//! children of no module may use each other in a circle. An item that a module re-exports counts for
//! the file that defines the item.
//!
//! A child may use what its parent defines, while the parent uses the child. Rust intends that: a child
//! sees the private items of its parent. So the parent has the types that the children share, and the
//! function that calls the children in turn. A circle through the parent only is therefore not
//! reported. Every other circle is.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::Workspace;

/// Which modules each module uses.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// The modules that stand next to each other and hold `user` and `used`, if neither of the two holds
/// the other.
fn neighbours(user: &str, used: &str) -> Option<(String, String)> {
    let segments = |path: &str| path.split("::").map(str::to_owned).collect::<Vec<_>>();
    let (user, used) = (segments(user), segments(used));
    let shared = user.iter().zip(&used).take_while(|(a, b)| a == b).count();
    let holder = |path: &[String]| path.get(..=shared).map(|path| path.join("::"));
    Some((holder(&user)?, holder(&used)?))
}

/// Which modules use which of their neighbours.
fn graph(imports: impl Iterator<Item = (String, String)>) -> Graph {
    let mut graph = Graph::new();
    for (user, used) in imports.filter_map(|(user, used)| neighbours(&user, &used)) {
        graph.entry(user).or_default().insert(used);
    }
    graph
}

/// Everything that `module` uses, directly or through others.
fn reachable<'a>(graph: &'a Graph, module: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<_> = graph.get(module).into_iter().flatten().collect();
    while let Some(next) = waiting.pop() {
        if found.insert(next.as_str()) {
            waiting.extend(graph.get(next).into_iter().flatten());
        }
    }
    found
}

/// The sets of modules of which each uses each, directly or through others.
fn circles(graph: &Graph) -> BTreeSet<Vec<&str>> {
    let reachable: BTreeMap<_, _> =
        graph.keys().map(|module| (module.as_str(), reachable(graph, module))).collect();
    let circle = |module: &str| {
        let back = reachable[module].iter().copied();
        back.filter(|other| reachable.get(other).is_some_and(|back| back.contains(module)))
            .collect()
    };
    let circles = reachable.keys().map(|module| circle(module));
    circles.filter(|circle: &Vec<_>| !circle.is_empty()).collect()
}

#[test]
fn no_modules_use_each_other_in_a_circle() {
    let workspace = Workspace::read();
    let imports = workspace.modules().flat_map(|module| {
        let imports = workspace.imports(module).into_iter();
        imports.map(|import| (module.to_owned(), import.defining))
    });
    let graph = graph(imports);
    let circles = circles(&graph);
    assert!(circles.is_empty(), "circles of imports: {circles:#?}");
}

#[test]
fn a_circle_is_found_through_folders_and_not_through_parents() {
    let found = |imports: &[(&str, &str)]| {
        let imports = imports.iter().map(|(user, used)| ((*user).to_owned(), (*used).to_owned()));
        let graph = graph(imports);
        let circles = circles(&graph);
        circles.into_iter().map(|circle| circle.join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(found(&[("c::a", "c::b"), ("c::b", "c::a")]), ["c::a c::b"]);
    assert_eq!(found(&[("c::a", "c::b"), ("c::b", "c::d"), ("c::d", "c::a")]), ["c::a c::b c::d"]);
    assert_eq!(found(&[("c::a::x", "c::b::y"), ("c::b", "c::a")]), ["c::a c::b"]);
    assert_eq!(found(&[("c::a", "c::a::x"), ("c::a::x", "c::a")]), [""; 0]);
    assert_eq!(found(&[("c::a", "c::b"), ("c::d", "c::b")]), [""; 0]);
}
