//! The points account that the settings choose: the own ledger, or a points platform.

use std::sync::Arc;

use sluice_gateways::{HttpPointsPlatform, PointsPlatformSettings};
use sluice_kernel::{Clock, IdGenerator, PortResult};
use sluice_points::{PlatformPace, PointsAccount, PointsAccounts, PointsRoute, PointsService};
use sluice_storage_sql::{Database, SqlPointsLedger, SqlPointsTasks};
use tokio::sync::Notify;

use crate::PointsConfig;

/// `due` is notified when an operation was kept that a platform must be asked for.
pub(super) fn open_points(
    config: &PointsConfig,
    database: &Database,
    due: &Arc<Notify>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
) -> PortResult<Arc<dyn PointsService>> {
    let (account, route): (Arc<dyn PointsAccount>, PointsRoute) = match config.platform_url() {
        None => (Arc::new(SqlPointsLedger::new(database.clone(), clock.clone())), PointsRoute::OwnLedger),
        Some(url) => {
            let concurrency = usize::try_from(config.concurrency).unwrap_or(1);
            let settings = PointsPlatformSettings {
                url: url.to_owned(),
                token: config.token.as_ref().map(|token| token.expose().to_owned()),
                timeout: config.timeout.0,
                concurrency,
            };
            let pace = PlatformPace::new(concurrency, config.timeout.0);
            (Arc::new(HttpPointsPlatform::new(settings)?), PointsRoute::Platform(pace))
        }
    };
    let tasks = Arc::new(SqlPointsTasks::new(database.clone()));
    Ok(Arc::new(PointsAccounts::new(account, tasks, route, clock, ids, due.clone())))
}
