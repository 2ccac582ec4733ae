//! The scheduler driver behind a failing network, with masters that really run tasks: the embedded cluster, and where
//! MESOS_TEST_MASTER=host:port names one a real Apache Mesos 1.11.

mod support;

use mesos_perl::driver::{Driver, SchedulerCall, SchedulerDriver, Status};
use mesos_perl::event::Event;
use mesos_perl::local::{Cluster, Config};
use mesos_perl::native::Endpoint;
use mesos_perl::proto;
use prost::Message;
use std::net::ToSocketAddrs;
use std::time::{Duration, Instant};
use support::cluster::{balance_with, run, start, Book};
use support::proxy::{Proxy, Way};
use support::{expect, list, wait_for};

/// Four kinds of loss, each while updates are on their way.
fn fails(proxy: &Proxy) -> impl FnMut(&Book) + '_ {
    let mut faults = 0;
    move |book| {
        if book.uuids.len() > (faults + 1) * 4 && faults < 4 {
            faults += 1;
            match faults {
                1 => proxy.cut(),
                2 => proxy.reset(),
                3 => proxy.cut_after(Way::ToDriver, 300),
                _ => proxy.cut_after(Way::ToMaster, 100),
            }
        }
    }
}

fn endpoint(proxy: &Proxy) -> Endpoint {
    let address: std::net::SocketAddr = proxy.address().parse().expect("address");
    Endpoint::master(address.ip().to_string(), address.port())
}

/// A framework that has suppressed its offers gets none from a master that it has subscribed to again, until it revives them.
fn stays_suppressed(proxy: &Proxy, master: Endpoint) {
    let (driver, channel) = start(master);
    expect(&channel, "registered");
    let decline = |event: &Event| {
        for offer in list(event, 0) {
            let offer_id = proto::Offer::decode(&offer[..]).expect("offer").id.encode_to_vec();
            let filters = proto::Filters {
                refuse_seconds: Some(0.0),
            };
            let filters = Some(filters.encode_to_vec());
            let call = SchedulerCall::DeclineOffer { offer_id, filters };
            assert_eq!(driver.call(call), Ok(Status::Running));
        }
    };
    decline(&expect(&channel, "resourceOffers"));
    let suppress = SchedulerCall::SuppressOffers { roles: None };
    assert_eq!(driver.call(suppress), Ok(Status::Running));
    // An offer may have been on its way.
    wait_for("the answers", || {
        let value = |name: &str| {
            driver
                .stats()
                .into_iter()
                .find(|stat| stat.name == name)
                .and_then(|stat| stat.value)
        };
        (value("SUPPRESS") == Some(1.0) && value("calls_unanswered") == Some(0.0)).then_some(())
    });
    while let Some(event) = channel.take() {
        decline(&event);
    }
    proxy.cut();
    expect(&channel, "disconnected");
    expect(&channel, "reregistered");
    // Masters offer once a second, and at once to a framework that comes.
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        assert!(channel.is_empty(), "{:?}", channel.take());
        std::thread::sleep(Duration::from_millis(10));
    }
    let revive = SchedulerCall::ReviveOffers { roles: None };
    assert_eq!(driver.call(revive), Ok(Status::Running));
    expect(&channel, "resourceOffers");
    driver.stop(false);
    driver.close();
}

#[test]
fn the_embedded_cluster_behind_a_failing_network() {
    let cluster = Cluster::start(Config {
        helper: env!("CARGO_BIN_EXE_mesos-local").into(),
        resources: Some("cpus:4;mem:4096".into()),
        ..Default::default()
    });
    let cluster = cluster.expect("cluster");
    let proxy = Proxy::new(cluster.address());
    let master = endpoint(&proxy).with_bearer(cluster.secret());
    run(
        master,
        fails(&proxy),
        |_| true,
        |book| assert!(book.registrations() >= 3, "{:?}", book.connection),
    );
    stays_suppressed(&proxy, endpoint(&proxy).with_bearer(cluster.secret()));
}

#[test]
fn a_real_mesos_behind_a_failing_network() {
    let Some(master) = support::skip::wanted("native_cluster_faults", "MESOS_TEST_MASTER") else {
        return;
    };
    let address = master.to_socket_addrs().expect("an address").next().expect("an address");
    let proxy = Proxy::new(address);
    run(
        endpoint(&proxy),
        fails(&proxy),
        |_| true,
        |book| {
            assert!(book.registrations() >= 3, "{:?}", book.connection);
            balance_with(&[&master], book);
        },
    );
    stays_suppressed(&proxy, endpoint(&proxy));
}
