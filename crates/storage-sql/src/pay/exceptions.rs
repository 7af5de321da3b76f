//! What staff must look at.

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    sea_query::{Expr, ExprTrait as _, OnConflict},
};
use sha2::{Digest as _, Sha256};
use sluice_kernel::StoreId;
use sluice_pay::{ExceptionQuery, PayException, Resolution};

use super::row;
use crate::{database::Database, error::StoreResult, page::read_page, stored::Stored, table::payment_exceptions};

/// Exceptions of one kind that are open for a payment.
const MAX_OF_PAYMENT: u64 = 20;

/// Keeps what says something new, up to a bound of open ones for each payment and kind.
pub(crate) async fn write(connection: &impl ConnectionTrait, exception: &PayException) -> StoreResult<()> {
    // A notice that matches nothing may name anything; what does not fit its column is cut.
    let cut = |text: &Option<String>, most: usize| text.as_deref().unwrap_or_default().chars().take(most).collect::<String>();
    let (order_no, payment_id) = (cut(&exception.order_no, 32), cut(&exception.payment_id, 64));
    let of_payment = payment_exceptions::Column::Kind.eq(exception.kind.as_str());
    let of_payment = of_payment.and(payment_exceptions::Column::PaymentId.eq(payment_id.as_str()));
    let of_payment = of_payment.and(payment_exceptions::Column::Resolved.eq(false));
    let kept = payment_exceptions::Entity::find().filter(of_payment).count(connection).await?;
    if kept >= MAX_OF_PAYMENT && !payment_id.is_empty() {
        tracing::warn!(payment.id = %payment_id, exception.kind = %exception.kind, exception.detail = %exception.detail,
                "A payment has as many open exceptions as are kept; this one is only logged.");
        return Ok(());
    }
    let row = payment_exceptions::ActiveModel {
        id: NotSet,
        kind: Set(exception.kind.clone()),
        store_id: Set(exception.store_id.map(|store| store.0)),
        order_no: Set(order_no),
        payment_id: Set(payment_id),
        detail: Set(exception.detail.chars().take(4_000).collect()),
        at: Set(Stored(exception.at)),
        digest: Set(digest(&exception.detail)),
        resolved: Set(false),
        resolved_at: Set(None),
        resolved_by: Set(None),
        note: Set(None),
    };
    let unique = {
        use payment_exceptions::Column::{Digest, Kind, OrderNo, PaymentId};
        [Kind, PaymentId, OrderNo, Digest]
    };
    let keep = OnConflict::columns(unique).do_nothing_on([payment_exceptions::Column::Kind]).to_owned();
    payment_exceptions::Entity::insert(row).on_conflict(keep).exec_without_returning(connection).await?;
    Ok(())
}

pub(super) async fn read(database: &Database, query: &ExceptionQuery) -> StoreResult<Vec<PayException>> {
    use payment_exceptions::Column;
    let mut wanted = payment_exceptions::Entity::find().filter(Column::StoreId.eq(query.store.0));
    if let Some(resolved) = query.resolved {
        wanted = wanted.filter(Column::Resolved.eq(resolved));
    }
    if let Some(kind) = query.kind {
        wanted = wanted.filter(Column::Kind.eq(kind));
    }
    if let Some(order) = query.order_no {
        wanted = wanted.filter(Column::OrderNo.eq(order.to_string()));
    }
    read_page(database, wanted, Column::Id, query.page, |row| Ok(row::exception(row))).await
}

pub(super) async fn resolve(
    database: &Database,
    store: StoreId,
    id: i64,
    resolution: &Resolution,
) -> StoreResult<Option<PayException>> {
    use payment_exceptions::{Column, Entity};
    let of_store = Column::Id.eq(id).and(Column::StoreId.eq(store.0));
    let open = of_store.clone().and(Column::Resolved.eq(false));
    let Resolution { at, by, note } = resolution;
    let resolve = Entity::update_many()
        .col_expr(Column::Resolved, Expr::value(true))
        .col_expr(Column::ResolvedAt, Expr::value(Stored(*at)))
        .col_expr(Column::ResolvedBy, Expr::value(by.as_str()))
        .col_expr(Column::Note, Expr::value(note.as_str()));
    resolve.filter(open).exec(database).await?;
    Ok(Entity::find().filter(of_store).one(database).await?.map(row::exception))
}

/// 128 bits of SHA-256: what says the same is kept once.
fn digest(detail: &str) -> String {
    let hash = Sha256::digest(detail);
    hash.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
