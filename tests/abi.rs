//! include/mesos_perl.h from C's side: the programs of tests/abi/ are compiled and run, under AddressSanitizer and under valgrind
//! where these are installed. Nothing here reads what they print: they say what is wrong and exit with another status than 0.

#[path = "support/skip.rs"]
mod skip;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the library that cargo has made for this test run: it lies beside this program.
fn built() -> PathBuf {
    let folder = std::env::current_exe()
        .expect("this program")
        .parent()
        .expect("a folder")
        .to_path_buf();
    assert!(folder.join("libmesos_perl.so").exists(), "no library in {}", folder.display());
    folder
}

struct Compiler {
    scratch: PathBuf,
}

impl Compiler {
    /// `None`, and a line that says so, where there is no C compiler.
    fn new(test: &str) -> Option<Self> {
        if Command::new("cc").arg("--version").output().is_err() {
            skip::skip("abi", "no cc in PATH");
            return None;
        }
        let scratch = std::env::temp_dir().join(format!("mesos-perl-abi-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&scratch).expect("scratch directory");
        Some(Compiler { scratch })
    }

    /// The path of the compiled program; the error is what the compiler said.
    fn compile(&self, source: &Path, options: &[&str]) -> Result<PathBuf, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = self.scratch.join(source.file_stem().expect("a name"));
        let output = Command::new("cc")
            .args(["-std=c11", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
            .arg(&program)
            .args(options)
            .arg("-I")
            .arg(root.join("include"))
            .arg(source)
            .arg("-L")
            .arg(built())
            .arg("-lmesos_perl")
            .arg(format!("-Wl,-rpath,{}", built().display()))
            .output()
            .expect("cc runs");
        match output.status.success() {
            true => Ok(program),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Compiles and runs every program of tests/abi/, each behind `runner` if that is not empty.
    fn run_all(&self, options: &[&str], runner: &[&str]) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/abi");
        for (name, arguments) in [
            ("nulls.c", &[][..]),
            ("events.c", &[]),
            ("lifetimes.c", &[env!("CARGO_BIN_EXE_mesos-local")]),
        ] {
            let program = self.compile(&folder.join(name), options).unwrap_or_else(|e| panic!("{e}"));
            let mut command = match runner.split_first() {
                Some((first, rest)) => {
                    let mut command = Command::new(first);
                    command.args(rest).arg(&program);
                    command
                }
                None => Command::new(&program),
            };
            let output = command
                .args(arguments)
                // Cargo's own has the folder above first, where `cargo build` may have left an older library.
                .env("LD_LIBRARY_PATH", built())
                // An agent's variables would make the executor driver start.
                .env_remove("MESOS_SLAVE_PID")
                .env_remove("MESOS_FRAMEWORK_ID")
                .output()
                .expect("the program runs");
            assert!(
                output.status.success(),
                "{name} {options:?} {runner:?}: {}\n{}{}",
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

impl Drop for Compiler {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.scratch);
    }
}

#[test]
fn plain() {
    if let Some(compiler) = Compiler::new("plain") {
        compiler.run_all(&[], &[]);
    }
}

/// Both catch what the library does to memory of C's `malloc`, which is Rust's allocator too; leaks included.
#[test]
fn under_address_sanitizer() {
    let Some(compiler) = Compiler::new("sanitizer") else { return };
    let options = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let probe = compiler.scratch.join("probe.c");
    std::fs::write(&probe, "int main(void) { return 0; }\n").expect("a probe");
    match compiler
        .compile(&probe, &options)
        .map(|program| Command::new(program).status())
    {
        Ok(Ok(status)) if status.success() => compiler.run_all(&options, &[]),
        Ok(ran) => skip::skip("abi", &format!("programs with AddressSanitizer do not run here: {ran:?}")),
        Err(said) => skip::skip("abi", &format!("no AddressSanitizer for cc: {said}")),
    }
}

#[test]
fn under_valgrind() {
    let Some(compiler) = Compiler::new("valgrind") else { return };
    if Command::new("valgrind").arg("--version").output().is_err() {
        skip::skip("abi", "no valgrind in PATH");
        return;
    }
    let runner = [
        "valgrind",
        "--quiet",
        "--error-exitcode=9",
        "--leak-check=full",
        "--show-leak-kinds=definite",
        "--errors-for-leak-kinds=definite",
        "--child-silent-after-fork=yes",
    ];
    compiler.run_all(&[], &runner);
}
