//! `mesos-local` as a process, for tests of it.

#![allow(dead_code)]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_mesos-local");

/// The program with some arguments, without the settings of whoever runs the tests.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MESOS_") {
            command.env_remove(name);
        }
    }
    command
}

/// What the program says when it does not start: its exit status and standard error.
pub fn refused(arguments: &[&str]) -> (i32, String) {
    refused_by(&mut command(arguments))
}

pub fn refused_by(command: &mut Command) -> (i32, String) {
    let output = command.output().expect("it runs");
    let text = String::from_utf8(output.stderr).expect("text");
    (output.status.code().expect("no signal"), text)
}

/// One that runs. It is killed with its owner.
pub struct Program {
    pub child: Child,
    pub text: String,
    pub ready: Value,
    pub address: SocketAddr,
    _stdout: BufReader<ChildStdout>,
}

impl Program {
    /// Open, on any port, with small resources, and these arguments.
    pub fn new(arguments: &[&str]) -> Program {
        Program::bare(&[&["--open"], arguments].concat())
    }

    /// On any port, with small resources, and these arguments.
    pub fn bare(arguments: &[&str]) -> Program {
        let resources = "cpus:4;mem:4096;disk:4096;ports:[31000-31099]";
        let common = ["--port=0", "--ready-fd=1", "--resources", resources];
        Program::of(&mut command(&[&common, arguments].concat()))
    }

    /// A command that writes both lines to its standard output.
    pub fn of(command: &mut Command) -> Program {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = || {
            let mut line = String::new();
            stdout.read_line(&mut line).expect("a line");
            line.trim_end().to_string()
        };
        let (text, ready) = (line(), line());
        let ready: Value = serde_json::from_str(&ready).unwrap_or_else(|e| panic!("no JSON ({e}): {text:?} {ready:?}"));
        let address = ready["address"].as_str().and_then(|address| address.parse().ok());
        Program {
            child,
            text,
            address: address.expect("an address"),
            ready,
            _stdout: stdout,
        }
    }

    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), signal).expect("a signal");
    }

    /// Waits for its end, and says what it has still written to standard output.
    pub fn wait(&mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("its end");
        let mut rest = String::new();
        self._stdout.read_to_string(&mut rest).expect("text");
        (status, rest)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
