//! The signatures of tokens: HMAC alone, since the settings offer nothing else (docs/api.md, Authorization).
//!
//! `jsonwebtoken` leaves its cryptography to a provider. The ready-made ones bring RSA and three elliptic curves along,
//! which no setting can choose; this one is the part that is used.

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
    signature::{Error as SignatureError, Signer, Verifier},
};
use sha2::{Sha256, Sha384, Sha512};

static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };

/// Lets `jsonwebtoken` sign and verify in this process. Call it before either; calling it again changes nothing.
pub fn install_token_provider() {
    // Refused where it is installed already.
    let _: std::result::Result<(), _> = PROVIDER.install_default();
}

/// A MAC that holds its key and has seen no message.
struct Keyed<M> {
    algorithm: Algorithm,
    mac: M,
}

fn keyed<M: KeyInit>(algorithm: Algorithm, secret: &[u8]) -> Result<Box<Keyed<M>>> {
    let mac = M::new_from_slice(secret).map_err(|_| ErrorKind::InvalidKeyFormat)?;
    Ok(Box::new(Keyed { algorithm, mac }))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the provider's signature")]
#[expect(clippy::wildcard_enum_match_arm, reason = "no other algorithm is offered, whatever there is or will be")]
fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    if key.family() != AlgorithmFamily::Hmac {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    match algorithm {
        Algorithm::HS256 => Ok(keyed::<Hmac<Sha256>>(*algorithm, key.as_bytes())?),
        Algorithm::HS384 => Ok(keyed::<Hmac<Sha384>>(*algorithm, key.as_bytes())?),
        Algorithm::HS512 => Ok(keyed::<Hmac<Sha512>>(*algorithm, key.as_bytes())?),
        _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the provider's signature")]
#[expect(clippy::wildcard_enum_match_arm, reason = "no other algorithm is offered, whatever there is or will be")]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if key.family() != AlgorithmFamily::Hmac {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    let secret = key.try_get_as_bytes()?;
    match algorithm {
        Algorithm::HS256 => Ok(keyed::<Hmac<Sha256>>(*algorithm, secret)?),
        Algorithm::HS384 => Ok(keyed::<Hmac<Sha384>>(*algorithm, secret)?),
        Algorithm::HS512 => Ok(keyed::<Hmac<Sha512>>(*algorithm, secret)?),
        _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
    }
}

impl<M: Mac + Clone> Signer<Vec<u8>> for Keyed<M> {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, SignatureError> {
        Ok(self.mac.clone().chain_update(message).finalize().into_bytes().to_vec())
    }
}

impl<M: Mac + Clone> Verifier<Vec<u8>> for Keyed<M> {
    /// Compares in constant time.
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), SignatureError> {
        self.mac.clone().chain_update(message).verify_slice(signature).map_err(|_| SignatureError::new())
    }
}

impl<M: Mac + Clone> JwtSigner for Keyed<M> {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl<M: Mac + Clone> JwtVerifier for Keyed<M> {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Header, Validation, decode, encode};
    use serde_json::{Value, json};

    use super::*;

    const ALL: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];

    fn made(algorithm: Algorithm, secret: &[u8]) -> String {
        install_token_provider();
        encode(&Header::new(algorithm), &json!({"sub": "42"}), &EncodingKey::from_secret(secret)).unwrap()
    }

    fn admits(algorithm: Algorithm, secret: &[u8], token: &str) -> bool {
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["sub"]);
        decode::<Value>(token, &DecodingKey::from_secret(secret), &validation).is_ok()
    }

    /// Made with another program, under the key `secret`.
    #[test]
    fn a_token_of_somebody_else_is_verified() {
        install_token_provider();
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI0MiJ9.79CVgMIG_JB921dVUeJDWNJubJojFodH3-XtC_1C408";
        assert!(admits(Algorithm::HS256, b"secret", token));
        let token = "eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI0MiJ9.\
                     _XqjM_YHAu4CWMH7hzfxehwzIF-YR7dACRjxtIVmJX5xNtZlNRiNQT77cP9PWVPM";
        assert!(admits(Algorithm::HS384, b"secret", token));
        let token = "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI0MiJ9.\
                     OOnmim08R5KPn3wNhfsu5HW2EyBxHZKIDBHSjSRDrCOhWlmKZr9e10Ktf-JcrAjCDBi6c-wB5_5HlUnSd2KN1g";
        assert!(admits(Algorithm::HS512, b"secret", token));
    }

    #[test]
    fn a_token_opens_under_its_key_and_its_algorithm_alone() {
        for algorithm in ALL {
            let token = made(algorithm, b"one");
            assert!(admits(algorithm, b"one", &token));
            assert!(!admits(algorithm, b"two", &token));
            assert!(!admits(algorithm, b"one", &token[..token.len() - 4]));
            for other in ALL.into_iter().filter(|other| *other != algorithm) {
                assert!(!admits(other, b"one", &token));
            }
        }
    }

    #[test]
    fn an_algorithm_that_no_setting_offers_is_refused() {
        install_token_provider();
        let key = EncodingKey::from_secret(b"secret");
        assert!(encode(&Header::new(Algorithm::ES256), &json!({"sub": "42"}), &key).is_err());
        assert!(signer(&Algorithm::EdDSA, &key).is_err());
        assert!(verifier(&Algorithm::RS256, &DecodingKey::from_secret(b"secret")).is_err());
    }
}
