//! The lines of a cart order: one for each SKU, all of them on the shelf (docs/domain.md S2 rule 1).

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sluice_kernel::{InvalidField, Quantity, SkuId};

use super::parse_id;
use crate::{OrderError, RequestedLine, ShelfCard};

/// One SKU of the order: the index of its first line in the request, and the summed quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    pub line: usize,
    pub quantity: Quantity,
}

/// Sums lines of one SKU; in SKU order, which is also the lock order.
pub fn sum_lines(lines: &[RequestedLine]) -> Result<BTreeMap<SkuId, Wanted>, OrderError> {
    let mut unknown = Vec::new();
    let mut wanted = BTreeMap::<SkuId, Wanted>::new();
    for (line, requested) in lines.iter().enumerate() {
        let Some(sku) = parse_id::<SkuId>(&requested.sku) else {
            unknown.push((line, requested.sku.clone()));
            continue;
        };
        match wanted.get_mut(&sku) {
            None => {
                wanted.insert(sku, Wanted { line, quantity: requested.quantity });
            }
            Some(known) => {
                known.quantity = known.quantity.checked_add(requested.quantity).map_err(|_| {
                    InvalidField::new("quantity", "the lines of one SKU sum to more than 9999").within(("items", line))
                })?;
            }
        }
    }
    if unknown.is_empty() { Ok(wanted) } else { Err(OrderError::OffShelf { lines: unknown }) }
}

/// Rule 1: every SKU exists in the store and is listed, its product too.
pub fn check_shelf(wanted: &BTreeMap<SkuId, Wanted>, cards: &HashMap<SkuId, Arc<ShelfCard>>) -> Result<(), OrderError> {
    let lines: Vec<(usize, String)> = wanted
        .iter()
        .filter(|(sku, _)| !cards.get(sku).is_some_and(|card| card.buyable))
        .map(|(sku, wanted)| (wanted.line, sku.to_string()))
        .collect();
    if lines.is_empty() { Ok(()) } else { Err(OrderError::OffShelf { lines }) }
}
