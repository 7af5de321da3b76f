//! What names a rule, a promise or a document leads somewhere: rules and promises have their anchor in docs/domain.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::sources::{SKIPPED, sources};
use crate::{assert_none, root};

const DOMAIN: &str = "docs/domain.md";

/// The anchors that the text of a rule or promise stands under: `s2-rule-9`, `p5`.
fn anchors() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(DOMAIN)).unwrap();
    text.split("<a id=\"").skip(1).filter_map(|rest| rest.split_once('"').map(|(id, _)| id.to_owned())).collect()
}

/// The numbers of `9, …`, `8 and 9 …`, `1, 4, 7 and 9 …`, `7–9 …`: those at the start of the text.
fn leading_numbers(text: &str) -> Vec<u32> {
    let mut numbers: Vec<u32> = Vec::new();
    let mut rest = text;
    loop {
        let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let Ok(number) = rest[..digits].parse() else { return numbers };
        numbers.push(number);
        rest = &rest[digits..];
        let Some(next) = [", ", " and ", "–"].iter().find_map(|between| rest.strip_prefix(between)) else { return numbers };
        rest = next;
    }
}

/// The anchors that a text names by `S1 rule 4`, `S2 rules 8 and 9`, `s2_rule_9` and `promise P5`.
fn named(text: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for system in ["1", "2"] {
        for words in [format!("S{system} rule "), format!("S{system} rules "), format!("s{system}_rule_")] {
            for rest in text.split(words.as_str()).skip(1) {
                named.extend(leading_numbers(rest).iter().map(|number| format!("s{system}-rule-{number}")));
            }
        }
    }
    for words in ["promise P", "promises P", "Promise P"] {
        for rest in text.split(words).skip(1) {
            let numbers = leading_numbers(&rest.replace(" and P", " and ").replace(", P", ", ").replace("–P", "–"));
            named.extend(numbers.iter().map(|number| format!("p{number}")));
        }
    }
    named
}

fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !SKIPPED.contains(&name.as_str()) && !name.starts_with('.') {
            files.extend(documents(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
    files
}

/// Every text of ours: (path below the root, text).
fn texts() -> Vec<(String, String)> {
    let root = root();
    let mut texts = sources();
    for path in documents(&root) {
        texts.push((path.strip_prefix(&root).unwrap().display().to_string(), fs::read_to_string(&path).unwrap()));
    }
    texts
}

#[test]
fn every_rule_and_promise_that_is_named_is_there() {
    let there = anchors();
    let mut stale = Vec::new();
    let mut found = 0;
    for (path, text) in texts() {
        if path.ends_with("architecture/references.rs") {
            continue;
        }
        for name in named(&text) {
            found += 1;
            if !there.contains(&name) {
                stale.push(format!("{path}: {DOMAIN} has no {name}"));
            }
        }
    }
    assert!(found > 50, "the code names the rules that it keeps");
    assert_none("rules that are not there", &stale);
}

/// A document is named by its path below the root in code, and below the page's folder in a page.
#[test]
fn every_document_that_is_named_is_there() {
    let root = root();
    let mut stale = Vec::new();
    for (path, text) in texts() {
        let folder = root.join(&path);
        let folder = folder.parent().unwrap();
        for (number, line) in text.lines().enumerate() {
            let letter = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
            // Code includes documents by a path from its own folder.
            for word in line.split(|character| !letter(character)).map(|word| word.trim_end_matches('.')) {
                let in_page = is_document(&path) && folder.join(word).exists();
                let in_code = root.join(word.trim_start_matches("../")).exists();
                if is_document(word) && !in_page && !in_code {
                    stale.push(format!("{path}:{}: there is no {word}", number + 1));
                }
            }
        }
    }
    assert_none("documents that are not there", &stale);
}

/// A bare ".md" has no extension, and is no document.
fn is_document(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "md")
}

#[test]
fn names_are_read_as_they_are_written() {
    let names = named("S1 rules 1, 4, 7 and 9; S2 rules 7–9, fn s2_rule_3_x, promises P1 and P5");
    let expected = ["p1", "p5", "s1-rule-1", "s1-rule-4", "s1-rule-7", "s1-rule-9", "s2-rule-3", "s2-rule-7", "s2-rule-9"];
    assert_eq!(names, expected.map(str::to_owned).into());
    assert!(named("a rule, S2 rule, promise").is_empty());
}
