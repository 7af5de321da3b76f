//! `/orders`: placing, reading, following, giving up and paying.

pub mod get_one;
pub mod post;
