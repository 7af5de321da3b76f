//! Settlements that wait for their orders.

use async_trait::async_trait;
use sluice_events::PaymentSettled;
use sluice_kernel::{PortResult, Timestamp};

/// A settlement that its order has not taken so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingSettlement {
    /// [`PaymentSettled::id`].
    pub id: String,
    pub settled: PaymentSettled,
    /// How often it was claimed.
    pub attempts: u32,
}

/// What pay and points have settled, from the transaction that settled it until the order's change has taken it
/// ([`crate::Transition::settles`]). Lost messages lose nothing that stands here.
#[async_trait]
pub trait Settlements: Send + Sync {
    /// Takes up to `limit` that are due, the longest due first, and puts them off until `until`; counts an attempt. Of several
    /// callers each gets settlements of its own.
    async fn claim(&self, limit: u32, now: Timestamp, until: Timestamp) -> PortResult<Vec<WaitingSettlement>>;
    /// Keeps one that cannot be taken now; one that stands already is left as it is.
    async fn keep(&self, settled: &PaymentSettled, due: Timestamp) -> PortResult<()>;
    /// Due again at `until`; `None` where it is given up.
    async fn put_off(&self, id: &str, until: Option<Timestamp>, attempts: u32) -> PortResult<()>;
    /// It needs nothing more; none may stand.
    async fn taken(&self, id: &str) -> PortResult<()>;
}
