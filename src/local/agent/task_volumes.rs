//! What a task's volumes are on this machine: links within the sandboxes, and mounts of the host's files.

use crate::local::helper_protocol::Volume as Order;
use crate::message::text;
use crate::proto::volume::source::{sandbox_path, Type};
use crate::proto::volume::Mode;
use crate::proto::{ContainerInfo, Volume};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Orders for the helper. `sandbox` is that of the task, `parent` that of its executor, where these are not the same.
pub fn of(container: Option<&ContainerInfo>, sandbox: &Path, parent: Option<&Path>) -> Result<Vec<Order>, String> {
    let volumes = container.iter().flat_map(|container| &container.volumes);
    volumes.map(|volume| order(volume, sandbox, parent)).collect()
}

fn order(volume: &Volume, sandbox: &Path, parent: Option<&Path>) -> Result<Order, String> {
    let to = path(&volume.container_path);
    let read_only = volume.mode() == Mode::Ro;
    let mount = |from: &str| {
        let from = path(from);
        if !from.is_absolute() {
            return Err(format!("the path '{}' of a volume is not absolute", from.display()));
        }
        if !to.is_absolute() {
            inside(&to)?;
        }
        Ok(made(&from, Path::new("/"), &to, read_only, true))
    };
    let link = |root: &Path, from: &str| {
        let from = path(from);
        if to.is_absolute() {
            let to = to.display();
            return Err(format!(
                "the volume at '{to}' is in a sandbox, so its container path must be relative"
            ));
        }
        inside(&from)?;
        inside(&to)?;
        Ok(made(&root.join(from), root, &to, read_only, false))
    };
    if let Some(from) = &volume.host_path {
        return match from.starts_with('/') {
            true => mount(from),
            // Of the sandbox, as Mesos has it.
            false => link(sandbox, from),
        };
    }
    let source = volume.source.as_ref();
    match source.map(|source| (source.r#type(), &source.host_path, &source.sandbox_path)) {
        Some((Type::HostPath, Some(host), _)) => mount(&host.path),
        Some((Type::SandboxPath, _, Some(of))) => match of.r#type() {
            sandbox_path::Type::Self_ => link(sandbox, &of.path),
            sandbox_path::Type::Parent => match parent {
                Some(parent) => link(parent, &of.path),
                None => Err("a volume of the parent's sandbox is only for tasks of a group".into()),
            },
            sandbox_path::Type::Unknown => Err("a volume of a sandbox must say whose it is".into()),
        },
        _ => Err("the embedded cluster has volumes only with the path of a host or of a sandbox".into()),
    }
}

fn path(given: &str) -> PathBuf {
    text::to_os(given).into()
}

/// Below a sandbox, whatever it says.
fn inside(path: &Path) -> Result<(), String> {
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    match plain && path != Path::new("") {
        true => Ok(()),
        false => Err(format!("the path '{}' of a volume leads out of the sandbox", path.display())),
    }
}

fn made(from: &Path, root: &Path, to: &Path, read_only: bool, mount: bool) -> Order {
    let bytes = |path: &Path| -> Vec<u8> {
        let path: &OsStr = path.as_ref();
        path.as_bytes().to_vec()
    };
    Order {
        from: bytes(from),
        root: bytes(root),
        to: bytes(to),
        read_only,
        mount,
    }
}
