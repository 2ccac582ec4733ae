//! Compiles perl/Mesos.xs, perl/*.c and replay.c for the target `replay`, against the perl in PATH.

use std::path::{Path, PathBuf};
use std::process::Command;

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect(program);
    assert!(output.status.success(), "{program} {arguments:?} failed");
    String::from_utf8(output.stdout).expect("text")
}

fn main() {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("..");
    let out = PathBuf::from(std::env::var("OUT_DIR").unwrap());
    let xs = out.join("Mesos.c");
    let typemap = output("perl", &["-MConfig", "-e", "print \"$Config{privlibexp}/ExtUtils/typemap\""]);
    let perl = root.join("perl").canonicalize().unwrap();
    let generated = output("xsubpp", &["-typemap", &typemap, perl.join("Mesos.xs").to_str().unwrap()]);
    std::fs::write(&xs, generated).unwrap();
    let mut build = cc::Build::new();
    build.file(&xs).file("replay.c").include(&perl).include(root.join("include")).warnings(false);
    for entry in std::fs::read_dir(&perl).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "c") && path.file_name() != Some("Mesos.c".as_ref()) {
            build.file(path);
        }
    }
    let module = output("perl", &[&format!("-I{}/lib", perl.display()), "-MMesos", "-e", "print $Mesos::VERSION"]);
    build.define("XS_VERSION", Some(format!("\"{module}\"").as_str()));
    build.define("VERSION", Some(format!("\"{module}\"").as_str()));
    build.define("MESOS_ROOT", Some(format!("\"{}\"", root.canonicalize().unwrap().display()).as_str()));
    for flag in output("perl", &["-MExtUtils::Embed", "-e", "ccopts"]).split_whitespace() {
        build.flag(flag);
    }
    build.compile("replay");
    for flag in output("perl", &["-MExtUtils::Embed", "-e", "ldopts"]).split_whitespace() {
        println!("cargo:rustc-link-arg-bin=replay={flag}");
    }
    // What the C files call: the linker would not look for it in the crate by itself.
    for name in functions(&root.join("include/mesos_perl.h")) {
        println!("cargo:rustc-link-arg-bin=replay=-Wl,--undefined={name}");
    }
    println!("cargo:rerun-if-changed=../perl");
    println!("cargo:rerun-if-changed=replay.c");
    println!("cargo:rerun-if-changed=../include/mesos_perl.h");
}

fn functions(header: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(header).unwrap();
    let mut names: Vec<String> = text
        .match_indices("mesos_")
        .map(|(at, _)| &text[at..])
        .filter_map(|rest| rest.split_once('(').map(|(name, _)| name))
        .filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
        .map(str::to_string)
        .collect();
    names.sort();
    names.dedup();
    names
}
