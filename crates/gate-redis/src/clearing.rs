//! Clears away what was written under epochs that are over, a little at every look, so that no opening waits for it.

use std::collections::BTreeMap;

use deadpool_redis::redis;
use sluice_kernel::PortResult;

use crate::{
    errors::port_error,
    keys::Keys,
    long_work::{LongWork, Node},
};

/// Keys of one SCAN step.
const BATCH: usize = 500;
/// Steps at one look.
const STEPS: usize = 40;

/// How far the clearing is.
#[derive(Default)]
pub(crate) struct Clearing {
    /// None while there is nothing to do; in the beginning a process of earlier times may have left something.
    done: bool,
    left: Vec<(Node, String)>,
}

impl Clearing {
    /// From the start.
    pub(crate) fn begin(&mut self) {
        self.done = false;
        self.left.clear();
    }

    /// Removes some keys of epochs below `epoch`; newer ones are somebody's who was faster.
    pub(crate) async fn go_on(&mut self, redis: &LongWork, keys: &Keys, epoch: i64) -> PortResult<()> {
        if self.done {
            return Ok(());
        }
        if self.left.is_empty() {
            let nodes = redis.nodes().await.map_err(port_error)?;
            self.left = nodes.into_iter().map(|node| (node, "0".to_owned())).collect();
        }
        for _ in 0..STEPS {
            let Some((node, cursor)) = self.left.pop() else { break };
            let next = step(redis, keys, &node, &cursor, epoch).await?;
            if next != "0" {
                self.left.push((node, next));
            }
        }
        self.done = self.left.is_empty();
        Ok(())
    }
}

async fn step(redis: &LongWork, keys: &Keys, node: &Node, cursor: &str, epoch: i64) -> PortResult<String> {
    let mut scan = redis::cmd("SCAN");
    scan.arg(cursor).arg("MATCH").arg(keys.pattern()).arg("COUNT").arg(BATCH);
    let (next, found): (String, Vec<String>) = redis.query_on(node, &scan).await.map_err(port_error)?;
    let mut slots: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for key in found.iter().filter(|key| Keys::epoch_of(key).is_some_and(|of| of < epoch)) {
        slots.entry(Keys::slot_of(key)).or_default().push(key);
    }
    for keys in slots.into_values() {
        let _: i64 = redis.query(redis::cmd("UNLINK").arg(keys)).await.map_err(port_error)?;
    }
    Ok(next)
}
