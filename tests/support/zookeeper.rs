//! Real ZooKeeper servers for tests (Debian's libzookeeper-java), and a client that writes what masters write.

#![allow(dead_code)] // each test file uses its part

use crate::support::wait_for;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const JARS: [&str; 9] = [
    "zookeeper",
    "zookeeper-jute",
    "slf4j-api",
    "slf4j-simple",
    "netty-all",
    "snappy-java",
    "metrics-core",
    "commons-io",
    "commons-cli",
];

/// Where Debian's packages put them. `None`, and a line that says so, when they are not installed.
fn classpath() -> Option<String> {
    let folder = Path::new("/usr/share/java");
    let java = Command::new("java").arg("-version").stderr(Stdio::null()).status();
    if !folder.join("zookeeper.jar").exists() || !java.is_ok_and(|status| status.success()) {
        let why = "no java or no /usr/share/java/zookeeper.jar (script/setup --test installs them)";
        crate::support::skip::skip("zookeeper", why);
        return None;
    }
    let jars: Vec<String> = JARS
        .iter()
        .map(|jar| folder.join(format!("{jar}.jar")).display().to_string())
        .collect();
    Some(jars.join(":"))
}

fn free_ports(count: usize) -> Vec<u16> {
    // All at once, so that they differ.
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
        .collect();
    listeners.iter().map(|l| l.local_addr().expect("address").port()).collect()
}

struct Member {
    port: u16,
    folder: PathBuf,
    process: Option<Child>,
}

/// One or more servers, which end with it.
pub struct Ensemble {
    classpath: String,
    folder: PathBuf,
    members: Vec<Member>,
}

impl Ensemble {
    /// Lays out servers without starting them. `max_session` in ms bounds what clients ask for.
    pub fn new(count: usize, max_session: u32) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let classpath = classpath()?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("mesos-zookeeper-{}-{number}", std::process::id()));
        let ports = free_ports(count * 3);
        let peers: String = (0..count)
            .map(|n| format!("server.{}=127.0.0.1:{}:{}\n", n + 1, ports[count + n], ports[2 * count + n]))
            .collect();
        let members = (0..count).map(|n| {
            let folder = folder.join(n.to_string());
            std::fs::create_dir_all(folder.join("data")).expect("folder");
            std::fs::write(folder.join("data/myid"), format!("{}\n", n + 1)).expect("myid");
            let settings = format!(
                "tickTime=200\ninitLimit=50\nsyncLimit=25\nminSessionTimeout=200\nmaxSessionTimeout={max_session}\n\
                 dataDir={}\nclientPort={}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n\
                 4lw.commands.whitelist=*\n{}",
                folder.join("data").display(),
                ports[n],
                if count > 1 { &*peers } else { "" }
            );
            std::fs::write(folder.join("zoo.cfg"), settings).expect("settings");
            Member {
                port: ports[n],
                folder,
                process: None,
            }
        });
        let members = members.collect();
        Some(Ensemble {
            classpath,
            folder,
            members,
        })
    }

    /// Starts all of them and waits until they serve.
    pub fn started(count: usize, max_session: u32) -> Option<Self> {
        let mut ensemble = Ensemble::new(count, max_session)?;
        for n in 0..count {
            ensemble.start(n);
        }
        for n in 0..count {
            ensemble.await_serving(n);
        }
        Some(ensemble)
    }

    pub fn start(&mut self, n: usize) {
        let member = &mut self.members[n];
        let log = std::fs::File::create(member.folder.join("log")).expect("log");
        let mut command = Command::new("java");
        command.args(["-Xmx64m", "-XX:TieredStopAtLevel=1", "-cp", &self.classpath]);
        command
            .arg("org.apache.zookeeper.server.quorum.QuorumPeerMain")
            .arg(member.folder.join("zoo.cfg"));
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("log")).stderr(log);
        member.process = Some(command.spawn().expect("java"));
    }

    pub fn await_serving(&self, n: usize) {
        wait_for("a serving ZooKeeper", || self.ask(n, "srvr").contains("Mode: ").then_some(()));
    }

    /// A server that is gone without saying goodbye.
    pub fn kill(&mut self, n: usize) {
        if let Some(mut process) = self.members[n].process.take() {
            process.kill().expect("kill");
            process.wait().expect("wait");
        }
    }

    pub fn port(&self, n: usize) -> u16 {
        self.members[n].port
    }

    /// `zk://...` with this in front of the servers (`user:password@` or nothing).
    pub fn url(&self, credentials: &str, path: &str) -> String {
        let servers: Vec<String> = self.members.iter().map(|m| format!("127.0.0.1:{}", m.port)).collect();
        format!("zk://{credentials}{}{path}", servers.join(","))
    }

    /// Whether the member follows another one: the others serve on without a break when it is gone.
    pub fn follows(&self, n: usize) -> bool {
        self.ask(n, "srvr").contains("Mode: follower")
    }

    /// How many sessions are connected to the member.
    pub fn sessions(&self, n: usize) -> usize {
        self.ask(n, "cons").matches("sid=").count()
    }

    /// The answer to a four letter word; empty when there is none.
    fn ask(&self, n: usize, word: &str) -> String {
        let mut answer = String::new();
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port(n))) {
            drop(stream.set_read_timeout(Some(Duration::from_secs(5))));
            drop(stream.write_all(word.as_bytes()));
            drop(stream.read_to_string(&mut answer));
        }
        answer
    }
}

impl Drop for Ensemble {
    fn drop(&mut self) {
        for n in 0..self.members.len() {
            self.kill(n);
        }
        match std::thread::panicking() {
            true => eprintln!("ZooKeeper's logs are in {}", self.folder.display()),
            false => drop(std::fs::remove_dir_all(&self.folder)),
        }
    }
}

/// How long a node lives.
#[derive(Clone, Copy)]
pub enum Kind {
    Persistent = 0,
    PersistentSequential = 2,
    /// As masters do: until its session ends.
    EphemeralSequential = 3,
}

/// A session that writes. Ends, with its ephemeral nodes, when it is dropped.
pub struct Writer {
    stream: TcpStream,
    xid: i32,
    /// New nodes are for their creator only.
    private: bool,
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as i32).to_be_bytes());
    out.extend(bytes);
}

impl Writer {
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("ZooKeeper");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
        let mut writer = Writer {
            stream,
            xid: 0,
            private: false,
        };
        let mut hello = [&[0; 12][..], &60_000_i32.to_be_bytes(), &[0; 8]].concat();
        text(&mut hello, &[0; 16]);
        writer.send(&hello);
        assert!(writer.frame()[4..8] != [0; 4], "no session");
        writer
    }

    pub fn authenticated(port: u16, credentials: &str) -> Self {
        let mut writer = Writer::connect(port);
        writer.private = true;
        let mut body = vec![0; 4];
        text(&mut body, b"digest");
        text(&mut body, credentials.as_bytes());
        writer.request(-4, 100, &body);
        writer
    }

    /// Gives the path, which has a number behind it when `kind` says so.
    pub fn create(&mut self, path: &str, data: &[u8], kind: Kind) -> String {
        let mut body = Vec::new();
        text(&mut body, path.as_bytes());
        text(&mut body, data);
        body.extend(1_i32.to_be_bytes());
        body.extend(31_i32.to_be_bytes());
        let (scheme, id) = if self.private { ("auth", "") } else { ("world", "anyone") };
        text(&mut body, scheme.as_bytes());
        text(&mut body, id.as_bytes());
        body.extend((kind as i32).to_be_bytes());
        let reply = self.next(1, &body);
        String::from_utf8(reply[4..].to_vec()).expect("a path")
    }

    pub fn delete(&mut self, path: &str) {
        let mut body = Vec::new();
        text(&mut body, path.as_bytes());
        body.extend((-1_i32).to_be_bytes());
        self.next(2, &body);
    }

    fn next(&mut self, operation: i32, body: &[u8]) -> Vec<u8> {
        self.xid += 1;
        self.request(self.xid, operation, body)
    }

    fn request(&mut self, xid: i32, operation: i32, body: &[u8]) -> Vec<u8> {
        self.send(&[&xid.to_be_bytes(), &operation.to_be_bytes(), body].concat());
        let reply = self.frame();
        assert_eq!(reply[..4], xid.to_be_bytes());
        assert_eq!(reply[12..16], [0; 4], "operation {operation} failed");
        reply[16..].to_vec()
    }

    fn send(&mut self, body: &[u8]) {
        let frame = [&(body.len() as i32).to_be_bytes(), body].concat();
        self.stream.write_all(&frame).expect("send");
    }

    fn frame(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).expect("a length");
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut frame).expect("a frame");
        frame
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // closeSession; a server that is gone forgets the session by itself.
        let close = [0, 0, 0, 8, 0x7f, 0, 0, 0, 0xff, 0xff, 0xff, 0xf5];
        if self.stream.write_all(&close).is_ok() {
            drop(self.stream.read_to_end(&mut Vec::new()));
        }
    }
}
