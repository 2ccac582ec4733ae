//! Sandboxes: where they are, what is copied into them, whose they are.

use crate::local::helper_protocol::{Fetch, User};
use crate::message::text;
use crate::proto::command_info::Uri;
use nix::unistd::Uid;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Which sandbox. All parts are [checked](crate::local::ids::check) ids.
pub struct Place<'a> {
    pub agent: &'a str,
    pub framework: &'a str,
    pub executor: &'a str,
    pub container: &'a str,
}

/// Where a sandbox is.
pub fn path(work_dir: &Path, place: &Place<'_>) -> PathBuf {
    runs(work_dir, place).join(place.container)
}

fn runs(work_dir: &Path, place: &Place<'_>) -> PathBuf {
    let executors = work_dir
        .join("slaves")
        .join(text::to_os(place.agent))
        .join("frameworks")
        .join(text::to_os(place.framework))
        .join("executors");
    executors.join(text::to_os(place.executor)).join("runs")
}

/// Makes `<work_dir>/slaves/<S>/frameworks/<F>/executors/<E>/runs/<container>`, mode 0750, and points `runs/latest` at it.
pub fn create(work_dir: &Path, place: &Place<'_>, owner: Option<&User>) -> io::Result<PathBuf> {
    let runs = runs(work_dir, place);
    make_way(&runs)?;
    let sandbox = runs.join(place.container);
    DirBuilder::new().mode(0o750).create(&sandbox)?;
    if let Some(user) = owner {
        std::os::unix::fs::lchown(&sandbox, Some(user.uid), Some(user.gid))?;
    }
    // Renamed into place, so that there is always one once there was one.
    let (link, fresh) = (runs.join("latest"), runs.join(format!(".latest-{}", place.container)));
    std::os::unix::fs::symlink(&sandbox, &fresh)?;
    fs::rename(fresh, link)?;
    Ok(sandbox)
}

/// Makes a directory and those above it that are missing. Whatever the umask: nobody else can write to them, and if root's tasks may
/// be other users', these get through.
pub fn make_way(path: &Path) -> io::Result<()> {
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty() && !above.exists()) {
        make_way(above)?;
    }
    match DirBuilder::new().mode(0o755).create(path) {
        Ok(()) if nix::unistd::geteuid().is_root() => {
            let mode = fs::symlink_metadata(path)?.permissions().mode() & 0o7777;
            fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o011))
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other,
    }
}

/// What `uris` ask for, as copies that the helper makes. Local files only; the error says which one cannot be and why.
///
/// Nothing is looked at here: a file can be on a file system that does not answer, and readable to the cluster only.
pub fn fetches(uris: &[Uri]) -> Result<Vec<Fetch>, String> {
    let fetch = |uri: &Uri| fetch_of(uri).map_err(|e| format!("Failed to fetch '{}': {e}", uri.value));
    uris.iter().map(fetch).collect()
}

fn fetch_of(uri: &Uri) -> Result<Fetch, String> {
    let path = match uri.value.split_once("://") {
        Some(("file", rest)) => rest.strip_prefix("localhost").unwrap_or(rest),
        Some((scheme, _)) => return Err(format!("the embedded cluster does not fetch '{scheme}' URIs")),
        None => &uri.value,
    };
    let path = text::to_bytes(path);
    let from = Path::new(OsStr::from_bytes(&path));
    if !from.is_absolute() {
        return Err("not an absolute path".into());
    }
    let base = from.file_name().ok_or_else(|| "it names no file".to_string())?;
    let to = uri.output_file.as_deref().map_or_else(|| base.to_os_string(), text::to_os);
    let to = Path::new(&to);
    // Below the sandbox, whatever it says.
    if to.as_os_str().is_empty() || !to.components().all(|part| matches!(part, std::path::Component::Normal(_))) {
        return Err("output_file leads out of the sandbox".into());
    }
    let executable = uri.executable.unwrap_or(false);
    if !executable && uri.extract() && is_archive(base.to_string_lossy().as_ref()) {
        return Err("the embedded cluster does not extract archives; set 'extract' to false to have it copied".into());
    }
    Ok(Fetch {
        uri: text::to_bytes(&uri.value).into_owned(),
        from: path.to_vec(),
        to: to.as_os_str().as_bytes().to_vec(),
        executable,
    })
}

/// The names that Mesos' fetcher extracts.
fn is_archive(name: &str) -> bool {
    [
        ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".tar", ".zip", ".gz",
    ]
    .iter()
    .any(|end| name.ends_with(end))
}

fn name_of(uid: Uid) -> String {
    let known = nix::unistd::User::from_uid(uid).ok().flatten();
    known.map_or_else(|| uid.to_string(), |user| user.name)
}

/// Whom `wanted` stands for: `None` when that is `owner`, who the helper is. Only root may be another.
pub fn user(wanted: &str, owner: Uid) -> Result<Option<User>, String> {
    let uid = nix::unistd::geteuid();
    let current = name_of(uid);
    // The helper still has the rights that this process has given up.
    if uid != owner {
        return Err(format!(
            "the embedded cluster was started by user '{}', and this process has become '{current}' since: \
             become another user before the driver is made",
            name_of(owner)
        ));
    }
    if wanted.is_empty() || wanted == current {
        return Ok(None);
    }
    if !uid.is_root() {
        return Err(format!(
            "Failed to chown directory to '{wanted}': the cluster runs as '{current}', and only root may switch users"
        ));
    }
    match nix::unistd::User::from_name(wanted) {
        Ok(Some(user)) => Ok(Some(User {
            name: user.name.into_bytes(),
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        })),
        Ok(None) => Err(format!(
            "Failed to chown directory to '{wanted}': No such user '{wanted}' (the cluster runs as '{current}')"
        )),
        Err(e) => Err(format!("cannot look up user '{wanted}': {e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("mesos-perl-sandbox-{name}-{}", crate::local::ids::uuid()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn latest_points_at_the_newest_run() {
        let work_dir = scratch("latest");
        let place = |container| Place {
            agent: "S0",
            framework: "F",
            executor: "E",
            container,
        };
        let first = create(&work_dir, &place("one"), None).unwrap();
        let second = create(&work_dir, &place("two"), None).unwrap();
        assert_eq!(first, work_dir.join("slaves/S0/frameworks/F/executors/E/runs/one"));
        assert_eq!(
            fs::read_link(work_dir.join("slaves/S0/frameworks/F/executors/E/runs/latest")).unwrap(),
            second
        );
        assert_eq!(fs::metadata(&second).unwrap().permissions().mode() & 0o777, 0o750);
        fs::remove_dir_all(work_dir).unwrap();
    }

    #[test]
    fn local_files_are_fetched_and_the_rest_is_refused() {
        let uri = |value: &str| Uri {
            value: value.into(),
            ..Default::default()
        };
        let executable = Uri {
            executable: Some(true),
            output_file: Some("bin/run".into()),
            ..uri("file:///opt/tool")
        };
        let planned = fetches(&[uri("/opt/tool"), executable]).unwrap();
        assert!(planned.iter().all(|fetch| fetch.from == b"/opt/tool"));
        assert_eq!((planned[0].to.as_slice(), planned[0].executable), (&b"tool"[..], false));
        assert_eq!((planned[1].to.as_slice(), planned[1].executable), (&b"bin/run"[..], true));
        for bad in ["http://example.org/x", "relative", "/opt/..", "/nosuch.tar.gz"] {
            assert!(fetches(&[uri(bad)]).err().unwrap().contains(bad));
        }
        for output in ["../out", "/out", "in/../../out", ""] {
            let escape = Uri {
                output_file: Some(output.into()),
                ..uri("/opt/tool")
            };
            assert!(fetches(&[escape]).err().unwrap().contains("out of the sandbox"), "{output}");
        }
    }

    #[test]
    fn the_current_user_needs_no_switch() {
        let uid = nix::unistd::geteuid();
        let me = nix::unistd::User::from_uid(uid)
            .unwrap()
            .map_or_else(|| uid.to_string(), |user| user.name);
        assert!(matches!(user(&me, uid), Ok(None)));
        assert!(matches!(user("", uid), Ok(None)));
        let error = user("no-such-user-here", uid).err().unwrap();
        assert!(error.contains("no-such-user-here") && error.contains(&me), "{error}");
    }
}
