//! Pushes over HTTP/1.1, signed as Standard Webhooks.
//!
//! Contract: one request for each push, over a connection of its own to an address that the guard allows (unless
//! private targets are allowed); no redirect is followed, no proxy of the environment is used, an answer takes at most
//! [`TIME_OUT`], and of what a target says at most [`MOST_READ`] bytes are read. TLS by rustls with the machine's trust
//! store, and the certificates of one more file where the settings name one.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use sluice_kernel::{PortError, PortResult};
use sluice_partner::{Answer, Push, PushSender};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    sync::OnceCell,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{address_guard, webhook_signature};

/// For name, connection, request and answer together.
const TIME_OUT: Duration = Duration::from_secs(10);
/// For one address of a name.
const CONNECT_TIME_OUT: Duration = Duration::from_secs(3);
/// For the words of a refusal; they are for staff alone.
const WORDS_TIME_OUT: Duration = Duration::from_secs(1);
/// Bytes of an answer's body that are read.
const MOST_READ: usize = 4 * 1024;
/// Bytes of an answer's head that are read.
const MOST_HEAD: usize = 16 * 1024;
const USER_AGENT: &str = concat!("Sluice-Webhooks/", env!("CARGO_PKG_VERSION"));

pub struct HttpPushSender {
    allow_private: bool,
    /// Certificates trusted beside the machine's.
    trusted: Vec<CertificateDer<'static>>,
    tls: OnceCell<TlsConnector>,
}

/// Where a push goes.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    secure: bool,
    /// Without brackets.
    host: String,
    port: u16,
    /// As it stands in `Host`.
    authority: String,
    path: String,
}

impl Target {
    fn read(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err("starts with https:// or http://".to_owned()),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("names no user and no password".to_owned());
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("names a host")?;
        let port = url.port_or_known_default().filter(|port| *port > 0).ok_or("names a port from 1 to 65535")?;
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        Ok(Self { secure, host: host.trim_matches(['[', ']']).to_owned(), port, authority, path })
    }

    /// The address, where the host is one and not a name.
    fn literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl HttpPushSender {
    /// `trusted` is PEM text of certificates to trust beside the machine's.
    pub fn new(allow_private: bool, trusted: Option<&[u8]>) -> PortResult<Self> {
        let trusted = CertificateDer::pem_slice_iter(trusted.unwrap_or_default()).collect::<Result<Vec<_>, _>>();
        let trusted = trusted.map_err(|error| PortError::internal("reading trusted certificates", error.to_string()))?;
        Ok(Self { allow_private, trusted, tls: OnceCell::new() })
    }

    fn refusal(&self, address: IpAddr) -> Option<&'static str> {
        if self.allow_private { None } else { address_guard::refusal(address) }
    }

    /// Addresses that may be connected to.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, String> {
        let found: Vec<SocketAddr> = match target.literal() {
            Some(address) => vec![SocketAddr::new(address, target.port)],
            None => lookup_host((target.host.as_str(), target.port))
                .await
                .map_err(|error| format!("the name {} could not be looked up: {error}", target.host))?
                .collect(),
        };
        let refused = found.iter().find_map(|address| self.refusal(address.ip()).map(|reason| (address.ip(), reason)));
        let allowed: Vec<SocketAddr> = found.into_iter().filter(|address| self.refusal(address.ip()).is_none()).collect();
        match (allowed.is_empty(), refused) {
            (false, _) => Ok(allowed),
            (true, Some((address, reason))) => Err(format!("not sent: {address} is {reason}")),
            (true, None) => Err(format!("the name {} has no address", target.host)),
        }
    }

    async fn connect(&self, target: &Target) -> Result<TcpStream, String> {
        let mut failed = String::new();
        for address in self.addresses(target).await? {
            match timeout(CONNECT_TIME_OUT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failed = format!("{address} took no connection: {error}"),
                Err(_) => failed = format!("{address} took no connection in time"),
            }
        }
        Err(failed)
    }

    async fn tls(&self) -> Result<&TlsConnector, String> {
        let opened = self.tls.get_or_try_init(|| async {
            let mut roots = RootCertStore::empty();
            let machines = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
            let machines = machines.map_err(|error| format!("the machine's certificates could not be read: {error}"))?;
            roots.add_parsable_certificates(machines.certs);
            for certificate in &self.trusted {
                roots.add(certificate.clone()).map_err(|error| format!("a trusted certificate is not usable: {error}"))?;
            }
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let settings = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| format!("TLS cannot be set up: {error}"))?;
            Ok(TlsConnector::from(Arc::new(settings.with_root_certificates(roots).with_no_client_auth())))
        });
        opened.await
    }

    async fn deliver(&self, push: &Push<'_>) -> Result<Answer, String> {
        let target = Target::read(push.url)?;
        let request = request(&target, push)?;
        let stream = self.connect(&target).await?;
        if !target.secure {
            return exchange(stream, request).await;
        }
        let name = ServerName::try_from(target.host.clone()).map_err(|error| format!("{}: {error}", target.host))?;
        let stream = self.tls().await?.connect(name, stream).await.map_err(|error| format!("TLS failed: {error}"))?;
        exchange(stream, request).await
    }
}

fn request(target: &Target, push: &Push<'_>) -> Result<Request<Full<Bytes>>, String> {
    let seconds = push.at.as_millis().div_euclid(1_000);
    let sign = |key: Vec<u8>| webhook_signature::sign(&key, push.id, seconds, push.body.as_bytes());
    let signatures: Vec<String> = push.secrets.iter().map(|secret| sign(secret.key())).collect();
    Request::post(target.path.as_str())
        .header(header::HOST, target.authority.as_str())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONNECTION, "close")
        .header("webhook-id", push.id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signatures.join(" "))
        .body(Full::new(Bytes::copy_from_slice(push.body.as_bytes())))
        .map_err(|error| format!("no request can be made of it: {error}"))
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut protocol = http1::Builder::new();
    let opened = protocol.max_buf_size(MOST_HEAD).handshake(TokioIo::new(stream)).await;
    let (mut requests, connection) = opened.map_err(|error| format!("no HTTP: {error}"))?;
    // Ends with this exchange, whatever becomes of it.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = requests.send_request(request).await.map_err(|error| format!("no answer: {error}"))?;
    let status = response.status().as_u16();
    let asked = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let said = if response.status().is_success() { String::new() } else { words(response).await };
    Ok(Answer::Status { status, retry_after: asked.map(Duration::from_secs), said })
}

/// The beginning of a refusal's body, as far as it comes soon.
async fn words(response: Response<Incoming>) -> String {
    let mut body = response.into_body();
    let mut read = Vec::new();
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let Some(data) = frame.data_ref() else { continue };
            let room = MOST_READ.saturating_sub(read.len());
            read.extend(data.iter().take(room));
            if read.len() >= MOST_READ {
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
        let target = Target::read(url)?;
        match target.literal().and_then(|address| self.refusal(address)) {
            Some(reason) => Err(format!("{} is {reason}", target.host)),
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
    fn a_target_is_read_as_browsers_read_it() {
        let target = Target::read("https://Partner.example/hook?a=1#part").unwrap();
        assert_eq!((target.secure, target.port, target.path.as_str()), (true, 443, "/hook?a=1"));
        assert_eq!((target.host.as_str(), target.authority.as_str()), ("partner.example", "partner.example"));
        let target = Target::read("http://[2606:4700::1]:8080").unwrap();
        assert_eq!((target.host.as_str(), target.authority.as_str()), ("2606:4700::1", "[2606:4700::1]:8080"));
        assert_eq!(target.path, "/");
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
