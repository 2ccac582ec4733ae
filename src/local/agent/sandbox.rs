//! Sandboxes: where they are, what is copied into them, whose they are.

use super::launch::{self, PlaceKind};
use crate::local::helper_protocol::{Fetch, User};
use crate::message::text;
use crate::proto::command_info::Uri;
use nix::unistd::Uid;
use rustix::fd::OwnedFd;
use rustix::fs::{fchmod, fstat, ioctl_getflags, ioctl_setflags, mkdirat, openat, renameat, symlinkat, IFlags, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

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

/// The directory in which it and its predecessors are.
pub fn runs(work_dir: &Path, place: &Place<'_>) -> PathBuf {
    let executors = of_agent(work_dir, place.agent)
        .join("frameworks")
        .join(text::to_os(place.framework))
        .join("executors");
    executors.join(text::to_os(place.executor)).join("runs")
}

/// Where the cache of fetched files is, with a directory for each user.
pub fn cache(work_dir: &Path, agent: &str) -> PathBuf {
    of_agent(work_dir, agent).join("fetch")
}

/// Where everything of an agent is but volumes.
pub fn of_agent(work_dir: &Path, agent: &str) -> PathBuf {
    work_dir.join("slaves").join(text::to_os(agent))
}

/// Opens an absolute path that has no link in it.
pub fn known_way(path: &Path) -> io::Result<OwnedFd> {
    let mut here = rustix::fs::open("/", DIRECTORY | OFlags::PATH, Mode::empty())?;
    for part in path.components() {
        match part {
            Component::Normal(name) => here = openat(&here, name, DIRECTORY | OFlags::PATH, Mode::empty())?,
            Component::RootDir => {}
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
    }
    Ok(here)
}

/// A directory that is no link.
const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Makes the directory called `container`, mode 0750, in `runs`, which is an absolute path, and points `runs/latest` at that of an executor.
///
/// All of it by descriptors: where another user owns a directory above, he can replace what is below at any time, by links too. What
/// gets an owner here is the directory that was made here.
pub fn create(place: &launch::Place, owner: Option<&User>) -> io::Result<()> {
    let container = &place.container;
    let sandbox = place.runs.join(container);
    let runs = way(&place.runs)?;
    match mkdirat(&runs, container, Mode::from_raw_mode(0o750)) {
        Err(Errno::EXIST) if [PlaceKind::Parent, PlaceKind::Cache].contains(&place.kind) => return Ok(()),
        made => made?,
    }
    if let Some(user) = owner {
        let sandbox = openat(&runs, container, DIRECTORY, Mode::empty())?;
        if fstat(&sandbox)?.st_uid != nix::unistd::geteuid().as_raw() {
            return Err(io::Error::other("somebody else has replaced it"));
        }
        std::os::unix::fs::fchown(&sandbox, Some(user.uid), Some(user.gid))?;
    }
    if [PlaceKind::Nested, PlaceKind::Cache].contains(&place.kind) {
        return Ok(());
    }
    // Renamed into place, so that there is always one once there was one.
    let fresh = format!(".latest-{container}");
    symlinkat(&sandbox, &runs, &fresh)?;
    renameat(&runs, &fresh, &runs, "latest")?;
    Ok(())
}

/// Makes a directory and those above it that are missing; see [`way`]. Links in what is there already are followed.
pub fn make_way(path: &Path) -> io::Result<PathBuf> {
    let path = std::env::current_dir()?.join(path);
    let there = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    let (above, real) = there.ok_or(io::ErrorKind::NotFound)?;
    let path = real.join(path.strip_prefix(above).unwrap_or(Path::new("")));
    way(&path)?;
    path.canonicalize()
}

/// Opens an absolute path that has no link in it, and makes what is missing. Whatever the umask: nobody else can write to that, and
/// if root's tasks may be other users', these get through.
pub(super) fn way(path: &Path) -> io::Result<OwnedFd> {
    // Known only by its place: it may be searched, and perhaps not read.
    let mut here = rustix::fs::open("/", DIRECTORY | OFlags::PATH, Mode::empty())?;
    for part in path.components() {
        let name = match part {
            Component::Normal(name) => name,
            Component::RootDir => continue,
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        };
        here = match mkdirat(&here, name, Mode::from_raw_mode(0o755)) {
            Ok(()) if nix::unistd::geteuid().is_root() => {
                let made = openat(&here, name, DIRECTORY, Mode::empty())?;
                let mode = Mode::from_raw_mode(fstat(&made)?.st_mode & 0o7777 | 0o011);
                fchmod(&made, mode)?;
                made
            }
            Ok(()) => openat(&here, name, DIRECTORY | OFlags::PATH, Mode::empty())?,
            // There already, mostly.
            Err(why_not) => match openat(&here, name, DIRECTORY | OFlags::PATH, Mode::empty()) {
                Err(Errno::NOENT) => return Err(why_not.into()),
                there => there?,
            },
        };
    }
    Ok(here)
}

/// Makes the directory in which agents have theirs. On ext4, each agent's then begins in a part of the disk of its own. Else it begins where
/// an earlier cluster's was, and the kernel looks for a free inode among all those that were freed in the last seconds: with thousands of
/// sandboxes just removed, a task took five times as long. Other file systems have no such hint.
pub fn spread(work_dir: &Path) {
    let made = way(&work_dir.join("slaves")).and_then(|slaves| {
        let slaves = openat(&slaves, ".", DIRECTORY, Mode::empty())?;
        let flags = ioctl_getflags(&slaves)?;
        Ok(ioctl_setflags(&slaves, flags | IFlags::TOPDIR)?)
    });
    if let Err(e) = made {
        log::debug!("{}: the agents' directories stay together: {e}", work_dir.display());
    }
}

/// Who else than root may replace what is in `work_dir`, where root's tasks run: why that is so.
pub fn others_may_change(work_dir: &Path) -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let slaves = work_dir.join("slaves");
    std::iter::once(slaves.as_path())
        .chain(work_dir.ancestors())
        .find_map(|path| {
            let metadata = fs::metadata(path).ok()?;
            let (mode, shown) = (metadata.permissions().mode(), path.display());
            if metadata.uid() != 0 {
                return Some(format!("{shown} belongs to '{}'", name_of(Uid::from_raw(metadata.uid()))));
            }
            // Where it is sticky, others cannot replace what is root's, but they can be the first.
            let open = mode & 0o022 != 0 && (mode & 0o1000 == 0 || path == work_dir);
            open.then(|| format!("others may write to {shown}"))
        })
}

/// What `uris` ask for, as orders for the helper. `cache` says where one that may be shared is kept. The error says which one cannot be
/// fetched and why.
///
/// Nothing is looked at here: a file can be on a file system that does not answer, and readable to the cluster only.
pub fn fetches(uris: &[Uri], mut cache: impl FnMut(&str, &OsStr) -> PathBuf) -> Result<Vec<Fetch>, String> {
    let mut fetch = |uri: &Uri| fetch_of(uri, &mut cache).map_err(|e| format!("Failed to fetch '{}': {e}", uri.value));
    uris.iter().map(&mut fetch).collect()
}

fn fetch_of(uri: &Uri, cache: &mut impl FnMut(&str, &OsStr) -> PathBuf) -> Result<Fetch, String> {
    let (path, base) = match uri.value.split_once("://") {
        Some(("http" | "https", rest)) => {
            let (_, path) = rest
                .split_once('/')
                .filter(|(_, path)| !path.is_empty())
                .ok_or("Malformed URI (missing path)")?;
            ("", path.rsplit('/').next().unwrap_or_default())
        }
        Some(("file", rest)) => {
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            (path, path)
        }
        Some((scheme, _)) => return Err(format!("the embedded cluster does not fetch '{scheme}' URIs")),
        None => (uri.value.as_str(), uri.value.as_str()),
    };
    let local = !uri.value.starts_with("http://") && !uri.value.starts_with("https://");
    let path = text::to_bytes(path);
    if local && !path.starts_with(b"/") {
        return Err("A relative path was passed for the resource, and the embedded cluster has no framework home".into());
    }
    let base = text::to_os(base);
    let base = Path::new(&base).file_name().ok_or_else(|| "it names no file".to_string())?;
    let to = uri.output_file.as_deref().map_or_else(|| base.to_os_string(), text::to_os);
    let to = Path::new(&to);
    // Below the sandbox, whatever it says.
    if to.as_os_str().is_empty() || !to.components().all(|part| matches!(part, std::path::Component::Normal(_))) {
        return Err("output_file leads out of the sandbox".into());
    }
    let cached = uri.cache.unwrap_or(false).then(|| cache(&uri.value, base));
    Ok(Fetch {
        uri: text::to_bytes(&uri.value).into_owned(),
        from: path.to_vec(),
        to: to.as_os_str().as_bytes().to_vec(),
        executable: uri.executable.unwrap_or(false),
        extract: uri.extract(),
        cache: cached.map(|path| path.into_os_string().into_vec()).unwrap_or_default(),
    })
}

/// The name of a user, or the number if there is none.
pub fn name_of(uid: Uid) -> String {
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

    fn place_in(runs: PathBuf, container: &str) -> launch::Place {
        launch::Place {
            runs,
            container: container.to_string(),
            kind: PlaceKind::Executor,
        }
    }

    /// Where the file system has this hint. Others take none, and the directory is there all the same.
    #[test]
    fn agents_directories_are_spread_over_the_disk() {
        let work_dir = scratch("spread");
        let can = fs::File::open(&work_dir).and_then(|here| {
            let flags = ioctl_getflags(&here)?;
            Ok(ioctl_setflags(&here, flags | IFlags::TOPDIR)?)
        });
        spread(&work_dir);
        let slaves = fs::File::open(work_dir.join("slaves")).unwrap();
        assert!(slaves.metadata().unwrap().is_dir());
        if can.is_ok() {
            assert!(ioctl_getflags(&slaves).unwrap().contains(IFlags::TOPDIR));
        }
        fs::remove_dir_all(&work_dir).unwrap();
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
        let make = |name| {
            let place = place(name);
            create(&place_in(runs(&work_dir, &place), name), None).unwrap();
            path(&work_dir, &place)
        };
        let (first, second) = (make("one"), make("two"));
        assert_eq!(first, work_dir.join("slaves/S0/frameworks/F/executors/E/runs/one"));
        assert_eq!(
            fs::read_link(work_dir.join("slaves/S0/frameworks/F/executors/E/runs/latest")).unwrap(),
            second
        );
        assert_eq!(fs::metadata(&second).unwrap().permissions().mode() & 0o777, 0o750);
        fs::remove_dir_all(work_dir).unwrap();
    }

    /// A work directory of somebody else's, who replaces what is in it while the cluster works there.
    #[test]
    fn nothing_is_made_or_given_away_through_links() {
        let (work_dir, outside) = (scratch("links"), scratch("links-outside"));
        let outside = outside.canonicalize().unwrap();
        let work_dir = work_dir.canonicalize().unwrap();
        let place = Place {
            agent: "S0",
            framework: "F",
            executor: "E",
            container: "one",
        };
        let runs = runs(&work_dir, &place);
        let mut links: Vec<&Path> = runs.ancestors().take_while(|path| *path != work_dir).collect();
        links.reverse();
        for link in links {
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(&outside, link).unwrap();
            let error = create(&place_in(runs.clone(), "one"), None).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(nix::libc::ENOTDIR), "{}", link.display());
            fs::remove_file(link).unwrap();
        }
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        // A link on the way to the work directory is the user's own.
        std::os::unix::fs::symlink(&outside, work_dir.join("link")).unwrap();
        assert_eq!(make_way(&work_dir.join("link/a/b")).unwrap(), outside.join("a/b"));
        fs::write(outside.join("file"), "").unwrap();
        assert!(make_way(&outside.join("file/c")).is_err());
        fs::remove_dir_all(work_dir).unwrap();
        fs::remove_dir_all(outside).unwrap();
    }

    #[test]
    fn who_else_may_change_a_work_directory() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let work_dir = scratch("change");
        let says = |expected: Option<&str>| match (others_may_change(&work_dir), expected) {
            (None, None) => {}
            (Some(why), Some(expected)) => assert!(why.contains(expected), "{why}"),
            (why, _) => panic!("{why:?}"),
        };
        says(None);
        fs::set_permissions(&work_dir, fs::Permissions::from_mode(0o1777)).unwrap();
        says(Some("others may write to"));
        fs::set_permissions(&work_dir, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(work_dir.join("slaves")).unwrap();
        says(None);
        std::os::unix::fs::chown(work_dir.join("slaves"), Some(65534), None).unwrap();
        says(Some("slaves belongs to '"));
        fs::remove_dir_all(work_dir).unwrap();
    }

    #[test]
    fn what_is_fetched_and_what_is_refused() {
        let uri = |value: &str| Uri {
            value: value.into(),
            ..Default::default()
        };
        let executable = Uri {
            executable: Some(true),
            output_file: Some("bin/run".into()),
            ..uri("file:///opt/tool")
        };
        let planned = fetches(&[uri("/opt/tool"), executable], |_, _| {
            unreachable!("nothing is to be cached")
        })
        .unwrap();
        assert!(planned.iter().all(|fetch| fetch.from == b"/opt/tool"));
        assert_eq!((planned[0].to.as_slice(), planned[0].executable), (&b"tool"[..], false));
        assert_eq!((planned[1].to.as_slice(), planned[1].executable), (&b"bin/run"[..], true));
        let shared = Uri {
            cache: Some(true),
            ..uri("http://example.org/a/b.tgz")
        };
        let planned = fetches(&[shared], |uri, base| Path::new(uri).join(base)).unwrap();
        assert_eq!((&planned[0].from[..], &planned[0].to[..]), (&b""[..], &b"b.tgz"[..]));
        assert_eq!(planned[0].cache, b"http://example.org/a/b.tgz/b.tgz");
        let fetches = |uri| fetches(&[uri], |_, _| PathBuf::new());
        for bad in [
            "hdfs://example.org/x",
            "http://example.org",
            "http://example.org/",
            "relative",
            "/opt/..",
        ] {
            assert!(fetches(uri(bad)).err().unwrap().contains(bad));
        }
        for output in ["../out", "/out", "in/../../out", ""] {
            let escape = Uri {
                output_file: Some(output.into()),
                ..uri("/opt/tool")
            };
            assert!(fetches(escape).err().unwrap().contains("out of the sandbox"), "{output}");
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
