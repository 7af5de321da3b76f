//! Tickets: one use of one order's status stream, for browsers' event sources, which cannot send a token (docs/api.md, Following
//! an order). A ticket may be used at any process of the shop, so it is kept where all of them look.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use sluice_kernel::{OrderNo, StoreId, Timestamp, UserId};

use crate::{KeptTicket, OrderError, Orders};

/// How long a ticket waits for its use.
const TICKET_LIFE: Duration = Duration::from_mins(1);

/// What the owner of an order is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowTicket {
    /// 128 random bits in hexadecimal.
    pub ticket: String,
    pub expires_at: Timestamp,
}

fn digest(ticket: &str) -> String {
    Sha256::digest(ticket).iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
}

impl Orders {
    pub(crate) async fn issue_ticket(
        &self,
        store: StoreId,
        user: &UserId,
        order_no: OrderNo,
        stream_ends_at: Timestamp,
    ) -> Result<FollowTicket, OrderError> {
        let order = self.order_of(store, Some(user), order_no).await?;
        let (ticket, expires_at) = (self.ports.ids.token(), self.ports.clock.now().plus(TICKET_LIFE));
        let kept = KeptTicket { digest: digest(&ticket), store, order_no, user: order.user, expires_at, stream_ends_at };
        self.ports.tickets.keep(&kept).await?;
        Ok(FollowTicket { ticket, expires_at })
    }

    pub(crate) async fn use_ticket(&self, order: OrderNo, ticket: &str) -> Result<Option<KeptTicket>, OrderError> {
        let taken = self.ports.tickets.take(&digest(ticket), order).await?;
        let now = self.ports.clock.now();
        // One that was made by a clock far ahead has run out as well.
        Ok(taken.filter(|kept| now < kept.expires_at && kept.expires_at <= now.plus(2 * TICKET_LIFE)))
    }
}
