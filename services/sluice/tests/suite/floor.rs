//! Who runs beside whom: most tests side by side, those that measure times or load the machine alone.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static FLOOR: RwLock<()> = RwLock::const_new(());

/// Beside others.
pub async fn among_others() -> RwLockReadGuard<'static, ()> {
    FLOOR.read().await
}

/// With nobody else at work.
pub async fn alone() -> RwLockWriteGuard<'static, ()> {
    FLOOR.write().await
}
