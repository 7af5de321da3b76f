//! What the composition root decides about the API.

use std::{fmt, net::SocketAddr, time::Duration};

use jsonwebtoken::Algorithm;
use metrics_exporter_prometheus::PrometheusHandle;

/// How tokens are verified. The algorithm is pinned here: what a token's header claims decides nothing.
#[derive(Clone)]
pub struct TokenSettings {
    pub algorithm: Algorithm,
    pub secret: Vec<u8>,
    pub issuer: String,
    pub audience: String,
}

impl fmt::Debug for TokenSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secret stays out of logs.
        f.debug_struct("TokenSettings")
            .field("algorithm", &self.algorithm)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

impl TokenSettings {
    /// HS256, issuer and audience `sluice`.
    pub fn hs256(secret: impl Into<Vec<u8>>) -> Self {
        Self { algorithm: Algorithm::HS256, secret: secret.into(), issuer: "sluice".to_owned(), audience: "sluice".to_owned() }
    }
}

#[derive(Clone)]
pub struct ApiSettings {
    /// Addresses to listen on; port 0 takes a free one, see [`crate::BoundApi::addresses`].
    pub listen: Vec<SocketAddr>,
    pub tokens: TokenSettings,
    /// Orders a user may place a second (bursts included); 0 turns the limit off.
    pub orders_per_second_per_user: u32,
    /// Placements running at the same time; what comes on top is refused with 503 `overloaded`.
    pub max_in_flight: usize,
    /// Reads without a token at the same time; further ones wait a moment, and are refused then.
    pub max_public_reads: usize,
    /// Status streams open at the same time.
    pub max_streams: usize,
    /// Status streams of one user open at the same time.
    pub max_streams_per_user: usize,
    /// Connections of clients; further ones wait to be accepted.
    pub max_connections: usize,
    /// A head or a body that takes longer is ended with 408.
    pub read_timeout: Duration,
    /// A connection without a request is closed after this.
    pub idle_timeout: Duration,
    /// Origins whose pages may use the API in a browser; `*` for any.
    pub cors_origins: Vec<String>,
    /// HTTP worker threads.
    pub workers: usize,
    /// How long `/readyz` says 503 before the listeners close, so that load balancers stop sending first.
    pub drain_delay: Duration,
    /// How long requests in flight may take to finish after that.
    pub shutdown_timeout: Duration,
    /// `/readyz` and `/metrics` are served by a listener of their own, see [`crate::bind_health`].
    pub health_is_apart: bool,
    /// What `/metrics` shows; without a recorder it is empty.
    pub metrics: Option<PrometheusHandle>,
}

impl ApiSettings {
    pub fn new(listen: SocketAddr, tokens: TokenSettings) -> Self {
        Self {
            listen: vec![listen],
            tokens,
            orders_per_second_per_user: 50,
            max_in_flight: 4_096,
            max_public_reads: 8,
            max_streams: 1_000,
            max_streams_per_user: 10,
            max_connections: 10_000,
            read_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(1),
            cors_origins: Vec::new(),
            // Services have threads of their own: with as many again for HTTP they only wake each other.
            workers: std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)),
            drain_delay: Duration::from_millis(200),
            shutdown_timeout: Duration::from_secs(10),
            health_is_apart: false,
            metrics: None,
        }
    }
}
