//! Shapes of single values that requests have and types do not read by themselves.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de};
use utoipa::ToSchema;

use crate::problem::{Answer, Problem};

/// A number in a path. Only its one written form is it: `01` and `+1` name nothing.
pub fn id<T: FromStr + fmt::Display>(segment: &str) -> Answer<T> {
    segment.parse::<T>().ok().filter(|id| id.to_string() == segment).ok_or_else(Problem::not_found)
}

/// Tells null from absent.
#[expect(clippy::option_option, reason = "a change: absent, taken away, or set")]
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A decimal number, as a JSON number or as text.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(value_type = f64, example = 0.8)]
pub struct DecimalText(pub String);

impl<'de> Deserialize<'de> for DecimalText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl de::Visitor<'_> for Reader {
            type Value = DecimalText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<DecimalText, E> {
                Ok(DecimalText(number.to_string()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<DecimalText, E> {
                Ok(DecimalText(number.to_string()))
            }

            // The shortest text that reads as this number: 0.8 stays 0.8.
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<DecimalText, E> {
                Ok(DecimalText(number.to_string()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<DecimalText, E> {
                Ok(DecimalText(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
