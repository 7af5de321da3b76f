//! Tokens as the public contract describes them, made apart from the product's own, so that the two check each other;
//! and spoiled ones.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use sluice_kernel::{Clock, SystemClock};

use crate::shop::JWT_SECRET;

const LIFE_SECONDS: i64 = 3_600;

/// The claims of an hour-long token, for a test to spoil.
pub fn claims(store: i64, user: &str, role: &str) -> Value {
    let now = SystemClock.now().as_millis() / 1_000;
    json!({
        "sub": user, "store_id": store.to_string(), "role": role, "iss": "sluice", "aud": "sluice",
        "iat": now, "exp": now + LIFE_SECONDS,
    })
}

/// A token of any header and claims, signed with HMAC-SHA256 whatever the header says.
pub fn signed_token(header: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// A token under the secret that every test shop has, `role` being `customer` or `staff`.
pub fn token(store: i64, user: &str, role: &str) -> String {
    signed_token(&json!({"alg": "HS256", "typ": "JWT"}), &claims(store, user, role), JWT_SECRET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_signed_over_the_first_two() {
        let made = signed_token(&json!({"alg": "HS256"}), &json!({"a": 1}), "secret");
        let parts: Vec<&str> = made.split('.').collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(URL_SAFE_NO_PAD.decode(parts[0]).unwrap(), br#"{"alg":"HS256"}"#);
        assert_eq!(URL_SAFE_NO_PAD.decode(parts[1]).unwrap(), br#"{"a":1}"#);
        assert_ne!(made, signed_token(&json!({"alg": "HS256"}), &json!({"a": 1}), "another"));
    }
}
