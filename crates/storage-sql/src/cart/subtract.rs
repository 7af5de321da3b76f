//! Ordered quantities leave the carts, each event once.

use std::collections::{BTreeMap, HashSet};

use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_cart::OrderedLines;
use sluice_kernel::{SkuId, StoreId, Timestamp, UserId};

use super::{lock_cart, of_owner, raise_version};
use crate::{
    error::StoreResult,
    messaging::inbox,
    statement::{MAX_ROWS, padded},
    table::cart_lines::{self, Column},
    unit_of_work::UnitOfWork,
};

pub(super) async fn subtract(unit: &UnitOfWork, consumer: &str, ordered: &[OrderedLines], now: Timestamp) -> StoreResult<()> {
    let ids: Vec<String> = ordered.iter().map(|event| event.event_id.clone()).collect();
    let mut fresh = inbox::claim(unit, consumer, &ids, now).await?;

    // Sorted by store and user: carts are locked in one order everywhere.
    let mut carts: BTreeMap<(StoreId, &UserId), Vec<(SkuId, i64)>> = BTreeMap::new();
    for event in ordered {
        // Removing the id keeps an event that stands twice in the batch from counting twice.
        if fresh.remove(&event.event_id) {
            carts.entry((event.store, &event.user)).or_default().extend(&event.lines);
        }
    }
    let holders = cart_holders(unit, carts.keys()).await?;
    for ((store, user), lines) in carts {
        if holders.contains(&(store, user.clone())) {
            take_out(unit, store, user, &lines).await?;
        }
    }
    Ok(())
}

/// Those of the buyers who have anything in their cart; most orders of a wave come from no cart at all.
async fn cart_holders<'a>(
    unit: &UnitOfWork,
    buyers: impl Iterator<Item = &'a (StoreId, &'a UserId)>,
) -> StoreResult<HashSet<(StoreId, UserId)>> {
    let mut users_of: BTreeMap<StoreId, Vec<&str>> = BTreeMap::new();
    for (store, user) in buyers {
        users_of.entry(*store).or_default().push(user.as_str());
    }
    let mut holders = HashSet::new();
    for (store, users) in users_of {
        for chunk in users.chunks(MAX_ROWS) {
            let wanted = cart_lines::Entity::find().select_only().column(Column::UserId).distinct();
            let wanted = wanted.filter(Column::StoreId.eq(store.0)).filter(Column::UserId.is_in(padded(chunk)));
            let users: Vec<String> = wanted.into_tuple().all(unit).await?;
            holders.extend(users.into_iter().map(|user| (store, UserId(user))));
        }
    }
    Ok(holders)
}

async fn take_out(unit: &UnitOfWork, store: StoreId, user: &UserId, lines: &[(SkuId, i64)]) -> StoreResult<()> {
    lock_cart(unit, store, user).await?;
    let mut changed = 0;
    for (sku, units) in lines {
        let line = || of_owner(store, user).and(Column::SkuId.eq(sku.0));
        let lowered = cart_lines::Entity::update_many()
            .col_expr(Column::Quantity, Expr::col(Column::Quantity).sub(*units))
            .filter(line().and(Column::Quantity.gt(*units)));
        let lowered = lowered.exec(unit).await?.rows_affected;
        changed += lowered;
        if lowered == 0 {
            changed += cart_lines::Entity::delete_many().filter(line()).exec(unit).await?.rows_affected;
        }
    }
    if changed > 0 {
        raise_version(unit, store, user).await?;
    }
    Ok(())
}
