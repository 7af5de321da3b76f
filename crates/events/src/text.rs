//! Texts that must fit a bound, whatever a stranger put into them.

/// `text` itself where it has at most `limit` characters, none of them a control character, and no space at its end (some
/// databases compare without it). Otherwise its beginning, and a hash of all of it instead of the rest: equal texts stay
/// equal and different ones different.
pub fn fitted(text: &str, limit: usize) -> String {
    let fits = text.chars().count() <= limit && !text.contains(char::is_control) && !text.ends_with(' ');
    if fits {
        return text.to_owned();
    }
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let ending = format!("~{hash:016x}");
    let beginning = text.chars().filter(|letter| !letter.is_control()).take(limit.saturating_sub(ending.len()));
    beginning.collect::<String>() + &ending
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_and_what_does_not_stays_apart() {
        assert_eq!(fitted("order-17", 64), "order-17");
        let (long, longer) = ("x".repeat(65), "x".repeat(66));
        assert_eq!(fitted(&long, 64).chars().count(), 64);
        assert_ne!(fitted(&long, 64), fitted(&longer, 64));
        assert_eq!(fitted(&long, 64), fitted(&long, 64));
        assert_ne!(fitted("a", 64), fitted("a ", 64));
        assert!(!fitted("a\0b", 64).contains('\0'));
        assert!(fitted(&"颜".repeat(100), 64).chars().count() <= 64);
    }
}
