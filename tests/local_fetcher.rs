//! URIs of real tasks: files, http, archives, the cache.

#[path = "support/local.rs"]
mod local_support;

use base64::Engine;
use flate2::write::GzEncoder;
use flate2::Compression;
use local_support::web::web;
use local_support::*;
use mesos_perl::local::Cluster;
use mesos_perl::proto::command_info::Uri;
use mesos_perl::proto::*;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use TaskState::*;

/// A directory that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("mesos-perl-fetch-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn file(&self, name: &str, content: &[u8]) -> Uri {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        uri(path.to_str().unwrap())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn uri(value: &str) -> Uri {
    Uri {
        value: value.into(),
        ..Default::default()
    }
}

fn header(kind: tar::EntryType, size: usize, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(mode);
    header.set_mtime(1_000_000_000);
    header
}

/// Puts a name there that the library would refuse to write.
fn named(mut header: tar::Header, name: &str) -> tar::Header {
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    header
}

fn linked(mut header: tar::Header, to: &str) -> tar::Header {
    header.as_old_mut().linkname[..to.len()].copy_from_slice(to.as_bytes());
    header
}

fn file_entry(tape: &mut tar::Builder<Vec<u8>>, name: &str, mode: u32, content: &[u8]) {
    let header = header(tar::EntryType::Regular, content.len(), mode);
    tape.append(&named(header, name), content).unwrap();
}

/// A program in a folder that may not be written to, and links to it.
fn good_tape() -> Vec<u8> {
    let mut tape = tar::Builder::new(Vec::new());
    let folder = header(tar::EntryType::Directory, 0, 0o555);
    tape.append(&named(folder, "./dir/"), &[][..]).unwrap();
    file_entry(&mut tape, "./dir/run", 0o755, b"#!/bin/sh\necho ran\n");
    let link = linked(header(tar::EntryType::Symlink, 0, 0o777), "dir/run");
    tape.append(&named(link, "link"), &[][..]).unwrap();
    let hard = linked(header(tar::EntryType::Link, 0, 0o755), "dir/run");
    tape.append(&named(hard, "hard"), &[][..]).unwrap();
    tape.into_inner().unwrap()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn task(framework: &Framework, id: &str, command: &str, uris: Vec<Uri>) -> TaskInfo {
    let mut task = framework.command(id, command);
    task.command.as_mut().unwrap().uris = uris;
    task
}

/// Runs a task to its end: the state, and its message.
fn run(framework: &mut Framework, task: TaskInfo) -> (TaskState, String) {
    let id = task.task_id.value.clone();
    framework.launch(vec![task]);
    framework.story(&id).pop().unwrap()
}

fn finished(framework: &mut Framework, task: TaskInfo) {
    let end = run(framework, task);
    assert_eq!(end, (TaskFinished, "Command exited with status 0".into()));
}

/// A tar.bz2 with the file `packed`, which says "bzip2".
const BZ2: &str = "QlpoOTFBWSZTWZN1tY8AAHn7hMkQAERAAH+AABB+KN4QAACACCAAdQ1R6J6nqAHqaAepp6gkqZNGgNNABoEvta2tQgpcAkRg8iPcXTJIGKDBsmMnBZNAU1qjC5owtlgSBTsgRBNH47Z2kJibJezmH+c6Eg/F3JFOFCQk3W1jwA==";

#[test]
fn archives_of_all_kinds_are_unpacked() {
    let (cluster, scratch) = (cluster(), Scratch::new("kinds"));
    let mut framework = Framework::new(&cluster);
    let tape = good_tape();
    let mut xz = Vec::new();
    lzma_rs::xz_compress(&mut &tape[..], &mut xz).unwrap();
    let uses =
        "dir/run && ./link && ./hard && test \"$(stat -c '%a %Y' dir/run)\" = '755 1000000000' && test $(stat -c %a dir) = 555";
    for (name, bytes) in [
        ("x.tar", tape.clone()),
        ("x.tgz", gzipped(&tape)),
        ("x.tar.gz", gzipped(&tape)),
        ("x.tar.xz", xz.clone()),
        ("x.txz", xz),
    ] {
        let archive = scratch.file(name, &bytes);
        let command = format!("{uses} && test -f {name}");
        let task = task(&framework, name, &command, vec![archive]);
        finished(&mut framework, task);
    }
    let bz2 = base64::engine::general_purpose::STANDARD.decode(BZ2).unwrap();
    for name in ["x.tar.bz2", "x.tbz2"] {
        let archive = scratch.file(name, &bz2);
        let task = task(&framework, name, "grep -x bzip2 packed", vec![archive]);
        finished(&mut framework, task);
    }
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::FileOptions::default();
    zip.add_directory("dir", options).unwrap();
    zip.start_file("dir/run", options.unix_permissions(0o755)).unwrap();
    zip.write_all(b"#!/bin/sh\necho ran\n").unwrap();
    zip.add_symlink("link", "dir/run", options).unwrap();
    let archive = scratch.file("x.zip", &zip.finish().unwrap().into_inner());
    let zip = task(&framework, "zip", "dir/run && ./link", vec![archive]);
    finished(&mut framework, zip);
    let archive = scratch.file("words.gz", &gzipped(b"words"));
    let gz = task(
        &framework,
        "gz",
        "test -f words.gz && test $(cat words) = words",
        vec![archive],
    );
    finished(&mut framework, gz);
    // Not unpacked: the framework says so, or it is to be executed, or it is no archive by its name.
    let as_it_is = Uri {
        extract: Some(false),
        ..scratch.file("a.tgz", &gzipped(&tape))
    };
    let executable = Uri {
        executable: Some(true),
        output_file: Some("bin/b.tgz".into()),
        ..as_it_is.clone()
    };
    let other = scratch.file("c.tgz.txt", b"text");
    let command = "test -f a.tgz && test -x bin/b.tgz && test $(cat c.tgz.txt) = text && test ! -e dir";
    let task = task(&framework, "as-it-is", command, vec![as_it_is, executable, other]);
    finished(&mut framework, task);
}

#[test]
fn nothing_of_an_archive_leads_out_of_the_sandbox() {
    let (cluster, scratch) = (cluster(), Scratch::new("evil"));
    let mut framework = Framework::new(&cluster);
    let outside = scratch.0.join("outside");
    std::fs::create_dir(&outside).unwrap();
    let outside = outside.to_str().unwrap();
    let link = |to: &str| linked(header(tar::EntryType::Symlink, 0, 0o777), to);
    let hard = |to: &str| linked(header(tar::EntryType::Link, 0, 0o777), to);
    type Fill<'a> = &'a dyn Fn(&mut tar::Builder<Vec<u8>>);
    let out = "leads out of the sandbox";
    let cases: [(&str, &str, Fill); 9] = [
        ("dots", out, &|tape| file_entry(tape, "a/../../x", 0o644, b"x")),
        ("absolute", out, &|tape| {
            file_entry(tape, &format!("{outside}/x"), 0o644, b"x");
        }),
        ("link", out, &|tape| tape.append(&named(link("../x"), "l"), &[][..]).unwrap()),
        ("absolute-link", out, &|tape| {
            tape.append(&named(link(outside), "l"), &[][..]).unwrap();
        }),
        ("deep-link", out, &|tape| {
            tape.append(&named(link("b/../../../x"), "a/l"), &[][..]).unwrap();
        }),
        ("hard-link", out, &|tape| {
            tape.append(&named(hard("../x"), "l"), &[][..]).unwrap();
        }),
        ("through-a-link", "Not a directory", &|tape| {
            tape.append(&named(link("."), "l"), &[][..]).unwrap();
            file_entry(tape, "l/x", 0o644, b"x");
        }),
        ("device", "is a device", &|tape| {
            tape.append(&named(header(tar::EntryType::Char, 0, 0o666), "null"), &[][..])
                .unwrap();
        }),
        ("fifo", "is a device", &|tape| {
            tape.append(&named(header(tar::EntryType::Fifo, 0, 0o666), "fifo"), &[][..])
                .unwrap();
        }),
    ];
    for (name, why, fill) in cases {
        let mut tape = tar::Builder::new(Vec::new());
        fill(&mut tape);
        let archive = scratch.file(&format!("{name}.tar"), &tape.into_inner().unwrap());
        let task = task(&framework, name, "true", vec![archive.clone()]);
        let (state, message) = run(&mut framework, task);
        assert_eq!(state, TaskFailed, "{name}");
        let begin = "Failed to launch container: Failed to fetch all URIs for container '";
        assert!(
            message.starts_with(begin) && message.contains("exited with status 1"),
            "{message}"
        );
        assert!(message.contains(&archive.value) && message.contains(why), "{name}: {message}");
        assert_eq!(std::fs::read_dir(outside).unwrap().count(), 0, "{name}");
    }
    // What is cut, or is no archive at all.
    let whole = gzipped(&good_tape());
    for (name, bytes) in [
        ("cut.tgz", &whole[..whole.len() / 2]),
        ("no.tgz", b"text"),
        ("no.tar.bz2", b"text"),
        ("no.tar.xz", b"text"),
        ("no.zip", b"text"),
        ("no.gz", b"text"),
    ] {
        let archive = scratch.file(name, bytes);
        let task = task(&framework, name, "true", vec![archive]);
        let (state, message) = run(&mut framework, task);
        assert!(
            state == TaskFailed && message.contains("cannot extract it: "),
            "{name}: {message}"
        );
    }
}

#[test]
fn an_archive_replaces_links_that_are_in_its_way() {
    let (cluster, scratch) = (cluster(), Scratch::new("replace"));
    let mut framework = Framework::new(&cluster);
    let mut tape = tar::Builder::new(Vec::new());
    file_entry(&mut tape, "target", 0o644, b"old");
    let link = linked(header(tar::EntryType::Symlink, 0, 0o777), "target");
    tape.append(&named(link, "name"), &[][..]).unwrap();
    file_entry(&mut tape, "name", 0o4755, b"new");
    let archive = scratch.file("x.tar", &tape.into_inner().unwrap());
    let command = "test $(cat target) = old && test $(cat name) = new && test ! -L name && test $(stat -c %a name) = 755";
    let task = task(&framework, "t", command, vec![archive]);
    finished(&mut framework, task);
}

#[test]
fn http_is_loaded_in_all_its_shapes() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let port = web(|head| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let host = head.to_ascii_lowercase();
        let answer = match path {
            "/plain?a=b" => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain",
            "/rest" => "HTTP/1.0 200 OK\r\n\r\nrest",
            "/chunks" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nchu\r\n3\r\nnks\r\n0\r\n\r\n",
            "/elsewhere/there" => "HTTP/1.1 302 Found\r\nLocation: ../moved\r\nContent-Length: 0\r\n\r\n",
            "/elsewhere/../moved" | "/moved" => "HTTP/1.1 307 Again\r\nLocation: /rest\r\nContent-Length: 0\r\n\r\n",
            "/round" => "HTTP/1.1 301 Moved\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n",
            "/cut" => "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ncut",
            "/user" if host.contains("authorization: basic bwu6chc=") => "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nuser",
            "/no-http" => "what?\r\n\r\n",
            _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
        };
        answer.as_bytes().to_vec()
    });
    let at = |path: &str| uri(&format!("http://127.0.0.1:{port}{path}"));
    let named = |path: &str, name: &str| Uri {
        output_file: Some(name.into()),
        ..at(path)
    };
    let uris = vec![
        named("/plain?a=b", "plain"),
        at("/rest"),
        at("/chunks"),
        named("/elsewhere/there", "deep/moved"),
        named("/user", "user").with_user(port),
    ];
    let command = "test \"$(cat plain rest chunks deep/moved user)\" = plainrestchunksrestuser";
    let good = task(&framework, "good", command, uris);
    finished(&mut framework, good);
    for (path, why) in [
        ("/nothing", "received HTTP response code 404"),
        ("/round", "it is redirected too often"),
        ("/cut", "the answer is cut"),
        ("/no-http", "the answer is not HTTP"),
    ] {
        let bad = task(&framework, &path[1..], "true", vec![at(path)]);
        let (state, message) = run(&mut framework, bad);
        assert!(state == TaskFailed && message.contains(why), "{path}: {message}");
        assert!(
            message.contains(&format!("Failed to fetch 'http://127.0.0.1:{port}{path}'")),
            "{message}"
        );
    }
}

trait WithUser {
    fn with_user(self, port: u32) -> Self;
}

impl WithUser for Uri {
    fn with_user(self, port: u32) -> Uri {
        let plain = format!("http://127.0.0.1:{port}");
        Uri {
            value: self.value.replace(&plain, &format!("http://me:pw@127.0.0.1:{port}")),
            ..self
        }
    }
}

fn cached(uri: Uri) -> Uri {
    Uri {
        cache: Some(true),
        ..uri
    }
}

#[test]
fn what_is_cached_is_loaded_once() {
    let cluster: Cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let archive = gzipped(&good_tape());
    let port = web(move |head| {
        let path = head.split(' ').nth(1).unwrap_or_default().to_string();
        log.lock().unwrap().push(path.clone());
        let body = if path == "/x.tgz" { archive.clone() } else { b"text".to_vec() };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        [head.into_bytes(), body].concat()
    });
    let at = |path: &str| uri(&format!("http://127.0.0.1:{port}{path}"));
    // Both at once: one of them has to wait for the other.
    let tasks = ["one", "two"].map(|id| {
        let executable = Uri {
            executable: Some(true),
            output_file: Some("program".into()),
            ..cached(at("/text"))
        };
        let uris = vec![cached(at("/text")), cached(at("/x.tgz")), executable];
        task(
            &framework,
            id,
            "grep text text && test -x program && test ! -x text && dir/run && test ! -e x.tgz",
            uris,
        )
    });
    framework.launch(tasks.into());
    for id in ["one", "two"] {
        assert_eq!(framework.story(id).pop().unwrap().0, TaskFinished);
    }
    let mut seen = asked.lock().unwrap().clone();
    seen.sort();
    assert_eq!(seen, ["/text", "/x.tgz"]);
    let not_cached = task(&framework, "three", "grep text text", vec![at("/text")]);
    finished(&mut framework, not_cached);
    assert_eq!(asked.lock().unwrap().len(), 3);
    let fetch = cluster
        .work_dir()
        .join("slaves")
        .join(&framework.agent_id.value)
        .join("fetch");
    let folders: Vec<PathBuf> = std::fs::read_dir(fetch).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((folders.len(), mode(&folders[0])), (1, 0o750));
}
