//! Idempotency keys: one row each, owned by the order that wrote it. A cart's version is claimed in the same way, so
//! that two orders never take the same cart.

use std::collections::HashMap;

use sea_orm::{QueryResult, Value};
use sha2::{Digest as _, Sha256};
use sluice_kernel::{OrderNo, StoreId, UserId};
use sluice_order::{IdempotencyKey, NewOrder};

use crate::{
    error::StoreResult,
    multi_row::{InList, MultiRow, column},
    statement::Dialect,
    unit_of_work::UnitOfWork,
};

pub(super) type Scope = [u8; 16];

const CART_ROUTE: &str = "cart-checkout";
/// A cart claim compares nothing but its owner.
const NO_FINGERPRINT: [u8; 32] = [0; 32];

static CLAIM: MultiRow = MultiRow::with_tail(
    "INSERT INTO idempotency_keys (scope, order_no, fingerprint, created_at) VALUES ",
    "(?, ?, ?, ?)",
    4,
    |dialect| dialect.keep_existing("scope"),
);
/// Nearly all keys are new ones, and then need no look who owns them.
static CLAIM_NEW: MultiRow =
    MultiRow::insert("INSERT INTO idempotency_keys (scope, order_no, fingerprint, created_at) VALUES ", "(?, ?, ?, ?)", 4);
static OWNERS: InList = InList::new("SELECT scope, order_no, fingerprint FROM idempotency_keys WHERE scope IN", |_| "");
/// Waits for a transaction that has not ended yet and holds one of these keys.
static SETTLED_OWNERS: InList =
    InList::new("SELECT scope, order_no, fingerprint FROM idempotency_keys WHERE scope IN", Dialect::share_lock);
static GIVE_BACK: InList = InList::new("DELETE FROM idempotency_keys WHERE scope IN", |_| "");

/// A key as it is claimed.
pub(super) struct Claim {
    pub(super) scope: Scope,
    pub(super) order_no: OrderNo,
    pub(super) fingerprint: [u8; 32],
    pub(super) created_at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) order_no: OrderNo,
    pub(super) fingerprint: [u8; 32],
}

/// The first 16 bytes of SHA-256 over `route \n store \n user \n key`: keys of any length stand in an index of fixed width.
pub(super) fn scope_of(route: &str, store: StoreId, user: &UserId, key: &str) -> Scope {
    let mut hash = Sha256::new();
    hash.update(route);
    hash.update("\n");
    hash.update(store.to_string());
    hash.update("\n");
    hash.update(user.as_str());
    hash.update("\n");
    hash.update(key);
    let mut scope = Scope::default();
    for (byte, from) in scope.iter_mut().zip(hash.finalize()) {
        *byte = from;
    }
    scope
}

pub(super) fn key_scope(key: &IdempotencyKey) -> Scope {
    scope_of(key.route, key.store, &key.user, &key.key)
}

pub(super) fn cart_scope(order: &NewOrder) -> Option<Scope> {
    order.cart_version.map(|version| scope_of(CART_ROUTE, order.store, &order.user, &version.to_string()))
}

impl Claim {
    pub(super) fn of_cart(scope: Scope, order: &NewOrder) -> Self {
        Self { scope, order_no: order.order_no, fingerprint: NO_FINGERPRINT, created_at: order.created_at.as_millis() }
    }

    pub(super) fn of_key(scope: Scope, order: &NewOrder) -> Self {
        Self { fingerprint: order.key.fingerprint, ..Self::of_cart(scope, order) }
    }
}

/// Writes the claims that nobody has written before and answers who owns each. Of two claims to one scope the first
/// one here is written. Sorted, so that two commits never wait for each other in a circle.
pub(super) async fn claim(unit: &UnitOfWork, mut claims: Vec<Claim>) -> StoreResult<HashMap<Scope, Owner>> {
    // The sort is stable: of equal scopes the first stays first.
    claims.sort_by_key(|claim| claim.scope);
    claims.dedup_by_key(|claim| claim.scope);
    let mut values: Vec<Value> = Vec::with_capacity(claims.len() * 4);
    for claim in &claims {
        values.extend::<[Value; 4]>([
            claim.scope.to_vec().into(),
            claim.order_no.id().into(),
            claim.fingerprint.to_vec().into(),
            claim.created_at.into(),
        ]);
    }
    let all_new = match unit.dialect() {
        // Counts written rows alone.
        Dialect::Sqlite => usize::try_from(CLAIM.run(unit, values).await?) == Ok(claims.len()),
        Dialect::MySql => match CLAIM_NEW.run(unit, values.clone()).await {
            Ok(_) => true,
            // The statement alone was undone.
            Err(error) if error.is_unique_violation() => {
                CLAIM.run(unit, values).await?;
                false
            }
            Err(error) => return Err(error),
        },
    };
    if all_new {
        let own = |claim: Claim| (claim.scope, Owner { order_no: claim.order_no, fingerprint: claim.fingerprint });
        return Ok(claims.into_iter().map(own).collect());
    }
    let scopes: Vec<Vec<u8>> = claims.iter().map(|claim| claim.scope.to_vec()).collect();
    read_owners(OWNERS.rows(unit, &scopes).await?)
}

/// Who owns these, after every transaction that holds one of them has ended.
pub(super) async fn settled_owners(unit: &UnitOfWork, scopes: &[Scope]) -> StoreResult<HashMap<Scope, Owner>> {
    let mut scopes: Vec<Vec<u8>> = scopes.iter().map(|scope| scope.to_vec()).collect();
    scopes.sort_unstable();
    read_owners(SETTLED_OWNERS.rows(unit, &scopes).await?)
}

/// Forgets claims of this transaction whose orders were refused: the same key may try again.
pub(super) async fn give_back(unit: &UnitOfWork, scopes: &[Scope]) -> StoreResult<()> {
    let mut scopes: Vec<Vec<u8>> = scopes.iter().map(|scope| scope.to_vec()).collect();
    scopes.sort_unstable();
    GIVE_BACK.execute(unit, &scopes).await?;
    Ok(())
}

fn read_owners(rows: Vec<QueryResult>) -> StoreResult<HashMap<Scope, Owner>> {
    let mut owners = HashMap::with_capacity(rows.len());
    for row in rows {
        let owner = Owner { order_no: OrderNo::from_id(column(&row, 1)?), fingerprint: bytes(&row, 2)? };
        owners.insert(bytes(&row, 0)?, owner);
    }
    Ok(owners)
}

pub(super) fn bytes<const N: usize>(row: &QueryResult, place: usize) -> StoreResult<[u8; N]> {
    let bytes: Vec<u8> = column(row, place)?;
    bytes.try_into().map_err(|_| crate::error::StoreError::Corrupt("idempotency_keys"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_tells_route_store_user_and_key_apart() {
        let scope = |route, store, user: &str, key| scope_of(route, StoreId(store), &UserId::from(user), key);
        let base = scope("orders", 1, "42", "k");
        for other in [
            scope("refunds", 1, "42", "k"),
            scope("orders", 2, "42", "k"),
            scope("orders", 1, "43", "k"),
            scope("orders", 1, "42", "l"),
        ] {
            assert_ne!(base, other);
        }
        assert_eq!(base, scope("orders", 1, "42", "k"));
    }
}
