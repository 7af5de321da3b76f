//! Sealing referrers, with a shop and without one.

use std::sync::Arc;

use sluice_gateways::{AeadReferrerSeal, ReferrerKey};
use sluice_kernel::{IdGenerator, PortError, StoreId};
use sluice_promotion::{PromotionError, ReferrerSeal as _, check_promoter};

use crate::{Config, ConfigError, Secrets};

/// The seal that every process with these settings and secrets agrees on.
pub(crate) fn referrer_seal(
    config: &Config,
    secrets: &Secrets,
    ids: Arc<dyn IdGenerator>,
) -> Result<AeadReferrerSeal, ConfigError> {
    let keys = match config.promotion.keys()? {
        Some(keys) => keys,
        None => ReferrerKey::derived_from(secrets.jwt.expose().as_bytes()).into_iter().collect(),
    };
    Ok(AeadReferrerSeal::new(keys, ids))
}

#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Promotion(#[from] PromotionError),
}

/// A sealed promotion parameter, for the command line: no database is asked.
pub fn seal_referrer(
    config: &Config,
    secrets: &Secrets,
    ids: Arc<dyn IdGenerator>,
    store: StoreId,
    promoter: &str,
) -> Result<String, SealError> {
    check_promoter(promoter).map_err(PromotionError::from)?;
    let seal = referrer_seal(config, secrets, ids)?;
    Ok(seal.seal(store, promoter).map_err(|error: PortError| PromotionError::Port(error))?)
}

#[cfg(test)]
mod tests {
    use sluice_kernel::SequenceIds;

    use super::*;
    use crate::Secret;

    fn ids() -> Arc<dyn IdGenerator> {
        Arc::new(SequenceIds::starting_at(1))
    }

    fn secrets(jwt: &str) -> Secrets {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        config.auth.jwt_secret = Some(Secret::new(jwt));
        Secrets::resolve(&config, &SequenceIds::starting_at(1)).unwrap()
    }

    #[test]
    fn without_a_setting_the_jwt_secret_decides() {
        let config = Config::default();
        let sealed = seal_referrer(&config, &secrets("one"), ids(), StoreId(1), "p-7").unwrap();
        assert!(sealed.starts_with("d."));
        let open = |secret: &str| referrer_seal(&config, &secrets(secret), ids()).unwrap().open(StoreId(1), &sealed);
        assert_eq!(open("one").as_deref(), Some("p-7"));
        assert_eq!(open("two"), None);
    }

    #[test]
    fn the_setting_s_first_key_seals() {
        let mut config = Config::default();
        config.promotion.referrer_keys = Some(Secret::new(format!("k2:{}=,k1:{}=", "B".repeat(43), "A".repeat(43))));
        assert!(config.promotion.check().is_err(), "B leaves bits that belong to no byte");
        config.promotion.referrer_keys = Some(Secret::new(format!("k2:{}8=,k1:{}=", "B".repeat(42), "A".repeat(43))));
        let sealed = seal_referrer(&config, &secrets("one"), ids(), StoreId(1), "推广员").unwrap();
        assert!(sealed.starts_with("k2."));
        let shown = format!("{config:?}{}", serde_json::to_string(&config).unwrap());
        assert!(!shown.contains("BBBB") && !shown.contains("AAAA"), "{shown}");
        assert!(matches!(seal_referrer(&config, &secrets("one"), ids(), StoreId(1), ""), Err(SealError::Promotion(_))));
        config.promotion.referrer_keys = Some(Secret::new("k1"));
        let line = config.promotion.check().unwrap_err().to_string();
        assert!(line.contains("promotion.referrer_keys") && !line.contains('\n'), "{line}");
    }
}
