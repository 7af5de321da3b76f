//! How long anything at Redis may take.

use std::time::Duration;

/// Longest time a call takes; on the shared connections its reconnect is included.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(1);
/// Shorter than a call, so that its failure is noted and the next call need not find out.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
