//! Makes the tokens that the API verifies (docs/api.md, Authorization): for demos, tests and operators.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;
use sluice_kernel::Timestamp;

use crate::{Config, ConfigError, Secret, install_token_provider};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Customer,
    Staff,
}

#[derive(Debug, Clone)]
pub struct TokenRequest {
    pub store: i64,
    pub user: String,
    pub role: Role,
    pub life: Duration,
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    store_id: String,
    role: &'a str,
    iat: i64,
    exp: i64,
    iss: &'a str,
    aud: &'a str,
}

/// The algorithm the settings pin.
pub fn algorithm(config: &Config) -> Algorithm {
    match config.auth.algorithm.as_str() {
        "HS384" => Algorithm::HS384,
        "HS512" => Algorithm::HS512,
        _ => Algorithm::HS256,
    }
}

pub fn make_token(config: &Config, secret: &Secret, request: &TokenRequest, now: Timestamp) -> Result<String, ConfigError> {
    let role = match request.role {
        Role::Customer => "customer",
        Role::Staff => "staff",
    };
    let claims = Claims {
        sub: &request.user,
        store_id: request.store.to_string(),
        role,
        iat: now.as_millis() / 1_000,
        exp: now.plus(request.life).as_millis() / 1_000,
        iss: &config.auth.issuer,
        aud: &config.auth.audience,
    };
    install_token_provider();
    encode(&Header::new(algorithm(config)), &claims, &EncodingKey::from_secret(secret.expose().as_bytes()))
        .map_err(|error| ConfigError::Invalid { key: "auth", reason: error.to_string() })
}
