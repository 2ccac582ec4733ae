//! The file of `--config`: flags by their names, in TOML.

use super::flags::{find, nearest, unknown};
use crate::logging::shown;
use crate::message::text;
use std::collections::BTreeMap;
use std::path::Path;

/// No such file is longer than this.
const MOST: usize = 1 << 20;

/// Flags that make no sense in a file.
const NOT_HERE: [&str; 3] = ["config", "help", "version"];

/// What the file says, as the command line would. The error says where it is wrong.
pub fn read(path: &Path) -> Result<BTreeMap<&'static str, String>, String> {
    use crate::regular_file::{read, Links};
    let bytes = read(path, Links::Follow, MOST).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    parse(&text::from_bytes(&bytes)).map_err(|e| format!("{}: {e}", path.display()))
}

fn parse(whole: &str) -> Result<BTreeMap<&'static str, String>, String> {
    // Not with the text that is wrong: it may be a secret.
    let told = |e: toml::de::Error| {
        let before = e.span().map_or(0, |span| span.start.min(whole.len()));
        let line = 1 + whole.as_bytes()[..before].iter().filter(|byte| **byte == b'\n').count();
        format!("line {line}: {}", e.message().replace('\n', ", "))
    };
    let table: toml::Table = whole.parse().map_err(told)?;
    let mut all = BTreeMap::new();
    for (name, value) in table {
        let flag = find(&name).filter(|flag| !NOT_HERE.contains(&flag.name));
        let flag = flag.ok_or_else(|| {
            let meant = nearest(&name).filter(|flag| !NOT_HERE.contains(flag));
            unknown(&shown(&name), meant.map(str::to_string))
        })?;
        let value = written(flag.name, &value)?;
        if all.insert(flag.name, value).is_some() {
            return Err(format!("'{}' is there twice, by two of its names", flag.name));
        }
    }
    Ok(all)
}

/// A value as the command line has it: what is no single value is JSON there, and origins have commas between them.
fn written(flag: &str, value: &toml::Value) -> Result<String, String> {
    use toml::Value;
    Ok(match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(yes) => yes.to_string(),
        Value::Array(items) if flag == "cors" => {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            texts.ok_or("cors: expected texts")?.join(",")
        }
        Value::Array(_) | Value::Table(_) => serde_json::to_string(value).map_err(|e| format!("{flag}: {e}"))?,
        Value::Datetime(_) => return Err(format!("{flag}: expected no date")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_command_line() {
        let all = parse(
            "agents = 3\nwork-dir = '/w'\nsimulate = true\nresources = [{name = 'cpus', type = 'SCALAR', scalar = {value = 1.5}}]\n\
             cors = ['http://a', 'http://b']\n[executor_environment_variables]\nA = 'b'\n",
        );
        let all = all.unwrap();
        let resources = r#"[{"name":"cpus","scalar":{"value":1.5},"type":"SCALAR"}]"#;
        for (name, value) in [
            ("agents", "3"),
            ("work_dir", "/w"),
            ("simulate", "true"),
            ("resources", resources),
            ("cors", "http://a,http://b"),
            ("executor_environment_variables", r#"{"A":"b"}"#),
        ] {
            assert_eq!(all[name], value, "{name}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        for (whole, error) in [
            ("prot = 1", "there is no flag 'prot': did you mean 'port'?"),
            (
                "work-directory = 'x'",
                "there is no flag 'work-directory': did you mean 'work_dir'?",
            ),
            ("help = true", "there is no flag 'help'"),
            ("agents = 1\nnum_slaves = 2", "'agents' is there twice, by two of its names"),
            ("port = 1979-05-27", "port: expected no date"),
            ("cors = [1]", "cors: expected texts"),
        ] {
            assert_eq!(parse(whole).unwrap_err(), error, "{whole}");
        }
        assert!(parse("port = ").unwrap_err().contains("line 1"));
    }
}
