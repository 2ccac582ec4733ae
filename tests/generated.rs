//! Files that are made by tools, committed, and compared here, so that users need neither protoc nor cbindgen.
//!
//! `MESOS_REGENERATE=1 cargo test --test generated` writes them anew.

mod codegen;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Those of which Perl has no classes come last.
const PROTOS: [&str; 6] = [
    "mesos.proto",
    "scheduler.proto",
    "executor.proto",
    "compat.proto",
    "master.proto",
    "agent.proto",
];

fn descriptors() -> prost_types_reexport::FileDescriptorSet {
    protox::compile(PROTOS, [root().join("proto")]).expect("proto/*.proto compile")
}

/// protox answers in prost-types' messages; prost-build takes the same.
use protox::prost_reflect::prost_types as prost_types_reexport;

/// Compares a generated text with the committed file, or writes it when asked to.
fn check(path: &Path, made: &[u8]) {
    if std::env::var_os("MESOS_REGENERATE").is_some() {
        std::fs::write(path, made).expect("write generated file");
        return;
    }
    let committed = std::fs::read(path).unwrap_or_default();
    assert!(
        committed == made,
        "{} is stale: run MESOS_REGENERATE=1 cargo test --test generated",
        path.display()
    );
}

/// Large members that are mostly absent. In place, they would make a task's message take 2,880 bytes, and each of its resources 1,176.
const BOXED: [&str; 8] = [
    ".mesos.Resource.disk",
    ".mesos.ExecutorInfo.container",
    ".mesos.TaskInfo.executor",
    ".mesos.TaskInfo.container",
    ".mesos.TaskInfo.health_check",
    ".mesos.TaskInfo.check",
    ".mesos.Task.container",
    ".mesos.Task.health_check",
];

#[test]
fn prost_messages_are_fresh() {
    let out = std::env::temp_dir().join(format!("mesos-perl-generated-{}", std::process::id()));
    std::fs::create_dir_all(&out).expect("scratch directory");
    let mut config = prost_build::Config::new();
    config.out_dir(&out).bytes(["."]).btree_map(["."]);
    for field in BOXED {
        config.boxed(field);
    }
    // The comments of proto/ are for Perl's pages, and written in their terms.
    config.disable_comments(["."]);
    config.compile_fds(descriptors()).expect("prost-build");
    for name in ["mesos", "mesos.scheduler", "mesos.executor"] {
        let file = format!("{name}.rs");
        let made = std::fs::read(out.join(&file)).expect("generated module");
        check(&root().join("src/proto").join(&file), &made);
    }
    std::fs::remove_dir_all(&out).expect("remove scratch directory");
}

#[test]
fn message_tables_are_fresh() {
    let set = descriptors();
    let message = root().join("src/message");
    check(&message.join("schema_tables.rs"), codegen::tables(&set).as_bytes());
    check(&message.join("class.rs"), codegen::class_constants(&set).as_bytes());
    check(&root().join("src/ffi/class.rs"), codegen::class_ids(&set).as_bytes());
    check(&message.join("field_number.rs"), codegen::field_numbers(&set).as_bytes());
}

#[test]
fn header_is_fresh() {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("cbindgen.toml");
    // Only src/ffi, which its mod.rs leads to, and the numbers and the tapes that C shares: what the other modules export is Rust's business.
    let builder = cbindgen::Builder::new()
        .with_config(config)
        .with_src(root().join("src/ffi/mod.rs"))
        .with_src(root().join("src/driver/status.rs"))
        .with_src(root().join("src/message/shared.rs"))
        .with_src(root().join("src/message/tape.rs"));
    let bindings = builder.generate().expect("cbindgen");
    let mut made = Vec::new();
    bindings.write(&mut made);
    check(&root().join("include/mesos_perl.h"), &made);
}
