//! The demo's points: user 42 has a million in each store. A points platform keeps its own books and is given nothing.

use sluice_kernel::{Points, PortResult, StoreId, UserId};
use sluice_points::PointsGrant;

use crate::{Shop, bridges::port_error};

const MILLION: i64 = 1_000_000;

pub async fn load(shop: &Shop) -> PortResult<()> {
    if !shop.points.has_own_ledger() {
        return Ok(());
    }
    for store in 1..=3 {
        let grant = PointsGrant {
            store: StoreId(store),
            user: UserId::from("42"),
            points: Points(MILLION),
            reason: "demo data".to_owned(),
            key: format!("demo-{store}-42"),
        };
        shop.points.grant(grant).await.map_err(|error| port_error("the points account", error))?;
    }
    Ok(())
}
