//! Texts that staff write.

use sluice_kernel::text::is_visible;

use crate::PromotionError;

pub(crate) fn invalid(field: &'static str, reason: impl Into<String>) -> PromotionError {
    PromotionError::InvalidField { field, reason: reason.into() }
}

pub(crate) fn check_text(field: &'static str, text: &str, most: usize) -> Result<(), PromotionError> {
    if !is_visible(text) {
        return Err(invalid(field, "must not be empty"));
    }
    check_length(field, text, most)
}

pub(crate) fn check_length(field: &'static str, text: &str, most: usize) -> Result<(), PromotionError> {
    if text.chars().any(char::is_control) {
        return Err(invalid(field, "control characters are not allowed"));
    }
    if text.chars().count() > most {
        return Err(invalid(field, format!("at most {most} characters")));
    }
    Ok(())
}
