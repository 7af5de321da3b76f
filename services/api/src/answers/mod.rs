//! Answers as they stand in JSON (api.md, Resources): names and shapes hold exactly.

pub mod order;
pub mod shape;
