//! The scheduler driver behind a failing network, with masters that really run tasks: the embedded cluster, and where
//! MESOS_TEST_MASTER=host:port names one a real Apache Mesos 1.11.

mod support;

use mesos_perl::local::{Cluster, Config};
use mesos_perl::native::Endpoint;
use std::net::ToSocketAddrs;
use support::cluster::{balance_with, run, Book};
use support::proxy::{Proxy, Way};

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

#[test]
fn the_embedded_cluster_behind_a_failing_network() {
    let cluster = Cluster::start(Config {
        helper: env!("CARGO_BIN_EXE_mesos-perl-helper").into(),
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
}

#[test]
fn a_real_mesos_behind_a_failing_network() {
    let Ok(master) = std::env::var("MESOS_TEST_MASTER") else {
        eprintln!("SKIPPED: MESOS_TEST_MASTER is not set");
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
            balance_with(&master, book);
        },
    );
}
