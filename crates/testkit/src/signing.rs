//! Callbacks signed as Standard Webhooks, as the sandbox provider signs them.
//!
//! Written apart from the product's own signing, so that the two check each other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use sluice_kernel::{Clock, SystemClock};

use crate::names::unique_name;

/// A callback ready to be sent; fields are open so that a test can spoil any of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCallback {
    /// `webhook-id`
    pub id: String,
    /// `webhook-timestamp`, in seconds
    pub timestamp: i64,
    /// `webhook-signature`
    pub signature: String,
    /// The bytes that were signed.
    pub body: String,
}

impl SignedCallback {
    /// Signed now, under an id of its own; the secret is used as its UTF-8 bytes.
    pub fn new(secret: &str, body: &Value) -> Self {
        let now = SystemClock.now().as_millis() / 1000;
        Self::signed(secret.as_bytes(), unique_name("msg"), now, body.to_string())
    }

    /// With everything given.
    pub fn signed(key: &[u8], id: String, timestamp: i64, body: String) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        Self { id, timestamp, signature, body }
    }

    /// The headers, as (name, value).
    pub fn headers(&self) -> [(&'static str, String); 3] {
        [
            ("webhook-id", self.id.clone()),
            ("webhook-timestamp", self.timestamp.to_string()),
            ("webhook-signature", self.signature.clone()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the Standard Webhooks libraries test themselves with.
    #[test]
    fn the_published_example_comes_out() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("the example is base64");
        let callback =
            SignedCallback::signed(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek".into(), 1_614_265_330, r#"{"test": 2432232314}"#.into());
        assert_eq!(callback.signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
