//! Verification codes: a row for each that was sent, and one for the wrong tries of each user at the codes of each phone.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select, Value,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_kernel::{PortResult, StoreId, Timestamp};
use sluice_member::{CodeCheck, CodeLimits, CodeRef, CodeRepository, Guess, NewCode, SendOutcome, Tries};

use crate::{
    database::Database,
    error::{IntoPort as _, StoreError, StoreResult},
    multi_row::MultiRow,
    statement::Dialect,
    stored::Stored,
    table::{code_tries, sent_codes},
    unit_of_work::UnitOfWork,
};

#[derive(Clone)]
pub struct SqlCodeRepository {
    database: Database,
}

/// Live codes of a phone that are looked at; its limits allow a few in the life of one.
const MAX_LIVE: u64 = 16;
/// Clocks of two processes differ by less than this.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

impl SqlCodeRepository {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn read_live(&self, store: StoreId, phone: &str, now: Timestamp) -> StoreResult<Vec<Timestamp>> {
        let live = live(store, phone, now).all(&self.database).await?;
        Ok(live.into_iter().map(|code| code.sent_at.0).collect())
    }
}

/// The newest codes of a phone that may be used.
fn live(store: StoreId, phone: &str, now: Timestamp) -> Select<sent_codes::Entity> {
    use sent_codes::Column;
    let of_phone = Column::StoreId.eq(store.0).and(Column::Phone.eq(phone));
    let live = Column::UsedAt.is_null().and(Column::ExpiresAt.gt(Stored(now)));
    sent_codes::Entity::find().filter(of_phone).filter(live).order_by_desc(Column::SentAt).limit(MAX_LIVE)
}

static HELD: MultiRow<code_tries::Model> =
    MultiRow::with_tail(|dialect| dialect.overwrite_existing("store_id, phone, user_id", &["since_at"]));

/// Holds what sendings of one user, or to one phone, wait for, until the commit.
async fn hold(unit: &UnitOfWork, code: &NewCode, phone: &str, user: &str) -> StoreResult<()> {
    let (phone, user_id) = (phone.to_owned(), user.to_owned());
    let row = code_tries::Model { store_id: code.store.0, phone, user_id, tries: Stored(0), since_at: Stored(code.sent_at) };
    HELD.run(unit, [row]).await?;
    Ok(())
}

/// When the next code may go out, where `most` of the last `window` have.
async fn full_until(
    unit: &UnitOfWork,
    code: &NewCode,
    (of, name): (sent_codes::Column, &str),
    (most, window): (u32, Duration),
) -> StoreResult<Option<Timestamp>> {
    use sent_codes::Column;
    // A later one was sent by a clock that was ahead.
    let (begins, ends) = (code.sent_at.minus(window), code.sent_at.plus(CLOCK_TOLERANCE));
    let sent = sent_codes::Entity::find().filter(Column::StoreId.eq(code.store.0)).filter(of.eq(name));
    let sent = sent.filter(Column::SentAt.gt(Stored(begins)).and(Column::SentAt.lte(Stored(ends))));
    let sent = sent.order_by_desc(Column::SentAt).limit(1).offset(u64::from(most.saturating_sub(1)));
    Ok(sent.one(unit).await?.map(|row| row.sent_at.0.plus(window)))
}

async fn store(unit: &UnitOfWork, code: &NewCode, limits: &CodeLimits) -> StoreResult<SendOutcome> {
    hold(unit, code, &code.phone, "").await?;
    hold(unit, code, "", code.user.as_str()).await?;

    let (phone, user) = ((sent_codes::Column::Phone, code.phone.as_str()), (sent_codes::Column::UserId, code.user.as_str()));
    let mut again_at = None;
    for (of, share) in [
        (phone, (1, limits.pause)),
        (phone, (limits.to_phone_per_hour, HOUR)),
        (phone, (limits.to_phone_per_day, DAY)),
        (user, (limits.per_hour, HOUR)),
        (user, (limits.per_day, DAY)),
    ] {
        again_at = Ord::max(again_at, full_until(unit, code, of, share).await?);
    }
    if let Some(again_at) = again_at {
        return Ok(SendOutcome::TooSoon { again_at });
    }

    let older = sent_codes::Column::StoreId.eq(code.store.0).and(sent_codes::Column::Phone.eq(code.phone.as_str()));
    let older = older.and(sent_codes::Column::UserId.eq(code.user.as_str())).and(sent_codes::Column::UsedAt.is_null());
    sent_codes::Entity::update_many()
        .set(sent_codes::ActiveModel { used_at: Set(Some(Stored(code.sent_at))), ..Default::default() })
        .filter(older)
        .exec(unit)
        .await?;
    let row = sent_codes::Model {
        store_id: code.store.0,
        phone: code.phone.clone(),
        sent_at: Stored(code.sent_at),
        user_id: code.user.0.clone(),
        digest: code.digest.clone(),
        expires_at: Stored(code.expires_at),
        used_at: None,
    };
    sent_codes::Entity::insert(row.into_active_model()).exec(unit).await?;
    code_tries::Entity::delete_many().filter(tries_of(code.store, &code.phone, code.user.as_str())).exec(unit).await?;
    Ok(SendOutcome::Stored)
}

fn tries_of(store: StoreId, phone: &str, user: &str) -> Expr {
    use code_tries::Column;
    Column::StoreId.eq(store.0).and(Column::Phone.eq(phone)).and(Column::UserId.eq(user))
}

/// Counts first and compares then: of guesses that come at once each has its own number.
async fn compare(unit: &UnitOfWork, guess: &Guess, tries: Tries, now: Timestamp) -> StoreResult<CodeCheck> {
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
    let mut values: Vec<Value> = vec![guess.store.0.into(), guess.phone.as_str().into(), guess.asker.as_str().into()];
    values.extend([now.as_millis().into(), forgotten.into(), forgotten.into(), now.as_millis().into()]);
    unit.execute(count, values).await?;
    let of_asker = || tries_of(guess.store, &guess.phone, guess.asker.as_str());
    let counted = code_tries::Entity::find().filter(of_asker()).one(unit).await?;
    if counted.ok_or(StoreError::Contradiction("a try was not counted"))?.tries.0 > tries.most {
        return Ok(CodeCheck::Invalid);
    }

    for code in live(guess.store, &guess.phone, now).all(unit).await? {
        let live = (code.sent_at.0, code.digest);
        if guess.digests.contains(&live) {
            code_tries::Entity::update_many()
                .col_expr(code_tries::Column::Tries, Expr::col(code_tries::Column::Tries).sub(1))
                .filter(of_asker())
                .exec(unit)
                .await?;
            return Ok(CodeCheck::Valid(CodeRef { store: guess.store, phone: guess.phone.clone(), sent_at: live.0 }));
        }
    }
    Ok(CodeCheck::Invalid)
}

#[async_trait]
impl CodeRepository for SqlCodeRepository {
    async fn store(&self, code: &NewCode, limits: &CodeLimits) -> PortResult<SendOutcome> {
        self.database.transact(move |unit, _| store(unit, code, limits).boxed()).await.into_port("storing a verification code")
    }

    async fn live(&self, store: StoreId, phone: &str, now: Timestamp) -> PortResult<Vec<Timestamp>> {
        self.read_live(store, phone, now).await.into_port("reading verification codes")
    }

    async fn check(&self, guess: &Guess, tries: Tries, now: Timestamp) -> PortResult<CodeCheck> {
        self.database
            .transact(move |unit, _| compare(unit, guess, tries, now).boxed())
            .await
            .into_port("checking a verification code")
    }
}
