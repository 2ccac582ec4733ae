//! Raw statuses of wait(2) in the words of Mesos' command executor.

/// `Command exited with status 3`, `Command terminated with signal Killed`.
pub fn command_text(raw: i32) -> String {
    let signal = raw & 0x7f;
    if signal == 0 {
        return format!("Command exited with status {}", raw >> 8 & 0xff);
    }
    let core = if raw & 0x80 == 0 { "" } else { " (core dumped)" };
    format!("Command terminated with signal {}{core}", signal_text(signal))
}

/// What strsignal(3) says in the C locale.
fn signal_text(signal: i32) -> String {
    let text = match signal {
        libc::SIGHUP => "Hangup",
        libc::SIGINT => "Interrupt",
        libc::SIGQUIT => "Quit",
        libc::SIGILL => "Illegal instruction",
        libc::SIGTRAP => "Trace/breakpoint trap",
        libc::SIGABRT => "Aborted",
        libc::SIGBUS => "Bus error",
        libc::SIGFPE => "Floating point exception",
        libc::SIGKILL => "Killed",
        libc::SIGUSR1 => "User defined signal 1",
        libc::SIGSEGV => "Segmentation fault",
        libc::SIGUSR2 => "User defined signal 2",
        libc::SIGPIPE => "Broken pipe",
        libc::SIGALRM => "Alarm clock",
        libc::SIGTERM => "Terminated",
        libc::SIGVTALRM => "Virtual timer expired",
        libc::SIGPROF => "Profiling timer expired",
        libc::SIGXCPU => "CPU time limit exceeded",
        libc::SIGXFSZ => "File size limit exceeded",
        libc::SIGIO => "I/O possible",
        libc::SIGSYS => "Bad system call",
        // glibc counts real-time signals from its own SIGRTMIN, 34.
        34..=64 => return format!("Real-time signal {}", signal - 34),
        other => return format!("Unknown signal {other}"),
    };
    text.to_string()
}

#[cfg(test)]
mod tests {
    use super::command_text;

    #[test]
    fn texts() {
        assert_eq!(command_text(0), "Command exited with status 0");
        assert_eq!(command_text(3 << 8), "Command exited with status 3");
        assert_eq!(command_text(9), "Command terminated with signal Killed");
        assert_eq!(
            command_text(11 | 0x80),
            "Command terminated with signal Segmentation fault (core dumped)"
        );
        assert_eq!(command_text(35), "Command terminated with signal Real-time signal 1");
    }
}
