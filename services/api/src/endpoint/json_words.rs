//! What does not fit, said in the words of JSON: serde speaks of its own types and of ours.

/// `an array, not a string` for serde's `invalid type: string "x", expected a sequence`; what is no such sentence stays as it is.
pub fn in_json_words(reason: &str) -> String {
    let found = |text: &str| {
        let (kind, value) = text.split_once(['`', '"']).unwrap_or((text, ""));
        match kind.trim() {
            "sequence" => "an array".to_owned(),
            "map" => "an object".to_owned(),
            "string" | "character" => "a string".to_owned(),
            "integer" | "floating point" | "boolean" => value.trim_end_matches('`').to_owned(),
            other => other.to_owned(),
        }
    };
    if let Some((_, known)) = reason.strip_prefix("unknown variant ").and_then(|rest| rest.rsplit_once(", expected ")) {
        return known.replace('`', "");
    }
    let sentence = reason.strip_prefix("invalid type: ").or_else(|| reason.strip_prefix("invalid value: "));
    match sentence.and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((given, expected)) => format!("{}, not {}", wanted(expected), found(given)),
        None => reason.to_owned(),
    }
}

fn wanted(expected: &str) -> &str {
    const INTEGERS: [&str; 8] = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"];
    match expected {
        "a sequence" => "an array",
        "a map" => "an object",
        // One of several words: serde would take a variant with fields as well.
        "string or map" | "map with a single key" | "variant identifier" => "a string",
        _ if expected.starts_with("struct ") => "an object",
        _ if INTEGERS.contains(&expected) => "an integer",
        _ => expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_a_type_is_told() {
        for (reason, said) in [
            ("invalid type: sequence, expected struct PlaceOrder", "an object, not an array"),
            ("invalid type: string \"x, expected y\", expected a sequence", "an array, not a string"),
            ("invalid type: floating point `1.5`, expected i64", "an integer, not 1.5"),
            ("invalid type: integer `-1`, expected a string", "a string, not -1"),
            ("invalid type: boolean `true`, expected u8", "an integer, not true"),
            ("invalid type: null, expected a boolean", "a boolean, not null"),
            ("invalid type: map, expected string or map", "a string, not an object"),
            ("invalid value: integer `300`, expected u8", "an integer, not 300"),
            ("unknown variant `go, expected ld`, expected `cash` or `points`", "cash or points"),
            ("unknown variant `x`, expected one of `a`, `b`, `c`", "one of a, b, c"),
            ("invalid length 1, expected an array of length 2", "invalid length 1, expected an array of length 2"),
            ("from 0 to 4", "from 0 to 4"),
        ] {
            assert_eq!(in_json_words(reason), said, "{reason}");
        }
    }
}
