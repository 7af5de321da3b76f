//! Pushes against real servers: signed, bounded, and to allowed addresses alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::{
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use sluice_gateways::HttpPushSender;
use sluice_kernel::{Clock as _, SystemClock, Timestamp};
use sluice_partner::{Answer, Push, PushSender as _, Secret};
use sluice_testkit::WebhookTarget;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    process::Command,
};
use tokio_rustls::TlsAcceptor;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY: &str = r#"{"type":"order.paid","timestamp":"2026-11-22T10:00:03.250Z","data":{"order_no":"1","title":"茶"}}"#;

fn sender(allow_private: bool) -> HttpPushSender {
    HttpPushSender::new(allow_private, None).unwrap()
}

async fn send_to(sender: &HttpPushSender, url: &str) -> Answer {
    let secret = Secret::stored(SECRET);
    sender.send(Push { url, secrets: vec![&secret], id: "msg_1", at: SystemClock.now(), body: BODY }).await
}

fn status(answer: &Answer) -> u16 {
    let Answer::Status { status, .. } = answer else { panic!("{answer:?}") };
    *status
}

fn reason(answer: &Answer) -> &str {
    let Answer::None { reason } = answer else { panic!("{answer:?}") };
    reason
}

/// A server that reads one request a connection and writes `answer`; `endless` repeats its end for ever.
async fn server(answer: String, endless: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut read = vec![0; 64 * 1024];
                let _ = stream.read(&mut read).await;
                let mut open = stream.write_all(answer.as_bytes()).await.is_ok();
                while open && endless {
                    open = stream.write_all(&[b'x'; 8 * 1024]).await.is_ok();
                }
            });
        }
    });
    format!("http://{address}/")
}

#[tokio::test]
async fn a_push_is_signed_as_standard_webhooks_by_every_secret() {
    let target = WebhookTarget::start().await;
    let (new, old) = (Secret::stored(SECRET), Secret::stored("whsec_c2VjcmV0IG9mIGJlZm9yZQ=="));
    let at = Timestamp::from_millis(1_795_341_603_250);
    let push = Push { url: &target.url(), secrets: vec![&new, &old], id: "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body: BODY };
    assert_eq!(status(&sender(true).send(push).await), 204);
    let received = target.received().remove(0);
    assert_eq!((received.id.as_str(), received.timestamp), ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_795_341_603));
    assert_eq!(received.body, BODY);
    assert!(received.is_signed_with(SECRET) && received.is_signed_with(old.expose()));
    assert!(!received.is_signed_with("whsec_b3RoZXI="));
}

#[tokio::test]
async fn addresses_that_are_not_public_get_nothing_by_whatever_name() {
    let target = WebhookTarget::start().await;
    let port = target.url().rsplit(':').next().unwrap().trim_end_matches("/hooks").to_owned();
    for host in ["127.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "0.0.0.0"] {
        let answer = send_to(&sender(false), &format!("http://{host}:{port}/hooks")).await;
        assert!(reason(&answer).starts_with("not sent"), "{host}: {answer:?}");
    }
    for host in ["10.0.0.1", "169.254.169.254", "192.168.0.1", "[fd00::1]", "100.64.0.1"] {
        let begun = Instant::now();
        let answer = send_to(&sender(false), &format!("http://{host}/")).await;
        assert!(reason(&answer).starts_with("not sent"), "{host}: {answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{host} was connected to");
    }
    assert_eq!(target.received(), []);
    assert_eq!(status(&send_to(&sender(true), &format!("http://localhost:{port}/hooks")).await), 204);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = WebhookTarget::start().await;
    for code in [301, 302, 307, 308] {
        let answer = format!("HTTP/1.1 {code} Moved\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", target.url());
        let url = server(answer, false).await;
        assert_eq!(status(&send_to(&sender(true), &url).await), code);
    }
    assert_eq!(target.received(), []);
}

#[tokio::test]
async fn of_an_answer_little_is_read() {
    let begun = Instant::now();
    let url = server("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nTransfer-Encoding: identity\r\n\r\nno room ".to_owned(), true).await;
    let Answer::Status { status, retry_after, said } = send_to(&sender(true), &url).await else { panic!("no answer") };
    assert_eq!((status, retry_after), (503, Some(Duration::from_secs(7))));
    assert!(said.starts_with("no room") && said.len() <= 4_096, "{}", said.len());
    let endless_head = server("HTTP/1.1 200 OK\r\nX-Long: ".to_owned(), true).await;
    assert!(reason(&send_to(&sender(true), &endless_head).await).starts_with("no answer"));
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn a_silent_target_is_waited_for_ten_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let begun = Instant::now();
    let answer = send_to(&sender(true), &format!("http://{}/", listener.local_addr().unwrap())).await;
    assert_eq!(reason(&answer), "no answer within 10 s");
    assert!((9..15).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    let closed = WebhookTarget::start().await.url();
    assert!(reason(&send_to(&sender(true), &closed).await).contains("took no connection"));
}

fn certificate(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates").join(name)).unwrap()
}

#[tokio::test]
async fn tls_needs_a_certificate_that_is_trusted() {
    let chain = CertificateDer::pem_slice_iter(&certificate("localhost.pem")).collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(&certificate("localhost.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(settings.with_no_client_auth().with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut read = vec![0; 64 * 1024];
            let _ = stream.read(&mut read).await;
            let _ = stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    let trusting = HttpPushSender::new(true, Some(&certificate("authority.pem"))).unwrap();
    assert_eq!(status(&send_to(&trusting, &format!("https://localhost:{port}/hooks")).await), 202);
    let other_name = send_to(&trusting, &format!("https://127.0.0.1:{port}/hooks")).await;
    assert!(reason(&other_name).starts_with("TLS failed"), "{other_name:?}");
    let unknown = send_to(&sender(true), &format!("https://localhost:{port}/hooks")).await;
    assert!(reason(&unknown).starts_with("TLS failed"), "{unknown:?}");
    assert!(HttpPushSender::new(true, Some(b"")).is_err(), "a file without a certificate");
    assert!(HttpPushSender::new(true, Some(b"-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----")).is_err());
}

/// The program that docs/partners.md hands to partners.
#[tokio::test]
async fn the_example_partner_takes_what_is_signed_and_takes_it_once() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/partner.mjs");
    let mut partner = Command::new("node")
        .arg(example)
        .env("SECRET", SECRET)
        .env("PORT", "0")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node can be started: the tests need Node 20");
    let mut lines = BufReader::new(partner.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().expect("it says where it listens");
    let url = format!("http://127.0.0.1:{}/hooks", first.strip_prefix("listening on ").expect("its port"));

    let (secret, other) = (Secret::stored(SECRET), Secret::stored("whsec_b3RoZXI="));
    let send = async |id: &str, secrets: Vec<&Secret>, at: Timestamp| {
        status(&sender(true).send(Push { url: &url, secrets, id, at, body: BODY }).await)
    };
    let now = SystemClock.now();
    assert_eq!(send("msg_1", vec![&secret], now).await, 204);
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "new msg_1 order.paid 1");
    assert_eq!(send("msg_1", vec![&secret], now).await, 204);
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "repeated msg_1");
    // While the secret is rotated, one of two signatures fits.
    assert_eq!(send("msg_2", vec![&other, &secret], now).await, 204);
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "new msg_2 order.paid 1");
    assert_eq!(send("msg_3", vec![&other], now).await, 401);
    assert_eq!(send("msg_4", vec![&secret], now.minus(Duration::from_mins(6))).await, 401);
    assert_eq!(send("msg_5", vec![&secret], now.plus(Duration::from_mins(6))).await, 401);
}
