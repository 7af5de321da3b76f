//! Schemas of the kernel's values, which know nothing of documents.

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
