//! Order prepares, closes and refunds payments through pay; the user's account at the provider comes from member.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use sluice_kernel::{Clock, InvalidField, OrderNo, PaymentHandle, PaymentId, PortResult, RefundId, StoreId};
use sluice_member::MemberService;
use sluice_order::{NewOrder, Order, OrderError, PaymentRefund, Payments};
use sluice_pay::{
    CloseAnswer, PayError, PayException, PayLine, PayService, PaymentRequest, RefundRequest, RefundStatus, RestockAsk,
};

pub struct OrderToPay {
    pub pay: Arc<dyn PayService>,
    pub member: Arc<dyn MemberService>,
    pub clock: Arc<dyn Clock>,
}

fn request(order: &Order) -> PaymentRequest {
    PaymentRequest {
        store: order.store,
        user: order.user.clone(),
        order_no: order.order_no,
        total: order.terms.total,
        allotable_profit: order.terms.profit_total,
        phone: order.terms.recipient.phone.clone(),
        store_code: order.terms.store_code.clone(),
        attribution: order.terms.attribution.clone(),
        redirect_type: order.terms.redirect_type.clone(),
        expires_at: order.terms.expires_at,
        lines: order
            .items
            .iter()
            .map(|item| PayLine {
                sku_id: item.line.sku_id,
                title: item.line.title.to_string(),
                unit_price: item.line.unit_price,
                count: item.line.quantity,
                supplier_price: item.line.supplier_price,
                allotable_profit: item.line.allotable_profit,
            })
            .collect(),
    }
}

#[async_trait]
impl Payments for OrderToPay {
    fn instant(&self, order: &NewOrder) -> Option<PaymentHandle> {
        self.pay.instant(order.store, &order.user, order.order_no, order.terms.total, order.terms.expires_at)
    }

    async fn prepare(&self, order: &Order) -> Result<PaymentHandle, OrderError> {
        // The sandbox knows no accounts: its channel needs no call, so member is not asked on the placement path.
        let account = match self.pay.provider() {
            "sandbox" => None,
            provider => {
                self.member.account(order.store, &order.user, provider).await.map_err(|error| super::port_error("member", error))?
            }
        };
        let handle = self.pay.prepare(&request(order), account.as_ref().map(|account| account.account.as_str())).await;
        match handle {
            Ok(handle) => Ok(handle),
            Err(PayError::Closed) => Err(OrderError::PaymentClosed),
            Err(PayError::Port(error)) => Err(error.into()),
            Err(error) => Err(super::port_error("the payment", error).into()),
        }
    }

    async fn first(&self, store: StoreId, order: OrderNo) -> PortResult<Option<PaymentHandle>> {
        self.pay.first(store, order).await.map_err(|error| super::port_error("the payment", error))
    }

    async fn latest(&self, store: StoreId, orders: &[OrderNo]) -> PortResult<HashMap<OrderNo, PaymentHandle>> {
        self.pay.latest(store, orders).await.map_err(|error| super::port_error("the payments", error))
    }

    async fn close(&self, store: StoreId, order: OrderNo) -> PortResult<bool> {
        let answer = self.pay.close(store, order).await.map_err(|error| super::port_error("the payment", error))?;
        Ok(answer == CloseAnswer::Paid)
    }

    async fn refund(&self, command: PaymentRefund) -> Result<(i64, bool), OrderError> {
        let request = RefundRequest {
            id: command.id,
            store: command.store,
            order_no: command.order_no,
            payment_id: command.payment,
            amount: command.amount,
            reason: command.reason,
            restock: command
                .restock
                .iter()
                .map(|wish| RestockAsk { sku_id: wish.sku_id, wanted: wish.wanted, ordered: wish.ordered })
                .collect(),
            fingerprint: command.fingerprint,
        };
        match self.pay.refund(request).await {
            Ok(refund) => Ok((refund.amount.amount, refund.status == RefundStatus::Done)),
            Err(PayError::RefundTooLarge { left: 0 }) if command.amount.is_none() => {
                Err(OrderError::NotRefundable("all of it was refunded".to_owned()))
            }
            Err(error @ PayError::RestockTooLarge { sku, .. }) => {
                let index = command.restock.iter().position(|wish| wish.sku_id == sku).unwrap_or_default();
                Err(InvalidField::new(("restock_items", index), error.to_string()).into())
            }
            Err(PayError::KeyReused) => Err(OrderError::KeyReused),
            Err(PayError::RefundRefused(reason)) => Err(OrderError::RefundRefused(reason)),
            Err(error @ PayError::RefundTooLarge { .. }) => Err(InvalidField::new("amount", error.to_string()).into()),
            Err(PayError::InvalidField(invalid)) => Err(invalid.into()),
            Err(PayError::Port(error)) => Err(error.into()),
            Err(error) => Err(super::port_error("the refund", error).into()),
        }
    }

    async fn is_refunding(&self, store: StoreId, order: OrderNo, id: &RefundId) -> PortResult<bool> {
        let known = self.pay.refunds(store, order).await.map_err(|error| super::port_error("the refunds", error))?;
        Ok(known.iter().any(|refund| refund.id == *id && refund.status != RefundStatus::Refused))
    }

    async fn keep_exception(
        &self,
        kind: &'static str,
        store: StoreId,
        order: OrderNo,
        payment: &PaymentId,
        detail: String,
    ) -> PortResult<()> {
        let exception = PayException {
            id: 0,
            kind: kind.to_owned(),
            store_id: Some(store),
            order_no: Some(order.to_string()),
            payment_id: Some(payment.to_string()),
            detail,
            at: self.clock.now(),
            resolution: None,
        };
        self.pay.keep_exception(exception).await.map_err(|error| super::port_error("the exception list", error))
    }
}
