//! The relay: outbox row → messages on the bus → row forgotten.
//!
//! A row is forgotten only after the bus has taken all its messages over, so a crash or an absent bus repeats messages
//! and loses none. Order per key holds: a relay publishes only slices of the key space it has leased, oldest row
//! first, one batch at a time. Woken by a hint at once; polling is the backstop.

use std::{pin::pin, sync::Arc, time::Duration};

use sluice_events::{Envelope, Fact, OutboxRow, OutboxStore, Publisher, SLICES};
use sluice_kernel::{Clock, PortError, PortResult};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::outage::{GRACE, Outage, overdue};

#[derive(Debug, Clone, Copy)]
pub struct RelaySettings {
    /// Rows in one turn; a full turn is followed by the next at once.
    pub batch: u32,
    pub poll: Duration,
    /// The next turn begins no sooner than this after the last one: under load rows gather and share a publication
    /// and a delete. An idle relay starts at once.
    pub gather: Duration,
    /// How long a relay that died keeps others from its slices.
    pub lease: Duration,
    pub first_delay: Duration,
    pub max_delay: Duration,
}

impl Default for RelaySettings {
    fn default() -> Self {
        Self {
            batch: 1_000,
            poll: Duration::from_millis(200),
            gather: Duration::from_millis(100),
            lease: Duration::from_secs(3),
            first_delay: Duration::from_millis(50),
            max_delay: Duration::from_secs(1),
        }
    }
}

pub struct Relay {
    pub outbox: Arc<dyn OutboxStore>,
    pub publisher: Arc<dyn Publisher>,
    pub clock: Arc<dyn Clock>,
    /// Names this relay among others; never used twice.
    pub owner: String,
    pub hint: Arc<Notify>,
    pub settings: RelaySettings,
}

/// The slices held, and when to ask for them again.
struct Lease {
    slices: Vec<u16>,
    renew_at: Instant,
}

/// What one look at the outbox gave.
struct Unpacked {
    ids: Vec<i64>,
    envelopes: Vec<Envelope>,
    unreadable: Vec<(OutboxRow, serde_json::Error)>,
}

impl Relay {
    pub async fn run(self, stop: CancellationToken) {
        let mut outage = Outage::new("relay", self.settings.first_delay, self.settings.max_delay);
        let mut lease = Lease { slices: Vec::new(), renew_at: Instant::now() };
        while !stop.is_cancelled() {
            match self.turn(&mut lease, &stop).await {
                Ok(full) => {
                    outage.passed();
                    if !full {
                        let next_turn = Instant::now() + self.settings.gather;
                        self.rest(&stop).await;
                        let _ = stop.run_until_cancelled(tokio::time::sleep_until(next_turn)).await;
                    }
                }
                Err(error) => {
                    let delay = outage.failed(&error);
                    let _ = stop.run_until_cancelled(tokio::time::sleep(delay)).await;
                }
            }
        }
        // Others take over at once instead of waiting for the lease to run out.
        match tokio::time::timeout(GRACE, self.outbox.release_leases(&self.owner)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(error = %error, "The relay's leases were not given back; they run out."),
            Err(_) => tracing::debug!("The relay's leases were not given back in time; they run out."),
        }
    }

    async fn rest(&self, stop: &CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.hint.notified() => {}
            () = tokio::time::sleep(self.settings.poll) => {}
        }
    }

    /// Publishes one batch; true where more may wait.
    async fn turn(&self, lease: &mut Lease, stop: &CancellationToken) -> PortResult<bool> {
        if Instant::now() >= lease.renew_at {
            self.renew(lease).await?;
        }
        if lease.slices.is_empty() {
            return Ok(false);
        }
        let rows = self.outbox.pending(&lease.slices, self.clock.now(), self.settings.batch).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        let full = u32::try_from(rows.len()).unwrap_or(u32::MAX) >= self.settings.batch;
        let unpacked = unpack(rows);
        for (row, error) in &unpacked.unreadable {
            self.outbox.bury(row, &error.to_string(), self.clock.now()).await?;
            tracing::error!(outbox.row = row.id, error = %error, "An outbox row cannot be read; it is kept with the dead letters.");
        }
        if unpacked.ids.is_empty() {
            return Ok(full);
        }
        let messages = u64::try_from(unpacked.envelopes.len()).unwrap_or(u64::MAX);
        self.publish(unpacked.envelopes, lease, stop).await?;
        self.outbox.delivered(&unpacked.ids).await?;
        metrics::counter!("sluice_relay_published_total").increment(messages);
        Ok(full)
    }

    async fn renew(&self, lease: &mut Lease) -> PortResult<()> {
        lease.slices = self.outbox.lease(&self.owner, SLICES, self.clock.now(), self.settings.lease).await?;
        lease.renew_at = Instant::now() + self.settings.lease / 3;
        Ok(())
    }

    /// Publishes and keeps the lease alive meanwhile, since a bus may take its time.
    async fn publish(&self, envelopes: Vec<Envelope>, lease: &mut Lease, stop: &CancellationToken) -> PortResult<()> {
        let mut publishing = pin!(self.publisher.publish(envelopes));
        let mut overdue = pin!(overdue(stop));
        loop {
            tokio::select! {
                published = &mut publishing => return published,
                () = &mut overdue => return Err(PortError::unavailable("the bus", "the worker stops")),
                () = tokio::time::sleep_until(lease.renew_at) => {
                    if let Err(error) = self.renew(lease).await {
                        tracing::debug!(error = %error, "The relay's leases were not renewed.");
                        lease.renew_at = Instant::now() + self.settings.lease / 3;
                    }
                }
            }
        }
    }
}

fn unpack(rows: Vec<OutboxRow>) -> Unpacked {
    let mut unpacked =
        Unpacked { ids: Vec::with_capacity(rows.len()), envelopes: Vec::with_capacity(rows.len()), unreadable: Vec::new() };
    for row in rows {
        let fact = serde_json::from_str::<Fact>(&row.payload);
        match fact.and_then(|fact| fact.envelopes(row.traceparent.as_deref())) {
            Ok(envelopes) => {
                unpacked.ids.push(row.id);
                unpacked.envelopes.extend(envelopes);
            }
            Err(error) => unpacked.unreadable.push((row, error)),
        }
    }
    unpacked
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
