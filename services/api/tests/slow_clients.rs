//! Clients that take their time: every head and body has an end, and so has a connection nobody uses.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::running::{Running, token};

const PATIENCE: Duration = Duration::from_millis(600);
const BOUND: Duration = Duration::from_secs(8);

async fn hasty() -> Running {
    Running::with(|settings| {
        settings.read_timeout = PATIENCE;
        settings.idle_timeout = Duration::from_secs(2);
    })
    .await
}

async fn connect(api: &Running) -> TcpStream {
    TcpStream::connect(api.base.trim_start_matches("http://")).await.unwrap()
}

/// Everything the server still sends, until it closes.
async fn rest(socket: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut part = [0; 4096];
    loop {
        // A reset is an end, too.
        match timeout(BOUND, socket.read(&mut part)).await.expect("the connection is closed") {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&all).into_owned(),
            Ok(length) => all.extend_from_slice(&part[..length]),
        }
    }
}

/// One answer, up to the end of its body.
async fn answer(socket: &mut TcpStream) -> String {
    let mut all = Vec::new();
    loop {
        let mut part = [0; 4096];
        let length = timeout(BOUND, socket.read(&mut part)).await.unwrap().unwrap();
        assert!(length > 0, "closed after {}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&all).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
        if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
            return text;
        }
    }
}

/// Sends byte by byte until the server has had enough.
async fn drip(socket: &mut TcpStream, text: &str) {
    for byte in text.bytes() {
        if socket.write_all(&[byte]).await.is_err() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

fn order_head(extra: &str, with_token: bool) -> String {
    let token = if with_token { format!("authorization: Bearer {}\r\n", token("customer")) } else { String::new() };
    format!(
        "POST /api/v1/orders HTTP/1.1\r\nhost: x\r\n{token}idempotency-key: k\r\ncontent-type: application/json\r\n{extra}\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn no_head_takes_for_ever_be_it_the_first_or_a_later_one() {
    let api = hasty().await;
    let mut silent = connect(&api).await;
    let mut first = connect(&api).await;
    let mut later = connect(&api).await;
    let begun = Instant::now();
    let (silent, first, later) = tokio::join!(
        rest(&mut silent),
        async {
            drip(&mut first, "GET /livez HTTP/1.1\r\nhost: x\r\nx-long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").await;
            rest(&mut first).await
        },
        async {
            later.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            assert!(answer(&mut later).await.starts_with("HTTP/1.1 200"));
            sleep(PATIENCE * 2).await; // an idle connection is not slow yet
            later.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            assert!(answer(&mut later).await.starts_with("HTTP/1.1 200"));
            drip(&mut later, "GET /livez HTTP/1.1\r\nhost: x\r\nx-long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").await;
            rest(&mut later).await
        },
    );
    assert_eq!(silent, "", "an answer to nothing would be taken for that of the next request");
    for text in [first, later] {
        assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("request_timeout"), "{text}");
    }
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_takes_for_ever_and_nothing_is_placed() {
    let api = hasty().await;
    for head in [order_head("content-length: 400", true), order_head("transfer-encoding: chunked", true)] {
        let mut socket = connect(&api).await;
        socket.write_all(head.as_bytes()).await.unwrap();
        let begun = Instant::now();
        let body = if head.contains("chunked") { "1\r\n{\r\n".repeat(40) } else { " ".repeat(100) };
        drip(&mut socket, &body).await;
        let text = rest(&mut socket).await;
        assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("\"request_timeout\""), "{text}");
        assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    }
    assert_eq!(api.orders_placed().await, 0);
}

/// Sends chunks for as long as they are taken.
async fn upload(socket: &mut TcpStream, chunk: &str) {
    while socket.write_all(chunk.as_bytes()).await.is_ok() {
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_chunked_upload_is_closed_at_once() {
    // With the usual patience: it is the refusal that closes.
    let api = Running::demo().await;
    let (large, small) = (format!("4000\r\n{}\r\n", " ".repeat(0x4000)), "1\r\n \r\n".to_owned());
    for (with_token, status, chunk) in [(false, "401", &large), (false, "401", &small), (true, "413", &large)] {
        let socket = connect(&api).await;
        let (mut read, mut write) = socket.into_split();
        write.write_all(order_head("transfer-encoding: chunked", with_token).as_bytes()).await.unwrap();
        let begun = Instant::now();
        let chunk = chunk.clone();
        let sender = tokio::spawn(async move {
            while write.write_all(chunk.as_bytes()).await.is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        });
        let mut head = [0; 12];
        timeout(BOUND, read.read_exact(&mut head)).await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&head).ends_with(status), "{}", String::from_utf8_lossy(&head));
        timeout(BOUND, sender).await.expect("the upload ends").unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5), "{status} after {:?}", begun.elapsed());
    }
    let mut read_only = connect(&api).await;
    read_only.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
    assert!(answer(&mut read_only).await.to_ascii_lowercase().contains("connection: close"), "a GET reads no body");
    let begun = Instant::now();
    upload(&mut read_only, &small).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_body_that_arrived_whole_keeps_the_connection() {
    let api = Running::demo().await;
    let mut socket = connect(&api).await;
    for _ in 0..3 {
        socket.write_all(format!("{}{{}}", order_head("content-length: 2", false)).as_bytes()).await.unwrap();
        let text = answer(&mut socket).await;
        assert!(text.starts_with("HTTP/1.1 401 ") && !text.to_ascii_lowercase().contains("connection: close"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed_and_a_stream_is_not_idle() {
    let api = hasty().await;
    let order = api.ordered("k1").await;
    let path = format!("/api/v1/orders/{}/events", order["order_no"].as_str().unwrap());
    let mut stream = api.customer("GET", &path).send().await.unwrap();
    stream.chunk().await.unwrap();
    let mut idle = connect(&api).await;
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(answer(&mut idle).await.starts_with("HTTP/1.1 200"));
    let begun = Instant::now();
    assert_eq!(rest(&mut idle).await, "", "closed without a word");
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    let quiet = timeout(Duration::from_secs(1), stream.chunk()).await;
    assert!(quiet.is_err(), "the stream goes on: {quiet:?}");
}
