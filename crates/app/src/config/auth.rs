//! Settings of the tokens that the API admits.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    pub jwt_secret: Option<Secret>,
    pub jwt_secret_file: Option<PathBuf>,
    /// `HS256`, `HS384` or `HS512`; tokens of any other algorithm are refused.
    pub algorithm: String,
    pub issuer: String,
    pub audience: String,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            jwt_secret: None,
            jwt_secret_file: None,
            algorithm: "HS256".to_owned(),
            issuer: "sluice".to_owned(),
            audience: "sluice".to_owned(),
        }
    }
}

impl AuthConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !["HS256", "HS384", "HS512"].contains(&self.algorithm.as_str()) {
            return Err(ConfigError::invalid("auth.algorithm", "is HS256, HS384 or HS512"));
        }
        Secret::check("auth.jwt_secret", self.jwt_secret.as_ref())
    }
}
