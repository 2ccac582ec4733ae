//! Says where the cluster listens: as text, and as JSON for programs.

use crate::local::Cluster;
use crate::logging::shown;
use nix::fcntl::{fcntl, FcntlArg, FdFlag};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;

/// A descriptor that the parent has opened for this program to write to.
pub struct Descriptor(i32);

impl Descriptor {
    /// Checks it before anything is started, and keeps it from what will be.
    pub fn new(number: i32) -> Result<Descriptor, String> {
        let flags = FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC);
        match number {
            ..=2 => Ok(Descriptor(number)),
            _ => match fcntl(number, flags) {
                Ok(_) => Ok(Descriptor(number)),
                Err(e) => Err(format!("--ready-fd: descriptor {number} is not open: {e}")),
            },
        }
    }

    /// Writes one line and closes the descriptor, so that its reader sees the end.
    pub fn tell(self, line: &str) -> Result<(), String> {
        let number = self.0;
        let failed = |e: std::io::Error| format!("--ready-fd: cannot write to descriptor {number}: {e}");
        let line = format!("{line}\n");
        match number {
            1 => std::io::stdout().write_all(line.as_bytes()).map_err(failed)?,
            2 => std::io::stderr().write_all(line.as_bytes()).map_err(failed)?,
            _ => {
                let mut file = OpenOptions::new();
                file.write(true).custom_flags(libc::O_CLOEXEC | libc::O_APPEND);
                let mut file = file.open(format!("/proc/self/fd/{number}")).map_err(failed)?;
                file.write_all(line.as_bytes()).map_err(failed)?;
                let _ = nix::unistd::close(number);
            }
        }
        Ok(())
    }
}

pub fn text(cluster: &Cluster) -> String {
    let agents = cluster.agents().len();
    let masters: Vec<String> = cluster
        .masters()
        .iter()
        .map(|address| shown_address(cluster, *address))
        .collect();
    let (count, at) = match masters.as_slice() {
        [first, others @ ..] if !others.is_empty() => (
            format!("{} masters", masters.len()),
            format!("{first} (leads), {}", others.join(", ")),
        ),
        _ => ("a master".to_string(), masters.join(", ")),
    };
    let jitter = cluster.jitter().map(|seed| format!(", --jitter={seed}")).unwrap_or_default();
    format!(
        "mesos-local {}: {count} and {agents} agent{} at {at}, sandboxes in {}{jitter}",
        env!("CARGO_PKG_VERSION"),
        if agents == 1 { "" } else { "s" },
        shown(&cluster.work_dir().to_string_lossy())
    )
}

fn shown_address(cluster: &Cluster, address: SocketAddr) -> String {
    let url = cluster.url_of(address);
    url.strip_prefix("http://").unwrap_or(&url).to_string()
}

/// One line. With the secret only if that is the way in.
pub fn json(cluster: &Cluster, shows_secret: bool) -> String {
    let agents = cluster.agents();
    let agents: Vec<_> = agents
        .iter()
        .map(|agent| json!({ "number": agent.number, "id": agent.id, "hostname": agent.hostname }))
        .collect();
    let address = cluster.address();
    let leader = cluster.leader();
    let master = |(number, address): (usize, &SocketAddr)| {
        let leads = leader == Some(*address);
        json!({ "number": number, "address": address.to_string(), "url": cluster.url_of(*address), "leads": leads })
    };
    let masters: Vec<_> = cluster.masters().iter().enumerate().map(master).collect();
    let list = cluster.masters().iter().map(|address| shown_address(cluster, *address));
    let list: Vec<String> = list.collect();
    let mut line = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "address": address.to_string(),
        "host": address.ip().to_string(),
        "port": address.port(),
        "url": cluster.url(),
        "master": list.join(","),
        "masters": masters,
        "leader": leader.map(|leader| leader.to_string()),
        "agents_url": cluster.url_of(cluster.agents_address()),
        "work_dir": cluster.work_dir().to_string_lossy(),
        "agents": agents,
    });
    if shows_secret {
        line["token"] = cluster.secret().into();
    }
    if let Some(seed) = cluster.jitter() {
        line["jitter"] = seed.into();
    }
    if let Some(token) = cluster.control_token() {
        line["control_token"] = token.into();
    }
    line.to_string()
}
