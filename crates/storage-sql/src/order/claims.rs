//! Idempotency keys, owned by the order that wrote them. An order's own key stands in its row, unique there, so that
//! writing the row claims the key; the table of keys holds what other requests were asked under. A cart's version is
//! claimed there too, so that two orders never take the same cart.

use std::{collections::HashMap, sync::Arc};

use sea_orm::QueryResult;
use sluice_kernel::OrderNo;
use sluice_order::NewOrder;

use super::{
    placement::Placement,
    rows::{NewMain, OF_NEW_ORDERS},
    scope::Scope,
};
use crate::{
    error::{StoreError, StoreResult},
    multi_row::{InList, MultiRow, Values},
    statement::Dialect,
    stored::Stored,
    table::{Row as _, idempotency_keys, row},
    unit_of_work::UnitOfWork,
};

/// A cart claim compares nothing but its owner.
const NO_FINGERPRINT: [u8; 32] = [0; 32];

row! {
    struct CartClaim of idempotency_keys {
        scope: Vec<u8>,
        order_no: Stored<OrderNo>,
        fingerprint: Vec<u8>,
    }
}

row! {
    struct KeyClaim of orders {
        key_scope: Option<Vec<u8>>,
        order_no: Stored<OrderNo>,
        key_fingerprint: Option<Vec<u8>>,
    }
}

/// Fails where a key was used before, as hardly any was.
static ORDERS: MultiRow<NewMain> = MultiRow::with(OF_NEW_ORDERS, |_| String::new());
/// Leaves orders out whose keys were used before.
static ORDERS_OF_NEW_KEYS: MultiRow<NewMain> = MultiRow::with(OF_NEW_ORDERS, |dialect| dialect.keep_existing("key_scope"));
static TAKE_BACK: InList = InList::new(|| "DELETE FROM orders".to_owned(), "order_no");
static CLAIM_CARTS: MultiRow<idempotency_keys::Model> = MultiRow::with_tail(|dialect| dialect.keep_existing("scope"));
static OWNERS_OF_CARTS: InList = InList::new(CartClaim::select, "scope");
static OWNERS_OF_KEYS: InList = InList::new(KeyClaim::select, "key_scope");
/// Waits for a transaction that has not ended yet and holds one of these keys.
static SETTLED_OWNERS: InList = InList::with(KeyClaim::select, "key_scope", "", Dialect::share_lock);
static GIVE_BACK: InList = InList::new(|| "DELETE FROM idempotency_keys".to_owned(), "scope");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) order_no: OrderNo,
    pub(super) fingerprint: [u8; 32],
}

/// Writes the main orders whose keys nobody has used before and answers who owns each key. Of two orders with one key the
/// first one here is written. Sorted by key, so that two commits never wait for each other in a circle.
pub(super) async fn claim_keys(unit: &UnitOfWork, placements: &[&Placement]) -> StoreResult<HashMap<Scope, Owner>> {
    let mut wanted = placements.to_vec();
    // The sort is stable: of equal keys the first stays first.
    wanted.sort_by_key(|placement| placement.key);
    wanted.dedup_by_key(|placement| placement.key);
    if insert_main(unit, &wanted).await? {
        let own = |Placement { order, key, .. }: &Placement| {
            (*key, Owner { order_no: order.order_no, fingerprint: order.key.fingerprint })
        };
        return Ok(wanted.into_iter().map(own).collect());
    }
    let keys: Vec<Vec<u8>> = wanted.iter().map(|placement| placement.key.to_vec()).collect();
    owners_of_keys(&OWNERS_OF_KEYS.rows(unit, &keys).await?)
}

/// Writes main orders, each of another key; `false` where a key was used before and its order was left out.
async fn insert_main(unit: &UnitOfWork, placements: &[&Placement]) -> StoreResult<bool> {
    let values = || {
        let mut all = Values::default();
        for placement in placements {
            all.append(&mut placement.main_row());
        }
        all
    };
    match unit.dialect() {
        // Counts written rows alone.
        Dialect::Sqlite => Ok(usize::try_from(ORDERS_OF_NEW_KEYS.run(unit, values()).await?) == Ok(placements.len())),
        Dialect::MySql => match ORDERS.run(unit, values()).await {
            Ok(_) => Ok(true),
            // The statement alone was undone.
            Err(error) if error.is_unique_violation() => {
                ORDERS_OF_NEW_KEYS.run(unit, values()).await?;
                Ok(false)
            }
            Err(error) => Err(error),
        },
    }
}

/// Claims carts in the same way; none where no order takes one.
pub(super) async fn claim_carts(unit: &UnitOfWork, placements: &[&Placement]) -> StoreResult<HashMap<Scope, Owner>> {
    let with_cart = placements.iter().filter_map(|placement| Some((placement.cart?, &placement.order)));
    let mut wanted: Vec<(Scope, &Arc<NewOrder>)> = with_cart.collect();
    wanted.sort_by_key(|(cart, _)| *cart);
    wanted.dedup_by_key(|(cart, _)| *cart);
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let claims = wanted.iter().map(|(cart, order)| idempotency_keys::Model {
        scope: cart.to_vec(),
        order_no: Stored(order.order_no),
        fingerprint: NO_FINGERPRINT.to_vec(),
        created_at: Stored(order.terms.created_at),
    });
    CLAIM_CARTS.run(unit, claims).await?;
    let carts: Vec<Vec<u8>> = wanted.iter().map(|(cart, _)| cart.to_vec()).collect();
    let owner = |row| {
        let CartClaim { scope, order_no, fingerprint } = CartClaim::read(row)?;
        Ok((bytes(scope)?, Owner { order_no: order_no.0, fingerprint: bytes(fingerprint)? }))
    };
    OWNERS_OF_CARTS.rows(unit, &carts).await?.iter().map(owner).collect()
}

/// Who owns these, after every transaction that holds one of them has ended.
pub(super) async fn settled_owners(unit: &UnitOfWork, scopes: &[Scope]) -> StoreResult<HashMap<Scope, Owner>> {
    let mut scopes: Vec<Vec<u8>> = scopes.iter().map(|scope| scope.to_vec()).collect();
    scopes.sort_unstable();
    owners_of_keys(&SETTLED_OWNERS.rows(unit, &scopes).await?)
}

/// Forgets main orders of this transaction that were refused: their keys may try again.
pub(super) async fn take_back_orders(unit: &UnitOfWork, mut orders: Vec<i64>) -> StoreResult<()> {
    orders.sort_unstable();
    TAKE_BACK.execute(unit, &orders).await?;
    Ok(())
}

/// Forgets claims to carts of this transaction whose orders were refused.
pub(super) async fn give_back_carts(unit: &UnitOfWork, scopes: &[Scope]) -> StoreResult<()> {
    let mut scopes: Vec<Vec<u8>> = scopes.iter().map(|scope| scope.to_vec()).collect();
    scopes.sort_unstable();
    GIVE_BACK.execute(unit, &scopes).await?;
    Ok(())
}

fn owners_of_keys(rows: &[QueryResult]) -> StoreResult<HashMap<Scope, Owner>> {
    let owner = |row| {
        let KeyClaim { key_scope, order_no, key_fingerprint } = KeyClaim::read(row)?;
        let (scope, fingerprint) = key_scope.zip(key_fingerprint).ok_or(StoreError::Corrupt("orders.key_scope"))?;
        Ok((bytes(scope)?, Owner { order_no: order_no.0, fingerprint: bytes(fingerprint)? }))
    };
    rows.iter().map(owner).collect()
}

pub(super) fn bytes<const N: usize>(stored: Vec<u8>) -> StoreResult<[u8; N]> {
    stored.try_into().map_err(|_| StoreError::Corrupt("idempotency_keys"))
}
