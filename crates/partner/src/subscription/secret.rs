//! Keys of signatures, which are shown to nobody.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sluice_kernel::IdGenerator;

/// Key of a subscription's signatures: `whsec_` and base64 of the bytes that sign (Standard Webhooks).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

const SECRET_PREFIX: &str = "whsec_";

impl Secret {
    /// 256 random bits.
    pub fn make(ids: &dyn IdGenerator) -> Self {
        let bytes: Vec<u8> = [ids.token(), ids.token()]
            .iter()
            .flat_map(|token| u128::from_str_radix(token, 16).unwrap_or_default().to_be_bytes())
            .collect();
        Self(format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes)))
    }

    /// As it was stored.
    pub fn stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The bytes that sign.
    pub fn key(&self) -> Vec<u8> {
        let text = self.0.strip_prefix(SECRET_PREFIX).unwrap_or(&self.0);
        STANDARD.decode(text).unwrap_or_else(|_| text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use sluice_kernel::SequenceIds;

    use super::*;

    #[test]
    fn a_secret_is_base64_of_32_bytes_and_is_never_shown() {
        let secret = Secret::make(&SequenceIds::starting_at(1));
        assert!(secret.expose().starts_with("whsec_"));
        assert_eq!(secret.key().len(), 32);
        assert_eq!(secret.key()[31], 2);
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(Secret::stored("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").key().len(), 24);
    }
}
