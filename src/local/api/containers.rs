//! The agent's calls for containers in those of tasks: a command that runs beside a task, its output, its end.
//!
//! Its output goes to files of its own in the sandbox. Who listens gets what is new in them, so nothing waits for a slow reader.

use super::content::{self, Accepted, MESSAGE_CONTENT_TYPE};
use super::executor::not_back;
use super::files::{self, MOST_READ};
use super::refusal::Refusal;
use super::reply::{self, Reply};
use crate::local::agent::companions::Started;
use crate::local::agent::state::{Container, Kind};
use crate::local::agent::Agent;
use crate::local::core::Core;
use crate::local::ids;
use crate::local::stream::{record, Format, RECORDIO};
use crate::message::text;
use crate::proto::CommandInfo;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::StatusCode;
use nix::sys::signal::Signal;
use serde_json::{json, Value};
use std::cell::RefCell;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// How often the files are looked at: nobody tells of what a program writes.
const LOOK: Duration = Duration::from_millis(20);

/// Its files.
const OUTPUTS: [&str; 2] = ["stdout", "stderr"];

/// So many records wait for a reader at most.
const WAITING: usize = 4;

/// What is to be answered.
pub enum Answer {
    Empty(StatusCode),
    /// The end of this process of the agent's, to a call of this type.
    End(u64, String),
    /// The output of this process.
    Output {
        process: u64,
        directory: PathBuf,
        /// Its process ends when nobody listens any more.
        is_owned: bool,
    },
}

/// The calls that are answered here. Each has a member of its name.
pub const CALLS: &[&str] = &[
    "LAUNCH_NESTED_CONTAINER",
    "LAUNCH_NESTED_CONTAINER_SESSION",
    "WAIT_NESTED_CONTAINER",
    "KILL_NESTED_CONTAINER",
    "REMOVE_NESTED_CONTAINER",
    "WAIT_CONTAINER",
    "KILL_CONTAINER",
    "ATTACH_CONTAINER_OUTPUT",
    INPUT,
];

/// The only call that comes as a stream of calls.
const INPUT: &str = "ATTACH_CONTAINER_INPUT";

/// Those that are answered with a stream.
pub fn is_streaming(kind: &str) -> bool {
    matches!(kind, "LAUNCH_NESTED_CONTAINER_SESSION" | "ATTACH_CONTAINER_OUTPUT")
}

/// Whether this call may come as the first one of a stream of calls, or alone.
pub fn check_stream(kind: &str, is_first: bool) -> Result<(), Refusal> {
    let text = match (kind == INPUT, is_first) {
        (true, false) => format!("Expecting 'Content-Type' to be {RECORDIO} for {kind} call"),
        (false, true) => format!("Streaming 'Content-Type' {RECORDIO} is not supported for {kind} call"),
        _ => return Ok(()),
    };
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text))
}

/// What Mesos looks at in the member of a call before it looks how the call has come.
pub fn validate(kind: &str, given: &Value) -> Result<(), Refusal> {
    let invalid = |text: &str| Refusal::bad(format!("Failed to validate agent::Call: {text}"));
    match given["type"].as_str() {
        _ if kind != INPUT => Ok(()),
        None => Err(invalid("Expecting 'attach_container_input.type' to be present")),
        Some("UNKNOWN") => Err(invalid("'attach_container_input.type' is unknown")),
        Some("CONTAINER_ID") if given["container_id"].is_null() => {
            let empty = json!({ "container_id": { "value": "" } });
            id_of(&empty, "attach_container_input", false).map(drop)
        }
        Some("CONTAINER_ID") => id_of(given, "attach_container_input", false).map(drop),
        Some(_) => Ok(()),
    }
}

/// The id in a call, from the outermost container on.
fn id_of(given: &Value, member: &str, needs_parent: bool) -> Result<Vec<String>, Refusal> {
    let invalid = |text: String| Refusal::bad(format!("Failed to validate agent::Call: {text}"));
    let mut id = Vec::new();
    let mut at = &given["container_id"];
    while at.is_object() {
        let value = at["value"].as_str().unwrap_or_default();
        ids::check(value).map_err(|why| invalid(format!("'{member}.container_id' is invalid: {why}")))?;
        id.push(value.to_string());
        at = &at["parent"];
    }
    id.reverse();
    match needs_parent && id.len() < 2 {
        true => Err(invalid(format!("Expecting '{member}.container_id.parent' to be present"))),
        false => Ok(id),
    }
}

/// The containers of an agent, and if asked for also those that are in others.
pub fn list(agent: &Agent, nested: bool) -> Vec<Value> {
    let shown = agent
        .containers
        .values()
        .filter(|container| nested || container.nested.is_none());
    let mut list: Vec<Value> = shown.map(|one| described(one, full_id(one), one.pid)).collect();
    if nested {
        list.extend(
            agent
                .companions
                .values()
                .filter(|one| one.status.is_none())
                .filter_map(|one| {
                    let parent = agent.containers.get(&one.parent)?;
                    let id = json!({ "value": one.id, "parent": full_id(parent) });
                    Some(described(parent, id, one.pid))
                }),
        );
    }
    list
}

fn full_id(container: &Container) -> Value {
    let id = json!({ "value": container.container_id });
    match &container.nested {
        None => id,
        Some(nested) => json!({ "value": container.container_id, "parent": { "value": nested.container_id } }),
    }
}

/// `of` is the container of the task or executor that it belongs to.
fn described(of: &Container, id: Value, pid: Option<u32>) -> Value {
    let name = match &of.kind {
        Kind::Custom(executor) => executor.info.name.clone().unwrap_or_default(),
        _ => String::new(),
    };
    json!({
        "framework_id": { "value": of.framework },
        "executor_id": { "value": of.executor_id },
        "executor_name": name,
        "container_id": id,
        "container_status": { "container_id": id, "executor_pid": pid },
    })
}

/// Answers one of the calls, of which `given` is the member of its name.
pub fn carry_out(core: &mut Core, number: usize, kind: &str, given: &Value) -> Result<Answer, Refusal> {
    let member = kind.to_ascii_lowercase();
    let nested = kind.contains("NESTED");
    if kind == INPUT && given["type"] != "CONTAINER_ID" {
        return Err(Refusal::bad("Expecting 'attach_container_input.type' to be CONTAINER_ID"));
    }
    let id = id_of(given, &member, nested)?;
    core.tick();
    let agent = core.agent(number).ok_or_else(not_back)?;
    let answer = match kind {
        "LAUNCH_NESTED_CONTAINER" | "LAUNCH_NESTED_CONTAINER_SESSION" => launch(agent, &id, kind, given),
        "KILL_NESTED_CONTAINER" | "KILL_CONTAINER" => kill(agent, &id, given),
        "REMOVE_NESTED_CONTAINER" => remove(agent, &id),
        "ATTACH_CONTAINER_OUTPUT" => attach(agent, &id),
        INPUT => attach(agent, &id).and_then(|_| {
            let text = "mesos-local gives containers no input: their standard input is empty";
            Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, text))
        }),
        _ => {
            let found = agent.companion_at(&id).or_else(|| agent.container_at(&id));
            let unknown = || Refusal::new(StatusCode::NOT_FOUND, format!("Container {} cannot be found", id.join(".")));
            found
                .map(|process| Answer::End(process, kind.to_string()))
                .ok_or_else(unknown)
        }
    };
    core.run();
    answer
}

fn launch(agent: &mut Agent, id: &[String], kind: &str, given: &Value) -> Result<Answer, Refusal> {
    let command = match &given["command"] {
        Value::Null => CommandInfo::default(),
        command => content::decoded("Mesos::CommandInfo", content::encoded("Mesos::CommandInfo", command)?)?,
    };
    if given["container"]["tty_info"].is_object() {
        let text = "mesos-local has no terminals";
        return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, text));
    }
    let is_session = kind == "LAUNCH_NESTED_CONTAINER_SESSION";
    let started = agent.start_companion(id, &command, is_session).map_err(Refusal::bad)?;
    Ok(match started {
        Started::Now(process) if is_session => output(agent, process, true),
        Started::Now(_) => Answer::Empty(StatusCode::OK),
        Started::Already => Answer::Empty(StatusCode::ACCEPTED),
    })
}

fn kill(agent: &mut Agent, id: &[String], given: &Value) -> Result<Answer, Refusal> {
    let number = given["signal"].as_i64().unwrap_or(Signal::SIGKILL as i64);
    let signal = i32::try_from(number).ok().and_then(|number| Signal::try_from(number).ok());
    let signal = signal.ok_or_else(|| Refusal::bad(format!("{number} is no signal")))?;
    let killed = match (agent.companion_at(id), agent.container_at(id)) {
        (Some(process), _) => agent.signal_companion(process, signal),
        (None, Some(process)) => {
            agent.signal_container(process, signal);
            true
        }
        (None, None) => false,
    };
    match killed {
        true => Ok(Answer::Empty(StatusCode::OK)),
        false => {
            let text = format!("Container '{}' cannot be found (or is already killed)", id.join("."));
            Err(Refusal::new(StatusCode::NOT_FOUND, text))
        }
    }
}

fn remove(agent: &mut Agent, id: &[String]) -> Result<Answer, Refusal> {
    let failed = |text: &str| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text);
    if let Some(process) = agent.companion_at(id) {
        agent.remove_companion(process).map_err(failed)?;
    } else if agent.container_at(id).is_some() {
        return Err(failed("Nested container has not terminated yet"));
    } else if agent.container_at(id.get(..1).unwrap_or_default()).is_none() {
        return Err(failed("Unknown root container"));
    }
    Ok(Answer::Empty(StatusCode::OK))
}

fn attach(agent: &Agent, id: &[String]) -> Result<Answer, Refusal> {
    let failed = |status, text: String| Err(Refusal::new(status, text));
    match agent.companion_at(id) {
        Some(process) if agent.companions.get(&process).is_some_and(|one| one.is_session) => Ok(output(agent, process, false)),
        None if agent.container_at(id).is_none() => {
            let text = format!("Container {} cannot be found", id.join("."));
            failed(StatusCode::NOT_FOUND, text)
        }
        _ => failed(
            StatusCode::INTERNAL_SERVER_ERROR,
            "I/O switchboard server was disabled for this container".into(),
        ),
    }
}

fn output(agent: &Agent, process: u64, is_owned: bool) -> Answer {
    let directory = agent.companions.get(&process).map(|one| one.directory.clone());
    Answer::Output {
        process,
        directory: directory.unwrap_or_default(),
        is_owned,
    }
}

/// The end of a process of the agent with this number: with its wait status, if that is known. None while it runs.
fn end_of(core: &Core, number: usize, process: u64) -> Option<Option<i32>> {
    // What ran on an agent that is down is not known to have ended in any way.
    core.running_agent(number).map_or(Some(None), |agent| agent.end_of(process))
}

/// What takes its time.
pub async fn answer(core: Rc<RefCell<Core>>, number: usize, answer: Answer, accepted: Accepted) -> Result<Reply, Refusal> {
    match answer {
        Answer::Empty(status) => Ok(reply::empty(status)),
        Answer::End(process, kind) => end(core, number, process, &kind, accepted.format).await,
        Answer::Output {
            process,
            directory,
            is_owned,
        } => Ok(follow(core, number, (process, directory, is_owned), accepted)),
    }
}

/// Waits for an end, and answers with it.
async fn end(core: Rc<RefCell<Core>>, number: usize, process: u64, kind: &str, format: Format) -> Result<Reply, Refusal> {
    let mut turns = core.borrow().turns();
    let status = loop {
        let end = end_of(&core.borrow(), number, process);
        match end {
            Some(status) => break status,
            None if turns.changed().await.is_err() => break None,
            None => {}
        }
    };
    let mut answer = json!({ "type": kind });
    let ended = status.map_or_else(|| json!({}), |status| json!({ "exit_status": status }));
    answer[kind.to_ascii_lowercase()] = ended;
    content::answer(format, "Mesos::Agent::Response", &answer)
}

/// A program whose output somebody listens to.
struct Heard {
    core: Rc<RefCell<Core>>,
    number: usize,
    process: u64,
    directory: PathBuf,
    format: Format,
    sender: Sender<Bytes>,
}

/// Answers with the output of a process, up to its end.
fn follow(core: Rc<RefCell<Core>>, number: usize, answer: (u64, PathBuf, bool), accepted: Accepted) -> Reply {
    let (process, directory, is_owned) = answer;
    let (sender, body) = reply::records(WAITING);
    let heard = Heard {
        core,
        number,
        process,
        directory,
        format: accepted.format,
        sender,
    };
    tokio::task::spawn_local(async move {
        let has_left = heard.tell_all().await.is_err();
        if has_left && is_owned {
            heard.kill();
        }
    });
    let mut reply = Reply::new(body);
    let kind = if accepted.stream {
        RECORDIO
    } else {
        accepted.format.content_type()
    };
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if accepted.stream {
        let of_records = HeaderValue::from_static(accepted.format.content_type());
        headers.insert(MESSAGE_CONTENT_TYPE, of_records);
    }
    reply
}

impl Heard {
    /// An error: nobody listens any more, or the files cannot be read.
    async fn tell_all(&self) -> Result<(), ()> {
        let mut read = [0; OUTPUTS.len()];
        loop {
            // First whether it has ended: what it wrote before is there then.
            let has_ended = end_of(&self.core.borrow(), self.number, self.process).is_some();
            let news = self.news(read).await?;
            let some = news.iter().any(|bytes| !bytes.is_empty());
            for ((name, at), bytes) in OUTPUTS.iter().zip(&mut read).zip(news) {
                *at += bytes.len() as u64;
                self.tell(name, bytes).await?;
            }
            match (some, has_ended) {
                (true, _) => {}
                (false, true) => return Ok(()),
                (false, false) => tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    () = self.sender.closed() => return Err(()),
                },
            }
        }
    }

    /// What is new in each file behind what was read of it. The sandbox is the task's, which can mount there what never answers.
    async fn news(&self, read: [u64; OUTPUTS.len()]) -> Result<[Vec<u8>; OUTPUTS.len()], ()> {
        let (work_dir, readers) = {
            let core = self.core.borrow();
            (core.settings.work_dir.clone(), core.readers.clone())
        };
        let directory = self.directory.clone();
        let look = move || {
            let new = |index: usize| {
                let path = directory.join(OUTPUTS[index]);
                let file = files::open_file(&work_dir, &text::from_bytes(path.as_os_str().as_bytes()), "read");
                // Not there before the program has begun.
                file.and_then(|file| file.read(read[index], Some(MOST_READ)))
                    .unwrap_or_default()
            };
            [new(0), new(1)]
        };
        readers
            .read(look)
            .await
            .map_err(|why| log::warn!("a command's output: {}", why.0))
    }

    async fn tell(&self, name: &str, bytes: Vec<u8>) -> Result<(), ()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let data = json!({ "type": name.to_ascii_uppercase(), "data": STANDARD.encode(bytes) });
        let data = json!({ "type": "DATA", "data": data });
        let body = content::written(self.format, "Mesos::Agent::ProcessIO", &data).map_err(drop)?;
        self.sender.send(record(&body)).await.map_err(drop)
    }

    fn kill(&self) {
        let mut core = self.core.borrow_mut();
        core.tick();
        if let Some(agent) = core.agent(self.number) {
            agent.signal_companion(self.process, Signal::SIGKILL);
        }
        core.run();
    }
}
