//! The executor driver behind a network that fails: every update reaches the agent, until the agent has acknowledged it.

mod support;

use mesos_perl::driver::{ExecutorCall, Status};
use mesos_perl::proto::{self, executor as api, TaskId, TaskState, TaskStatus};
use prost::Message;
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use support::proxy::{Proxy, Way};
use support::{wait_for, Connection, Server};

const ROUNDS: usize = 12;
const UPDATES: usize = 50;

/// What the agent has got and given.
#[derive(Default)]
struct Book {
    /// Tasks in the order of their first updates.
    order: Vec<String>,
    received: usize,
    subscriptions: usize,
    /// Of updates: what was acknowledged, whether or not that arrived.
    acknowledged: BTreeSet<Vec<u8>>,
    /// Where events go.
    stream: Option<TcpStream>,
}

impl Book {
    /// Takes an update and acknowledges it.
    fn update(&mut self, status: &TaskStatus) {
        self.received += 1;
        if !self.order.contains(&status.task_id.value) {
            self.order.push(status.task_id.value.clone());
        }
        let uuid = status.uuid.clone().expect("uuid");
        self.acknowledged.insert(uuid.to_vec());
        self.tell(&api::Event {
            r#type: Some(api::event::Type::Acknowledged as i32),
            acknowledged: Some(api::event::Acknowledged {
                task_id: status.task_id.clone(),
                uuid,
            }),
            ..Default::default()
        });
    }

    fn tell(&mut self, event: &api::Event) {
        let event = event.encode_to_vec();
        let record = [format!("{}\n", event.len()).as_bytes(), &event].concat();
        let chunk = [format!("{:x}\r\n", record.len()).as_bytes(), &record, b"\r\n"].concat();
        // A connection that has just gone takes it nowhere.
        let _ = self.stream.as_mut().map(|stream| stream.write_all(&chunk));
    }
}

/// Answers one connection to its end.
fn serve(mut connection: Connection, book: &Mutex<Book>) {
    while let Some(request) = connection.try_request() {
        let call: api::Call = request.decode();
        let mut book = book.lock().expect("book");
        if call.r#type() == api::call::Type::Subscribe {
            let mut stream = connection.stream.try_clone().expect("clone");
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-protobuf\r\n\r\n";
            let _ = stream.write_all(head.as_bytes());
            book.stream = Some(stream);
            book.subscriptions += 1;
            book.tell(&api::Event {
                r#type: Some(api::event::Type::Subscribed as i32),
                subscribed: Some(api::event::Subscribed {
                    slave_info: proto::SlaveInfo {
                        hostname: "agent".into(),
                        ..Default::default()
                    },
                    ..Default::default()
                }),
                ..Default::default()
            });
            for update in call.subscribe.expect("subscribe").unacknowledged_updates {
                book.update(&update.status);
            }
        } else {
            book.update(&call.update.expect("UPDATE").status);
            let _ = (&connection.stream).write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
        }
    }
}

#[test]
fn no_update_is_lost() {
    let book = Arc::new(Mutex::new(Book::default()));
    let server = Server::new();
    let agent = server.address().parse().expect("address");
    let shared = Arc::clone(&book);
    std::thread::spawn(move || loop {
        let (connection, shared) = (server.accept(), Arc::clone(&shared));
        std::thread::spawn(move || serve(connection, &shared));
    });
    let proxy = Proxy::new(agent);
    let variables = [
        ("MESOS_CHECKPOINT", "1"),
        ("MESOS_RECOVERY_TIMEOUT", "1mins"),
        ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "20ms"),
    ];
    let (driver, channel) = support::executor::start(&proxy.address(), &variables);
    let mut told = Vec::new();
    let mut until = |count: usize| {
        wait_for("a subscription", || {
            told.extend(channel.take().map(|event| event.name.into_owned()));
            (told.iter().filter(|name| name.ends_with("registered")).count() >= count).then_some(())
        });
        told.clone()
    };
    until(1);
    let mut sent = Vec::new();
    for round in 0..ROUNDS {
        for number in 0..UPDATES {
            if number == UPDATES / 2 {
                match round % 4 {
                    0 => proxy.cut(),
                    1 => proxy.reset(),
                    2 => proxy.cut_after(Way::ToDriver, 300),
                    _ => proxy.cut_after(Way::ToMaster, 500),
                }
            }
            let task_id = TaskId {
                value: format!("{round}-{number}"),
            };
            sent.push(task_id.value.clone());
            let status = TaskStatus {
                task_id,
                state: TaskState::TaskFinished as i32,
                ..Default::default()
            };
            let status = status.encode_to_vec();
            assert_eq!(driver.call(ExecutorCall::SendStatusUpdate { status }), Ok(Status::Running));
        }
        until(round + 2);
    }
    let told = until(ROUNDS + 1);
    // Waits until the agent has acknowledged the last one.
    assert_eq!(driver.stop(), Status::Stopped);
    driver.close();
    let expected = |index: usize| match index {
        0 => "registered",
        _ if index % 2 == 0 => "reregistered",
        _ => "disconnected",
    };
    assert!(
        told.iter().enumerate().all(|(index, name)| name == expected(index)),
        "{told:?}"
    );
    let book = book.lock().expect("book");
    assert_eq!(book.order, sent, "each came, in their order");
    assert_eq!(book.acknowledged.len(), sent.len(), "each has one uuid");
    assert!(book.subscriptions > ROUNDS);
    let acknowledged = driver.stats().into_iter().find(|stat| stat.name == "updates_acknowledged");
    let acknowledged = acknowledged.and_then(|stat| stat.value).unwrap_or_default() as usize;
    assert!(
        (sent.len()..=book.received).contains(&acknowledged),
        "{acknowledged} acknowledgements, {} updates received",
        book.received
    );
}
