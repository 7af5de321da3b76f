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

/// The lines of a request, one for each SKU.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summed {
    /// In SKU order, which is also the lock order.
    pub wanted: BTreeMap<SkuId, Wanted>,
    /// Lines whose id cannot be ours: the index, and what was asked for.
    pub unknown: Vec<(usize, String)>,
}

impl Summed {
    pub fn skus(&self) -> Vec<SkuId> {
        self.wanted.keys().copied().collect()
    }
}

/// Sums lines of one SKU.
pub fn sum_lines(lines: &[RequestedLine]) -> Result<Summed, OrderError> {
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
    Ok(Summed { wanted, unknown })
}

/// Rule 1: every SKU exists in the store and is listed, its product too.
pub fn check_shelf(summed: &Summed, cards: &HashMap<SkuId, Arc<ShelfCard>>) -> Result<(), OrderError> {
    let missing = summed.wanted.iter().filter(|(sku, _)| !is_on_the_shelf(**sku, cards));
    let mut lines = summed.unknown.clone();
    lines.extend(missing.map(|(sku, wanted)| (wanted.line, sku.to_string())));
    lines.sort_unstable_by_key(|(line, _)| *line);
    if lines.is_empty() { Ok(()) } else { Err(OrderError::OffShelf { lines }) }
}

pub fn is_on_the_shelf(sku: SkuId, cards: &HashMap<SkuId, Arc<ShelfCard>>) -> bool {
    cards.get(&sku).is_some_and(|card| card.buyable)
}
