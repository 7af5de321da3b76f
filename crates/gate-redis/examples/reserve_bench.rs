//! Reservations per second of the Redis gate alone.
//!
//! `cargo run --release -p sluice-gate-redis --example reserve_bench -- redis://127.0.0.1:6379 [CALLERS] [SECONDS] [SKUS] [LINES]`
//!
//! The server's keys under the prefix `bench:` are used; give it a server of its own.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic, reason = "a measurement at the terminal")]

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use sluice_gate_redis::RedisStockGate;
use sluice_inventory::{Figures, GateAnswer, GateSnapshot, GateSource, Listing, ReserveLine, StockGate, Terms};
use sluice_kernel::{Clock as _, OrderNo, PortResult, ReservationId, SkuId, StoreId, SystemClock, UserId};

const STORE: StoreId = StoreId(1);
const UNITS: i64 = 1_000_000_000;

/// A database that knows an epoch and endless stock.
struct Endless {
    epoch: AtomicI64,
    open: AtomicBool,
    skus: i64,
}

#[async_trait]
impl GateSource for Endless {
    async fn epoch(&self) -> PortResult<(i64, bool)> {
        Ok((self.epoch.load(Ordering::SeqCst), self.open.load(Ordering::SeqCst)))
    }

    async fn close(&self, expected: i64) -> PortResult<Option<i64>> {
        let raised = self.epoch.compare_exchange(expected, expected + 1, Ordering::SeqCst, Ordering::SeqCst);
        Ok(raised.ok().map(|old| old + 1))
    }

    async fn snapshot(&self) -> PortResult<GateSnapshot> {
        let figures = Figures { usable: UNITS, locked: 0, sold: 0, received: UNITS };
        let listing = Listing { buyable: true, revision: 1 };
        let skus = (0..self.skus).map(|sku| (STORE, SkuId(sku), figures, listing)).collect();
        Ok(GateSnapshot { skus, ..GateSnapshot::default() })
    }

    async fn taken_by(&self, _: StoreId, _: SkuId, _: &UserId) -> PortResult<(i64, i64)> {
        Ok((0, 0))
    }

    async fn open(&self, epoch: i64) -> PortResult<bool> {
        self.open.store(true, Ordering::SeqCst);
        Ok(self.epoch.load(Ordering::SeqCst) == epoch)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |place: usize, default: i64| arguments.get(place).map_or(Ok(default), |text| text.parse());
    let url = arguments.get(1).map_or("redis://127.0.0.1:6379", String::as_str);
    let (callers, seconds, skus, lines) = (number(2, 64)?, number(3, 5)?, number(4, 100)?, number(5, 1)?);

    let epoch = AtomicI64::new(SystemClock.now().as_millis());
    let source = Arc::new(Endless { epoch, open: AtomicBool::new(false), skus: skus.max(lines) });
    let gate = RedisStockGate::connect(&format!("{url}?prefix=bench:"), source, Arc::new(SystemClock))?;
    gate.ensure_open().await?;

    let next = Arc::new(AtomicI64::new(1));
    let end = Instant::now() + Duration::from_secs(u64::try_from(seconds)?);
    let started = Instant::now();
    let mut work = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let (gate, next) = (Arc::clone(&gate), Arc::clone(&next));
        work.spawn(async move {
            let mut micros = Vec::new();
            while Instant::now() < end {
                let order = next.fetch_add(1, Ordering::Relaxed);
                let lines: Vec<ReserveLine> = (0..lines)
                    .map(|line| ReserveLine { sku: SkuId((order + line) % skus.max(lines)), quantity: 1, revision: Some(1) })
                    .collect();
                let asked = Instant::now();
                let id = ReservationId::first(OrderNo::from_id(order));
                match gate.reserve(STORE, id, &lines, &Terms::default(), SystemClock.now()).await {
                    Ok(GateAnswer::Reserved { .. }) => micros.push(asked.elapsed().as_micros()),
                    other => panic!("not reserved: {other:?}"),
                }
            }
            micros
        });
    }
    let mut micros: Vec<u128> = work.join_all().await.into_iter().flatten().collect();
    let elapsed = started.elapsed();
    micros.sort_unstable();
    let made = u128::try_from(micros.len())?;
    let at = |hundredths: usize| micros.get(micros.len() * hundredths / 100).copied().unwrap_or_default();
    println!(
        "{callers} callers, {lines} of {skus} SKUs a reservation: {} reservations/s, p50 {} µs, p99 {} µs",
        made * 1_000 / elapsed.as_millis().max(1),
        at(50),
        at(99)
    );
    Ok(())
}
