//! Checks of single values, with the pointer of what fails.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de};
use sluice_kernel::{
    Currency, Quantity,
    text::{is_layout, is_visible},
};

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{OneOfBuilder, RefOr, schema::Schema},
};

use crate::problem::{Answer, Problem};

/// A text that is there: 1 to `most` characters, one of which can be seen, no control characters.
pub fn text(pointer: &str, value: &str, most: usize) -> Answer<()> {
    if !is_visible(value) {
        return Err(Problem::invalid(pointer, format!("1 to {most} characters")));
    }
    short(pointer, value, most)
}

/// A text that may be empty: at most `most` characters, no control characters.
pub fn short(pointer: &str, value: &str, most: usize) -> Answer<()> {
    plain(pointer, value, char::is_control, most)
}

/// A text of several lines that may be absent: at most `most` characters, no control characters but line breaks and tabs.
pub fn remark(pointer: &str, value: Option<&String>, most: usize) -> Answer<()> {
    let refused = |letter: char| letter.is_control() && !is_layout(letter);
    value.map_or(Ok(()), |value| plain(pointer, value, refused, most))
}

fn plain(pointer: &str, value: &str, refused: impl Fn(char) -> bool, most: usize) -> Answer<()> {
    if value.chars().any(refused) {
        return Err(Problem::invalid(pointer, "control characters are not allowed"));
    }
    if value.chars().count() > most {
        return Err(Problem::invalid(pointer, format!("at most {most} characters")));
    }
    Ok(())
}

pub fn optional(pointer: &str, value: Option<&String>, most: usize) -> Answer<()> {
    value.map_or(Ok(()), |value| short(pointer, value, most))
}

pub fn quantity(pointer: impl FnOnce() -> String, units: i64) -> Answer<Quantity> {
    Quantity::new(units).map_err(|error| Problem::invalid(pointer(), error.to_string()))
}

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

/// An amount: whole minor units, or money in the store's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    pub minor_units: i64,
    pub currency: Option<Currency>,
}

impl Amount {
    /// The number, where the currency is the store's or was not said.
    pub fn within(self, pointer: &str, currency: Currency) -> Answer<i64> {
        match self.currency {
            Some(other) if other != currency => Err(Problem::invalid(pointer, format!("the currency is {currency}"))),
            Some(_) | None => Ok(self.minor_units),
        }
    }
}

/// Money in a request.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GivenMoney {
    /// Minor units (fen, cents).
    amount: i64,
    /// ISO 4217, the store's.
    #[schema(value_type = String, min_length = 3, max_length = 3, pattern = "^[A-Z]{3}$")]
    currency: Currency,
}

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(i64::schema())
            .item(GivenMoney::schema())
            .description(Some("Whole minor units, or money in the store's currency."))
            .examples([1999])
            .into()
    }
}

impl ToSchema for Amount {}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> de::Visitor<'de> for Reader {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("whole minor units, or {amount, currency}")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Amount, E> {
                Ok(Amount { minor_units: number, currency: None })
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Amount, E> {
                let minor_units = i64::try_from(number).map_err(|_| E::custom("the amount is too large"))?;
                Ok(Amount { minor_units, currency: None })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Amount, A::Error> {
                let given = GivenMoney::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Amount { minor_units: given.amount, currency: Some(given.currency) })
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
