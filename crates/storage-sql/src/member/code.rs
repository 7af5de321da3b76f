//! Verification codes: one row a phone, compared and counted in one step.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::Value;
use sluice_kernel::{PortResult, StoreId, Timestamp};
use sluice_member::{CodeCheck, CodeRef, CodeRepository, NewCode, SendOutcome};

use crate::{
    database::Database,
    error::{StoreError, StoreResult},
    unit_of_work::UnitOfWork,
};

#[derive(Clone)]
pub struct SqlCodeRepository {
    database: Database,
}

impl SqlCodeRepository {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn read_sent_at(&self, store: StoreId, phone: &str) -> StoreResult<Option<Timestamp>> {
        let select = "SELECT sent_at FROM verification_codes WHERE store_id = ? AND phone = ?";
        let Some(row) = self.database.row(select, vec![store.0.into(), phone.into()]).await? else {
            return Ok(None);
        };
        Ok(Some(Timestamp::from_millis(row.try_get_by("sent_at")?)))
    }

    /// A wrong digest costs a try by one guarded UPDATE: parallel guesses cannot share a try.
    async fn compare(&self, store: StoreId, phone: &str, digest: &str, tries: u32, now: Timestamp) -> StoreResult<CodeCheck> {
        let open = "store_id = ? AND phone = ? AND used_at IS NULL AND expires_at > ? AND tries < ?";
        let values = |digest: &str| -> Vec<Value> {
            vec![store.0.into(), phone.into(), now.as_millis().into(), i64::from(tries).into(), digest.into()]
        };
        let count = format!("UPDATE verification_codes SET tries = tries + 1 WHERE {open} AND digest <> ?");
        if self.database.execute(count, values(digest)).await?.rows_affected() > 0 {
            return Ok(CodeCheck::Invalid);
        }
        let select = format!("SELECT sent_at FROM verification_codes WHERE {open} AND digest = ?");
        let Some(row) = self.database.row(select, values(digest)).await? else {
            return Ok(CodeCheck::Invalid);
        };
        let sent_at = Timestamp::from_millis(row.try_get_by("sent_at")?);
        Ok(CodeCheck::Valid(CodeRef { store, phone: phone.to_owned(), sent_at }))
    }
}

async fn store(unit: &UnitOfWork, code: &NewCode, pause: Duration) -> StoreResult<SendOutcome> {
    // The insert takes the phone's row, old or new, until the commit.
    let keep = unit.dialect().keep_existing("store_id, phone");
    let insert = format!(
        "INSERT INTO verification_codes (store_id, phone, digest, sent_at, expires_at, tries, used_at) VALUES (?, ?, ?, ?, ?, 0, NULL){keep}"
    );
    let values = vec![
        code.store.0.into(),
        code.phone.as_str().into(),
        code.digest.as_str().into(),
        code.sent_at.as_millis().into(),
        code.expires_at.as_millis().into(),
    ];
    unit.execute(insert, values).await?;

    let select = "SELECT digest, sent_at FROM verification_codes WHERE store_id = ? AND phone = ?";
    let standing = unit.row(select, vec![code.store.0.into(), code.phone.as_str().into()]).await?;
    let standing = standing.ok_or(StoreError::Corrupt("verification_codes"))?;
    let sent_at = Timestamp::from_millis(standing.try_get_by("sent_at")?);
    if sent_at == code.sent_at && standing.try_get_by::<String, _>("digest")? == code.digest {
        return Ok(SendOutcome::Stored);
    }
    let again_at = sent_at.plus(pause);
    if again_at > code.sent_at {
        return Ok(SendOutcome::TooSoon { again_at });
    }
    let replace = "UPDATE verification_codes SET digest = ?, sent_at = ?, expires_at = ?, tries = 0, used_at = NULL \
        WHERE store_id = ? AND phone = ?";
    let values = vec![
        code.digest.as_str().into(),
        code.sent_at.as_millis().into(),
        code.expires_at.as_millis().into(),
        code.store.0.into(),
        code.phone.as_str().into(),
    ];
    unit.execute(replace, values).await?;
    Ok(SendOutcome::Stored)
}

#[async_trait]
impl CodeRepository for SqlCodeRepository {
    async fn store(&self, code: &NewCode, pause: Duration) -> PortResult<SendOutcome> {
        self.database.transact("storing a verification code", move |unit, _| store(unit, code, pause).boxed()).await
    }

    async fn sent_at(&self, store: StoreId, phone: &str) -> PortResult<Option<Timestamp>> {
        self.read_sent_at(store, phone).await.map_err(|error| error.into_port("reading a verification code"))
    }

    async fn check(&self, store: StoreId, phone: &str, digest: &str, tries: u32, now: Timestamp) -> PortResult<CodeCheck> {
        let compared = self.compare(store, phone, digest, tries, now).await;
        compared.map_err(|error| error.into_port("checking a verification code"))
    }
}
