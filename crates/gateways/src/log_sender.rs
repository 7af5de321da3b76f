//! The embedded sender of verification codes.

use async_trait::async_trait;
use sluice_kernel::PortResult;
use sluice_member::CodeSender;

/// Writes the code to the log, where a developer or a test reads it.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogCodeSender;

#[async_trait]
impl CodeSender for LogCodeSender {
    async fn send(&self, phone: &str, code: &str) -> PortResult<()> {
        tracing::info!(verification.phone = phone, verification.code = code, "A verification code was sent.");
        Ok(())
    }
}
