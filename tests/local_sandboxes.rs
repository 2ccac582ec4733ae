//! What a cluster of root gives to tasks of another user, and that tasks cannot hold up or outlive the cluster.

#[path = "support/local.rs"]
mod local_support;
#[path = "support/skip.rs"]
mod skip;

use local_support::*;
use mesos_perl::local::{Cluster, Control};
use mesos_perl::proto::{command_info::Uri, container_info, volume, ContainerInfo, TaskInfo, TaskState, Volume};
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::time::{Duration, Instant};

fn root(test: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        skip::skip(test, "only root may run tasks as another user");
    }
    root
}

fn fetching(framework: &Framework, id: &str, user: Option<&str>, uris: &[(&str, Option<&str>)], command: &str) -> TaskInfo {
    let mut task = framework.command(id, command);
    let info = task.command.as_mut().unwrap();
    info.user = user.map(String::from);
    let uri = |(value, output): &(&str, Option<&str>)| Uri {
        value: value.to_string(),
        output_file: output.map(String::from),
        ..Default::default()
    };
    info.uris = uris.iter().map(uri).collect();
    task
}

fn end(framework: &mut Framework, task: &str) -> (TaskState, String) {
    framework.story(task).pop().unwrap()
}

fn scratch(name: &str) -> std::path::PathBuf {
    let directory = std::env::temp_dir().join(format!("mesos-perl-{name}-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    directory
}

#[test]
fn files_are_fetched_with_the_rights_of_the_tasks_user() {
    if !root("files_are_fetched_with_the_rights_of_the_tasks_user") {
        return;
    }
    let directory = scratch("fetch");
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = |name: &str| directory.join(name).to_str().unwrap().to_string();
    std::fs::write(path("closed"), "of root").unwrap();
    std::fs::set_permissions(path("closed"), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(path("open"), "of all").unwrap();
    symlink(path("closed"), path("link")).unwrap();
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    for (id, uri) in [("direct", path("closed")), ("linked", path("link"))] {
        let task = fetching(&framework, id, Some("nobody"), &[(&uri, None)], "true");
        framework.launch(vec![task]);
        let (state, message) = end(&mut framework, id);
        assert_eq!(state, TaskState::TaskFailed);
        assert!(message.contains(&uri) && message.contains("Permission denied"), "{message}");
        assert_eq!(std::fs::read_dir(framework.sandbox(&cluster, id)).unwrap().count(), 0);
    }
    let task = fetching(
        &framework,
        "good",
        Some("nobody"),
        &[(&path("open"), Some("in/x"))],
        "cat in/x; stat -c %U in in/x",
    );
    framework.launch(vec![task]);
    assert_eq!(end(&mut framework, "good").0, TaskState::TaskFinished);
    let stdout = std::fs::read_to_string(framework.sandbox(&cluster, "good").join("stdout")).unwrap();
    assert_eq!(stdout, "of allnobody\nnobody\n");
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn what_is_no_file_holds_up_nobody() {
    let directory = scratch("fifo");
    let fifo = directory.join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    for (id, uri) in [
        ("fifo", fifo.to_str().unwrap()),
        ("endless", "/dev/zero"),
        ("directory", "/etc"),
        ("none", "/no/such"),
    ] {
        let task = fetching(&framework, id, None, &[(uri, None)], "true");
        framework.launch(vec![task]);
        let (state, message) = end(&mut framework, id);
        assert_eq!(state, TaskState::TaskFailed);
        assert!(
            message.starts_with("Failed to launch container: Failed to fetch all URIs for container '")
                && message.contains(&format!("': exited with status 1: Failed to fetch '{uri}': ")),
            "{message}"
        );
    }
    std::fs::remove_dir_all(directory).unwrap();
}

fn launch_orphan(cluster: &Cluster, before: &str) -> (Framework, [i32; 2]) {
    let mut framework = Framework::new(cluster);
    let orphan = "setsid sh -c 'echo $$ > orphan; exec sleep 1000' & ";
    let task = framework.command("t", &format!("{orphan}{before} echo $PPID > helper; sleep 1000"));
    framework.launch(vec![task]);
    let sandbox = framework.sandbox(cluster, "t");
    let pids = ["helper", "orphan"].map(|name| number_in(&sandbox.join(name)));
    (framework, pids)
}

fn parent(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit(')').next().unwrap();
    let parent = fields.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert_ne!(parent, 1);
    parent
}

#[test]
fn a_killed_helper_takes_what_tasks_started_with_it() {
    let cluster = cluster();
    let (mut framework, [helper, orphan]) = launch_orphan(&cluster, "");
    kill(Pid::from_raw(helper), Signal::SIGKILL).unwrap();
    assert_eq!(framework.story("t").pop().unwrap().0, TaskState::TaskFailed);
    until("the task's child is dead", || !is_alive(orphan));
}

#[test]
fn a_killed_guard_takes_the_helper_and_all_with_it() {
    let cluster = cluster();
    let (mut framework, [helper, orphan]) = launch_orphan(&cluster, "");
    let guard = parent(helper);
    kill(Pid::from_raw(guard), Signal::SIGKILL).unwrap();
    assert_eq!(framework.story("t").pop().unwrap().0, TaskState::TaskFailed);
    until("all are dead", || !is_alive(orphan) && !is_alive(helper));
}

/// As `pkill -9 mesos-perl` does.
#[test]
fn both_killed_leave_nothing_behind() {
    let cluster = cluster();
    let work_dir = cluster.work_dir().to_path_buf();
    let (mut framework, [helper, orphan]) = launch_orphan(&cluster, "");
    let guard = parent(helper);
    // Stopped before, so that neither can do anything when the other dies.
    for pid in [guard, helper] {
        kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    }
    for pid in [guard, helper] {
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }
    assert_eq!(framework.story("t").pop().unwrap().0, TaskState::TaskFailed);
    assert!(!is_alive(orphan), "when the update comes");
    drop(cluster);
    assert!(!work_dir.exists());
}

#[test]
fn a_stopped_helper_goes_on() {
    let cluster = cluster();
    let work_dir = cluster.work_dir().to_path_buf();
    let (_framework, pids) = launch_orphan(&cluster, "kill -STOP $PPID; mkdir -p closed/in; chmod 000 closed;");
    let begin = Instant::now();
    drop(cluster);
    assert!(begin.elapsed() < Duration::from_secs(8), "not the limit of ten seconds");
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
    assert!(!work_dir.exists());
}

fn volume(to: &str, mode: volume::Mode, source: volume::Source) -> Volume {
    Volume {
        container_path: to.into(),
        mode: mode as i32,
        source: Some(source),
        ..Default::default()
    }
}

fn of_sandbox(kind: volume::source::sandbox_path::Type, path: &str) -> volume::Source {
    volume::Source {
        r#type: Some(volume::source::Type::SandboxPath as i32),
        sandbox_path: Some(volume::source::SandboxPath {
            r#type: Some(kind as i32),
            path: path.into(),
        }),
        ..Default::default()
    }
}

fn with_volumes(mut task: TaskInfo, volumes: Vec<Volume>) -> TaskInfo {
    task.container = Some(Box::new(ContainerInfo {
        r#type: container_info::Type::Mesos as i32,
        volumes,
        ..Default::default()
    }));
    task
}

#[test]
fn volumes_of_sandboxes_are_links() {
    use volume::source::sandbox_path::Type::{Parent, Self_};
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let own = with_volumes(
        framework.command(
            "own",
            "echo x > in/data/file && cat hidden/deep/file && test ! -d in/data/data",
        ),
        vec![volume("in/data", volume::Mode::Rw, of_sandbox(Self_, "hidden/deep"))],
    );
    let parent = with_volumes(
        framework.command("parent", "true"),
        vec![volume("in", volume::Mode::Rw, of_sandbox(Parent, "shared"))],
    );
    let out = with_volumes(
        framework.command("out", "true"),
        vec![volume("in", volume::Mode::Rw, of_sandbox(Self_, "../../x"))],
    );
    let to = with_volumes(
        framework.command("to", "true"),
        vec![volume("../in", volume::Mode::Rw, of_sandbox(Self_, "x"))],
    );
    let absolute = with_volumes(
        framework.command("absolute", "true"),
        vec![volume("/in", volume::Mode::Rw, of_sandbox(Self_, "x"))],
    );
    framework.launch(vec![own, parent, out, to, absolute]);
    assert_eq!(end(&mut framework, "own").0, TaskState::TaskFinished);
    for (id, why) in [
        ("parent", "only for tasks of a group"),
        ("out", "leads out of the sandbox"),
        ("to", "leads out of the sandbox"),
        ("absolute", "must be relative"),
    ] {
        let (state, message) = end(&mut framework, id);
        assert!(state == TaskState::TaskFailed && message.contains(why), "{id}: {message}");
    }
}

#[test]
fn volumes_of_the_host_are_mounts_or_a_clear_failure() {
    let directory = scratch("volumes");
    std::fs::write(directory.join("file"), "of the host\n").unwrap();
    let host = directory.to_str().unwrap();
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let old = |to: &str, path: &str, mode: volume::Mode| Volume {
        container_path: to.into(),
        host_path: Some(path.into()),
        mode: mode as i32,
        ..Default::default()
    };
    let source = volume::Source {
        r#type: Some(volume::source::Type::HostPath as i32),
        host_path: Some(volume::source::HostPath {
            path: format!("{host}/file"),
            ..Default::default()
        }),
        ..Default::default()
    };
    let good = with_volumes(
        framework.command(
            "good",
            "grep host in/ro/file && ! touch in/ro/x && touch in/rw/made && cat one && ! (echo y > one)",
        ),
        vec![
            old("in/ro", host, volume::Mode::Ro),
            old("in/rw", host, volume::Mode::Rw),
            volume("one", volume::Mode::Ro, source),
        ],
    );
    let missing = format!("{host}/nothing");
    let missing = with_volumes(
        framework.command("missing", "true"),
        vec![old("in", &missing, volume::Mode::Rw)],
    );
    framework.launch(vec![good, missing]);
    let (state, message) = end(&mut framework, "good");
    match state {
        TaskState::TaskFinished => {
            assert!(directory.join("made").exists());
            // Nobody else sees them.
            let sandbox = framework.sandbox(&cluster, "good");
            assert!(!sandbox.join("in/ro/file").exists() && sandbox.join("in/ro").exists());
        }
        _ => assert!(message.contains("are mounts, which this user may not make"), "{message}"),
    }
    let (state, message) = end(&mut framework, "missing");
    assert_eq!(state, TaskState::TaskFailed);
    assert!(
        message.contains("nothing' at 'in'") || message.contains("are mounts"),
        "{message}"
    );
    drop(cluster);
    assert!(directory.join("file").exists(), "a volume is not removed with its sandbox");
    std::fs::remove_dir_all(directory).unwrap();
}

/// What there is below a directory: names, without those of containers.
fn executors(framework: &Framework, cluster: &Cluster) -> Vec<String> {
    let sandbox = framework.sandbox(cluster, "none");
    let all = sandbox.ancestors().nth(3).expect("a directory of executors");
    let entries = std::fs::read_dir(all).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A cluster whose clock stands, and on whose disk there is always room.
fn collecting() -> Cluster {
    let mut config = config("cpus:4;mem:4096;disk:4096");
    config.intervals.collection.watch = Duration::from_secs(100 * 24 * 3600);
    let cluster = Cluster::start(config).expect("the cluster starts");
    cluster.control(Control::PauseClock);
    cluster
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[test]
fn sandboxes_of_what_has_ended_are_removed_a_week_later() {
    let outside = scratch("outside");
    std::fs::write(outside.join("kept"), "").unwrap();
    let cluster = collecting();
    let mut framework = Framework::new(&cluster);
    let command = format!(
        "ln -s {0} link; ln -s {0}/kept file; mkdir -p a/b; chmod 0 a",
        outside.display()
    );
    let tasks = [("one", command.as_str()), ("two", "true"), ("runs", "sleep 1000")];
    framework.launch(tasks.iter().map(|(id, command)| framework.command(id, command)).collect());
    for id in ["one", "two"] {
        assert_eq!(end(&mut framework, id).0, TaskState::TaskFinished);
    }
    cluster.control(Control::AdvanceClock(6 * DAY));
    assert_eq!(executors(&framework, &cluster), ["one", "runs", "two"]);
    assert!(framework.sandbox(&cluster, "one").join("link").exists());
    cluster.control(Control::AdvanceClock(DAY));
    until("both are removed", || executors(&framework, &cluster) == ["runs"]);
    assert!(outside.join("kept").exists());
    assert!(framework.sandbox(&cluster, "runs").join("stdout").exists());
    std::fs::remove_dir_all(outside).unwrap();
}

/// The directories above go with the last sandbox in them, and come again.
#[test]
fn sandboxes_are_removed_on_request() {
    let cluster = collecting();
    // Offers come by themselves.
    cluster.control(Control::ResumeClock);
    let mut framework = Framework::new(&cluster);
    for id in ["t", "u"] {
        framework.launch(vec![framework.command(id, "true")]);
        assert_eq!(end(&mut framework, id).0, TaskState::TaskFinished);
    }
    let of_framework = framework.sandbox(&cluster, "t").ancestors().nth(4).unwrap().to_path_buf();
    assert!(of_framework.exists());
    cluster.control(Control::CollectSandboxes(0));
    until("all are removed", || !of_framework.exists());
    framework.launch(vec![framework.command("v", "echo here")]);
    assert_eq!(end(&mut framework, "v").0, TaskState::TaskFinished);
    let stdout = std::fs::read_to_string(framework.sandbox(&cluster, "v").join("stdout")).unwrap();
    assert_eq!(stdout, "here\n");
}

/// Where the file system has a flag for that.
#[test]
fn agents_directories_are_spread_over_the_disk_from_the_start() {
    use rustix::fs::{ioctl_getflags, ioctl_setflags, IFlags};
    let directory = scratch("spread");
    let here = std::fs::File::open(&directory).unwrap();
    let can = ioctl_getflags(&here).and_then(|flags| ioctl_setflags(&here, flags | IFlags::TOPDIR));
    let cluster = cluster();
    let slaves = std::fs::File::open(cluster.work_dir().join("slaves")).expect("the agents' directory");
    if can.is_ok() {
        assert!(ioctl_getflags(&slaves).unwrap().contains(IFlags::TOPDIR));
    }
    std::fs::remove_dir(directory).unwrap();
}
