//! GET /orders/{order_no}/events: the order's status as server-sent events, the present one first, until a final one.
//!
//! An event names its status as `id`. Who connects again after the order has ended is told 204, which stops an event source.
//!
//! Followers of a process share one query ([`crate::followers`]). The streams of a user, their number in a
//! process and the duration of each are bounded; none outlives the token it was opened with.

use std::{convert::Infallible, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::header::{self, HeaderName},
    web::Bytes,
};
use futures_util::stream;
use serde::Serialize;
use sluice_kernel::{OrderNo, Timestamp};
use sluice_order::OrderStatus;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use utoipa::{
    PartialSchema as _, ToSchema,
    openapi::{Response, path::ParameterIn},
};

use crate::{
    auth::Role,
    connection::Traffic,
    endpoint::{Answer, Api, Caller, Describes, Description, Follower, Id, Problem, Route, json_content},
    followers::Slot,
    responses::words,
};

pub fn route() -> Route {
    Route::get("/api/v1/orders/{order_no}/events", events)
        .named("orderFollow", "Follows an order's status")
        .detail("A user has 10 streams at once unless set otherwise: 429 rate_limited beyond. The stream ends with its token.")
        .answers(
            "Server-sent events `status` with {order_no, status, at}: the present one, then changes, until paid, failed, \
             cancelled or refunded",
        )
        .refuses(&["rate_limited"])
}

/// The id of the last event that a client has seen, sent when it connects again.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A comment, so that proxies and dead peers are noticed.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// An event source that lost its connection waits this long before it connects again.
const RETRY: Duration = Duration::from_secs(2);
/// The client's event source connects again by itself.
const MAX_DURATION: Duration = Duration::from_hours(1);

/// `data` of an event `status`.
#[derive(Serialize, ToSchema)]
pub struct StatusEvent {
    order_no: OrderNo,
    status: words::OrderStatus,
    at: Timestamp,
}

struct Following {
    api: Api,
    order_no: OrderNo,
    status: watch::Receiver<OrderStatus>,
    sent: Option<OrderStatus>,
    ends_at: Instant,
    next_heartbeat: Instant,
    client: Traffic,
    /// Frees the stream's slot.
    _slot: Slot,
}

impl Following {
    fn event(&mut self, status: OrderStatus) -> Bytes {
        self.sent = Some(status);
        self.next_heartbeat = Instant::now() + HEARTBEAT;
        let event = StatusEvent { order_no: self.order_no, status: status.into(), at: self.api.shop.clock.now() };
        let data = serde_json::to_string(&event).unwrap_or_default();
        let (id, retry) = (status.as_str(), RETRY.as_millis());
        Bytes::from(format!("id: {id}\nretry: {retry}\nevent: status\ndata: {data}\n\n"))
    }

    async fn next(mut self) -> Option<(Bytes, Self)> {
        loop {
            let present = *self.status.borrow_and_update();
            if self.sent != Some(present) {
                return Some((self.event(present), self));
            }
            if present.ends_stream() {
                return None;
            }
            let stop = self.api.stop.clone();
            tokio::select! {
                () = stop.cancelled() => return None,
                () = self.client.closed() => return None,
                () = sleep_until(self.ends_at) => return None,
                changed = self.status.changed() => changed.ok()?,
                () = sleep_until(self.next_heartbeat) => {
                    self.next_heartbeat = Instant::now() + HEARTBEAT;
                    return Some((Bytes::from_static(b": still here\n\n"), self));
                }
            }
        }
    }
}

/// Server-sent events.
pub struct StatusStream(HttpResponse);

impl Responder for StatusStream {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0
    }
}

impl Describes for StatusStream {
    fn describe(operation: &mut Description) {
        let schema = operation.schema::<StatusEvent>();
        operation.with_content("text/event-stream", json_content(schema));
        operation.also_gives(204, Response::new("The order has ended, and Last-Event-ID says that this is a new connection"));
        let says = "The id of the last event seen; an event source sends it when it connects again";
        operation.parameter("Last-Event-ID", ParameterIn::Header, false, says, String::schema());
    }
}

/// Whose stream it is, and until when.
async fn known(follower: Follower, order_no: OrderNo, api: &Api) -> Answer<Caller> {
    let ticket = match follower {
        Follower::Known(caller) => return Ok(caller),
        Follower::Ticket(ticket) => ticket,
    };
    let taken = api.call(|shop| async move { shop.orders.take_ticket(order_no, &ticket).await }).await?;
    let kept = taken.ok_or_else(|| Problem::new("unauthenticated", "The ticket is used, run out, or of another order."))?;
    Ok(Caller { store: kept.store, user: kept.user, role: Role::Customer, expires_at: kept.stream_ends_at })
}

async fn events(follower: Follower, id: Id<OrderNo>, request: HttpRequest, api: Api) -> Answer<StatusStream> {
    let order_no = *id;
    let caller = known(follower, order_no, &api).await?;
    let slot = api.followers.admit(&caller)?;
    let duration = caller.expires_at.since(api.shop.clock.now()).min(MAX_DURATION);
    let found = api.call(|shop| async move { shop.orders.find(caller.store, Some(&caller.user), order_no).await });
    let present = found.await?.order.status();
    let seen = request.headers().get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or_default());
    if seen.is_some() && present.ends_stream() {
        return Ok(StatusStream(HttpResponse::NoContent().finish()));
    }
    let now = Instant::now();
    let following = Following {
        status: api.followers.follow(order_no, present),
        sent: seen.and_then(OrderStatus::parse),
        api,
        order_no,
        ends_at: now + duration,
        next_heartbeat: now + HEARTBEAT,
        client: request.conn_data::<Traffic>().cloned().unwrap_or_default(),
        _slot: slot,
    };
    let events = stream::unfold(following, |following| async move {
        let event = following.next().await;
        event.map(|(bytes, following)| (Ok::<_, Infallible>(bytes), following))
    });
    let mut response = HttpResponse::Ok();
    response.content_type("text/event-stream").insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(StatusStream(response.insert_header(("X-Accel-Buffering", "no")).streaming(events)))
}
