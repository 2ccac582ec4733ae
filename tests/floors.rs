//! The floors of src/: what a module imports is on its own floor or below, and no folder has a circle between its modules.
//!
//! Reads `use` declarations and paths that begin with `crate`, `super` or the name of a child module. Tests may import what they like.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The crate's modules, the highest first. Those of one floor know nothing of each other; the modules of the last one may.
const FLOORS: &[&[&str]] = &[
    &["ffi"],
    &["backends", "programs"],
    &["native", "libmesos", "local"],
    &["driver"],
    &[
        "channel",
        "descriptors",
        "event",
        "fork",
        "logging",
        "message",
        "notify",
        "proto",
        "random",
        "regular_file",
        "resources",
        "sync",
        "thread",
    ],
];

/// Imports that FLOORS forbids: who, what, and why it is so.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "libmesos::executor",
        "native::executor::environment",
        "the variables that an agent sets are the same for both executors",
    ),
    (
        "local::probe",
        "native::net::transport",
        "an https check is a connection like a driver's",
    ),
    (
        "local::probe",
        "native::protocol::http",
        "the answer to an HTTP check is read as a driver reads one",
    ),
    (
        "local::probe",
        "native::tls::client",
        "an https check is a connection like a driver's",
    ),
    (
        "local::probe",
        "native::tls::settings",
        "an https check is a connection like a driver's",
    ),
];

/// Circles that there are today: the folder, the modules, and why. This list only gets shorter.
const CIRCLES: &[Circle] = &[];

struct Circle {
    folder: &'static str,
    modules: &'static [&'static str],
    why: &'static str,
}

#[test]
fn imports_point_downwards() {
    let library = Source::read("src/lib.rs");
    assert!(library.modules.len() > 50, "src was read");
    let imports = library.imports();
    let circles = circles(&imports);
    let mut found = wrong_floors(&imports, FLOORS, EXCEPTIONS);
    found.extend(unlisted(&circles, CIRCLES));
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// An import, with full paths of modules: `["native", "io", "handle"]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Import {
    from: Vec<String>,
    to: Vec<String>,
}

impl Import {
    fn text(&self) -> String {
        format!("{} imports {}", self.from.join("::"), self.to.join("::"))
    }
}

/// Imports from a lower floor into a higher one, or within a floor, and exceptions that nothing needs.
fn wrong_floors(imports: &BTreeSet<Import>, floors: &[&[&str]], exceptions: &[(&str, &str, &str)]) -> Vec<String> {
    let floor = |path: &[String]| {
        let name = path.first()?;
        floors.iter().position(|names| names.contains(&name.as_str()))
    };
    let mut needed = BTreeSet::new();
    let mut found = Vec::new();
    for import in imports.iter().filter(|i| !i.from.is_empty()) {
        let (Some(from), Some(to)) = (floor(&import.from), floor(&import.to)) else {
            found.push(format!("{}: one of them is on no floor", import.text()));
            continue;
        };
        let same = from == to && from + 1 < floors.len() && import.from[0] != import.to[0];
        if to >= from && !same {
            continue;
        }
        let listed = |(who, what, _): &&(&str, &str, &str)| *who == import.from.join("::") && *what == import.to.join("::");
        match exceptions.iter().find(listed) {
            Some(exception) => drop(needed.insert(*exception)),
            None => found.push(format!("{}, which is not below it", import.text())),
        }
    }
    for exception in exceptions.iter().filter(|e| !needed.contains(*e)) {
        found.push(format!("EXCEPTIONS: {} imports {} no more", exception.0, exception.1));
    }
    found
}

/// Who of a folder imports whom.
type Edges = BTreeMap<String, BTreeSet<String>>;

/// Each folder with a circle between its modules, and the imports of the circle. A folder's own module is called `mod`.
fn circles(imports: &BTreeSet<Import>) -> BTreeMap<String, Edges> {
    let mut folders: BTreeMap<String, Edges> = BTreeMap::new();
    for Import { from, to } in imports {
        let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        let child = |path: &[String]| path.get(common).cloned().unwrap_or_else(|| "mod".to_string());
        let edges = folders.entry(from[..common].join("::")).or_default();
        edges.entry(child(from)).or_default().insert(child(to));
    }
    for edges in folders.values_mut() {
        // In no circle is who imports nothing that is left, or is imported by nothing that is left.
        let stays = |edges: &Edges, name: &String| {
            edges[name].iter().any(|to| edges.contains_key(to)) && edges.values().any(|to| to.contains(name))
        };
        while let Some(name) = edges.keys().find(|name| !stays(edges, name)).cloned() {
            edges.remove(&name);
        }
        let left: BTreeSet<_> = edges.keys().cloned().collect();
        edges.values_mut().for_each(|to| to.retain(|name| left.contains(name)));
    }
    folders.retain(|_, edges| !edges.is_empty());
    folders
}

/// Circles that are not in the list as they are, and entries of the list without a circle.
fn unlisted(circles: &BTreeMap<String, Edges>, list: &[Circle]) -> Vec<String> {
    let mut found = Vec::new();
    for (folder, edges) in circles {
        let listed = list.iter().find(|known| known.folder == folder);
        let known: BTreeSet<&str> = listed.map_or(&[][..], |l| l.modules).iter().copied().collect();
        let there: BTreeSet<&str> = edges.keys().map(String::as_str).collect();
        if known != there {
            let text: Vec<_> = edges.iter().map(|(from, to)| format!("{from} -> {to:?}")).collect();
            let known = listed.map_or(String::new(), |l| format!(" (CIRCLES has {:?}: {})", l.modules, l.why));
            found.push(format!("a circle in {folder}: {}{known}", text.join(", ")));
        }
    }
    for known in list.iter().filter(|known| !circles.contains_key(known.folder)) {
        found.push(format!("CIRCLES: {} has none any more", known.folder));
    }
    found
}

/// The modules of a crate: their tokens by their paths.
#[derive(Default)]
struct Source {
    modules: BTreeMap<Vec<String>, Vec<String>>,
}

impl Source {
    /// The crate with this root.
    fn read(root: &str) -> Self {
        let mut source = Source::default();
        source.read_module(&Path::new(env!("CARGO_MANIFEST_DIR")).join(root), Vec::new());
        source
    }

    fn read_module(&mut self, file: &Path, path: Vec<String>) {
        let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let tokens = without_tests(&tokens(&text));
        let stem = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        let mut folder = file.parent().expect("a file in src").to_path_buf();
        if !["lib", "main", "mod"].contains(&stem) {
            folder = folder.join(stem);
        }
        for child in declared(&tokens) {
            let (beside, below) = (folder.join(format!("{child}.rs")), folder.join(&child).join("mod.rs"));
            let mut path = path.clone();
            path.push(child);
            self.read_module(if beside.exists() { &beside } else { &below }, path);
        }
        self.modules.insert(path, tokens);
    }

    /// Everything that a module imports from another one.
    fn imports(&self) -> BTreeSet<Import> {
        let mut found = BTreeSet::new();
        for (from, tokens) in &self.modules {
            for path in paths(tokens, from) {
                let to = self.resolve(path.path, 0);
                // What a module makes public under its own name it does not use.
                if to != *from && !path.reexport {
                    found.insert(Import { from: from.clone(), to });
                }
            }
        }
        found
    }

    /// The module that has the item of this path: behind re-exports too.
    fn resolve(&self, path: Vec<String>, depth: usize) -> Vec<String> {
        let known = (0..=path.len())
            .rev()
            .find(|n| self.modules.contains_key(&path[..*n]))
            .unwrap_or(0);
        let (module, rest) = path.split_at(known);
        if let (Some(name), true) = (rest.first(), depth < 8) {
            let tokens = &self.modules[module];
            let reexport = paths(tokens, module)
                .into_iter()
                .find(|p| p.reexport && p.name.as_ref() == Some(name));
            if let Some(reexport) = reexport {
                let mut target = reexport.path;
                target.extend_from_slice(&rest[1..]);
                return self.resolve(target, depth + 1);
            }
        }
        module.to_vec()
    }
}

/// Names, numbers, `::` and single signs; no comments, no strings.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let (mut found, mut at) = (Vec::new(), 0);
    let starts = |at: usize, what: &str| what.chars().enumerate().all(|(n, c)| chars.get(at + n) == Some(&c));
    while at < chars.len() {
        let c = chars[at];
        if starts(at, "//") {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
        } else if starts(at, "/*") {
            while at < chars.len() && !starts(at, "*/") {
                at += 1;
            }
            at += 2;
        } else if starts(at, "r\"") || starts(at, "r#\"") {
            let end = if starts(at, "r\"") { "\"" } else { "\"#" };
            at += 1 + end.len();
            while at < chars.len() && !starts(at, end) {
                at += 1;
            }
            at += end.len();
        } else if c == '"' {
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c == '\'' && (starts(at + 1, "\\") || starts(at + 2, "'")) {
            // A character; any other ' begins a lifetime.
            at += if starts(at + 1, "\\") { 3 } else { 2 };
            while at < chars.len() && chars[at] != '\'' {
                at += 1;
            }
            at += 1;
        } else if c.is_alphanumeric() || c == '_' {
            let start = at;
            while at < chars.len() && (chars[at].is_alphanumeric() || chars[at] == '_') {
                at += 1;
            }
            found.push(chars[start..at].iter().collect());
        } else if starts(at, "::") {
            found.push("::".to_string());
            at += 2;
        } else {
            if !c.is_whitespace() {
                found.push(c.to_string());
            }
            at += 1;
        }
    }
    found
}

/// Drops the items behind `#[cfg(test)]`.
fn without_tests(tokens: &[String]) -> Vec<String> {
    let test = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if !tokens[at..].iter().zip(test).all(|(a, b)| a == b) || tokens.len() - at < test.len() {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut depth = 0;
        at += test.len();
        while at < tokens.len() {
            match tokens[at].as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => (),
            }
            at += 1;
            if depth == 0 && [";", "}"].contains(&tokens[at - 1].as_str()) {
                break;
            }
        }
    }
    kept
}

/// The modules that have a file of their own.
fn declared(tokens: &[String]) -> Vec<String> {
    let is = |w: &[String]| w[0] == "mod" && w[2] == ";";
    tokens.windows(3).filter(|w| is(w)).map(|w| w[1].clone()).collect()
}

/// A path in a module's text.
struct Mention {
    path: Vec<String>,
    /// `pub use`
    reexport: bool,
    /// Of `use`: the name that it brings.
    name: Option<String>,
}

/// All paths that begin with `crate`, `super` or a declared module.
fn paths(tokens: &[String], module: &[String]) -> Vec<Mention> {
    let children = declared(tokens);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let begins = ["crate", "super", "self"].contains(&tokens[at].as_str()) || children.contains(&tokens[at]);
        let is_path = tokens.get(at + 1).is_some_and(|t| t == "::");
        let before = at.checked_sub(1).map_or("", |n| tokens[n].as_str());
        // `pub(in crate::x)` tells who may see it.
        if !begins || !is_path || ["::", ".", "in"].contains(&before) {
            at += 1;
            continue;
        }
        let is_use = before == "use";
        let public = is_use && at.checked_sub(2).is_some_and(|n| ["pub", ")"].contains(&tokens[n].as_str()));
        let mut base = module.to_vec();
        let mut start = at;
        if tokens[at] == "crate" {
            base.clear();
            start += 2;
        }
        while ["super", "self"].contains(&tokens[start].as_str()) {
            if tokens[start] == "super" {
                base.pop();
            }
            start += 2;
        }
        at = tree(tokens, start, base, &mut |path, name| {
            found.push(Mention {
                path,
                reexport: public,
                name: is_use.then_some(name),
            });
        });
    }
    found
}

/// Tells every path of a tree such as `a::{b, c::d as e}`. Gives the place behind it.
fn tree(tokens: &[String], mut at: usize, mut base: Vec<String>, tell: &mut impl FnMut(Vec<String>, String)) -> usize {
    let sign = |at: usize, what: &str| tokens.get(at).is_some_and(|t| t == what);
    loop {
        if sign(at, "{") {
            at += 1;
            while !sign(at, "}") {
                at = tree(tokens, at, base.clone(), tell);
                if sign(at, ",") {
                    at += 1;
                }
            }
            return at + 1;
        }
        let Some(token) = tokens.get(at) else { return at };
        if token != "self" && token != "*" {
            base.push(token.clone());
        }
        at += 1;
        if !sign(at, "::") || sign(at + 1, "<") {
            break;
        }
        at += 1;
    }
    let mut name = base.last().cloned().unwrap_or_default();
    if sign(at, "as") {
        name.clone_from(&tokens[at + 1]);
        at += 2;
    }
    tell(base, name);
    at
}

#[cfg(test)]
mod made_up {
    use super::*;

    const TWO: &[&[&str]] = &[&["high"], &["low", "other"], &["base"]];

    fn source(files: &[(&str, &str)]) -> Source {
        let path = |name: &str| name.split("::").filter(|p| !p.is_empty()).map(str::to_string).collect();
        let modules = files.iter().map(|(name, text)| (path(name), without_tests(&tokens(text))));
        Source {
            modules: modules.collect(),
        }
    }

    fn wrong(low: &str) -> Vec<String> {
        let files = [
            ("", "mod high; mod low; mod other; mod base;"),
            ("high", "pub use crate::base::Thing; pub struct Own;"),
            ("low", low),
            ("other", ""),
            ("base", ""),
        ];
        wrong_floors(&source(&files).imports(), TWO, &[])
    }

    #[test]
    fn an_import_of_a_higher_floor_is_seen() {
        let seen = vec!["low imports high, which is not below it".to_string()];
        for text in [
            "use crate::high::Own;",
            "use super::high::Own;",
            "use crate::{base, high::{Own, self}};",
            "fn f() -> Vec<crate::high::Own> { vec![] }",
            "fn f(c: char) { if c == '\"' { crate::high::f() } }",
            "#[cfg(test)] mod tests { } use crate::high;",
        ] {
            assert_eq!(wrong(text), seen, "{text}");
        }
        assert_eq!(wrong("use crate::other::X;"), ["low imports other, which is not below it"]);
    }

    #[test]
    fn what_is_no_import_is_none() {
        for text in [
            "// use crate::high::Own;",
            "/* crate::high::Own */",
            "const A: &str = \"crate::high::Own\"; const B: &str = r#\"crate::\"high::Own\"#;",
            "#[cfg(test)] mod tests { use crate::high::Own; }",
            "#[cfg(test)] use crate::high::Own;",
            "pub(in crate::high) struct A;",
            "use crate::high::Thing;",
            "use crate::base; use std::high::Own;",
        ] {
            assert!(wrong(text).is_empty(), "{text}: {:?}", wrong(text));
        }
    }

    #[test]
    fn exceptions_must_be_needed() {
        let files = [("", ""), ("high", ""), ("low", "use crate::high::Own;")];
        let imports = source(&files).imports();
        assert!(wrong_floors(&imports, TWO, &[("low", "high", "")]).is_empty());
        let unused = wrong_floors(&imports, TWO, &[("low", "high", ""), ("base", "low", "")]);
        assert_eq!(unused, ["EXCEPTIONS: base imports low no more"]);
    }

    #[test]
    fn circles_are_seen_in_every_folder() {
        let files = [
            ("", "mod a;"),
            ("a", "mod b; mod c; mod d; mod e; fn f() { b::g() }"),
            ("a::b", "mod x; use super::c::Y;"),
            ("a::b::x", "fn f() { crate::a::d::f() }"),
            ("a::c", ""),
            ("a::d", "use super::e;"),
            ("a::e", "use super::b::x::X; use super::c::Y;"),
        ];
        let found = circles(&source(&files).imports());
        let circle = |modules| Circle {
            folder: "a",
            modules,
            why: "",
        };
        let seen = |list: &[Circle]| unlisted(&found, list).join("\n");
        let text = r#"a circle in a: b -> {"d"}, d -> {"e"}, e -> {"b"}"#;
        assert_eq!(seen(&[]), text);
        assert_eq!(seen(&[circle(&["b", "d", "e"])]), "");
        assert!(seen(&[circle(&["b", "d"])]).starts_with(text), "one more than is listed");
        assert!(
            seen(&[circle(&["b", "c", "d", "e"])]).starts_with(text),
            "one less than is listed"
        );
        let none = unlisted(&BTreeMap::new(), &[circle(&["b"])]);
        assert_eq!(none, ["CIRCLES: a has none any more"]);
    }

    #[test]
    fn a_folder_s_own_module_is_part_of_circles() {
        let files = [
            ("a", "mod b; use b::B; pub struct A;"),
            ("a::b", "use super::A; pub struct B;"),
            ("c", "mod d; pub use d::D;"),
            ("c::d", "use super::D as Own; pub struct D;"),
        ];
        let found = circles(&source(&files).imports());
        assert_eq!(found.into_keys().collect::<Vec<_>>(), ["a"]);
    }
}
