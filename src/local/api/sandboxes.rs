//! Calls about files of sandboxes: what is to be done for each, off the cluster's thread.

use super::files;
use super::refusal::Refusal;
use crate::local::core::Core;
use crate::message::text;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde_json::{json, Value};
use std::path::PathBuf;

/// What is to be done on a thread of its own.
pub type Work = Box<dyn FnOnce() -> Result<Value, Refusal> + Send>;

/// LIST_FILES and READ_FILE.
pub fn call(core: &Core, kind: &str, given: &Value) -> Result<Option<Work>, Refusal> {
    let missing = |name: &str| Refusal::without(&format!("{}.{name}", kind.to_ascii_lowercase()));
    let path = || given["path"].as_str().map(str::to_string).ok_or_else(|| missing("path"));
    let work_dir = core.settings.work_dir.clone();
    Ok(match kind {
        "LIST_FILES" => {
            let path = path()?;
            Some(Box::new(move || list(&work_dir, &path)))
        }
        "READ_FILE" => {
            let path = path()?;
            let offset = given["offset"].as_u64().ok_or_else(|| missing("offset"))?;
            let length = given["length"].as_u64();
            Some(Box::new(move || {
                let file = files::open_file(&work_dir, &path, "read")?;
                Ok(json!({ "size": file.size, "data": STANDARD.encode(file.read(offset, length)?) }))
            }))
        }
        _ => None,
    })
}

fn list(work_dir: &std::path::Path, path: &str) -> Result<Value, Refusal> {
    let info = |entry: files::Entry| {
        json!({ "path": entry.path, "nlink": entry.links, "size": entry.size, "mtime": { "nanoseconds": entry.changed * 1_000_000_000 },
                "mode": entry.mode, "uid": entry.user, "gid": entry.group })
    };
    let entries = files::browse(work_dir, path)?;
    Ok(json!({ "file_infos": entries.into_iter().map(info).collect::<Vec<Value>>() }))
}

/// The path that a query names.
pub fn path(query: Option<&str>) -> Result<String, Refusal> {
    let path = files::query(query, "path").filter(|path| !path.is_empty());
    path.ok_or_else(|| Refusal::bad("Expecting 'path=value' in query.\n"))
}

/// `/files/browse`, `read`: JSON of v0.
pub fn of_v0(work_dir: PathBuf, action: &str, query: Option<&str>) -> Result<Work, Refusal> {
    let path = path(query)?;
    if action == "browse" {
        let entry = |entry: files::Entry| {
            json!({ "path": entry.path, "nlink": entry.links, "size": entry.size, "mtime": entry.changed as f64,
                    "mode": files::mode_text(entry.mode), "uid": entry.user, "gid": entry.group })
        };
        return Ok(Box::new(move || {
            Ok(files::browse(&work_dir, &path)?.into_iter().map(entry).collect())
        }));
    }
    let number = |name: &str| match files::query(query, name) {
        None => Ok(None),
        Some(value) => match value.parse::<i64>() {
            Ok(number) => Ok(u64::try_from(number).ok()),
            Err(_) => Err(Refusal::bad(format!(
                "Failed to parse {name}: Failed to convert '{value}' to number.\n"
            ))),
        },
    };
    let (offset, length) = (number("offset")?, number("length")?);
    Ok(Box::new(move || {
        let file = files::open_file(&work_dir, &path, "read")?;
        Ok(match offset {
            // How long the file is.
            None => json!({ "data": "", "offset": file.size }),
            Some(offset) => json!({ "data": text::from_bytes(&file.read(offset, length)?), "offset": offset }),
        })
    }))
}
