//! Masters found through a real ZooKeeper, with scripted masters behind it.

mod support;
#[path = "support/zookeeper.rs"]
mod zookeeper_support;

use mesos_perl::channel::Channel;
use mesos_perl::driver::{SchedulerDriver, SchedulerOptions, Status};
use mesos_perl::proto::{scheduler as api, Address, MasterInfo};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use support::scheduler::{options, start, subscribe, subscribed};
use support::{expect, message, next_event, text, wait_for, Connection, Server};
use zookeeper_support::{Ensemble, Kind, Writer};

fn json(master: &Server) -> String {
    let port = master.port();
    format!(
        r#"{{"address":{{"hostname":"nowhere.invalid","ip":"127.0.0.1","port":{port}}},"hostname":"nowhere.invalid",
            "id":"x","ip":16777343,"pid":"master@127.0.0.1:{port}","port":{port},"version":"1.11.0"}}"#
    )
}

/// A driver on this ensemble.
fn driver(url: String, server: &Server) -> (Arc<dyn SchedulerDriver>, Channel) {
    start(SchedulerOptions {
        master: url,
        ..options(server)
    })
}

/// Accepts a framework that has been registered elsewhere.
fn resubscribe(server: &Server) -> Connection {
    let (mut stream, request) = server.subscription();
    let call: api::Call = request.decode();
    assert_eq!(call.framework_id.map(|id| id.value).as_deref(), Some("F"));
    stream.record(&subscribed(15.0));
    stream
}

/// Nothing more is told: neither now nor while the driver ends.
fn finish(driver: &dyn SchedulerDriver, channel: &Channel) {
    driver.close();
    assert!(channel.is_empty(), "{:?}", channel.take());
}

#[test]
fn leaders_of_every_kind_come_and_go() {
    let Some(ensemble) = Ensemble::started(1, 60_000) else {
        return;
    };
    let masters = [Server::new(), Server::new(), Server::new(), Server::new()];
    let (driver, channel) = driver(ensemble.url("", "/a/mesos"), &masters[0]);
    let mut writer = Writer::connect(ensemble.port(0));
    writer.create("/a", b"", Kind::Persistent);
    writer.create("/a/mesos", b"", Kind::Persistent);
    writer.create("/a/mesos/log_replicas", b"", Kind::Persistent);
    let node = "/a/mesos/json.info_";
    let mut first = Writer::connect(ensemble.port(0));
    assert_eq!(
        first.create(node, json(&masters[0]).as_bytes(), Kind::EphemeralSequential),
        "/a/mesos/json.info_0000000001"
    );
    let (_stream, _) = subscribe(&masters[0]);
    expect(&channel, "registered");

    // Masters that join, and one that leaves, do not concern the leader.
    let info = MasterInfo {
        port: 1,
        address: Some(Address {
            ip: Some("127.0.0.1".into()),
            port: i32::from(masters[1].port()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let second = writer.create("/a/mesos/info_", &info.encode_to_vec(), Kind::EphemeralSequential);
    let pid = format!("master@{}", masters[2].address());
    let third = writer.create("/a/mesos/", pid.as_bytes(), Kind::EphemeralSequential);
    let other = writer.create(node, b"{}", Kind::EphemeralSequential);
    writer.delete(&other);

    // The leader's session ends: the second one leads, and the next one after that.
    drop(first);
    expect(&channel, "disconnected");
    let _stream = resubscribe(&masters[1]);
    expect(&channel, "reregistered");
    writer.delete(&second);
    expect(&channel, "disconnected");
    let _stream = resubscribe(&masters[2]);
    expect(&channel, "reregistered");

    // The same master through another node is another leader.
    let again = writer.create(node, json(&masters[2]).as_bytes(), Kind::EphemeralSequential);
    writer.delete(&third);
    expect(&channel, "disconnected");
    let _stream = resubscribe(&masters[2]);
    expect(&channel, "reregistered");

    // Nobody leads, even the parent is gone; then somebody again.
    writer.delete(&again);
    expect(&channel, "disconnected");
    writer.delete("/a/mesos/log_replicas");
    writer.delete("/a/mesos");
    writer.create("/a/mesos", b"", Kind::Persistent);
    writer.create(node, json(&masters[3]).as_bytes(), Kind::EphemeralSequential);
    let _stream = resubscribe(&masters[3]);
    expect(&channel, "reregistered");
    assert!(masters.iter().all(|m| m.is_idle()));
    finish(&*driver, &channel);
}

#[test]
fn credentials_are_used_and_wrong_ones_are_final() {
    let Some(ensemble) = Ensemble::started(1, 60_000) else {
        return;
    };
    let master = Server::new();
    let mut writer = Writer::authenticated(ensemble.port(0), "mesos:hush");
    writer.create("/mesos", b"", Kind::Persistent);
    writer.create("/mesos/json.info_", json(&master).as_bytes(), Kind::EphemeralSequential);
    for credentials in ["mesos:wrong@", ""] {
        let (driver, channel) = driver(ensemble.url(credentials, "/mesos"), &master);
        let error = text(&expect(&channel, "error"), 0);
        assert!(
            error.starts_with("Failed to detect a master: ZooKeeper at zk://127.0.0.1:"),
            "{error}"
        );
        assert!(error.contains("no permission") && !error.contains("wrong"), "{error}");
        finish(&*driver, &channel);
    }
    let (driver, channel) = driver(ensemble.url("mesos:hush@", "/mesos"), &master);
    let (_stream, _) = subscribe(&master);
    expect(&channel, "registered");
    finish(&*driver, &channel);
}

#[test]
fn an_ensemble_that_is_gone_ends_the_session_and_comes_back() {
    let Some(mut ensemble) = Ensemble::new(1, 1500) else {
        return;
    };
    let master = Server::new();
    // Nobody there yet: no error, and later a master.
    let (driver, channel) = driver(ensemble.url("", "/mesos"), &master);
    ensemble.start(0);
    ensemble.await_serving(0);
    let mut writer = Writer::connect(ensemble.port(0));
    writer.create("/mesos", b"", Kind::Persistent);
    writer.create("/mesos/json.info_", json(&master).as_bytes(), Kind::PersistentSequential);
    let (_stream, _) = subscribe(&master);
    expect(&channel, "registered");
    // Away for longer than the session's 1.5 s: whoever leads now is not known.
    ensemble.kill(0);
    expect(&channel, "disconnected");
    ensemble.start(0);
    let _stream = resubscribe(&master);
    expect(&channel, "reregistered");
    assert_eq!(driver.status(), Status::Running);
    finish(&*driver, &channel);
}

/// MESOS_TEST_MASTERS=host:port,... names real masters of Apache Mesos. They do not know this ZooKeeper: the nodes are made here.
#[test]
fn real_masters_lead_in_turn() {
    let Some(masters) = support::skip::wanted("zookeeper", "MESOS_TEST_MASTERS") else {
        return;
    };
    let Some(ensemble) = Ensemble::started(3, 60_000) else {
        return;
    };
    let ports: Vec<u16> = masters
        .split(',')
        .map(|m| m.rsplit_once(':').expect(m).1.parse().expect(m))
        .collect();
    assert!(ports.len() > 1);
    let mut writer = Writer::connect(ensemble.port(0));
    writer.create("/mesos", b"", Kind::Persistent);
    let mut create = |port: &u16| {
        let info = format!(r#"{{"address":{{"ip":"127.0.0.1","port":{port}}},"port":{port}}}"#);
        writer.create("/mesos/json.info_", info.as_bytes(), Kind::PersistentSequential)
    };
    let nodes: Vec<String> = ports.iter().map(&mut create).collect();
    let nowhere = Server::new();
    let (driver, channel) = driver(ensemble.url("", "/mesos"), &nowhere);
    for (round, port) in ports.iter().enumerate() {
        let (name, argument) = if round == 0 { ("registered", 1) } else { ("reregistered", 0) };
        // Agents' offers may come in between.
        let found = loop {
            let event = next_event(&channel);
            if event.name != "resourceOffers" {
                break event;
            }
        };
        assert_eq!(found.name, name);
        assert_eq!(message::<MasterInfo>(&found, argument).port, u32::from(*port));
        if round + 1 < nodes.len() {
            writer.delete(&nodes[round]);
            while next_event(&channel).name != "disconnected" {}
        }
    }
    driver.stop(false);
    driver.close();
}

#[test]
fn the_loss_of_a_member_is_not_noticed() {
    let Some(mut ensemble) = Ensemble::started(3, 60_000) else {
        return;
    };
    let masters = [Server::new(), Server::new(), Server::new()];
    let writers: Vec<(Writer, String)> = {
        Writer::connect(ensemble.port(0)).create("/mesos", b"", Kind::Persistent);
        let node = |master: &Server| {
            let mut writer = Writer::connect(ensemble.port(0));
            let node = writer.create("/mesos/json.info_", json(master).as_bytes(), Kind::PersistentSequential);
            (writer, node)
        };
        masters.iter().map(node).collect()
    };
    let nodes: Vec<String> = writers.into_iter().map(|(_, node)| node).collect();
    let before: Vec<usize> = (0..3).map(|n| ensemble.sessions(n)).collect();
    let (driver, channel) = driver(ensemble.url("", "/mesos"), &masters[0]);
    let (mut stream, _) = subscribe(&masters[0]);
    expect(&channel, "registered");
    let sessions = |ensemble: &Ensemble, n: usize| ensemble.sessions(n);
    let member = wait_for("the driver's session", || {
        (0..3).find(|&n| sessions(&ensemble, n) > before[n])
    });
    ensemble.kill(member);
    // It goes on to another member, within the session's time and unseen by the framework.
    let others: Vec<usize> = (0..3).filter(|&n| n != member).collect();
    wait_for("a session with another member", || {
        others.iter().find(|&&n| sessions(&ensemble, n) > before[n]).copied()
    });
    assert!(channel.is_empty() && stream.is_quiet(Duration::from_millis(100)));
    let mut streams = vec![stream];
    // Two leader changes through what is left.
    for round in 0..2 {
        ensemble.await_serving(others[round]);
        let mut writer = Writer::connect(ensemble.port(others[round]));
        writer.delete(&nodes[round]);
        expect(&channel, "disconnected");
        streams.push(resubscribe(&masters[round + 1]));
        expect(&channel, "reregistered");
    }
    assert!(masters.iter().all(|m| m.is_idle()));
    finish(&*driver, &channel);
}
