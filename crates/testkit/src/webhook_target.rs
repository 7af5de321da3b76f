//! A partner's server: takes webhooks over HTTP, keeps what came, answers as told, can go away and return.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use crate::signing::SignedCallback;

/// One webhook as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// `webhook-id`
    pub id: String,
    /// `webhook-timestamp`, in seconds
    pub timestamp: i64,
    /// `webhook-signature`
    pub signature: String,
    pub body: String,
    /// What it was answered.
    pub status: u16,
}

impl Received {
    /// The signature is that of this body under the secret (`whsec_` and base64).
    pub fn is_signed_with(&self, secret: &str) -> bool {
        use base64::Engine as _;
        let key = secret.strip_prefix("whsec_").unwrap_or(secret);
        let key = base64::engine::general_purpose::STANDARD.decode(key).expect("the secret is base64");
        let signed = SignedCallback::signed(&key, self.id.clone(), self.timestamp, self.body.clone());
        self.signature.split(' ').any(|signature| signature == signed.signature)
    }
}

#[derive(Debug)]
struct Behaviour {
    received: Vec<Received>,
    status: u16,
    delay: Duration,
}

/// A server on 127.0.0.1; gone when dropped.
#[derive(Debug)]
pub struct WebhookTarget {
    address: SocketAddr,
    behaviour: Arc<Mutex<Behaviour>>,
    serving: Option<JoinHandle<()>>,
}

impl WebhookTarget {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let behaviour = Arc::new(Mutex::new(Behaviour { received: Vec::new(), status: 204, delay: Duration::ZERO }));
        let serving = Some(tokio::spawn(serve(listener, behaviour.clone())));
        Self { address, behaviour, serving }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    /// From now on every webhook is answered with this status.
    pub fn answer(&self, status: u16) {
        self.lock().status = status;
    }

    /// From now on every answer takes this long.
    pub fn delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// Nobody listens any more.
    pub async fn go_away(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            // Ends with the listener closed, whatever the task came to.
            let _ = serving.await;
        }
    }

    /// Listens again, at the same address.
    pub fn return_again(&mut self) {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket.set_reuseaddr(true).expect("the address may be used again");
        socket.bind(self.address).expect("the port is still free");
        let listener = socket.listen(1_024).expect("it listens");
        self.serving = Some(tokio::spawn(serve(listener, self.behaviour.clone())));
    }

    /// Everything that came, in the order it came.
    pub fn received(&self) -> Vec<Received> {
        self.lock().received.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Behaviour> {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for WebhookTarget {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
        }
    }
}

async fn serve(listener: TcpListener, behaviour: Arc<Mutex<Behaviour>>) {
    // Connections end with the server, as a machine's would that goes away.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let behaviour = behaviour.clone();
        connections.spawn(async move {
            // A client that breaks off is its own affair.
            let _ = converse(stream, &behaviour).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(mut stream: TcpStream, behaviour: &Mutex<Behaviour>) -> std::io::Result<()> {
    let mut unread = Vec::new();
    loop {
        let Some((head, body)) = read_request(&mut stream, &mut unread).await? else { return Ok(()) };
        let header = |name: &str| {
            let found = head.lines().filter_map(|line| line.split_once(':')).find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let (status, delay) = {
            let mut behaviour = behaviour.lock().unwrap_or_else(PoisonError::into_inner);
            let received = Received {
                id: header("webhook-id"),
                timestamp: header("webhook-timestamp").parse().unwrap_or_default(),
                signature: header("webhook-signature"),
                body,
                status: behaviour.status,
            };
            behaviour.received.push(received);
            (behaviour.status, behaviour.delay)
        };
        tokio::time::sleep(delay).await;
        stream.write_all(format!("HTTP/1.1 {status} Told\r\nContent-Length: 0\r\n\r\n").as_bytes()).await?;
    }
}

/// Head and body of the next request; `None` where the client has closed.
pub(crate) async fn read_request(stream: &mut TcpStream, unread: &mut Vec<u8>) -> std::io::Result<Option<(String, String)>> {
    loop {
        if let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = |from: usize, to: usize| String::from_utf8_lossy(unread.get(from..to).unwrap_or_default()).into_owned();
            let head = text(0, end);
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .and_then(|(_, value)| value.trim().parse::<usize>().ok())
                .unwrap_or(0);
            if unread.len() >= end + 4 + length {
                let body = text(end + 4, end + 4 + length);
                unread.drain(..end + 4 + length);
                return Ok(Some((head, body)));
            }
        }
        let mut chunk = [0; 4_096];
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Ok(None);
        }
        unread.extend_from_slice(chunk.get(..read).unwrap_or_default());
    }
}
