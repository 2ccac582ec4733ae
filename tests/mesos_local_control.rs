//! Faults on demand over HTTP: `/mesos-local/`.

#[path = "support/local.rs"]
mod local_support;
#[path = "support/program.rs"]
mod program_support;

use local_support::{info, request, Framework, Reply};
use mesos_perl::proto::{FrameworkInfo, TaskState};
use program_support::*;
use serde_json::{json, Value};

struct Controlled {
    program: Program,
    token: String,
}

impl Controlled {
    fn new(arguments: &[&str]) -> Controlled {
        let program = Program::new(&[&["--control"], arguments].concat());
        let token = format!("Bearer {}", program.ready["control_token"].as_str().expect("a token"));
        Controlled { program, token }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("Authorization", self.token.as_str())];
        request(
            self.program.address,
            method,
            &format!("/mesos-local/{path}"),
            &headers,
            body.as_bytes(),
        )
    }

    fn json(&self, method: &str, path: &str, body: &Value) -> Value {
        let reply = self.ask(method, path, body);
        assert_eq!(reply.status, 200, "{method} {path}: {}", reply.text());
        serde_json::from_slice(&reply.body).expect("JSON")
    }

    fn post(&self, path: &str) -> Value {
        self.json("POST", path, &Value::Null)
    }

    fn get(&self, path: &str) -> Value {
        self.json("GET", path, &Value::Null)
    }

    fn framework(&self, info: FrameworkInfo) -> Framework {
        Framework::at(self.program.address, "none", info)
    }
}

fn lasting(name: &str) -> FrameworkInfo {
    FrameworkInfo {
        failover_timeout: Some(1000.0),
        ..info(name)
    }
}

#[test]
fn absent_unless_asked_for_and_guarded() {
    let without = Program::new(&[]);
    assert_eq!(request(without.address, "GET", "/mesos-local/agents", &[], b"").status, 404);
    assert!(without.ready.get("control_token").is_none());
    let with = Controlled::new(&[]);
    for header in ["Bearer none", "Basic YWxpY2U6c2VjcmV0", ""] {
        for path in ["/mesos-local/agents", "/mesos-local", "/mesos-local/nothing"] {
            let reply = request(with.program.address, "POST", path, &[("Authorization", header)], b"{}");
            assert_eq!(reply.status, 401, "{path} {header}");
        }
    }
    assert_eq!(request(with.program.address, "GET", "/mesos-localhost", &[], b"").status, 404);
    for (method, path, status) in [
        ("GET", "nothing", 404),
        ("POST", "agents/9/stop", 404),
        ("POST", "agents/0/explode", 404),
        ("PUT", "agents", 405),
        ("POST", "clock/advance", 400),
        ("POST", "tasks/kill", 400),
    ] {
        assert_eq!(with.ask(method, path, &Value::Null).status, status, "{method} {path}");
    }
}

#[test]
fn agents_come_and_go() {
    let cluster = Controlled::new(&["--agents=2"]);
    let states = || {
        let agents = cluster.get("agents");
        let agents = agents.as_array().unwrap().iter();
        agents
            .map(|agent| agent["state"].as_str().unwrap().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(states(), ["running", "running"]);
    let third = cluster.post("agents");
    assert_eq!((&third["number"], &third["state"]), (&json!(2), &json!("running")));
    cluster.post("agents/2/stop");
    assert_eq!(states(), ["running", "running", "ended"]);
    // By its id, too.
    let id = cluster.program.ready["agents"][1]["id"].as_str().unwrap();
    let mut framework = cluster.framework(lasting("f"));
    cluster.post(&format!("agents/{id}/crash"));
    assert_eq!(states(), ["running", "crashed", "ended"]);
    cluster.post("agents/1/start");
    cluster.post("agents/2/start");
    assert_eq!(states(), ["running", "running", "running"]);
    assert_eq!(cluster.post("agents/0/cut")["cut"], true);
    assert_eq!(cluster.post("agents/0/heal")["cut"], false);
    cluster.json("POST", "agents/0/delay", &json!({ "seconds": 0.01 }));
    let gone = cluster.program.ready["agents"][0]["id"].as_str().unwrap();
    cluster.post("agents/0/gone");
    // Another one has failed before.
    framework.find("the agent's end", |event| {
        event.failure.clone()?.slave_id.filter(|agent| agent.value == gone)
    });
}

#[test]
fn a_lost_agent_a_new_master_and_a_day() {
    let cluster = Controlled::new(&[]);
    let mut framework = cluster.framework(lasting("f"));
    let task = framework.command("t", "sleep 1000");
    framework.launch(vec![task]);
    framework.wait_for("t", TaskState::TaskRunning);
    let before = cluster.post("clock/pause")["seconds"].as_f64().unwrap();
    cluster.post("agents/0/cut");
    let after = cluster.json("POST", "clock/advance", &json!({ "seconds": 86400 }));
    assert_eq!(
        (after["seconds"].as_f64().unwrap() - before, &after["paused"]),
        (86400.0, &json!(true))
    );
    assert_eq!(framework.wait_for("t", TaskState::TaskLost).state(), TaskState::TaskLost);
    assert_eq!(cluster.post("clock/resume")["paused"], false);
    let master = cluster.get("")["master"].clone();
    cluster.post("master/failover");
    assert_ne!(cluster.get("")["master"], master);
}

#[test]
fn tasks_are_killed_by_name() {
    let cluster = Controlled::new(&[]);
    let mut framework = cluster.framework(info("f"));
    let task = framework.command("t", "sleep 1000");
    framework.launch(vec![task]);
    framework.wait_for("t", TaskState::TaskRunning);
    cluster.json(
        "POST",
        "tasks/kill",
        &json!({ "framework_id": framework.id.value, "task_id": "t" }),
    );
    framework.wait_for("t", TaskState::TaskKilled);
}

#[test]
fn a_reset_reports_what_was_left() {
    let cluster = Controlled::new(&["--agents=2"]);
    let nothing = cluster.post("reset");
    assert_eq!((&nothing["frameworks"], &nothing["settled"]), (&json!([]), &json!(true)));
    let mut framework = cluster.framework(FrameworkInfo {
        checkpoint: Some(true),
        ..lasting("forgotten")
    });
    let offer = framework.offer();
    framework.agent_id = offer.slave_id.clone();
    let task = framework.command("t", "echo $$ > pid; sleep 1000");
    framework.launch_on(&offer, vec![task]);
    framework.wait_for("t", TaskState::TaskRunning);
    let left = cluster.get("left");
    assert_eq!(
        left["frameworks"][0]["tasks"],
        json!([{ "id": "t", "state": "TASK_RUNNING" }])
    );
    cluster.post("clock/pause");
    cluster.post("agents");
    cluster.post("agents/0/crash");
    cluster.post("agents/1/cut");
    let report = cluster.post("reset");
    assert_eq!(report["settled"], true, "{report}");
    let left = &report["frameworks"][0];
    assert_eq!((&left["name"], &left["connected"]), (&json!("forgotten"), &json!(true)));
    assert_eq!(left["tasks"][0]["id"], "t");
    let states: Vec<_> = report["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| (&agent["state"], &agent["cut"]))
        .collect();
    let running = (&json!("running"), &json!(false));
    assert_eq!(states, [running, running, (&json!("ended"), &json!(false))]);
    assert_eq!(cluster.get("left")["frameworks"], json!([]));
    assert_eq!(cluster.get("clock")["paused"], false);
    // Both agents are there for the next test, with all that they have.
    let mut next = cluster.framework(info("next"));
    let mut offers = std::collections::BTreeSet::new();
    next.find("offers of both agents", |event| {
        let offered = event.offers.iter().flat_map(|event| &event.offers);
        offers.extend(offered.map(|offer| offer.slave_id.value.clone()));
        (offers.len() == 2).then_some(())
    });
    // No process is left: the work directory's tasks have all ended.
    let root = std::path::PathBuf::from(cluster.program.ready["work_dir"].as_str().unwrap());
    let pids = local_pids(&root);
    assert!(
        !pids.is_empty() && pids.iter().all(|pid| !local_support::is_alive(*pid)),
        "{pids:?}"
    );
}

/// What tasks have written into files called `pid`.
fn local_pids(root: &std::path::Path) -> Vec<i32> {
    let (mut pids, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ if entry.file_name() == "pid" => {
                    let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                    pids.extend(text.trim().parse::<i32>());
                }
                _ => {}
            }
        }
    }
    pids
}
