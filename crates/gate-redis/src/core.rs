//! What all handles of one gate share, and how its scripts are asked.
//!
//! Placing goes over `link`; whatever takes long goes over `long_work`. An answer that contradicts what was loaded closes
//! the gate in this process and rings for whoever watches over it.

use std::sync::Arc;

use deadpool_redis::redis::{self, Cmd, RedisResult};
use sluice_inventory::GateSource;
use sluice_kernel::{Clock, PortError, PortResult, StoreId};
use tokio::sync::{Mutex, Notify, Semaphore, watch};

use crate::{
    address::{Place, refused},
    clearing::Clearing,
    errors::{Meaning, WHAT, defect, meaning, port_error},
    keys::{Keys, Part},
    link::Link,
    long_work::LongWork,
    scripts::{Op, Scripts},
    standing::Standing,
    watched::Watched,
};

/// Calls in flight; more are refused at once.
const MAX_IN_FLIGHT: usize = 4_096;
/// What stands in a store's stock until the store is noted in the gate's own key.
const JOINING: &str = "joining";

/// What a script answers: a word, and what belongs to it.
pub(crate) type Reply = Vec<String>;

pub(crate) struct Core {
    pub(crate) link: Link,
    pub(crate) long_work: LongWork,
    pub(crate) keys: Keys,
    pub(crate) source: Arc<dyn GateSource>,
    pub(crate) standing: watch::Sender<Standing>,
    /// Rings when the gate came into doubt.
    pub(crate) doubted: Notify,
    /// One look at the epoch at a time.
    pub(crate) opening: Mutex<()>,
    pub(crate) watched: Watched,
    pub(crate) clearing: Mutex<Clearing>,
    in_flight: Semaphore,
}

impl Core {
    /// Connects when first asked.
    pub(crate) fn new(place: &Place, prefix: String, source: Arc<dyn GateSource>, clock: Arc<dyn Clock>) -> PortResult<Self> {
        Ok(Self {
            link: Link::new(place).map_err(refused)?,
            long_work: LongWork::new(place).map_err(refused)?,
            keys: Keys::new(prefix),
            source,
            standing: watch::Sender::new(Standing::default()),
            doubted: Notify::new(),
            opening: Mutex::new(()),
            watched: Watched::new(clock),
            clearing: Mutex::new(Clearing::default()),
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
        })
    }

    pub(crate) fn scripts(&self) -> PortResult<Arc<Scripts>> {
        self.standing.borrow().scripts.clone().ok_or(PortError::GateClosed)
    }

    /// Runs a script on a store; answers its epoch and its reply, which starts with a word.
    pub(crate) async fn decide(
        &self,
        scripts: &Scripts,
        op: Op,
        store: StoreId,
        parts: &[Part<'_>],
        arguments: impl Fn(&mut Cmd),
    ) -> PortResult<(i64, Reply)> {
        let _place = self.in_flight.try_acquire().map_err(|_| PortError::Overloaded { what: WHAT })?;
        let epoch = scripts.epoch;
        let mut keys = vec![self.keys.stock(store, epoch)];
        keys.extend(parts.iter().map(|part| self.keys.part(store, epoch, *part)));
        let mut command = scripts.call(op, &keys);
        arguments(&mut command);

        let mut reply = self.ask(epoch, op, &command).await?;
        if reply.first().is_some_and(|word| word == "absent") {
            self.join(scripts, store).await?;
            reply = self.ask(epoch, op, &command).await?;
        }
        match reply.first().map(String::as_str) {
            Some("closed" | "absent") => Err(self.doubt(epoch)),
            Some(_) => Ok((epoch, reply)),
            None => Err(defect("an empty reply")),
        }
    }

    async fn ask(&self, epoch: i64, op: Op, command: &Cmd) -> PortResult<Reply> {
        let answer = if op.is_long_work() { self.long_work.query(command).await } else { self.link.query(command).await };
        self.trusted(epoch, answer)
    }

    /// A store that was not there when the gate was loaded. Its keys count only if the gate's own key still stands after
    /// the store was noted in it; a rebuild takes that key with all stores in it, so it can't miss one.
    async fn join(&self, scripts: &Scripts, store: StoreId) -> PortResult<()> {
        let epoch = scripts.epoch;
        let (stock, gate, field) = (self.keys.stock(store, epoch), self.keys.gate(epoch), format!("store:{store}"));
        // Looked at first: another process may join the same store at the same time.
        let joined: Option<String> = self.link.query(redis::cmd("HGET").arg(&gate).arg(&field)).await.map_err(port_error)?;
        let begun: bool = self.link.query(redis::cmd("HSETNX").arg(&stock).arg("epoch").arg(JOINING)).await.map_err(port_error)?;
        let _: bool = self.link.query(redis::cmd("HSETNX").arg(&gate).arg(&field).arg(1)).await.map_err(port_error)?;
        let stands: Option<String> = self.link.query(redis::cmd("HGET").arg(&gate).arg("epoch")).await.map_err(port_error)?;
        // A store that had joined and has no stock has lost its keys.
        if stands != Some(epoch.to_string()) || (begun && joined.is_some()) {
            return Err(self.doubt(epoch));
        }
        self.admitted(epoch, self.link.query(&scripts.admission(&stock, JOINING)).await)
    }

    /// Whether the keys of an admission count now.
    pub(crate) fn admitted(&self, epoch: i64, answer: RedisResult<Reply>) -> PortResult<()> {
        let reply = self.trusted(epoch, answer)?;
        if reply.first().is_some_and(|word| word == "done") { Ok(()) } else { Err(self.doubt(epoch)) }
    }

    /// An answer under `epoch`; one that says that its keys or scripts went closes the gate.
    fn trusted<T>(&self, epoch: i64, answer: RedisResult<T>) -> PortResult<T> {
        answer.map_err(|error| if meaning(&error) == Meaning::Doubt { self.doubt(epoch) } else { port_error(error) })
    }

    /// The gate's keys or scripts of `epoch` are missing: nothing is asked of it until it has been rebuilt.
    pub(crate) fn doubt(&self, epoch: i64) -> PortError {
        if self.standing.send_if_modified(|standing| standing.doubt(epoch)) {
            metrics::gauge!("sluice_gate_open").set(0.0);
            tracing::warn!(gate.epoch = epoch, "the stock gate lost its keys or scripts and is closed");
        }
        self.doubted.notify_one();
        PortError::GateClosed
    }

    /// The stores of the present epoch.
    pub(crate) async fn stores(&self) -> PortResult<Vec<StoreId>> {
        let epoch = self.scripts()?.epoch;
        let fields: Vec<String> = self.long_work.query(redis::cmd("HKEYS").arg(self.keys.gate(epoch))).await.map_err(port_error)?;
        if fields.is_empty() {
            return Err(self.doubt(epoch));
        }
        Ok(fields.iter().filter_map(|field| field.strip_prefix("store:")?.parse().ok()).collect())
    }
}
