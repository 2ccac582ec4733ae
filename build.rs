//! Gives the shared object a name of its own, so that perl/Mesos.xs links to `libmesos_perl.so` and not to a path. With the
//! feature `libmesos` it also compiles the C++ side of the bridge.

#[cfg(feature = "libmesos")]
#[path = "src/libmesos/compile.rs"]
mod libmesos;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libmesos_perl.so");
    }
    #[cfg(feature = "libmesos")]
    if let Err(problem) = libmesos::compile() {
        eprintln!("libmesos: {problem}");
        std::process::exit(1);
    }
}
