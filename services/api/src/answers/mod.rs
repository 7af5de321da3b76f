//! Answers as they stand in JSON (api.md, Resources): names and shapes hold exactly.

pub mod member;
pub mod operations;
pub mod order;
pub mod product;
pub mod shape;
pub mod stock;
