//! `/products`: what the store's customers can buy.

pub mod get_one;
pub mod list;
