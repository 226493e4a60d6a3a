//! Which modules of the workspace a source file uses.
//!
//! 1. [`Workspace::read`] parses every file of the crates of the workspace, from `lib.rs` along the
//!    `mod` declarations. Items under `#[cfg(test)]` are left out, and the files that such a `mod`
//!    declares.
//! 2. [`Workspace::modules`] lists the modules that have a file of their own, by full path:
//!    `guest_access_reference::serve::router`.
//! 3. [`Workspace::imports`] lists what one of the modules names in `use` items, in paths anywhere
//!    in its code, in the arguments of macros and in attributes.
//!
//! Paths into other crates than those of the workspace are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proc_macro2::{TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, Meta, Token, UseTree};

/// The crates of the workspace, each with its folder of sources, the lowest first.
const CRATES: &[(&str, &str)] = &[
    ("guest_access_rules", "rules/src"),
    ("guest_access_model", "model/src"),
    ("guest_access_reference", "reference/src"),
    ("guest_access_scenarios", "scenarios/src"),
    ("guest_access", "src"),
];

/// A path in the code of a module that leads to another module of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    /// The module that the path names: the path without the items at its end.
    pub(crate) named: String,
    /// The module that defines the item: another one than `named` if `named` re-exports the item.
    pub(crate) defining: String,
}

/// The modules of all crates of the workspace, without their tests.
pub(crate) struct Workspace {
    modules: BTreeMap<String, Source>,
}

impl Workspace {
    /// Parses the source files of the workspace, once for all tests.
    pub(crate) fn read() -> &'static Self {
        static WORKSPACE: LazyLock<Workspace> = LazyLock::new(Workspace::parse);
        &WORKSPACE
    }

    fn parse() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Files::default();
        for (name, folder) in CRATES {
            let folder = root.join(folder);
            files.read(name, &folder.join("lib.rs"), &folder);
        }
        Self::of(files.0)
    }

    /// The modules of these files: pairs of a module's path and its text.
    fn of(files: Vec<(String, String)>) -> Self {
        let modules = files.into_iter().map(|(path, text)| {
            let source = Source::parse(&text, &path);
            (path, source)
        });
        Self { modules: modules.collect() }
    }

    /// The full paths of all modules that have a file of their own.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &str> {
        self.modules.keys().map(String::as_str)
    }

    /// What the module with this full path uses of the other modules of the workspace.
    pub(crate) fn imports(&self, module: &str) -> BTreeSet<Import> {
        let source = &self.modules[module];
        let paths = source.paths.iter().filter_map(|path| self.absolute(module, path));
        let imports = paths.filter_map(|path| {
            let named = self.longest_module(&path)?.to_owned();
            let defining = self.defining(&path, REEXPORTS)?;
            Some(Import { named, defining })
        });
        imports.filter(|import| import.named != module || import.defining != module).collect()
    }

    /// The full path of what `path` means in the code of `module`, if it leads into the workspace.
    fn absolute(&self, module: &str, path: &UsedPath) -> Option<Vec<String>> {
        self.expand(module, &path.scope, &path.segments, REEXPORTS)
    }

    fn expand(
        &self,
        module: &str,
        scope: &[String],
        segments: &[String],
        steps: usize,
    ) -> Option<Vec<String>> {
        let (first, rest) = segments.split_first()?;
        let here: Vec<_> = module.split("::").map(str::to_owned).chain(scope.to_vec()).collect();
        let base = match first.as_str() {
            "crate" => vec![here[0].clone()],
            "self" => here,
            "super" => {
                let above = here[..here.len() - 1].to_vec();
                let climbs = rest.iter().take_while(|segment| *segment == "super").count();
                let base = above[..above.len() - climbs].to_vec();
                return Some([&base, &rest[climbs..]].concat());
            }
            name => {
                let source = &self.modules[module];
                let imported = source.names.get(name).filter(|path| path.segments != segments);
                if let Some(imported) = imported.filter(|_| steps > 0) {
                    let UsedPath { scope, segments } = imported;
                    self.expand(module, scope, segments, steps - 1)?
                } else if self.modules.contains_key(&format!("{module}::{name}")) {
                    [here, vec![first.clone()]].concat()
                } else if CRATES.iter().any(|(known, _)| *known == name) {
                    vec![first.clone()]
                } else {
                    return None;
                }
            }
        };
        Some([&base, rest].concat())
    }

    /// The module with the longest path that `path` begins with.
    fn longest_module(&self, path: &[String]) -> Option<&str> {
        let prefixes = (1..=path.len()).rev().map(|length| path[..length].join("::"));
        let known = prefixes.filter_map(|prefix| self.modules.get_key_value(&prefix));
        known.map(|(path, _)| path.as_str()).next()
    }

    /// The module that defines the item at `path`, behind at most `steps` re-exports.
    fn defining(&self, path: &[String], steps: usize) -> Option<String> {
        let module = self.longest_module(path)?;
        let item = path.get(module.split("::").count());
        let reexport = item.and_then(|item| self.modules[module].names.get(item));
        let target = reexport.and_then(|reexport| self.absolute(module, reexport));
        match target {
            Some(target) if steps > 0 => self.defining(&target, steps - 1),
            _ => Some(module.to_owned()),
        }
    }
}

/// How many re-exports of one item are followed.
const REEXPORTS: usize = 8;

/// The files of the workspace: each module's path, and its text.
#[derive(Default)]
struct Files(Vec<(String, String)>);

impl Files {
    /// Reads the file of the module `path` and the files of the modules that it declares, which
    /// stand in `folder`.
    fn read(&mut self, path: &str, file: &Path, folder: &Path) {
        let text = std::fs::read_to_string(file)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap();
        self.0.push((path.to_owned(), text));
        for item in parsed.items {
            if let Item::Mod(ItemMod { attrs, ident, content: None, .. }) = item
                && !for_tests(&attrs)
            {
                let child: PathBuf = folder.join(ident.to_string());
                self.read(&format!("{path}::{ident}"), &child.with_extension("rs"), &child);
            }
        }
    }
}

/// A path as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct UsedPath {
    /// The inline modules of the file around the path.
    scope: Vec<String>,
    segments: Vec<String>,
}

/// The paths of one file.
#[derive(Default)]
struct Source {
    scope: Vec<String>,
    paths: BTreeSet<UsedPath>,
    /// The names that `use` items bring into the file.
    names: BTreeMap<String, UsedPath>,
}

impl Source {
    fn parse(text: &str, path: &str) -> Self {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut source = Self::default();
        source.visit_file(&file);
        source
    }

    fn path(&self, segments: &[String]) -> UsedPath {
        UsedPath { scope: self.scope.clone(), segments: segments.to_vec() }
    }

    /// Records every path of a `use` item that begins with `prefix`.
    fn record_use(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |ident: &syn::Ident| [prefix, &[ident.to_string()]].concat();
        let (segments, name) = match tree {
            UseTree::Path(path) => return self.record_use(&with(&path.ident), &path.tree),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.record_use(prefix, tree));
            }
            UseTree::Name(name) if name.ident == "self" => {
                (prefix.to_vec(), prefix.last().cloned())
            }
            UseTree::Name(name) => (with(&name.ident), Some(name.ident.to_string())),
            UseTree::Rename(rename) if rename.ident == "self" => {
                (prefix.to_vec(), Some(rename.rename.to_string()))
            }
            UseTree::Rename(rename) => (with(&rename.ident), Some(rename.rename.to_string())),
            UseTree::Glob(_) => (prefix.to_vec(), None),
        };
        let path = self.path(&segments);
        if let Some(name) = name {
            self.names.insert(name, path.clone());
        }
        self.paths.insert(path);
    }

    /// Records the paths among the tokens of a macro or an attribute.
    fn record_tokens(&mut self, tokens: TokenStream) {
        let mut segments = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.record_segments(&segments);
                        segments.clear();
                    }
                    segments.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.record_segments(&segments);
                    segments.clear();
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.record_tokens(group.stream());
                    }
                }
            }
        }
        self.record_segments(&segments);
    }

    /// Records a path of code. A single name says nothing: the `use` item that brings it in does.
    fn record_segments(&mut self, segments: &[String]) {
        if segments.len() > 1 {
            self.paths.insert(self.path(segments));
        }
    }
}

impl<'file> Visit<'file> for Source {
    fn visit_item(&mut self, item: &'file Item) {
        if !for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'file syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Const(item) => &item.attrs[..],
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            syn::ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'file ItemMod) {
        self.scope.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.scope.pop();
    }

    fn visit_item_use(&mut self, item: &'file syn::ItemUse) {
        self.record_use(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'file syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.record_segments(&segments);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'file syn::Macro) {
        self.record_tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'file Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.record_tokens(list.tokens.clone());
        }
    }

    /// `pub(in crate::name)` uses nothing.
    fn visit_vis_restricted(&mut self, _: &'file syn::VisRestricted) {}
}

/// Whether an item with these attributes is compiled for tests only.
fn for_tests(attributes: &[Attribute]) -> bool {
    fn demands_tests(condition: &Meta) -> bool {
        match condition {
            Meta::Path(option) => option.is_ident("test"),
            Meta::List(list) if list.path.is_ident("all") => list
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .is_ok_and(|conditions| conditions.iter().any(demands_tests)),
            _ => false,
        }
    }
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args().is_ok_and(|condition| demands_tests(&condition))
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The modules that the module `guest_access::a` with this text names, and those that define
    /// what it names, beside the modules `a::child`, `b`, `b::deep` and `facade`.
    fn imports_of(text: &str) -> Vec<(String, String)> {
        let files = [
            ("guest_access", "pub mod a; pub mod b; pub mod facade;"),
            ("guest_access::a", text),
            ("guest_access::a::child", "pub struct Child;"),
            ("guest_access::b", "pub mod deep; pub struct Item;"),
            ("guest_access::b::deep", "pub struct Deep;"),
            ("guest_access::facade", "pub use crate::b::deep::Deep as Shown;"),
            ("guest_access_model", "pub mod state;"),
            ("guest_access_model::state", "pub struct State;"),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        let imports = Workspace::of(files.to_vec()).imports("guest_access::a");
        imports.into_iter().map(|import| (import.named, import.defining)).collect()
    }

    #[track_caller]
    fn assert_uses(text: &str, modules: &[&str]) {
        let defining: Vec<_> = imports_of(text).into_iter().map(|(_, defining)| defining).collect();
        assert_eq!(defining, modules, "{text}");
    }

    #[test]
    fn use_items_name_modules_by_every_kind_of_path() {
        assert_uses("use crate::b::Item;", &["guest_access::b"]);
        assert_uses("use super::b::deep;", &["guest_access::b::deep"]);
        assert_uses("use self::child::Child;", &["guest_access::a::child"]);
        assert_uses("mod child; use child::Child;", &["guest_access::a::child"]);
        assert_uses("use guest_access_model::state::State;", &["guest_access_model::state"]);
        assert_uses("use crate::b::*;", &["guest_access::b"]);
        assert_uses("use crate::b::{self as c, Item};", &["guest_access::b"]);
        assert_uses("use std::fmt; use serde::Serialize;", &[]);
        let both = ["guest_access::b", "guest_access::b::deep"];
        assert_uses("use crate::{b::{Item, deep::Deep}};", &both);
    }

    #[test]
    fn code_names_modules_by_inline_paths() {
        assert_uses("fn f(x: crate::b::Item) {}", &["guest_access::b"]);
        assert_uses("fn f() { let _ = super::b::deep::Deep; }", &["guest_access::b::deep"]);
        assert_uses("fn f(x: <T as crate::b::Item>::Of) {}", &["guest_access::b"]);
        assert_uses("fn f() { assert!(matches!(1, crate::b::X)); }", &["guest_access::b"]);
        assert_uses("#[arg(default = crate::b::X)] struct S;", &["guest_access::b"]);
        let both = ["guest_access::b", "guest_access::b::deep"];
        assert_uses("use crate::b; fn f() { b::deep::Deep; }", &both);
    }

    #[test]
    fn paths_in_inline_modules_start_there() {
        assert_uses("mod inner { use super::child::Child; }", &["guest_access::a::child"]);
        assert_uses("mod inner { use super::super::b::Item; }", &["guest_access::b"]);
    }

    #[test]
    fn items_for_tests_and_comments_use_nothing() {
        assert_uses("#[cfg(test)] mod tests { use crate::b::Item; }", &[]);
        assert_uses("#[cfg(test)] use crate::b::Item;", &[]);
        assert_uses("#[cfg(all(test, unix))] use crate::b::Item;", &[]);
        assert_uses("#[cfg(not(test))] use crate::b::Item;", &["guest_access::b"]);
        assert_uses("impl S { #[cfg(test)] fn f() { crate::b::f() } }", &[]);
        assert_uses("/// See [`crate::b`].\nstruct S; // crate::b::Item", &[]);
        assert_uses("pub(in crate::b) struct S;", &[]);
    }

    #[test]
    fn a_reexport_leads_to_the_module_that_defines_the_item() {
        let imports = imports_of("use crate::facade::Shown;");
        let expected = ("guest_access::facade".to_owned(), "guest_access::b::deep".to_owned());
        assert_eq!(imports, [expected]);
    }

    #[test]
    fn the_workspace_is_read_without_its_tests() {
        let workspace = Workspace::read();
        let modules: BTreeSet<_> = workspace.modules().collect();
        for module in
            ["guest_access_rules", "guest_access_model", "guest_access_reference::serve::router"]
        {
            assert!(modules.contains(module), "{module} is missing");
        }
        assert!(!modules.iter().any(|module| module.ends_with("::tests")), "{modules:?}");
    }
}
