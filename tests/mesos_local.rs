//! `mesos-local`: how it starts, who may call, and that nothing is left of it.

#[path = "support/local.rs"]
mod local_support;
#[path = "support/program.rs"]
mod program_support;

use local_support::*;
use mesos_perl::proto::{executor, ExecutorId, TaskState};
use nix::sys::signal::Signal;
use program_support::*;
use prost::Message;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A file of a test's own, which goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("mesos-local-test-{name}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Scratch(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A framework without credentials.
fn framework(program: &Program) -> Framework {
    Framework::at(program.address, "none", info("test"))
}

/// The sandbox of a task, once it is there.
fn file_of(program: &Program, task: &str, file: &str) -> PathBuf {
    let root = PathBuf::from(program.ready["work_dir"].as_str().unwrap());
    let mut found = None;
    until(&format!("{file} of {task}"), || {
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(path);
                } else if path.ends_with(file) && path.to_string_lossy().contains(&format!("/{task}/")) {
                    found = std::fs::read_to_string(&path)
                        .is_ok_and(|text| text.ends_with('\n'))
                        .then_some(path);
                }
            }
        }
        found.is_some()
    });
    found.unwrap()
}

/// A program with a task that sleeps, and the task's process.
fn with_task(program: &Program) -> (Framework, i32) {
    let mut framework = framework(program);
    let task = framework.command("t", "echo $$ > pid; sleep 1000; true");
    framework.launch(vec![task]);
    framework.wait_for("t", TaskState::TaskRunning);
    let pid = std::fs::read_to_string(file_of(program, "t", "pid")).unwrap();
    let pid = pid.trim().parse().unwrap();
    assert!(is_alive(pid));
    (framework, pid)
}

#[test]
fn says_where_it_listens_and_runs_tasks() {
    let program = Program::new(&["--agents=3", "--attributes=rack:r1", "--hostname", "box"]);
    let agents = program.ready["agents"].as_array().unwrap();
    let ids: Vec<_> = agents.iter().map(|agent| agent["id"].as_str().unwrap().to_string()).collect();
    assert!(
        program.text.contains("3 agents") && program.text.contains(&program.address.to_string()),
        "{}",
        program.text
    );
    assert_eq!((program.ready["pid"].as_i64(), ids.len()), (Some(program.pid().into()), 3));
    assert!(
        ids.iter().zip(0..).all(|(id, number)| id.ends_with(&format!("-S{number}"))),
        "{ids:?}"
    );
    assert!(agents.iter().all(|agent| agent["hostname"] == "box"));
    assert!(program.address.ip().is_loopback());
    assert!(program.ready.get("token").is_none(), "nobody needs it");

    let mut framework = framework(&program);
    let offer = framework.offer();
    assert!(ids.contains(&offer.slave_id.value) && offer.hostname == "box");
    assert_eq!(offer.attributes[0].name, "rack");
    framework.agent_id = offer.slave_id.clone();
    let task = framework.command("t", "echo hello");
    framework.launch_on(&offer, vec![task]);
    assert_eq!(framework.story("t").last().unwrap().0, TaskState::TaskFinished);
}

/// A stopped process: what others said meanwhile comes before what it wanted to do in that time.
#[test]
fn a_program_that_was_stopped_hears_its_executors_before_it_gives_them_up() {
    let program = Program::new(&["--executor_registration_timeout=2secs"]);
    let mut framework = framework(&program);
    let command = "echo $$ > pid; exec sleep 1000";
    framework.launch(vec![
        framework.task_of("a", "x", command),
        framework.task_of("b", "y", command),
    ]);
    for executor in ["x", "y"] {
        file_of(&program, executor, "pid");
    }
    let mut connections = [connect(program.address), connect(program.address)];
    program.signal(Signal::SIGSTOP);
    let stopped = Instant::now();
    for (connection, executor) in connections.iter_mut().zip(["x", "y"]) {
        let subscribe = executor::Call {
            executor_id: ExecutorId { value: executor.into() },
            framework_id: framework.id.clone(),
            r#type: Some(executor::call::Type::Subscribe as i32),
            subscribe: Some(executor::call::Subscribe::default()),
            ..Default::default()
        };
        let headers = [
            ("Content-Type", "application/x-protobuf"),
            ("Accept", "application/x-protobuf"),
        ];
        send(
            connection,
            "POST",
            "/slave(1)/api/v1/executor",
            &headers,
            &subscribe.encode_to_vec(),
        );
    }
    // The subject of the test: longer than the agent waits for them.
    until("the end of the pause", || stopped.elapsed() > Duration::from_secs(4));
    program.signal(Signal::SIGCONT);
    for connection in connections {
        let mut records = Records::of(connection);
        let mut next = || records.next::<executor::Event>().map(|event| event.r#type());
        let events = [next(), next()];
        assert_eq!(
            events,
            [executor::event::Type::Subscribed, executor::event::Type::Launch].map(Some)
        );
    }
}

#[test]
fn signals_end_it_with_all_that_it_runs() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut program = Program::new(&[]);
        let (_framework, task) = with_task(&program);
        program.signal(signal);
        let (status, rest) = program.wait();
        assert!(status.success(), "{signal}: {status}");
        assert_eq!(rest, "", "nobody else holds its standard output");
        assert!(!is_alive(task), "{signal}: dead when it ends");
        let work_dir = PathBuf::from(program.ready["work_dir"].as_str().unwrap());
        assert!(!work_dir.exists(), "the private directory is gone");
    }
}

#[test]
fn nothing_is_left_when_it_is_killed() {
    let mut program = Program::new(&[]);
    let (_framework, task) = with_task(&program);
    program.signal(Signal::SIGKILL);
    program.wait();
    until("the task's end", || !is_alive(task));
    let work_dir = PathBuf::from(program.ready["work_dir"].as_str().unwrap());
    until("the removal of the private directory", || !work_dir.exists());
}

#[test]
fn ends_with_its_parent() {
    // A shell that stays its parent, and one that is somebody else's process.
    let script = "\"$0\" \"$@\" --with-parent & echo $! >&2; wait";
    let mut parent = Command::new("sh");
    let arguments = ["--port=0", "--open", "--ready-fd=1", "--resources=cpus:1;mem:64"];
    parent.args(["-c", script, PROGRAM]).args(arguments).stderr(Stdio::null());
    let mut program = Program::of(&mut parent);
    let pid = program.ready["pid"].as_i64().unwrap() as i32;
    assert!(is_alive(pid));
    program.child.kill().unwrap();
    until("its end with its parent", || !is_alive(pid));
    program.child.wait().unwrap();

    let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
    let mut program = Program::new(&[&format!("--with-parent={}", other.id())]);
    other.kill().unwrap();
    let (status, _) = program.wait();
    assert!(status.success());
    other.wait().unwrap();
}

#[test]
fn the_ready_line_goes_to_any_descriptor() {
    let script = "exec \"$0\" \"$@\" 3>&1 >/dev/null";
    let mut command = Command::new("sh");
    let arguments = ["--port=0", "--open", "--ready_fd", "3", "--resources=cpus:1;mem:64"];
    command.args(["-c", script, PROGRAM]).args(arguments).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    // To the end: its descriptor is closed, and no other process has it.
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["pid"].as_u64(), Some(child.id().into()));
    child.kill().unwrap();
    child.wait().unwrap();
    let (code, error) = refused(&["--open", "--port=0", "--ready-fd=77"]);
    assert!(
        code == 1 && error.contains("--ready-fd: descriptor 77 is not open"),
        "{error}"
    );
}

#[test]
fn root_has_to_ask_for_an_open_one() {
    let arguments = ["--port=0", "--ready-fd=1", "--resources=cpus:1;mem:64"];
    if nix::unistd::geteuid().is_root() {
        let (code, error) = refused(&arguments);
        assert!(code == 2 && error.contains("Say --open"), "{error}");
    } else {
        let program = Program::of(&mut command(&arguments));
        assert_eq!(get(&program, "/state", &[]).status, 200);
    }
    let program = Program::bare(&["--no-open"]);
    assert_eq!(get(&program, "/state", &[]).status, 401);
    let token = format!("Bearer {}", program.ready["token"].as_str().unwrap());
    assert_eq!(get(&program, "/state", &[("Authorization", &token)]).status, 200);
}

fn get(program: &Program, path: &str, headers: &[(&str, &str)]) -> Reply {
    request(program.address, "GET", path, headers, b"")
}

#[test]
fn credentials_are_asked_for() {
    let file = Scratch::new("credentials", "alice secret\n");
    let program = Program::bare(&["--credentials", file.path()]);
    let status = |authorization: &str| get(&program, "/state", &[("Authorization", authorization)]).status;
    // alice:secret, alice:wrong
    assert_eq!(status("Basic YWxpY2U6c2VjcmV0"), 200);
    for bad in ["Basic YWxpY2U6d3Jvbmc=", "Basic !", "Basic", "Bearer alice:secret"] {
        assert_eq!(status(bad), 401, "{bad}");
    }
    let refusal = get(&program, "/state", &[]);
    assert_eq!(
        refusal.header("WWW-Authenticate"),
        Some("Basic realm=\"mesos-master-readonly\"")
    );
}

#[test]
fn web_pages_of_others_are_refused() {
    let program = Program::new(&["--cors=http://localhost:8080"]);
    let own = program.address.to_string();
    for (host, status) in [
        (own.as_str(), 200),
        ("localhost", 200),
        ("evil.example", 403),
        ("evil.example:5050", 403),
    ] {
        assert_eq!(get(&program, "/state", &[("Host", host)]).status, status, "{host}");
    }
    let from = |origin: &str| get(&program, "/state", &[("Host", &own), ("Origin", origin)]);
    assert_eq!(from("http://evil.example").status, 403);
    assert!(from("http://evil.example").header("Access-Control-Allow-Origin").is_none());
    assert!(from(&format!("http://{own}")).header("Access-Control-Allow-Origin").is_none());
    let named = from("http://localhost:8080");
    assert_eq!(named.status, 200);
    assert_eq!(named.header("Access-Control-Allow-Origin"), Some("http://localhost:8080"));
    let asked = [("Origin", "http://localhost:8080"), ("Access-Control-Request-Method", "POST")];
    assert_eq!(
        request(program.address, "OPTIONS", "/api/v1/scheduler", &asked, b"").status,
        204
    );
}

/// Browsers run scripts from anywhere: an answer that is one must not tell pages of others anything.
#[test]
fn scripts_are_for_pages_that_may_call() {
    let program = Program::new(&["--cors=http://localhost:8080"]);
    let script = |path: &str, header| get(&program, path, &[("Host", "localhost"), header]);
    let (own, listed) = (("Sec-Fetch-Site", "same-origin"), ("Referer", "http://localhost:8080/"));
    for path in [
        "/master/state?jsonp=a.b._0",
        "/metrics/snapshot?jsonp=a.b._0",
        "/master/roles?jsonp=a.b._0",
        "/master/maintenance/schedule?jsonp=a.b._0",
        "/slave(1)/state?jsonp=a.b._0",
        "/slave(1)/monitor/statistics?jsonp=a.b._0",
    ] {
        let plain = path.split('?').next().unwrap();
        let json = get(&program, plain, &[]);
        assert_eq!(json.header("Content-Type"), Some("application/json"), "{path}");
        for header in [own, listed] {
            let script = script(path, header);
            assert_eq!(
                (script.status, script.header("Content-Type")),
                (200, Some("text/javascript")),
                "{path}"
            );
            let inner = script
                .text()
                .strip_prefix("a.b._0(")
                .and_then(|text| text.strip_suffix(')'))
                .map(str::to_string);
            let inner: serde_json::Value = serde_json::from_str(&inner.expect("a call")).expect("JSON");
            assert!(inner.is_object() || inner.is_array(), "{path}");
        }
    }
    for header in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Referer", "http://evil.example/"),
        ("Accept", "*/*"),
    ] {
        let refused = script("/master/state?jsonp=f", header);
        assert_eq!(refused.status, 403, "{header:?}");
        assert!(!refused.text().contains("f("), "{header:?}");
    }
    assert_eq!(script("/master/state?jsonp=alert(1)//", own).status, 400);
    assert_eq!(
        script("/files/browse?path=/none&jsonp=f", own).status,
        404,
        "what is no success stays as it is"
    );
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let program = Program::new(&[]);
    let page = get(&program, "/", &[]);
    assert_eq!(
        (page.status, page.header("Content-Type")),
        (200, Some("text/html; charset=utf-8"))
    );
    let policy = page.header("Content-Security-Policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'") && policy.contains("connect-src 'self'"),
        "{policy}"
    );
    for foreign in ["http://", "https://", "src=", "innerHTML", "eval("] {
        assert!(!page.text().contains(foreign), "{foreign}");
    }
    let closed = Program::bare(&["--no-open"]);
    assert_eq!(get(&closed, "/", &[]).status, 401);
}

#[test]
fn help_and_mistakes() {
    let help = command(&["--help"]).output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(help.status.success() && text.starts_with("Usage: mesos-local") && text.contains("--agents=NUMBER"));
    let busy = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let busy = busy.local_addr().unwrap().to_string();
    let (_, port) = busy.split_once(':').unwrap();
    for (arguments, code, error) in [
        (&["--open", "--resources=cpus"][..], 2, "--resources: "),
        (
            &["--open", "--agents=0"],
            2,
            "--agents: expected a whole number from 1 to 10000, not '0'",
        ),
        (
            &["--open", "--port=70000"],
            2,
            "--port: expected a port from 0 to 65535, not '70000'",
        ),
        (
            &["--open", "--ip=localhost"],
            2,
            "--ip: expected an address, as 127.0.0.1, not 'localhost'",
        ),
        (
            &["--open", "--credentials=/nowhere"],
            2,
            "--credentials: cannot read /nowhere",
        ),
        (&["--open", "--nonsense"], 2, "there is no flag '--nonsense'"),
        (
            &["--open", "--prot=5050"],
            2,
            "there is no flag '--prot=5050': did you mean '--port'?",
        ),
        (&["--open", "--port", port], 1, &format!("cannot listen on {busy}: ")),
    ] {
        let (status, text) = refused(arguments);
        assert_eq!(status, code, "{text}");
        assert!(text.starts_with(&format!("mesos-local: {error}")), "{text}");
    }
}

/// A setting can name any file, and what is wrong in it is shown.
#[test]
fn mistakes_do_not_command_the_terminal() {
    let file = Scratch::new("mistake", &format!("cpus:\x1b!{}", "x".repeat(100_000)));
    let (status, text) = refused(&["--open", &format!("--resources=file://{}", file.path())]);
    assert_eq!(status, 2);
    assert!(text.contains(r"\u{1b}!xxx") && text.len() < 5000, "{text:?}");
    assert_eq!(text.lines().count(), 2, "{text:?}");
}

#[test]
fn variables_of_mesos_are_read() {
    let mut command = command(&["--open", "--ready-fd=1"]);
    command
        .env("MESOS_PORT", "0")
        .env("MESOS_NUM_SLAVES", "2")
        .env("MESOS_NUM_MASTERS", "3")
        .env("MESOS_RESOURCES", "cpus:1;mem:64");
    let program = Program::of(&mut command);
    assert_eq!(program.ready["agents"].as_array().unwrap().len(), 2);
    assert_eq!(program.ready["masters"].as_array().unwrap().len(), 3);
    let (status, error) = refused_by(crate::command(&["--open"]).env("MESOS_PORT", "http"));
    let wanted = "mesos-local: MESOS_PORT: expected a port from 0 to 65535, not 'http'";
    assert!(status == 2 && error.starts_with(wanted), "{error}");
    let (_, error) = refused(&["--open", "--offer-timeout=5"]);
    assert!(error.contains("--offer_timeout: expected a number above 0"), "{error}");
}

#[test]
fn other_machines_only_with_a_warning() {
    let mut command = command(&[
        "--open",
        "--ready-fd=1",
        "--port=0",
        "--ip=0.0.0.0",
        "--resources=cpus:1;mem:64",
    ]);
    let mut program = Program::of(command.stderr(Stdio::piped()));
    program.signal(Signal::SIGTERM);
    let mut error = String::new();
    std::io::Read::read_to_string(&mut program.child.stderr.take().unwrap(), &mut error).unwrap();
    assert!(
        error.contains("warning: it listens on 0.0.0.0: whoever can connect from other machines"),
        "{error}"
    );
}
