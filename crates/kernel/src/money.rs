//! Money in minor units, points and quantities: integers from end to end, checked arithmetic only.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// A sum or product left the range of the type; docs/domain.md S2 rule 4: an error, not a wrap.
    #[error("the amount is too large")]
    Overflow,
    #[error("amounts of different currencies cannot be added")]
    CurrencyMismatch,
    #[error("a quantity is a whole number from 1 to 9999")]
    QuantityOutOfRange,
    #[error("a currency is three capital letters (ISO 4217)")]
    NotACurrency,
}

/// ISO 4217 code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    pub const CNY: Self = Self(*b"CNY");

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// How many decimal digits of a major unit its minor units make (ISO 4217): 2 for CNY, 0 for JPY.
    pub fn exponent(&self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX" | b"UYI" | b"VND"
            | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            b"CLF" | b"UYW" => 4,
            _ => 2,
        }
    }
}

impl std::str::FromStr for Currency {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(ValueError::NotACurrency),
        }
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// `{"amount": 1999, "currency": "CNY"}`: amount in minor units (fen, cents).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    pub amount: i64,
    pub currency: Currency,
}

impl Money {
    pub fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    pub fn zero(currency: Currency) -> Self {
        Self { amount: 0, currency }
    }

    /// Major units as people read them: `19.90 CNY`, `1990 JPY`, `1.990 KWD`.
    pub fn in_major_units(self) -> String {
        let (sign, digits) = (if self.amount < 0 { "-" } else { "" }, self.currency.exponent());
        let (units, unit) = (self.amount.unsigned_abs(), 10_u64.pow(digits));
        if digits == 0 {
            return format!("{sign}{units} {}", self.currency);
        }
        let width = usize::try_from(digits).unwrap_or_default();
        format!("{sign}{}.{:0width$} {}", units / unit, units % unit, self.currency)
    }

    pub fn checked_add(self, other: Self) -> Result<Self, ValueError> {
        if self.currency != other.currency {
            return Err(ValueError::CurrencyMismatch);
        }
        let amount = self.amount.checked_add(other.amount).ok_or(ValueError::Overflow)?;
        Ok(Self { amount, ..self })
    }

    pub fn times(self, quantity: Quantity) -> Result<Self, ValueError> {
        let amount = self.amount.checked_mul(quantity.get()).ok_or(ValueError::Overflow)?;
        Ok(Self { amount, ..self })
    }
}

/// Loyalty points: whole, signed only where a ledger entry says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Points(pub i64);

impl Points {
    pub fn checked_add(self, other: Self) -> Result<Self, ValueError> {
        self.0.checked_add(other.0).map(Self).ok_or(ValueError::Overflow)
    }

    pub fn times(self, quantity: Quantity) -> Result<Self, ValueError> {
        self.0.checked_mul(quantity.get()).map(Self).ok_or(ValueError::Overflow)
    }
}

/// Units of one SKU in an order: 1–9999 (docs/api.md, Limits), also after lines of one SKU are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Quantity(i64);

impl Quantity {
    pub const MAX: i64 = 9999;

    pub fn new(units: i64) -> Result<Self, ValueError> {
        if (1..=Self::MAX).contains(&units) { Ok(Self(units)) } else { Err(ValueError::QuantityOutOfRange) }
    }

    pub fn get(self) -> i64 {
        self.0
    }

    /// Sum of two lines of one SKU.
    pub fn checked_add(self, other: Self) -> Result<Self, ValueError> {
        Self::new(self.0 + other.0)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(i64::deserialize(d)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_that_leaves_the_range_is_an_error() {
        let price = Money::new(i64::MAX / 2, Currency::CNY);
        let quantity = Quantity::new(3).unwrap();
        assert_eq!(price.times(quantity), Err(ValueError::Overflow));
        let most = Money::new(i64::MAX, Currency::CNY);
        assert_eq!(most.checked_add(Money::new(1, Currency::CNY)), Err(ValueError::Overflow));
        assert_eq!(Points(i64::MAX).times(quantity), Err(ValueError::Overflow));
    }

    #[test]
    fn a_currency_knows_the_digits_of_its_minor_unit() {
        for (code, digits) in [("CNY", 2), ("EUR", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("CLF", 4)] {
            assert_eq!(code.parse::<Currency>().unwrap().exponent(), digits, "{code}");
        }
    }

    #[test]
    fn money_is_read_with_the_digits_of_its_currency() {
        for (amount, code, text) in [
            (1_990, "CNY", "19.90 CNY"),
            (1_990, "JPY", "1990 JPY"),
            (1_990, "UGX", "1990 UGX"),
            (1_990, "KWD", "1.990 KWD"),
            (5, "JOD", "0.005 JOD"),
            (-1_990, "CLF", "-0.1990 CLF"),
        ] {
            assert_eq!(Money::new(amount, code.parse().unwrap()).in_major_units(), text);
        }
    }

    #[test]
    fn a_quantity_stays_within_its_bounds_even_when_summed() {
        assert_eq!(Quantity::new(0), Err(ValueError::QuantityOutOfRange));
        assert_eq!(Quantity::new(10_000), Err(ValueError::QuantityOutOfRange));
        let most = Quantity::new(9_999).unwrap();
        assert_eq!(most.checked_add(Quantity::new(1).unwrap()), Err(ValueError::QuantityOutOfRange));
    }

    #[test]
    fn currencies_do_not_mix() {
        let yen = "JPY".parse().unwrap();
        assert_eq!(Money::zero(Currency::CNY).checked_add(Money::zero(yen)), Err(ValueError::CurrencyMismatch));
        assert_eq!("cny".parse::<Currency>(), Err(ValueError::NotACurrency));
    }
}
