//! What counts as text that a person gave.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// Letters, marks and symbols that show nothing although their general category says otherwise: the blank braille cell,
/// the fillers of Hangul, and the null notehead.
const BLANK: [char; 6] = ['\u{2800}', '\u{115F}', '\u{1160}', '\u{3164}', '\u{FFA0}', '\u{1D159}'];

/// True where something of the text can be seen. White space, control, format (zero-width, direction, tag) and unassigned
/// characters, and marks without a letter under them, show nothing.
pub fn is_visible(text: &str) -> bool {
    text.chars().any(shows)
}

fn shows(letter: char) -> bool {
    use GeneralCategory as Category;
    // Most texts begin with such a letter.
    if letter.is_ascii() {
        return letter.is_ascii_graphic();
    }
    match letter.general_category() {
        Category::UppercaseLetter
        | Category::LowercaseLetter
        | Category::TitlecaseLetter
        | Category::ModifierLetter
        | Category::OtherLetter
        | Category::DecimalNumber
        | Category::LetterNumber
        | Category::OtherNumber
        | Category::ConnectorPunctuation
        | Category::DashPunctuation
        | Category::OpenPunctuation
        | Category::ClosePunctuation
        | Category::InitialPunctuation
        | Category::FinalPunctuation
        | Category::OtherPunctuation
        | Category::MathSymbol
        | Category::CurrencySymbol
        | Category::ModifierSymbol
        | Category::OtherSymbol => !BLANK.contains(&letter),
        Category::NonspacingMark
        | Category::SpacingMark
        | Category::EnclosingMark
        | Category::SpaceSeparator
        | Category::LineSeparator
        | Category::ParagraphSeparator
        | Category::Control
        | Category::Format
        | Category::Surrogate
        | Category::PrivateUse
        | Category::Unassigned => false,
    }
}

/// True for a line break or a tab: what a remark of several lines is made of.
pub fn is_layout(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_no_text() {
        for text in [
            "",
            " ",
            "\t\r\n",
            "\u{00A0}",
            "\u{3000}",
            "\u{200B}",
            "\u{200D}\u{200C}",
            "\u{FEFF}",
            "\u{2060}",
            "\u{00AD}",
            "\u{202E}\u{202C}",
            "\u{2066}\u{2069}",
            "\u{2800}",
            "\u{115F}\u{1160}",
            "\u{3164}",
            "\u{FFA0}",
            "\u{E0041}",
            "\u{E0101}",
            "\u{FE0F}",
            "\u{034F}",
            "\u{180E}",
            "\u{0301}",
            "\u{1D159}",
            "\u{1D173}",
            "\u{2028}",
            "\u{0007}",
            "\u{17B4}",
            "\u{FFF9}",
            "\u{10FFFF}",
            "\u{E000}",
        ] {
            assert!(!is_visible(text), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_text_is_visible_by_one_of_its_letters(text: String) {
            proptest::prop_assert_eq!(is_visible(&text), text.chars().any(|letter| is_visible(&letter.to_string())));
            proptest::prop_assert!(is_visible(&(text.clone() + "x")));
            proptest::prop_assert!(!is_visible(&text) || !text.trim().is_empty());
        }
    }

    #[test]
    fn names_of_every_script_are_text() {
        for text in ["A", "李", "\u{200B}x", "ا", "é", "e\u{0301}", "ไทย", "नि", "한", "😀", "7", "-", "¥", "ʻ"] {
            assert!(is_visible(text), "{text:?}");
        }
    }
}
