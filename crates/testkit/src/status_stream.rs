//! An order's status as the shop streams it: server-sent events, read as they come.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;

use crate::shopper::Shopper;

/// An open stream of one order.
#[derive(Debug)]
pub struct StatusStream {
    response: Response,
    unread: Vec<u8>,
}

impl Shopper {
    /// Whatever is answered to a call that may go on for ever; only its head is waited for.
    pub async fn open(&self, path: &str) -> Response {
        self.request("GET", path).send().await.unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }

    /// Opens the stream of an order's status.
    pub async fn follow(&self, order_no: &str) -> StatusStream {
        let response = self.request("GET", &format!("/api/v1/orders/{order_no}/events")).send().await;
        let response = response.unwrap_or_else(|error| panic!("the stream of {order_no}: {error:?}"));
        assert_eq!(response.status().as_u16(), 200, "the stream of {order_no}");
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        assert!(kind.starts_with("text/event-stream"), "the stream's media type is {kind}");
        StatusStream { response, unread: Vec::new() }
    }
}

impl StatusStream {
    /// The next event `status`, its `data`; `None` when the shop has ended the stream. Comments are passed over.
    pub async fn next(&mut self, within: Duration) -> Option<Value> {
        tokio::time::timeout(within, self.read()).await.unwrap_or_else(|_| panic!("no event came within {within:?}"))
    }

    async fn read(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = self.unread.drain(..end + 2).collect();
                let event = String::from_utf8(event).expect("a stream of events is UTF-8");
                if let Some(data) = status_of(&event) {
                    return Some(data);
                }
                continue;
            }
            let chunk = self.response.chunk().await.unwrap_or_else(|error| panic!("the stream broke off: {error:?}"));
            self.unread.extend_from_slice(&chunk?);
        }
    }
}

/// The data of an event; `None` for a comment.
fn status_of(event: &str) -> Option<Value> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
    let data = field("data")?;
    assert_eq!(field("event"), Some("status"), "the event {event:?}");
    Some(serde_json::from_str(data).unwrap_or_else(|error| panic!("the event's data {data:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_and_comments_passed_over() {
        let data = status_of("event: status\ndata: {\"status\":\"paid\"}\n\n").expect("an event");
        assert_eq!(data["status"], "paid");
        assert_eq!(status_of(": still here\n\n"), None);
    }
}
