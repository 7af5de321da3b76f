//! Partners are told what orders keep; the customer's own product identifiers of cart orders come from the catalog.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use sluice_catalog::{CatalogService, SkuCard};
use sluice_kernel::{OrderNo, PortResult, SkuId, StoreId};
use sluice_order::{ItemLine, Order, OrderError, OrderService};
use sluice_partner::{FactLine, OrderFacts, OrderReader, Recipient};

/// Orders read at the same time.
const AT_ONCE: usize = 8;

pub struct PartnerToOrder {
    pub orders: Arc<dyn OrderService>,
    pub catalog: Arc<dyn CatalogService>,
}

/// What the catalog says of the SKUs of an order.
type Cards = HashMap<SkuId, SkuCard>;

impl PartnerToOrder {
    async fn read(&self, store: StoreId, order_no: OrderNo) -> PortResult<Option<OrderFacts>> {
        let order = match self.orders.find(store, None, order_no).await {
            Ok(found) => found.order,
            Err(OrderError::NotFound) => return Ok(None),
            Err(error) => return Err(super::port_error("an order", error)),
        };
        // An activity order keeps a copy of what is needed; of a cart order the catalog is asked as it is now.
        let mut cards = Cards::new();
        if order.terms.activity.is_none() {
            let skus: Vec<SkuId> = order.items.iter().map(|item| item.line.sku_id).collect();
            cards = self.catalog.cards(store, &skus).await.map_err(|error| super::port_error("the catalog", error))?;
        }
        Ok(Some(facts(&order, &cards)))
    }
}

fn is_physical(way: u8) -> bool {
    way == 0
}

fn facts(order: &Order, cards: &Cards) -> OrderFacts {
    let activity = order.terms.activity.as_ref();
    let line = |line: &ItemLine| FactLine {
        sku_id: line.sku_id,
        product_id: line.product_id,
        title: line.title.to_string(),
        spec: line.spec.to_string(),
        customer_product_id: match activity {
            Some(activity) => activity.customer_product_id.as_deref().map(str::to_owned),
            None => cards.get(&line.sku_id).and_then(|card| card.customer_product_id.as_deref()).map(str::to_owned),
        },
        count: line.quantity.get(),
        unit_price: line.unit_price,
        total: line.line_total,
    };
    let physical = match activity {
        Some(activity) => is_physical(activity.receiving_way),
        None => {
            order.items.iter().any(|item| cards.get(&item.line.sku_id).is_none_or(|card| is_physical(card.receiving_way.get())))
        }
    };
    let recipient = &order.terms.recipient;
    OrderFacts {
        total: order.terms.total,
        points_total: order.terms.points_total,
        recipient: Recipient {
            name: recipient.name.clone(),
            phone: recipient.phone.clone(),
            id_card: recipient.id_card.clone(),
            province: recipient.province.clone(),
            city: recipient.city.clone(),
            district: recipient.district.clone(),
            address: recipient.address.clone(),
        },
        physical,
        partner_price: activity.map(|activity| (activity.partner_unit_price, activity.partner_total)),
        lines: order.items.iter().map(|item| line(&item.line)).collect(),
    }
}

#[async_trait]
impl OrderReader for PartnerToOrder {
    async fn facts(&self, orders: &[(StoreId, OrderNo)]) -> PortResult<HashMap<OrderNo, OrderFacts>> {
        // Collected first: a stream over a closure that borrows would not be `Send` for every lifetime.
        let reads: Vec<_> = orders.iter().map(|(store, order)| async move { (*order, self.read(*store, *order).await) }).collect();
        let mut running = stream::iter(reads).buffer_unordered(AT_ONCE);
        let mut facts = HashMap::with_capacity(orders.len());
        while let Some((order, read)) = running.next().await {
            if let Some(read) = read? {
                facts.insert(order, read);
            }
        }
        Ok(facts)
    }
}
