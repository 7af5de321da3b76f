//! Answers as they stand in JSON (openapi.json): names and shapes hold exactly.

pub mod activity;
pub mod member;
pub mod operations;
pub mod order;
pub mod points;
pub mod preview;
pub mod product;
pub mod shape;
pub mod stock;
pub mod trace;
pub mod webhook;
pub mod words;
