//! What operators and tools ask: the operator API of v1 in JSON, the older endpoints, files of sandboxes.
//!
//! With `MESOS_TEST_MASTER=host:port` the same questions go to a real master and its agent, and the answers have the same keys and types.

#[path = "support/local.rs"]
mod local_support;
#[path = "support/operator.rs"]
mod operator_support;
#[path = "support/program.rs"]
mod program_support;
#[path = "support/skip.rs"]
mod skip;

use local_support::{request, until, Framework};
use mesos_perl::proto::TaskState;
use operator_support::*;
use program_support::*;
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::AsRawFd;

/// What a real Mesos has and ours has not: isolation, networks, its command executor, and what a name of a framework's host is.
const NOT_HERE: &[&str] = &[
    "network_infos",
    "executor_pid",
    "resource_statistics",
    "statistics",
    "framework_info.hostname",
    "unreserved_resources_full",
    "used_resources_full",
    "offered_resources_full",
    "reserved_resources_full",
    "unreserved_resources_allocated",
    "resource_providers",
    // Those of v1: who looks into a sandbox takes the older ones.
    "get_executors.completed_executors",
    // Commands run there in an executor of Mesos' own, and here in none.
    "GET_STATE of an agent: .get_state.get_executors.executors[].executor_info.",
    "offer_constraints",
    "git_sha",
    "git_tag",
    "log_dir",
    "domain",
    "external_log_file",
    ".flags.",
    "recovered_slaves",
    "quota.consumed.ports",
    // Of what is no scalar it counts the items.
    "roles[].resources.ports",
    "roles[].offered.ports",
    // The text that Mesos' command executor has for what it was told to do.
    "statuses[].message",
    // It depends on how far an ended task's executor is.
    "terminated_tasks[]",
];

fn compare(what: &str, real: &Value, ours: &Value, problems: &mut Vec<String>) {
    let (mut theirs, mut here) = (BTreeMap::new(), BTreeMap::new());
    shape(real, "", &mut theirs);
    shape(ours, "", &mut here);
    for (path, kind) in theirs {
        match here.get(&path) {
            Some(ours) if *ours == kind => {}
            Some(ours) => problems.push(format!("{what}: {path} is {kind}, and {ours} here")),
            None if NOT_HERE.iter().any(|known| format!("{what}: {path}").contains(known)) => {}
            None => problems.push(format!("{what}: {path} ({kind}) is missing here")),
        }
    }
}

/// Drops from lists what belongs to other frameworks than these.
fn forget_others(value: &mut Value, own: &[String]) {
    let is_others = |one: &Value| {
        let id = match (
            &one["framework_info"]["id"]["value"],
            &one["framework_id"],
            one["tasks"].is_array() || one["executors"].is_array(),
        ) {
            (Value::String(id), _, _) | (_, Value::String(id), _) => Some(id.as_str()),
            (_, Value::Object(id), _) => id.get("value").and_then(Value::as_str),
            // A framework of v0; executors have a directory.
            (_, _, true) if one["directory"].is_null() => one["id"].as_str(),
            _ => None,
        };
        id.is_some_and(|id| !own.iter().any(|own| own == id))
    };
    match value {
        Value::Array(list) => {
            list.retain(|one| !is_others(one));
            list.iter_mut().for_each(|one| forget_others(one, own));
        }
        Value::Object(object) => object.values_mut().for_each(|one| forget_others(one, own)),
        _ => {}
    }
}

#[test]
fn answers_are_shaped_as_those_of_a_real_mesos() {
    let Ok(master) = std::env::var("MESOS_TEST_MASTER") else {
        return skip::skip("mesos_local_operator", "MESOS_TEST_MASTER names no real Mesos");
    };
    let master = master.to_socket_addrs().expect("an address").next().expect("an address");
    let agents = asked(master, "/api/v1", &json!({ "type": "GET_AGENTS" }));
    let pid = agents["get_agents"]["agents"][0]["pid"]
        .as_str()
        .expect("an agent")
        .to_string();
    let agent: SocketAddr = pid.split_once('@').unwrap().1.parse().unwrap();
    let program = Program::new(&[]);
    // One that has been torn down, and one that is there.
    let torn_down = [master, program.address].map(|address| {
        let framework = with_tasks(address);
        let teardown = json!({ "type": "TEARDOWN", "teardown": { "framework_id": { "value": framework.id.value } } });
        assert_eq!(post(address, "/api/v1", &teardown).status, 200);
        framework.id.value
    });
    let mut frameworks = [with_tasks(master), with_tasks(program.address)];
    for framework in &mut frameworks {
        framework.offer();
    }
    // Others may have used the real one before.
    let own = [torn_down[0].clone(), frameworks[0].id.value.clone()];
    let compare = |what: &str, real: &Value, ours: &Value, problems: &mut Vec<String>| {
        let mut real = real.clone();
        forget_others(&mut real, &own);
        compare(what, &real, ours, problems);
    };
    let mut problems = Vec::new();
    for kind in [
        "GET_HEALTH",
        "GET_FLAGS",
        "GET_VERSION",
        "GET_LOGGING_LEVEL",
        "GET_STATE",
        "GET_AGENTS",
        "GET_FRAMEWORKS",
        "GET_EXECUTORS",
        "GET_TASKS",
        "GET_ROLES",
        "GET_MASTER",
        "GET_OPERATIONS",
    ] {
        let call = json!({ "type": kind });
        compare(
            kind,
            &asked(master, "/api/v1", &call),
            &asked(program.address, "/api/v1", &call),
            &mut problems,
        );
    }
    let metrics = json!({ "type": "GET_METRICS", "get_metrics": {} });
    compare(
        "GET_METRICS",
        &asked(master, "/api/v1", &metrics),
        &asked(program.address, "/api/v1", &metrics),
        &mut problems,
    );
    for kind in [
        "GET_HEALTH",
        "GET_VERSION",
        "GET_STATE",
        "GET_FRAMEWORKS",
        "GET_TASKS",
        "GET_AGENT",
        "GET_CONTAINERS",
        "GET_OPERATIONS",
    ] {
        let call = json!({ "type": kind });
        let what = format!("{kind} of an agent");
        compare(
            &what,
            &asked(agent, "/slave(1)/api/v1", &call),
            &asked(program.address, "/slave(1)/api/v1", &call),
            &mut problems,
        );
    }
    for path in [
        "/state",
        "/state-summary",
        "/slaves",
        "/frameworks",
        "/tasks",
        "/roles",
        "/version",
        "/flags",
    ] {
        compare(path, &got(master, path), &got(program.address, path), &mut problems);
    }
    for (what, path) in [
        ("/slave(1)/state", "/slave(1)/state"),
        ("monitor", "/slave(1)/monitor/statistics"),
    ] {
        compare(what, &got(agent, path), &got(program.address, path), &mut problems);
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
    refusals_are_the_same(master, program.address);
}

fn refusals_are_the_same(master: SocketAddr, own: SocketAddr) {
    for (path, call) in [
        ("/api/v1", json!({})),
        ("/api/v1", json!({ "type": "NONE" })),
        ("/api/v1", json!({ "type": "GET_METRICS" })),
        ("/api/v1", json!({ "type": "READ_FILE" })),
        ("/api/v1", json!({ "type": "TEARDOWN" })),
        (
            "/api/v1",
            json!({ "type": "TEARDOWN", "teardown": { "framework_id": { "value": "none" } } }),
        ),
        ("/api/v1", json!({ "type": "LIST_FILES", "list_files": { "path": "/none" } })),
    ] {
        let (real, ours) = (post(master, path, &call), post(own, path, &call));
        assert_eq!((ours.status, ours.text()), (real.status, real.text()), "{call}");
    }
    let bodies = TEARDOWN.iter().map(|(body, _)| ("POST", "/teardown", *body));
    let others = [
        ("GET", "/teardown", ""),
        ("GET", "/state.json", ""),
        ("GET", "/master/slaves.json", ""),
    ];
    for (method, path, body) in bodies.chain(others) {
        let [real, ours] = [master, own].map(|address| request(address, method, path, &[], body.as_bytes()));
        assert_eq!(
            (ours.status, ours.text()),
            (real.status, real.text()),
            "{method} {path} {body}"
        );
    }
}

/// What is posted to `/teardown`, and the answer of Mesos 1.11.0.
const TEARDOWN: &[(&str, &str)] = &[
    ("", "Missing 'frameworkId' query parameter in the request body"),
    ("x=y", "Missing 'frameworkId' query parameter in the request body"),
    (
        "{\"frameworkId\":\"x\"}",
        "Missing 'frameworkId' query parameter in the request body",
    ),
    ("frameworkId=", "No framework found with specified ID"),
    ("frameworkId=none", "No framework found with specified ID"),
];

#[test]
fn a_framework_can_be_torn_down_as_before_v1() {
    let program = Program::new(&[]);
    let at = |method: &str, path: &str, body: &str| request(program.address, method, path, &[], body.as_bytes());
    for path in ["/teardown", "/master/teardown"] {
        for (body, text) in TEARDOWN {
            let reply = at("POST", path, body);
            assert_eq!((reply.status, reply.text()), (400, *text), "{body}");
        }
        assert_eq!(at("GET", path, "").status, 405);
        let framework = with_tasks(program.address);
        let reply = at("POST", path, &format!("frameworkId={}", framework.id.value));
        assert_eq!((reply.status, reply.text()), (200, ""));
        let frameworks = got(program.address, "/frameworks");
        assert_eq!(frameworks["frameworks"], json!([]));
    }
}

/// Keys and types are those of Mesos 1.11.0. It is over when the end of the last task is acknowledged.
#[test]
fn an_agent_tells_of_its_draining() {
    let program = Program::new(&[]);
    let mut framework = with_tasks(program.address);
    let call = json!({ "type": "GET_AGENT" });
    let agent = || asked(program.address, "/slave(1)/api/v1", &call)["get_agent"].take();
    let state = || got(program.address, "/slave(1)/state");
    assert!(agent()["drain_config"].is_null() && state()["drain_config"].is_null());
    let drain = json!({ "agent_id": { "value": framework.agent_id.value }, "max_grace_period": { "seconds": 2 } });
    let drain = json!({ "type": "DRAIN_AGENT", "drain_agent": drain });
    assert_eq!(post(program.address, "/api/v1", &drain).status, 200);
    let config = json!({ "max_grace_period": { "nanoseconds": 2_000_000_000 }, "mark_gone": false });
    let (agent_says, state_says) = (agent(), state());
    assert_eq!((&agent_says["drain_config"], &state_says["drain_config"]), (&config, &config));
    let since = state_says["estimated_drain_start_time_seconds"]
        .as_i64()
        .expect("whole seconds");
    assert_eq!(
        agent_says["estimated_drain_start_time"],
        json!({ "nanoseconds": since * 1_000_000_000 })
    );
    framework.wait_for("long", TaskState::TaskKilled);
    until("the agent is drained", || {
        agent()["drain_config"].is_null() && state()["drain_config"].is_null()
    });
}

#[test]
fn a_master_and_its_agent_answer() {
    let program = Program::new(&["--agents=2"]);
    let mut framework = with_tasks(program.address);
    let ask = |kind: &str| asked(program.address, "/api/v1", &json!({ "type": kind }))[kind.to_lowercase()].take();
    assert_eq!(ask("GET_HEALTH"), json!({ "healthy": true }));
    assert_eq!(ask("GET_AGENTS")["agents"].as_array().unwrap().len(), 2);
    let tasks = ask("GET_TASKS");
    assert_eq!(
        (&tasks["tasks"][0]["name"], &tasks["tasks"][0]["state"]),
        (&json!("long"), &json!("TASK_RUNNING"))
    );
    assert_eq!(tasks["completed_tasks"][0]["state"], "TASK_FINISHED");
    assert_eq!(tasks["tasks"][0]["agent_id"]["value"], framework.agent_id.value);
    assert_eq!(
        ask("GET_STATE")["get_frameworks"]["frameworks"][0]["framework_info"]["name"],
        "operators"
    );
    let number = framework
        .agent_id
        .value
        .rsplit("-S")
        .next()
        .unwrap()
        .parse::<usize>()
        .unwrap();
    let path = format!("/slave({})/api/v1", number + 1);
    let containers = asked(program.address, &path, &json!({ "type": "GET_CONTAINERS" }));
    assert_eq!(containers["get_containers"]["containers"][0]["executor_id"]["value"], "long");
    assert_eq!(
        post(program.address, "/slave(3)/api/v1", &json!({ "type": "GET_STATE" })).status,
        503
    );
    // The call of an agent is none of a master.
    for (path, kind, status) in [
        ("/api/v1", "SET_LOGGING_LEVEL", 501),
        ("/api/v1", "PRUNE_IMAGES", 400),
        (&path, "PRUNE_IMAGES", 501),
        (&path, "MARK_RESOURCE_PROVIDER_GONE", 501),
        (&path, "ADD_RESOURCE_PROVIDER_CONFIG", 501),
        (&path, "UPDATE_RESOURCE_PROVIDER_CONFIG", 501),
        (&path, "REMOVE_RESOURCE_PROVIDER_CONFIG", 501),
    ] {
        let answer = post(program.address, path, &json!({ "type": kind }));
        assert_eq!(answer.status, status, "{path} {kind}: {}", answer.text());
    }

    let metrics = got(program.address, "/metrics/snapshot");
    assert_eq!(
        (&metrics["master/tasks_running"], &metrics["master/slaves_active"]),
        (&json!(1.0), &json!(2.0))
    );
    // What the allocator's work has cost.
    let runs = metrics["allocator/mesos/allocation_runs"].as_f64().expect("runs");
    let median = metrics["allocator/mesos/allocation_run_ms/p50"].as_f64().expect("a median");
    assert!(runs >= 1.0 && median > 0.0, "{runs} {median}");
    let summary = got(program.address, "/master/state-summary");
    assert_eq!(
        (
            &summary["frameworks"][0]["TASK_RUNNING"],
            &summary["frameworks"][0]["TASK_FINISHED"]
        ),
        (&json!(1), &json!(1))
    );
    assert_eq!(got(program.address, "/tasks?limit=1")["tasks"].as_array().unwrap().len(), 1);

    let gone = json!({ "type": "MARK_AGENT_GONE", "mark_agent_gone": { "agent_id": framework_agent(&framework) } });
    assert_eq!(post(program.address, "/api/v1", &gone).status, 200);
    framework.find("the agent's end", |event| event.failure.clone()?.slave_id);
    let teardown = json!({ "type": "TEARDOWN", "teardown": { "framework_id": { "value": framework.id.value } } });
    assert_eq!(post(program.address, "/api/v1", &teardown).status, 200);
    assert_eq!(ask("GET_FRAMEWORKS")["frameworks"], json!([]));
}

fn framework_agent(framework: &Framework) -> Value {
    json!({ "value": framework.agent_id.value })
}

/// What Mesos' web UI takes from an agent: what is allocated to a container, and where the sandboxes of those are that have ended.
#[test]
fn an_agent_tells_of_executors_that_run_and_that_have_ended() {
    let program = Program::new(&[]);
    let _framework = with_tasks(program.address);
    let state = got(program.address, "/slave(1)/state");
    let shown = &state["frameworks"][0];
    let runs = &shown["executors"][0];
    assert_eq!((&runs["id"], &runs["resources"]["cpus"]), (&json!("long"), &json!(0.1)));
    let statistics = got(program.address, "/slave(1)/monitor/statistics");
    let limits = &statistics[0]["statistics"];
    assert_eq!(
        (
            &statistics[0]["executor_id"],
            &limits["cpus_limit"],
            &limits["mem_limit_bytes"]
        ),
        (&json!("long"), &json!(0.1), &json!(16 << 20))
    );
    let mut ended = Value::Null;
    until("the other one has ended", || {
        ended = got(program.address, "/slave(1)/state")["frameworks"][0]["completed_executors"][0].take();
        !ended.is_null()
    });
    assert_eq!(
        (&ended["id"], &ended["completed_tasks"][0]["state"]),
        (&json!("short"), &json!("TASK_FINISHED"))
    );
    let directory = ended["directory"].as_str().expect("a directory");
    let files = got(program.address, &format!("/files/browse?path={directory}"));
    assert!(!files.as_array().expect("a list").is_empty(), "its sandbox is there");
}

#[test]
fn sandboxes_are_shown_and_nothing_else() {
    let program = Program::new(&[]);
    let mut framework = with_tasks(program.address);
    let state = got(program.address, "/slave(1)/state");
    let directory = state["frameworks"][0]["executors"][0]["directory"]
        .as_str()
        .unwrap()
        .to_string();
    let browsed = got(program.address, &format!("/files/browse?path={directory}"));
    let names: Vec<&str> = browsed
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["path"].as_str()?.rsplit('/').next())
        .collect();
    assert!(names.contains(&"stdout") && names.contains(&"stderr"), "{names:?}");
    // A running task may not have written yet.
    let read = format!("/files/read?path={directory}/stdout&offset=1&length=3");
    until("the task's output is read", || {
        got(program.address, &read) == json!({ "data": "ell", "offset": 1 })
    });
    assert_eq!(
        got(program.address, &format!("/files/read?path={directory}/stdout")),
        json!({ "data": "", "offset": 6 })
    );
    let download = request(
        program.address,
        "GET",
        &format!("/files/download?path={directory}/stdout"),
        &[],
        b"",
    );
    assert_eq!((download.status, download.text()), (200, "hello\n"));
    assert_eq!(download.header("Content-Disposition"), Some("attachment; filename=stdout"));
    let call = json!({ "type": "READ_FILE", "read_file": { "path": format!("{directory}/stdout"), "offset": 0 } });
    assert_eq!(
        asked(program.address, "/api/v1", &call)["read_file"],
        json!({ "size": 6, "data": "aGVsbG8K" })
    );

    // A task that puts links and pipes into its sandbox.
    let trap = framework.command(
        "trap",
        "ln -s /etc etc; ln -s /etc/passwd passwd; mkfifo pipe; touch ready; sleep 1000",
    );
    framework.launch(vec![trap]);
    framework.wait_for("trap", TaskState::TaskRunning);
    let sandbox = directory.replace("/long/", "/trap/");
    let sandbox = std::path::Path::new(&sandbox).parent().unwrap().to_path_buf();
    let mut run = std::path::PathBuf::new();
    until("the traps", || {
        let runs = std::fs::read_dir(&sandbox).into_iter().flatten().flatten();
        runs.filter(|entry| entry.path().join("ready").exists())
            .for_each(|entry| run = entry.path());
        !run.as_os_str().is_empty()
    });
    let run = run.to_str().unwrap();
    let work_dir = program.ready["work_dir"].as_str().unwrap();
    for path in [
        "/etc/passwd".to_string(),
        format!("{run}/passwd"),
        format!("{run}/etc/passwd"),
        format!("{run}/pipe"),
        format!("{run}/../../../../../../../../../../../etc/passwd"),
        format!("{run}/%2e%2e/%2e%2e/x"),
        format!("{work_dir}/../../etc/passwd"),
        work_dir.to_string(),
        String::from("/proc/self/environ"),
    ] {
        for action in ["browse", "read", "download"] {
            let reply = request(
                program.address,
                "GET",
                &format!("/files/{action}?path={path}&offset=0"),
                &[],
                b"",
            );
            assert_eq!((reply.status, reply.text()), (404, ""), "{action} {path}");
        }
    }
    let nothing = request(program.address, "GET", "/files/browse", &[], b"");
    assert_eq!((nothing.status, nothing.text()), (400, "Expecting 'path=value' in query.\n"));
}

/// The next request of a file system that we are, in bytes.
fn asked_of_us(fuse: &mut std::fs::File) -> Vec<u8> {
    use rustix::event::{poll, PollFd, PollFlags};
    let asked = poll(&mut [PollFd::new(fuse, PollFlags::IN)], 60_000);
    assert_eq!(asked, Ok(1), "nobody asks");
    let mut request = vec![0; 1 << 20];
    let length = fuse.read(&mut request).expect("a request");
    request.truncate(length);
    request
}

#[test]
fn a_file_system_that_does_not_answer_holds_up_its_callers_only() {
    const NAME: &str = "a_file_system_that_does_not_answer_holds_up_its_callers_only";
    let Ok(mut fuse) = std::fs::File::options().read(true).write(true).open("/dev/fuse") else {
        return skip::skip(NAME, "this user may not open /dev/fuse");
    };
    let program = Program::new(&[]);
    let address = program.address;
    let mut framework = Framework::at(address, "", local_support::info("n"));
    let task = framework.command("t", "mkdir mount; touch ready; sleep 1000");
    framework.launch(vec![task]);
    framework.wait_for("t", TaskState::TaskRunning);
    let state = got(address, "/slave(1)/state");
    let directory = state["frameworks"][0]["executors"][0]["directory"].as_str().unwrap();
    let directory = directory.to_string();
    let path = std::path::Path::new(&directory);
    until("its directory", || path.join("ready").exists());
    let data = format!("fd={},rootmode=40000,user_id=0,group_id=0", fuse.as_raw_fd());
    let flags = rustix::mount::MountFlags::empty();
    if let Err(e) = rustix::mount::mount("test", path.join("mount"), "fuse", flags, data) {
        return skip::skip(NAME, &format!("this user may not mount: {e}"));
    }
    // Its first request is answered: version 7.8. No other is.
    let begin = asked_of_us(&mut fuse);
    let mut answer = 40_u32.to_ne_bytes().to_vec();
    answer.extend([0; 4]);
    answer.extend(&begin[8..16]);
    answer.extend([7_u32, 8, 0, 0, 0, 1 << 16].iter().flat_map(|word| word.to_ne_bytes()));
    fuse.write_all(&answer).expect("an answer");
    let browse = format!("/files/browse?path={directory}");
    let browsing = std::thread::spawn(move || request(address, "GET", &browse, &[], b"").status);
    asked_of_us(&mut fuse);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(request(address, "GET", "/health", &[], b"").status));
    let health = told.recv_timeout(std::time::Duration::from_secs(30));
    let waited = !browsing.is_finished();
    // Now it is broken, and the program can end.
    drop(fuse);
    rustix::mount::unmount(path.join("mount"), rustix::mount::UnmountFlags::DETACH).expect("unmounted");
    assert_eq!(health, Ok(200));
    assert!(waited, "nothing was slow");
    assert_eq!(browsing.join().expect("an answer"), 200, "without what cannot be looked at");
}

#[test]
fn subscribers_hear_what_happens() {
    let program = Program::new(&["--control"]);
    let mut events = Events::open(program.address);
    let subscribed = events.until("SUBSCRIBED");
    assert_eq!(subscribed["heartbeat_interval_seconds"], 15.0);
    assert_eq!(subscribed["get_state"]["get_agents"]["agents"].as_array().unwrap().len(), 1);
    let mut framework = with_tasks(program.address);
    assert_eq!(
        events.until("FRAMEWORK_ADDED")["framework"]["framework_info"]["name"],
        "operators"
    );
    let mut states = BTreeMap::new();
    while states.get("short")
        != Some(&vec![
            "TASK_STARTING".to_string(),
            "TASK_RUNNING".into(),
            "TASK_FINISHED".into(),
        ])
    {
        let event = events.next().expect("the stream goes on");
        if event["type"] == "TASK_ADDED" {
            states.insert(event["task_added"]["task"]["name"].as_str().unwrap().to_string(), Vec::new());
        }
        if event["type"] == "TASK_UPDATED" {
            let updated = &event["task_updated"];
            let task = updated["status"]["task_id"]["value"].as_str().unwrap();
            let told = states.get_mut(task).expect("it was added before");
            told.push(updated["state"].as_str().unwrap().to_string());
        }
    }
    // Another task with an id that was used is another task.
    let again = framework.command("short", "sleep 1000");
    framework.launch(vec![again]);
    let added = events.until("TASK_ADDED");
    assert_eq!(added["task"]["task_id"]["value"], "short");
    let control = |path: &str| {
        let token = format!("Bearer {}", program.ready["control_token"].as_str().unwrap());
        let reply = request(
            program.address,
            "POST",
            &format!("/mesos-local/{path}"),
            &[("Authorization", &token)],
            b"",
        );
        assert_eq!(reply.status, 200);
    };
    control("agents");
    events.until("AGENT_ADDED");
    control("agents/1/stop");
    events.until("AGENT_REMOVED");
    drop(framework);
    assert_eq!(events.until("FRAMEWORK_UPDATED")["framework"]["connected"], false);
    control("master/failover");
    while events.next().is_some() {}
}
