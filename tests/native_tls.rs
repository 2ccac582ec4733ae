//! https to masters and agents: a TLS proxy of this test in front of scripted servers, with certificates made here.

#![cfg(feature = "tls")]

mod support;
#[path = "support/tls.rs"]
mod tls_support;

use mesos_perl::backends::{executor, scheduler};
use mesos_perl::channel::Channel;
use mesos_perl::driver::{SchedulerCall, SchedulerDriver, SchedulerOptions, Status};
use mesos_perl::proto::{self, executor as executor_api, scheduler as api};
use prost::Message;
use rcgen::{ExtendedKeyUsagePurpose, KeyPair};
use std::sync::Arc;
use std::time::Duration;
use support::scheduler::{kill, offers, options, subscribe};
use support::{expect, text, Server};
use tls_support::{authority, issued, proxy, server_certificate, Folder};

fn start(master: String, server: &Server, variables: &[(&str, &str)]) -> (Arc<dyn SchedulerDriver>, Channel) {
    let channel = Channel::new();
    let credential = proto::Credential {
        principal: "p".into(),
        secret: Some("s".into()),
    };
    let options = SchedulerOptions {
        master,
        credential: Some(credential.encode_to_vec()),
        master_timeout: Some(Duration::from_secs(2)),
        ..options(server)
    };
    let driver = scheduler::with_environment(options, channel.clone(), |name| {
        variables.iter().find(|v| v.0 == name).map(|v| v.1.to_string())
    });
    let driver = driver.expect("driver");
    assert_eq!(driver.start(), Ok(Status::Running));
    (driver, channel)
}

/// A framework registers, and a call comes through.
fn works(master: String, server: &Server, variables: &[(&str, &str)]) {
    let (driver, channel) = start(master, server, variables);
    let (_stream, request) = subscribe(server);
    assert_eq!(request.header("Authorization"), Some("Basic cDpz"));
    expect(&channel, "registered");
    assert_eq!(driver.call(kill("t")), Ok(Status::Running));
    let mut calls = server.accept();
    assert_eq!(calls.request().decode::<api::Call>().kill.expect("KILL").task_id.value, "t");
    calls.accepted();
    driver.close();
}

/// No byte reaches the server, and the driver says why.
fn fails(master: String, server: &Server, variables: &[(&str, &str)], why: &str) {
    let (driver, channel) = start(master, server, variables);
    let error = text(&expect(&channel, "error"), 0);
    assert!(error.contains("for 2 s") && error.contains(why), "{error}");
    driver.close();
    assert!(server.is_idle(), "{why}");
}

#[test]
fn servers_of_a_known_authority_are_trusted() {
    let (folder, server, ca) = (Folder::new(), Server::new(), authority());
    let port = proxy(&server_certificate(&ca), None, server.port());
    let file = folder.write("ca.pem", &ca.cert.pem());
    let by_file = [("LIBPROCESS_SSL_CA_FILE", &*file)];
    works(format!("https://127.0.0.1:{port}"), &server, &by_file);
    works(format!("https://localhost:{port}/"), &server, &by_file);
    // As libprocess' programs do it, with a folder in which there are other files, too.
    folder.write("README", "not a certificate");
    let folder_name = folder.0.display().to_string();
    let by_folder = [("LIBPROCESS_SSL_ENABLED", "1"), ("LIBPROCESS_SSL_CA_DIR", &*folder_name)];
    works(format!("127.0.0.1:{port}"), &server, &by_folder);
    for version in ["LIBPROCESS_SSL_ENABLE_TLS_V1_2", "LIBPROCESS_SSL_ENABLE_TLS_V1_3"] {
        works(format!("https://127.0.0.1:{port}"), &server, &[by_file[0], (version, "0")]);
    }
}

#[test]
fn servers_that_cannot_prove_who_they_are_get_nothing() {
    let (folder, server, ca) = (Folder::new(), Server::new(), authority());
    let file = folder.write("ca.pem", &ca.cert.pem());
    let known = [("LIBPROCESS_SSL_CA_FILE", &*file)];
    let good = proxy(&server_certificate(&ca), None, server.port());
    let master = |port: u16| format!("https://127.0.0.1:{port}");
    // An authority that is not among the given ones, nor among the system's.
    let stranger = proxy(&server_certificate(&authority()), None, server.port());
    fails(master(stranger), &server, &known, "UnknownIssuer");
    if rustls_native_certs::load_native_certs().certs.is_empty() {
        support::skip::skip("tls", "this system has no roots (ca-certificates)");
    } else {
        fails(master(good), &server, &[], "UnknownIssuer");
    }
    let usage = ExtendedKeyUsagePurpose::ServerAuth;
    let other = issued(&ca, &["other.example"], usage.clone(), false);
    let other = proxy(&other, None, server.port());
    fails(master(other), &server, &known, "not valid for name");
    let expired = issued(&ca, &["127.0.0.1"], usage, true);
    let expired = proxy(&expired, None, server.port());
    fails(master(expired), &server, &known, "expired");
    // Switched off explicitly, all of them will do.
    let off = [("LIBPROCESS_SSL_VERIFY_SERVER_CERT", "0")];
    for port in [stranger, other, expired] {
        works(master(port), &server, &off);
    }
}

#[test]
fn client_certificates() {
    let (folder, server, ca) = (Folder::new(), Server::new(), authority());
    let port = proxy(&server_certificate(&ca), Some(&ca), server.port());
    let client = issued(&ca, &["framework"], ExtendedKeyUsagePurpose::ClientAuth, false);
    let file = folder.write("ca.pem", &ca.cert.pem());
    let certificate = folder.write("client.pem", &client.cert.pem());
    let key = folder.write("client.key", &client.key_pair.serialize_pem());
    let master = format!("https://127.0.0.1:{port}");
    let known = ("LIBPROCESS_SSL_CA_FILE", &*file);
    fails(master.clone(), &server, &[known], "CertificateRequired");
    let with_key = |key: &str| {
        let all = [
            ("LIBPROCESS_SSL_CERT_FILE", &*certificate),
            ("LIBPROCESS_SSL_KEY_FILE", key),
            known,
        ];
        let options = SchedulerOptions {
            master: master.clone(),
            ..options(&server)
        };
        let get = |name: &str| all.iter().find(|v| v.0 == name).map(|v| v.1.to_string());
        scheduler::with_environment(options, Channel::new(), get).map(drop)
    };
    works(
        master.clone(),
        &server,
        &[
            ("LIBPROCESS_SSL_CERT_FILE", &certificate),
            ("LIBPROCESS_SSL_KEY_FILE", &key),
            known,
        ],
    );
    let foreign = folder.write("other.key", &KeyPair::generate().expect("key").serialize_pem());
    for (key, why) in [
        (foreign, "unusable"),
        (file.clone(), "no key"),
        ("/missing".to_string(), "/missing"),
    ] {
        let error = with_key(&key).expect_err(why).to_string();
        assert!(
            error.starts_with("environment: LIBPROCESS_SSL_") && error.contains(why),
            "{error}"
        );
    }
}

#[test]
fn redirects_keep_credentials_within_https() {
    let (folder, follower, leader, ca) = (Folder::new(), Server::new(), Server::new(), authority());
    let certificate = server_certificate(&ca);
    let to_follower = proxy(&certificate, None, follower.port());
    let to_leader = proxy(&certificate, None, leader.port());
    let file = folder.write("ca.pem", &ca.cert.pem());
    let known = [("LIBPROCESS_SSL_CA_FILE", &*file)];
    let (driver, channel) = start(format!("https://localhost:{to_follower}"), &leader, &known);
    for location in [
        format!("http://127.0.0.1:{}", leader.port()),
        format!("//localhost:{to_leader}/master/api/v1/scheduler"),
    ] {
        let mut connection = follower.accept();
        assert_eq!(connection.request().header("Authorization"), Some("Basic cDpz"));
        let location = format!("Location: {location}\r\n");
        connection.answer("307 Temporary Redirect", &location, "");
    }
    // The first one was not followed: this is the only connection to the leader.
    let (_stream, request) = subscribe(&leader);
    assert_eq!(request.header("Authorization"), Some("Basic cDpz"));
    assert_eq!(request.header("Host"), Some(&*format!("localhost:{to_leader}")));
    expect(&channel, "registered");
    driver.close();
    assert!(leader.is_idle());
}

/// More than any buffer holds, with a window full of calls and a server that reads late.
#[test]
fn large_calls_in_a_row() {
    let (folder, server, ca) = (Folder::new(), Server::new(), authority());
    let port = proxy(&server_certificate(&ca), None, server.port());
    let file = folder.write("ca.pem", &ca.cert.pem());
    let master = format!("https://127.0.0.1:{port}");
    let (driver, channel) = start(master, &server, &[("LIBPROCESS_SSL_CA_FILE", &file)]);
    let (mut stream, _) = subscribe(&server);
    expect(&channel, "registered");
    for number in 0..600_u32 {
        let call = SchedulerCall::SendFrameworkMessage {
            executor_id: proto::ExecutorId { value: "E".into() }.encode_to_vec(),
            slave_id: proto::SlaveId { value: "S".into() }.encode_to_vec(),
            data: number.to_be_bytes().repeat(8_000),
        };
        assert_eq!(driver.call(call), Ok(Status::Running));
    }
    // Events come through meanwhile.
    stream.record(&offers(&["o"]));
    expect(&channel, "resourceOffers");
    let mut calls = server.accept();
    for number in 0..600_u32 {
        let data = calls.request().decode::<api::Call>().message.expect("MESSAGE").data;
        assert_eq!(data, number.to_be_bytes().repeat(8_000));
        calls.accepted();
    }
    driver.close();
}

#[test]
fn executors_reach_their_agent_over_tls() {
    let (folder, server, ca) = (Folder::new(), Server::new(), authority());
    let port = proxy(&server_certificate(&ca), None, server.port());
    let variables = [
        ("MESOS_SLAVE_PID", format!("slave(1)@127.0.0.1:{port}")),
        ("MESOS_SLAVE_ID", "S".into()),
        ("MESOS_FRAMEWORK_ID", "F".into()),
        ("MESOS_EXECUTOR_ID", "E".into()),
        ("MESOS_DIRECTORY", "/tmp".into()),
        ("MESOS_LOCAL", "1".into()),
        ("LIBPROCESS_SSL_ENABLED", "1".into()),
        ("LIBPROCESS_SSL_CA_FILE", folder.write("ca.pem", &ca.cert.pem())),
    ];
    let channel = Channel::new();
    let get = move |name: &str| variables.iter().find(|v| v.0 == name).map(|v| v.1.clone());
    let driver = executor::new("native", get, channel.clone()).expect("driver");
    assert_eq!(driver.start(), Ok(Status::Running));
    let (mut stream, request) = server.subscription();
    assert!(request.head.starts_with("POST /slave(1)/api/v1/executor HTTP/1.1"));
    stream.record(&executor_api::Event {
        r#type: Some(executor_api::event::Type::Subscribed as i32),
        subscribed: Some(Default::default()),
        ..Default::default()
    });
    expect(&channel, "registered");
    driver.close();
}

/// The system's roots can be named by SSL_CERT_FILE, as for OpenSSL: but only in a process of its own.
#[test]
fn roots_of_the_system() {
    const MASTER: &str = "MESOS_TEST_TLS_MASTER";
    if let Ok(master) = std::env::var(MASTER) {
        let (driver, channel) = start(master, &Server::new(), &[]);
        expect(&channel, "registered");
        return driver.close();
    }
    let (folder, server, ca) = (Folder::new(), Server::new(), authority());
    let port = proxy(&server_certificate(&ca), None, server.port());
    let mut command = std::process::Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "roots_of_the_system"]);
    command.env("SSL_CERT_FILE", folder.write("ca.pem", &ca.cert.pem()));
    command.env(MASTER, format!("https://127.0.0.1:{port}"));
    let mut child = command.spawn().expect("this program again");
    let (_stream, _) = subscribe(&server);
    assert!(child.wait().expect("its end").success());
}
