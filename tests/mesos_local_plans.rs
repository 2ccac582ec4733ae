//! What operators plan over HTTP: quotas, weights and maintenance, as calls of v1 and at the older endpoints.
//!
//! The answers are those of a real Mesos 1.11.0. With `MESOS_TEST_MASTER=host:port` a real one, without plans, has to give them, too.

#[path = "support/local.rs"]
mod local_support;
#[path = "support/program.rs"]
mod program_support;
#[path = "support/skip.rs"]
mod skip;

use local_support::{call, info, request, scalar, until, Framework};
use mesos_perl::proto::scheduler::call::{AcceptInverseOffers, Type};
use mesos_perl::proto::{framework_info, scheduler, FrameworkInfo, TaskState};
use program_support::*;
use serde_json::{json, Value};
use std::net::{SocketAddr, ToSocketAddrs};

/// The status, and what is said: JSON in which the order of lists does not count, or text.
fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
    let reply = request(
        address,
        method,
        path,
        &[("Content-Type", "application/json")],
        body.as_bytes(),
    );
    let said = match reply.header("Content-Type") {
        Some("application/json") => {
            let mut said: Value = serde_json::from_slice(&reply.body).expect("JSON");
            let roles = match said.get_mut("get_roles") {
                Some(answer) => answer.get_mut("roles"),
                None => said.get_mut("roles"),
            };
            // Other tests may leave theirs behind on a real master.
            if let Some(roles) = roles.and_then(Value::as_array_mut) {
                roles.retain(|role| role["name"].as_str().is_some_and(|name| name.starts_with("plan-")));
            }
            sorted(said)
        }
        _ => reply.text().into(),
    };
    (reply.status, said)
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(list) => {
            let mut list: Vec<Value> = list.into_iter().map(sorted).collect();
            list.sort_by_key(Value::to_string);
            list.into()
        }
        Value::Object(object) => object.into_iter().map(|(key, value)| (key, sorted(value))).collect(),
        other => other,
    }
}

/// `GET_QUOTA {"force": true}` is a call of v1, and `GET /quota` a request to an older endpoint.
fn step(address: SocketAddr, what: &str) -> (u16, Value) {
    let (first, rest) = what.split_once(' ').unwrap_or((what, ""));
    match rest.strip_prefix('/') {
        Some(rest) => {
            let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
            ask(address, first, &format!("/{path}"), body)
        }
        None => {
            let mut call = json!({ "type": first });
            if !rest.is_empty() {
                call[first.to_lowercase()] = serde_json::from_str(rest).expect("JSON");
            }
            ask(address, "POST", "/api/v1", &call.to_string())
        }
    }
}

/// Each step is a line, and each answer the line below it.
fn follow(script: &str) {
    let real = skip::wanted("mesos_local_plans", "MESOS_TEST_MASTER");
    let real = real.map(|real| real.to_socket_addrs().expect("an address").next().expect("an address"));
    let program = Program::new(&[]);
    let lines: Vec<&str> = script.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len() % 2, 0);
    for address in real.into_iter().chain([program.address]) {
        let (_, agents) = step(address, "GET_AGENTS");
        let agent = &agents["get_agents"]["agents"][0];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let (id, place) = (text(&agent["agent_info"]["id"]["value"]), text(&agent["pid"]));
        let named = |line: &str| line.replace("$AGENT", &id).replace("$PLACE", &place);
        for pair in lines.chunks(2).map(|pair| [named(pair[0]), named(pair[1])]) {
            let (status, said) = pair[1].split_once(' ').unwrap_or((&pair[1], ""));
            let said = serde_json::from_str(said).map_or_else(|_| said.into(), sorted);
            assert_eq!(
                step(address, &pair[0]),
                (status.parse().unwrap(), said),
                "{address}: {}",
                pair[0]
            );
        }
    }
}

/// One after the other: a real master has one set of plans. Weights stay with it for ever.
#[test]
fn answers_are_those_of_mesos() {
    quotas_are_planned();
    maintenance_is_planned();
    weights_are_planned();
    agents_are_drained();
    resources_are_changed();
}

/// `$AGENT` is the id of the agent, `$PLACE` where it is.
fn agents_are_drained() {
    follow(
        r#"
        DRAIN_AGENT
        400 Failed to validate master::Call: Expecting 'drain_agent' to be present
        DRAIN_AGENT {}
        400 Failed to convert JSON into Call protobuf: Missing required fields: drain_agent.agent_id
        DEACTIVATE_AGENT {"agent_id":{}}
        400 Failed to convert JSON into Call protobuf: Missing required fields: deactivate_agent.agent_id.value
        DRAIN_AGENT {"agent_id":"x"}
        400 Failed to convert JSON into Call protobuf: Not expecting a JSON string for field 'agent_id'
        DRAIN_AGENT {"agent_id":{"value":"$AGENT"},"max_grace_period":[]}
        400 Failed to convert JSON into Call protobuf: Not expecting a JSON array for field 'max_grace_period'
        DRAIN_AGENT {"agent_id":{"value":"$AGENT"},"mark_gone":1}
        400 Failed to convert JSON into Call protobuf: Not expecting a JSON number for field 'mark_gone'
        DRAIN_AGENT {"agent_id":{"value":"nobody"}}
        400 Unknown agent
        REACTIVATE_AGENT {"agent_id":{"value":"nobody"}}
        400 Agent is not deactivated
        DRAIN_AGENT {"agent_id":{"value":"$AGENT"},"max_grace_period":{"seconds":1,"nanos":5}}
        200
        DEACTIVATE_AGENT {"agent_id":{"value":"$AGENT"}}
        200
        REACTIVATE_AGENT {"agent_id":{"value":"$AGENT"}}
        200
        REACTIVATE_AGENT {"agent_id":{"value":"$AGENT"}}
        400 Agent is not deactivated
        "#,
    );
}

fn resources_are_changed() {
    let script = r#"
        RESERVE_RESOURCES
        400 Failed to validate master::Call: Expecting 'reserve_resources' to be present
        CREATE_VOLUMES {}
        400 Failed to convert JSON into Call protobuf: Missing required fields: create_volumes.agent_id
        RESERVE_RESOURCES {"agent_id":{"value":"$AGENT"},"resources":[{"name":"cpus"}]}
        400 Failed to convert JSON into Call protobuf: Missing required fields: reserve_resources.resources[0].type
        GROW_VOLUME {}
        400 Failed to convert JSON into Call protobuf: Missing required fields: grow_volume.volume, grow_volume.addition
        SHRINK_VOLUME {"volume":VOLUME,"subtract":{"value":1}}
        400 Failed to validate master::Call: Expecting 'agent_id' to be present; only agent default resources are supported right now
        DESTROY_VOLUMES {"agent_id":{"value":"nobody"},"volumes":[VOLUME]}
        400 No agent found with specified ID
        DESTROY_VOLUMES {"agent_id":{"value":"$AGENT"},"volumes":[VOLUME]}
        400 Invalid DESTROY operation: Persistent volumes not found
        RESERVE_RESOURCES {"agent_id":{"value":"$AGENT"},"resources":[DISK]}
        202
        CREATE_VOLUMES {"agent_id":{"value":"$AGENT"},"volumes":[VOLUME]}
        202
        CREATE_VOLUMES {"agent_id":{"value":"$AGENT"},"volumes":[VOLUME]}
        400 Invalid CREATE operation on agent $AGENT at $PLACE (localhost): Persistence ID 'plan' is not unique
        DESTROY_VOLUMES {"agent_id":{"value":"$AGENT"},"volumes":[VOLUME]}
        202
        UNRESERVE_RESOURCES {"agent_id":{"value":"$AGENT"},"resources":[DISK]}
        202
        "#;
    let disk = |more: &str| {
        format!(
            r#"{{"name":"disk","type":"SCALAR","scalar":{{"value":10}},"reservations":[{{"type":"DYNAMIC","role":"plan-disk"}}]{more}}}"#
        )
    };
    let volume = disk(r#","disk":{"persistence":{"id":"plan"},"volume":{"container_path":"data","mode":"RW"}}"#);
    let script = script.replace("[DISK]", &format!("[{}]", disk("")));
    let script = script.replace("[VOLUME]", &format!("[{volume}]"));
    follow(&script.replace(":VOLUME,", &format!(":{volume},")));
}

#[test]
fn quotas_that_are_refused() {
    // A real master ends at this call.
    let program = Program::new(&[]);
    let none = step(program.address, r#"REMOVE_QUOTA {"role":"none"}"#);
    assert_eq!(none, (400, "Failed to remove quota: Role 'none' has no quota set".into()));
    let too_much =
        r#"SET_QUOTA {"quota_request":{"role":"x","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":5}}]}}"#;
    let (status, said) = step(program.address, too_much);
    let text =
        "Quota guarantees overcommit the cluster (use 'force' to bypass this check): Total quota guarantees 'cpus:5' exceed \
                cluster capacity 'cpus:4; disk:4096; mem:4096'";
    assert_eq!((status, said), (409, text.into()));
}

fn quotas_are_planned() {
    follow(
        r#"
        GET_QUOTA
        200 {"type":"GET_QUOTA","get_quota":{"status":{}}}
        GET /quota
        200 {}
        UPDATE_QUOTA
        400 Failed to validate master::Call: Expecting 'update_quota' to be present
        UPDATE_QUOTA {}
        200
        UPDATE_QUOTA {"force":true,"quota_configs":[{"role":"plan-eng","guarantees":{"cpus":{"value":0.5}},"limits":{"cpus":{"value":2},"mem":{"value":512.5}}},{"role":"plan-web","guarantees":{"cpus":{"value":0}},"limits":{"cpus":{"value":0}}}]}
        200
        GET_QUOTA
        200 {"type":"GET_QUOTA","get_quota":{"status":{"infos":[{"role":"plan-web"},{"role":"plan-eng","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}}]}],"configs":[{"role":"plan-web","limits":{"cpus":{"value":0.0}}},{"role":"plan-eng","guarantees":{"cpus":{"value":0.5}},"limits":{"mem":{"value":512.5},"cpus":{"value":2.0}}}]}}}
        GET /roles
        200 {"roles":[{"name":"plan-eng","weight":1.0,"quota":{"role":"plan-eng","guarantee":{"cpus":0.5},"limit":{"cpus":2.0,"mem":512.5},"consumed":{}},"resources":{},"allocated":{},"offered":{},"reserved":{},"frameworks":[]},{"name":"plan-web","weight":1.0,"quota":{"role":"plan-web","guarantee":{},"limit":{"cpus":0.0},"consumed":{}},"resources":{},"allocated":{},"offered":{},"reserved":{},"frameworks":[]}]}
        UPDATE_QUOTA {"quota_configs":[{"role":"plan-eng"},{"role":"plan-web","limits":{}}]}
        200
        GET /master/quota
        200 {"infos":[{"role":"plan-eng"},{"role":"plan-web"}],"configs":[{"role":"plan-eng"},{"role":"plan-web"}]}
        REMOVE_QUOTA {"role":"plan-eng"}
        200
        DELETE /quota/plan-web
        200
        UPDATE_QUOTA {"force":true,"quota_configs":{"role":"single","limits":{"cpus":{"value":1}}}}
        200
        UPDATE_QUOTA {"force":true,"quota_configs":[{"role":"ok","limits":{"cpus":{"value":1}}},{"role":"a/b","limits":{"cpus":{"value":2}}}]}
        400 Updating quota on nested role 'a/b' is not supported yet
        UPDATE_QUOTA {"force":true,"quota_configs":[{"role":"-x"}]}
        400 Invalid QuotaConfig: Invalid 'QuotaConfig.role': Role component '-x' is invalid because it starts with a dash
        UPDATE_QUOTA {"quota_configs":[{"limits":{"cpus":{"value":2}}}]}
        400 Failed to convert JSON into Call protobuf: Missing required fields: update_quota.quota_configs[0].role
        UPDATE_QUOTA {"force":true,"quota_configs":[{"role":"a","limits":{"cpus":{"value":-2}}}]}
        400 Invalid QuotaConfig: Invalid limit configuration {'cpus': -2}: Negative values not supported
        UPDATE_QUOTA {"force":true,"quota_configs":[{"role":"a","guarantees":{"cpus":{"value":-2}}}]}
        400 Invalid QuotaConfig: Invalid guarantee configuration {'cpus': -2}: Negative values not supported
        UPDATE_QUOTA {"force":true,"quota_configs":[{"role":"a","guarantees":{"cpus":{"value":3}},"limits":{"cpus":{"value":2}}}]}
        400 Invalid QuotaConfig: 'QuotaConfig.guarantees' { cpus: 3 } is not contained within the 'QuotaConfig.limits' { cpus: 2 }
        UPDATE_QUOTA {"quota_configs":"x"}
        400 Failed to convert JSON into Call protobuf: Not expecting a JSON string for field 'quota_configs'
        UPDATE_QUOTA {"quota_configs":[{"role":"a","limits":{"cpus":2}}]}
        400 Failed to convert JSON into Call protobuf: Not expecting a JSON number for field 'value'
        UPDATE_QUOTA {"quota_configs":[{"role":"a","limits":{"cpus":{}}}]}
        400 Failed to convert JSON into Call protobuf: Missing required fields: update_quota.quota_configs[0].limits[0].value.value
        SET_QUOTA {}
        400 Failed to convert JSON into Call protobuf: Missing required fields: set_quota.quota_request
        SET_QUOTA {"quota_request":{"force":true,"role":"old","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}}
        200
        SET_QUOTA {"quota_request":{"force":true,"role":"old","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}}
        400 Failed to validate set quota request: Cannot set quota for role 'old' which already has quota
        SET_QUOTA {"quota_request":{"role":"x"}}
        400 Failed to validate set quota request: QuotaInfo with empty 'guarantee'
        SET_QUOTA {"quota_request":{"role":"x","guarantee":[{"name":"cpus"}]}}
        400 Failed to convert JSON into Call protobuf: Missing required fields: set_quota.quota_request.guarantee[0].type
        SET_QUOTA {"quota_request":{"role":"x","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":-1}}]}}
        400 Failed to validate set quota request: QuotaInfo with invalid resource: Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0
        SET_QUOTA {"quota_request":{"role":"x","guarantee":[{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":2}]}}]}}
        400 Failed to validate set quota request: QuotaInfo must not include non-scalar resources
        GET /quota
        200 {"infos":[{"role":"single"},{"role":"old","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1.0}}]}],"configs":[{"role":"single","limits":{"cpus":{"value":1.0}}},{"role":"old","guarantees":{"cpus":{"value":1.0}},"limits":{"cpus":{"value":1.0}}}]}
        REMOVE_QUOTA {}
        400 Failed to convert JSON into Call protobuf: Missing required fields: remove_quota.role
        REMOVE_QUOTA {"role":"old"}
        200
        POST /quota {"force":true,"role":"v0","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}
        200
        POST /quota nonsense
        400 Failed to parse set quota request JSON 'nonsense': syntax error at line 1 near: onsense
        POST /quota []
        400 Failed to parse set quota request JSON '[]': Unexpected JSON type parsed
        POST /quota {"role":3}
        400 Failed to validate set quota request JSON '{"role":3}': Not expecting a JSON number for field 'role'
        POST /master/quota {}
        400 Failed to validate set quota request: QuotaInfo with invalid role: Role names cannot be the empty string
        PUT /quota {}
        405 405 Method Not Allowed. Expecting one of { 'GET', 'POST', 'DELETE' }, but received 'PUT'.
        DELETE /quota/v0
        200
        DELETE /quota/v0
        400 Failed to remove quota for path '/master/quota/v0': Role 'v0' has no quota set
        DELETE /master/quota/a/b
        400 Failed to remove quota for path '/master/quota/a/b': Role 'a/b' has no quota set
        DELETE /quota
        400 Failed to parse remove quota request for path '/master/quota': expected 3 tokens, found 2 tokens
        DELETE /quota/single
        200
        GET /quota/any
        200 {}
        "#,
    );
}

fn weights_are_planned() {
    follow(
        r#"
        GET_WEIGHTS
        200 {"type":"GET_WEIGHTS"}
        GET /weights
        200 []
        UPDATE_WEIGHTS {"weight_infos":[{"role":"plan-a","weight":2.5},{"role":" plan-b/c ","weight":3}]}
        200
        PUT /weights [{"role":"plan-d","weight":4}]
        200
        GET_WEIGHTS
        200 {"type":"GET_WEIGHTS","get_weights":{"weight_infos":[{"weight":3.0,"role":"plan-b/c"},{"weight":2.5,"role":"plan-a"},{"role":"plan-d","weight":4.0}]}}
        GET_ROLES
        200 {"type":"GET_ROLES","get_roles":{"roles":[{"name":"plan-a","weight":2.5},{"name":"plan-b","weight":1.0},{"name":"plan-b/c","weight":3.0},{"name":"plan-d","weight":4.0}]}}
        UPDATE_WEIGHTS
        400 Failed to validate master::Call: Expecting 'update_weights' to be present
        UPDATE_WEIGHTS {"weight_infos":[{"role":"x"}]}
        400 Failed to convert JSON into Call protobuf: Missing required fields: update_weights.weight_infos[0].weight
        UPDATE_WEIGHTS {"weight_infos":[{"role":"plan-a","weight":7},{"role":"x","weight":0}]}
        400 Failed to validate update weights request JSON for role 'x': Invalid weight '0': Weights must be positive
        UPDATE_WEIGHTS {"weight_infos":[{"role":"-x","weight":1}]}
        400 Failed to validate update weights request JSON: Invalid role '-x': Role component '-x' is invalid because it starts with a dash
        PUT /weights [{"weight":1}]
        400 Failed to validate update weights request JSON: Invalid role '': Role names cannot be the empty string
        PUT /weights [{"role":"d"}]
        400 Failed to convert weights JSON array to protobuf '[{"role":"d"}]': Missing required fields: weight
        PUT /weights {"role":"d"}
        400 Failed to parse update weights request JSON '{"role":"d"}': Unexpected JSON type parsed
        PUT /weights [3]
        400 Failed to convert weights JSON array to protobuf '[3]': Expecting a JSON object
        POST /weights []
        405 405 Method Not Allowed. Expecting one of { 'GET', 'PUT' }, but received 'POST'.
        GET /master/weights
        200 [{"role":"plan-b/c","weight":3.0},{"role":"plan-d","weight":4.0},{"role":"plan-a","weight":2.5}]
        "#,
    );
}

fn maintenance_is_planned() {
    follow(
        r#"
        GET_MAINTENANCE_SCHEDULE
        200 {"type":"GET_MAINTENANCE_SCHEDULE","get_maintenance_schedule":{"schedule":{}}}
        GET_MAINTENANCE_STATUS
        200 {"type":"GET_MAINTENANCE_STATUS","get_maintenance_status":{"status":{}}}
        UPDATE_MAINTENANCE_SCHEDULE {}
        400 Failed to convert JSON into Call protobuf: Missing required fields: update_maintenance_schedule.schedule
        UPDATE_MAINTENANCE_SCHEDULE {"schedule":{"windows":[{"machine_ids":[{"hostname":"Far","ip":"10.1.1.1"},{"ip":"10.1.1.2"}],"unavailability":{"start":{"nanoseconds":1900000000000000000},"duration":{"nanoseconds":3600000000000}}},{"machine_ids":[{"hostname":"other"}],"unavailability":{"start":{"nanoseconds":1900000000000000000}}}]}}
        200
        GET_MAINTENANCE_SCHEDULE
        200 {"type":"GET_MAINTENANCE_SCHEDULE","get_maintenance_schedule":{"schedule":{"windows":[{"machine_ids":[{"hostname":"Far","ip":"10.1.1.1"},{"ip":"10.1.1.2"}],"unavailability":{"start":{"nanoseconds":1900000000000000000},"duration":{"nanoseconds":3600000000000}}},{"machine_ids":[{"hostname":"other"}],"unavailability":{"start":{"nanoseconds":1900000000000000000}}}]}}}
        START_MAINTENANCE {}
        400 List of machines is empty
        START_MAINTENANCE {"machines":[{"hostname":"none","ip":"10.1.1.1"}]}
        400 Machine '{"hostname":"none","ip":"10.1.1.1"}' is not part of a maintenance schedule
        START_MAINTENANCE {"machines":[{"hostname":"other"},{"hostname":"Other"}]}
        400 Machine '{"hostname":"Other"}' appears more than once in the schedule
        START_MAINTENANCE {"machines":[{"hostname":"FAR","ip":"10.1.1.1"}]}
        200
        START_MAINTENANCE {"machines":[{"hostname":"far","ip":"10.1.1.1"}]}
        400 Machine '{"hostname":"far","ip":"10.1.1.1"}' is not in DRAINING mode and cannot be brought down
        GET_MAINTENANCE_STATUS
        200 {"type":"GET_MAINTENANCE_STATUS","get_maintenance_status":{"status":{"draining_machines":[{"id":{"ip":"10.1.1.2"}},{"id":{"hostname":"other"}}],"down_machines":[{"hostname":"Far","ip":"10.1.1.1"}]}}}
        POST /maintenance/schedule {"windows":[]}
        400 Machine '{"hostname":"Far","ip":"10.1.1.1"}' is deactivated and cannot be removed from the schedule
        STOP_MAINTENANCE {"machines":[{"hostname":"other"}]}
        400 Machine '{"hostname":"other"}' is not in DOWN mode and cannot be brought up
        STOP_MAINTENANCE {"machines":[{"hostname":"far","ip":"10.1.1.1"}]}
        200
        POST /machine/down [{"hostname":"other"}]
        200
        GET /maintenance/status
        200 {"down_machines":[{"hostname":"other"}],"draining_machines":[{"id":{"ip":"10.1.1.2"}}]}
        POST /master/machine/up [{"hostname":"other"}]
        200
        GET /maintenance/schedule
        200 {"windows":[{"machine_ids":[{"ip":"10.1.1.2"}],"unavailability":{"duration":{"nanoseconds":3600000000000},"start":{"nanoseconds":1900000000000000000}}}]}
        POST /machine/down nonsense
        400 syntax error at line 1 near: onsense
        POST /machine/down {"hostname":"other"}
        400 Unexpected JSON type parsed
        POST /machine/up []
        400 List of machines is empty
        POST /machine/down [{}]
        400 Both 'hostname' and 'ip' for a machine are empty
        POST /machine/down [3]
        400 Expecting a JSON object
        POST /machine/down [{"ip":"::1"}]
        400 Failed to parse IPv4: ::1
        GET /machine/down
        405 405 Method Not Allowed. Expecting one of { 'POST' }, but received 'GET'.
        POST /maintenance/schedule {"windows":[{"machine_ids":[{"hostname":"x"},{"hostname":"X"}],"unavailability":{"start":{"nanoseconds":1}}}]}
        400 Machine '{"hostname":"X"}' appears more than once in the schedule
        POST /maintenance/schedule {"windows":[{"machine_ids":[],"unavailability":{"start":{"nanoseconds":1}}}]}
        400 List of machines in the maintenance window is empty
        POST /maintenance/schedule {"windows":[{"machine_ids":[{}],"unavailability":{"start":{"nanoseconds":1},"duration":{"nanoseconds":-1}}}]}
        400 Unavailability 'duration' is negative
        POST /maintenance/schedule {"windows":[{}]}
        400 Missing required fields: windows[0].unavailability
        POST /maintenance/schedule {"windows":[{"machine_ids":"x"}]}
        400 Not expecting a JSON string for field 'machine_ids'
        PUT /maintenance/schedule {}
        405 405 Method Not Allowed. Expecting one of { 'GET', 'POST' }, but received 'PUT'.
        POST /maintenance/status {}
        405 405 Method Not Allowed. Expecting one of { 'GET' }, but received 'POST'.
        POST /maintenance/schedule {}
        200
        GET /maintenance/schedule/x
        200 {}
        GET /maintenance
        404 404 Not Found.
        "#,
    );
}

fn cpus_of(offer: &mesos_perl::proto::Offer) -> f64 {
    let cpus = offer.resources.iter().filter(|item| item.name == "cpus");
    cpus.filter_map(|item| item.scalar).map(|scalar| scalar.value).sum()
}

#[test]
fn plans_take_effect_and_a_reset_ends_them() {
    let program = Program::new(&["--control"]);
    let address = program.address;
    let done = |what: &str| assert_eq!(step(address, what), (200, "".into()), "{what}");
    done(r#"UPDATE_QUOTA {"quota_configs":[{"role":"plan-eng","limits":{"cpus":{"value":1.5}}}]}"#);
    done(r#"UPDATE_WEIGHTS {"weight_infos":[{"role":"plan-eng","weight":2}]}"#);
    let multi_role = framework_info::Capability {
        r#type: Some(framework_info::capability::Type::MultiRole as i32),
    };
    let eng = FrameworkInfo {
        roles: vec!["plan-eng".into()],
        capabilities: vec![multi_role],
        ..info("plans")
    };
    let mut framework = Framework::at(address, "none", eng);
    let offer = framework.offer();
    assert_eq!(cpus_of(&offer), 1.5);
    let mut task = framework.command("t", "sleep 1000");
    task.resources = vec![scalar("cpus", 0.5), scalar("mem", 32.0)];
    framework.launch_on(&offer, vec![task]);
    until("what is used", || {
        let (_, roles) = step(address, "GET /roles");
        let eng = &roles["roles"][0];
        eng["weight"] == 2.0 && eng["quota"]["consumed"] == json!({ "cpus": 0.5, "mem": 32.0 })
    });
    done(
        r#"POST /maintenance/schedule {"windows":[{"machine_ids":[{"hostname":"LOCALHOST","ip":"127.0.0.1"}],"unavailability":{"start":{"nanoseconds":1900000000000000000}}}]}"#,
    );
    let inverse = framework.find("an inverse offer", |event| {
        event.inverse_offers.as_ref()?.inverse_offers.first().cloned()
    });
    assert_eq!(inverse.unavailability.start.nanoseconds, 1_900_000_000_000_000_000);
    framework.accepted(scheduler::Call {
        accept_inverse_offers: Some(AcceptInverseOffers {
            inverse_offer_ids: vec![inverse.id],
            filters: None,
        }),
        ..call(Type::AcceptInverseOffers)
    });
    let (_, status) = step(address, "GET /maintenance/status");
    let said = &status["draining_machines"][0]["statuses"][0];
    assert_eq!(
        (&said["status"], &said["framework_id"]["value"]),
        (&json!("ACCEPT"), &json!(framework.id.value))
    );
    assert!(said["timestamp"]["nanoseconds"].is_i64(), "{status}");
    done(r#"START_MAINTENANCE {"machines":[{"hostname":"localhost","ip":"127.0.0.1"}]}"#);
    framework.find("the end of the agent", |event| event.failure.clone());
    assert_eq!(step(address, "GET_AGENTS").1["get_agents"]["agents"], json!([]));

    let token = format!("Bearer {}", program.ready["control_token"].as_str().unwrap());
    let reset = || {
        let reset = request(address, "POST", "/mesos-local/reset", &[("Authorization", &token)], b"");
        let report: Value = serde_json::from_slice(&reset.body).expect("JSON");
        assert_eq!(report["settled"], true);
    };
    reset();
    assert_eq!(step(address, "GET /quota"), (200, json!({})));
    assert_eq!(step(address, "GET /weights"), (200, json!([])));
    assert_eq!(step(address, "GET /maintenance/schedule"), (200, json!({})));
    assert_eq!(step(address, "GET /maintenance/status"), (200, json!({})));
    let mut next = Framework::at(address, "none", info("next"));
    let offer = next.offer();
    assert_eq!((cpus_of(&offer), offer.unavailability), (4.0, None));

    let agent = offer.slave_id.value;
    done(&format!(r#"DRAIN_AGENT {{"agent_id":{{"value":"{agent}"}}}}"#));
    reset();
    let mut last = Framework::at(address, "none", info("last"));
    assert_eq!(last.offer().slave_id.value, agent, "it is drained no longer");
}

#[test]
fn a_reset_takes_agents_into_use_again() {
    let program = Program::new(&["--control"]);
    let address = program.address;
    let token = format!("Bearer {}", program.ready["control_token"].as_str().unwrap());
    let agents = || {
        let (_, mut said) = step(address, "GET_AGENTS");
        said["get_agents"]["agents"].take()
    };
    let id = agents()[0]["agent_info"]["id"].clone();
    for order in [
        json!({ "type": "DEACTIVATE_AGENT", "deactivate_agent": { "agent_id": id } }),
        json!({ "type": "DRAIN_AGENT", "drain_agent": { "agent_id": id } }),
        // The end of its task is never acknowledged, so that it is draining until the framework goes.
        json!({ "type": "DRAIN_AGENT", "drain_agent": { "agent_id": id, "mark_gone": true } }),
    ] {
        let mut framework = Framework::at(address, "none", info("busy"));
        let offer = framework.offer();
        assert_eq!(cpus_of(&offer), 4.0, "before {order}");
        let mut task = framework.command("t", "sleep 1000");
        task.resources = vec![scalar("cpus", 0.5), scalar("mem", 32.0)];
        framework.launch_on(&offer, vec![task]);
        framework.wait_for("t", TaskState::TaskRunning);
        assert_eq!(ask(address, "POST", "/api/v1", &order.to_string()), (200, "".into()));
        let reset = request(address, "POST", "/mesos-local/reset", &[("Authorization", &token)], b"");
        let report: Value = serde_json::from_slice(&reset.body).expect("JSON");
        assert_eq!(report["settled"], true, "{order}");
        let agents = agents();
        assert_eq!(agents[0]["agent_info"]["id"], id, "{order}");
        assert_eq!(
            (&agents[0]["deactivated"], agents.as_array().map(Vec::len)),
            (&json!(false), Some(1)),
            "{order}"
        );
    }
    let mut next = Framework::at(address, "none", info("next"));
    assert_eq!(cpus_of(&next.offer()), 4.0);
}

/// With `source`, resources go from one reservation to another.
#[test]
fn reservations_are_moved() {
    let program = Program::new(&[]);
    let agent = || step(program.address, "GET_AGENTS").1["get_agents"]["agents"][0].clone();
    let id = agent()["agent_info"]["id"].clone();
    let disk = |role: &str| {
        let reserved = json!([{ "type": "DYNAMIC", "role": role }]);
        let reservations = if role == "*" { json!([]) } else { reserved };
        json!([{ "name": "disk", "type": "SCALAR", "scalar": { "value": 10 }, "reservations": reservations }])
    };
    let has = |role: &str| agent()["total_resources"].to_string().contains(role);
    for (from, to) in [("*", "plan-a"), ("plan-a", "plan-b"), ("plan-b", "plan-c")] {
        let call = json!({ "agent_id": id, "source": disk(from), "resources": disk(to) });
        let answer = step(program.address, &format!("RESERVE_RESOURCES {call}"));
        assert_eq!(answer, (202, "".into()));
        assert!(has(to) && (from == "*" || !has(from)), "{from} to {to}");
    }
    // It is not there any more.
    let call = json!({ "agent_id": id, "source": disk("plan-a"), "resources": disk("plan-b") });
    let (status, text) = step(program.address, &format!("RESERVE_RESOURCES {call}"));
    assert!(status == 409 && text.to_string().contains("plan-a"), "{status} {text}");
}
