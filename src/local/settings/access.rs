//! Who may speak to a cluster.

use crate::message::text;
use crate::regular_file::{self, Links};
use std::path::Path;

/// By default nobody who does not know the cluster's secret.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Whoever reaches the port may call, as with a Mesos without authentication.
    pub open: bool,
    /// Whoever has one of these may call (HTTP Basic).
    pub credentials: Option<Credentials>,
    /// Web pages of these origins may call: `http://localhost:8080`.
    pub origins: Vec<String>,
    /// Whether there is `/mesos-local/`, for faults on demand.
    pub control: bool,
    /// By these names the cluster may be called, beside those of the loopback interface.
    pub names: Vec<String>,
}

impl Access {
    /// Whether browsers can call in the name of their users, so that it matters which page asks.
    pub fn is_for_browsers(&self) -> bool {
        self.open || self.credentials.is_some()
    }
}

/// Principals and their secrets.
#[derive(Clone, Default)]
pub struct Credentials(Vec<(String, String)>);

impl std::fmt::Debug for Credentials {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(principal, _)| principal)).finish()
    }
}

/// No file of credentials is longer than this.
const MOST: usize = 1 << 20;

impl Credentials {
    /// Reads a file as Mesos' `--credentials` has it: JSON, or a principal and a secret on each line.
    pub fn read(path: &Path) -> Result<Credentials, String> {
        let bytes = regular_file::read(path, Links::Follow, MOST).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        Credentials::parse(&text::from_bytes(&bytes)).map_err(|e| format!("{}: {e}", path.display()))
    }

    fn parse(whole: &str) -> Result<Credentials, String> {
        let all = match whole.trim_start().starts_with('{') {
            true => Self::json(whole)?,
            false => Self::lines(whole)?,
        };
        match all.is_empty() {
            true => Err("there is no principal in it".into()),
            false => Ok(Credentials(all)),
        }
    }

    fn json(whole: &str) -> Result<Vec<(String, String)>, String> {
        let expected = r#"expected {"credentials": [{"principal": "...", "secret": "..."}]}"#;
        let value: serde_json::Value = serde_json::from_str(whole).map_err(|e| format!("{expected}: {e}"))?;
        let list = value["credentials"].as_array().ok_or(expected)?;
        let text = |one: &serde_json::Value, name: &str| one[name].as_str().map(str::to_string).ok_or(expected);
        let pair = |one| Ok((text(one, "principal")?, text(one, "secret")?));
        list.iter().map(pair).collect::<Result<_, &str>>().map_err(str::to_string)
    }

    fn lines(whole: &str) -> Result<Vec<(String, String)>, String> {
        let lines = whole.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let pair = |(number, line): (usize, &str)| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [principal, secret] => Ok((principal.to_string(), secret.to_string())),
            // Not what is in it: that may be a secret.
            _ => Err(format!("line {}: expected a principal and a secret", number + 1)),
        };
        lines.map(pair).collect()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(principal, secret)| (principal.as_str(), secret.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_credentials() {
        let json = r#"{"credentials": [{"principal": "a", "secret": "1"}, {"principal": "b", "secret": "2"}]}"#;
        for whole in [json, "a 1\n\nb\t2\n"] {
            let all = Credentials::parse(whole).unwrap();
            assert_eq!(all.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
            assert_eq!(format!("{all:?}"), r#"["a", "b"]"#);
        }
        for bad in ["", "a", "a 1 2", "{}", r#"{"credentials": [{"principal": "a"}]}"#, "{"] {
            let error = Credentials::parse(bad).unwrap_err();
            assert!(!error.contains("a 1 2"), "{error}");
        }
    }
}
