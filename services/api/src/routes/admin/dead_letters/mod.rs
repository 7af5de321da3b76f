//! `/admin/dead-letters`: events that could not be handled.
//!
//! A letter belongs to the store its payload names; one that names none is a matter for the command line.

pub mod get_one;
pub mod list;
pub mod replay;

use sluice_app::Shop;
use sluice_events::{DeadLetter, DeadLetterId};
use sluice_kernel::StoreId;

use crate::endpoint::{Answer, Problem};

/// The store's own letter of this id.
async fn find(shop: &Shop, store: StoreId, id: DeadLetterId) -> Answer<DeadLetter> {
    let found = shop.dead_letters.find(id).await?;
    found.filter(|letter| letter.store() == Some(store)).ok_or_else(Problem::not_found)
}
