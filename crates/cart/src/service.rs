//! What the cart offers.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_kernel::{Clock, Money, Points, Quantity, SkuId, StoreId, UserId};

use crate::{
    Cart, CartError, CartItem, CartLine, CartRepository, OrderedLines, PutOutcome, SelectedLines, ShelfEntry, ShelfReader,
};

#[async_trait]
pub trait CartService: Send + Sync {
    async fn view(&self, store: StoreId, user: &UserId) -> Result<Cart, CartError>;
    /// Sets quantity and selection of one SKU and answers the cart.
    async fn put(&self, store: StoreId, user: &UserId, sku: SkuId, quantity: Quantity, selected: bool) -> Result<Cart, CartError>;
    async fn remove(&self, store: StoreId, user: &UserId, sku: SkuId) -> Result<Cart, CartError>;
    async fn clear(&self, store: StoreId, user: &UserId) -> Result<Cart, CartError>;
    async fn selected(&self, store: StoreId, user: &UserId) -> Result<SelectedLines, CartError>;
    /// Consumer of `order-created`: docs/domain.md S2 rule 6.
    async fn take_out_ordered(&self, consumer: &str, ordered: &[OrderedLines]) -> Result<(), CartError>;
}

/// Lines a cart holds at most; an order takes no more either (docs/api.md, Limits).
const MAX_LINES: u32 = 100;

/// The service over its ports.
pub struct Carts {
    repository: Arc<dyn CartRepository>,
    shelf: Arc<dyn ShelfReader>,
    clock: Arc<dyn Clock>,
}

impl Carts {
    pub fn new(repository: Arc<dyn CartRepository>, shelf: Arc<dyn ShelfReader>, clock: Arc<dyn Clock>) -> Self {
        Self { repository, shelf, clock }
    }
}

#[async_trait]
impl CartService for Carts {
    async fn view(&self, store: StoreId, user: &UserId) -> Result<Cart, CartError> {
        let lines = self.repository.lines(store, user).await?;
        let skus: Vec<SkuId> = lines.iter().map(|line| line.sku_id).collect();
        let shelf = self.shelf.entries(store, &skus).await?;
        let currency = self.shelf.currency(store).await?;

        let mut cart = Cart { items: Vec::new(), selected_total: Money::zero(currency), selected_points: Points(0) };
        for line in lines {
            // A SKU that was removed from the catalog altogether has nothing left to show.
            let Some(entry) = shelf.get(&line.sku_id) else { continue };
            let item = item(line, entry)?;
            if item.selected && item.buyable {
                cart.selected_total = cart.selected_total.checked_add(item.line_total)?;
                cart.selected_points = cart.selected_points.checked_add(item.unit_points.times(item.quantity)?)?;
            }
            cart.items.push(item);
        }
        Ok(cart)
    }

    async fn put(&self, store: StoreId, user: &UserId, sku: SkuId, quantity: Quantity, selected: bool) -> Result<Cart, CartError> {
        let shelf = self.shelf.entries(store, &[sku]).await?;
        let entry = shelf.get(&sku).ok_or(CartError::NotFound)?;
        if !entry.buyable {
            return Err(CartError::OffShelf);
        }
        let line = CartLine { sku_id: sku, quantity, selected };
        match self.repository.put(store, user, line, MAX_LINES, self.clock.now()).await? {
            PutOutcome::Done => self.view(store, user).await,
            PutOutcome::Full => Err(CartError::TooManyLines),
        }
    }

    async fn remove(&self, store: StoreId, user: &UserId, sku: SkuId) -> Result<Cart, CartError> {
        self.repository.remove(store, user, sku, self.clock.now()).await?;
        self.view(store, user).await
    }

    async fn clear(&self, store: StoreId, user: &UserId) -> Result<Cart, CartError> {
        self.repository.clear(store, user, self.clock.now()).await?;
        self.view(store, user).await
    }

    async fn selected(&self, store: StoreId, user: &UserId) -> Result<SelectedLines, CartError> {
        Ok(self.repository.selected(store, user).await?)
    }

    async fn take_out_ordered(&self, consumer: &str, ordered: &[OrderedLines]) -> Result<(), CartError> {
        Ok(self.repository.subtract(consumer, ordered, self.clock.now()).await?)
    }
}

fn item(line: CartLine, entry: &ShelfEntry) -> Result<CartItem, CartError> {
    let reason = if !entry.buyable {
        Some("off_shelf")
    } else if entry.usable < line.quantity.get() {
        Some("insufficient_stock")
    } else {
        None
    };
    Ok(CartItem {
        sku_id: line.sku_id,
        product_id: entry.product_id,
        title: entry.title.clone(),
        spec: entry.spec.clone(),
        quantity: line.quantity,
        selected: line.selected,
        unit_price: entry.price,
        unit_points: entry.points,
        line_total: entry.price.times(line.quantity)?,
        buyable: reason.is_none(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use sluice_kernel::{Currency, ProductId};

    use super::*;

    #[test]
    fn a_line_that_comes_to_too_much_is_refused_by_its_quantity() {
        let entry = ShelfEntry {
            sku_id: SkuId(1),
            product_id: ProductId(1),
            title: "Tea".to_owned(),
            spec: String::new(),
            price: Money::new(i64::MAX / 2, Currency::CNY),
            points: Points(0),
            buyable: true,
            usable: 9,
        };
        let line = |units| CartLine { sku_id: SkuId(1), quantity: Quantity::new(units).unwrap(), selected: true };
        assert!(item(line(2), &entry).is_ok());
        match item(line(3), &entry) {
            Err(CartError::InvalidField(invalid)) => assert_eq!(invalid.pointer, "/quantity"),
            other => panic!("{other:?}"),
        }
    }
}
