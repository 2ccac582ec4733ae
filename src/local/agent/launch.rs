//! What is needed to start a program, and what may be wrong with it.

use super::state::{Kind, Nested};
use crate::local::helper_protocol::Program;
use crate::proto::task_status::Reason;
use crate::proto::{container_info, CommandInfo, ContainerInfo, DurationInfo};
use std::path::PathBuf;
use std::time::Duration;

/// What a container is started from.
pub struct Start<'a> {
    pub framework: &'a str,
    pub executor: &'a str,
    pub command: &'a CommandInfo,
    /// What it wants to be contained in: more than a process and a sandbox is refused.
    pub container: Option<&'a ContainerInfo>,
    pub role: &'a str,
    pub kind: Kind,
    /// For a task of a group.
    pub nested: Option<Nested>,
}

/// What has to be done to start a program: first its sandbox, then itself.
pub struct Launch {
    /// The sandboxes that are to be made before, the outer one first.
    pub places: Vec<Place>,
    /// Volumes to be linked into the innermost.
    pub mounts: Vec<Mount>,
    /// Whose it is to be, and who is to run the program.
    pub user: String,
    /// Without its user. What is wrong with it is said only after the sandbox is there: that is Mesos' order.
    pub program: Result<Program, LaunchError>,
}

/// A volume in a sandbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Mount {
    /// `container_path`
    pub name: String,
    pub volume: PathBuf,
}

/// Where a sandbox is to be.
pub struct Place {
    pub runs: PathBuf,
    /// Its name there.
    pub container: String,
    pub kind: PlaceKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    /// That of an executor, of which `latest` is the newest.
    Executor,
    /// The same, which may be there already.
    Parent,
    /// In the sandbox of an executor.
    Nested,
    /// A user's cache of fetched files.
    Cache,
}

/// Why a container was not started, and so what becomes of its tasks.
#[derive(Debug, Clone, PartialEq)]
pub enum LaunchError {
    /// No sandbox: an agent drops such tasks.
    Directory(String),
    /// Anything else: they fail.
    Container(String),
    /// They fail, since a test wants it so.
    OnDemand(Reason, String),
}

/// What is said where a command has no value: Mesos' executors end with it, and a shell without a command would succeed.
pub fn unspecified(command: &CommandInfo) -> &'static str {
    match command.shell() {
        true => "Shell command is not specified",
        false => "Executable path is not specified",
    }
}

/// Running on the bare machine what was meant for an image would be worse than not running it.
pub fn contained_by_a_process(container: Option<&ContainerInfo>) -> Result<(), String> {
    let wanted = match container {
        Some(container) if container.docker.is_some() || container.r#type() == container_info::Type::Docker => "Docker",
        Some(container) if container.mesos.as_ref().is_some_and(|m| m.image.is_some()) => "an image",
        _ => return Ok(()),
    };
    Err(format!("the embedded cluster has no containers, and this wants {wanted}"))
}

/// Nanoseconds of the protocol as a duration; negative ones are none.
pub fn duration(info: Option<&DurationInfo>) -> Option<Duration> {
    info.map(|info| Duration::from_nanos(u64::try_from(info.nanoseconds).unwrap_or(0)))
}

/// A program too large for the helper's pipe would be its end.
pub fn check_size(program: &Program) -> Result<(), LaunchError> {
    match program.is_too_large() {
        true => Err(LaunchError::Container("Argument list too long".into())),
        false => Ok(()),
    }
}
