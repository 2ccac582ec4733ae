//! Three masters whose leader changes under load: updates flow and are acknowledged all the time. Agents and framework count, and
//! the books are compared in the end.

mod support;
#[path = "support/zookeeper.rs"]
mod zookeeper_support;

use mesos_perl::driver::master::Master as MasterString;
use mesos_perl::native::Source;
use std::collections::BTreeMap;
use std::sync::Arc;
use support::agents::{Agents, Master};
use support::cluster::{balance_with, run};
use support::framework::{alone, resident, Framework};
use zookeeper_support::{Ensemble, Kind, Writer};

const SLOW: f64 = 15.0;

fn list(masters: &[Master]) -> String {
    let all: Vec<String> = masters.iter().map(|master| master.address().to_string()).collect();
    all.join(",")
}

/// Changes the leader again and again while updates flow, beginning with `masters[1]`. `others`: where the others say it is.
fn changes(rounds: u64, start: impl Fn(&[Master]) -> String, others: impl Fn(&Master) -> String) {
    let agents = Arc::new(Agents::default());
    let masters: Vec<Master> = (0..3).map(|_| Master::new(&agents, SLOW)).collect();
    let lead = |leader: usize| {
        let address = others(&masters[leader]);
        for (index, master) in masters.iter().enumerate() {
            master.follow((index != leader).then(|| address.clone()));
        }
    };
    lead(1);
    let mut framework = Framework::start(&start(&masters));
    framework.dies = 13;
    for round in 0..rounds {
        agents.update(round * 200..round * 200 + 200);
        let wanted = round as usize * 100 + 1;
        framework.until("some updates", |f| f.delivered.len() >= wanted);
        let registrations = framework.registrations();
        lead([2, 0, 1][round as usize % 3]);
        framework.until("the new leader", |f| f.registrations() > registrations);
    }
    let all = rounds as usize * 200;
    framework.until("every update once", |f| f.delivered.len() == all);
    // Those whose callbacks died come again when it changes once more.
    lead(0);
    framework.balance(&agents);
}

#[test]
fn one_master_is_known_and_redirects_to_the_leader() {
    changes(
        5,
        |masters| masters[0].address().to_string(),
        |leader| leader.address().to_string(),
    );
}

#[test]
fn a_list_of_masters_that_redirect() {
    changes(5, list, |leader| leader.address().to_string());
}

#[test]
fn a_list_of_masters_that_know_nobody_else() {
    changes(3, list, |_| String::new());
}

/// Three masters of which the one with the smallest node leads, as ZooKeeper says.
#[test]
fn zookeeper_names_the_leader() {
    if !alone("zookeeper_names_the_leader") {
        return;
    }
    let Some(mut ensemble) = Ensemble::started(3, 60_000) else {
        return;
    };
    let agents = Arc::new(Agents::default());
    let masters: Vec<Master> = (0..3).map(|_| Master::new(&agents, SLOW)).collect();
    let mut writer = Writer::connect(ensemble.port(0));
    writer.create("/mesos", b"", Kind::Persistent);
    let node = |writer: &mut Writer, master: usize| {
        let port = masters[master].address().port();
        let info = format!(r#"{{"address":{{"ip":"127.0.0.1","port":{port}}},"port":{port}}}"#);
        writer.create("/mesos/json.info_", info.as_bytes(), Kind::PersistentSequential)
    };
    let mut nodes: Vec<String> = (0..3).map(|master| node(&mut writer, master)).collect();
    let mut framework = Framework::start(&ensemble.url("", "/mesos"));
    let (mut base, mut next) = (0, 0);
    for round in 0..24 {
        let leader = round % 3;
        framework.dies = 11;
        agents.update(next..next + 2000);
        next += 2000;
        framework.until("some updates", |f| f.delivered.len() > 500);
        let registrations = framework.registrations();
        // A leader that loses its session ends; ZooKeeper may say so before or after the connections do.
        if round % 2 == 0 {
            masters[leader].follow(Some(String::new()));
        }
        writer.delete(&nodes[leader]);
        framework.until("the new leader", |f| f.registrations() > registrations);
        if round % 2 == 1 {
            masters[leader].follow(Some(String::new()));
        }
        if round == 10 {
            // The driver may have its session there.
            let member = (1..3).find(|&n| ensemble.follows(n)).expect("a follower");
            ensemble.kill(member);
        }
        masters[leader].follow(None);
        nodes[leader] = node(&mut writer, leader);
        framework.until("every update once", |f| f.delivered.len() == 2000);
        // Those that died come again with the next leader; the other books would grow.
        framework.dies = 0;
        // They may have come again already, when all were delivered before the new leader had the framework.
        let count = |book: &BTreeMap<u64, usize>| book.values().sum::<usize>();
        let dead = count(&framework.delivered) - count(&framework.handled);
        let registrations = framework.registrations();
        masters[(leader + 1) % 3].follow(None);
        framework.until("the same leader again", |f| f.registrations() > registrations);
        framework.until("all acknowledged", |_| agents.lock().pending.is_empty());
        assert!(dead > 0, "some callbacks died");
        framework.balance(&agents);
        framework.delivered.clear();
        framework.handled.clear();
        let mut ledger = agents.lock();
        ledger.sent.clear();
        ledger.acknowledged.clear();
        drop(ledger);
        if round == 6 {
            base = resident();
        }
    }
    let grown = resident().saturating_sub(base);
    assert!(grown < 16 << 20, "{grown} bytes more");
}

/// MESOS_TEST_MASTERS=host:port,... names real masters, the first of them with an agent, whose tasks run on while the others lead.
#[test]
fn real_masters_lead_while_tasks_run() {
    let Some(masters) = support::skip::wanted("native_leaders", "MESOS_TEST_MASTERS") else {
        return;
    };
    let Some(ensemble) = Ensemble::started(1, 60_000) else {
        return;
    };
    let masters: Vec<&str> = masters.split(',').collect();
    let ports: Vec<u16> = masters
        .iter()
        .map(|master| master.rsplit_once(':').expect(master).1.parse().expect(master))
        .collect();
    let mut writer = Writer::connect(ensemble.port(0));
    writer.create("/mesos", b"", Kind::Persistent);
    let node = |writer: &mut Writer, port: u16| {
        let info = format!(r#"{{"address":{{"ip":"127.0.0.1","port":{port}}},"port":{port}}}"#);
        writer.create("/mesos/json.info_", info.as_bytes(), Kind::PersistentSequential)
    };
    let mut nodes: Vec<String> = ports.iter().map(|port| node(&mut writer, *port)).collect();
    let source = MasterString::parse(&ensemble.url("", "/mesos")).expect("zk://");
    let source = Source::new(source, |_| None).expect("source");
    let (mut leader, mut turns, mut seen) = (0, 0, 0);
    let fault = |book: &support::cluster::Book| {
        // Away from the agent's master while updates are on their way, and from the others when they have the framework.
        let due = match leader {
            0 => turns < 3 && book.uuids.len() > (turns + 1) * 5,
            _ => book.registrations() > seen,
        };
        if due && book.registrations() > seen {
            seen = book.registrations();
            writer.delete(&nodes[leader]);
            nodes[leader] = node(&mut writer, ports[leader]);
            leader = (leader + 1) % ports.len();
            turns += usize::from(leader == 0);
        }
    };
    run(
        source,
        fault,
        |port| port == u32::from(ports[0]),
        |book| {
            assert!(book.registrations() > 2 * ports.len(), "{:?}", book.connection);
            let alternating = book.connection.iter().skip(1).step_by(2).all(|c| c == "disconnected");
            assert!(alternating && book.connection[0] == "registered", "{:?}", book.connection);
            balance_with(&masters, book);
        },
    );
}
