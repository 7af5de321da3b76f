//! Verification codes: a row for each that was sent, and one for the wrong tries of each user at the codes of each phone.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::Value;
use sluice_kernel::{PortResult, StoreId, Timestamp};
use sluice_member::{CodeCheck, CodeLimits, CodeRef, CodeRepository, Guess, NewCode, SendOutcome, Tries};

use crate::{
    database::Database,
    error::{StoreError, StoreResult},
    multi_row::column,
    statement::Dialect,
    unit_of_work::UnitOfWork,
};

#[derive(Clone)]
pub struct SqlCodeRepository {
    database: Database,
}

/// Live codes of a phone that are looked at; its limits allow a few in the life of one.
const MAX_LIVE: i64 = 16;
/// Clocks of two processes differ by less than this.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

impl SqlCodeRepository {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn read_live(&self, store: StoreId, phone: &str, now: Timestamp) -> StoreResult<Vec<Timestamp>> {
        let select = "SELECT sent_at FROM sent_codes WHERE store_id = ? AND phone = ? AND used_at IS NULL AND expires_at > ? \
            ORDER BY sent_at DESC LIMIT ?";
        let values = vec![store.0.into(), phone.into(), now.as_millis().into(), MAX_LIVE.into()];
        let rows = self.database.rows(select, values).await?;
        rows.iter().map(|row| Ok(Timestamp::from_millis(column(row, 0)?))).collect()
    }
}

/// Holds what sendings of one user, or to one phone, wait for, until the commit.
async fn hold(unit: &UnitOfWork, code: &NewCode, phone: &str, user: &str) -> StoreResult<()> {
    let overwrite = unit.dialect().overwrite_existing("store_id, phone, user_id", &["since_at"]);
    let insert = format!("INSERT INTO code_tries (store_id, phone, user_id, tries, since_at) VALUES (?, ?, ?, 0, ?){overwrite}");
    unit.execute(insert, vec![code.store.0.into(), phone.into(), user.into(), code.sent_at.as_millis().into()]).await?;
    Ok(())
}

/// When the next code may go out, where `most` of the last `window` have.
async fn full_until(
    unit: &UnitOfWork,
    code: &NewCode,
    (of, name): (&'static str, &str),
    (most, window): (u32, Duration),
) -> StoreResult<Option<Timestamp>> {
    let select = format!(
        "SELECT sent_at FROM sent_codes WHERE store_id = ? AND {of} = ? AND sent_at > ? AND sent_at <= ? ORDER BY sent_at DESC LIMIT 1 OFFSET ?"
    );
    let begins = code.sent_at.minus(window).as_millis();
    let skip = i64::from(most.saturating_sub(1));
    // A later one was sent by a clock that was ahead.
    let ends = code.sent_at.plus(CLOCK_TOLERANCE).as_millis();
    let row = unit.row(select, vec![code.store.0.into(), name.into(), begins.into(), ends.into(), skip.into()]).await?;
    row.map(|row| Ok(Timestamp::from_millis(column(&row, 0)?).plus(window))).transpose()
}

async fn store(unit: &UnitOfWork, code: &NewCode, limits: &CodeLimits) -> StoreResult<SendOutcome> {
    hold(unit, code, &code.phone, "").await?;
    hold(unit, code, "", code.user.as_str()).await?;

    let (phone, user) = (("phone", code.phone.as_str()), ("user_id", code.user.as_str()));
    let mut again_at = None;
    for (of, share) in [
        (phone, (1, limits.pause)),
        (phone, (limits.to_phone_per_hour, HOUR)),
        (phone, (limits.to_phone_per_day, DAY)),
        (user, (limits.per_hour, HOUR)),
        (user, (limits.per_day, DAY)),
    ] {
        again_at = again_at.max(full_until(unit, code, of, share).await?);
    }
    if let Some(again_at) = again_at {
        return Ok(SendOutcome::TooSoon { again_at });
    }

    let replace = "UPDATE sent_codes SET used_at = ? WHERE store_id = ? AND phone = ? AND user_id = ? AND used_at IS NULL";
    let of_user = || -> [Value; 3] { [code.store.0.into(), code.phone.as_str().into(), code.user.as_str().into()] };
    let mut values: Vec<Value> = vec![code.sent_at.as_millis().into()];
    values.extend(of_user());
    unit.execute(replace, values).await?;
    let insert = "INSERT INTO sent_codes (store_id, phone, user_id, sent_at, digest, expires_at) VALUES (?, ?, ?, ?, ?, ?)";
    let mut values: Vec<Value> = of_user().into();
    values.extend([code.sent_at.as_millis().into(), code.digest.as_str().into(), code.expires_at.as_millis().into()]);
    unit.execute(insert, values).await?;
    let forget = "DELETE FROM code_tries WHERE store_id = ? AND phone = ? AND user_id = ?";
    unit.execute(forget, of_user().into()).await?;
    Ok(SendOutcome::Stored)
}

/// Counts first and compares then: of guesses that come at once each has its own number.
async fn compare(unit: &UnitOfWork, guess: &Guess, tries: Tries, now: Timestamp) -> StoreResult<CodeCheck> {
    let of_asker = || -> [Value; 3] { [guess.store.0.into(), guess.phone.as_str().into(), guess.asker.as_str().into()] };
    let conflict = match unit.dialect() {
        Dialect::Sqlite => "ON CONFLICT (store_id, phone, user_id) DO UPDATE SET",
        Dialect::MySql => "ON DUPLICATE KEY UPDATE",
    };
    // MySQL assigns from left to right: the count looks at the old beginning.
    let count = format!(
        "INSERT INTO code_tries (store_id, phone, user_id, tries, since_at) VALUES (?, ?, ?, 1, ?) {conflict} \
         tries = CASE WHEN since_at <= ? THEN 1 ELSE tries + 1 END, since_at = CASE WHEN since_at <= ? THEN ? ELSE since_at END"
    );
    let forgotten = now.minus(tries.within).as_millis();
    let mut values: Vec<Value> = of_asker().into();
    values.extend([now.as_millis().into(), forgotten.into(), forgotten.into(), now.as_millis().into()]);
    unit.execute(count, values).await?;
    let select = "SELECT tries FROM code_tries WHERE store_id = ? AND phone = ? AND user_id = ?";
    let row = unit.row(select, of_asker().into()).await?.ok_or(StoreError::Contradiction("a try was not counted"))?;
    if column::<i32>(&row, 0)? > i32::try_from(tries.most).unwrap_or(i32::MAX) {
        return Ok(CodeCheck::Invalid);
    }

    let select = "SELECT sent_at, digest FROM sent_codes WHERE store_id = ? AND phone = ? AND used_at IS NULL AND expires_at > ? \
        ORDER BY sent_at DESC LIMIT ?";
    let values = vec![guess.store.0.into(), guess.phone.as_str().into(), now.as_millis().into(), MAX_LIVE.into()];
    for row in unit.rows(select, values).await? {
        let live = (Timestamp::from_millis(column(&row, 0)?), column::<String>(&row, 1)?);
        if guess.digests.contains(&live) {
            let give_back = "UPDATE code_tries SET tries = tries - 1 WHERE store_id = ? AND phone = ? AND user_id = ?";
            unit.execute(give_back, of_asker().into()).await?;
            return Ok(CodeCheck::Valid(CodeRef { store: guess.store, phone: guess.phone.clone(), sent_at: live.0 }));
        }
    }
    Ok(CodeCheck::Invalid)
}

#[async_trait]
impl CodeRepository for SqlCodeRepository {
    async fn store(&self, code: &NewCode, limits: &CodeLimits) -> PortResult<SendOutcome> {
        self.database.transact("storing a verification code", move |unit, _| store(unit, code, limits).boxed()).await
    }

    async fn live(&self, store: StoreId, phone: &str, now: Timestamp) -> PortResult<Vec<Timestamp>> {
        self.read_live(store, phone, now).await.map_err(|error| error.into_port("reading verification codes"))
    }

    async fn check(&self, guess: &Guess, tries: Tries, now: Timestamp) -> PortResult<CodeCheck> {
        self.database.transact("checking a verification code", move |unit, _| compare(unit, guess, tries, now).boxed()).await
    }
}
