//! Says where the cluster listens: as text, and as JSON for programs.

use crate::local::Cluster;
use crate::logging::shown;
use nix::fcntl::{fcntl, FcntlArg, FdFlag};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
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
                Err(e) => Err(format!("--ready_fd: descriptor {number} is not open: {e}")),
            },
        }
    }

    /// Writes one line and closes the descriptor, so that its reader sees the end.
    pub fn tell(self, line: &str) -> Result<(), String> {
        let number = self.0;
        let failed = |e: std::io::Error| format!("--ready_fd: cannot write to descriptor {number}: {e}");
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
    let (address, url) = (cluster.address().to_string(), cluster.url());
    let jitter = cluster.jitter().map(|seed| format!(", --jitter={seed}")).unwrap_or_default();
    format!(
        "mesos-local {}: a master and {agents} agent{} at {}, sandboxes in {}{jitter}",
        env!("CARGO_PKG_VERSION"),
        if agents == 1 { "" } else { "s" },
        if url.starts_with("https:") { url } else { address },
        shown(&cluster.work_dir().to_string_lossy())
    )
}

/// One line. With the secret only if that is the way in.
pub fn json(cluster: &Cluster, shows_secret: bool) -> String {
    let agents = cluster.agents();
    let agents: Vec<_> = agents
        .iter()
        .map(|agent| json!({ "number": agent.number, "id": agent.id, "hostname": agent.hostname }))
        .collect();
    let address = cluster.address();
    let mut line = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "address": address.to_string(),
        "host": address.ip().to_string(),
        "port": address.port(),
        "url": cluster.url(),
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
