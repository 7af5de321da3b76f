//! Schemas of the kernel's values, which know nothing of documents.

use serde::Deserialize;
use utoipa::ToSchema;

/// Money in minor units.
#[derive(ToSchema)]
#[schema(as = Money, example = json!({"amount": 1999, "currency": "CNY"}))]
#[expect(dead_code, reason = "a schema: the value itself is sluice_kernel::Money")]
pub struct Money {
    /// Minor units (fen, cents).
    amount: i64,
    /// ISO 4217.
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
}

/// An amount in a request: whole minor units, or money in the store's currency.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "a schema: the value itself is crate::fields::Amount")]
pub enum Amount {
    MinorUnits(i64),
    Money(GivenMoney),
}

/// Money in a request.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "a schema: the value itself is crate::fields::Amount")]
pub struct GivenMoney {
    /// Minor units (fen, cents).
    amount: i64,
    /// ISO 4217, the store's.
    #[schema(min_length = 3, max_length = 3, pattern = "^[A-Z]{3}$")]
    currency: String,
}

/// A field an order of the product must carry.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "a schema: the value itself is sluice_catalog::FormField")]
pub enum FormField {
    /// The recipient's name.
    Recipients,
    /// The recipient's phone.
    Tel,
    /// A code that was sent to this phone and is still valid.
    VerifyCode,
    IdCard,
    /// Name, phone, province, city, district and address.
    ReceivingInfo,
    /// Province, city and district (activity orders).
    TotalAddress,
    /// The detailed address (activity orders).
    Address,
    /// A free-form remark (activity orders).
    OwnForm,
}
