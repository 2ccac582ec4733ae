//! Master strings other than one address, against scripted masters.

mod support;

use mesos_perl::backends::scheduler;
use mesos_perl::driver::SchedulerOptions;
use mesos_perl::proto::scheduler as api;
use std::net::TcpListener;
use support::scheduler::{options, start, subscribe, subscribed};
use support::{expect, text, Server};

/// An address where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    listener.local_addr().expect("address").to_string()
}

fn refuse(master: &Server, status: &str, headers: &str) {
    let mut connection = master.accept();
    let call: api::Call = connection.request().decode();
    assert_eq!(call.r#type(), api::call::Type::Subscribe);
    connection.answer(status, headers, "");
}

#[test]
fn listed_masters_are_tried_in_turn() {
    let masters = [Server::new(), Server::new(), Server::new()];
    let list = [nobody(), format!("http://{}", masters[0].address()), masters[1].address()];
    let (driver, channel) = start(SchedulerOptions {
        master: list.join(","),
        ..options(&masters[0])
    });
    // Nobody; one without a leader; one that follows a master outside of the list.
    refuse(&masters[0], "503 Service Unavailable", "");
    let location = format!("Location: //{}/master/api/v1/scheduler\r\n", masters[2].address());
    refuse(&masters[1], "307 Temporary Redirect", &location);
    let (stream, _) = subscribe(&masters[2]);
    expect(&channel, "registered");
    // The leader is lost: another one is found from the list, which goes on where it was.
    drop(stream);
    expect(&channel, "disconnected");
    let (mut stream, _) = masters[0].subscription();
    stream.record(&subscribed(15.0));
    expect(&channel, "reregistered");
    driver.close();
    assert!(channel.is_empty());
    assert!(masters.iter().skip(1).all(|m| m.is_idle()));
}

#[test]
fn a_list_of_masters_that_are_gone_is_named_in_the_error() {
    let (one, other) = (nobody(), nobody());
    let master = format!("{one},{other}");
    let server = Server::new();
    let (driver, channel) = start(SchedulerOptions {
        master: master.clone(),
        master_timeout: Some(std::time::Duration::from_millis(500)),
        ..options(&server)
    });
    let error = text(&expect(&channel, "error"), 0);
    assert!(
        error.starts_with(&format!("no master at {master} for 0.5 s: cannot connect")),
        "{error}"
    );
    driver.close();
}

#[test]
fn redirects_in_a_circle_are_followed_with_pauses() {
    let (one, other) = (Server::new(), Server::new());
    let (driver, channel) = start(options(&one));
    let to = |server: &Server| format!("Location: //{}/master/api/v1/scheduler\r\n", server.address());
    for _ in 0..2 {
        // Six requests, then a pause and the first master again.
        for _ in 0..3 {
            refuse(&one, "307 Temporary Redirect", &to(&other));
            refuse(&other, "307 Temporary Redirect", &to(&one));
        }
    }
    let (_stream, _) = subscribe(&one);
    expect(&channel, "registered");
    driver.close();
}

#[test]
fn masters_with_addresses_of_ipv6_and_with_names() {
    let Some(server) = Server::on("[::1]:0") else {
        return support::skip::skip("masters", "this machine has no ::1");
    };
    let port = server.port();
    let follower = Server::new();
    for master in [
        format!("[::1]:{port}"),
        format!("http://[::1]:{port}/"),
        format!("master@[::1]:{port}"),
    ] {
        let (driver, channel) = start(SchedulerOptions {
            master,
            ..options(&follower)
        });
        let (_stream, request) = subscribe(&server);
        assert_eq!(request.header("Host"), Some(&*format!("[::1]:{port}")));
        expect(&channel, "registered");
        driver.close();
    }
    // A name, and a redirect from one family to the other.
    let (driver, channel) = start(SchedulerOptions {
        master: format!("localhost:{}", follower.port()),
        ..options(&follower)
    });
    refuse(
        &follower,
        "307 Temporary Redirect",
        &format!("Location: //[::1]:{port}/master/api/v1/scheduler\r\n"),
    );
    let (_stream, _) = subscribe(&server);
    expect(&channel, "registered");
    driver.close();
}

#[test]
fn files_name_masters() {
    let server = Server::new();
    let path = std::env::temp_dir().join(format!("mesos-masters-{}", std::process::id()));
    std::fs::write(&path, format!("\n  {} \n", server.address())).expect("write");
    let from_file = || SchedulerOptions {
        master: format!("file://{}", path.display()),
        ..options(&server)
    };
    let (driver, channel) = start(from_file());
    let (_stream, _) = subscribe(&server);
    expect(&channel, "registered");
    driver.close();
    std::fs::remove_file(&path).expect("remove");
    let error = scheduler::new(from_file(), channel)
        .map(drop)
        .expect_err("no file")
        .to_string();
    assert!(
        error.starts_with("master: the file ") && error.contains("cannot be read"),
        "{error}"
    );
}
