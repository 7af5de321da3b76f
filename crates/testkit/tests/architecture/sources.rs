//! The shape of source files and manifests.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{WORKSPACE, assert_none, root};

const LONGEST_FILE: usize = 500;
const CONTEXT_FILES: [&str; 4] = ["lib", "error", "service", "testing"];
/// Folders that hold no source of ours.
pub const SKIPPED: [&str; 4] = ["target", "node_modules", "dist", ".git"];
/// Written in two parts, so that this file does not offend against itself.
const MARKS: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("#", "[ignore"),
    concat!("dbg", "!("),
];
/// Names that say nothing about what is in a file.
const EMPTY_NAMES: [&str; 7] = ["utils", "util", "common", "helper", "helpers", "manager", "misc"];

/// Every Rust file below the folder, in order.
pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut files = Vec::new();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !SKIPPED.contains(&name.as_str()) {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// (path below the root, text) of every Rust file of the workspace.
pub fn sources() -> Vec<(String, String)> {
    let root = root();
    let folders = WORKSPACE.workspace_packages().into_iter().map(|package| package.manifest_path.parent().unwrap());
    let files: Vec<PathBuf> = folders.flat_map(|folder| rust_files(folder.as_std_path())).collect();
    assert!(files.len() > 20, "the workspace has sources");
    let read = |path: PathBuf| (path.strip_prefix(&root).unwrap().display().to_string(), fs::read_to_string(&path).unwrap());
    files.into_iter().map(read).collect()
}

#[test]
fn no_file_is_longer_than_a_reader_likes() {
    let long: Vec<String> = sources()
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert_none(&format!("files of more than {LONGEST_FILE} lines"), &long);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut marks = Vec::new();
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            if let Some(mark) = MARKS.iter().find(|mark| line.contains(**mark)) {
                marks.push(format!("{path}:{}: {mark}", number + 1));
            }
        }
    }
    assert_none("marks of unfinished work", &marks);
}

#[test]
fn files_are_named_after_their_subject() {
    let empty: Vec<String> = sources()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| path.trim_end_matches(".rs").split('/').any(|part| EMPTY_NAMES.contains(&part)))
        .collect();
    assert_none("files whose names say nothing", &empty);
}

/// Unit tests beside their subject (`…_tests.rs`, `tests.rs`) are told by that.
#[test]
fn every_file_opens_with_what_it_promises() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|(path, text)| !path.ends_with("tests.rs") && !text.lines().any(|line| line.starts_with("//!")))
        .map(|(path, _)| path)
        .collect();
    assert_none("files without a head (//!)", &silent);
}

#[test]
fn every_context_has_the_same_files_beside_its_aggregates() {
    let mut missing = Vec::new();
    for package in WORKSPACE.workspace_packages() {
        let folder = package.manifest_path.parent().unwrap();
        // Contexts are the crates that offer a service and say how they refuse.
        if folder.join("src/service.rs").exists() {
            missing.extend(
                CONTEXT_FILES
                    .iter()
                    .map(|file| folder.join(format!("src/{file}.rs")))
                    .filter(|path| !path.exists())
                    .map(|path| path.to_string()),
            );
        }
    }
    assert_none("files missing in a context", &missing);
}

#[test]
fn manifests_inherit_lints_and_versions() {
    let mut offences = Vec::new();
    for package in WORKSPACE.workspace_packages() {
        let text = fs::read_to_string(&package.manifest_path).unwrap();
        for line in
            ["[lints]\nworkspace = true", "version.workspace = true", "edition.workspace = true", "license.workspace = true"]
        {
            if !text.contains(line) {
                offences.push(format!("{}: no {line:?}", package.name));
            }
        }
        // A dependency's version stands in the root manifest, with its reason.
        let own = text.split("dependencies]").skip(1).flat_map(str::lines).filter(|line| line.contains("version ="));
        offences.extend(own.map(|line| format!("{}: a version of its own: {line}", package.name)));
    }
    assert_none("manifests that do not inherit from the workspace", &offences);
}
