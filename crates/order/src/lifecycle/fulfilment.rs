//! Paid orders on their way to the buyer; staff move them.

use sluice_kernel::{OrderNo, StoreId};

use crate::{Applied, OrderDetail, OrderError, OrderState, Orders, Refused};

impl Orders {
    pub(crate) async fn advance(
        &self,
        store: StoreId,
        order_no: OrderNo,
        step: fn(OrderState) -> Result<OrderState, Refused>,
    ) -> Result<OrderDetail, OrderError> {
        let order = self.order(store, order_no).await?;
        let to = step(order.state.clone()).map_err(|refused| OrderError::WrongState(refused.to_string()))?;
        let transition = self.plain_transition(&order, to);
        match self.ports.orders.apply(&transition).await? {
            Applied::Done => self.detail(self.order(store, order_no).await?).await,
            Applied::Lost | Applied::Repeated | Applied::Short | Applied::EpochMoved | Applied::MoneyStored => {
                Err(OrderError::WrongState("the order changed meanwhile".to_owned()))
            }
        }
    }
}
