//! What the workspace takes from outside: licences, banned and doubled crates, dependencies nobody uses.

use std::collections::BTreeMap;
use std::fs;

use cargo_metadata::Package;

use crate::deny::DENY;
use crate::sources::rust_files;
use crate::{WORKSPACE, assert_none};

/// Used without being named in the source: (crate, dependency, why).
const SILENT: [(&str, &str, &str); 0] = [];

fn foreign() -> impl Iterator<Item = &'static Package> {
    let resolved = WORKSPACE.resolve.as_ref().expect("cargo metadata resolves").nodes.iter().map(|node| &node.id);
    resolved.map(|id| &WORKSPACE[id]).filter(|package| package.source.is_some())
}

#[test]
fn licences_are_on_the_list() {
    let offences: Vec<String> = foreign()
        .filter(|package| !package.license.as_deref().is_some_and(|licence| DENY.allows_licence(licence)))
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.license))
        .collect();
    assert_none("licences that are not on the list", &offences);
}

#[test]
fn no_crate_is_banned() {
    let offences: Vec<String> = foreign().map(|package| package.name.to_string()).filter(|name| DENY.bans(name)).collect();
    assert_none("banned crates", &offences);
}

#[test]
fn important_crates_come_once() {
    let mut versions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for package in foreign().filter(|package| DENY.wants_once(&package.name)) {
        versions.entry(&package.name).or_default().push(package.version.to_string());
    }
    assert!(versions.contains_key("tokio"), "the list is of crates that are there");
    let doubled: Vec<String> = versions
        .iter()
        .filter(|(_, versions)| versions.len() > 1)
        .map(|(name, versions)| format!("{name}: {}", versions.join(", ")))
        .collect();
    assert_none("crates in several versions", &doubled);
}

#[test]
fn every_dependency_is_used() {
    let mut offences = Vec::new();
    for package in WORKSPACE.workspace_packages() {
        let folder = package.manifest_path.parent().unwrap().as_std_path();
        let text: String = rust_files(folder).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        for dependency in &package.dependencies {
            let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
            let silent = SILENT.iter().any(|(owner, used, _)| *owner == &**package.name && used == name);
            if !silent && !names(&text, &name.replace('-', "_")) {
                offences.push(format!("{} does not use {name}", package.name));
            }
        }
    }
    assert_none("dependencies nobody uses", &offences);
}

/// Whether the text has the word with nothing of a name around it.
fn names(text: &str, word: &str) -> bool {
    let part_of_name = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    text.match_indices(word)
        .any(|(at, _)| !part_of_name(text[..at].chars().next_back()) && !part_of_name(text[at + word.len()..].chars().next()))
}

#[test]
fn words_are_found_whole() {
    assert!(names("use serde::Serialize;", "serde"));
    assert!(!names("use serde_json::Value;", "serde"));
}
