//! What every request handler has at hand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_web::web::Bytes;
use metrics_exporter_prometheus::PrometheusHandle;
use sluice_app::Shop;
use tokio::{runtime::Handle, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    ApiSettings,
    auth::Tokens,
    followers::Followers,
    limits::OrderLimit,
    openapi::Documents,
    problem::{Answer, Problem},
};

/// State of the API, one for all its worker threads.
pub struct Api {
    pub shop: Shop,
    pub tokens: Tokens,
    pub order_limit: OrderLimit,
    /// Placements that may still begin.
    pub placements: Arc<Semaphore>,
    pub followers: Arc<Followers>,
    /// How long a body may take.
    pub read_timeout: Duration,
    pub metrics: Option<PrometheusHandle>,
    pub documents: Documents,
    /// Ends status streams.
    pub stop: CancellationToken,
    draining: AtomicBool,
    /// Services run here and not on an HTTP worker's thread: connections they open outlive the listeners.
    runtime: Handle,
}

impl Api {
    pub fn new(shop: Shop, settings: &ApiSettings, documents: Documents, stop: CancellationToken) -> Self {
        Self {
            shop,
            tokens: Tokens::new(&settings.tokens),
            order_limit: OrderLimit::per_second(settings.orders_per_second_per_user),
            placements: Arc::new(Semaphore::new(settings.max_in_flight)),
            followers: Followers::new(settings.max_streams, settings.max_streams_per_user),
            read_timeout: settings.read_timeout,
            metrics: settings.metrics.clone(),
            documents,
            stop,
            draining: AtomicBool::new(false),
            runtime: Handle::current(),
        }
    }

    /// Runs a service call to its end, whatever becomes of the connection that asked for it.
    pub async fn ask<T, E>(&self, work: impl Future<Output = Result<T, E>> + Send + 'static) -> Answer<T>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
    {
        match self.runtime.spawn(work.in_current_span()).await {
            Ok(outcome) => outcome.map_err(Into::into),
            Err(failure) => Err(Problem::internal(&failure)),
        }
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// From now on `/readyz` answers 503.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    pub fn metrics_text(&self) -> Bytes {
        self.metrics.as_ref().map_or_else(Bytes::new, |handle| Bytes::from(handle.render()))
    }
}
