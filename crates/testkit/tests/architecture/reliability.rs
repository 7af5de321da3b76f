//! docs/reliability.md promises nothing that no test shows: every test it names is there.
//!
//! A test is named by its file and function: `crates/order/src/model/state.rs::only_an_unpaid_order_can_be_cancelled`.

use std::collections::BTreeSet;
use std::fs;

use crate::{assert_none, root};

const DOCUMENT: &str = "docs/reliability.md";
/// Public reports that cannot happen here, numbered.
const REPORTS: usize = 28;

/// (line number, file, function) of each test that the text names in backticks.
fn named_tests(text: &str) -> Vec<(usize, String, String)> {
    let mut named = Vec::new();
    for (number, line) in text.lines().enumerate() {
        // Between an odd and the next backtick stands code.
        for code in line.split('`').skip(1).step_by(2) {
            if let Some((file, function)) = code.split_once(".rs::") {
                named.push((number + 1, format!("{file}.rs"), function.to_owned()));
            }
        }
    }
    named
}

/// What is wrong with a name, if anything: a test is a function with an attribute of its own, or a case that a list in the
/// same file, or the suite above it, names.
fn complaint(file: &str, function: &str) -> Option<String> {
    let Ok(source) = fs::read_to_string(root().join(file)) else { return Some(format!("there is no file {file}")) };
    let head = format!("fn {function}(");
    let Some(at) = source.find(&head) else { return Some(format!("there is no function {function} in {file}")) };
    let before: Vec<&str> = source[..at].lines().rev().take(5).collect();
    let has_attribute = before.iter().any(|line| line.trim().starts_with("#[test]") || line.trim().starts_with("#[tokio::test"));
    let is_a_word = |text: &str| text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|word| word == function);
    let is_listed = is_a_word(&source.replacen(&head, "", 1));
    let suite = file.replace("/testing/", "/testing.rs/").split(".rs/").next().map(|suite| format!("{suite}.rs"));
    let is_in_suite = suite.and_then(|suite| fs::read_to_string(root().join(suite)).ok()).is_some_and(|suite| is_a_word(&suite));
    (!has_attribute && !is_listed && !is_in_suite).then(|| format!("{function} in {file} is run by nothing"))
}

#[test]
fn every_test_that_is_named_is_there() {
    let text = fs::read_to_string(root().join(DOCUMENT)).unwrap();
    let named = named_tests(&text);
    assert!(named.len() > 50, "{DOCUMENT} names its tests");
    let stale: Vec<String> = named
        .iter()
        .filter_map(|(line, file, function)| complaint(file, function).map(|said| format!("{DOCUMENT}:{line}: {said}")))
        .collect();
    assert_none("tests that are not there", &stale);
}

#[test]
fn every_row_names_a_test() {
    let text = fs::read_to_string(root().join(DOCUMENT)).unwrap();
    let is_row = |line: &str| line.starts_with("| ") && !line.ends_with("| test |");
    let silent: Vec<String> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| is_row(line) && named_tests(line).is_empty())
        .map(|(number, line)| format!("{DOCUMENT}:{}: {line}", number + 1))
        .collect();
    assert_none("rows without a test", &silent);
}

#[test]
fn every_report_has_its_row() {
    let text = fs::read_to_string(root().join(DOCUMENT)).unwrap();
    let numbers: BTreeSet<usize> =
        text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()?.parse().ok()).collect();
    assert_eq!(numbers, (1..=REPORTS).collect());
}

#[test]
fn names_are_read_from_a_row() {
    let row = "| 1 | a `b.rs` | c | `x/y.rs::z`, `x/w.rs::v` |";
    let expected = [("x/y.rs", "z"), ("x/w.rs", "v")].map(|(file, function)| (1, file.to_owned(), function.to_owned()));
    assert_eq!(named_tests(row), expected);
    assert!(complaint("crates/testkit/tests/architecture/reliability.rs", "names_are_read_from_a_row").is_none());
    assert!(complaint("crates/testkit/tests/architecture/reliability.rs", "no_such_test").is_some());
    assert!(complaint("crates/order/src/testing/placing.rs", "a_key_names_one_order").is_none());
}
