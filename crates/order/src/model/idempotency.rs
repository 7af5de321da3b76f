//! Keys by which a repeated request is known.

use sluice_kernel::{OrderNo, StoreId, UserId};

/// Identifies a request across repetitions (docs/api.md, Idempotency-Key). Scope: store, user, route.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    pub route: &'static str,
    pub store: StoreId,
    pub user: UserId,
    pub key: String,
    /// SHA-256 over the request as JSON values.
    pub fingerprint: [u8; 32],
}

/// What stands under an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    pub order_no: OrderNo,
    /// The first request had the same body.
    pub same_body: bool,
}
