//! The auto-cancel timer: publishes `auto-cancel` for orders whose payment window has closed.
//!
//! The deadline stands on the order's row, so the timer survives any crash. It runs in one worker at a time, and all
//! workers that consume `auto-cancel` share the cancelling. It holds without the bus too (docs/domain.md S2 rule 8): what cannot
//! be published soon, or was published and has still not happened, is expired here by the same idempotent command.

use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use sluice_events::{Envelope, PaymentWindowClosed, Publisher, publish_all};
use sluice_kernel::{Classified as _, Clock, OrderNo};
use sluice_order::{OrderError, OrderService};
use tokio::time::Instant;

use super::{Sweep, Turn};
use crate::{TimerSettings, outage::Outage};

/// What the timer needs of the orders.
#[async_trait]
pub trait DueOrders: Send + Sync {
    async fn due(&self, limit: u32) -> Result<Vec<Envelope>, OrderError>;
    async fn announced(&self, orders: &[OrderNo]) -> Result<(), OrderError>;
    async fn expire(&self, closed: &PaymentWindowClosed) -> Result<(), OrderError>;
}

#[async_trait]
impl DueOrders for Arc<dyn OrderService> {
    async fn due(&self, limit: u32) -> Result<Vec<Envelope>, OrderError> {
        self.as_ref().due(limit).await
    }

    async fn announced(&self, orders: &[OrderNo]) -> Result<(), OrderError> {
        self.as_ref().announced(orders).await
    }

    async fn expire(&self, closed: &PaymentWindowClosed) -> Result<(), OrderError> {
        self.as_ref().expire(closed).await
    }
}

pub struct Timer<O> {
    orders: O,
    publisher: Arc<dyn Publisher>,
    clock: Arc<dyn Clock>,
    settings: TimerSettings,
    bus: Outage,
    /// While the bus is away it is not asked each turn: that would cost the deadline its margin.
    bus_away_until: Option<Instant>,
    expiry: Outage,
}

/// A due order and its message.
struct Due {
    envelope: Envelope,
    closed: PaymentWindowClosed,
}

impl<O: DueOrders> Timer<O> {
    pub fn new(orders: O, publisher: Arc<dyn Publisher>, clock: Arc<dyn Clock>, settings: TimerSettings) -> Self {
        let (first, most) = (Duration::from_millis(500), Duration::from_secs(5));
        Self {
            orders,
            publisher,
            clock,
            settings,
            bus: Outage::new("auto-cancel publishing", first, most),
            bus_away_until: None,
            expiry: Outage::new("auto-cancel without the bus", first, most),
        }
    }

    /// True where the bus has taken the messages.
    async fn publish(&mut self, due: &[Due]) -> bool {
        if due.is_empty() {
            return true;
        }
        if self.bus_away_until.is_some_and(|until| Instant::now() < until) {
            return false;
        }
        let messages = due.iter().map(|due| due.envelope.clone()).collect();
        let failure: Box<dyn Error> =
            match tokio::time::timeout(self.settings.publish_patience, publish_all(self.publisher.as_ref(), messages)).await {
                Ok(Ok(())) => {
                    self.bus.passed();
                    self.bus_away_until = None;
                    return true;
                }
                Ok(Err(error)) => error.into(),
                Err(elapsed) => elapsed.into(),
            };
        self.bus_away_until = Some(Instant::now() + self.bus.failed(failure.as_ref()));
        false
    }

    /// Expires orders here; returns those that must be tried again in the next turn, since only a part was away.
    async fn expire(&mut self, due: &[Due]) -> Vec<OrderNo> {
        let orders = &self.orders;
        let tries = due.iter().map(|due| async move { (due.closed.order_no, orders.expire(&due.closed).await) });
        // Collected first: a stream over a closure that borrows would not be `Send` for every lifetime.
        let tries: Vec<_> = tries.collect();
        let mut results = stream::iter(tries).buffer_unordered(self.settings.concurrency.max(1));
        let (mut again, mut failure) = (Vec::new(), None);
        while let Some((order, result)) = results.next().await {
            if let Err(error) = result {
                if error.kind().is_transient() {
                    again.push(order);
                }
                tracing::debug!(order.no = %order, error = %error, "An order could not be expired yet.");
                failure = Some(error);
            }
        }
        drop(results);
        match failure {
            Some(error) => {
                self.expiry.failed(&error);
            }
            None if !due.is_empty() => self.expiry.passed(),
            None => {}
        }
        again
    }
}

#[async_trait]
impl<O: DueOrders> Sweep for Timer<O> {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        let messages = self.orders.due(self.settings.limit).await?;
        let turn = Turn::of(messages.len(), self.settings.limit);
        if messages.is_empty() {
            return Ok(Turn::Done);
        }
        let now = self.clock.now();
        let (mut fresh, mut direct) = (Vec::new(), Vec::new());
        for envelope in messages {
            let closed: PaymentWindowClosed = envelope.payload()?;
            let late = now.since(closed.expires_at) >= self.settings.direct_after;
            let due = Due { envelope, closed };
            if late { direct.push(due) } else { fresh.push(due) }
        }
        let mut told: Vec<OrderNo> = fresh.iter().chain(&direct).map(|due| due.closed.order_no).collect();
        if !self.publish(&fresh).await {
            direct.append(&mut fresh);
        }
        let again = self.expire(&direct).await;
        // Those that could not be expired come again at once, unless they would keep the others from their turn.
        if again.len().saturating_mul(2) < usize::try_from(self.settings.limit).unwrap_or(usize::MAX) {
            told.retain(|order| !again.contains(order));
        }
        if !told.is_empty() {
            self.orders.announced(&told).await?;
        }
        // Where a part is away, a full turn is no reason to ask again at once.
        Ok(if again.is_empty() { turn } else { Turn::Done })
    }
}

#[cfg(test)]
#[path = "auto_cancel_tests.rs"]
mod tests;
