//! Refunds. The payment's row is held while an amount, and units of its order, are taken from what is left of them.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::Value;
use sluice_events::{PaymentSettled, RestockLine, SettledStatus};
use sluice_kernel::{Money, OrderNo, PortResult, RefundId, SkuId, StoreId, Timestamp};
use sluice_pay::{PayRefund, PaymentStatus, RefundBegin, RefundRepository, RefundRequest, RefundStatus};

use super::row::{self, PAID, PAYMENT_COLUMNS, REFUND_COLUMNS, REFUND_DONE, REFUND_PENDING, REFUND_REFUSED};
use crate::{
    database::Database,
    error::{StoreError, StoreResult},
    multi_row::{MultiRow, column},
    settlements,
    unit_of_work::UnitOfWork,
};

#[derive(Clone)]
pub struct SqlRefundRepository {
    database: Database,
}

impl SqlRefundRepository {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn read(&self, filter: &str, values: Vec<Value>) -> StoreResult<Vec<PayRefund>> {
        let select = format!("SELECT {} FROM refunds WHERE {filter}", REFUND_COLUMNS.join(", "));
        self.database.rows(select, values).await?.iter().map(row::refund).collect()
    }
}

/// When the sweeper asks for a refund that was begun here: whoever began it asks at once.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// The row of a refund that was refused before is taken over.
static WRITE: MultiRow = MultiRow::with_tail(
    "INSERT INTO refunds (refund_id, payment_id, order_no, store_id, amount, currency, status, reason, restock, created_at, \
     next_try_at, fingerprint) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    12,
    |dialect| {
        let anew = ["amount", "status", "reason", "restock", "created_at", "next_try_at", "fingerprint"];
        dialect.overwrite_existing("refund_id", &anew)
    },
);

async fn begin(unit: &UnitOfWork, request: &RefundRequest, now: Timestamp) -> StoreResult<RefundBegin> {
    // The payment's row is held: refunds of one order follow each other.
    let select = format!(
        "SELECT {} FROM payments WHERE payment_id = ? AND store_id = ? AND order_no = ?{}",
        PAYMENT_COLUMNS.join(", "),
        unit.dialect().for_update()
    );
    let values = vec![request.payment_id.as_str().into(), request.store.0.into(), request.order_no.id().into()];
    let Some(found) = unit.row(select, values).await? else {
        return Ok(RefundBegin::NotPaid);
    };
    let payment = row::payment(&found)?;
    if let Some((begun, fingerprint)) = find_with_fingerprint(unit, &request.id).await?
        && begun.status != RefundStatus::Refused
    {
        let other = fingerprint.zip(request.fingerprint).is_some_and(|(begun, asked)| begun != asked);
        return Ok(if other { RefundBegin::KeyReused } else { RefundBegin::Begun(begun) });
    }
    if payment.status != PaymentStatus::Paid {
        return Ok(RefundBegin::NotPaid);
    }

    let left = payment.amount.amount - payment.refunded;
    let amount = request.amount.unwrap_or(left);
    // Nothing can be given back of a payment that has nothing left; only an order that cost nothing is refunded by 0.
    let sound = (1..=left).contains(&amount) || (amount == 0 && payment.amount.amount == 0);
    if !sound {
        return Ok(RefundBegin::TooLarge { left });
    }
    let restock = match restockable(unit, request).await? {
        Ok(restock) => restock,
        Err(refused) => return Ok(refused),
    };
    let take = "UPDATE payments SET refunded = refunded + ? \
        WHERE payment_id = ? AND store_id = ? AND status = ? AND amount - refunded >= ?";
    let values = vec![amount.into(), payment.id.as_str().into(), payment.store.0.into(), PAID.into(), amount.into()];
    if amount > 0 && unit.execute(take, values).await? == 0 {
        return Ok(RefundBegin::TooLarge { left });
    }
    let refund = PayRefund {
        id: request.id.clone(),
        store: request.store,
        order_no: request.order_no,
        payment_id: payment.id,
        amount: Money::new(amount, payment.amount.currency),
        status: RefundStatus::Pending,
        reason: request.reason.clone(),
        restock,
        created_at: now,
        attempts: 0,
    };
    let values = row::refund_values(&refund, request.fingerprint.as_ref(), now.plus(FIRST_LOOK))?;
    WRITE.run(unit, values.into()).await?;
    // What became of the one that was refused says nothing of this one.
    let anew = "UPDATE refunds SET attempts = 0, refusal = NULL WHERE refund_id = ? AND attempts > 0";
    unit.execute(anew, vec![refund.id.as_str().into()]).await?;
    Ok(RefundBegin::Begun(refund))
}

/// What is asked for of each SKU, within what the order's other refunds have left of it.
async fn restockable(unit: &UnitOfWork, request: &RefundRequest) -> StoreResult<Result<Vec<RestockLine>, RefundBegin>> {
    if request.restock.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let select = "SELECT restock FROM refunds WHERE order_no = ? AND store_id = ? AND refund_id <> ? AND status <> ?";
    let values = vec![request.order_no.id().into(), request.store.0.into(), request.id.as_str().into(), REFUND_REFUSED.into()];
    let mut begun: HashMap<SkuId, i64> = HashMap::new();
    for row in unit.rows(select, values).await? {
        for line in serde_json::from_str::<Vec<RestockLine>>(&column::<String>(&row, 0)?)? {
            *begun.entry(line.sku_id).or_default() += line.quantity;
        }
    }
    let mut lines = Vec::with_capacity(request.restock.len());
    for ask in &request.restock {
        let left = ask.ordered.saturating_sub(begun.get(&ask.sku_id).copied().unwrap_or(0)).max(0);
        let quantity = ask.wanted.unwrap_or(left);
        if quantity > left {
            return Ok(Err(RefundBegin::RestockTooLarge { sku: ask.sku_id, left }));
        }
        if quantity > 0 {
            lines.push(RestockLine { sku_id: ask.sku_id, quantity });
        }
    }
    Ok(Ok(lines))
}

async fn find_with_fingerprint(unit: &UnitOfWork, id: &RefundId) -> StoreResult<Option<(PayRefund, Option<[u8; 32]>)>> {
    let select = format!("SELECT {} FROM refunds WHERE refund_id = ?", REFUND_COLUMNS.join(", "));
    let Some(found) = unit.row(select, vec![id.as_str().into()]).await? else { return Ok(None) };
    let fingerprint = found.try_get_by::<Option<Vec<u8>>, _>("fingerprint")?;
    Ok(Some((row::refund(&found)?, fingerprint.and_then(|bytes| bytes.try_into().ok()))))
}

async fn find(unit: &UnitOfWork, id: &RefundId) -> StoreResult<Option<PayRefund>> {
    Ok(find_with_fingerprint(unit, id).await?.map(|(refund, _)| refund))
}

async fn finish(unit: &UnitOfWork, id: &RefundId, traceparent: Option<&str>, now: Timestamp) -> StoreResult<()> {
    let update = "UPDATE refunds SET status = ?, finished_at = ? WHERE refund_id = ? AND status = ?";
    let values = vec![REFUND_DONE.into(), now.as_millis().into(), id.as_str().into(), REFUND_PENDING.into()];
    if unit.execute(update, values).await? == 0 {
        return Ok(());
    }
    let refund = find(unit, id).await?.ok_or(StoreError::Corrupt("refunds"))?;
    let select = "SELECT provider FROM payments WHERE payment_id = ? AND store_id = ?";
    let found = unit.row(select, vec![refund.payment_id.as_str().into(), refund.store.0.into()]).await?;
    let provider = found.ok_or(StoreError::Corrupt("refunds.payment_id"))?.try_get_by("provider")?;
    let settled = PaymentSettled {
        order_no: refund.order_no,
        store_id: refund.store,
        payment_id: refund.payment_id,
        provider,
        status: SettledStatus::Refunded,
        amount: refund.amount,
        points: None,
        refund_id: Some(refund.id),
        restock: refund.restock,
        at: now,
    };
    settlements::tell(unit, vec![(settled, traceparent)], now).await
}

async fn refuse(unit: &UnitOfWork, id: &RefundId, reason: &str, now: Timestamp) -> StoreResult<()> {
    // Payment before refund, as whoever begins one takes them.
    let Some(refund) = find(unit, id).await? else { return Ok(()) };
    let lock = format!("SELECT refunded FROM payments WHERE payment_id = ?{}", unit.dialect().for_update());
    unit.row(lock, vec![refund.payment_id.as_str().into()]).await?;
    let update = "UPDATE refunds SET status = ?, refusal = ?, finished_at = ? WHERE refund_id = ? AND status = ?";
    let values = vec![
        REFUND_REFUSED.into(),
        reason.chars().take(500).collect::<String>().into(),
        now.as_millis().into(),
        id.as_str().into(),
        REFUND_PENDING.into(),
    ];
    if unit.execute(update, values).await? == 0 {
        return Ok(());
    }
    let give_back = "UPDATE payments SET refunded = refunded - ? WHERE payment_id = ? AND refunded >= ?";
    let amount = refund.amount.amount;
    if amount > 0 && unit.execute(give_back, vec![amount.into(), refund.payment_id.as_str().into(), amount.into()]).await? != 1 {
        return Err(StoreError::Contradiction("a refused refund of more than was taken for refunds"));
    }
    Ok(())
}

/// A row that cannot be read holds up no other one.
async fn step_aside(unit: &UnitOfWork, id: String, until: Timestamp, error: &StoreError) -> StoreResult<()> {
    tracing::error!(refund.id = %id, error = %error, "A refund cannot be read.");
    unit.execute("UPDATE refunds SET next_try_at = ? WHERE refund_id = ?", vec![until.as_millis().into(), id.into()]).await?;
    Ok(())
}

async fn claim(unit: &UnitOfWork, limit: u32, now: Timestamp, until: Timestamp) -> StoreResult<Vec<PayRefund>> {
    let select = format!(
        "SELECT {}, next_try_at FROM refunds WHERE status = ? AND next_try_at <= ? ORDER BY next_try_at LIMIT ?",
        REFUND_COLUMNS.join(", ")
    );
    let values = vec![REFUND_PENDING.into(), now.as_millis().into(), i64::from(limit).into()];
    let mut due = Vec::new();
    for found in unit.rows(select, values).await? {
        let next_try_at: i64 = found.try_get_by("next_try_at")?;
        match row::refund(&found) {
            Ok(refund) => due.push((refund, next_try_at)),
            Err(error) => step_aside(unit, found.try_get_by("refund_id")?, until, &error).await?,
        }
    }
    due.sort_by(|one, other| one.0.id.as_str().cmp(other.0.id.as_str()));
    let mut claimed = Vec::with_capacity(due.len());
    for (mut refund, next_try_at) in due {
        let take =
            "UPDATE refunds SET next_try_at = ?, attempts = attempts + 1 WHERE refund_id = ? AND status = ? AND next_try_at = ?";
        let values = vec![until.as_millis().into(), refund.id.as_str().into(), REFUND_PENDING.into(), next_try_at.into()];
        if unit.execute(take, values).await? == 1 {
            refund.attempts = refund.attempts.saturating_add(1);
            claimed.push(refund);
        }
    }
    Ok(claimed)
}

#[async_trait]
impl RefundRepository for SqlRefundRepository {
    async fn begin(&self, request: &RefundRequest, now: Timestamp) -> PortResult<RefundBegin> {
        self.database.transact("beginning a refund", move |unit, _| begin(unit, request, now).boxed()).await
    }

    async fn finish(&self, id: &RefundId, traceparent: Option<&str>, now: Timestamp) -> PortResult<()> {
        self.database.transact("finishing a refund", move |unit, _| finish(unit, id, traceparent, now).boxed()).await
    }

    async fn find(&self, id: &RefundId) -> PortResult<Option<PayRefund>> {
        let found = self.read("refund_id = ?", vec![id.as_str().into()]).await;
        found.map(|rows| rows.into_iter().next()).map_err(|error| error.into_port("reading a refund"))
    }

    async fn of_order(&self, store: StoreId, order: OrderNo) -> PortResult<Vec<PayRefund>> {
        let filter = "store_id = ? AND order_no = ? ORDER BY created_at, refund_id";
        let found = self.read(filter, vec![store.0.into(), order.id().into()]).await;
        found.map_err(|error| error.into_port("reading an order's refunds"))
    }

    async fn refuse(&self, id: &RefundId, reason: &str, now: Timestamp) -> PortResult<()> {
        self.database.transact("noting a refused refund", move |unit, _| refuse(unit, id, reason, now).boxed()).await
    }

    async fn claim(&self, limit: u32, now: Timestamp, until: Timestamp) -> PortResult<Vec<PayRefund>> {
        self.database.transact("claiming refunds", move |unit, _| claim(unit, limit, now, until).boxed()).await
    }

    async fn put_off(&self, id: &RefundId, until: Timestamp) -> PortResult<()> {
        let update = "UPDATE refunds SET next_try_at = ? WHERE refund_id = ? AND status = ?";
        let values = vec![until.as_millis().into(), id.as_str().into(), REFUND_PENDING.into()];
        let written = self.database.execute(update, values).await;
        written.map(|_| ()).map_err(|error| error.into_port("putting a refund off"))
    }
}
