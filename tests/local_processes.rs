//! Whose children tasks are, and that none of them outlives its cluster.

#[path = "support/local.rs"]
mod local_support;

use local_support::*;
use mesos_perl::local::{Cluster, Config, StartError};
use mesos_perl::proto::r_limit_info::{r_limit::Type as RLimitType, RLimit};
use mesos_perl::proto::task_status::Reason;
use mesos_perl::proto::{container_info, ContainerInfo, RLimitInfo, TaskInfo, TaskState};
use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, FdFlag};
use nix::sys::wait::{waitpid, WaitPidFlag, WaitStatus};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Leaves the session and its parent, as daemons do.
const DAEMON: &str = "setsid sh -c 'setsid sh -c \"echo \\$\\$ > daemon; exec sleep 1000\" & exit 0' & \
                      echo $$ > leader; sleep 1000";

/// Role of this executable when a test runs it again.
const ROLE: &str = "MESOS_TEST_CREATOR";

/// Runs one test of this file in a process of its own, behind a shell that prepares it.
fn again(test: &str, prepare: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    let script = format!("{prepare} exec \"$0\" --exact {test} --nocapture");
    command
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env(ROLE, "1");
    command
}

fn launch_daemon(cluster: &Cluster) -> (Framework, [i32; 2]) {
    let mut framework = Framework::new(cluster);
    let task = framework.command("t", DAEMON);
    framework.launch(vec![task]);
    let sandbox = framework.sandbox(cluster, "t");
    let pids = ["leader", "daemon"].map(|name| number_in(&sandbox.join(name)));
    (framework, pids)
}

#[test]
fn dropping_the_cluster_kills_everything() {
    let cluster = cluster();
    let (_framework, pids) = launch_daemon(&cluster);
    let work_dir = cluster.work_dir().to_path_buf();
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    drop(cluster);
    assert!(pids.iter().all(|pid| !is_alive(*pid)), "dead when drop returns");
    assert!(!work_dir.exists(), "the private directory is gone");
}

#[test]
fn a_given_work_dir_stays() {
    let dir = std::env::temp_dir().join(format!("mesos-perl-test-{}", std::process::id()));
    let cluster = Cluster::start(Config {
        work_dir: Some(dir.join("deep")),
        ..config("cpus:1;mem:64")
    })
    .unwrap();
    let mut framework = Framework::new(&cluster);
    let task = framework.command("t", "echo kept");
    framework.launch(vec![task]);
    framework.story("t");
    let stdout = framework.sandbox(&cluster, "t").join("stdout");
    drop(cluster);
    assert_eq!(std::fs::read_to_string(stdout).unwrap(), "kept\n");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn killing_a_task_kills_what_it_started() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let task = framework.command(
        "t",
        "setsid sh -c 'echo $$ > child; exec sleep 1000' & echo $$ > leader; sleep 1000; true",
    );
    framework.launch(vec![task]);
    let sandbox = framework.sandbox(&cluster, "t");
    let pids = ["leader", "child"].map(|name| number_in(&sandbox.join(name)));
    framework.kill("t", None);
    for pid in pids {
        until("it is killed", || !is_alive(pid));
    }
}

/// All are of one session, in which nobody is left. A bounded storm: each of its processes forks once at most.
#[test]
fn a_storm_of_forks_ends_with_its_task() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let storm = "echo $$ > leader; exec perl -e 'for (1 .. 200) { next if fork; fork; sleep 1000; exit } sleep 1000'";
    let task = framework.command("t", storm);
    framework.launch(vec![task]);
    let leader = number_in(&framework.sandbox(&cluster, "t").join("leader"));
    let members = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let stats = processes.filter_map(|one| std::fs::read_to_string(one.path().join("stat")).ok());
        let fields = stats.filter_map(|stat| Some(stat.rsplit_once(") ")?.1.split(' ').map(String::from).collect::<Vec<_>>()));
        fields
            .filter(|fields| fields[0] != "Z" && fields[3] == leader.to_string())
            .count()
    };
    until("the storm has begun", || members() > 20);
    framework.kill("t", Some(0.0));
    framework.wait_for("t", TaskState::TaskKilled);
    until("nobody is left", || members() == 0);
}

fn limited(task: TaskInfo, limits: &[(Option<RLimitType>, Option<u64>, Option<u64>)]) -> TaskInfo {
    let limit = |(kind, soft, hard): &(Option<RLimitType>, Option<u64>, Option<u64>)| RLimit {
        r#type: kind.map(|kind| kind as i32),
        soft: *soft,
        hard: *hard,
    };
    let rlimits = limits.iter().map(limit).collect();
    TaskInfo {
        container: Some(Box::new(ContainerInfo {
            r#type: container_info::Type::Mesos as i32,
            rlimit_info: Some(RLimitInfo { rlimits }),
            ..Default::default()
        })),
        ..task
    }
}

#[test]
fn a_task_has_the_limits_of_its_container() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let (files, core, time) = (RLimitType::RlmtNofile, RLimitType::RlmtCore, RLimitType::RlmtCpu);
    let task = framework.command("t", "cat /proc/self/limits; exit 3");
    let limits = [
        (Some(files), Some(50), Some(60)),
        (Some(core), Some(0), Some(0)),
        (Some(time), Some(1000), Some(u64::MAX)),
    ];
    framework.launch(vec![limited(task, &limits)]);
    let failed = framework.wait_for("t", TaskState::TaskFailed);
    assert_eq!(failed.message(), "Command exited with status 3");
    let shown = std::fs::read_to_string(framework.sandbox(&cluster, "t").join("stdout")).unwrap();
    for (name, soft, hard) in [
        ("Max open files", "50", "60"),
        ("Max core file size", "0", "0"),
        ("Max cpu time", "1000", "unlimited"),
    ] {
        let line = shown.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        let numbers: Vec<&str> = line.split_whitespace().take(2).collect();
        assert_eq!(numbers, [soft, hard], "{name}");
    }
}

#[test]
fn limits_that_cannot_be_are_told() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let files = Some(RLimitType::RlmtNofile);
    for (id, limit, why) in [
        ("half", (files, Some(7), None), "Invalid rlimit values"),
        ("crossed", (files, Some(70), Some(60)), "Invalid argument"),
        ("unknown", (None, None, None), "Could not convert rlimit: Unknown rlimit type"),
    ] {
        let task = limited(framework.command(id, "true"), &[limit]);
        framework.launch(vec![task]);
        let failed = framework.wait_for(id, TaskState::TaskFailed);
        let expected = format!("Failed to launch container: Failed to set rlimit: {why}");
        assert_eq!(
            (failed.message(), failed.reason()),
            (expected.as_str(), Reason::ContainerLaunchFailed)
        );
    }
}

/// In a process of its own, since other tests have children. Ignored signals are the hard case.
#[test]
fn this_process_has_no_children_and_keeps_its_signals_to_itself() {
    const NAME: &str = "this_process_has_no_children_and_keeps_its_signals_to_itself";
    if std::env::var_os(ROLE).is_none() {
        let output = again(NAME, "trap '' CHLD TERM;").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let no_child = || waitpid(None, Some(WaitPidFlag::WNOHANG)) == Err::<WaitStatus, _>(Errno::ECHILD);
    assert!(no_child());
    let cluster = cluster();
    assert!(no_child(), "after the start");
    let mut framework = Framework::new(&cluster);
    let task = framework.command("t", "sleep 1000");
    framework.launch(vec![task]);
    framework.wait_for("t", TaskState::TaskRunning);
    assert!(no_child(), "while a task runs");
    framework.kill("t", Some(1000.0));
    let killed = framework.update("t");
    assert_eq!(killed.message(), "Command terminated with signal Terminated");
    drop(cluster);
    assert!(no_child(), "after the end");
}

#[test]
fn a_dead_creator_takes_everything_with_it() {
    const NAME: &str = "a_dead_creator_takes_everything_with_it";
    if std::env::var_os(ROLE).is_some() {
        let cluster = cluster();
        let (_framework, pids) = launch_daemon(&cluster);
        // A child of ours that outlives us and holds copies of all our descriptors, as a fork of a Perl program would:
        // the helper's pipe does not end with us.
        for entry in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
            let fd: i32 = entry.file_name().to_str().unwrap().parse().unwrap();
            let _ = fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()));
        }
        // It is to outlive this process, which is killed.
        #[allow(clippy::zombie_processes)]
        let child = Command::new("sleep")
            .arg("1000")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        println!(
            "\nPIDS {} {} {} {}",
            child.id(),
            pids[0],
            pids[1],
            cluster.work_dir().display()
        );
        loop {
            std::thread::park();
        }
    }
    let mut creator = again(NAME, "").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(creator.stdout.take().unwrap()).lines();
    let line = lines
        .map_while(Result::ok)
        .find(|line| line.starts_with("PIDS "))
        .expect("the creator got so far");
    let (pids, work_dir) = line.rsplit_once(' ').unwrap();
    let pids: Vec<i32> = pids.split(' ').skip(1).map(|pid| pid.parse().unwrap()).collect();
    assert!(std::path::Path::new(work_dir).exists());
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    creator.kill().unwrap();
    creator.wait().unwrap();
    for pid in &pids[1..] {
        until("it is killed", || !is_alive(*pid));
    }
    until("the private directory is gone", || !std::path::Path::new(work_dir).exists());
    let child = nix::unistd::Pid::from_raw(pids[0]);
    nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[test]
fn without_its_helper_the_cluster_says_so() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let task = framework.command("t", "echo $PPID > helper; echo $$ > pid; exec sleep 1000");
    framework.launch(vec![task]);
    let sandbox = framework.sandbox(&cluster, "t");
    let [helper, pid] = ["helper", "pid"].map(|name| number_in(&sandbox.join(name)));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(helper), nix::sys::signal::Signal::SIGKILL).unwrap();
    let (state, message) = framework.story("t").pop().unwrap();
    assert_eq!(
        (state, message.as_str()),
        (TaskState::TaskFailed, "Command terminated with signal Killed")
    );
    until("the task is dead as well", || !is_alive(pid));
    let task = framework.command("next", "true");
    framework.launch(vec![task]);
    let (state, message) = framework.story("next").pop().unwrap();
    assert_eq!(state, TaskState::TaskFailed);
    assert!(message.contains("helper process"), "{message}");
}

#[test]
fn a_helper_that_is_none_is_an_error() {
    for helper in ["/no/such/helper", "/bin/true", "/bin/false"] {
        let error = Cluster::start(Config {
            helper: helper.into(),
            ..Default::default()
        })
        .unwrap_err();
        assert!(matches!(&error, StartError::Helper { .. }), "{error}");
        assert!(error.to_string().contains(helper));
    }
    let error = Cluster::start(config("cpus")).unwrap_err();
    assert!(error.to_string().starts_with("MESOS_RESOURCES: "), "{error}");
}

/// The secret is in an executor's environment, which only its owner can read, and nowhere in a command line.
#[test]
fn no_command_line_shows_the_secret() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let task = framework.task_of("t", "e", "echo $$ > pid; exec sleep 1000");
    framework.launch(vec![task]);
    number_in(&framework.sandbox(&cluster, "e").join("pid"));
    let mut seen = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(line) = std::fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        seen += 1;
        assert!(!String::from_utf8_lossy(&line).contains(cluster.secret()));
    }
    assert!(seen > 1);
}
