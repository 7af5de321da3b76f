//! Times that a clock which was ahead has written are brought back, now and then.

use std::{sync::Arc, time::Duration};

use sluice_kernel::{Clock, PortResult};
use sluice_points::PlatformPace;
use sluice_storage_sql::{LongestPauses, SqlFutureTimes};
use tokio_util::sync::CancellationToken;

use crate::{Config, checked_clock::CheckedClock};

const BRING_BACK_EVERY: Duration = Duration::from_mins(1);
/// While the database is away, or its clock is not believed.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

pub(crate) fn longest_pauses(config: &Config) -> LongestPauses {
    let rules = config.push.rules();
    let pace = PlatformPace::new(1, config.points.timeout.0);
    LongestPauses {
        points: pace.lease.max(pace.longest_pause),
        target: rules.longest_pause,
        message: rules.longest_message_pause(),
    }
}

/// At the start, after the time was set, and every minute.
pub(crate) async fn bring_back(
    future: SqlFutureTimes,
    clock: Arc<dyn Clock>,
    checked: Option<Arc<CheckedClock>>,
    stop: CancellationToken,
) {
    let mut timers = true;
    loop {
        let settled = checked.as_ref().is_none_or(|checked| checked.is_settled());
        let mut pause = LOOK_AGAIN_AFTER;
        if settled {
            match bring_back_once(&future, clock.as_ref(), timers).await {
                Ok(rows) => {
                    if rows > 0 {
                        tracing::warn!(times.rows = rows, "Leases and pauses that a clock which was ahead had written were ended.");
                    }
                    (pause, timers) = (BRING_BACK_EVERY, false);
                }
                Err(error) => tracing::debug!(error = %error, "Times of the future were not looked for."),
            }
        }
        let was_set = async {
            match &checked {
                Some(checked) => checked.was_set().notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            () = was_set => timers = true,
        }
    }
}

async fn bring_back_once(future: &SqlFutureTimes, clock: &dyn Clock, timers: bool) -> PortResult<u64> {
    let now = clock.now();
    let mut rows = future.bring_back(now).await?;
    if timers {
        rows += future.bring_back_timers(now).await?;
    }
    Ok(rows)
}
