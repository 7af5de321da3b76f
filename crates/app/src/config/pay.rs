//! Settings of payment providers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret, address};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the settings' names are the contract's; other providers come beside the sandbox")]
pub struct PayConfig {
    pub sandbox_secret: Option<Secret>,
    pub sandbox_secret_file: Option<PathBuf>,
    /// Where the sandbox sends its callbacks; `public_url` unless set.
    pub sandbox_callback_url: Option<String>,
}

impl PayConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Some(url) = &self.sandbox_callback_url {
            address::check_base("pay.sandbox_callback_url", url)?;
        }
        Secret::check("pay.sandbox_secret", self.sandbox_secret.as_ref())
    }
}
