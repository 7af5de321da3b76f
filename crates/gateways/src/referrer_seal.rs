//! Sealed promotion parameters: XChaCha20-Poly1305 under keys that rotate.
//!
//! Contract: the text is `KEYID.` and base64url of nonce and ciphertext; the store's id is authenticated with it, so what
//! was sealed for one store opens in no other. The first key seals, all of them open: a new key is put in front, and the
//! old one is taken away when its texts shall no longer count. Whatever is wrong with a text, it opens to nothing.

use std::{fmt, sync::Arc};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD},
};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use sluice_kernel::{IdGenerator, PortError, PortResult, StoreId};
use sluice_promotion::ReferrerSeal;

/// A key and the name that stands before what it seals.
#[derive(Clone, PartialEq, Eq)]
pub struct ReferrerKey {
    pub id: String,
    pub key: [u8; 32],
}

impl fmt::Debug for ReferrerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:***", self.id)
    }
}

impl ReferrerKey {
    /// Reads `ID:BASE64,ID:BASE64,…`: ids of 1 to 16 letters, digits, `-` and `_`, each once; keys of 32 bytes. What is
    /// wrong is said without the keys.
    pub fn read_list(text: &str) -> Result<Vec<Self>, &'static str> {
        let mut keys: Vec<Self> = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (id, encoded) = part.split_once(':').ok_or("is ID:BASE64KEY, several with commas between them")?;
            let named = (1..=16).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            if !named {
                return Err("a key's id has 1 to 16 letters, digits, - and _");
            }
            if keys.iter().any(|known| known.id == id) {
                return Err("names a key's id twice");
            }
            let decoded = [STANDARD, URL_SAFE, URL_SAFE_NO_PAD].iter().find_map(|alphabet| alphabet.decode(encoded).ok());
            let key = decoded.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).ok_or("a key is 32 bytes in base64")?;
            keys.push(Self { id: id.to_owned(), key });
        }
        Ok(keys)
    }

    /// The key `d` of a shop that has set none: every process that knows the secret agrees on it.
    pub fn derived_from(secret: &[u8]) -> Option<Self> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        mac.update(b"sluice referrer key d");
        Some(Self { id: "d".to_owned(), key: mac.finalize().into_bytes().into() })
    }
}

pub struct AeadReferrerSeal {
    /// The first one seals.
    keys: Vec<ReferrerKey>,
    ids: Arc<dyn IdGenerator>,
}

const NONCE: usize = 24;
/// A promoter of 64 characters takes 400; nothing longer was ever sealed.
const MOST_CHARACTERS: usize = 512;

impl AeadReferrerSeal {
    /// `ids` is the source of randomness: two tokens hold the 192 bits of a nonce.
    pub fn new(keys: Vec<ReferrerKey>, ids: Arc<dyn IdGenerator>) -> Self {
        Self { keys, ids }
    }

    fn nonce(&self) -> Option<[u8; NONCE]> {
        let digits = format!("{}{}", self.ids.token(), self.ids.token());
        let mut nonce = [0_u8; NONCE];
        // From the end: both tokens take part in it.
        for (place, byte) in nonce.iter_mut().enumerate() {
            let from = digits.len().checked_sub(2 * (place + 1))?;
            *byte = u8::from_str_radix(digits.get(from..from + 2)?, 16).ok()?;
        }
        Some(nonce)
    }
}

fn bound_to(store: StoreId) -> String {
    format!("sluice referrer {store}")
}

impl ReferrerSeal for AeadReferrerSeal {
    fn seal(&self, store: StoreId, promoter: &str) -> PortResult<String> {
        let failed = |reason: &'static str| PortError::internal("sealing a referrer", reason);
        let key = self.keys.first().ok_or_else(|| failed("there is no key"))?;
        let nonce = self.nonce().ok_or_else(|| failed("a token is not hexadecimal"))?;
        let bound = bound_to(store);
        let payload = Payload { msg: promoter.as_bytes(), aad: bound.as_bytes() };
        let cipher = XChaCha20Poly1305::new((&key.key).into());
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| failed("the text cannot be encrypted"))?;
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed);
        Ok(format!("{}.{}", key.id, URL_SAFE_NO_PAD.encode(bytes)))
    }

    fn open(&self, store: StoreId, sealed: &str) -> Option<String> {
        if sealed.len() > MOST_CHARACTERS {
            return None;
        }
        let (id, encoded) = sealed.split_once('.')?;
        let key = self.keys.iter().find(|key| key.id == id)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
        let nonce = <[u8; NONCE]>::try_from(nonce).ok()?;
        let bound = bound_to(store);
        let payload = Payload { msg: sealed, aad: bound.as_bytes() };
        let opened = XChaCha20Poly1305::new((&key.key).into()).decrypt(&XNonce::from(nonce), payload).ok()?;
        String::from_utf8(opened).ok()
    }
}

#[cfg(test)]
mod tests {
    use sluice_kernel::SequenceIds;

    use super::*;

    const STORE: StoreId = StoreId(1);

    fn key(id: &str, byte: u8) -> ReferrerKey {
        ReferrerKey { id: id.to_owned(), key: [byte; 32] }
    }

    fn with(keys: &[ReferrerKey]) -> AeadReferrerSeal {
        AeadReferrerSeal::new(keys.to_vec(), Arc::new(SequenceIds::starting_at(1)))
    }

    #[test]
    fn what_was_sealed_opens_in_its_store_alone() {
        let seal = with(&[key("a", 1)]);
        for promoter in ["p-7", "推广员 🎉", " spaced ", &"🎉".repeat(64)] {
            let sealed = seal.seal(STORE, promoter).unwrap();
            assert!(sealed.len() <= MOST_CHARACTERS && sealed.starts_with("a.") && !sealed.contains(promoter), "{sealed}");
            assert_eq!(seal.open(STORE, &sealed).as_deref(), Some(promoter));
            assert_eq!(seal.open(StoreId(2), &sealed), None);
        }
        // The same promoter, another text.
        assert_ne!(seal.seal(STORE, "p-7").unwrap(), seal.seal(STORE, "p-7").unwrap());
    }

    #[test]
    fn a_forged_or_cut_text_opens_to_nothing() {
        let seal = with(&[key("a", 1)]);
        let sealed = seal.seal(STORE, "p-7").unwrap();
        for cut in 0..sealed.len() {
            assert_eq!(seal.open(STORE, &sealed[..cut]), None, "{cut}");
        }
        let (_, encoded) = sealed.split_once('.').unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(encoded).unwrap();
        for place in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[place] ^= 1;
            assert_eq!(seal.open(STORE, &format!("a.{}", URL_SAFE_NO_PAD.encode(forged))), None, "{place}");
        }
        for text in ["", ".", "a.", "a.!", "p-7", "a.a.a", "推广员", &format!("{sealed}="), &format!("a.{}", "A".repeat(600))] {
            assert_eq!(seal.open(STORE, text), None, "{text}");
        }
    }

    #[test]
    fn keys_rotate() {
        let old = with(&[key("old", 1)]).seal(STORE, "p-7").unwrap();
        let both = with(&[key("new", 2), key("old", 1)]);
        assert_eq!(both.open(STORE, &old).as_deref(), Some("p-7"));
        let new = both.seal(STORE, "p-7").unwrap();
        assert!(new.starts_with("new."));
        let later = with(&[key("new", 2)]);
        assert_eq!(later.open(STORE, &new).as_deref(), Some("p-7"));
        // A key that is gone, and another key under its name.
        assert_eq!(later.open(STORE, &old), None);
        assert_eq!(with(&[key("old", 3)]).open(STORE, &old), None);
        assert!(with(&[]).seal(STORE, "p-7").is_err());
    }

    #[test]
    fn keys_are_read_from_a_setting() {
        let text = STANDARD.encode([7; 32]);
        let keys = ReferrerKey::read_list(&format!("2026-11:{text}, old_1:{}", URL_SAFE_NO_PAD.encode([255; 32]))).unwrap();
        assert_eq!(keys, [key("2026-11", 7), key("old_1", 255)]);
        for wrong in
            ["", "a", "a:", ":AAAA", "a:AAAA", "a.b:x", &format!("a:{text},a:{text}"), &format!("a:{text},"), "seventeenletters1:x"]
        {
            assert!(ReferrerKey::read_list(wrong).is_err(), "{wrong}");
        }
        let derived = ReferrerKey::derived_from(b"secret").unwrap();
        assert_eq!(Some(&derived), ReferrerKey::derived_from(b"secret").as_ref());
        assert_ne!(Some(derived), ReferrerKey::derived_from(b"secret2"));
    }

    #[test]
    fn a_key_is_never_shown() {
        assert_eq!(format!("{:?}", key("a", 7)), "a:***");
    }
}
