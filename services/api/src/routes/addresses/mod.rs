//! `/addresses`: the caller's address book, at most 50 entries.

pub mod list;
pub mod post;
pub mod put;
pub mod remove;

use serde::Deserialize;
use sluice_member::NewAddress;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressFields {
    #[schema(max_length = 64)]
    name: String,
    /// 5 to 20 digits, with an optional leading +.
    #[schema(example = "13800000000")]
    phone: String,
    #[schema(max_length = 64)]
    province: String,
    #[schema(max_length = 64)]
    city: String,
    #[schema(max_length = 64)]
    district: String,
    #[schema(max_length = 200)]
    address: String,
    #[serde(default)]
    is_default: bool,
}

impl From<AddressFields> for NewAddress {
    fn from(fields: AddressFields) -> Self {
        let AddressFields { name, phone, province, city, district, address, is_default } = fields;
        Self { name, phone, province, city, district, address, is_default }
    }
}
