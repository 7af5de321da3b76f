//! `/orders`: placing, reading, following, giving up and paying.

pub mod cancel;
pub mod events;
pub mod events_ticket;
pub mod get_one;
pub mod list;
pub mod payment;
pub mod placing;
pub mod post;
pub mod preview;
