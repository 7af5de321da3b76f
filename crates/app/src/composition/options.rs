//! What a process wants of the shop, and what it brings along.

use std::{path::PathBuf, sync::Arc};

use sluice_kernel::{Clock, IdGenerator, PortError};

/// What a process needs of the shop.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own, named where it is chosen")]
pub struct OpenOptions {
    /// Bring the schema up to date; otherwise a schema that is behind is refused.
    pub migrate: bool,
    /// Load the demo data into an empty database.
    pub demo: bool,
    /// No node number is leased, no gate claimed or kept open.
    pub passive: bool,
    /// Passive, and nothing is written: no row, and no file.
    pub read_only: bool,
}

impl OpenOptions {
    /// For commands that write nothing.
    pub fn read_only() -> Self {
        Self { passive: true, read_only: true, ..Self::default() }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("there is no shop: {} does not exist; `sluice serve` or `sluice migrate` makes one", .0.display())]
    NoShop(PathBuf),
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
