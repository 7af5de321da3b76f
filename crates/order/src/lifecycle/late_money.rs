//! Money that comes for an order that is closed, or paid already (docs/domain.md S2 rule 9): never silent. It re-reserves where stock
//! allows, though the product be unlisted meanwhile; else it goes back and is shown to staff.

use sluice_events::PaymentSettled;
use sluice_kernel::{PaymentId, PortError, RefundId, ReservationId, SkuId};

use super::attempt::Attempt;
use crate::{Applied, Order, OrderError, Orders, PaymentRefund, ReserveAnswer, ReserveTerms, StockStep, Transition};

/// Reservations in one try: each may have been used up by a process that died. More than this means that the gate is
/// being rebuilt.
const MAX_ATTEMPTS: u16 = 8;

/// What a gate outside the database says to late money.
enum Hold {
    /// In this epoch; `None` where the commit decides.
    Held(Option<i64>),
    /// Its name was used up by a process that died: the next one is free.
    Gone,
    Short,
    /// The order changed meanwhile.
    Lost,
}

impl Orders {
    pub(crate) async fn take_late_money(&self, order: Order, settled: &PaymentSettled) -> Result<Attempt, OrderError> {
        let terms = order.late_terms();
        let mut attempt = order.reservation.attempt;
        for further in 1..=MAX_ATTEMPTS {
            attempt = attempt.saturating_add(1);
            let reservation = ReservationId { attempt, ..order.reservation };
            let epoch = match self.hold_late(&order, reservation, terms.as_ref()).await? {
                Hold::Held(epoch) => epoch,
                Hold::Gone => {
                    if further == 1 {
                        // Tries of days may have used up more names than one try asks for.
                        attempt = attempt.max(self.ports.orders.last_attempt(order.order_no).await?);
                    }
                    continue;
                }
                Hold::Lost => return Ok(Attempt::Lost),
                Hold::Short => return self.close_with_late_money(order, settled).await,
            };
            let step = StockStep::LateSell { reservation, epoch, terms: terms.clone() };
            let transition = self.paid_transition(&order, settled, reservation, true, step)?;
            match self.ports.orders.apply(&transition).await? {
                Applied::Done => {
                    self.ports.stock.hint_effects();
                    return Ok(Attempt::Taken);
                }
                Applied::Repeated => return Ok(Attempt::Settled),
                Applied::Short => return self.close_with_late_money(order, settled).await,
                // The gate was rebuilt, or the sweeper took this reservation for an orphan: under the next name.
                Applied::EpochMoved => self.give_back_late(&order, reservation, epoch).await?,
                Applied::Lost | Applied::MoneyStored => {
                    self.give_back_late(&order, reservation, epoch).await?;
                    return Ok(Attempt::Lost);
                }
            }
        }
        // The units may be there: try later, and refund only what is really short.
        Err(PortError::GateClosed.into())
    }

    /// Another process may have won with this very reservation: it goes back only if the order did not keep it.
    async fn give_back_late(&self, order: &Order, reservation: ReservationId, epoch: Option<i64>) -> Result<(), OrderError> {
        if epoch.is_none() {
            return Ok(());
        }
        let now = self.ports.orders.find(order.store, order.order_no).await?;
        if now.is_none_or(|now| now.reservation != reservation) {
            self.ports.stock.release(order.store, reservation, self.ports.clock.now()).await?;
        }
        Ok(())
    }

    async fn hold_late(&self, order: &Order, reservation: ReservationId, terms: Option<&ReserveTerms>) -> Result<Hold, OrderError> {
        if self.ports.stock.decides_in_commit() {
            return Ok(Hold::Held(None));
        }
        let lines: Vec<(SkuId, i64, Option<i64>)> =
            order.items.iter().map(|item| (item.line.sku_id, item.line.quantity.get(), None)).collect();
        // Another process may have sold this very reservation since the order was read, and a gate that was counted anew
        // since then counts it sold: the order is read again in the epoch in which the gate is asked.
        let asked_in = self.ports.stock.epoch(order.store).await?;
        if self.ports.orders.find(order.store, order.order_no).await?.is_none_or(|now| now.version != order.version) {
            return Ok(Hold::Lost);
        }
        Ok(match self.ports.stock.reserve_in(asked_in, order.store, reservation, &lines, terms, self.ports.clock.now()).await? {
            ReserveAnswer::Held { epoch } => Hold::Held(Some(epoch)),
            ReserveAnswer::Gone => Hold::Gone,
            ReserveAnswer::Refused(_) => Hold::Short,
        })
    }

    async fn close_with_late_money(&self, order: Order, settled: &PaymentSettled) -> Result<Attempt, OrderError> {
        let to = order.state.clone().pay_after_close(settled.payment_id.clone()).map_err(|_| OrderError::NotCancellable)?;
        let transition = Transition { paid_at: Some(settled.at), ..self.plain_transition(&order, to) };
        if matches!(self.try_apply(&transition).await?, Attempt::Lost) {
            return Ok(Attempt::Lost);
        }
        self.return_late_money(&order, &settled.payment_id).await?;
        Ok(Attempt::Settled)
    }

    pub(crate) async fn return_late_money(&self, order: &Order, payment: &PaymentId) -> Result<(), OrderError> {
        let detail = "Money came after the order was closed and its stock was gone; it is refunded.".to_owned();
        self.ports.payments.keep_exception("paid_after_close", order.store, order.order_no, payment, detail).await?;
        self.return_all(order, payment, "late", "paid after close").await
    }

    pub(crate) async fn return_second_payment(&self, order: &Order, settled: &PaymentSettled) -> Result<Attempt, OrderError> {
        let payment = &settled.payment_id;
        let detail = "A second payment came for an order that does not need it; it is refunded.".to_owned();
        self.ports.payments.keep_exception("paid_twice", order.store, order.order_no, payment, detail).await?;
        self.return_all(order, payment, "twice", "paid twice").await?;
        Ok(Attempt::Settled)
    }

    /// The refund's id follows from the payment, so that asking twice refunds once.
    async fn return_all(&self, order: &Order, payment: &PaymentId, suffix: &str, reason: &str) -> Result<(), OrderError> {
        let command = PaymentRefund {
            id: RefundId(format!("{payment}-{suffix}")),
            store: order.store,
            order_no: order.order_no,
            payment: payment.clone(),
            amount: None,
            reason: reason.to_owned(),
            restock: Vec::new(),
            fingerprint: None,
        };
        match self.ports.payments.refund(command).await {
            // A provider's no is final, and staff were told of it.
            Ok(_) | Err(OrderError::RefundRefused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
