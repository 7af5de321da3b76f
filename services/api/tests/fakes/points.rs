//! The points account: one user with a few entries, and grants by key.

use std::{collections::HashMap, sync::Mutex};

use async_trait::async_trait;
use sluice_kernel::{Clock as _, OrderNo, Page, PageRequest, Points, StoreId, SystemClock, UserId};
use sluice_points::{
    Granted, PointsDeduction, PointsEntry, PointsError, PointsGrant, PointsKind, PointsService, PointsStatement, PointsStats,
    RefundOfPoints, TaskState,
};

/// A grant of exactly so many points is refused by the account.
pub const REFUSED_POINTS: i64 = 666;

#[derive(Default)]
pub struct FakePoints {
    grants: Mutex<HashMap<String, PointsGrant>>,
}

fn entry(id: i64) -> PointsEntry {
    PointsEntry {
        id,
        kind: PointsKind::Deduct,
        points: Points(-40),
        business_id: OrderNo::from_id(id).to_string(),
        order_no: Some(OrderNo::from_id(id)),
        balance_after: Points(1_000 - 40 * id),
        reason: "order".to_owned(),
        at: SystemClock.now(),
    }
}

#[async_trait]
impl PointsService for FakePoints {
    async fn account(&self, store: StoreId, user: &UserId, page: PageRequest) -> Result<PointsStatement, PointsError> {
        let newest = if (store, user.as_str()) == (StoreId(1), "42") { page.after.unwrap_or(4) - 1 } else { 0 };
        let entries = (1..=newest).rev().take(usize::try_from(page.limit).unwrap() + 1).map(entry).collect();
        Ok(PointsStatement { balance: Points(880), entries: Page::from_overfull(entries, page.limit, |entry| entry.id) })
    }

    async fn grant(&self, grant: PointsGrant) -> Result<Granted, PointsError> {
        if grant.points == Points(REFUSED_POINTS) {
            return Err(PointsError::Refused);
        }
        let mut grants = self.grants.lock().unwrap();
        match grants.get(&grant.key) {
            Some(earlier) if *earlier != grant => Err(PointsError::KeyReused),
            Some(_) => Ok(Granted { balance: Points(900), replayed: true }),
            None => {
                grants.insert(grant.key.clone(), grant);
                Ok(Granted { balance: Points(900), replayed: false })
            }
        }
    }

    async fn deduct(&self, _: &[PointsDeduction]) -> Result<Vec<TaskState>, PointsError> {
        Ok(Vec::new())
    }

    async fn refund(&self, _: RefundOfPoints) -> Result<Option<bool>, PointsError> {
        Ok(Some(true))
    }

    async fn run_due(&self, _: u32) -> Result<usize, PointsError> {
        Ok(0)
    }

    async fn stats(&self) -> Result<PointsStats, PointsError> {
        Ok(PointsStats::default())
    }

    fn has_own_ledger(&self) -> bool {
        true
    }
}
