//! A client with a token: the public contract's calls, each answering status, headers and body as they came.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::http::http_client;
use crate::names::unique_name;
use crate::signing::SignedCallback;
use crate::wait::wait_for;

const PATIENCE: Duration = Duration::from_secs(30);

/// What the shop said.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// The body as JSON; `Null` when it is none.
    pub body: Value,
    headers: HeaderMap,
}

/// One user of one store, or nobody (without a token).
#[derive(Debug, Clone)]
pub struct Shopper {
    client: Client,
    base: String,
    token: Option<String>,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The problem's code, "" when the answer is no problem.
    pub fn code(&self) -> &str {
        self.body.get("code").and_then(Value::as_str).unwrap_or_default()
    }

    /// The order's number.
    pub fn order_no(&self) -> String {
        self.text("/order_no")
    }

    /// A text of the body, by JSON pointer; panics when it is not there.
    pub fn text(&self, pointer: &str) -> String {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no text at {pointer} in {} {}", self.status, self.body)).to_owned()
    }

    /// A whole number of the body, by JSON pointer; panics when it is not there.
    pub fn number(&self, pointer: &str) -> i64 {
        let found = self.body.pointer(pointer).and_then(Value::as_i64);
        found.unwrap_or_else(|| panic!("no number at {pointer} in {} {}", self.status, self.body))
    }

    /// Panics, showing the answer, when the status is another; for chains.
    #[must_use]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "the answer: {}", self.body);
        self
    }
}

impl Shopper {
    /// A client of the shop at `base` (`http://host:port`).
    pub fn new(base: &str, token: String) -> Self {
        Self { token: Some(token), ..Self::nobody(base) }
    }

    /// A client without a token.
    pub fn nobody(base: &str) -> Self {
        let client = http_client().timeout(PATIENCE).build().expect("an HTTP client can be made");
        Self { client, base: base.to_owned(), token: None }
    }

    /// The same user at another process of the shop.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// Any call; `path` begins at the root. The error is that of a connection refused, cut off or timed out.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body);
        }
        Self::answer(request).await
    }

    /// Bytes as a body, with no header but those given.
    pub async fn send_bytes(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = self.request(method, path).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Self::answer(request).await.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"))
    }

    /// A page for people, as a browser asks for it.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.request("GET", path).header("Accept", "text/html").send().await;
        let answer = answer.unwrap_or_else(|error| panic!("{path}: {error:?}"));
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        answer.text().await.unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }

    /// A request of this user, not sent yet.
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method of HTTP");
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn answer(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = serde_json::from_slice(&answer.bytes().await?).unwrap_or(Value::Null);
        Ok(Answer { status, body, headers })
    }

    /// Any call that must be answered.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let answer = self.try_send(method, path, headers, body.map(|body| body.to_string())).await;
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", &api(path), &[], None).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", &api(path), &[], Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", &api(path), &[], None).await
    }

    /// A POST without an idempotency key.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", &api(path), &[], Some(body)).await
    }

    pub async fn post_with_key(&self, path: &str, key: &str, body: Value) -> Answer {
        self.send("POST", &api(path), &[("Idempotency-Key", key)], Some(body)).await
    }

    /// Places a cart order of (SKU, quantity) lines under a key of its own.
    pub async fn place(&self, lines: &[(&str, i64)]) -> Answer {
        self.place_body(&unique_name("key"), order_of(lines)).await
    }

    /// Places a cart order with everything given.
    pub async fn place_body(&self, key: &str, body: Value) -> Answer {
        self.post_with_key("/orders", key, body).await
    }

    /// Places an order of the cart's selected lines.
    pub async fn place_cart(&self) -> Answer {
        self.place_body(&unique_name("key"), json!({"from_cart": true})).await
    }

    pub async fn order(&self, order_no: &str) -> Answer {
        self.get(&format!("/orders/{order_no}")).await
    }

    pub async fn cancel(&self, order_no: &str) -> Answer {
        self.send("POST", &api(&format!("/orders/{order_no}/cancel")), &[], None).await
    }

    /// Prepares the payment again.
    pub async fn prepare_payment(&self, order_no: &str) -> Answer {
        let path = api(&format!("/orders/{order_no}/payment"));
        self.send("POST", &path, &[("Idempotency-Key", &unique_name("key"))], None).await
    }

    /// Settles an order's payment at the embedded cashier: `paid` or `failed`. Takes an order as it was answered.
    pub async fn settle(&self, order: &Answer, outcome: &str) -> Answer {
        let path = format!("/pay/sandbox/{}", order.text("/payment/payment_id"));
        self.send("POST", &path, &[], Some(json!({"outcome": outcome}))).await
    }

    /// Pays an order at the embedded cashier.
    pub async fn pay(&self, order: &Answer) -> Answer {
        self.settle(order, "paid").await
    }

    pub async fn cart(&self) -> Answer {
        self.get("/cart").await
    }

    pub async fn put_in_cart(&self, sku: &str, quantity: i64, selected: bool) -> Answer {
        self.put(&format!("/cart/items/{sku}"), json!({"quantity": quantity, "selected": selected})).await
    }

    /// Asks until the order has the status, and answers it.
    pub async fn wait_for_status(&self, order_no: &str, status: &str, within: Duration) -> Answer {
        wait_for(&format!("order {order_no} becomes {status}"), within, async || {
            let answer = self.order(order_no).await;
            (answer.body.get("status").and_then(Value::as_str) == Some(status)).then_some(answer)
        })
        .await
    }

    /// A SKU's stock as staff sees it: (usable, locked, sold, received) in the gate, then in the database.
    pub async fn stock(&self, sku: &str) -> [[i64; 4]; 2] {
        let answer = self.get(&format!("/admin/skus/{sku}/stock")).await.expect_status(200);
        ["", "/ledger"].map(|at| ["usable", "locked", "sold", "received"].map(|name| answer.number(&format!("{at}/{name}"))))
    }

    /// Sends a provider's notification, which carries no token.
    pub async fn callback(&self, provider: &str, callback: &SignedCallback) -> Answer {
        let headers = callback.headers();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let nobody = Self { token: None, ..self.clone() };
        let path = api(&format!("/payments/{provider}/callback"));
        let answer = nobody.try_send("POST", &path, &headers, Some(callback.body.clone())).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }
}

fn api(path: &str) -> String {
    format!("/api/v1{path}")
}

fn order_of(lines: &[(&str, i64)]) -> Value {
    let items: Vec<Value> = lines.iter().map(|(sku, quantity)| json!({"sku_id": sku, "quantity": quantity})).collect();
    json!({ "items": items })
}
