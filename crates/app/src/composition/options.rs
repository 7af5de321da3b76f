//! What a process wants of the shop, and what it brings along.

use std::sync::Arc;

use sluice_kernel::{Clock, IdGenerator, PortError};

/// What a process needs of the shop.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own, named where it is made")]
pub struct OpenOptions {
    /// Bring the schema up to date; otherwise a schema that is behind is refused.
    pub migrate: bool,
    /// Load the demo data into an empty database.
    pub demo: bool,
    /// Take no part: no node number is leased, no gate claimed or kept open.
    pub aside: bool,
    /// Only look, aside: nothing is written, and no file is made.
    pub read_only: bool,
}

impl OpenOptions {
    /// For commands that look and write nothing.
    pub fn looking() -> Self {
        Self { aside: true, read_only: true, ..Self::default() }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the database's schema is not up to date; run `sluice migrate`")]
    SchemaBehind,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What a process takes from outside: time and ids.
#[derive(Default)]
pub struct Environment {
    /// `None` goes by the database's clock.
    pub clock: Option<Arc<dyn Clock>>,
    /// `None` leases a node number in the database and makes ids from it.
    pub ids: Option<Arc<dyn IdGenerator>>,
}
