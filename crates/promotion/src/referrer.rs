//! Promoters that a sealed referrer may name.

use crate::{PromotionError, fields::check_text};

/// A promoter's name: 1 to 64 characters, so that its sealed form stays within 512.
pub fn check_promoter(promoter: &str) -> Result<(), PromotionError> {
    check_text("promoter", promoter, 64)
}
