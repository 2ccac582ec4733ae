//! Which part of a Perl value an error is about: `Mesos::TaskInfo.resources[2].scalar.value`.

use super::schema::{class, fields};
use super::tape::{MesosPerlOp, MesosPerlToken};
use super::ClassId;
use std::fmt::Write;

/// The path of the token at `index` of a tape that starts with a message of class `root`. Only looked for when there is an error:
/// it goes through the tape again.
pub fn of_token(root: ClassId, tape: &[MesosPerlToken], index: usize) -> String {
    // For each open message or list: its name, and how many items of the list have begun.
    let mut open: Vec<(&'static str, Option<usize>)> = Vec::new();
    for token in tape.get(1..=index).unwrap_or_default() {
        if token.op == MesosPerlOp::MesosPerlEnd as u32 {
            open.pop();
            continue;
        }
        let is_list = token.op == MesosPerlOp::MesosPerlList as u32;
        let is_message = token.op == MesosPerlOp::MesosPerlMessage as u32;
        let in_list = match open.last_mut() {
            Some((_, Some(begun))) => {
                *begun += 1;
                true
            }
            _ => false,
        };
        let name = match fields().get(token.field as usize) {
            Some(field) if !in_list => field.name(),
            _ => "",
        };
        if is_list || is_message {
            open.push((name, is_list.then_some(0)));
        } else if std::ptr::eq(token, &tape[index]) {
            open.push((name, None));
        }
    }
    let mut path = class(root).map_or("message", |c| c.perl).to_string();
    for (name, begun) in open {
        if !name.is_empty() {
            path.push('.');
            path.push_str(name);
        }
        if let Some(at) = begun.and_then(|begun| begun.checked_sub(1)) {
            let _ = write!(path, "[{at}]");
        }
    }
    path
}
