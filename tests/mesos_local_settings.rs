//! Where the settings of `mesos-local` come from: flags, variables, and the file of `--config`.

#[path = "support/program.rs"]
mod program_support;

use program_support::*;
use std::path::PathBuf;

/// A file that goes with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: &str) -> File {
        let path = std::env::temp_dir().join(format!("mesos-local-settings-{}-{name}", std::process::id()));
        std::fs::write(&path, content).expect("write");
        File(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

#[test]
fn a_file_counts_least_and_a_flag_most() {
    let file = File::new(
        "good.toml",
        "open = true\nport = 0\nready-fd = 1\nagents = 2\nmasters = 2\nhostname = 'filed'\nresources = 'cpus:4;mem:64'\n",
    );
    let started = |flags: &[&str], variables: &[(&str, &str)]| {
        let mut command = command(&[&["--config", file.path()], flags].concat());
        command.envs(variables.iter().copied());
        let program = Program::of(&mut command);
        assert_eq!(program.ready["masters"].as_array().map(Vec::len), Some(2));
        let agents = program.ready["agents"].as_array().expect("agents").clone();
        (agents.len(), agents[0]["hostname"].as_str().expect("a name").to_string())
    };
    assert_eq!(started(&[], &[]), (2, "filed".into()));
    assert_eq!(started(&[], &[("MESOS_NUM_SLAVES", "3")]), (3, "filed".into()));
    assert_eq!(
        started(
            &["--hostname=flagged"],
            &[("MESOS_NUM_SLAVES", "3"), ("MESOS_HOSTNAME", "variable")]
        ),
        (3, "flagged".into())
    );
    // An empty variable is none.
    assert_eq!(started(&["--agents=1"], &[("MESOS_HOSTNAME", "")]), (1, "filed".into()));
}

#[test]
fn mistakes_in_a_file_are_told() {
    for (number, (content, wanted)) in [
        ("prot = 5050", "there is no flag 'prot': did you mean 'port'?"),
        ("port = ", "line 1"),
        ("port = 'x'", "--config: port: expected a port from 0 to 65535, not 'x'"),
        ("open = 'perhaps'", "--config: open: expected true or false, not 'perhaps'"),
        ("open = true\nnum_slaves = -1", "--config: agents: "),
        ("config = 'other.toml'", "there is no flag 'config'"),
    ]
    .into_iter()
    .enumerate()
    {
        let file = File::new(&format!("bad-{number}.toml"), content);
        let (status, text) = refused(&["--config", file.path()]);
        assert_eq!(status, 2, "{content}: {text}");
        assert!(text.contains(wanted), "{content}: {text}");
    }
    let (status, text) = refused(&["--config=/does/not/exist"]);
    assert!(
        status == 2 && text.contains("--config: cannot read /does/not/exist"),
        "{text}"
    );
}

#[test]
fn https_needs_a_certificate_and_its_key() {
    let junk = File::new("junk.pem", "no certificate\n");
    for (flags, wanted) in [
        (vec!["--ssl-cert-file", junk.path()], "https needs both"),
        (vec!["--ssl-key-file", junk.path()], "https needs both"),
        (
            vec!["--ssl-cert-file", junk.path(), "--ssl-key-file", junk.path()],
            "there is no certificate in it",
        ),
        (
            vec!["--ssl-cert-file=/none", "--ssl-key-file", junk.path()],
            "cannot read /none",
        ),
    ] {
        let (status, text) = refused(&[&["--open"], &flags[..]].concat());
        assert_eq!(status, 2, "{flags:?}: {text}");
        #[cfg(feature = "tls")]
        assert!(text.contains(wanted), "{flags:?}: {text}");
        #[cfg(not(feature = "tls"))]
        let _ = wanted;
    }
    // What Mesos does not read without LIBPROCESS_SSL_ENABLED is not read here.
    let start = |enabled: &str| {
        let mut command = command(&["--open", "--port=0", "--ready-fd=1", "--resources=cpus:1;mem:64"]);
        command
            .env("LIBPROCESS_SSL_CERT_FILE", "/none")
            .env("LIBPROCESS_SSL_ENABLED", enabled);
        command
    };
    assert_eq!(
        Program::of(&mut start("false")).ready["url"].as_str().map(|url| &url[..5]),
        Some("http:")
    );
    for enabled in ["1", "yes"] {
        let output = start(enabled).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        let wanted = if enabled == "1" {
            "KEY_FILE"
        } else {
            "LIBPROCESS_SSL_ENABLED is \"yes\", expected 1 or 0"
        };
        #[cfg(feature = "tls")]
        assert!(text.contains(wanted), "{text}");
        #[cfg(not(feature = "tls"))]
        let _ = wanted;
    }
}

/// An isolator that is not there is refused as by Mesos' agent; so are limits where there can be none.
#[test]
fn isolation_is_there_or_refused() {
    let (status, text) = refused(&["--open", "--port=0", "--isolation=cgroups/cpu,docker/runtime"]);
    assert_eq!(status, 2, "{text}");
    assert!(
        text.contains("--isolation: Unknown or unsupported isolator 'docker/runtime'."),
        "{text}"
    );
    // No cgroup has this name, whoever asks.
    let (status, text) = refused(&["--open", "--port=0", "--isolation=cgroups/mem", "--cgroups_root=a/../b"]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("MESOS_ISOLATION: ") && text.contains("systemd-run"), "{text}");
    let program = Program::new(&["--isolation=posix/cpu,posix/mem", "--cgroups-enable-cfs"]);
    assert!(program.text.contains("a master and 1 agent"), "{}", program.text);
    // What is only simulated needs no cgroups.
    Program::new(&["--simulate", "--isolation=cgroups/mem", "--cgroups_root=a/../b"]);
}
