//! `/admin/dead-letters`: events that could not be handled.
//!
//! A letter belongs to the store its payload names; one that names none is a matter for the command line.

pub mod get_one;
pub mod list;
pub mod replay;

use sluice_events::{DeadLetter, DeadLetterId};
use sluice_kernel::StoreId;

use crate::{
    fields,
    problem::{Answer, Problem},
    state::Api,
};

/// The store's own letter of this id.
async fn find(api: &Api, store: StoreId, segment: &str) -> Answer<DeadLetter> {
    let id = DeadLetterId(fields::id(segment)?);
    let letters = api.shop.dead_letters.clone();
    let found = api.ask(async move { letters.find(id).await }).await?;
    found.filter(|letter| letter.store() == Some(store)).ok_or_else(Problem::not_found)
}
