//! Which part of a Perl value an error is about: `Mesos::TaskInfo.resources[2].scalar.value`, `Mesos::TaskInfo.limits{cpus}.value`.

use super::schema::{class, fields};
use super::tape::{MesosPerlOp, MesosPerlToken};
use super::ClassId;
use std::borrow::Cow;
use std::fmt::Write;

/// A message or list that is open, or the value that is looked for.
enum Part<'a> {
    /// The value of a field, or what has no name: an item, or the value of a map's entry.
    Field(&'static str),
    /// A repeated field, and how many of its items have begun.
    List(&'static str, usize),
    /// A map field that was given as a hash.
    Map(&'static str),
    /// An entry of such a map, with its key once that is known.
    Entry(Option<&'a [u8]>),
}

/// The path of the token at `index` of a tape that starts with a message of class `root`. Only looked for when there is an error:
/// it goes through the tape again.
pub fn of_token(root: ClassId, tape: &[MesosPerlToken], arena: &[u8], index: usize) -> String {
    let mut open: Vec<Part<'_>> = Vec::new();
    for token in tape.get(1..=index).unwrap_or_default() {
        let is = |op: MesosPerlOp| token.op == op as u32;
        if is(MesosPerlOp::MesosPerlEnd) {
            open.pop();
            continue;
        }
        let own = fields().get(token.field as usize).map_or("", |field| field.name());
        let mut key = None;
        let (name, in_map) = match open.last_mut() {
            Some(Part::List(_, begun)) => {
                *begun += 1;
                ("", false)
            }
            Some(Part::Map(_)) => ("", true),
            Some(Part::Entry(known @ None)) => {
                *known = token.bytes(arena);
                key = *known;
                ("", false)
            }
            Some(Part::Entry(Some(_))) => ("", false),
            _ => (own, false),
        };
        if is(MesosPerlOp::MesosPerlList) {
            open.push(Part::List(name, 0));
        } else if is(MesosPerlOp::MesosPerlMap) {
            open.push(Part::Map(name));
        } else if is(MesosPerlOp::MesosPerlMessage) && in_map {
            open.push(Part::Entry(None));
        } else if is(MesosPerlOp::MesosPerlMessage) || (std::ptr::eq(token, &tape[index]) && key.is_none()) {
            open.push(Part::Field(name));
        }
    }
    let mut path = class(root).map_or("message", |c| c.perl).to_string();
    for part in open {
        let (Part::Field(name) | Part::List(name, _) | Part::Map(name)) = part else {
            if let Part::Entry(Some(key)) = part {
                let (shown, dots) = beginning(key);
                let _ = write!(path, "{{{}{dots}}}", shown.escape_debug());
            }
            continue;
        };
        if !name.is_empty() {
            path.push('.');
            path.push_str(name);
        }
        if let Part::List(_, begun @ 1..) = part {
            let _ = write!(path, "[{}]", begun - 1);
        }
    }
    path
}

/// What is shown of a string in the text of an error, and dots if that is not all.
pub fn beginning(text: &[u8]) -> (Cow<'_, str>, &'static str) {
    const SHOWN: usize = 60;
    match text.get(..SHOWN) {
        Some(shown) if text.len() > SHOWN => (String::from_utf8_lossy(shown), "..."),
        _ => (String::from_utf8_lossy(text), ""),
    }
}
