//! Builds the gate anew from the database, under an epoch that this process has just raised.
//!
//! Order of steps, each safe to die after: the old epoch's stock goes (its scripts answer "closed" from then on, so an
//! effect can't be told to keys nobody reads again) → the snapshot is read → keys are loaded, marked `loading` → scripts
//! are loaded → the mark becomes the epoch, only where it still stands → no server was restarted meanwhile → the database
//! opens. A process that was overtaken writes under its own epoch's names and is refused by the last step.

use std::collections::BTreeMap;

use deadpool_redis::redis::{self, Pipeline};
use futures_util::{StreamExt as _, stream};
use sluice_inventory::{Figures, GateSnapshot, Listing, ReserveLine, TakenOfLimit, UserLimit};
use sluice_kernel::{PortError, PortResult, ReservationId, SkuId, StoreId};

use crate::{
    core::Core,
    errors::{WHAT, port_error},
    keys::{Keys, MARK, Part, TOMBSTONE},
    long_work::{MAX_LOADING, Node},
    scripts::{LAYOUT, Op, Scripts},
    server::Server,
};

/// Writes in one pipeline.
const BATCH: usize = 500;
const LOADING: &str = "loading";
const TAKE_STORES: &str = "local fields = redis.call('HKEYS', KEYS[1]) redis.call('UNLINK', KEYS[1]) return fields";

/// What one store is loaded with.
#[derive(Default)]
struct Load {
    skus: Vec<(SkuId, Figures, Listing)>,
    held: Vec<(ReservationId, Vec<ReserveLine>, Option<UserLimit>)>,
    taken: Vec<TakenOfLimit>,
    restocked: Vec<String>,
    settled: Vec<(ReservationId, bool)>,
    untouched: Vec<SkuId>,
}

fn by_store(snapshot: GateSnapshot) -> BTreeMap<StoreId, Load> {
    let mut stores: BTreeMap<StoreId, Load> = BTreeMap::new();
    for (store, sku, figures, listing) in snapshot.skus {
        stores.entry(store).or_default().skus.push((sku, figures, listing));
    }
    for (store, id, lines, limit) in snapshot.held {
        stores.entry(store).or_default().held.push((id, lines, limit));
    }
    for taken in snapshot.taken {
        stores.entry(taken.store).or_default().taken.push(taken);
    }
    for (store, refund) in snapshot.restocked {
        stores.entry(store).or_default().restocked.push(refund);
    }
    for (store, sku) in snapshot.untouched {
        stores.entry(store).or_default().untouched.push(sku);
    }
    for (store, id, sold) in snapshot.settled {
        stores.entry(store).or_default().settled.push((id, sold));
    }
    stores
}

/// A reservation as `reserve.lua` writes it.
fn held(lines: &[ReserveLine], limit: Option<&UserLimit>) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("{}={}", line.sku, line.quantity)).collect();
    let limit = limit.map(|limit| format!("|{} {} {}", limit.sku, limit.units, limit.user.as_str())).unwrap_or_default();
    format!("held {}{limit}", lines.join(" "))
}

impl Core {
    /// `None` where the epoch has moved on meanwhile.
    pub(crate) async fn rebuild(&self, epoch: i64) -> PortResult<Option<Scripts>> {
        tracing::info!(gate.epoch = epoch, "rebuilding the stock gate from the database");
        let (before, evicted) = self.fit_nodes().await?;
        self.end_older_epochs(epoch).await?;
        let stores = by_store(self.source.snapshot().await?);
        let (skus, held) = stores.values().fold((0, 0), |(skus, held), load| (skus + load.skus.len(), held + load.held.len()));

        let gate = self.keys.gate(epoch);
        let _: i64 = self.long_work.query(redis::cmd("SADD").arg(self.keys.epochs()).arg(epoch)).await.map_err(port_error)?;
        let mut begin = redis::cmd("HSET");
        begin.arg(&gate).arg("epoch").arg(LOADING).arg("layout").arg(LAYOUT).arg("evicted").arg(evicted);
        for store in stores.keys() {
            begin.arg(format!("store:{store}")).arg(1);
        }
        self.long_work.query::<()>(&begin).await.map_err(port_error)?;
        let loading: Vec<_> = stores.iter().map(|(store, load)| self.load(*store, epoch, load)).collect();
        let mut loading = stream::iter(loading).buffer_unordered(MAX_LOADING);
        while let Some(loaded) = loading.next().await {
            loaded?;
        }
        drop(loading);

        let scripts = self.load_scripts(&before, epoch).await?;
        let mut hashes = redis::cmd("HSET");
        hashes.arg(&gate);
        for (op, hash) in scripts.hashes() {
            hashes.arg(op.field()).arg(hash);
        }
        self.long_work.query::<()>(&hashes).await.map_err(port_error)?;
        for store in stores.keys() {
            self.admit_loaded(&scripts, &self.keys.stock(*store, epoch)).await?;
        }
        self.admit_loaded(&scripts, &gate).await?;

        // A restart or an eviction since the first step may have cost some of what was loaded.
        let runs = |nodes: &[(Node, String)]| {
            let mut runs: Vec<String> = nodes.iter().map(|(_, run)| run.clone()).collect();
            runs.sort();
            runs
        };
        let (after, evicted_by_now) = self.fit_nodes().await?;
        if runs(&before) != runs(&after) || evicted != evicted_by_now || !self.source.open(epoch).await? {
            let _: i64 = self.long_work.query(redis::cmd("UNLINK").arg(&gate)).await.map_err(port_error)?;
            return Ok(None);
        }
        tracing::info!(
            gate.epoch = epoch,
            gate.stores = stores.len(),
            gate.skus = skus,
            gate.reservations = held,
            "the stock gate is rebuilt"
        );
        Ok(Some(scripts))
    }

    /// Every primary with the id of its run, and how many keys were evicted so far; refuses servers that could forget or
    /// revive what they must not.
    async fn fit_nodes(&self) -> PortResult<(Vec<(Node, String)>, u64)> {
        let (mut nodes, mut evicted) = (Vec::new(), 0_u64);
        for (node, info) in self.long_work.infos().await.map_err(port_error)? {
            let server = Server::read(&info);
            if let Some(unfit) = server.unfit() {
                return Err(PortError::internal(WHAT, unfit));
            }
            evicted = evicted.saturating_add(server.evicted);
            nodes.push((node, server.run));
        }
        Ok((nodes, evicted))
    }

    /// Ends every epoch below `epoch` for those that still use it: their scripts find no stock any more. What else was
    /// written under them means nothing and is cleared away later.
    async fn end_older_epochs(&self, epoch: i64) -> PortResult<()> {
        let begun: Vec<i64> = self.long_work.query(redis::cmd("SMEMBERS").arg(self.keys.epochs())).await.map_err(port_error)?;
        for older in begun.into_iter().filter(|begun| *begun < epoch) {
            // At once: a store that joins notes itself there before it looks whether the key still stands.
            let mut take = redis::cmd("EVAL");
            take.arg(TAKE_STORES).arg(1).arg(self.keys.gate(older));
            let fields: Vec<String> = self.long_work.query(&take).await.map_err(port_error)?;
            for store in fields.iter().filter_map(|field| field.strip_prefix("store:")?.parse().ok()) {
                let _: i64 =
                    self.long_work.query(redis::cmd("UNLINK").arg(self.keys.stock(store, older))).await.map_err(port_error)?;
            }
            let _: i64 = self.long_work.query(redis::cmd("SREM").arg(self.keys.epochs()).arg(older)).await.map_err(port_error)?;
        }
        self.clearing.lock().await.begin();
        Ok(())
    }

    async fn load(&self, store: StoreId, epoch: i64, load: &Load) -> PortResult<()> {
        let stock = self.keys.stock(store, epoch);
        let mut batch = Pipeline::with_capacity(BATCH);
        batch.cmd("HSET").arg(&stock).arg("epoch").arg(LOADING).ignore();
        for (sku, figures, listing) in &load.skus {
            batch.cmd("HSET").arg(&stock);
            for (field, value) in [
                ("u", figures.usable),
                ("l", figures.locked),
                ("s", figures.sold),
                ("r", figures.received),
                ("b", i64::from(listing.buyable)),
                ("v", listing.revision),
            ] {
                batch.arg(format!("{sku}:{field}")).arg(value);
            }
            batch.ignore();
            self.send_full(&mut batch).await?;
        }
        for sku in &load.untouched {
            batch.cmd("HSET").arg(&stock).arg(format!("{sku}:c")).arg(1).ignore();
            self.send_full(&mut batch).await?;
        }
        for TakenOfLimit { sku, user, orders, units, .. } in &load.taken {
            batch.cmd("HSET").arg(&stock).arg(Keys::limit_field(*sku, user)).arg(format!("{orders} {units}")).ignore();
            self.send_full(&mut batch).await?;
        }
        for (id, lines, limit) in &load.held {
            let key = self.keys.part(store, epoch, Part::Reservation(&id.to_string()));
            batch.cmd("SET").arg(key).arg(held(lines, limit.as_ref())).ignore();
            self.send_full(&mut batch).await?;
        }
        for refund in &load.restocked {
            let key = self.keys.part(store, epoch, Part::Refund(refund));
            batch.cmd("SET").arg(key).arg(1).arg("PX").arg(MARK.as_millis().to_string()).ignore();
            self.send_full(&mut batch).await?;
        }
        for (id, sold) in &load.settled {
            let key = self.keys.part(store, epoch, Part::Reservation(&id.to_string()));
            let word = if *sold { "sold" } else { "released" };
            batch.cmd("SET").arg(key).arg(word).arg("PX").arg(TOMBSTONE.as_millis().to_string()).ignore();
            self.send_full(&mut batch).await?;
        }
        self.send(&mut batch).await
    }

    async fn send_full(&self, batch: &mut Pipeline) -> PortResult<()> {
        if batch.len() < BATCH { Ok(()) } else { self.send(batch).await }
    }

    async fn send(&self, batch: &mut Pipeline) -> PortResult<()> {
        if !batch.is_empty() {
            self.long_work.pipeline(batch).await.map_err(port_error)?;
            batch.clear();
        }
        Ok(())
    }

    async fn admit_loaded(&self, scripts: &Scripts, key: &str) -> PortResult<()> {
        self.admitted(scripts.epoch, self.long_work.query(&scripts.admission(key, LOADING)).await)
    }

    async fn load_scripts(&self, nodes: &[(Node, String)], epoch: i64) -> PortResult<Scripts> {
        let mut hashes = BTreeMap::new();
        for op in Op::ALL {
            let text = op.text(epoch);
            for (node, _) in nodes {
                let hash: String =
                    self.long_work.query_on(node, redis::cmd("SCRIPT").arg("LOAD").arg(&text)).await.map_err(port_error)?;
                hashes.insert(op.name(), hash);
            }
        }
        Scripts::find(epoch, |op| hashes.get(op.name()).cloned())
            .ok_or_else(|| PortError::internal(WHAT, "Redis has no primary to load scripts on"))
    }
}
