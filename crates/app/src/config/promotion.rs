//! Settings of promotion.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sluice_gateways::ReferrerKey;

use super::{ConfigError, Secret};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PromotionConfig {
    /// `ID:BASE64KEY,ID:BASE64KEY`: the first key seals referrers, all of them open. Derived from the JWT secret unless set.
    pub referrer_keys: Option<Secret>,
    pub referrer_keys_file: Option<PathBuf>,
}

impl PromotionConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.keys().map(|_| ())
    }

    /// `None` where no setting names keys.
    pub(crate) fn keys(&self) -> Result<Option<Vec<ReferrerKey>>, ConfigError> {
        let read = self.referrer_keys.as_ref().map(|keys| ReferrerKey::read_list(keys.expose())).transpose();
        read.map_err(|reason| ConfigError::invalid("promotion.referrer_keys", reason))
    }
}
