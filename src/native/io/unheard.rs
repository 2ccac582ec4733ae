//! Tells of a program that runs an event loop which does not ask for the driver's events: it would wait for ever, without a word.

use crate::channel::Channel;
use crate::logging::tell;
use std::time::Duration;

/// How often it looks, and after how many looks in a row it tells.
const PAUSE: Duration = Duration::from_millis(500);
const LOOKS: usize = 10;

/// The numbers of the system calls in which event loops wait.
fn waits_for_events(call: libc::c_long) -> bool {
    #[cfg(target_arch = "x86_64")]
    const OLD: [libc::c_long; 3] = [libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_wait];
    #[cfg(not(target_arch = "x86_64"))]
    const OLD: [libc::c_long; 0] = [];
    OLD.contains(&call) || [libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_pwait].contains(&call)
}

/// Whether a thread of this process waits for events of descriptors now. One that sleeps, reads or reckons has something else to do.
/// `syscall` is what the kernel says of it: the call's number and its arguments.
fn waits(syscall: &str) -> bool {
    let mut words = syscall.split_whitespace();
    let call = words.next().and_then(|word| word.parse().ok());
    let call = match call {
        Some(call) if waits_for_events(call) => call,
        _ => return false,
    };
    // select without descriptors is how Perl programs sleep for parts of a second; poll has their number second.
    let count = words.nth(usize::from(!is_select(call)));
    count.is_some_and(|count| count != "0x0")
}

/// select says first how many descriptors it looks at; of the others the second argument is 0 only if there are none.
fn is_select(call: libc::c_long) -> bool {
    #[cfg(target_arch = "x86_64")]
    if call == libc::SYS_select {
        return true;
    }
    call == libc::SYS_pselect6
}

/// Looks, until the first event is taken, whether the program's thread waits in a loop while events wait in the channel.
pub async fn watch(channel: Channel, thread: i32) {
    let Some(advice) = channel.advice() else { return };
    let path = format!("/proc/self/task/{thread}/syscall");
    let mut looks = 0;
    while channel.taken() == 0 {
        let waits = !channel.is_empty() && std::fs::read_to_string(&path).is_ok_and(|call| waits(&call));
        looks = if waits { looks + 1 } else { 0 };
        if looks > LOOKS {
            return tell(&advice);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loops_wait_for_events() {
        let line = |call: libc::c_long, first: &str, second: &str| format!("{call} {first} {second} 0x0 0x0 0x0 0x7ffc 0x7f\n");
        for (call, first, second, expected) in [
            (libc::SYS_epoll_pwait, "0x5", "0x7f00", true),
            (libc::SYS_ppoll, "0x7f00", "0x1", true),
            (libc::SYS_ppoll, "0x7f00", "0x0", false),
            (libc::SYS_pselect6, "0x8", "0x7f00", true),
            (libc::SYS_pselect6, "0x0", "0x0", false),
            (libc::SYS_clock_nanosleep, "0x1", "0x1", false),
            (libc::SYS_read, "0x1", "0x1", false),
        ] {
            assert_eq!(waits(&line(call, first, second)), expected, "{call} {first} {second}");
        }
        assert!(!waits("running\n") && !waits("-1 0x7ffc 0x7f\n") && !waits(""));
    }
}
