//! A server on a free port, and requests to it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sluice_api::{ApiSettings, TokenSettings};
use sluice_app::{Config, OpenOptions, OpenShop, Secret, Secrets, Shop};
use sluice_kernel::{PageRequest, StoreId};
use sluice_order::OrderQuery;
use sluice_testkit::{Scratch, SignedCallback, free_port, wait_until};
use sluice_worker::{Hints, WorkerSettings};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::failing::Failing;

pub const SECRET: &str = "a secret for tests, long enough for anyone";
/// 2100-01-01.
pub const FAR: i64 = 4_102_444_800;

/// Signs the callbacks of the sandbox.
pub const SANDBOX_SECRET: &str = "a sandbox secret";

/// The API over the real services on SQLite, with the demo data (docs/demo.md).
pub struct Running {
    pub base: String,
    pub shop: Shop,
    pub failing: Arc<Failing>,
    pub stop: CancellationToken,
    pub served: JoinHandle<()>,
    client: Client,
    open: OpenShop,
    _folder: Scratch,
}

pub fn claims(role: &str) -> Value {
    json!({"sub": "42", "store_id": "1", "role": role, "exp": FAR, "iss": "sluice", "aud": "sluice"})
}

pub fn sign(claims: &Value, secret: &str, algorithm: Algorithm) -> String {
    sluice_app::install_token_provider();
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

pub fn token(role: &str) -> String {
    sign(&claims(role), SECRET, Algorithm::HS256)
}

impl Running {
    pub async fn demo() -> Self {
        Self::with(|_| {}).await
    }

    /// With a worker, so that events are delivered.
    pub async fn at_work() -> Self {
        let running = Self::demo().await;
        let OpenShop { shop, bus, outbox, effects, points, .. } = &running.open;
        let hints = Hints { outbox: outbox.clone(), effects: effects.clone(), points: points.clone() };
        tokio::spawn(sluice_worker::run(shop.clone(), bus.clone(), hints, WorkerSettings::default(), running.stop.clone()));
        running
    }

    pub async fn with(change: impl FnOnce(&mut ApiSettings)) -> Self {
        let folder = Scratch::in_memory();
        let config = Config { data_dir: folder.path().join("data"), ..Config::default() };
        let secrets = Secrets { jwt: Secret::new(SECRET), sandbox: Secret::new(SANDBOX_SECRET), generated: false };
        let options = OpenOptions { migrate: true, demo: true, ..OpenOptions::default() };
        // The sandbox sends its callbacks to the address that the API listens on afterwards.
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let base = format!("http://{address}");
        let open = Box::pin(OpenShop::open(&config, &secrets, &base, options)).await.unwrap();
        let mut shop = open.shop.clone();
        let failing = Failing::between(&mut shop);
        let mut settings = settings(address);
        change(&mut settings);
        let bound = sluice_api::bind(shop.clone(), settings).unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let served = tokio::spawn(async move { bound.run(stopped).await.unwrap() });
        Self { base, shop, failing, stop, served, client: sluice_testkit::http_client().build().unwrap(), open, _folder: folder }
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.base))
    }

    pub fn customer(&self, method: &str, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(token("customer"))
    }

    pub fn staff(&self, method: &str, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(token("staff"))
    }

    pub fn place(&self, key: &str) -> RequestBuilder {
        self.customer("POST", "/api/v1/orders").header("Idempotency-Key", key)
    }

    /// Asks for two units of a SKU.
    pub async fn order(&self, key: &str, sku: &str) -> Response {
        self.place(key).json(&json!({"items": [{"sku_id": sku, "quantity": 2}]})).send().await.unwrap()
    }

    /// Two units of SKU 1, ordered.
    pub async fn ordered(&self, key: &str) -> Value {
        let placed = self.order(key, "1").await;
        assert_eq!(placed.status(), 201);
        placed.json().await.unwrap()
    }

    /// Asks for units of an offer.
    pub async fn take(&self, activity: &str, key: &str, body: &Value) -> Response {
        let request = self.customer("POST", &format!("/api/v1/activities/{activity}/orders")).header("Idempotency-Key", key);
        request.json(body).send().await.unwrap()
    }

    /// The callback of an order's payment, signed.
    pub async fn callback(&self, body: &Value) -> Response {
        let signed = SignedCallback::new(SANDBOX_SECRET, body);
        let request = self.request("POST", "/api/v1/payments/sandbox/callback");
        signed
            .headers()
            .into_iter()
            .fold(request, |request, (name, value)| request.header(name, value))
            .body(signed.body)
            .send()
            .await
            .unwrap()
    }

    /// Pays the order and waits until it is paid. Needs a worker.
    pub async fn pay(&self, order: &Value) {
        assert_eq!(self.callback(&paid(order)).await.status(), 200);
        self.wait_for_status(order, "paid").await;
    }

    pub async fn wait_for_status(&self, order: &Value, status: &str) {
        let path = format!("/api/v1/orders/{}", order["order_no"].as_str().unwrap());
        wait_until(&format!("the order is {status}"), Duration::from_secs(10), async || {
            let order: Value = self.customer("GET", &path).send().await.unwrap().json().await.unwrap();
            order["status"] == status
        })
        .await;
    }

    /// Numbers of the orders of user 42, as the service knows them: the listener may be gone.
    pub async fn orders_placed(&self) -> usize {
        let query = OrderQuery { store: StoreId(1), user: None, status: None, page: PageRequest { after: None, limit: 100 } };
        self.shop.orders.list(query).await.unwrap().data.len()
    }
}

pub fn settings(address: SocketAddr) -> ApiSettings {
    let mut settings = ApiSettings::new(address, TokenSettings::hs256(SECRET));
    settings.workers = 1;
    settings.drain_delay = Duration::ZERO;
    settings
}

/// What the provider says when an order's payment was paid.
pub fn paid(order: &Value) -> Value {
    json!({
        "payment_id": order["payment"]["payment_id"], "order_no": order["order_no"], "status": "paid",
        "amount": order["total"]["amount"], "currency": order["total"]["currency"], "payee": "1",
    })
}

/// The body of a response that is a success.
pub async fn json_of(response: Response) -> Value {
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// Checks that it is a whole problem of this code and status, and returns its body.
pub async fn problem(response: Response, status: u16, code: &str) -> Value {
    let got = response.status();
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let trace = response.headers().get("x-trace-id").map(|id| id.to_str().unwrap().to_owned());
    let headers = response.headers().clone();
    let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null);
    assert_eq!((got, body["code"].as_str()), (StatusCode::from_u16(status).unwrap(), Some(code)), "{body}");
    assert_eq!(kind.as_deref(), Some("application/problem+json"));
    assert_eq!(body["status"], status);
    assert_eq!(body["trace_id"].as_str().map(str::to_owned), trace, "{body}");
    assert!(body["title"].is_string() && body["detail"].is_string() && body["type"].is_string(), "{body}");
    if status == 429 || status == 503 {
        assert!(headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    }
    body
}

/// The pointers of a problem's errors.
pub fn pointers(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}
