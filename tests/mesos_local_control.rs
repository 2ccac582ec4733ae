//! Faults on demand over HTTP: `/mesos-local/`.

#[path = "support/local.rs"]
mod local_support;
#[path = "support/program.rs"]
mod program_support;

use local_support::{call, info, request, until, Framework, Reply};
use mesos_perl::proto::scheduler::call::Type;
use mesos_perl::proto::task_status::Reason;
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
fn sandboxes_are_removed_by_age_and_on_request() {
    let flags = ["--gc_delay=1hrs", "--gc-disk-headroom=0", "--disk_watch_interval=1weeks"];
    let cluster = Controlled::new(&flags);
    let mut framework = cluster.framework(info("f"));
    let work_dir = std::path::PathBuf::from(cluster.program.ready["work_dir"].as_str().unwrap());
    let agent = cluster.program.ready["agents"][0]["id"].as_str().unwrap();
    let executors = work_dir.join(format!("slaves/{agent}/frameworks/{}/executors", framework.id.value));
    let mut run = |id: &str| {
        let task = framework.command(id, "true");
        framework.launch(vec![task]);
        framework.wait_for(id, TaskState::TaskFinished);
        assert!(executors.join(id).exists());
    };
    run("old");
    cluster.json("POST", "clock/advance", &json!({ "seconds": 3600 }));
    until("its time is over", || !executors.join("old").exists());
    run("young");
    cluster.post("agents/0/collect");
    until("it is gone at once", || !executors.join("young").exists());
}

/// The state in which the master has the only task.
fn state_of_task(cluster: &Controlled) -> Value {
    let headers = [("Content-Type", "application/json")];
    let reply = request(
        cluster.program.address,
        "POST",
        "/api/v1",
        &headers,
        br#"{"type":"GET_TASKS"}"#,
    );
    let all: Value = serde_json::from_slice(&reply.body).expect("JSON");
    all["get_tasks"]["tasks"][0]["state"].clone()
}

#[test]
fn updates_are_lost_and_come_twice() {
    let cluster = Controlled::new(&[]);
    let mut framework = cluster.framework(info("f"));
    let waiting = cluster.json("POST", "updates/lose", &json!({ "task_id": "lost" }));
    assert_eq!(waiting, json!({ "updates": 1, "calls": 0, "launches": 0 }));
    let task = framework.command("lost", "sleep 1000");
    framework.launch(vec![task]);
    until("the loss", || cluster.get("faults")["updates"] == 0);
    assert_eq!(state_of_task(&cluster), "TASK_STAGING");
    // The agent waits so long before it says it again.
    cluster.json("POST", "clock/advance", &json!({ "seconds": 10 }));
    framework.wait_for("lost", TaskState::TaskRunning);

    cluster.json("POST", "updates/duplicate", &json!({ "count": 1, "task_id": "twice" }));
    let task = framework.command("twice", "sleep 1000");
    framework.launch(vec![task]);
    let mut seen = Vec::new();
    framework.find("the same update again", |event| {
        let status = &event.update.as_ref()?.status;
        let uuid = status.uuid.clone().filter(|_| status.task_id.value == "twice")?;
        let again = seen.contains(&uuid);
        seen.push(uuid);
        again.then_some(())
    });
}

#[test]
fn calls_are_refused_and_launches_fail() {
    let cluster = Controlled::new(&[]);
    let mut framework = cluster.framework(info("f"));
    let refusal = json!({ "type": "REVIVE", "status": 429, "message": "Later", "count": 2 });
    assert_eq!(cluster.json("POST", "calls/refuse", &refusal)["calls"], 2);
    for _ in 0..2 {
        let reply = framework.post(call(Type::Revive));
        assert_eq!((reply.status, reply.text()), (429, "Later"));
        // Others pass.
        assert_eq!(framework.post(call(Type::Suppress)).status, 202);
    }
    assert_eq!(framework.post(call(Type::Revive)).status, 202);
    cluster.json("POST", "calls/refuse", &json!({ "type": "GET_TASKS", "api": "operator" }));
    let headers = [("Content-Type", "application/json")];
    for status in [503, 200] {
        let body = br#"{"type":"GET_TASKS"}"#;
        assert_eq!(
            request(cluster.program.address, "POST", "/api/v1", &headers, body).status,
            status
        );
    }

    let failure = json!({ "reason": "REASON_CONTAINER_LIMITATION_MEMORY", "message": "Too much" });
    assert_eq!(cluster.json("POST", "launches/fail", &failure)["launches"], 1);
    let task = framework.command("fails", "sleep 1000");
    framework.launch(vec![task]);
    let failed = framework.wait_for("fails", TaskState::TaskFailed);
    assert_eq!(
        (failed.reason(), failed.message()),
        (Reason::ContainerLimitationMemory, "Too much")
    );
    let task = framework.command("runs", "sleep 1000");
    framework.launch(vec![task]);
    framework.wait_for("runs", TaskState::TaskRunning);
}

#[test]
fn calls_are_late_by_the_clusters_clock() {
    let cluster = Controlled::new(&[]);
    let mut framework = cluster.framework(info("f"));
    cluster.json("POST", "clock/pause", &json!({}));
    let delay = |seconds: f64| {
        let late = json!({ "type": "GET_TASKS", "api": "operator", "seconds": seconds });
        assert_eq!(cluster.json("POST", "calls/delay", &late)["calls"], 1);
        let (address, (tell, told)) = (cluster.program.address, std::sync::mpsc::channel());
        std::thread::spawn(move || {
            let headers = [("Content-Type", "application/json")];
            let reply = request(address, "POST", "/api/v1", &headers, br#"{"type":"GET_TASKS"}"#);
            let _ = tell.send(reply.status);
        });
        until("the call has come", || cluster.get("faults")["calls"] == 0);
        told
    };
    let told = delay(60.0);
    cluster.json("POST", "clock/advance", &json!({ "seconds": 59 }));
    // Others pass it.
    assert_eq!(framework.post(call(Type::Suppress)).status, 202);
    assert!(told.try_recv().is_err());
    cluster.json("POST", "clock/advance", &json!({ "seconds": 2 }));
    assert_eq!(told.recv_timeout(std::time::Duration::from_secs(10)), Ok(200));
    let told = delay(3600.0);
    cluster.json("POST", "reset", &json!({}));
    let status = told.recv_timeout(std::time::Duration::from_secs(10));
    assert_eq!(status, Ok(200), "a reset lets it go");
}

#[test]
fn connections_are_muted_and_broken() {
    let cluster = Controlled::new(&[]);
    let mut framework = cluster.framework(lasting("the framework"));
    let offer = framework.offer();
    framework.agent_id = offer.slave_id.clone();
    let named = json!({ "framework": "the framework" });
    cluster.json("POST", "frameworks/mute", &named);
    let task = framework.command("t", "sleep 1000");
    framework.launch_on(&offer, vec![task]);
    // Its first update has come to the master.
    until("the task starts", || state_of_task(&cluster) == "TASK_STARTING");
    cluster.json("POST", "frameworks/unmute", &json!({ "framework": framework.id.value }));
    framework.wait_for("t", TaskState::TaskRunning);
    cluster.json("POST", "frameworks/disconnect", &named);
    assert!(framework.ends());
    until("it is known", || cluster.get("left")["frameworks"][0]["connected"] == false);
    assert_eq!(cluster.ask("POST", "frameworks/mute", &named).status, 409);
    assert_eq!(
        cluster
            .ask("POST", "frameworks/mute", &json!({ "framework": "other" }))
            .status,
        404
    );
}

#[test]
fn faults_that_cannot_be_are_refused_and_a_reset_forgets_them() {
    let cluster = Controlled::new(&[]);
    for (path, body) in [
        ("updates/lose", json!({ "count": 0 })),
        ("updates/lose", json!({ "count": "1" })),
        ("updates/duplicate", json!({ "task_id": 1 })),
        ("calls/refuse", json!({})),
        ("calls/delay", json!({ "type": "ACCEPT" })),
        ("calls/refuse", json!({ "type": "ACCEPT", "status": 200 })),
        ("calls/refuse", json!({ "type": "ACCEPT", "api": "none" })),
        ("launches/fail", json!({ "reason": "REASON_NONE" })),
        ("frameworks/mute", json!({})),
    ] {
        assert_eq!(cluster.ask("POST", path, &body).status, 400, "{path} {body}");
    }
    assert_eq!(cluster.ask("POST", "updates/forge", &json!({})).status, 404);
    cluster.post("updates/lose");
    cluster.post("launches/fail");
    cluster.json("POST", "calls/refuse", &json!({ "type": "ACCEPT" }));
    assert_eq!(cluster.get("faults"), json!({ "updates": 1, "calls": 1, "launches": 1 }));
    cluster.post("reset");
    assert_eq!(cluster.get("faults"), json!({ "updates": 0, "calls": 0, "launches": 0 }));
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
