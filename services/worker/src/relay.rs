//! The relay: outbox row → messages on the bus → row forgotten.
//!
//! A row is forgotten only after each of its messages was taken by the bus or put aside, so a crash or an absent bus repeats
//! messages and loses none. A message whose lane of the bus is blocked (a partition without a leader, a topic that may not be
//! written) is parked there, with what follows it in that lane; one that can never be published becomes a dead letter; all
//! others flow (docs/adr/0018). While the bus is away as a whole, rows wait where they are. Order per key holds: a relay
//! publishes only slices of the key space it has leased, oldest row first, one batch at a time. Woken by a hint at once;
//! polling is the backstop.

use std::{
    collections::{HashMap, HashSet},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use sluice_events::{
    DeadLetter, Envelope, Fact, Lasts, OutboxRow, OutboxStore, Parking, ParkingPlace, Publisher, SLICES, SteppedAside, Undelivered,
};
use sluice_kernel::{Clock, PortError, PortResult};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    duty::Shares,
    outage::{GRACE, Outage, overdue},
};

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
    /// How long nothing at all may be taken by a bus that answers, until what cannot go on is parked.
    pub park_all_after: Duration,
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
            park_all_after: Duration::from_secs(8),
        }
    }
}

pub struct Relay {
    pub outbox: Arc<dyn OutboxStore>,
    pub publisher: Arc<dyn Publisher>,
    pub parking: ParkingPlace,
    pub clock: Arc<dyn Clock>,
    /// Names this relay among others; never used twice.
    pub owner: String,
    pub hint: Arc<Notify>,
    /// Told which slices are held, for the loops that run where a slice is.
    pub shares: Shares,
    pub settings: RelaySettings,
}

/// The slices held, and when to ask for them again.
struct Lease {
    slices: Vec<u16>,
    renew_at: Instant,
}

/// What one look at the outbox gave.
struct Unpacked {
    /// Rows that can be read.
    rows: Vec<OutboxRow>,
    envelopes: Vec<Envelope>,
    unreadable: Vec<(OutboxRow, serde_json::Error)>,
}

/// What became of a turn's messages that were not all taken.
struct Unfinished {
    /// They wait behind others of their lanes, and were not tried.
    behind: Vec<Parking>,
    undelivered: Vec<Undelivered>,
    /// Messages that were tried.
    tried: usize,
    /// When they were.
    begun: Instant,
}

impl Relay {
    pub async fn run(self, stop: CancellationToken) {
        let mut outage = Outage::new("relay", self.settings.first_delay, self.settings.max_delay);
        let mut lease = Lease { slices: Vec::new(), renew_at: Instant::now() };
        let mut nothing_taken_since = None;
        while !stop.is_cancelled() {
            match self.turn(&mut lease, &mut nothing_taken_since, &stop).await {
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
        self.shares.give_up();
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
    async fn turn(
        &self,
        lease: &mut Lease,
        nothing_taken_since: &mut Option<Instant>,
        stop: &CancellationToken,
    ) -> PortResult<bool> {
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
        let mut unpacked = unpack(rows);
        for (row, error) in &unpacked.unreadable {
            self.outbox.dead_letter(row, &error.to_string(), self.clock.now()).await?;
            tracing::error!(outbox.row = row.id, error = %error, "An outbox row cannot be read; it is kept with the dead letters.");
        }
        if unpacked.rows.is_empty() {
            return Ok(full);
        }
        let behind = self.take_behind(&mut unpacked.envelopes);
        let (tried, begun) = (unpacked.envelopes.len(), Instant::now());
        let undelivered = self.publish(unpacked.envelopes, lease, stop).await?;
        let taken = tried.saturating_sub(undelivered.len());
        metrics::counter!("sluice_relay_published_total").increment(u64::try_from(taken).unwrap_or(u64::MAX));
        if taken > 0 || tried == 0 {
            *nothing_taken_since = None;
        }
        if undelivered.is_empty() && behind.is_empty() {
            let ids: Vec<i64> = unpacked.rows.iter().map(|row| row.id).collect();
            self.outbox.delivered(&ids).await?;
            return Ok(full);
        }
        // Asking the bus what is wrong, and the pause after it, take nearly as long as the lease.
        self.renew(lease).await?;
        let unfinished = Unfinished { behind, undelivered, tried, begun };
        self.put_aside(unpacked.rows, unfinished, nothing_taken_since).await?;
        Ok(full)
    }

    /// Takes out what must wait behind a blocked lane. While no lane is blocked this looks at nothing.
    fn take_behind(&self, envelopes: &mut Vec<Envelope>) -> Vec<Parking> {
        if self.parking.held.none() {
            return Vec::new();
        }
        let waits = |envelope: &mut Envelope| self.parking.held.holds(DeadLetter::RELAY, &self.publisher.lane(envelope));
        envelopes.extract_if(.., waits).map(|envelope| self.parking(envelope)).collect()
    }

    fn parking(&self, envelope: Envelope) -> Parking {
        Parking { lane: self.publisher.lane(&envelope), envelope, attempts: 0 }
    }

    /// Parks what cannot go on now, keeps what never can as dead letters, and forgets the rows. While the bus is away as a
    /// whole, the rows of what it did not take stay, and that is an error.
    async fn put_aside(
        &self,
        rows: Vec<OutboxRow>,
        unfinished: Unfinished,
        nothing_taken_since: &mut Option<Instant>,
    ) -> PortResult<()> {
        let Unfinished { behind, undelivered, tried, begun } = unfinished;
        let (forever, passing): (Vec<Undelivered>, Vec<Undelivered>) =
            undelivered.into_iter().partition(|event| event.error.lasts == Lasts::Forever);
        let nothing_taken = passing.len() == tried;
        let stays =
            if passing.is_empty() { None } else { self.bus_away(nothing_taken, begun, nothing_taken_since, &passing).await };
        let stay: HashSet<i64> = if stays.is_some() { rows_of(&rows, &passing) } else { HashSet::new() };
        let of_row = if stay.is_empty() { HashMap::new() } else { row_of_each(&rows) };
        let goes = |envelope: &Envelope| of_row.get(&envelope.id).is_none_or(|row| !stay.contains(row));

        let now = self.clock.now();
        let dead_letters: Vec<DeadLetter> =
            forever.iter().filter(|event| goes(&event.envelope)).map(|event| self.letter(event)).collect();
        let error =
            passing.first().map_or_else(|| "it waits behind others of its lane".to_owned(), |event| event.error.to_string());
        let mut parked: Vec<Parking> = behind.into_iter().filter(|event| goes(&event.envelope)).collect();
        if stays.is_none() {
            parked.extend(passing.into_iter().map(|event| self.parking(event.envelope)));
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.id).filter(|id| !stay.contains(id)).collect();
        let aside = SteppedAside { parked, error, next_try: now.plus(self.settings.max_delay), dead_letters };
        self.outbox.step_aside(&ids, &aside, now).await?;
        for event in &aside.parked {
            self.parking.held.add(DeadLetter::RELAY, &event.lane);
        }
        tell_aside(&aside);
        stays.map_or(Ok(()), Err)
    }

    /// Why the whole bus counts as away; `None` where it answers and others go on, or nothing has for long.
    async fn bus_away(
        &self,
        nothing_taken: bool,
        begun: Instant,
        nothing_taken_since: &mut Option<Instant>,
        passing: &[Undelivered],
    ) -> Option<PortError> {
        if let Err(error) = self.publisher.check().await {
            return Some(error);
        }
        let since = *nothing_taken_since.get_or_insert(begun);
        if !nothing_taken || since.elapsed() >= self.settings.park_all_after {
            return None;
        }
        passing.first().map(|event| PortError::unavailable("the bus", event.error.clone()))
    }

    fn letter(&self, event: &Undelivered) -> DeadLetter {
        let (envelope, error) = (event.envelope.clone(), &event.error);
        DeadLetter::fresh(DeadLetter::RELAY, envelope, 1, error.code, &error.detail, self.clock.now())
    }

    async fn renew(&self, lease: &mut Lease) -> PortResult<()> {
        let until = Instant::now() + self.settings.lease;
        let slices = self.outbox.lease(&self.owner, SLICES, self.clock.now(), self.settings.lease).await?;
        if slices.iter().any(|slice| !lease.slices.contains(slice)) {
            // What the owner before parked must not be overtaken, and its lanes must be known to be told apart.
            self.parking.look().await?;
            if !self.parking.held.none()
                && let Err(error) = self.publisher.check().await
            {
                tracing::debug!(error = %error, "The bus could not be asked for its lanes.");
            }
        }
        self.shares.hold(&slices, until);
        lease.slices = slices;
        lease.renew_at = Instant::now() + self.settings.lease / 3;
        Ok(())
    }

    /// Publishes and keeps the lease alive meanwhile, since a bus may take its time.
    async fn publish(&self, envelopes: Vec<Envelope>, lease: &mut Lease, stop: &CancellationToken) -> PortResult<Vec<Undelivered>> {
        let mut publishing = pin!(self.publisher.publish(envelopes));
        let mut overdue = pin!(overdue(stop));
        loop {
            tokio::select! {
                undelivered = &mut publishing => return Ok(undelivered),
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
        Unpacked { rows: Vec::with_capacity(rows.len()), envelopes: Vec::with_capacity(rows.len()), unreadable: Vec::new() };
    for row in rows {
        match messages(&row) {
            Ok(envelopes) => {
                unpacked.envelopes.extend(envelopes);
                unpacked.rows.push(row);
            }
            Err(error) => unpacked.unreadable.push((row, error)),
        }
    }
    unpacked
}

fn messages(row: &OutboxRow) -> Result<Vec<Envelope>, serde_json::Error> {
    serde_json::from_str::<Fact>(&row.payload)?.envelopes(row.traceparent.as_deref())
}

/// The row of each message, by the message's id.
fn row_of_each(rows: &[OutboxRow]) -> HashMap<String, i64> {
    let of_row = |row: &OutboxRow| {
        let id = row.id;
        messages(row).unwrap_or_default().into_iter().map(move |envelope| (envelope.id, id))
    };
    rows.iter().flat_map(of_row).collect()
}

fn rows_of(rows: &[OutboxRow], events: &[Undelivered]) -> HashSet<i64> {
    let of_row = row_of_each(rows);
    events.iter().filter_map(|event| of_row.get(&event.envelope.id).copied()).collect()
}

fn tell_aside(aside: &SteppedAside) {
    if !aside.parked.is_empty() {
        tracing::warn!(
            outbox.messages = aside.parked.len(),
            error = %aside.error,
            "Messages cannot be published yet and are parked; others go on."
        );
    }
    for letter in &aside.dead_letters {
        tracing::error!(
            event.id = %letter.envelope.id,
            event.topic = letter.envelope.topic.name(),
            error.code = %letter.error_code,
            error.detail = %letter.error_detail,
            "A message can never be published; it is kept with the dead letters."
        );
    }
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
