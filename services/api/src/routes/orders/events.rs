//! GET /orders/{order_no}/events: the order's status as server-sent events, the present one first, until a final one.
//!
//! The stream asks for the status a few times a second; it needs no bus, so it tells the truth on every process. The
//! number of streams and the life of each are bounded.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{HttpResponse, get, http::header, web, web::Bytes};
use futures_util::stream;
use serde::Serialize;
use sluice_kernel::{OrderNo, StoreId, Timestamp};
use sluice_order::OrderStatus;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use crate::{
    auth::Customer,
    fields,
    problem::{Answer, Problem},
    routes::responses::Refusals,
    state::Api,
};

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A comment, so that proxies and dead peers are noticed.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The client's event source connects again by itself.
const LONGEST: Duration = Duration::from_hours(1);

/// `data` of an event `status`.
#[derive(Serialize, ToSchema)]
pub struct StatusEvent {
    #[schema(value_type = String)]
    order_no: OrderNo,
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

struct Follower {
    api: Arc<Api>,
    store: StoreId,
    order_no: OrderNo,
    told: Option<OrderStatus>,
    begun: Instant,
    last_sign: Instant,
    /// Frees the stream's place.
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    fn event(&mut self, status: OrderStatus) -> Bytes {
        self.told = Some(status);
        self.last_sign = Instant::now();
        let event = StatusEvent { order_no: self.order_no, status: status.as_str(), at: self.api.shop.clock.now() };
        let data = serde_json::to_string(&event).unwrap_or_default();
        Bytes::from(format!("event: status\ndata: {data}\n\n"))
    }

    async fn next(mut self, present: Option<OrderStatus>) -> Option<(Bytes, Self)> {
        if let Some(status) = present.filter(|_| self.told.is_none()) {
            return Some((self.event(status), self));
        }
        if self.told.is_some_and(OrderStatus::ends_stream) {
            return None;
        }
        loop {
            if self.begun.elapsed() > LONGEST {
                return None;
            }
            let stop = self.api.stop.clone();
            tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let (orders, store, order_no) = (self.api.shop.orders.clone(), self.store, self.order_no);
            // A look that fails is logged where it failed; the next one comes soon.
            let seen = self.api.ask(async move { orders.status(store, order_no).await }).await;
            if let Ok((status, _)) = seen
                && self.told != Some(status)
            {
                return Some((self.event(status), self));
            }
            if self.last_sign.elapsed() >= HEARTBEAT {
                self.last_sign = Instant::now();
                return Some((Bytes::from_static(b": still here\n\n"), self));
            }
        }
    }
}

/// Follows an order's status
#[utoipa::path(
    tag = "shop",
    params(("order_no" = String, Path, description = "Number of the order")),
    responses(
        (status = 200, description = "Server-sent events `status` with {order_no, status, at}: the present one, then changes, \
            until paid, failed, cancelled or refunded", body = StatusEvent, content_type = "text/event-stream"),
        Refusals<'_>
    ),
    security(("bearer" = []))
)]
#[get("/api/v1/orders/{order_no}/events")]
pub async fn events(Customer(caller): Customer, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let order_no = fields::order_no(&path)?;
    let full = |_| Problem::new("overloaded", "Too many orders are being followed; ask for the order instead.");
    let permit = api.streams.clone().try_acquire_owned().map_err(full)?;
    let (orders, store) = (api.shop.orders.clone(), caller.store);
    let detail = api.ask(async move { orders.find(store, Some(&caller.user), order_no).await }).await?;
    let present = detail.order.status();
    let now = Instant::now();
    let api = api.into_inner();
    let follower = Follower { api, store, order_no, told: None, begun: now, last_sign: now, _permit: permit };
    let events = stream::unfold(follower, move |follower| async move {
        let event = follower.next(Some(present)).await;
        event.map(|(bytes, follower)| (Ok::<_, std::convert::Infallible>(bytes), follower))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(events))
}
