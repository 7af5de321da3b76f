//! How goods are received.

use serde::{Deserialize, Deserializer, de};

/// 0 physical, 1–4 virtual (docs/domain.md S1 rule 3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReceivingWay(u8);

impl ReceivingWay {
    pub fn new(way: i64) -> Option<Self> {
        u8::try_from(way).ok().filter(|way| *way <= 4).map(Self)
    }

    pub fn get(self) -> u8 {
        self.0
    }
}

impl<'de> Deserialize<'de> for ReceivingWay {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(i64::deserialize(d)?).ok_or_else(|| de::Error::custom("from 0 to 4"))
    }
}
