//! Promoters that a sealed referrer may name.

use sluice_kernel::check;

/// A promoter's name: 1 to 64 characters, so that its sealed form stays within 512.
pub fn check_promoter(promoter: &str) -> check::Result {
    check::text("promoter", promoter, 64)
}
