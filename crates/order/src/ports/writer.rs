//! The group commit, which writes new orders.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_kernel::PortResult;

use crate::{NewOrder, Replay, StockRefusal};

/// What became of a new order in the group commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    Committed,
    /// The key belongs to an earlier order; this one was not written.
    Replayed(Replay),
    /// Only where the commit decides over the stock.
    Refused(StockRefusal),
    /// The verification code was used up by another order meanwhile.
    CodeSpent,
    /// The cart's version was claimed by another order.
    CartClaimed,
    /// The gate was rebuilt since the reservation: reserve again (under a new attempt id the old one is void).
    EpochMoved,
}

/// The group commit. Orders that wait at the same moment share a transaction; one that is refused fails alone.
#[async_trait]
pub trait OrderWriter: Send + Sync {
    /// Returns when the order is on disk, or was refused. Fails with `Overloaded` at once where the queue is full. The
    /// writer keeps no share of the order once it has answered.
    async fn commit(&self, order: Arc<NewOrder>) -> PortResult<CommitOutcome>;
}
