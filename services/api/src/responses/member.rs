//! Addresses and accounts.

use serde::Serialize;
use sluice_member::{Address, ThirdPartyAccount};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct AddressAnswer {
    pub id: String,
    pub name: String,
    #[schema(example = "13800000000")]
    pub phone: String,
    pub province: String,
    pub city: String,
    pub district: String,
    pub address: String,
    pub is_default: bool,
}

impl From<Address> for AddressAnswer {
    fn from(address: Address) -> Self {
        let entry = address.entry;
        Self {
            id: address.id.0.to_string(),
            name: entry.name,
            phone: entry.phone,
            province: entry.province,
            city: entry.city,
            district: entry.district,
            address: entry.address,
            is_default: entry.is_default,
        }
    }
}

/// The user's account at a payment provider.
#[derive(Serialize, ToSchema)]
pub struct AccountAnswer {
    pub provider: String,
    pub account: String,
}

impl From<ThirdPartyAccount> for AccountAnswer {
    fn from(account: ThirdPartyAccount) -> Self {
        Self { provider: account.provider, account: account.account }
    }
}
