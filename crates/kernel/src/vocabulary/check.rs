//! Checks of single values, the same in every context.
//!
//! Contract: a check says where the value stands and what would be taken. A sound value costs no allocation, since orders are
//! checked on the hot path.

use std::ops::RangeInclusive;

use super::{Bounds, InvalidField, Place};
use crate::text::{is_layout, is_visible};

/// What a check comes to.
pub type Result = std::result::Result<(), InvalidField>;

/// A trillion minor units or points: more than any price, and so little that 100 lines of 9999 units stay within an `i64`.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000;

/// A text that a person must give: 1 to `most` characters, one of which can be seen, and no control characters.
pub fn text(place: impl Into<Place>, text: &str, most: usize) -> Result {
    if !is_visible(text) {
        let invalid = InvalidField::new(place, format!("1 to {most} characters"));
        return Err(invalid.bounded(Bounds { min: Some(1), ..Bounds::at_most(most) }));
    }
    short_text(place, text, most)
}

/// A text that may be empty: at most `most` characters, and no control characters.
pub fn short_text(place: impl Into<Place>, text: &str, most: usize) -> Result {
    if text.chars().any(char::is_control) {
        return Err(InvalidField::new(place, "control characters are not allowed"));
    }
    length(place, text, most)
}

/// A text of several lines that may be empty: at most `most` characters, and no control characters but line breaks and tabs.
pub fn long_text(place: impl Into<Place>, text: &str, most: usize) -> Result {
    if text.chars().any(|letter| letter.is_control() && !is_layout(letter)) {
        return Err(InvalidField::new(place, "control characters are not allowed"));
    }
    length(place, text, most)
}

/// At most `most` characters, whatever they are.
pub fn length(place: impl Into<Place>, text: &str, most: usize) -> Result {
    // A character has at least one byte, so most texts need not be counted.
    if text.len() > most && text.chars().count() > most {
        return Err(InvalidField::new(place, format!("at most {most} characters")).bounded(Bounds::at_most(most)));
    }
    Ok(())
}

/// A price, a profit or a number of points: from 0 to [`MAX_AMOUNT`].
pub fn amount(place: impl Into<Place>, amount: i64) -> Result {
    number(place, amount, 0..=MAX_AMOUNT)
}

/// A number within bounds, both included.
pub fn number(place: impl Into<Place>, number: i64, bounds: RangeInclusive<i64>) -> Result {
    if bounds.contains(&number) {
        return Ok(());
    }
    let (start, end) = bounds.into_inner();
    Err(InvalidField::new(place, format!("from {start} to {end}")).bounded(Bounds::between(start, end)))
}

/// A list of at most `most` entries.
pub fn entries(place: impl Into<Place>, entries: usize, most: usize) -> Result {
    if entries > most {
        return Err(InvalidField::new(place, format!("at most {most} entries")).bounded(Bounds::at_most(most)));
    }
    Ok(())
}

/// A list that names nothing twice. For lists of few different values: each entry is compared with those before it.
pub fn distinct<T: PartialEq>(list: &'static str, entries: &[T]) -> Result {
    for (index, entry) in entries.iter().enumerate() {
        if entries.iter().take(index).any(|earlier| earlier == entry) {
            return Err(InvalidField::new((list, index), "named twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(checked: Result) -> Option<String> {
        checked.err().map(|invalid| invalid.pointer)
    }

    #[test]
    fn a_text_that_must_be_given_is_seen_and_has_a_length() {
        for (given, sound) in [
            ("", false),
            (" \u{200B}", false),
            ("a", true),
            ("长长长", true),
            ("长长长长", false),
            ("abcd", false),
            ("a\tb", false),
            ("a\u{7}", false),
        ] {
            assert_eq!(text("title", given, 3).is_ok(), sound, "{given:?}");
        }
        assert_eq!(pointer(text(("pictures", 2), "", 3)).as_deref(), Some("/pictures/2"));
    }

    #[test]
    fn a_short_text_may_be_empty_and_a_long_one_has_lines() {
        for (given, short, long) in [
            ("", true, true),
            ("abc", true, true),
            ("abcd", false, false),
            ("a\nb", false, true),
            ("\t\r\n", false, true),
            ("a\0", false, false),
            ("\u{7f}", false, false),
            ("\u{85}", false, false),
        ] {
            assert_eq!(short_text("spec", given, 3).is_ok(), short, "{given:?}");
            assert_eq!(long_text("own_form", given, 3).is_ok(), long, "{given:?}");
        }
        assert!(length("url", "\u{0}长\n", 3).is_ok() && length("url", "abcd", 3).is_err());
    }

    #[test]
    fn numbers_and_lists_have_bounds() {
        for (given, sound) in [(-1, false), (0, true), (MAX_AMOUNT, true), (MAX_AMOUNT + 1, false), (i64::MIN, false)] {
            assert_eq!(amount("price", given).is_ok(), sound, "{given}");
        }
        assert_eq!(number("points", 0, 1..=9).unwrap_err().to_string(), "/points: from 1 to 9");
        let bounds = |checked: Result| checked.unwrap_err().bounds;
        assert_eq!(bounds(number("points", 0, 1..=9)), Bounds::between(1, 9));
        assert_eq!(bounds(text("title", "", 9)), Bounds::between(1, 9));
        assert_eq!(bounds(entries("skus", 101, 100)), Bounds::at_most(100));
        assert!(entries("skus", 100, 100).is_ok() && entries("skus", 101, 100).is_err());
        assert!(distinct::<u8>("form", &[]).is_ok() && distinct("form", &[1, 2, 3]).is_ok());
        assert_eq!(pointer(distinct("form", &[1, 2, 3, 2, 1])).as_deref(), Some("/form/3"));
    }

    proptest::proptest! {
        #[test]
        fn what_is_taken_keeps_its_promise(given: String, most in 0_usize..40) {
            let fits = given.chars().count() <= most;
            let plain = !given.chars().any(char::is_control);
            proptest::prop_assert_eq!(short_text("x", &given, most).is_ok(), fits && plain);
            proptest::prop_assert_eq!(text("x", &given, most).is_ok(), fits && plain && is_visible(&given));
            proptest::prop_assert_eq!(length("x", &given, most).is_ok(), fits);
        }
    }
}
