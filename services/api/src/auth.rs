//! Bearer tokens: whose they are, and whether they are valid. [`crate::endpoint::Customer`] and [`crate::endpoint::Staff`]
//! ask for one.

use jsonwebtoken::{DecodingKey, Validation};
use moka::sync::Cache;
use serde::Deserialize;
use sluice_kernel::{
    StoreId, Timestamp, UserId,
    json::{Strict, Unique},
};

use crate::TokenSettings;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Customer,
    Staff,
}

/// Store and user of a verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub store: StoreId,
    pub user: UserId,
    pub role: Role,
    /// When the token ends.
    pub expires_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StoreClaim {
    Number(i64),
    Text(String),
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    store_id: StoreClaim,
    role: Role,
    exp: i64,
    nbf: Option<i64>,
}

/// Longest `sub`, in characters.
const MAX_USER_CHARACTERS: usize = 64;

/// Tokens whose verification is remembered.
const MAX_REMEMBERED: u64 = 10_000;

/// Bytes of a token that is remembered; a longer one is verified with every request.
const MAX_REMEMBERED_BYTES: usize = 2_048;

/// The claims of a valid token; its time is checked again with every request.
#[derive(Clone)]
struct Verified {
    caller: Caller,
    exp: i64,
    nbf: Option<i64>,
}

/// Verifies tokens under the pinned algorithm. A token stays what it is, so it is verified once, as long as it is among
/// the remembered ones; those that are refused are not remembered.
pub struct Tokens {
    key: DecodingKey,
    validation: Validation,
    remembered: Cache<String, Verified>,
}

impl Tokens {
    pub fn new(settings: &TokenSettings) -> Self {
        sluice_app::install_token_provider();
        let mut validation = Validation::new(settings.algorithm);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Time comes from the process's clock, below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let remembered = Cache::new(MAX_REMEMBERED);
        Self { key: DecodingKey::from_secret(&settings.secret), validation, remembered }
    }

    /// `None` for whatever is wrong: a forger learns nothing from the difference.
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Caller> {
        let remembered = self.remembered.get(token);
        let known = remembered.is_some();
        let verified = remembered.or_else(|| self.read(token))?;
        let seconds = now.as_millis().div_euclid(1_000);
        if verified.exp <= seconds || verified.nbf.is_some_and(|start| start > seconds) {
            return None;
        }
        if !known && token.len() <= MAX_REMEMBERED_BYTES {
            self.remembered.insert(token.to_owned(), verified.clone());
        }
        Some(verified.caller)
    }

    /// Signature and claims, whatever the time.
    fn read(&self, token: &str) -> Option<Verified> {
        let Unique(claims) = jsonwebtoken::decode::<Unique>(token, &self.key, &self.validation).ok()?.claims;
        let claims = Claims::deserialize(Strict(&claims)).ok()?;
        let store = match claims.store_id {
            StoreClaim::Number(number) => number,
            StoreClaim::Text(text) => text.parse().ok().filter(|number: &i64| number.to_string() == text)?,
        };
        let letters = claims.sub.chars().count();
        // Blanks at the end are lost in comparisons of some databases: such a user could pass for another.
        let plain = claims.sub.trim() == claims.sub && !claims.sub.chars().any(char::is_control);
        let sound = (1..=MAX_USER_CHARACTERS).contains(&letters) && plain && store > 0;
        sound.then_some(Verified {
            caller: Caller {
                store: StoreId(store),
                user: UserId(claims.sub),
                role: claims.role,
                expires_at: Timestamp::from_millis(claims.exp.saturating_mul(1_000)),
            },
            exp: claims.exp,
            nbf: claims.nbf,
        })
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, EncodingKey, Header};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_remembered_token_ends_as_any_other() {
        let settings = TokenSettings {
            algorithm: Algorithm::HS256,
            secret: b"secret".to_vec(),
            issuer: "issuer".to_owned(),
            audience: "audience".to_owned(),
        };
        let claims = json!({
            "sub": "42", "store_id": 1, "role": "customer", "iss": "issuer", "aud": "audience", "nbf": 50, "exp": 100,
        });
        sluice_app::install_token_provider();
        let token = jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(b"secret")).unwrap();
        let tokens = Tokens::new(&settings);
        let admitted = |seconds: i64| tokens.verify(&token, Timestamp::from_millis(seconds * 1_000)).is_some();
        assert_eq!([49, 50, 99, 100, 50, 49].map(admitted), [false, true, true, false, true, false]);
        assert!(tokens.verify(&format!("{token}x"), Timestamp::from_millis(60_000)).is_none());
    }
}
