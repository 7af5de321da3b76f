//! The rules that hold the workspace together, checked over `cargo metadata` and the source files.
//!
//! Contract: kernel ← events ← contexts ← adapters ← app ← services; one technology, one crate; licences, banned and
//! doubled crates as `deny.toml` says them; sources that a reader can take in. A new crate says its layer in
//! [`arrows`], or the first test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod arrows;
mod deny;
mod dependencies;
mod references;
mod reliability;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use cargo_metadata::{Metadata, MetadataCommand};

/// The workspace as this machine builds it: packages for other platforms are left out.
static WORKSPACE: LazyLock<Metadata> = LazyLock::new(|| {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc can be started");
    let about = String::from_utf8(rustc.stdout).unwrap();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--filter-platform".to_owned(), host.to_owned()])
        .exec()
        .expect("cargo metadata answers")
});

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Fails with every offence on a line of its own.
fn assert_none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}
