//! The build script's part: the glue into the crate, and each proxy into a shared object of its own in OUT_DIR.
//!
//! Each half is its own probe: what does not compile and link against the given libmesos is left out, with a warning that
//! says why, and only when neither does is it an error. The environment says where libmesos is; Build.PL sets it:
//!
//! | variable | meaning |
//! |---|---|
//! | `PERL_MESOS_INCLUDE`, `PERL_MESOS_LIB` | folders of headers and of libmesos.so, as in the original module |
//! | `PERL_MESOS_CXXFLAGS`, `PERL_MESOS_LDFLAGS` | instead: all flags, separated by white space |
//! | `PERL_MESOS_DEFAULT_DRIVER` | `libmesos` makes it the default of the drivers; else `native` is |

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDER: &str = "src/libmesos";
const HALVES: [&str; 2] = ["scheduler", "executor"];
const VARIABLES: [&str; 5] = [
    "PERL_MESOS_INCLUDE",
    "PERL_MESOS_LIB",
    "PERL_MESOS_CXXFLAGS",
    "PERL_MESOS_LDFLAGS",
    "PERL_MESOS_DEFAULT_DRIVER",
];

/// Compiles everything and tells rustc, in variables that src/libmesos reads: version, halves and default.
pub fn compile() -> Result<(), String> {
    for variable in VARIABLES {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    println!("cargo:rerun-if-changed={FOLDER}");
    let mut glue = cxx_build::bridge(format!("{FOLDER}/bridge.rs"));
    glue.file(format!("{FOLDER}/glue.cc"))
        .include(FOLDER)
        .flag_if_supported("-std=c++14")
        .compile("mesos_perl_glue");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-link-lib=dl");
    }

    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    // A link to the top of the sources, for #include: what walks through them (`./Build dist`) would go round in it.
    let _ = std::fs::remove_dir_all(out.join("cxxbridge/crate"));
    let compiler = glue.get_compiler();
    let cxx = || {
        let mut command = Command::new(compiler.path());
        command
            .args(["-O2", "-fPIC", "-Wall"])
            .args(words("CXXFLAGS"))
            .args(include_flags());
        command
    };
    let version = version(cxx())?;
    let mut built = Vec::new();
    let mut problems = Vec::new();
    for half in HALVES {
        match proxy(&cxx, half, &out) {
            Ok(()) => built.push(half),
            Err(problem) => {
                println!("cargo:warning=libmesos {version}: no {half} driver: {}", last_line(&problem));
                problems.push(problem);
            }
        }
    }
    if built.is_empty() {
        return Err(format!("neither driver can be built:\n{}", problems.join("\n")));
    }
    let default = env::var("PERL_MESOS_DEFAULT_DRIVER").unwrap_or_default();
    println!("cargo:rustc-env=PERL_MESOS_LIBMESOS_VERSION={version}");
    println!("cargo:rustc-env=PERL_MESOS_LIBMESOS_HALVES={}", built.join(" "));
    println!("cargo:rustc-env=PERL_MESOS_LIBMESOS_DEFAULT={default}");
    // Read by debug builds only: tests run where no shared object has been installed beside the library.
    println!("cargo:rustc-env=PERL_MESOS_LIBMESOS_FOLDER={}", out.display());
    Ok(())
}

/// One proxy's shared object: compiled, and linked so that an unresolved symbol fails here and not when it is loaded.
fn proxy(cxx: &impl Fn() -> Command, half: &str, out: &Path) -> Result<(), String> {
    let object = out.join(format!("libmesos_perl_{half}.so"));
    let _ = std::fs::remove_file(&object);
    let link = |more: &[&str]| {
        let mut command = cxx();
        command.args(["-shared", "-Wl,-z,defs", "-o"]).arg(&object);
        command.arg(format!("{FOLDER}/{half}.cc")).args(link_flags()).args(more);
        run(command)
    };
    // Some libmesos hold protobuf themselves, some want the system's.
    match link(&[]) {
        Ok(_) => Ok(()),
        Err(problem) => link(&["-lprotobuf"]).map(drop).map_err(|_| problem),
    }
}

/// MESOS_VERSION, as the headers define it.
fn version(mut cxx: Command) -> Result<String, String> {
    let source = Path::new(FOLDER).join("version.cc");
    cxx.args(["-E", "-P"]).arg(source);
    let said = run(cxx)?;
    let line = said.lines().rev().find_map(|line| line.strip_prefix("mesos_perl_version"));
    let version = line.unwrap_or_default().trim().trim_matches('"').to_string();
    match version.starts_with(|c: char| c.is_ascii_digit()) {
        true => Ok(version),
        false => Err(format!("mesos/version.hpp defines no MESOS_VERSION, but {version:?}")),
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|v| !v.is_empty())
}

fn words(name: &str) -> Vec<String> {
    let text = variable(name).unwrap_or_default();
    text.split_whitespace().map(str::to_string).collect()
}

/// System folders, so that warnings of Mesos' own headers stay out.
fn include_flags() -> Vec<String> {
    match (variable("PERL_MESOS_CXXFLAGS"), variable("PERL_MESOS_INCLUDE")) {
        (Some(_), _) => words("PERL_MESOS_CXXFLAGS"),
        (None, Some(folder)) => vec!["-isystem".to_string(), folder],
        (None, None) => Vec::new(),
    }
}

fn link_flags() -> Vec<String> {
    match (variable("PERL_MESOS_LDFLAGS"), variable("PERL_MESOS_LIB")) {
        (Some(_), _) => words("PERL_MESOS_LDFLAGS"),
        (None, Some(folder)) => vec![format!("-L{folder}"), format!("-Wl,-rpath,{folder}"), "-lmesos".to_string()],
        (None, None) => vec!["-lmesos".to_string()],
    }
}

/// What the command wrote to its standard output; the error is what it was and what it said.
fn run(mut command: Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{command:?}\n{}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// The line that says most, for a warning of one line.
fn last_line(text: &str) -> &str {
    let telling = |line: &&str| line.contains("error") || line.contains("undefined reference");
    text.lines().skip(1).find(telling).unwrap_or(text)
}
