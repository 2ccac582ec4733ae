//! Answers of servers and gateways that are allowed, odd or wrong: what the driver makes of each, on a real socket.

mod support;

use mesos_perl::driver::SchedulerOptions;
use mesos_perl::proto::{scheduler as api, TaskState, TaskStatus};
use prost::Message;
use std::time::{Duration, Instant};
use support::scheduler::{acknowledge, event, kill, launch, options, registered, start, subscribe, subscribed, update};
use support::{expect, message, next_event, text, Connection, Server};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n";

fn record(event: &impl Message) -> Vec<u8> {
    let event = event.encode_to_vec();
    [format!("{}\n", event.len()).as_bytes(), &event].concat()
}

fn chunk(data: &[u8], extension: &str) -> Vec<u8> {
    [format!("{:x}{extension}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

/// Accepts a SUBSCRIBE and answers with these bytes.
fn answer(server: &Server, bytes: &[u8]) -> Connection {
    let mut connection = server.accept();
    let call: api::Call = connection.request().decode();
    assert_eq!(call.r#type(), api::call::Type::Subscribe);
    connection.send(bytes);
    connection
}

fn kills(calls: &mut Connection) -> String {
    calls.request().decode::<api::Call>().kill.expect("KILL").task_id.value
}

#[test]
fn streams_in_every_allowed_form() {
    let hello = record(&subscribed(15.0));
    let length = format!("{HEAD}Content-Length: {}\r\n\r\n", hello.len() + 1000);
    let chunked = format!("{HEAD}TRANSFER-ENCODING:   Chunked  \r\nMesos-Stream-Id:s\r\n\r\n");
    let long = format!("{HEAD}X: {}\r\nTransfer-Encoding: chunked\r\n\r\n", "x".repeat(60_000));
    let continued = format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nA: b\r\n\r\n{chunked}");
    for (name, head, body) in [
        ("a length", length, hello.clone()),
        (
            "the end of the connection",
            format!("{HEAD}Connection: close\r\n\r\n"),
            hello.clone(),
        ),
        (
            "a content type with parameters",
            "HTTP/1.1 200 OK\r\nContent-Type: Application/X-Protobuf ; charset=\"utf-8\"\r\n\r\n".to_string(),
            hello.clone(),
        ),
        ("HTTP/1.0", HEAD.replace("1.1", "1.0") + "\r\n", hello.clone()),
        ("chunks with extensions", chunked.clone(), chunk(&hello, " ;name=\"value\"")),
        ("100 Continue", continued, chunk(&hello, "")),
        (
            "a list over two headers",
            format!("{HEAD}Transfer-Encoding: identity\r\nContent-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n"),
            chunk(&hello, ""),
        ),
        ("a long header", long, chunk(&hello, "")),
        (
            "chunks of one byte",
            chunked,
            hello.iter().flat_map(|b| chunk(&[*b], "")).collect::<Vec<u8>>(),
        ),
    ] {
        let server = Server::new();
        let (driver, channel) = start(options(&server));
        // In small pieces: each is a packet.
        let mut stream = answer(&server, b"");
        stream.stream.set_nodelay(true).expect("nodelay");
        let bytes = [head.as_bytes(), &body].concat();
        let step = bytes.len() / 40 + 1;
        for piece in bytes.chunks(step) {
            stream.send(piece);
        }
        assert_eq!(next_event(&channel).name, "registered", "{name}");
        driver.close();
    }
}

#[test]
fn streams_that_are_none_are_given_up_and_tried_again() {
    let hello = chunk(&record(&subscribed(15.0)), "");
    let with = |head: String| [head.as_bytes(), &hello].concat();
    let too_long = format!("{HEAD}X: {}\r\nTransfer-Encoding: chunked\r\n\r\n", "x".repeat(70_000));
    let too_many = format!("{HEAD}{}Transfer-Encoding: chunked\r\n\r\n", "X: y\r\n".repeat(100));
    let json = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let similar = json.replace("/json", "/x-protobuf-delimited; a=application/x-protobuf");
    let zipped = format!("{HEAD}Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n");
    let nothing = format!("{HEAD}Content-Length: 0\r\n\r\n");
    let accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
    for (name, bytes) in [
        ("a head that is too long", with(too_long)),
        ("too many headers", with(too_many)),
        ("another content type", with(json.to_string())),
        ("a similar content type", with(similar)),
        ("a content encoding that nobody asked for", with(zipped)),
        ("no content", nothing.into_bytes()),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        (
            "a redirect to nowhere",
            b"HTTP/1.1 307 T\r\nContent-Length: 0\r\n\r\n".to_vec(),
        ),
        (
            "a redirect to elsewhere",
            b"HTTP/1.1 307 T\r\nLocation: https://a.example:1/\r\nContent-Length: 0\r\n\r\n".to_vec(),
        ),
        (
            "a length that is none",
            b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n".to_vec(),
        ),
        (
            "503 until the end",
            b"HTTP/1.1 503 Service Unavailable\r\n\r\nNo leader elected".to_vec(),
        ),
    ] {
        let server = Server::new();
        let (driver, channel) = start(options(&server));
        drop(answer(&server, &bytes));
        let (_stream, _) = subscribe(&server);
        assert_eq!(next_event(&channel).name, "registered", "{name}");
        assert!(channel.is_empty(), "{name}: the first one was taken");
        driver.close();
    }
    // What belongs to no attempt: a SUBSCRIBE that is accepted, as if it were a call.
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let _connection = answer(&server, accepted.as_bytes());
    let error = text(&expect(&channel, "error"), 0);
    assert!(error.starts_with("Received unexpected '202 Accepted'"), "{error}");
    driver.close();
}

#[test]
fn records_that_say_nothing_or_the_same_again() {
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let (mut stream, _) = server.subscription();
    // Before SUBSCRIBED nothing counts; an update of that time is not acknowledged and comes again.
    stream.record(&update("early", Some(&[1; 16])));
    stream.chunk(b"0\n0\n");
    stream.record(&event(api::event::Type::Heartbeat));
    stream.record(&subscribed(15.0));
    expect(&channel, "registered");
    // Again, with another interval.
    stream.record(&subscribed(0.01));
    stream.chunk(b"0\n");
    // Types that are unknown, missing, or without their content.
    stream.chunk(b"3\n\x08\xe7\x07");
    stream.chunk(b"4\n\x82\xf7\x02\x00");
    for kind in [
        api::event::Type::Update,
        api::event::Type::Offers,
        api::event::Type::Rescind,
        api::event::Type::Message,
        api::event::Type::Failure,
        api::event::Type::InverseOffers,
        api::event::Type::RescindInverseOffer,
        api::event::Type::UpdateOperationStatus,
        api::event::Type::Subscribed,
    ] {
        stream.record(&event(kind));
    }
    stream.record(&update("late", Some(&[2; 16])));
    let first = expect(&channel, "statusUpdate");
    assert_eq!(message::<TaskStatus>(&first, 0).task_id.value, "late");
    assert!(acknowledge(&first));
    let call: api::Call = server.accept().request().decode();
    assert_eq!(call.acknowledge.expect("ACKNOWLEDGE").uuid, &[2; 16][..]);
    driver.close();
    assert!(channel.is_empty(), "{:?}", channel.take());
    // An ERROR without a text is still the end.
    let (driver, channel) = start(options(&server));
    let (mut stream, _) = subscribe(&server);
    expect(&channel, "registered");
    stream.record(&event(api::event::Type::Error));
    assert_eq!(text(&expect(&channel, "error"), 0), "");
    driver.close();
}

#[test]
fn records_that_are_none_end_the_subscription() {
    for wrong in [
        &b"99999999999999999999\n"[..],
        b"268435457\n",
        b"-1\n",
        b"\n",
        b" 1\n",
        b"1\r\n",
        b"5\n\xff\xff\xff\xff\xff",
    ] {
        let server = Server::new();
        let (driver, channel) = start(options(&server));
        let (mut stream, _) = subscribe(&server);
        expect(&channel, "registered");
        stream.chunk(wrong);
        expect(&channel, "disconnected");
        let (_stream, _) = subscribe(&server);
        expect(&channel, "reregistered");
        driver.close();
        assert!(channel.is_empty());
    }
}

#[test]
fn without_a_stream_id_calls_go_without() {
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let hello = chunk(&record(&subscribed(15.0)), "");
    for id in ["", "Mesos-Stream-Id: \r\n", "Mesos-Stream-Id: two words\r\n"] {
        let head = format!("{HEAD}{id}Transfer-Encoding: chunked\r\n\r\n");
        let stream = answer(&server, &[head.as_bytes(), &hello].concat());
        next_event(&channel);
        driver.call(kill("t")).expect("kill");
        let mut calls = server.accept();
        let sent = calls.request().header("Mesos-Stream-Id").map(str::to_string);
        assert_eq!(sent.filter(|id| !id.is_empty()), None, "{id:?}");
        drop(stream);
        expect(&channel, "disconnected");
    }
    driver.close();
}

#[test]
fn answers_to_calls_in_every_allowed_form() {
    let (server, driver, channel, _stream) = registered();
    for task in ["a", "b", "c", "d", "e"] {
        driver.call(kill(task)).expect("kill");
    }
    let mut calls = server.accept();
    for task in ["a", "b", "c", "d", "e"] {
        assert_eq!(kills(&mut calls), task);
    }
    calls.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\n");
    calls.send(b"Content-Length: 0\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    calls.send(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nTrailer: t\r\n\r\n");
    // A refusal without a length: it ends with the connection, and what was sent behind it was not read.
    calls.send(b"HTTP/1.1 400 Bad Request\r\n\r\nThis call is wrong");
    drop(calls);
    let mut calls = server.accept();
    assert_eq!(kills(&mut calls), "e");
    calls.accepted();
    driver.call(kill("f")).expect("kill");
    assert_eq!(kills(&mut calls), "f");
    calls.accepted();
    driver.close();
    assert!(channel.is_empty(), "{:?}", channel.take());
}

/// Such a gateway closes after each answer, and says so or not.
#[test]
fn calls_through_a_gateway_that_speaks_http_1_0() {
    let (server, driver, channel, mut stream) = registered();
    let tasks = ["a", "b", "c", "d"];
    for task in tasks {
        driver.call(kill(task)).expect("kill");
    }
    for (task, says) in tasks
        .iter()
        .zip(["", "Connection: close\r\n", "Connection: x\r\nConnection: close\r\n", ""])
    {
        let mut calls = server.accept();
        assert_eq!(kills(&mut calls), *task);
        let version = if says.is_empty() { "1.0" } else { "1.1" };
        calls.send(format!("HTTP/{version} 202 Accepted\r\n{says}Content-Length: 0\r\n\r\n").as_bytes());
    }
    stream.record(&update("t", None));
    assert_eq!(next_event(&channel).name, "statusUpdate", "the subscription goes on");
    driver.close();
}

#[test]
fn a_launch_that_is_refused_without_a_length_is_told() {
    let (server, driver, channel, _stream) = registered();
    driver.call(launch("o", &["t"])).expect("launch");
    let mut calls = server.accept();
    calls.request();
    calls.send(b"HTTP/1.1 400 Bad Request\r\n\r\nThis call is wrong");
    drop(calls);
    let status: TaskStatus = message(&expect(&channel, "statusUpdate"), 0);
    assert_eq!(status.state(), TaskState::TaskLost);
    assert!(status.message().contains("This call is wrong"), "{status:?}");
    driver.close();
}

#[test]
fn calls_that_nobody_can_take_now_end_the_subscription() {
    for status in [
        "503 Service Unavailable",
        "429 Too Many Requests",
        "404 Not Found",
        "502 Bad Gateway",
    ] {
        let server = Server::new();
        let (driver, channel) = start(options(&server));
        let (_stream, _) = subscribe(&server);
        expect(&channel, "registered");
        for task in ["a", "b", "c"] {
            driver.call(kill(task)).expect("kill");
        }
        let mut calls = server.accept();
        for _ in 0..3 {
            calls.request();
        }
        calls.accepted();
        // Both at once: one loss.
        let refusal = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno");
        calls.send(refusal.repeat(2).as_bytes());
        expect(&channel, "disconnected");
        let (_stream, _) = subscribe(&server);
        expect(&channel, "reregistered");
        // What was refused is not sent again.
        driver.call(kill("d")).expect("kill");
        assert_eq!(kills(&mut server.accept()), "d", "{status}");
        driver.close();
        assert!(channel.is_empty(), "{:?}", channel.take());
    }
}

#[test]
fn several_redirects_of_calls_in_a_row_are_one_loss() {
    let (server, leader) = (Server::new(), Server::new());
    let (driver, channel) = start(options(&server));
    let (_stream, _) = subscribe(&server);
    expect(&channel, "registered");
    driver.call(launch("o1", &["accepted"])).expect("launch");
    for offer in ["o2", "o3"] {
        driver.call(launch(offer, &[offer])).expect("launch");
    }
    let mut calls = server.accept();
    for _ in 0..3 {
        calls.request();
    }
    let redirect = |to: &Server| {
        let location = format!("Location: //{}/master/api/v1/scheduler", to.address());
        format!("HTTP/1.1 307 Temporary Redirect\r\n{location}\r\nContent-Length: 0\r\n\r\n")
    };
    // The last one names the master itself, which is not true any more. An answer that belongs to no call comes behind.
    let accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
    let all = format!("{accepted}{}{}{accepted}", redirect(&leader), redirect(&server));
    calls.send(all.as_bytes());
    // What was redirected was not carried out: the tasks are lost, and only they.
    let mut lost = Vec::new();
    let disconnected = loop {
        let event = next_event(&channel);
        match &*event.name {
            "statusUpdate" => lost.push(message::<TaskStatus>(&event, 0)),
            _ => break event.name,
        }
    };
    assert_eq!(disconnected, "disconnected");
    let ids: Vec<&str> = lost.iter().map(|status| status.task_id.value.as_str()).collect();
    assert_eq!(ids, ["o2", "o3"]);
    assert!(lost.iter().all(|s| s.state() == TaskState::TaskLost && s.uuid.is_none()));
    // Found again as in the beginning.
    let mut connection = server.accept();
    connection.request();
    connection.send(redirect(&leader).as_bytes());
    let (_stream, _) = subscribe(&leader);
    expect(&channel, "reregistered");
    driver.close();
    assert!(channel.is_empty(), "{:?}", channel.take());
}

#[test]
fn an_answer_that_nobody_asked_for_ends_the_subscription() {
    let (server, driver, channel, _stream) = registered();
    driver.call(kill("a")).expect("kill");
    let mut calls = server.accept();
    calls.request();
    calls.accepted();
    calls.accepted();
    expect(&channel, "disconnected");
    let (_stream, _) = subscribe(&server);
    expect(&channel, "reregistered");
    driver.close();
}

#[test]
fn a_refused_authentication_of_a_call_is_final() {
    let (server, driver, channel, _stream) = registered();
    driver.call(kill("a")).expect("kill");
    let mut calls = server.accept();
    calls.request();
    calls.answer(
        "401 Unauthorized",
        "WWW-Authenticate: Basic realm=\"x\"\r\n",
        "401 Unauthorized.",
    );
    assert_eq!(text(&expect(&channel, "error"), 0), "Master refused authentication");
    driver.close();
    assert!(server.is_idle());
}

#[test]
fn a_master_that_wants_to_be_left_alone_is() {
    for (status, header, least) in [
        ("429 Too Many Requests", "Retry-After: 1\r\n", 1000),
        ("503 Service Unavailable", "retry-after:  1 \r\n", 1000),
        // A date, nonsense: the usual pauses.
        ("429 Too Many Requests", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", 0),
        ("429 Too Many Requests", "Retry-After: -1\r\n", 0),
        ("429 Too Many Requests", "", 0),
    ] {
        let server = Server::new();
        let (driver, channel) = start(SchedulerOptions {
            master_timeout: Some(Duration::from_secs(60)),
            ..options(&server)
        });
        let mut connection = server.accept();
        connection.request();
        connection.answer(status, header, "");
        let since = Instant::now();
        let (_stream, _) = subscribe(&server);
        assert!(
            since.elapsed() >= Duration::from_millis(least),
            "{header}: {:?}",
            since.elapsed()
        );
        expect(&channel, "registered");
        driver.close();
    }
}

#[test]
fn texts_of_a_master_are_shown_in_one_line_of_bounded_length() {
    let wild = format!("no\u{1b}[2J\r\nE0101 forged\u{202e}{}", "x".repeat(9000));
    let checked = |text: &str| {
        assert!(text.contains("no\\u{1b}[2J\\r\\nE0101 forged\\u{202e}xxx"), "{text}");
        assert!(text.len() < 4200 && !text.contains(char::is_control), "{text}");
    };
    // In an ERROR, in the refusal of SUBSCRIBE, and in that of a call.
    let (_server, driver, channel, mut stream) = registered();
    stream.record(&api::Event {
        error: Some(api::event::Error { message: wild.clone() }),
        ..event(api::event::Type::Error)
    });
    checked(&text(&expect(&channel, "error"), 0));
    driver.close();
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let mut connection = server.accept();
    connection.request();
    connection.answer("418 Teapot", "", &wild);
    checked(&text(&expect(&channel, "error"), 0));
    driver.close();
    let (server, driver, channel, _stream) = registered();
    driver.call(launch("o", &["t"])).expect("launch");
    let mut calls = server.accept();
    calls.request();
    calls.answer("400 Bad Request", "", &wild);
    let status: TaskStatus = message(&expect(&channel, "statusUpdate"), 0);
    checked(status.message());
    driver.close();
}
