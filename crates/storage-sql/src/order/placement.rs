//! An order on its way into a batch, with everything that can be worked out before a transaction begins.

use std::sync::{Arc, Mutex, PoisonError};

use sluice_order::NewOrder;

use super::{
    rows::{self, NewMain, Rows},
    scope::{self, Scope},
};
use crate::{StockMode, error::StoreResult, held_rows::HeldRow, multi_row::Values};

pub(super) struct Placement {
    pub(super) order: Arc<NewOrder>,
    pub(super) key: Scope,
    /// The claim to its cart's version, of an order that takes the cart.
    pub(super) cart: Option<Scope>,
    ahead: Mutex<Ahead>,
}

/// Made for the first transaction; one that must be tried again makes its own.
struct Ahead {
    main: Option<Values<NewMain>>,
    rows: Option<Rows>,
}

impl Placement {
    pub(super) fn of(order: Arc<NewOrder>) -> StoreResult<Self> {
        let (key, cart) = (scope::key_scope(&order.key), scope::cart_scope(&order));
        let ahead = Ahead { main: Some(rows::main_row(&order, &key)), rows: Some(Rows::of(&order)?) };
        Ok(Self { order, key, cart, ahead: Mutex::new(ahead) })
    }

    /// The rows that it shares with others.
    pub(super) fn rows_to_lock(&self, mode: StockMode) -> impl Iterator<Item = HeldRow> + '_ {
        let stock = self.order.items.iter().filter(move |_| mode == StockMode::InCommit).map(|item| HeldRow::Stock(item.sku_id.0));
        stock.chain([HeldRow::Key(self.key)])
    }

    /// The values of its main order.
    pub(super) fn main_row(&self) -> Values<NewMain> {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner).main.take();
        ahead.unwrap_or_else(|| rows::main_row(&self.order, &self.key))
    }

    /// Its other rows.
    pub(super) fn rows(&self) -> StoreResult<Rows> {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner).rows.take();
        ahead.map_or_else(|| Rows::of(&self.order), Ok)
    }
}
