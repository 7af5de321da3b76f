//! One try to change an order. Who loses the compare-and-set reads again and decides anew.

use sluice_kernel::{PortError, TraceContext};

use crate::{Applied, Order, OrderError, OrderState, Orders, StockStep, Transition};

/// An order changes a handful of times in its life; losing more often than this in a row is a defect.
pub(super) const MAX_LOST_RACES: u32 = 8;

/// What a try to change an order came to.
pub(crate) enum Attempt {
    /// The order has changed, and with it the settlement was taken.
    Taken,
    /// Nothing is left to change.
    Settled,
    Lost,
}

impl Orders {
    pub(crate) async fn try_apply(&self, transition: &Transition) -> Result<Attempt, OrderError> {
        match self.ports.orders.apply(transition).await? {
            Applied::Done => {
                self.ports.stock.hint_effects();
                Ok(Attempt::Taken)
            }
            Applied::Repeated => Ok(Attempt::Settled),
            Applied::Lost | Applied::Short | Applied::EpochMoved | Applied::MoneyStored => Ok(Attempt::Lost),
        }
    }

    pub(crate) fn plain_transition(&self, order: &Order, to: OrderState) -> Transition {
        Transition {
            store: order.store,
            order_no: order.order_no,
            version: order.version,
            from: order.status(),
            to,
            paid_at: None,
            stock: StockStep::None,
            refund: None,
            settles: None,
            fact: None,
            traceparent: TraceContext::current_header(),
            now: self.ports.clock.now(),
        }
    }
}

pub(super) fn too_many_races() -> OrderError {
    OrderError::Port(PortError::internal("the order's compare-and-set", "lost too many races in a row"))
}
