//! What browsers rely on: HEAD, OPTIONS, and who shares answers across origins.

use reqwest::{Response, header::HeaderMap};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::running::{Running, problem, token};

const SHOP: &str = "https://shop.example";
const OTHER: &str = "https://other.example";

async fn listing(origins: &[&str]) -> Running {
    Running::with(|settings| settings.cors_origins = origins.iter().map(|origin| (*origin).to_owned()).collect()).await
}

async fn preflight(api: &Running, origin: &str, path: &str) -> Response {
    let request = api.request("OPTIONS", path).header("Origin", origin).header("Access-Control-Request-Method", "POST");
    request.header("Access-Control-Request-Headers", "authorization,content-type,idempotency-key").send().await.unwrap()
}

/// Names of the headers that speak of sharing.
fn sharing(headers: &HeaderMap) -> Vec<&str> {
    headers.keys().map(reqwest::header::HeaderName::as_str).filter(|name| name.starts_with("access-control-")).collect()
}

/// Sends this text on a connection of its own and reads until it is closed.
async fn exchange(api: &Running, text: &str) -> String {
    let mut socket = TcpStream::connect(api.base.trim_start_matches("http://")).await.unwrap();
    socket.write_all(text.as_bytes()).await.unwrap();
    let mut all = String::new();
    tokio::time::timeout(std::time::Duration::from_secs(8), socket.read_to_string(&mut all)).await.unwrap().unwrap();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_origin_may_order_and_read_the_headers_it_needs() {
    let api = listing(&["http://localhost:3000", SHOP]).await;
    let asked = preflight(&api, SHOP, "/api/v1/orders").await;
    assert_eq!(asked.status(), 204);
    let headers = asked.headers();
    assert_eq!(headers["access-control-allow-origin"], SHOP);
    assert_eq!(headers["access-control-allow-methods"], "GET, HEAD, POST, OPTIONS");
    let allowed = headers["access-control-allow-headers"].to_str().unwrap().to_ascii_lowercase();
    for name in ["authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "last-event-id"] {
        assert!(allowed.split(", ").any(|known| known == name), "{name}");
    }
    assert_eq!((&headers["access-control-max-age"], &headers["vary"]), (&"600".parse().unwrap(), &"Origin".parse().unwrap()));
    assert!(!headers.contains_key("access-control-allow-credentials"));

    let order = api.place("k").header("Origin", SHOP).json(&serde_json::json!({"items": [{"sku_id": "1", "quantity": 2}]}));
    let order = order.send().await.unwrap();
    assert_eq!((order.status().as_u16(), &order.headers()["access-control-allow-origin"]), (201, &SHOP.parse().unwrap()));
    let exposed = order.headers()["access-control-expose-headers"].to_str().unwrap().to_owned();
    assert_eq!(exposed, "Location, ETag, Idempotent-Replayed, Retry-After, X-Trace-Id");
    assert!(!order.headers().contains_key("access-control-allow-credentials"));
    // A page reads refusals, too.
    let refused = api.request("GET", "/api/v1/cart").header("Origin", SHOP).send().await.unwrap();
    assert_eq!(refused.headers()["access-control-allow-origin"], SHOP);
    problem(refused, 401, "unauthenticated").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_is_not_listed_hears_nothing_of_sharing() {
    let api = listing(&[SHOP]).await;
    let none = Running::demo().await;
    for origin in [OTHER, "null", "", "https://shop.example.other", "https://shop.example/", "HTTPS://SHOP.EXAMPLE"] {
        for path in ["/api/v1/orders", "/api/v1/nothing"] {
            let asked = preflight(&api, origin, path).await;
            assert_eq!(asked.status(), if path.ends_with("orders") { 204 } else { 404 }, "{origin}");
            assert_eq!(sharing(asked.headers()), Vec::<&str>::new(), "{origin}");
        }
        let read = api.customer("GET", "/api/v1/cart").header("Origin", origin).send().await.unwrap();
        assert_eq!(read.status(), 200, "the answer is the same; the browser keeps it from the page");
        assert_eq!((sharing(read.headers()), &read.headers()["vary"]), (Vec::new(), &"Origin".parse().unwrap()), "{origin}");
    }
    let twice = api.request("OPTIONS", "/api/v1/orders").header("Origin", SHOP).header("Origin", OTHER).send().await.unwrap();
    assert_eq!(sharing(twice.headers()), Vec::<&str>::new());
    let asked = preflight(&none, SHOP, "/api/v1/orders").await;
    assert_eq!((asked.status().as_u16(), sharing(asked.headers())), (204, Vec::new()), "no origin is listed unless set");
    assert!(!asked.headers().contains_key("vary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_star_is_any_origin_and_still_no_credentials() {
    let api = listing(&["*"]).await;
    for origin in [SHOP, OTHER, "null"] {
        let asked = preflight(&api, origin, "/api/v1/cart/items/1").await;
        assert_eq!((asked.status().as_u16(), &asked.headers()["access-control-allow-origin"]), (204, &"*".parse().unwrap()));
        assert_eq!(asked.headers()["access-control-allow-methods"], "PUT, DELETE, OPTIONS");
        assert!(!asked.headers().contains_key("access-control-allow-credentials") && !asked.headers().contains_key("vary"));
    }
    let unknown = preflight(&api, SHOP, "/api/v1/nothing").await;
    assert!(unknown.status() == 404 && !unknown.headers().contains_key("access-control-allow-methods"));
    let read = api.customer("GET", "/api/v1/cart").send().await.unwrap();
    assert_eq!(sharing(read.headers()), Vec::<&str>::new(), "nobody asked from another origin");
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_get_without_its_body() {
    let api = Running::demo().await;
    api.order("k", "1").await;
    let paths = ["/api/v1/cart", "/api/v1/products", "/api/v1/orders", "/api/v1/activities", "/api/v1/admin/products"];
    let open = [
        "/openapi.json",
        "/asyncapi.json",
        "/docs/errors",
        "/docs",
        "/docs/",
        "/docs/swagger-initializer.js",
        "/",
        "/livez",
        "/readyz",
    ];
    for path in paths.into_iter().chain(open) {
        let get = api.staff("GET", path).send().await.unwrap();
        let head = api.staff("HEAD", path).send().await.unwrap();
        assert_eq!(
            (head.status(), head.headers().get("content-type")),
            (get.status(), get.headers().get("content-type")),
            "{path}"
        );
        assert_eq!(head.headers()["content-length"], get.headers()["content-length"], "{path}");
        assert!(get.bytes().await.unwrap().len() > 1 && head.bytes().await.unwrap().is_empty(), "{path}");
    }
    let refused = api.request("HEAD", "/api/v1/cart").send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["www-authenticate"]),
        (401, &r#"Bearer realm="sluice""#.parse().unwrap())
    );
    assert_eq!(api.customer("HEAD", "/api/v1/nothing").send().await.unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_sends_no_byte_of_a_body_and_the_connection_goes_on() {
    let api = Running::demo().await;
    let text = exchange(
        &api,
        "HEAD /openapi.json HTTP/1.1\r\nhost: x\r\n\r\nHEAD /api/v1/cart HTTP/1.1\r\nhost: x\r\n\r\n\
         GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    let heads: Vec<&str> = text.split("\r\n\r\n").collect();
    assert_eq!(heads.len(), 4, "{text}");
    for (head, start) in heads.iter().zip(["HTTP/1.1 200", "HTTP/1.1 401", "HTTP/1.1 200", "ok\n"]) {
        assert!(head.starts_with(start), "{text}");
    }
    // Nor does the answer to a HEAD of a stream wait for the stream's end.
    let order: serde_json::Value = api.order("k", "1").await.json().await.unwrap();
    let path = format!("/api/v1/orders/{}/events", order["order_no"].as_str().unwrap());
    let head =
        format!("HEAD {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n", token("customer"));
    let text = exchange(&api, &head).await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("\r\n\r\n") && text.contains("text/event-stream"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn options_says_what_a_path_allows_to_anybody() {
    let api = Running::demo().await;
    for (path, allow) in [
        ("/api/v1/orders", "GET, HEAD, POST, OPTIONS"),
        ("/api/v1/orders/12345678901234567890/cancel", "POST, OPTIONS"),
        ("/api/v1/admin/products/1", "GET, HEAD, PATCH, OPTIONS"),
        ("/openapi.json", "GET, HEAD, OPTIONS"),
        ("/docs/index.html", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
    ] {
        let answer = api.request("OPTIONS", path).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["allow"]), (204, &allow.parse().unwrap()), "{path}");
        assert!(answer.bytes().await.unwrap().is_empty());
    }
    problem(api.request("OPTIONS", "/api/v1/nothing").send().await.unwrap(), 404, "not_found").await;
    let server = exchange(&api, "OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(
        server.starts_with("HTTP/1.1 204") && server.contains("allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        "{server}"
    );
}
