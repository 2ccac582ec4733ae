//! Tapes in tests: as text, and from one direction to the other.

use mesos_perl::message::encode::{check, write};
use mesos_perl::message::schema;
use mesos_perl::message::tape::{MesosPerlOp, MesosPerlToken, MesosToken, MesosTokenOp, MESOS_NO_FIELD};
use mesos_perl::message::ClassId;

/// A tape as text: `{value="x" list=[1 2]}`, and proof that it is well-formed.
pub fn show(tape: &[MesosToken], bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut counts: Vec<(u32, bool)> = Vec::new();
    for (i, token) in tape.iter().enumerate() {
        if token.op == MesosTokenOp::MesosTokenEnd as u16 {
            let (left, is_list) = counts.pop().expect("an end too many");
            assert_eq!(left, 0, "count of what ends at token {i}");
            out.push(if is_list { ']' } else { '}' });
            continue;
        }
        if let Some((left, is_list)) = counts.last_mut() {
            *left = left.checked_sub(1).expect("more than the count says");
            assert_eq!(*is_list, token.key == 0);
        }
        if !out.is_empty() && !out.ends_with(['{', '[']) {
            out.push(' ');
        }
        if token.key != 0 {
            out += schema::keys()[usize::from(token.key)];
            out.push('=');
        }
        match token.op {
            1 => {
                counts.push((token.count, false));
                out.push('{');
            }
            2 => {
                counts.push((token.count, true));
                out.push('[');
            }
            // The latter of an enum that has no value with this number.
            4 | 8 => out += &(token.value as i64).to_string(),
            5 => out += &token.value.to_string(),
            6 => out += &f64::from_bits(token.value).to_string(),
            7 => {
                let start = token.value as usize;
                out += &format!("{:?}", String::from_utf8_lossy(&bytes[start..start + token.count as usize]));
            }
            other => panic!("token {other}"),
        }
    }
    assert!(counts.is_empty());
    out
}

/// The tape that Perl would write of a decoded message.
pub fn perl_tape(id: ClassId, tape: &[MesosToken], bytes: &[u8]) -> (Vec<MesosPerlToken>, Vec<u8>) {
    let mut out = Vec::new();
    let mut arena = Vec::new();
    // Classes and fields that are open.
    let mut open: Vec<(u32, Option<u32>)> = Vec::new();
    for token in tape {
        let inside = open.last().copied();
        let field = match inside {
            None => MESOS_NO_FIELD,
            Some((_, Some(list))) => list,
            Some((class, None)) => {
                let class = schema::class(ClassId(class)).unwrap();
                let at = class.fields().iter().position(|f| f.key == token.key);
                at.map_or(0, |at| u32::from(class.first_field) + at as u32)
            }
        };
        let mut made = MesosPerlToken {
            op: 0,
            field,
            value: token.value,
            length: 0,
        };
        made.op = match token.op {
            1 => {
                open.push((token.value as u32, None));
                MesosPerlOp::MesosPerlMessage as u32
            }
            2 => {
                open.push((0, Some(field)));
                MesosPerlOp::MesosPerlList as u32
            }
            3 => {
                open.pop();
                MesosPerlOp::MesosPerlEnd as u32
            }
            4 | 8 => MesosPerlOp::MesosPerlInt as u32,
            5 => MesosPerlOp::MesosPerlUint as u32,
            6 => MesosPerlOp::MesosPerlDouble as u32,
            _ => {
                let start = token.value as usize;
                made.value = arena.len() as u64;
                made.length = token.count.into();
                arena.extend_from_slice(&bytes[start..start + token.count as usize]);
                MesosPerlOp::MesosPerlBytes as u32
            }
        };
        out.push(made);
    }
    assert_eq!(out[0].value, u64::from(id.0));
    (out, arena)
}

/// The bytes of a tape, or why there are none.
pub fn encode(id: ClassId, mut tape: Vec<MesosPerlToken>, arena: &[u8]) -> Result<Vec<u8>, String> {
    let size = check(id, &mut tape, arena).map_err(|e| e.to_string())?;
    let mut out = vec![0; size];
    write(&tape, arena, &mut out).map_err(|e| e.to_string())?;
    Ok(out)
}
