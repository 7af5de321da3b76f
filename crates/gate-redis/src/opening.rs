//! Whether this process may ask the gate: it adopts the epoch that the database calls open and whose keys and scripts
//! stand in Redis; anything else is closed, and one process rebuilds it.

use std::time::Duration;

use deadpool_redis::redis;
use sluice_kernel::{PortError, PortResult};
use tokio_util::sync::CancellationToken;

use crate::{
    core::Core,
    errors::port_error,
    lease::Lease,
    scripts::{LAYOUT, Op, Scripts},
    server::evicted_since,
};

/// How often an open gate is looked at; calls that find it in doubt ring at once.
const LOOK: Duration = Duration::from_secs(1);
/// How often a gate is looked at that somebody else rebuilds, or that could not be looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long a start waits for the gate.
const OPENING_TIMEOUT: Duration = Duration::from_secs(30);

enum Found {
    Stands(Scripts),
    Lost,
    /// A newer version of this program rebuilt the gate in a shape this one doesn't know.
    Newer,
}

impl Core {
    pub(crate) async fn renew(&self) -> PortResult<()> {
        let (epoch, _) = self.source.epoch().await?;
        self.standing.send_modify(|standing| standing.condemn(epoch));
        self.ensure_open().await
    }

    pub(crate) async fn ensure_open(&self) -> PortResult<()> {
        let opening = async {
            while !self.look().await? {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Ok(())
        };
        tokio::time::timeout(OPENING_TIMEOUT, opening).await.unwrap_or(Err(PortError::GateClosed))
    }

    pub(crate) async fn keep_open(&self, stop: CancellationToken) {
        let mut failing = false;
        loop {
            let looked = tokio::select! {
                () = stop.cancelled() => return,
                looked = self.look() => looked,
            };
            let pause = match looked {
                Ok(true) => LOOK,
                Ok(false) | Err(_) => LOOK_AGAIN,
            };
            if matches!(looked, Ok(true))
                && let Ok(scripts) = self.scripts()
                && let Err(error) = self.clearing.lock().await.go_on(&self.long_work, &self.keys, scripts.epoch).await
            {
                tracing::debug!(error = %error, "keys of old epochs stay for now");
            }
            match looked {
                Ok(_) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    let cause: &dyn std::error::Error = &error;
                    tracing::warn!(error = cause, "the stock gate can't be looked after; trying on");
                    self.watched.note_error(&error);
                }
                Err(error) => self.watched.note_error(&error),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.doubted.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One look: true where the gate is open here, false where somebody else is at work on it.
    async fn look(&self) -> PortResult<bool> {
        let _one_at_a_time = self.opening.lock().await;
        let (epoch, open) = self.source.epoch().await?;
        let server = self.watched.look(&self.long_work, &self.keys).await?;
        if let Some(unfit) = server.unfit() {
            // It may have forgotten something already, and a rebuild would not last.
            self.close_here(epoch);
            tracing::debug!(gate.epoch = epoch, unfit, "the stock gate stays closed");
            return Ok(false);
        }
        if open && !self.standing.borrow().is_condemned(epoch) {
            match self.find(epoch, server.evicted).await? {
                Found::Stands(scripts) => {
                    self.adopt(scripts);
                    return Ok(true);
                }
                Found::Lost => {}
                Found::Newer => {
                    self.close_here(epoch);
                    tracing::error!(gate.epoch = epoch, "the stock gate is kept by a newer version of this program");
                    return Ok(false);
                }
            }
        }
        self.close_here(epoch);
        let Some(lease) = Lease::take(&self.long_work, &self.keys).await? else { return Ok(false) };
        let rebuilt = lease.hold_during(self.rebuild_after(epoch, open)).await;
        lease.give_back().await;
        match rebuilt? {
            Some(scripts) => {
                self.adopt(scripts);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    async fn rebuild_after(&self, epoch: i64, open: bool) -> PortResult<Option<Scripts>> {
        // Somebody may have finished between the first look and the lease.
        if self.source.epoch().await? != (epoch, open) {
            return Ok(None);
        }
        match self.source.close(epoch).await? {
            Some(raised) => self.rebuild(raised).await,
            None => Ok(None),
        }
    }

    async fn find(&self, epoch: i64, evicted: u64) -> PortResult<Found> {
        let mut ask = redis::cmd("HMGET");
        ask.arg(self.keys.gate(epoch)).arg("epoch").arg("layout").arg("evicted");
        for op in Op::ALL {
            ask.arg(op.field());
        }
        let fields: Vec<Option<String>> = self.long_work.query(&ask).await.map_err(port_error)?;
        let [stands, layout, evicted_before, hashes @ ..] = fields.as_slice() else { return Ok(Found::Lost) };
        if stands.as_deref() != Some(epoch.to_string().as_str()) {
            return Ok(Found::Lost);
        }
        if evicted_since(evicted_before.as_deref().and_then(|evicted| evicted.parse().ok()).unwrap_or(0), evicted) {
            tracing::warn!(gate.epoch = epoch, "Redis has evicted keys; the stock gate is counted anew");
            return Ok(Found::Lost);
        }
        let layout: i64 = layout.as_deref().and_then(|layout| layout.parse().ok()).unwrap_or(0);
        if layout > LAYOUT {
            return Ok(Found::Newer);
        }
        let mut hashes = hashes.iter();
        let scripts = Scripts::find(epoch, |_| hashes.next()?.clone());
        let Some(scripts) = scripts.filter(|_| layout == LAYOUT) else { return Ok(Found::Lost) };
        Ok(if self.loaded(&scripts).await? { Found::Stands(scripts) } else { Found::Lost })
    }

    async fn loaded(&self, scripts: &Scripts) -> PortResult<bool> {
        let mut exists = redis::cmd("SCRIPT");
        exists.arg("EXISTS");
        for op in Op::ALL {
            exists.arg(scripts.hash(op));
        }
        for node in self.long_work.nodes().await.map_err(port_error)? {
            let there: Vec<bool> = self.long_work.query_on(&node, &exists).await.map_err(port_error)?;
            if there.len() != Op::ALL.len() || there.contains(&false) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn adopt(&self, scripts: Scripts) {
        let epoch = scripts.epoch;
        if self.standing.send_if_modified(|standing| standing.adopt(scripts)) {
            tracing::info!(gate.epoch = epoch, "the stock gate is open");
        }
        metrics::gauge!("sluice_gate_open").set(if self.standing.borrow().scripts.is_some() { 1.0 } else { 0.0 });
    }

    fn close_here(&self, epoch: i64) {
        let closed = self.standing.send_if_modified(|standing| standing.close(epoch));
        metrics::gauge!("sluice_gate_open").set(0.0);
        if closed {
            tracing::warn!(gate.epoch = epoch, "the stock gate is closed");
        }
    }
}
