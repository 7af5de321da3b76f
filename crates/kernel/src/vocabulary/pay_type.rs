//! Cash or points.

use serde::{Deserialize, Serialize};

/// What an order is paid with; the discount mode of an offer, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayType {
    Cash,
    Points,
}

impl PayType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Points => "points",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Cash, Self::Points].into_iter().find(|kind| kind.as_str() == text)
    }
}
