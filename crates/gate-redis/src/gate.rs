//! The gate and its calls. Each call is one EVALSHA for one store.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use deadpool_redis::redis::{self, Cmd};
use sluice_inventory::{
    AdjustmentId, BoundGate, Figures, GateAnswer, GateSource, GateStatus, Listing, ReserveLine, Settled, Short, StockGate,
    TakenOfLimit, Terms,
};
use sluice_kernel::{Clock, PortResult, ReservationId, SkuId, StoreId, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::{
    address::Address,
    core::{Core, Reply},
    errors::{defect, port_error},
    keys::{MARK, Part, TOMBSTONE},
    scripts::{Op, Scripts},
};

/// SKUs or reservations in one script call.
const MAX_AT_ONCE: usize = 500;

/// The stock gate on Redis. Closed until [`RedisStockGate::ensure_open`] or [`RedisStockGate::keep_open`] has run.
#[derive(Clone)]
pub struct RedisStockGate {
    core: Arc<Core>,
    /// The epoch this handle is bound to; none for the one that is present.
    bound: Option<Arc<Scripts>>,
}

impl RedisStockGate {
    /// `url` as in [`crate`]'s address: `redis://`, `redis+sentinel://`, `redis+cluster://`, with an optional `?prefix=`.
    /// Connects when first asked, so a Redis that is away does not stop the start; a wrong URL does. `clock` is compared
    /// with the clock of Redis, which decides.
    pub fn connect(url: &str, source: Arc<dyn GateSource>, clock: Arc<dyn Clock>) -> PortResult<Arc<Self>> {
        let Address { place, prefix } = Address::parse(url)?;
        let core = Core::new(&place, prefix, source, clock)?;
        Ok(Arc::new(Self { core: Arc::new(core), bound: None }))
    }

    /// Opens the gate or waits until somebody else has; fails where that takes too long or can't be.
    pub async fn ensure_open(&self) -> PortResult<()> {
        self.core.ensure_open().await
    }

    /// A round trip on the connections of placing, to tell a wrong address from a gate that is merely closed.
    pub async fn ping(&self) -> PortResult<()> {
        let _: String = self.core.link.query(&redis::cmd("PING")).await.map_err(port_error)?;
        Ok(())
    }

    /// Counts everything anew from the database, under a higher epoch, as after a loss.
    pub async fn renew(&self) -> PortResult<()> {
        self.core.renew().await
    }

    /// Watches over the gate until `stop`: adopts, notices losses, rebuilds. Runs in every process.
    pub async fn keep_open(&self, stop: CancellationToken) {
        self.core.keep_open(stop).await;
    }

    fn scripts(&self) -> PortResult<Arc<Scripts>> {
        match &self.bound {
            Some(scripts) => Ok(Arc::clone(scripts)),
            None => self.core.scripts(),
        }
    }

    /// Runs a script on a store; answers its epoch and its reply, which starts with a word.
    async fn run(&self, op: Op, store: StoreId, parts: &[Part<'_>], arguments: impl Fn(&mut Cmd)) -> PortResult<(i64, Reply)> {
        let started = Instant::now();
        let result = match self.scripts() {
            Ok(scripts) => self.core.decide(&scripts, op, store, parts, arguments).await,
            Err(closed) => Err(closed),
        };
        metrics::histogram!("sluice_gate_call_seconds", "op" => op.name()).record(started.elapsed().as_secs_f64());
        result
    }

    async fn ask_to_reserve(
        &self,
        store: StoreId,
        id: &str,
        lines: &[ReserveLine],
        terms: &Terms,
        counted: Option<(i64, i64)>,
    ) -> PortResult<(i64, Reply)> {
        let parts = [Part::Reservation(id), Part::Waiting];
        self.run(Op::Reserve, store, &parts, |command| {
            command.arg(id);
            terms_arguments(command, terms, counted);
            for line in lines {
                command.arg(line.sku.0).arg(line.quantity);
                match line.revision {
                    Some(revision) => command.arg(revision),
                    None => command.arg(""),
                };
            }
        })
        .await
    }

    async fn settle(&self, op: Op, store: StoreId, id: ReservationId) -> PortResult<Settled> {
        let id = id.to_string();
        let parts = [Part::Reservation(&id), Part::Waiting];
        let (_, reply) = self
            .run(op, store, &parts, |command| {
                command.arg(&id).arg(TOMBSTONE.as_millis().to_string());
            })
            .await?;
        settled(&reply)
    }
}

fn number<T: std::str::FromStr>(text: &str) -> PortResult<T> {
    text.parse().map_err(|_| defect(format!("no number: {text}")))
}

fn settled(reply: &[String]) -> PortResult<Settled> {
    match reply.first().map(String::as_str) {
        Some("done") => Ok(Settled::Done),
        Some("already") => Ok(Settled::Already),
        Some("refused") => Ok(Settled::Refused),
        Some("unknown") => Ok(Settled::Unknown),
        _ => Err(defect(format!("an unknown reply: {reply:?}"))),
    }
}

fn skus(texts: &[String]) -> PortResult<Vec<SkuId>> {
    texts.iter().map(|text| number(text).map(SkuId)).collect()
}

/// The guard of the lowest layer: units are positive, a SKU stands in one line, or its lines would be checked apart, and a
/// limit takes the units of its line.
fn check(lines: &[ReserveLine], terms: &Terms) -> PortResult<()> {
    let mut seen: Vec<SkuId> = lines.iter().map(|line| line.sku).collect();
    seen.sort_unstable();
    seen.dedup();
    if lines.is_empty() || seen.len() != lines.len() || lines.iter().any(|line| line.quantity <= 0) {
        return Err(defect("a reservation needs lines of positive quantities, each SKU once"));
    }
    match &terms.limit {
        Some(limit) if !lines.iter().any(|line| line.sku == limit.sku && line.quantity == limit.units) => {
            Err(defect("a limit of units that are not reserved"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Nine arguments, empty where the terms do not ask. `counted`: orders and units that the database counts for the user.
fn terms_arguments(command: &mut Cmd, terms: &Terms, counted: Option<(i64, i64)>) {
    let text = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let Terms { window, limit } = terms;
    command.arg(text(window.map(|window| window.from.as_millis())));
    command.arg(text(window.map(|window| window.until.as_millis())));
    let limit = limit.as_ref();
    command.arg(text(limit.map(|limit| limit.sku.0)));
    command.arg(limit.map_or("", |limit| limit.user.as_str()));
    command.arg(text(limit.map(|limit| limit.units)));
    command.arg(text(limit.and_then(|limit| limit.most_orders)));
    command.arg(text(limit.and_then(|limit| limit.most_units)));
    command.arg(text(counted.map(|(orders, _)| orders))).arg(text(counted.map(|(_, units)| units)));
}

#[async_trait]
impl StockGate for RedisStockGate {
    async fn bound(&self, _store: StoreId) -> PortResult<BoundGate> {
        let scripts = self.scripts()?;
        let epoch = scripts.epoch;
        Ok(BoundGate { epoch, gate: Arc::new(Self { core: Arc::clone(&self.core), bound: Some(scripts) }) })
    }

    async fn distrust(&self, store: StoreId, why: &str) -> PortResult<()> {
        let scripts = self.scripts()?;
        tracing::warn!(gate.epoch = scripts.epoch, store.id = %store, why, "the stock gate contradicts what was committed");
        self.core.doubt(scripts.epoch);
        Ok(())
    }

    async fn reserve(
        &self,
        store: StoreId,
        id: ReservationId,
        lines: &[ReserveLine],
        terms: &Terms,
        _now: Timestamp,
    ) -> PortResult<GateAnswer> {
        check(lines, terms)?;
        let id = id.to_string();
        let (mut epoch, mut reply) = self.ask_to_reserve(store, &id, lines, terms, None).await?;
        if let (Some("uncounted"), Some(limit)) = (reply.first().map(String::as_str), &terms.limit) {
            let counted = self.core.source.taken_by(store, limit.sku, &limit.user).await?;
            (epoch, reply) = self.ask_to_reserve(store, &id, lines, terms, Some(counted)).await?;
        }
        let (word, rest) = reply.split_first().ok_or_else(|| defect("an empty reply"))?;
        match word.as_str() {
            "reserved" => Ok(GateAnswer::Reserved { epoch }),
            "gone" => Ok(GateAnswer::Gone),
            "off_shelf" => Ok(GateAnswer::OffShelf(skus(rest)?)),
            "outdated" => Ok(GateAnswer::Outdated(skus(rest)?)),
            "outside_window" => Ok(GateAnswer::OutsideWindow),
            "limit_reached" => Ok(GateAnswer::LimitReached),
            "short" => {
                let mut short = Vec::with_capacity(rest.len() / 2);
                for pair in rest.chunks(2) {
                    let [sku, usable] = pair else { return Err(defect("half a line")) };
                    short.push(Short { sku: SkuId(number(sku)?), usable: number(usable)? });
                }
                Ok(GateAnswer::Short(short))
            }
            other => Err(defect(format!("an unknown reply: {other}"))),
        }
    }

    async fn sell(&self, store: StoreId, id: ReservationId, _now: Timestamp) -> PortResult<Settled> {
        self.settle(Op::Sell, store, id).await
    }

    async fn release(&self, store: StoreId, id: ReservationId, _now: Timestamp) -> PortResult<Settled> {
        self.settle(Op::Release, store, id).await
    }

    async fn restock(
        &self,
        store: StoreId,
        refund: &str,
        lines: &[sluice_events::RestockLine],
        _now: Timestamp,
    ) -> PortResult<Settled> {
        let mut units: BTreeMap<i64, i64> = BTreeMap::new();
        for line in lines {
            let sum = units.entry(line.sku_id.0).or_default();
            *sum = sum.checked_add(line.quantity).filter(|_| line.quantity > 0).ok_or_else(|| defect("a restock of no units"))?;
        }
        let (_, reply) = self
            .run(Op::Restock, store, &[Part::Refund(refund)], |command| {
                command.arg(MARK.as_millis().to_string());
                for (sku, quantity) in &units {
                    command.arg(*sku).arg(*quantity);
                }
            })
            .await?;
        settled(&reply)
    }

    async fn adjust(
        &self,
        store: StoreId,
        id: &AdjustmentId,
        sku: SkuId,
        delta: i64,
        _now: Timestamp,
    ) -> PortResult<Result<i64, Short>> {
        let (epoch, reply) = self
            .run(Op::Adjust, store, &[Part::Adjustment(&id.0)], |command| {
                command.arg(MARK.as_millis().to_string()).arg(sku.0).arg(delta);
            })
            .await?;
        match reply.as_slice() {
            [word] if word == "done" => Ok(Ok(epoch)),
            [word, usable] if word == "short" => Ok(Err(Short { sku, usable: number(usable)? })),
            _ => Err(defect(format!("an unknown reply: {reply:?}"))),
        }
    }

    async fn set_listing(&self, store: StoreId, sku: SkuId, listing: Listing) -> PortResult<()> {
        self.run(Op::Listing, store, &[], |command| {
            command.arg(sku.0).arg(i64::from(listing.buyable)).arg(listing.revision);
        })
        .await?;
        Ok(())
    }

    async fn figures(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Figures>> {
        let mut known = HashMap::with_capacity(skus.len());
        for some in skus.chunks(MAX_AT_ONCE) {
            let (_, reply) = self
                .run(Op::Figures, store, &[], |command| {
                    for sku in some {
                        command.arg(sku.0);
                    }
                })
                .await?;
            for row in reply.get(1..).unwrap_or_default().chunks(5) {
                let [sku, usable, locked, sold, received] = row else { return Err(defect("half a row of figures")) };
                let figures =
                    Figures { usable: number(usable)?, locked: number(locked)?, sold: number(sold)?, received: number(received)? };
                known.insert(SkuId(number(sku)?), figures);
            }
        }
        Ok(known)
    }

    async fn taken(&self, store: StoreId) -> PortResult<Vec<TakenOfLimit>> {
        let scripts = self.scripts()?;
        self.core.scan_taken(&scripts, store).await
    }

    async fn unconfirmed(&self, older_than: Duration, limit: u32) -> PortResult<Vec<(StoreId, ReservationId)>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        for store in self.core.stores().await? {
            let most = limit.saturating_sub(found.len()).min(MAX_AT_ONCE);
            if most == 0 {
                break;
            }
            let (_, reply) = self
                .run(Op::Waiting, store, &[Part::Waiting], |command| {
                    command.arg(older_than.as_millis().to_string()).arg(most);
                })
                .await?;
            for id in reply.get(1..).unwrap_or_default() {
                found.push((store, id.parse().map_err(|reason: &str| defect(reason))?));
            }
        }
        Ok(found)
    }

    async fn confirm(&self, reservations: &[(StoreId, ReservationId)]) -> PortResult<()> {
        let mut by_store: BTreeMap<StoreId, Vec<String>> = BTreeMap::new();
        for (store, id) in reservations {
            by_store.entry(*store).or_default().push(id.to_string());
        }
        for (store, ids) in by_store {
            for some in ids.chunks(MAX_AT_ONCE) {
                self.run(Op::Confirm, store, &[Part::Waiting], |command| {
                    command.arg(some);
                })
                .await?;
            }
        }
        Ok(())
    }

    async fn status(&self) -> PortResult<GateStatus> {
        // What was adopted last says nothing about a server that has gone since.
        let answers = self.ping().await;
        if let Err(error) = &answers {
            self.core.watched.note_error(error);
        }
        let standing = self.core.standing.borrow();
        let trouble = self.core.watched.trouble();
        Ok(GateStatus { kind: "redis", open: answers.is_ok() && standing.scripts.is_some(), epoch: standing.epoch, trouble })
    }

    fn instant(&self, now: Timestamp) -> Timestamp {
        self.core.watched.by_redis(now)
    }
}
