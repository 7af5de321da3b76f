//! Opening what tells partners: rows in the database, requests over HTTP, facts from orders.

use std::sync::Arc;

use sluice_catalog::CatalogService;
use sluice_gateways::HttpPushSender;
use sluice_kernel::{Clock, IdGenerator, PortError, PortResult};
use sluice_order::OrderService;
use sluice_partner::{PartnerPorts, PartnerService, Partners};
use sluice_storage_sql::{Database, SqlDeliveryQueue, SqlSubscriptionRepository};

use crate::{PushConfig, bridges::PartnerToOrder};

pub(super) fn open_partner(
    config: &PushConfig,
    database: &Database,
    orders: Arc<dyn OrderService>,
    catalog: Arc<dyn CatalogService>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
) -> PortResult<Arc<dyn PartnerService>> {
    let trusted = config.trusted().map_err(|error| PortError::internal("reading trusted certificates", error))?;
    let sender = HttpPushSender::new(config.allow_private_targets, trusted.as_deref())?;
    Ok(Arc::new(Partners::new(PartnerPorts {
        subscriptions: Arc::new(SqlSubscriptionRepository::new(database.clone())),
        queue: Arc::new(SqlDeliveryQueue::new(database.clone())),
        sender: Arc::new(sender),
        orders: Arc::new(PartnerToOrder { orders, catalog }),
        clock,
        ids,
        rules: config.rules(),
    })))
}
