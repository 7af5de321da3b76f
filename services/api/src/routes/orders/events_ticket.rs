//! POST /orders/{order_no}/events-ticket: lets an event source follow the order without a token.

use serde::Serialize;
use sluice_kernel::{OrderNo, Timestamp};
use sluice_order::FollowTicket;
use utoipa::ToSchema;

use crate::endpoint::{Answer, Api, Body, Customer, Id, NoFields, Performed, Route};

pub fn route() -> Route {
    Route::post("/api/v1/orders/{order_no}/events-ticket", ticket)
        .named("orderTicketCreate", "Gives a ticket for the order's status stream")
        .detail(
            "For `EventSource`, which cannot send a header: `GET /orders/{order_no}/events?ticket=`. A ticket is for this order, \
             one use, and a minute; the stream ends when the token would that asked for it.",
        )
        .answers("The ticket")
        .refuses(&["rate_limited"])
}

#[derive(Serialize, ToSchema)]
#[schema(as = FollowTicket)]
pub struct TicketAnswer {
    #[schema(example = "5b1c0d6f0e9a4c7f8d2a3b4c5d6e7f80")]
    ticket: String,
    expires_at: Timestamp,
}

impl From<FollowTicket> for TicketAnswer {
    fn from(FollowTicket { ticket, expires_at }: FollowTicket) -> Self {
        Self { ticket, expires_at }
    }
}

async fn ticket(customer: Customer, id: Id<OrderNo>, _body: NoFields, api: Api) -> Answer<Performed<Body<TicketAnswer>>> {
    api.ticket_limit.check(&customer)?;
    let issued = api.call(|shop| async move { shop.orders.ticket(customer.store, &customer.user, *id, customer.expires_at).await });
    issued.await.map(Body::of).map(Performed)
}
