//! Several masters: what one answers that stands by, and what happens when the leader goes.

#[path = "support/local.rs"]
mod local_support;
#[path = "support/program.rs"]
mod program_support;
#[path = "support/skip.rs"]
mod skip;

use local_support::{connect, info, request, send, until, Framework, Reply};
use mesos_perl::proto::{FrameworkInfo, TaskState};
use program_support::*;
use serde_json::{json, Value};
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};

struct Masters {
    program: Program,
    token: String,
    /// Of the agents, and of the faults on demand.
    agents: SocketAddr,
    all: Vec<SocketAddr>,
}

impl Masters {
    fn new(arguments: &[&str]) -> Masters {
        let program = Program::new(&[&["--control", "--masters=3"], arguments].concat());
        let masters = program.ready["masters"].as_array().expect("masters").iter();
        let address = |master: &Value| master["address"].as_str().expect("an address").parse().expect("an address");
        let agents = program.ready["agents_url"].as_str().expect("a URL");
        Masters {
            token: format!("Bearer {}", program.ready["control_token"].as_str().expect("a token")),
            agents: agents.trim_start_matches("http://").parse().expect("an address"),
            all: masters.map(address).collect(),
            program,
        }
    }

    fn ask(&self, at: SocketAddr, method: &str, path: &str, body: &Value) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("Authorization", self.token.as_str())];
        request(at, method, &format!("/mesos-local/{path}"), &headers, body.as_bytes())
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let reply = self.ask(self.agents, "POST", path, body);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        serde_json::from_slice(&reply.body).expect("JSON")
    }

    fn control(&self, path: &str) -> Value {
        self.post(path, &Value::Null)
    }

    /// What each master does.
    fn states(&self) -> Vec<String> {
        let reply = self.ask(self.agents, "GET", "masters", &Value::Null);
        let all: Value = serde_json::from_slice(&reply.body).expect("JSON");
        let state = |master: &Value| master["state"].as_str().expect("a state").to_string();
        all.as_array().expect("a list").iter().map(state).collect()
    }

    fn become_leader(&self, number: usize) {
        until("the election", || self.states()[number] == "leading");
    }

    fn is_refused(&self, number: usize) -> bool {
        TcpStream::connect(self.all[number]).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }

    /// An operator's call, to this master.
    fn call(&self, number: usize, kind: &str) -> Reply {
        let headers = [("Content-Type", "application/json")];
        let body = json!({ "type": kind }).to_string();
        request(self.all[number], "POST", "/api/v1", &headers, body.as_bytes())
    }

    /// The member of its answer.
    fn told(&self, number: usize, kind: &str) -> Value {
        let reply = self.call(number, kind);
        assert_eq!(reply.status, 200, "{kind}: {}", reply.text());
        let mut answer: Value = serde_json::from_slice(&reply.body).expect("JSON");
        answer[kind.to_ascii_lowercase()].take()
    }
}

fn lasting(name: &str) -> FrameworkInfo {
    FrameworkInfo {
        failover_timeout: Some(1000.0),
        ..info(name)
    }
}

/// All that a real master answers with a redirection when it does not lead.
const REDIRECTED: &[(&str, &str)] = &[
    ("POST", "/api/v1/scheduler"),
    ("POST", "/master/api/v1/scheduler"),
    ("GET", "/api/v1/scheduler"),
    ("POST", "/api/v1"),
    ("GET", "/master/api/v1"),
    ("GET", "/state"),
    ("GET", "/master/state?a=b&c"),
    ("GET", "/state-summary"),
    ("GET", "/slaves"),
    ("GET", "/frameworks"),
    ("GET", "/tasks?limit=1"),
    ("GET", "/roles"),
    ("GET", "/quota"),
    ("GET", "/weights"),
    ("GET", "/maintenance/schedule"),
    ("GET", "/maintenance/status"),
    ("POST", "/teardown"),
    ("GET", "/master/teardown"),
    ("POST", "/machine/down"),
    ("POST", "/master/machine/up"),
];

/// And what it answers itself.
const OWN: &[(&str, u16)] = &[
    ("/health", 200),
    ("/master/health", 200),
    ("/version", 200),
    ("/flags", 200),
    ("/master/flags", 200),
    ("/metrics/snapshot", 200),
    ("/redirect/x", 404),
    ("/master/nothing", 404),
    ("/master/state.json", 404),
    ("/slave(1)/state", 404),
    ("/slave%281%29/health", 404),
    ("/slave(1)/flags", 404),
    ("/api/v1/executor", 404),
];

#[test]
fn who_stands_by_sends_callers_to_the_leader() {
    let masters = Masters::new(&[]);
    let leader = masters.all[0];
    let headers = [("Content-Type", "application/json")];
    for standby in &masters.all[1..] {
        for (method, path) in REDIRECTED {
            let reply = request(*standby, method, path, &headers, br#"{"type":"GET_HEALTH"}"#);
            assert_eq!((reply.status, reply.text()), (307, ""), "{path}");
            let location = format!("//{leader}{path}");
            assert_eq!(reply.header("Location"), Some(location.as_str()), "{path}");
        }
        for path in ["/redirect", "/master/redirect"] {
            let reply = request(*standby, "GET", path, &[], b"");
            let location = format!("//{leader}");
            assert_eq!((reply.status, reply.header("Location")), (307, Some(location.as_str())));
        }
        for (path, status) in OWN {
            let reply = request(*standby, "GET", path, &[], b"");
            assert_eq!(reply.status, *status, "{path}");
        }
        let json = |path: &str| -> Value {
            let reply = request(*standby, "GET", path, &[], b"");
            serde_json::from_slice(&reply.body).expect("JSON")
        };
        assert_eq!(json("/flags")["flags"]["port"], standby.port().to_string());
        let metrics = json("/metrics/snapshot");
        assert_eq!(
            (&metrics["master/elected"], &metrics["master/slaves_active"]),
            (&json!(0.0), &json!(0.0))
        );
    }
    // The page is for people, who want to see the cluster.
    let page = request(masters.all[2], "GET", "/", &[], b"");
    assert_eq!(
        (page.status, page.header("Location")),
        (307, Some(format!("//{leader}/").as_str()))
    );
    assert_eq!(request(leader, "GET", "/", &[], b"").status, 200);
}

/// Flags of our masters which that real one has not: an agent's, and what it was not told.
const NOT_REAL: &[&str] = &[
    "gc_delay",
    "gc_disk_headroom",
    "disk_watch_interval",
    "cgroups_enable_cfs",
    "isolation",
    "hostname",
    "ip",
    "offer_timeout",
];

/// The program that starts a real agent for the tests has a master of the real Mesos in it that stands by: `/master/...` at its port.
#[test]
fn who_stands_by_answers_as_a_real_one() {
    let Some(leader) = skip::wanted("mesos_local_masters", "MESOS_TEST_MASTER") else {
        return;
    };
    let leader = leader.to_socket_addrs().expect("an address").next().expect("an address");
    let headers = [("Content-Type", "application/json")];
    let agents = request(leader, "POST", "/api/v1", &headers, br#"{"type":"GET_AGENTS"}"#);
    let agents: Value = serde_json::from_slice(&agents.body).expect("JSON");
    let pid = agents["get_agents"]["agents"][0]["pid"]
        .as_str()
        .expect("an agent")
        .to_string();
    let real: SocketAddr = pid.split_once('@').unwrap().1.parse().unwrap();
    if request(real, "GET", "/master/redirect", &[], b"").status != 307 {
        return skip::skip("mesos_local_masters", "no real master stands by");
    }
    let masters = Masters::new(&[]);
    let own = OWN.iter().map(|(path, _)| ("GET", *path));
    let others = [("GET", "/redirect"), ("POST", "/health"), ("GET", "/state?a=b")];
    let asked = REDIRECTED.iter().copied().chain(own).chain(others);
    // What is no master's, and several parameters, which a real one puts into an order of its own.
    let not_compared = |path: &str| {
        let others = ["/version", "/metrics/snapshot", "/api/v1/executor"];
        others.contains(&path) || path.starts_with("/slave") || path.contains('&')
    };
    let asked = asked.filter(|(_, path)| !not_compared(path));
    let mut problems = Vec::new();
    for (method, path) in asked {
        let path = format!("/master{}", path.strip_prefix("/master").unwrap_or(path));
        let ask = |address: SocketAddr| {
            let reply = request(address, method, &path, &headers, b"{}");
            // The leader's name, and then the path.
            let location = reply.header("Location").map(|to| {
                let to = to.strip_prefix("//").unwrap_or("no //");
                to.split_once('/').map_or(String::new(), |(_, path)| path.to_string())
            });
            let json: Option<Value> = serde_json::from_slice(&reply.body).ok();
            let text = if json.is_some() {
                String::new()
            } else {
                reply.text().to_string()
            };
            let keys = |value: &Value| value.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>());
            let shape = json.as_ref().and_then(keys);
            ((reply.status, location, text, shape), json)
        };
        let ((theirs, real), (ours, own)) = (ask(real), ask(masters.all[1]));
        if theirs != ours {
            problems.push(format!("{method} {path}: {theirs:?}, ours: {ours:?}"));
        }
        // All of ours are there; it has more.
        for (flag, _) in own.iter().flat_map(|own| own["flags"].as_object()).flatten() {
            if !NOT_REAL.contains(&flag.as_str()) && real.as_ref().is_some_and(|real| real["flags"][flag].is_null()) {
                problems.push(format!("{path}: a real one has no {flag}"));
            }
        }
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn all_are_named_in_the_ready_line() {
    let masters = Masters::new(&["--agents=2"]);
    let ready = &masters.program.ready;
    let list: Vec<String> = masters.all.iter().map(SocketAddr::to_string).collect();
    assert_eq!(ready["master"], list.join(","));
    assert_eq!((&ready["leader"], &ready["address"]), (&json!(list[0]), &json!(list[0])));
    let lead: Vec<_> = ready["masters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["leads"] == true)
        .collect();
    assert_eq!(lead, [true, false, false]);
    let text = &masters.program.text;
    let all = format!(
        "3 masters and 2 agents at {} (leads), {}, {}, sandboxes in ",
        list[0], list[1], list[2]
    );
    assert!(text.contains(&all), "{text}");
    let info = masters.told(0, "GET_MASTER");
    assert_eq!(info["master_info"]["address"]["port"], masters.all[0].port());
    // The agents have a port of their own, which stays open whoever leads.
    let state = request(masters.agents, "GET", "/slave(2)/state", &[], b"");
    let state: Value = serde_json::from_slice(&state.body).unwrap();
    assert_eq!(state["pid"], format!("slave(2)@{}", masters.agents));
    assert_eq!(masters.told(0, "GET_AGENTS")["agents"][1]["pid"], state["pid"]);
    for path in ["/state", "/api/v1/scheduler", "/master/health/x"] {
        assert_eq!(request(masters.agents, "GET", path, &[], b"").status, 404, "{path}");
    }
    // One is what it always was.
    let one = Program::new(&[]);
    assert_eq!(
        (&one.ready["master"], &one.ready["agents_url"]),
        (&one.ready["address"], &one.ready["url"])
    );
    assert!(
        one.text
            .contains(&format!(": a master and 1 agent at {}, sandboxes", one.address)),
        "{}",
        one.text
    );
}

#[test]
fn ports_follow_each_other() {
    // Four in a row that were free a moment ago.
    let program = (0..50).find_map(|_| {
        let first = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let next: Vec<_> = (1..4).map(|n| first.checked_add(n)).collect::<Option<_>>()?;
        next.iter()
            .map(|port: &u16| TcpListener::bind(("127.0.0.1", *port)).ok())
            .collect::<Option<Vec<_>>>()?;
        Some((first, Program::new(&["--masters=3", &format!("--port={first}")])))
    });
    let (first, program) = program.expect("ports");
    let ports: Vec<_> = program.ready["masters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["address"].clone())
        .collect();
    let wanted = [0, 1, 2].map(|n| json!(format!("127.0.0.1:{}", first + n)));
    assert_eq!(ports, wanted);
    assert_eq!(program.ready["agents_url"], format!("http://127.0.0.1:{}", first + 3));
    let (status, said) = refused(&["--open", "--masters=3", "--port=65534"]);
    assert_eq!(status, 1);
    assert!(said.contains("there are not so many ports"), "{said}");
}

/// A framework on the first master, whose task `t` runs for long.
fn with_a_task(masters: &Masters) -> Framework {
    let mut framework = Framework::at(masters.all[0], "none", lasting("f"));
    let offer = framework.offer();
    framework.agent_id = offer.slave_id.clone();
    let task = framework.command("t", "sleep 1000");
    framework.launch_on(&offer, vec![task]);
    framework.wait_for("t", TaskState::TaskRunning);
    framework
}

#[test]
fn the_next_one_leads_when_the_leader_is_stopped() {
    let masters = Masters::new(&["--agents=2", "--election-delay=3secs"]);
    let mut framework = with_a_task(&masters);
    let before = masters.told(0, "GET_MASTER");

    masters.control("clock/pause");
    masters.control("masters/leader/stop");
    assert_eq!(masters.states(), ["stopped", "standby", "standby"]);
    assert!(masters.is_refused(0));
    assert!(framework.ends());
    // Until the election is over there is no leader.
    let headers = [("Content-Type", "application/json")];
    for standby in [1, 2] {
        for (method, path) in REDIRECTED.iter().chain(&[("GET", "/redirect")]) {
            let reply = request(masters.all[standby], method, path, &headers, br#"{"type":"GET_HEALTH"}"#);
            assert_eq!((reply.status, reply.text()), (503, "No leader elected"), "{path}");
        }
        assert_eq!(request(masters.all[standby], "GET", "/health", &[], b"").status, 200);
    }
    masters.post("clock/advance", &json!({ "seconds": 2.9 }));
    assert_eq!(masters.states(), ["stopped", "standby", "standby"]);
    masters.post("clock/advance", &json!({ "seconds": 0.1 }));
    assert_eq!(masters.states(), ["stopped", "leading", "standby"]);
    let now = masters.told(1, "GET_MASTER");
    assert_eq!(now["master_info"]["address"]["port"], masters.all[1].port());
    assert_ne!(now["master_info"]["id"], before["master_info"]["id"]);
    // It runs as long as the first one, and leads since a moment.
    assert!(now["elected_time"].as_f64() > before["elected_time"].as_f64());
    assert!((now["start_time"].as_f64().unwrap() - before["start_time"].as_f64().unwrap()).abs() < 1.0);

    // It has learnt of the agents by then, with what they run.
    assert_eq!(masters.told(1, "GET_AGENTS")["agents"].as_array().map(Vec::len), Some(2));
    assert_eq!(masters.told(1, "GET_TASKS")["tasks"][0]["state"], "TASK_RUNNING");
    let again = FrameworkInfo {
        id: Some(framework.id.clone()),
        ..lasting("f")
    };
    let mut again = Framework::at(masters.all[1], "none", again);
    assert_eq!(again.id, framework.id);
    again.agent_id = framework.agent_id.clone();
    again.kill("t", None);
    again.wait_for("t", TaskState::TaskKilled);

    masters.control("masters/0/start");
    assert_eq!(masters.states(), ["standby", "leading", "standby"]);
    let reply = masters.call(0, "GET_HEALTH");
    assert_eq!(
        (reply.status, reply.header("Location")),
        (307, Some(format!("//{}/api/v1", masters.all[1]).as_str()))
    );
}

/// Nothing more comes from the other end.
fn is_cut(connection: &mut TcpStream) -> bool {
    match connection.read(&mut [0; 1]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_failover_cuts_all_connections_and_the_old_leader_stands_by() {
    let masters = Masters::new(&["--agents=2"]);
    let mut idle = connect(masters.all[0]);
    let mut of_standby = connect(masters.all[1]);
    let headers = [("Content-Type", "application/json")];
    let mut operator = connect(masters.all[0]);
    send(&mut operator, "POST", "/api/v1", &headers, br#"{"type":"SUBSCRIBE"}"#);
    let mut head = [0; 15];
    operator.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    let mut framework = Framework::at(masters.all[0], "none", lasting("f"));
    // Whoever asks the leader for it hears of it, too.
    let answer = masters.ask(masters.all[0], "POST", "master/failover", &Value::Null);
    assert_eq!(answer.status, 200);
    assert!(framework.ends() && is_cut(&mut idle));
    while !is_cut(&mut operator) {}
    masters.become_leader(1);
    assert_eq!(masters.states(), ["standby", "leading", "standby"]);
    assert_eq!(masters.call(0, "GET_HEALTH").status, 307);
    send(&mut of_standby, "GET", "/health", &[], b"");
    of_standby.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK", "that of another master goes on");
    // The first one came back last.
    for leader in [2, 0, 1] {
        masters.control("master/failover");
        masters.become_leader(leader);
        assert_eq!(masters.told(leader, "GET_AGENTS")["agents"].as_array().map(Vec::len), Some(2));
    }
}

#[test]
fn tasks_executors_and_restarted_agents_do_without_a_leader() {
    let masters = Masters::new(&["--election-delay=1weeks"]);
    let mut framework = Framework::at(masters.all[0], "none", lasting("f"));
    let tasks = vec![
        framework.command("long", "sleep 1000"),
        framework.command("short", "sleep 0.1"),
    ];
    framework.launch(tasks);
    framework.wait_for("long", TaskState::TaskRunning);
    masters.control("masters/leader/stop");
    masters.control("masters/0/start");
    masters.control("agents");
    masters.control("agents/1/stop");
    masters.control("agents/1/start");
    let seconds = json!({ "seconds": 7 * 24 * 3600 });
    masters.post("clock/advance", &seconds);
    masters.become_leader(1);
    until("the agents", || {
        masters.told(1, "GET_AGENTS")["agents"].as_array().map(Vec::len) == Some(2)
    });
    let again = FrameworkInfo {
        id: Some(framework.id.clone()),
        ..lasting("f")
    };
    let mut again = Framework::at(masters.all[1], "none", again);
    again.agent_id = framework.agent_id.clone();
    again.wait_for("short", TaskState::TaskFinished);
    again.kill("long", None);
    again.wait_for("long", TaskState::TaskKilled);
}

#[test]
fn a_reset_brings_all_masters_back() {
    let masters = Masters::new(&["--agents=2", "--election-delay=1weeks"]);
    let _framework = with_a_task(&masters);
    masters.control("masters/2/stop");
    masters.control("masters/leader/stop");
    assert_eq!(masters.states(), ["stopped", "standby", "stopped"]);
    let report = masters.control("reset");
    assert_eq!(report["settled"], true);
    let states: Vec<_> = report["masters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["state"].clone())
        .collect();
    assert_eq!(states, ["standby", "leading", "standby"]);
    assert!(masters.all.iter().all(|address| TcpStream::connect(address).is_ok()));
    assert_eq!(masters.told(1, "GET_AGENTS")["agents"].as_array().map(Vec::len), Some(2));
    let frameworks = masters.told(1, "GET_FRAMEWORKS")["frameworks"].clone();
    assert!(
        frameworks.as_array().map_or(true, Vec::is_empty),
        "what the agents told of is gone: {frameworks}"
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let masters = Masters::new(&[]);
    let status = |path: &str| masters.ask(masters.agents, "POST", path, &Value::Null).status;
    for path in [
        "masters/3/stop",
        "masters/nobody/start",
        "masters/0/explode",
        "masters/0",
        "master/stop",
    ] {
        assert_eq!(status(path), 404, "{path}");
    }
    // By their addresses, too; and what is so already stays so.
    let second = masters.all[1].to_string();
    for (path, state) in [
        ("stop", "stopped"),
        ("stop", "stopped"),
        ("start", "standby"),
        ("start", "standby"),
    ] {
        masters.control(&format!("masters/{second}/{path}"));
        assert_eq!(masters.states()[1], state);
    }
    let one = Program::new(&["--control"]);
    let token = format!("Bearer {}", one.ready["control_token"].as_str().unwrap());
    let headers = [("Authorization", token.as_str())];
    let reply = request(one.address, "POST", "/mesos-local/masters/0/stop", &headers, b"");
    assert_eq!(reply.status, 409, "its agents and this API have its port");
    for (argument, said) in [
        ("--masters=0", "--masters: expected a whole number from 1 to 9, not '0'"),
        ("--masters=many", "--masters: expected a whole number from 1 to 9, not 'many'"),
        ("--election-delay=soon", "--election_delay: expected a number above 0"),
    ] {
        let (status, error) = refused(&["--open", argument]);
        assert_eq!(status, 2);
        assert!(error.contains(said), "{error}");
    }
}
