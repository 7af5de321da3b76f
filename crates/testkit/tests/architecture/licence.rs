//! Licence expressions: whether one lets us use a crate under the licences on the list.

/// The same list as in `deny.toml`: licences that ask for no more than naming the authors.
pub const ALLOWED: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

/// Reads an SPDX expression (`A OR (B AND C)`, and the old `A/B`). What cannot be read is not allowed.
pub fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words: Vec<&str> = spaced.split_whitespace().collect();
    words.reverse();
    either(&mut words) == Some(true) && words.is_empty()
}

/// `A OR B OR …`; the words are taken from the end.
fn either(words: &mut Vec<&str>) -> Option<bool> {
    let mut allowed = both(words)?;
    while words.last() == Some(&"OR") {
        words.pop();
        allowed |= both(words)?;
    }
    Some(allowed)
}

/// `A AND B AND …`
fn both(words: &mut Vec<&str>) -> Option<bool> {
    let mut allowed = one(words)?;
    while words.last() == Some(&"AND") {
        words.pop();
        allowed &= one(words)?;
    }
    Some(allowed)
}

fn one(words: &mut Vec<&str>) -> Option<bool> {
    let word = words.pop()?;
    if word == "(" {
        let allowed = either(words)?;
        return (words.pop()? == ")").then_some(allowed);
    }
    let mut licence = word.to_owned();
    if words.last() == Some(&"WITH") {
        words.pop();
        licence = format!("{licence} WITH {}", words.pop()?);
    }
    Some(ALLOWED.contains(&licence.as_str()))
}

#[test]
fn expressions_are_read() {
    for allowed in ["MIT", "MIT/GPL-3.0", "GPL-3.0 OR (MIT AND Zlib)", "Apache-2.0 WITH LLVM-exception OR GPL-2.0"] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Zlib) AND AGPL-3.0", "", "MIT OR", "(MIT", "GPL-2.0 WITH LLVM-exception"]
    {
        assert!(!is_allowed(refused), "{refused}");
    }
}
