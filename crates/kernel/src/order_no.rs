//! Order numbers: a time-ordered 63-bit id, written as 19 digits and one check digit (Luhn), 20 digits in all.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Number of a main or child order. Sorts by the time it was made; the check digit catches a mistyped one
/// before the database is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderNo(i64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order number has 20 digits, the last one a check digit")]
pub struct OrderNoError;

impl OrderNo {
    /// From the id kept in the database; negative ids are never made.
    pub const fn from_id(id: i64) -> Self {
        Self(id)
    }

    /// The id kept in the database (without check digit).
    pub fn id(self) -> i64 {
        self.0
    }
}

/// Luhn check digit over decimal digits, most significant first.
fn check_digit(digits: &[u8]) -> u8 {
    let mut sum = 0u32;
    for (place, digit) in digits.iter().rev().enumerate() {
        let mut value = u32::from(*digit);
        if place % 2 == 0 {
            value *= 2;
            if value > 9 {
                value -= 9;
            }
        }
        sum += value;
    }
    u8::try_from((10 - sum % 10) % 10).unwrap_or(0)
}

impl fmt::Display for OrderNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = format!("{:019}", self.0);
        let digits: Vec<u8> = body.bytes().map(|b| b.wrapping_sub(b'0')).collect();
        write!(f, "{body}{}", check_digit(&digits))
    }
}

impl FromStr for OrderNo {
    type Err = OrderNoError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 20 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(OrderNoError);
        }
        let (body, check) = text.split_at(19);
        let digits: Vec<u8> = body.bytes().map(|b| b - b'0').collect();
        if check != check_digit(&digits).to_string() {
            return Err(OrderNoError);
        }
        body.parse().map(Self).map_err(|_| OrderNoError)
    }
}

impl Serialize for OrderNo {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OrderNo {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_number_survives_its_text_form() {
        for id in [0, 1, 7_992_739_871, 4_611_686_018_427_387_904, i64::MAX] {
            let text = OrderNo::from_id(id).to_string();
            assert_eq!(text.len(), 20);
            assert_eq!(text.parse::<OrderNo>(), Ok(OrderNo::from_id(id)));
        }
    }

    #[test]
    fn every_single_mistyped_digit_is_refused() {
        let text = OrderNo::from_id(1_234_567_890_123_456_789).to_string();
        for place in 0..text.len() {
            for digit in b'0'..=b'9' {
                let mut typed = text.clone().into_bytes();
                if typed[place] == digit {
                    continue;
                }
                typed[place] = digit;
                let typed = String::from_utf8(typed).unwrap();
                assert_eq!(typed.parse::<OrderNo>(), Err(OrderNoError), "{typed}");
            }
        }
        assert_eq!("12".parse::<OrderNo>(), Err(OrderNoError));
    }
}
