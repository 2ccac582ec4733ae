//! Whole frameworks over https: a TLS proxy in front of the embedded cluster, and where MESOS_TEST_MASTER=host:port names one in
//! front of a real master and its agent.

#![cfg(feature = "tls")]

#[path = "support/program.rs"]
mod program_support;
mod support;
#[path = "support/tls.rs"]
mod tls_support;

use mesos_perl::channel::Channel;
use mesos_perl::driver::address::Secret;
use mesos_perl::driver::master::Master;
use mesos_perl::driver::{Driver, SchedulerCall, SchedulerDriver, SchedulerOptions, Status};
use mesos_perl::local::{Cluster, Config};
use mesos_perl::native::{self, Source};
use mesos_perl::proto::{self, TaskState};
use prost::Message;
use std::io::{Read, Write};
use std::time::Duration;
use support::cluster::{get, run};
use support::executor;
use support::scheduler::acknowledge;
use support::{bytes, expect, list, message, next_event, wait_for};
use tls_support::{authority, proxy, server_certificate, Folder};

/// Not a test by itself: an agent starts this program with this function as an executor.
#[test]
fn executor_process() {
    executor::run(|_| ());
}

/// A master and an agent, behind https.
struct Site {
    master: u16,
    agent: u16,
    ca: String,
    /// An Authorization header, if one is wanted.
    secret: Option<Secret>,
}

impl Site {
    /// What `https://...` gives a driver.
    fn source(&self) -> Source {
        let master = Master::parse(&format!("https://127.0.0.1:{}", self.master)).expect("master");
        let source = Source::new(master, |name| (name == "LIBPROCESS_SSL_CA_FILE").then(|| self.ca.clone()));
        let source = source.expect("source");
        match &self.secret {
            Some(secret) => source.authorized(secret),
            None => source,
        }
    }

    /// An executor that finds its agent over TLS.
    fn executor(&self) -> proto::ExecutorInfo {
        let program = std::env::current_exe().expect("this program");
        let variable = |name: &str, value: &str| proto::environment::Variable {
            name: name.into(),
            value: Some(value.into()),
            ..Default::default()
        };
        let agent = format!("127.0.0.1:{}", self.agent);
        proto::ExecutorInfo {
            executor_id: proto::ExecutorId { value: "tls".into() },
            command: Some(proto::CommandInfo {
                value: Some(format!("exec '{}' --exact executor_process --nocapture", program.display())),
                environment: Some(proto::Environment {
                    variables: vec![
                        variable(executor::ROLE, "1"),
                        variable("MESOS_AGENT_ENDPOINT", &agent),
                        variable("LIBPROCESS_SSL_ENABLED", "1"),
                        variable("LIBPROCESS_SSL_CA_FILE", &self.ca),
                    ],
                }),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    /// A task of the executor, on this offer.
    fn launch(&self, offer: &proto::Offer) -> SchedulerCall {
        let resource = |name: &str, value: f64| proto::Resource {
            name: name.into(),
            r#type: proto::value::Type::Scalar as i32,
            scalar: Some(proto::value::Scalar { value }),
            ..Default::default()
        };
        let task = proto::TaskInfo {
            name: "t".into(),
            task_id: proto::TaskId { value: "t".into() },
            slave_id: offer.slave_id.clone(),
            resources: vec![resource("cpus", 0.1), resource("mem", 32.0)],
            executor: Some(Box::new(self.executor())),
            ..Default::default()
        };
        SchedulerCall::LaunchTasks {
            offer_ids: vec![offer.id.encode_to_vec()],
            tasks: vec![task.encode_to_vec()],
            filters: None,
        }
    }

    fn works(&self) {
        // Registration, tasks to their ends, teardown.
        run(
            self.source(),
            |_| (),
            |_| true,
            |book| assert_eq!(book.connection, ["registered"]),
        );
        self.runs_an_executor();
    }

    /// Messages to it and back, and its end.
    fn runs_an_executor(&self) {
        let framework = proto::FrameworkInfo {
            name: "tls".into(),
            ..Default::default()
        };
        let options = SchedulerOptions {
            framework: framework.encode_to_vec(),
            implicit_acknowledgements: true,
            master_timeout: Some(Duration::from_secs(20)),
            ..Default::default()
        };
        let channel = Channel::new();
        let driver = native::SchedulerDriver::new(self.source(), options, channel.clone()).expect("driver");
        assert_eq!(driver.start(), Ok(Status::Running));
        let mut told = Vec::new();
        while told.last().map(String::as_str) != Some("executorLost 0") {
            let event = next_event(&channel);
            match &*event.name {
                "resourceOffers" if told.len() == 1 => {
                    let offer = proto::Offer::decode(&list(&event, 0)[0][..]).expect("offer");
                    assert_eq!(driver.call(self.launch(&offer)), Ok(Status::Running));
                    told.push("launched".into());
                }
                "resourceOffers" | "offerRescinded" => (),
                "statusUpdate" => {
                    let status: proto::TaskStatus = message(&event, 0);
                    acknowledge(&event);
                    told.push(format!("{:?}", status.state()));
                    if status.state() == TaskState::TaskRunning {
                        let call = SchedulerCall::SendFrameworkMessage {
                            executor_id: status.executor_id.expect("executor").encode_to_vec(),
                            slave_id: status.slave_id.expect("agent").encode_to_vec(),
                            data: b"\0ping\xff".to_vec(),
                        };
                        assert_eq!(driver.call(call), Ok(Status::Running));
                    }
                }
                "frameworkMessage" => {
                    assert_eq!(bytes(&event, 2), b"echo:\0ping\xff");
                    told.push("echo".into());
                    let task_id = proto::TaskId { value: "t".into() }.encode_to_vec();
                    assert_eq!(
                        driver.call(SchedulerCall::KillTask {
                            task_id,
                            kill_policy: None
                        }),
                        Ok(Status::Running)
                    );
                }
                "executorLost" => {
                    let status = String::from_utf8(bytes(&event, 2)).expect("a number");
                    // The last update may come behind it.
                    while told.last().map(String::as_str) != Some("TaskKilled") {
                        let status: proto::TaskStatus = message(&expect(&channel, "statusUpdate"), 0);
                        told.push(format!("{:?}", status.state()));
                    }
                    told.push(format!("executorLost {status}"));
                }
                _ => told.push(event.name.into_owned()),
            }
        }
        assert_eq!(
            told,
            [
                "registered",
                "launched",
                "TaskRunning",
                "echo",
                "TaskKilled",
                "executorLost 0"
            ]
        );
        driver.stop(false);
        driver.close();
    }
}

#[test]
fn the_embedded_cluster() {
    let cluster = Cluster::start(Config {
        helper: env!("CARGO_BIN_EXE_mesos-local").into(),
        resources: Some("cpus:4;mem:4096".into()),
        ..Default::default()
    });
    let cluster = cluster.expect("cluster");
    let (folder, ca) = (Folder::new(), authority());
    let certificate = server_certificate(&ca);
    let port = proxy(&certificate, None, cluster.address().port());
    let site = Site {
        master: port,
        agent: port,
        ca: folder.write("ca.pem", &ca.cert.pem()),
        secret: Some(Secret::new(format!("Bearer {}", cluster.secret()))),
    };
    site.works();
}

/// What `mesos-local` serves by itself: with the files of its flags, and of the variables that Mesos reads.
#[test]
fn mesos_local() {
    let (folder, ca) = (Folder::new(), authority());
    let certificate = server_certificate(&ca);
    let chain = folder.write("chain.pem", &certificate.cert.pem());
    let key = folder.write("key.pem", &certificate.key_pair.serialize_pem());
    let common = ["--port=0", "--ready-fd=1", "--open", "--resources=cpus:4;mem:4096"];
    let mut by_flags = program_support::command(&common);
    by_flags.args(["--ssl-cert-file", &chain, "--ssl-key-file", &key]);
    let mut by_variables = program_support::command(&common);
    by_variables.env("LIBPROCESS_SSL_ENABLED", "true");
    by_variables.env("LIBPROCESS_SSL_CERT_FILE", &chain);
    by_variables.env("LIBPROCESS_SSL_KEY_FILE", &key);
    for mut command in [by_flags, by_variables] {
        let program = program_support::Program::of(&mut command);
        let url = format!("https://{}", program.address);
        assert_eq!(program.ready["url"], url.as_str());
        assert!(program.text.contains(&url), "{}", program.text);
        let site = Site {
            master: program.address.port(),
            agent: program.address.port(),
            ca: folder.write("ca.pem", &ca.cert.pem()),
            secret: None,
        };
        site.works();
        // Nobody is served without it.
        let mut plain = std::net::TcpStream::connect(program.address).expect("a connection");
        plain
            .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .expect("sent");
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
    }
}

#[test]
fn a_real_mesos() {
    let Some(master) = support::skip::wanted("tls_cluster", "MESOS_TEST_MASTER") else {
        return;
    };
    let port = |address: &str| address.rsplit_once(':').expect("host:port").1.parse().expect("a port");
    let agent = wait_for("an agent", || {
        let state = get(&master, "/master/state");
        state["slaves"][0]["pid"].as_str().map(str::to_string)
    });
    let (folder, ca) = (Folder::new(), authority());
    let certificate = server_certificate(&ca);
    let site = Site {
        master: proxy(&certificate, None, port(&master)),
        agent: proxy(&certificate, None, port(&agent)),
        ca: folder.write("ca.pem", &ca.cert.pem()),
        secret: None,
    };
    site.works();
}
