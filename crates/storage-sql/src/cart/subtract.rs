//! Ordered quantities leave the carts, each event once.

use std::collections::{BTreeMap, HashSet};

use sea_orm::Value;
use sluice_cart::OrderedLines;
use sluice_kernel::{SkuId, StoreId, Timestamp, UserId};

use super::{lock_cart, owner, raise_version};
use crate::{
    error::StoreResult,
    messaging::inbox,
    statement::{MOST_ROWS, padded, placeholders},
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
        for chunk in users.chunks(MOST_ROWS) {
            let select = format!(
                "SELECT DISTINCT user_id FROM cart_lines WHERE store_id = ? AND user_id IN ({})",
                placeholders(chunk.len())
            );
            let mut values: Vec<Value> = vec![store.0.into()];
            values.extend(padded(chunk).map(Value::from));
            for row in unit.rows(select, values).await? {
                holders.insert((store, UserId(row.try_get_by("user_id")?)));
            }
        }
    }
    Ok(holders)
}

async fn take_out(unit: &UnitOfWork, store: StoreId, user: &UserId, lines: &[(SkuId, i64)]) -> StoreResult<()> {
    lock_cart(unit, store, user).await?;
    let mut changed = 0;
    for (sku, units) in lines {
        let lower =
            "UPDATE cart_lines SET quantity = quantity - ? WHERE store_id = ? AND user_id = ? AND sku_id = ? AND quantity > ?";
        let mut values: Vec<Value> = vec![(*units).into()];
        values.extend(owner(store, user));
        values.extend([sku.0.into(), (*units).into()]);
        let lowered = unit.execute(lower, values).await?;
        if lowered > 0 {
            changed += lowered;
            continue;
        }
        let mut values = owner(store, user);
        values.push(sku.0.into());
        changed += unit.execute("DELETE FROM cart_lines WHERE store_id = ? AND user_id = ? AND sku_id = ?", values).await?;
    }
    if changed > 0 {
        raise_version(unit, store, user).await?;
    }
    Ok(())
}
