//! Tickets for status streams.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::time::Duration;

use sluice_kernel::{OrderNo, UserId};
use tokio::task::JoinSet;

use super::fixture::{OrderFixture, STORE, now, number};
use crate::KeptTicket;

/// Of many who use it at once one is let in; another order's does not open this one, and is not used up by the try.
pub async fn a_ticket_is_used_once_for_its_order(fixture: &dyn OrderFixture) {
    let (order_no, other) = (OrderNo::from_id(number(9, 1)), OrderNo::from_id(number(9, 2)));
    let kept = KeptTicket {
        digest: "d".repeat(64),
        store: STORE,
        order_no,
        user: UserId::from("follower"),
        expires_at: now().plus(Duration::from_mins(1)),
        stream_ends_at: now().plus(Duration::from_hours(1)),
    };
    fixture.tickets().keep(&kept).await.unwrap();
    assert_eq!(fixture.tickets().take(&kept.digest, other).await.unwrap(), None);
    assert_eq!(fixture.tickets().take(&"e".repeat(64), order_no).await.unwrap(), None);
    let mut race = JoinSet::new();
    for _ in 0..12 {
        let (tickets, digest) = (fixture.tickets(), kept.digest.clone());
        race.spawn(async move { tickets.take(&digest, order_no).await.unwrap() });
    }
    let taken: Vec<KeptTicket> = race.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken, [kept]);
}
