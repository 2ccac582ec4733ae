//! What is left of tasks when somebody has killed the helper so that it could end nothing any more: both its processes at once.
//!
//! Their programs are told by the agent's id in their environment, which they cannot take out of the kernel's copy by mistake.

use crate::local::cgroups;
use rustix::process::{pidfd_open, pidfd_send_signal, Pid, PidfdFlags, Signal};
use std::path::Path;
use std::time::Duration;
use tokio::sync::oneshot;

/// It takes some milliseconds. A process that the kernel holds up is not waited for.
const LIMIT: Duration = Duration::from_secs(2);

/// Members may fork while we look.
const LOOKS: usize = 100;

/// Kills every process that runs for these agents, or in the cluster's cgroups. On a thread of its own, since reading another's environment can block.
pub async fn end_all(agents: &[String], cgroup: Option<&Path>) {
    let cgroup = cgroup.map(Path::to_path_buf);
    let marks: Vec<Vec<u8>> = agents
        .iter()
        .map(|agent| format!("MESOS_SLAVE_ID={agent}").into_bytes())
        .collect();
    let (done, ended) = oneshot::channel::<()>();
    let work = move || {
        let _done = done;
        // What is killed there cannot fork meanwhile.
        cgroup.iter().for_each(|cgroup| cgroups::end(cgroup));
        for _ in 0..LOOKS {
            if !kill_marked(&marks) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    match crate::thread::spawn("mesos-orphans", work) {
        Ok(_) => drop(tokio::time::timeout(LIMIT, ended).await),
        Err(e) => log::error!("cannot look for what the helper has left: {e}"),
    }
}

/// One look at all processes. Whether there was one.
fn kill_marked(marks: &[Vec<u8>]) -> bool {
    let Ok(list) = std::fs::read_dir("/proc") else { return false };
    let mut marked = Vec::new();
    for pid in list.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
        // The number may become another's at any time, what is opened does not.
        let Some(process) = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
            continue;
        };
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if environment
            .split(|byte| *byte == 0)
            .any(|variable| marks.iter().any(|mark| mark == variable))
        {
            // Not killed yet: that would make room for what others fork meanwhile.
            let _ = pidfd_send_signal(&process, Signal::Stop);
            marked.push(process);
        }
    }
    let mut killed = false;
    for process in marked {
        killed |= pidfd_send_signal(process, Signal::Kill).is_ok();
    }
    killed
}
