//! Directories of persistent volumes: where they are, how they come and go, and how tasks see them.
//!
//! As in Mesos without isolation of file systems, a task sees a volume by a link in its sandbox.

use super::launch::Mount;
use crate::local::removal;
use crate::message::text;
use crate::resources::conversion::Volume;
use rustix::fs::{fstat, openat, readlinkat, symlinkat, unlinkat, AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

/// Where the volumes of the agent with this number are.
fn all(work_dir: &Path, agent: usize) -> PathBuf {
    work_dir.join("volumes").join(agent.to_string())
}

/// Where a volume is. `volume.id` is a [checked](crate::local::ids::check) id.
pub fn path(work_dir: &Path, agent: usize, volume: &Volume) -> PathBuf {
    // No role has a blank in it.
    let role = volume.role.replace('/', " ");
    let roles = all(work_dir, agent).join("roles");
    roles.join(text::to_os(&role)).join(text::to_os(&volume.id))
}

/// Makes a volume's directory.
pub fn make(path: &Path) -> io::Result<()> {
    super::sandbox::way(path).map(drop)
}

/// Removes a volume with all that is in it. A new one can be made in its place as soon as this returns.
pub fn remove(path: &Path) -> io::Result<()> {
    let aside = path.with_file_name(format!(".{}", crate::local::ids::uuid()));
    std::fs::rename(path, &aside)?;
    // It can be large, and nobody is to wait for that.
    let gone = aside.clone();
    let work = move || {
        if let Err(e) = removal::remove_tree(&gone) {
            crate::logging::tell(&format!("cannot remove all of {}: {e}", gone.display()));
        }
    };
    match crate::thread::spawn("mesos-volume", work) {
        Ok(_) => Ok(()),
        Err(_) => removal::remove_tree(&aside),
    }
}

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Links volumes into a sandbox, and gives them to its owner.
pub fn link(sandbox: &Path, mounts: &[Mount]) -> Result<(), String> {
    if mounts.is_empty() {
        return Ok(());
    }
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |e: io::Error| format!("cannot use the persistent volume {path}: {e}")
    };
    let sandbox_fd = open(sandbox).map_err(failed(sandbox))?;
    let owner = fstat(&sandbox_fd).map_err(|e| failed(sandbox)(e.into()))?;
    for mount in mounts {
        let Some(name) = name_of(mount) else {
            // As Mesos does.
            log::warn!("no link to a persistent volume: '{}' is no name in a sandbox", mount.name);
            continue;
        };
        own(&mount.volume, &owner).map_err(failed(&mount.volume))?;
        match symlinkat(&mount.volume, &sandbox_fd, &name) {
            Err(Errno::EXIST) => {
                if !leads_to(&sandbox_fd, &name, &mount.volume) {
                    return Err(failed(&mount.volume)(Errno::EXIST.into()));
                }
            }
            made => made.map_err(|e| failed(&mount.volume)(e.into()))?,
        }
    }
    Ok(())
}

/// Removes the links again. What has another thing in the place of its link keeps that.
pub fn unlink(sandbox: &Path, mounts: &[Mount]) {
    let Ok(sandbox) = open(sandbox) else { return };
    for mount in mounts {
        let Some(name) = name_of(mount) else { continue };
        if leads_to(&sandbox, &name, &mount.volume) {
            if let Err(e) = unlinkat(&sandbox, &name, AtFlags::empty()) {
                log::warn!("the link to {} stays: {e}", mount.volume.display());
            }
        }
    }
}

/// The name of its link. Others than names in the sandbox itself have none.
fn name_of(mount: &Mount) -> Option<PathBuf> {
    let name = PathBuf::from(text::to_os(&mount.name));
    let plain = name.components().count() == 1 && name.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && !mount.name.contains('/')).then_some(name)
}

fn open(sandbox: &Path) -> io::Result<OwnedFd> {
    let (runs, name) = match (sandbox.parent(), sandbox.file_name()) {
        (Some(runs), Some(name)) => (runs, name),
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let runs = super::sandbox::known_way(runs)?;
    Ok(openat(&runs, name, DIRECTORY, Mode::empty())?)
}

fn leads_to(sandbox: &OwnedFd, name: &Path, volume: &Path) -> bool {
    let there = readlinkat(sandbox, name, Vec::new());
    there.is_ok_and(|there| Path::new(&text::to_os(&text::from_bytes(there.to_bytes()))) == volume)
}

/// A volume belongs to whoever used it last.
fn own(volume: &Path, owner: &Stat) -> io::Result<()> {
    let (parent, name) = match (volume.parent(), volume.file_name()) {
        (Some(parent), Some(name)) => (parent, name),
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let parent = rustix::fs::open(parent, DIRECTORY | OFlags::PATH, Mode::empty())?;
    if !nix::unistd::geteuid().is_root() {
        // It may be closed to its owner, who is also this one: what counts is that it is there.
        return Ok(openat(&parent, name, DIRECTORY | OFlags::PATH, Mode::empty()).map(drop)?);
    }
    let here = openat(&parent, name, DIRECTORY, Mode::empty())?;
    if fstat(&here)?.st_uid != owner.st_uid {
        std::os::unix::fs::fchown(&here, Some(owner.st_uid), Some(owner.st_gid))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn they_are_seen_by_links_and_go_with_what_is_in_them() {
        let work_dir = std::env::temp_dir().join(format!("mesos-perl-volumes-{}", crate::local::ids::uuid()));
        fs::create_dir_all(work_dir.join("runs/one")).unwrap();
        let work_dir = work_dir.canonicalize().unwrap();
        let (sandbox, volume) = (
            work_dir.join("runs/one"),
            Volume {
                role: "eng/web".into(),
                id: "v 1".into(),
            },
        );
        let volume = path(&work_dir, 3, &volume);
        assert_eq!(volume, work_dir.join("volumes/3/roles/eng web/v 1"));
        let mount = |name: &str| Mount {
            name: name.into(),
            volume: volume.clone(),
        };
        let error = link(&sandbox, &[mount("data")]).unwrap_err();
        assert!(error.contains("v 1"), "{error}");
        make(&volume).unwrap();
        make(&volume).unwrap();
        // What leads elsewhere is left out.
        let mounts = ["data", "", ".", "..", "../out", "/out", "a/b", "data/"].map(mount);
        link(&sandbox, &mounts).unwrap();
        link(&sandbox, &mounts).unwrap();
        fs::write(sandbox.join("data/file"), "kept").unwrap();
        assert_eq!(fs::read_dir(&sandbox).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(volume.join("file")).unwrap(), "kept");
        fs::write(sandbox.join("taken"), "").unwrap();
        assert!(link(&sandbox, &[mount("taken")]).is_err());
        remove(&volume).unwrap();
        assert!(!volume.exists());
        make(&volume).unwrap();
        assert_eq!(fs::read_dir(&volume).unwrap().count(), 0);
        assert!(remove(&volume.join("none")).is_err());
        let _ = removal::remove_tree(&work_dir);
    }
}
