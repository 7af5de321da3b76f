//! The auto-cancel timer: publishes `auto-cancel` for orders whose payment window has closed.
//!
//! The deadline stands on the order's row, so the timer survives any crash. It runs in one worker at a time, and all
//! workers that consume `auto-cancel` share the cancelling. It holds without the bus too (docs/domain.md S2 rule 8): what cannot
//! be published soon, or was published and has still not happened, is expired here by the same idempotent command.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    error::Error,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use sluice_events::{Envelope, PaymentWindowClosed, Publisher, publish_all};
use sluice_kernel::{Classified as _, Clock, OrderNo, PortError};
use sluice_order::{OrderError, OrderService};
use tokio::{
    task::{self, JoinError, JoinSet},
    time::{Instant, timeout_at},
};

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
    /// Orders that are expired here now: one that waits for a row that somebody holds, or for a silent provider, holds up none
    /// that comes after it.
    expiring: JoinSet<Expired>,
    under_way: HashMap<task::Id, OrderNo>,
    expiry: Outage,
}

type Expired = Result<(), OrderError>;

/// How long a turn waits for the orders that it expires itself.
const TURN_PATIENCE: Duration = Duration::from_millis(500);

/// What became of orders that were expired here.
#[derive(Default)]
struct Results {
    again: Vec<OrderNo>,
    failure: Option<OrderError>,
    passed: bool,
}

impl Results {
    /// Notes the end of a task, and answers which one it was.
    fn note(&mut self, under_way: &mut HashMap<task::Id, OrderNo>, ended: Result<(task::Id, Expired), JoinError>) -> task::Id {
        let (task, result) = match ended {
            Ok(ended) => ended,
            Err(died) => (died.id(), Err(PortError::internal("expiring an order", died).into())),
        };
        let order = under_way.remove(&task);
        match result {
            Ok(()) => self.passed = true,
            Err(error) => {
                tracing::debug!(order.no = ?order, error = %error, "An order could not be expired yet.");
                self.again.extend(order.filter(|_| error.kind().is_transient()));
                self.failure = Some(error);
            }
        }
        task
    }
}

/// A due order and its message.
struct Due {
    envelope: Envelope,
    closed: PaymentWindowClosed,
}

impl<O: DueOrders + Clone + 'static> Timer<O> {
    pub fn new(orders: O, publisher: Arc<dyn Publisher>, clock: Arc<dyn Clock>, settings: TimerSettings) -> Self {
        let (first, most) = (Duration::from_millis(500), Duration::from_secs(5));
        Self {
            orders,
            publisher,
            clock,
            settings,
            bus: Outage::new("auto-cancel publishing", first, most),
            bus_away_until: None,
            expiring: JoinSet::new(),
            under_way: HashMap::new(),
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

    /// Expires orders here; returns those that must be tried again in the next turn: only a part was away, or no place was free.
    /// What is still under way after a while goes on beside the turns that follow.
    async fn expire(&mut self, due: &[Due]) -> Vec<OrderNo> {
        let patience = Instant::now() + TURN_PATIENCE;
        let mut results = Results::default();
        while let Some(ended) = self.expiring.try_join_next_with_id() {
            results.note(&mut self.under_way, ended);
        }
        let under_way: HashSet<OrderNo> = self.under_way.values().copied().collect();
        let mut left: VecDeque<_> =
            due.iter().map(|due| &due.closed).filter(|closed| !under_way.contains(&closed.order_no)).collect();
        let mut begun = HashSet::new();
        loop {
            while self.expiring.len() < self.settings.concurrency.max(1)
                && let Some(closed) = left.pop_front()
            {
                let (orders, closed) = (self.orders.clone(), closed.clone());
                let order_no = closed.order_no;
                let task = self.expiring.spawn(async move { orders.expire(&closed).await });
                self.under_way.insert(task.id(), order_no);
                begun.insert(task.id());
            }
            if begun.is_empty() && left.is_empty() {
                break;
            }
            let Ok(Some(ended)) = timeout_at(patience, self.expiring.join_next_with_id()).await else { break };
            begun.remove(&results.note(&mut self.under_way, ended));
        }
        let Results { mut again, failure, passed } = results;
        again.extend(left.into_iter().map(|closed| closed.order_no));
        match failure {
            Some(error) => {
                self.expiry.failed(&error);
            }
            None if passed => self.expiry.passed(),
            None => {}
        }
        again
    }
}

#[async_trait]
impl<O: DueOrders + Clone + 'static> Sweep for Timer<O> {
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
