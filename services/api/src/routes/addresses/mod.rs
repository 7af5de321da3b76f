//! `/addresses`: the caller's address book, at most 50 entries.

pub mod list;
pub mod post;
pub mod put;
pub mod remove;

use serde::Deserialize;
use sluice_member::NewAddress;
use utoipa::ToSchema;

use crate::{endpoint::Answer, fields};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressFields {
    #[schema(max_length = 64)]
    name: String,
    /// 5 to 20 digits, with an optional leading +.
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

impl AddressFields {
    fn checked(self) -> Answer<NewAddress> {
        fields::text("/name", &self.name, 64)?;
        fields::text("/phone", &self.phone, 32)?;
        fields::text("/province", &self.province, 64)?;
        fields::text("/city", &self.city, 64)?;
        fields::text("/district", &self.district, 64)?;
        fields::text("/address", &self.address, 200)?;
        Ok(NewAddress {
            name: self.name,
            phone: self.phone,
            province: self.province,
            city: self.city,
            district: self.district,
            address: self.address,
            is_default: self.is_default,
        })
    }
}
