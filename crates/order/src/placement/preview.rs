//! What a cart order would come to: every check of placing is asked, and what it would refuse is told instead. Nothing is taken.

use std::collections::BTreeMap;

use sluice_kernel::{Classified as _, Currency, ErrorKind, SkuId, StoreId};

use super::{
    Unpaid,
    lines::{Wanted, check_shelf, is_on_the_shelf},
    pricing::{check_expected, currency_of, price},
    required_fields::check_cart_fields,
};
use crate::{CartRequest, ItemLine, OrderError, OrderPreview, Orders, ShortLine};

/// What stands in the way.
#[derive(Default)]
struct Problems(Vec<OrderError>);

impl Problems {
    /// A refusal is noted; a part that is away or a defect ends the preview.
    fn note<T>(&mut self, checked: Result<T, OrderError>) -> Result<Option<T>, OrderError> {
        match checked {
            Ok(value) => Ok(Some(value)),
            Err(error) => match error.kind() {
                ErrorKind::Conflict | ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::RateLimited => {
                    self.0.push(error);
                    Ok(None)
                }
                ErrorKind::Unavailable | ErrorKind::Overloaded | ErrorKind::Internal => Err(error),
            },
        }
    }
}

impl Orders {
    pub(crate) async fn preview_cart_order(&self, request: &CartRequest) -> Result<OrderPreview, OrderError> {
        let (summed, _) = self.summed(request).await?;
        let cards = self.ports.catalog.read_cards(request.store, &summed.skus()).await?;
        let mut problems = Problems::default();
        problems.note(check_shelf(&summed, &cards))?;
        let sold: BTreeMap<SkuId, Wanted> = summed.wanted.into_iter().filter(|(sku, _)| is_on_the_shelf(*sku, &cards)).collect();

        let asked = sold.keys().filter_map(|sku| cards.get(sku));
        let check_code = problems.note(check_cart_fields(asked, &request.recipient, request.verify_code.as_ref()))?;
        if check_code == Some(true) {
            problems.note(self.verified_code(request).await)?;
        }
        let currency = match currency_of(&cards) {
            Some(currency) => currency,
            None => self.ports.catalog.currency(request.store).await?.unwrap_or(Currency::CNY),
        };
        let priced = price(&sold, &cards, currency)?;
        problems.note(check_expected(request.expected, priced.total, priced.points_total))?;
        if !priced.items.is_empty() {
            let new = Unpaid::of_lines(&priced.items);
            problems.note(self.unpaid.check(self.ports.orders.as_ref(), request.store, &request.user, new).await)?;
            problems.note(self.check_stock(request.store, &priced.items, &sold).await)?;
        }
        Ok(OrderPreview { priced, problems: problems.0 })
    }

    /// Rule 2 at this moment, by the gate's figures.
    async fn check_stock(&self, store: StoreId, items: &[ItemLine], sold: &BTreeMap<SkuId, Wanted>) -> Result<(), OrderError> {
        let skus: Vec<SkuId> = sold.keys().copied().collect();
        let usable = self.ports.stock.usable(store, &skus).await?;
        let mut lines = Vec::new();
        for item in items {
            let usable = usable.get(&item.sku_id).copied().unwrap_or(0);
            if usable < item.quantity.get() {
                lines.push(ShortLine { line: sold.get(&item.sku_id).map(|wanted| wanted.line), sku: item.sku_id, usable });
            }
        }
        if lines.is_empty() { Ok(()) } else { Err(OrderError::InsufficientStock { lines }) }
    }
}
