//! What drivers read of a FrameworkInfo, and what they check of it before Mesos sees it.

use super::DriverError;
use crate::message::field_number::framework_info;
use crate::message::{class, fields, text};
use bytes::Bytes;
use prost::{DecodeError, Message};
use std::collections::BTreeSet;

/// What a master says to a framework that it has ended: its id is of no use any more.
pub const REMOVED: &str = "Framework has been removed";

/// FrameworkInfo.Capability.Type
const MULTI_ROLE: i32 = 6;

/// Any message whose only interesting field is a string `value`, number 1: all ids. Strings are as in [`text`], here and below.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Id {
    #[prost(string, optional, tag = "1")]
    pub value: Option<String>,
}

/// What the drivers read of a FrameworkInfo.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FrameworkInfo {
    #[prost(string, optional, tag = "1")]
    pub user: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub id: Option<Id>,
    #[prost(string, optional, tag = "6")]
    pub role: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub hostname: Option<String>,
    #[prost(message, repeated, tag = "10")]
    pub capabilities: Vec<Capability>,
    #[prost(string, repeated, tag = "12")]
    pub roles: Vec<String>,
}

/// FrameworkInfo.Capability
#[derive(Clone, PartialEq, prost::Message)]
pub struct Capability {
    #[prost(int32, optional, tag = "1")]
    pub kind: Option<i32>,
}

/// The text of an encoded id.
pub fn value(id: &[u8]) -> Option<String> {
    Id::read(id).ok().and_then(|id| id.value)
}

impl Id {
    /// Decodes an id of any kind.
    pub fn read(id: &[u8]) -> Result<Self, DecodeError> {
        // All have the same bytes.
        Self::decode(text::readable(class::TASK_ID, Bytes::copy_from_slice(id)))
    }
}

impl FrameworkInfo {
    pub fn read(info: &[u8]) -> Result<Self, DecodeError> {
        Self::decode(text::readable(class::FRAMEWORK_INFO, Bytes::copy_from_slice(info)))
    }

    /// The id, unless it is empty.
    pub fn id(&self) -> Option<&str> {
        self.id.as_ref()?.value.as_deref().filter(|value| !value.is_empty())
    }

    pub fn roles(&self) -> Vec<String> {
        match self.capabilities.iter().any(|c| c.kind == Some(MULTI_ROLE)) {
            true => self.roles.clone(),
            false => vec![self.role.clone().unwrap_or_else(|| "*".to_string())],
        }
    }

    /// Checks an updateFramework of the framework `known`: libmesos would crash of some of this, a master refuse the rest.
    pub fn check_update(&self, known: Option<&str>, suppressed: Option<&Vec<String>>) -> Result<(), DriverError> {
        let wrong = |problem: String| Err(argument("frameworkInfo", problem));
        match (known, self.id()) {
            (None, _) => return wrong("the framework has no id yet: it is not registered".to_string()),
            (Some(known), None) => return wrong(format!("FrameworkInfo.id is missing, this framework's is {known}")),
            (Some(known), Some(given)) if given != known => {
                return wrong(format!(
                    "FrameworkInfo.id is {given}, but this framework's is {known} and cannot change"
                ))
            }
            _ => (),
        }
        let roles = self.roles();
        let mut seen = BTreeSet::new();
        for role in suppressed.into_iter().flatten() {
            let problem = match (seen.insert(role), roles.contains(role)) {
                (false, _) => "is there twice",
                (true, false) => "is not a role of the framework",
                (true, true) => continue,
            };
            return Err(argument("suppressedRoles", format!("{role:?} {problem}")));
        }
        Ok(())
    }
}

/// The roles for which a framework wants no offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SuppressedRoles(BTreeSet<String>);

impl SuppressedRoles {
    /// Suppresses or revives `roles`, all of the framework's `own` if none is named. False, and nothing changes: one of them is
    /// foreign. A master ignores a call with such a role, but refuses a subscription with one.
    pub fn change(&mut self, revive: bool, roles: &[String], own: &[String]) -> bool {
        let changed = if roles.is_empty() { own } else { roles };
        if !changed.iter().all(|role| own.contains(role)) {
            return false;
        }
        for role in changed {
            match revive {
                true => drop(self.0.remove(role)),
                false => drop(self.0.insert(role.clone())),
            }
        }
        true
    }

    /// An update of the framework: `suppressed` from now on, or what was suppressed; of its `own` roles.
    pub fn update(&mut self, suppressed: Option<Vec<String>>, own: &[String]) {
        if let Some(suppressed) = suppressed {
            self.0 = suppressed.into_iter().collect();
        }
        self.0.retain(|role| own.contains(role));
    }

    pub fn list(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

/// `framework` with the id that an earlier run has stored.
pub fn with_id(mut framework: Vec<u8>, id: &str) -> Result<Vec<u8>, DriverError> {
    let decoded = FrameworkInfo::read(&framework).unwrap_or_default();
    match decoded.id() {
        Some(given) if given != id => Err(argument(
            "framework_id_file",
            format!("it holds {id}, but framework.id is {given}: give one of them"),
        )),
        Some(_) => Ok(framework),
        None => {
            // An empty id may be there: the later one counts.
            fields::append(&mut framework, framework_info::ID, &fields::id(id));
            Ok(framework)
        }
    }
}

/// The id in an encoded FrameworkInfo, unless it is empty.
pub fn id_of(framework: &[u8]) -> Option<String> {
    FrameworkInfo::read(framework).ok()?.id().map(str::to_string)
}

fn argument(name: &'static str, problem: String) -> DriverError {
    DriverError::Argument { name, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|role| role.to_string()).collect()
    }

    #[test]
    fn roles_are_suppressed_and_revived() {
        let own = texts(&["a", "b"]);
        let mut suppressed = SuppressedRoles::default();
        assert!(suppressed.change(false, &[], &own));
        assert_eq!(suppressed.list(), own);
        assert!(suppressed.change(true, &texts(&["b"]), &own));
        assert_eq!(suppressed.list(), texts(&["a"]));
        assert!(!suppressed.change(false, &texts(&["b", "foreign"]), &own));
        assert_eq!(suppressed.list(), texts(&["a"]));
        suppressed.update(None, &texts(&["b", "c"]));
        assert_eq!(suppressed, SuppressedRoles::default());
        suppressed.update(Some(texts(&["c"])), &texts(&["b", "c"]));
        assert_eq!(suppressed.list(), texts(&["c"]));
    }

    #[test]
    fn a_stored_id_takes_the_place_of_an_empty_one() {
        for given in [None, Some(String::new())] {
            let info = FrameworkInfo {
                id: given.map(|value| Id { value: Some(value) }),
                ..Default::default()
            };
            let with = with_id(info.encode_to_vec(), "stored").expect("no other id");
            assert_eq!(FrameworkInfo::decode(&with[..]).expect("FrameworkInfo").id(), Some("stored"));
        }
    }
}
