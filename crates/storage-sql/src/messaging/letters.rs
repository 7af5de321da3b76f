//! How a dead letter is written and changed inside somebody's transaction.
//!
//! Whatever a stranger put into an event fits: a part that is too long for its column stands there shortened, with a hash
//! of all of it, and the event as it came stands in `original`, from which it is replayed.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_events::{DeadLetter, DeadLetterId, LetterState, fitted};
use sluice_kernel::Timestamp;

use crate::{
    error::StoreResult,
    multi_row::MultiRow,
    statement::Dialect,
    stored::Stored,
    table::dead_letters::{ActiveModel, Column, Entity, New},
    unit_of_work::UnitOfWork,
};

/// One that stands already is dead again, with the newer failure.
static LETTERS: MultiRow<New> = MultiRow::with_tail(|dialect| {
    let attempts = match dialect {
        Dialect::Sqlite => "dead_letters.attempts + excluded.attempts",
        Dialect::MySql => "attempts + VALUES(attempts)",
    };
    let overwritten = ["error_code", "error_detail", "at", "replayed_at", "state"];
    format!("{}, attempts = {attempts}", dialect.overwrite_existing("consumer, event_id", &overwritten))
});

/// Characters of the columns.
const MAX_NAME: usize = 64;
const MAX_ID: usize = 96;
/// Characters of an error's text that are kept.
const MAX_DETAIL: usize = 4_000;
/// Bytes of a payload that are kept: what no broker is set to take, and a fraction of what a database does.
const MAX_DATA: usize = 4 * 1024 * 1024;

/// Keeps a letter in the transaction that gives its event up.
pub(super) async fn keep(unit: &UnitOfWork, letter: &DeadLetter) -> StoreResult<()> {
    LETTERS.run(unit, [new_letter(letter)?]).await?;
    Ok(())
}

fn new_letter(letter: &DeadLetter) -> StoreResult<New> {
    let envelope = &letter.envelope;
    let key = fitted(&envelope.key, MAX_NAME);
    let id = fitted(&envelope.id, MAX_ID);
    let kind = fitted(&envelope.kind, MAX_ID);
    let traceparent = envelope.traceparent.as_deref().filter(|text| text.chars().count() <= MAX_NAME);
    let data = kept_data(&envelope.data);
    let fits = key == envelope.key
        && id == envelope.id
        && kind == envelope.kind
        && traceparent == envelope.traceparent.as_deref()
        && data == envelope.data;
    // Of a payload beyond the bound the beginning stays, for the eye; the bus keeps the rest in its topic of dead letters.
    let whole = data.len() == envelope.data.len();
    let original = if fits || !whole { None } else { Some(serde_json::to_string(envelope)?) };
    Ok(New {
        consumer: fitted(&letter.consumer, MAX_NAME),
        topic: envelope.topic.name().to_owned(),
        event_key: key,
        event_id: id,
        event_type: kind,
        event_time: Stored(envelope.time),
        traceparent: traceparent.map(str::to_owned),
        data: data.to_owned(),
        attempts: Stored(letter.attempts),
        error_code: fitted(&letter.error_code, MAX_NAME),
        error_detail: letter.error_detail.chars().take(MAX_DETAIL).collect(),
        at: Stored(letter.at),
        replayed_at: None,
        state: Stored(LetterState::Dead),
        replays: Stored(0),
        store_id: letter.store().map(|store| store.0),
        original,
    })
}

fn kept_data(data: &str) -> &str {
    if data.len() <= MAX_DATA {
        return data;
    }
    let end = (0..=MAX_DATA).rev().find(|end| data.is_char_boundary(*end)).unwrap_or(0);
    data.get(..end).unwrap_or_default()
}

/// Has a dead letter tried again; false where somebody else does already.
pub(super) async fn mark_replaying(unit: &UnitOfWork, id: DeadLetterId, now: Timestamp) -> StoreResult<bool> {
    let replaying =
        ActiveModel { state: Set(Stored(LetterState::Replaying)), replayed_at: Set(Some(Stored(now))), ..Default::default() };
    let replaying = Entity::update_many().set(replaying).col_expr(Column::Replays, Expr::col(Column::Replays).add(1));
    Ok(replaying.filter(is_in(id, LetterState::Dead)).exec(unit).await?.rows_affected > 0)
}

/// A replay has ended well.
pub(super) async fn mark_handled(unit: &UnitOfWork, id: DeadLetterId, now: Timestamp) -> StoreResult<()> {
    let handled =
        ActiveModel { state: Set(Stored(LetterState::Handled)), replayed_at: Set(Some(Stored(now))), ..Default::default() };
    Entity::update_many().set(handled).filter(is_in(id, LetterState::Replaying)).exec(unit).await?;
    Ok(())
}

fn is_in(id: DeadLetterId, state: LetterState) -> Expr {
    Column::Id.eq(id.0).and(Column::State.eq(Stored(state)))
}
