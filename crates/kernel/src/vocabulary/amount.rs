//! Amounts as a request says them.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use super::{InvalidField, Place};
use crate::Currency;

/// Whole minor units, with their currency or without one: then it is the one that applies, for instance the store's. Read
/// from a number, or from money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    pub minor_units: i64,
    pub currency: Option<Currency>,
}

impl Amount {
    /// The number, where the currency is the one that applies or was not said.
    pub fn in_currency(self, place: impl Into<Place>, currency: Currency) -> Result<i64, InvalidField> {
        match self.currency {
            Some(other) if other != currency => Err(InvalidField::new(place, format!("the currency is {currency}"))),
            Some(_) | None => Ok(self.minor_units),
        }
    }
}

impl From<i64> for Amount {
    fn from(minor_units: i64) -> Self {
        Self { minor_units, currency: None }
    }
}

/// Money in a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenMoney {
    amount: i64,
    currency: Currency,
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> de::Visitor<'de> for Reader {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("whole minor units, or {amount, currency}")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Amount, E> {
                Ok(number.into())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Amount, E> {
                i64::try_from(number).map(Amount::from).map_err(|_| E::custom("the amount is too large"))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Amount, A::Error> {
                let given = GivenMoney::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Amount { minor_units: given.amount, currency: Some(given.currency) })
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_minor_units_of_the_currency_that_applies() {
        let read =
            |text: &str| serde_json::from_str::<Amount>(text).ok().and_then(|given| given.in_currency("price", Currency::CNY).ok());
        for (text, minor_units) in [
            ("1999", Some(1_999)),
            ("-1", Some(-1)),
            (r#"{"amount": 5, "currency": "CNY"}"#, Some(5)),
            (r#"{"amount": 5, "currency": "JPY"}"#, None),
            (r#"{"amount": 5}"#, None),
            ("1.5", None),
            ("18446744073709551615", None),
        ] {
            assert_eq!(read(text), minor_units, "{text}");
        }
        let yen = Amount { minor_units: 1, currency: "JPY".parse().ok() };
        assert_eq!(yen.in_currency("price", Currency::CNY).unwrap_err().pointer, "/price");
    }
}
