//! Calls of the v1 executor API: validation and dispatch. Codes and texts are those of Mesos 1.11.

use super::refusal::Refusal;
use crate::local::agent::Agent;
use crate::local::core::{Core, Opened};
use crate::local::ids;
use crate::local::stream::Format;
use crate::proto::executor::call::Type;
use crate::proto::executor::Call;
use crate::proto::task_status::Source;
use crate::proto::{TaskState, TaskStatus};
use hyper::StatusCode;

/// What a call that was understood is answered with.
pub enum Answer {
    Subscribed(Opened),
    Accepted,
}

/// Checks that need no state.
pub fn validate(call: &Call) -> Result<Type, Refusal> {
    check(call).map_err(|reason| Refusal::bad(format!("Failed to validate Executor::Call: {reason}")))
}

fn check(call: &Call) -> Result<Type, String> {
    let kind = call
        .r#type
        .and_then(|kind| Type::try_from(kind).ok())
        .ok_or("Expecting 'type' to be present")?;
    match kind {
        Type::Subscribe => {
            let subscribe = call.subscribe.as_ref().ok_or("Expecting 'subscribe' to be present")?;
            for update in &subscribe.unacknowledged_updates {
                check_status(call, &update.status)?;
            }
        }
        Type::Update => check_status(call, &call.update.as_ref().ok_or("Expecting 'update' to be present")?.status)?,
        Type::Message => {
            call.message.as_ref().ok_or("Expecting 'message' to be present")?;
        }
        Type::Heartbeat | Type::Unknown => {}
    }
    Ok(kind)
}

fn check_status(call: &Call, status: &TaskStatus) -> Result<(), String> {
    let uuid = status.uuid.as_ref().ok_or("Expecting 'uuid' to be present")?;
    if !ids::is_uuid(uuid) {
        return Err("Not a valid UUID".into());
    }
    let (executor, framework) = (&call.executor_id.value, &call.framework_id.value);
    if let Some(named) = status.executor_id.as_ref().filter(|named| named.value != *executor) {
        let named = &named.value;
        return Err(format!(
            "ExecutorID in Call: {executor} does not match ExecutorID in TaskStatus: {named}"
        ));
    }
    if status.source != Some(Source::Executor as i32) {
        let source = status
            .source
            .and_then(|source| Source::try_from(source).ok())
            .unwrap_or(Source::Master)
            .as_str_name();
        return Err(format!(
            "Received Call from executor {executor} of framework {framework} with invalid source {source}, expecting 'SOURCE_EXECUTOR'"
        ));
    }
    if status.state == TaskState::TaskStaging as i32 {
        return Err(format!(
            "Received TASK_STAGING from executor {executor} of framework {framework} which is not allowed"
        ));
    }
    Ok(())
}

/// Whether a call has to wait, since nobody has room for what it carries. When that may have changed, `core.relief` is notified.
pub fn has_no_room_for(core: &Core, kind: Type, call: &Call, only: Option<u64>) -> bool {
    let Ok(process) = core.find_executor(&call.framework_id.value, &call.executor_id.value, only) else {
        return false;
    };
    let framework = core.master.frameworks.get(&call.framework_id.value);
    let framework_is_full = framework.is_some_and(|framework| framework.is_full());
    let agent_is_full = || {
        let agent = core.running_agent(Agent::owner_of(process));
        agent.is_some_and(|agent| agent.has_no_room_for(process, kind, call))
    };
    match kind {
        Type::Message => framework_is_full,
        Type::Update => framework_is_full || agent_is_full(),
        Type::Subscribe => {
            let mut subscribe = call.subscribe.iter();
            subscribe.any(|subscribe| !subscribe.unacknowledged_updates.is_empty()) && (framework_is_full || agent_is_full())
        }
        Type::Heartbeat | Type::Unknown => false,
    }
}

/// What an executor hears of an agent that is down: it asks again until the agent is back.
pub fn not_back() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "Agent has not finished recovery")
}

/// Carries out a validated call. `format` is that of its events, `only` is the process in whose name the caller may speak, when it is not everyone's.
pub fn handle(core: &mut Core, kind: Type, call: Call, only: Option<u64>, format: Format) -> Result<Answer, Refusal> {
    core.tick();
    let answer = answer(core, kind, call, only, format);
    core.run();
    answer
}

fn answer(core: &mut Core, kind: Type, call: Call, only: Option<u64>, format: Format) -> Result<Answer, Refusal> {
    // Answered before anything is looked up: the C++ library sends it with invented ids.
    if kind == Type::Heartbeat {
        return Ok(Answer::Accepted);
    }
    let found = core.find_executor(&call.framework_id.value, &call.executor_id.value, only);
    // By its ids alone it may also be one of another agent.
    let is_left = || only.is_none() && core.is_left(&call.framework_id.value, &call.executor_id.value);
    if found.is_err() && core.an_agent_is_down() || is_left() {
        return Err(not_back());
    }
    if only.is_some_and(|only| found != Ok(only)) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "The token is that of another executor"));
    }
    let process = found.map_err(Refusal::bad)?;
    let gone = || Refusal::bad("Executor cannot be found");
    if kind == Type::Subscribe {
        let opened = core.open_stream(format);
        let agent = core.agent(Agent::owner_of(process)).ok_or_else(gone)?;
        agent.executor_subscribe(process, call.subscribe.unwrap_or_default(), opened.stream.clone());
        return Ok(Answer::Subscribed(opened));
    }
    let agent = core.agent(Agent::owner_of(process)).ok_or_else(gone)?;
    if !agent.is_registered_executor(process) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "Executor is not subscribed"));
    }
    match kind {
        Type::Update => agent.executor_update(process, call.update.unwrap_or_default().status),
        Type::Message => agent.message_to_framework(process, call.message.unwrap_or_default().data),
        _ => return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "501 Not Implemented.")),
    }
    Ok(Answer::Accepted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::executor::call::Update;
    use crate::proto::{ExecutorId, FrameworkId};

    fn update(change: fn(&mut TaskStatus)) -> Result<Type, String> {
        let mut status = TaskStatus {
            uuid: Some(ids::uuid_bytes().to_vec().into()),
            source: Some(Source::Executor as i32),
            state: TaskState::TaskRunning as i32,
            ..Default::default()
        };
        change(&mut status);
        check(&Call {
            executor_id: ExecutorId { value: "e".into() },
            framework_id: FrameworkId { value: "f".into() },
            r#type: Some(Type::Update as i32),
            update: Some(Update { status }),
            ..Default::default()
        })
    }

    #[test]
    fn updates() {
        assert_eq!(update(|_| ()), Ok(Type::Update));
        let error = |change| update(change).unwrap_err();
        assert_eq!(error(|s| s.uuid = None), "Expecting 'uuid' to be present");
        assert_eq!(error(|s| s.uuid = Some(vec![1].into())), "Not a valid UUID");
        let other = "ExecutorID in Call: e does not match ExecutorID in TaskStatus: x";
        assert_eq!(error(|s| s.executor_id = Some(ExecutorId { value: "x".into() })), other);
        assert!(error(|s| s.source = None).contains("invalid source SOURCE_MASTER, expecting 'SOURCE_EXECUTOR'"));
        let staging = "Received TASK_STAGING from executor e of framework f which is not allowed";
        assert_eq!(error(|s| s.state = TaskState::TaskStaging as i32), staging);
    }

    #[test]
    fn members() {
        let of = |kind: Type| {
            check(&Call {
                r#type: Some(kind as i32),
                ..Default::default()
            })
        };
        assert_eq!(check(&Call::default()).unwrap_err(), "Expecting 'type' to be present");
        assert_eq!(of(Type::Subscribe).unwrap_err(), "Expecting 'subscribe' to be present");
        assert_eq!(of(Type::Update).unwrap_err(), "Expecting 'update' to be present");
        assert_eq!(of(Type::Message).unwrap_err(), "Expecting 'message' to be present");
        assert_eq!(of(Type::Heartbeat), Ok(Type::Heartbeat));
    }
}
