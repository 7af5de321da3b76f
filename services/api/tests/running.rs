//! A server on a free port, and requests to it.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sluice_api::{ApiSettings, TokenSettings};
use sluice_app::{Config, OpenOptions, OpenShop, Secret, Secrets, Shop};
use sluice_testkit::Scratch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fakes::Fakes;

pub const SECRET: &str = "a secret for tests, long enough for anyone";
/// 2100-01-01.
pub const FAR: i64 = 4_102_444_800;

pub struct Running {
    pub base: String,
    pub fakes: Arc<Fakes>,
    pub stop: CancellationToken,
    pub served: JoinHandle<()>,
    client: Client,
    /// The services behind it, where they are the real ones.
    _demo: Option<(OpenShop, Scratch)>,
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
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    /// Over the real services on SQLite, with the demo data.
    pub async fn demo() -> Self {
        let folder = Scratch::in_memory();
        let config = Config { data_dir: folder.path().join("data"), ..Config::default() };
        let secrets = Secrets { jwt: Secret::new(SECRET), sandbox: Secret::new("a sandbox secret"), generated: false };
        let options = OpenOptions { migrate: true, demo: true, ..OpenOptions::default() };
        let open = Box::pin(OpenShop::open(&config, &secrets, "http://127.0.0.1:1", options)).await.unwrap();
        let running = Self::over(open.shop.clone(), Arc::default(), |_| {});
        Self { _demo: Some((open, folder)), ..running }
    }

    pub fn with(change: impl FnOnce(&mut ApiSettings)) -> Self {
        let fakes = Arc::new(Fakes::default());
        Self::over(fakes.shop(), fakes, change)
    }

    fn over(shop: Shop, fakes: Arc<Fakes>, change: impl FnOnce(&mut ApiSettings)) -> Self {
        let mut settings = ApiSettings::new(([127, 0, 0, 1], 0).into(), TokenSettings::hs256(SECRET));
        settings.workers = 1;
        settings.drain_delay = std::time::Duration::ZERO;
        change(&mut settings);
        let bound = sluice_api::bind(shop, settings).unwrap();
        let base = format!("http://{}", bound.addresses()[0]);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let served = tokio::spawn(async move { bound.run(stopped).await.unwrap() });
        Self { base, fakes, stop, served, client: Client::new(), _demo: None }
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

    pub async fn order(&self, key: &str, sku: &str) -> Response {
        self.place(key).json(&json!({"items": [{"sku_id": sku, "quantity": 2}]})).send().await.unwrap()
    }
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
