//! Pushes over HTTP/1.1, signed as Standard Webhooks.
//!
//! Contract: one request for each push, over a connection of its own to an address that the guard allows (unless
//! private targets are allowed); no redirect is followed, no proxy of the environment is used, an answer takes at most
//! [`TIME_OUT`], and of what a target says at most [`MAX_READ`] bytes are read. TLS by rustls with the machine's trust
//! store, and the certificates of one more file where the settings name one.

use std::{
    error::Error,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use async_trait::async_trait;
use reqwest::{
    Client, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header,
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use sluice_kernel::{PortError, PortResult};
use sluice_partner::{Answer, Push, PushSender};
use tokio::{net::lookup_host, sync::OnceCell, time::timeout};

use crate::{address_guard, http_client, webhook_signature};

/// For name, connection, request and answer together.
const TIME_OUT: Duration = Duration::from_secs(10);
/// For name and connection, over all addresses of a name. A resolver whose first server is away takes 5 s by default.
const CONNECT_TIME_OUT: Duration = Duration::from_secs(9);
/// For the words of a refusal; they are for staff alone.
const WORDS_TIME_OUT: Duration = Duration::from_secs(1);
/// Bytes of an answer's body that are read. Its head is bounded by the client library, by some hundred KiB.
const MAX_READ: usize = 4 * 1024;
const USER_AGENT: &str = concat!("Sluice-Webhooks/", env!("CARGO_PKG_VERSION"));

pub struct HttpPushSender {
    guard: Guard,
    /// Certificates trusted beside the machine's.
    trusted: Vec<CertificateDer<'static>>,
    client: OnceCell<Client>,
}

/// Judges addresses, and looks names up for the client: what it does not hand out is never connected to.
#[derive(Debug, Clone, Copy)]
struct Guard {
    allow_private: bool,
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotSent(String);

impl Guard {
    fn refusal(self, address: IpAddr) -> Option<&'static str> {
        if self.allow_private { None } else { address_guard::refusal(address) }
    }

    fn check(self, address: IpAddr) -> Result<(), NotSent> {
        self.refusal(address).map_or(Ok(()), |reason| Err(NotSent(format!("not sent: {address} is {reason}"))))
    }

    /// The addresses of a name that may be connected to.
    async fn find_addresses(self, name: &str) -> Result<Vec<SocketAddr>, NotSent> {
        let found = lookup_host((name, 0)).await;
        let found = found.map_err(|error| NotSent(format!("the name {name} could not be looked up: {error}")))?;
        let (mut allowed, mut refused) = (Vec::new(), None);
        for address in found {
            match self.check(address.ip()) {
                Ok(()) => allowed.push(address),
                Err(reason) => refused = Some(reason),
            }
        }
        match refused {
            Some(reason) if allowed.is_empty() => Err(reason),
            None if allowed.is_empty() => Err(NotSent(format!("the name {name} has no address"))),
            _ => Ok(allowed),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let allowed: Addrs = Box::new(guard.find_addresses(name.as_str()).await?.into_iter());
            Ok(allowed)
        })
    }
}

/// A URL that a push may have.
fn read_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err("starts with https:// or http://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("names no user and no password".to_owned());
    }
    if url.port_or_known_default().is_none_or(|port| port == 0) {
        return Err("names a port from 1 to 65535".to_owned());
    }
    Ok(url)
}

/// The address, where the host is one and not a name: such a host is not looked up.
fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

impl HttpPushSender {
    /// `pem` has certificates to trust beside the machine's, at least one.
    pub fn new(allow_private: bool, pem: Option<&[u8]>) -> PortResult<Self> {
        let trusted = CertificateDer::pem_slice_iter(pem.unwrap_or_default()).collect::<Result<Vec<_>, _>>();
        let trusted = trusted.map_err(|error| PortError::internal("reading trusted certificates", error.to_string()))?;
        let (usable, _) = RootCertStore::empty().add_parsable_certificates(trusted.iter().cloned());
        if usable != trusted.len() || (trusted.is_empty() && pem.is_some()) {
            return Err(PortError::internal("reading trusted certificates", "one of them is not usable, or there is none"));
        }
        Ok(Self { guard: Guard { allow_private }, trusted, client: OnceCell::new() })
    }

    async fn client(&self) -> Result<&Client, String> {
        let opened = self.client.get_or_try_init(|| async {
            let trusted = self.trusted.clone();
            let builder = tokio::task::spawn_blocking(move || http_client::trusting_machine(&trusted)).await;
            let builder = builder.map_err(|error| format!("the machine's certificates could not be read: {error}"))?;
            let builder = builder.map_err(|error| reasons(&error))?;
            let builder = builder.http1_only().pool_max_idle_per_host(0).connect_timeout(CONNECT_TIME_OUT);
            // A target that stops reading keeps the connection no longer than this behind the answer.
            #[cfg(target_os = "linux")]
            let builder = builder.tcp_user_timeout(TIME_OUT);
            http_client::built(builder.user_agent(USER_AGENT).dns_resolver(self.guard)).map_err(|error| reasons(&error))
        });
        opened.await
    }

    async fn deliver(&self, push: &Push<'_>) -> Result<Answer, String> {
        let url = read_url(push.url)?;
        if let Some(address) = literal(&url) {
            self.guard.check(address).map_err(|refused| refused.0)?;
        }
        let seconds = push.at.as_millis().div_euclid(1_000);
        let sign = |key: Vec<u8>| webhook_signature::sign(&key, push.id, seconds, push.body.as_bytes());
        let signatures: Vec<String> = push.secrets.iter().map(|secret| sign(secret.key())).collect();
        let request = self.client().await?.post(url);
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .header("webhook-id", push.id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signatures.join(" "))
            .body(push.body.to_owned());
        let response = request.send().await.map_err(|error| reason(&error))?;
        let status = response.status().as_u16();
        let asked = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let said = if response.status().is_success() { String::new() } else { words(response).await };
        Ok(Answer::Status { status, retry_after: asked.map(Duration::from_secs), said })
    }
}

/// Why there is no answer.
fn reason(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(NotSent(reason)) = error.downcast_ref() {
            return reason.clone();
        }
        if let Some(tls) = error.downcast_ref().and_then(tls_error) {
            return format!("TLS failed: {tls}");
        }
        cause = error.source();
    }
    let what = if error.is_connect() { "the target took no connection" } else { "no answer" };
    format!("{what}: {}", reasons(error))
}

/// An I/O error keeps what it was made of, possibly another one, beside its chain of causes.
fn tls_error(error: &std::io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    inner.downcast_ref().or_else(|| inner.downcast_ref().and_then(tls_error))
}

/// An error with its causes, without the URL: what stands in it may be secret.
fn reasons(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    let told: Vec<String> = causes.map(ToString::to_string).collect();
    if told.is_empty() { error.to_string() } else { told.join(": ") }
}

/// The beginning of a refusal's body, as far as it comes soon.
async fn words(mut response: Response) -> String {
    let mut read = Vec::new();
    let reading = async {
        while let Ok(Some(data)) = response.chunk().await {
            let room = MAX_READ.saturating_sub(read.len());
            read.extend(data.iter().take(room));
            if read.len() >= MAX_READ {
                break;
            }
        }
    };
    // Cut off where it takes too long: what came so far is shown.
    let _in_time = timeout(WORDS_TIME_OUT, reading).await;
    String::from_utf8_lossy(&read).into_owned()
}

#[async_trait]
impl PushSender for HttpPushSender {
    async fn send(&self, push: Push<'_>) -> Answer {
        match timeout(TIME_OUT, self.deliver(&push)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(reason)) => Answer::None { reason },
            Err(_) => Answer::None { reason: format!("no answer within {} s", TIME_OUT.as_secs()) },
        }
    }

    fn check_url(&self, url: &str) -> Result<(), String> {
        let url = read_url(url)?;
        match literal(&url).and_then(|address| Some((address, self.guard.refusal(address)?))) {
            Some((address, reason)) => Err(format!("{address} is {reason}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(url: &str) -> Result<(), String> {
        HttpPushSender::new(false, None).unwrap().check_url(url)
    }

    #[test]
    fn what_can_never_be_sent_to_is_refused_at_once() {
        for url in ["https://partner.example/hook", "http://partner.example:8080/", "https://8.8.8.8/x", "https://localhost/"] {
            assert_eq!(checked(url), Ok(()), "{url}");
        }
        for (url, reason) in [
            ("", "not a URL"),
            ("partner.example/hook", "not a URL"),
            ("ftp://partner.example/", "starts with"),
            ("file:///etc/passwd", "starts with"),
            ("https://user@partner.example/", "no user"),
            ("https://:secret@partner.example/", "no user"),
            ("https://partner.example:0/", "port"),
            ("http://127.0.0.1/", "loopback"),
            ("http://[::1]:9/", "loopback"),
            ("http://10.1.2.3/", "private"),
            ("http://169.254.169.254/latest/meta-data", "link-local"),
            // Other ways to write the same addresses.
            ("http://2130706433/", "loopback"),
            ("http://0x7f.1/", "loopback"),
            ("http://0177.0.0.1/", "loopback"),
            ("http://127.1/", "loopback"),
            ("http://[::ffff:7f00:1]/", "loopback"),
            ("http://[fe80::1]/", "link-local"),
            ("http://0/", "this network"),
        ] {
            let refused = checked(url).unwrap_err();
            assert!(refused.contains(reason), "{url}: {refused}");
        }
        assert_eq!(HttpPushSender::new(true, None).unwrap().check_url("http://127.0.0.1:9/"), Ok(()));
    }
}
