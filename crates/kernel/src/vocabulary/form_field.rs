//! What a product may require of an order.

use serde::{Deserialize, Serialize};

/// Form fields an order of a product must carry (docs/domain.md S2 rule 3, S1 rule 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
