//! What every request handler has at hand.

use std::{
    future::{Ready, ready},
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    web::{self, Bytes},
};
use metrics_exporter_prometheus::PrometheusHandle;
use sluice_app::Shop;
use sluice_kernel::TraceContext;
use tokio::{runtime::Handle, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    ApiSettings,
    auth::Tokens,
    documents::Documents,
    followers::Followers,
    limits::UserLimit,
    origins::Origins,
    problem::{Answer, Problem},
};

/// So few that exports never take the database from those who place orders.
const EXPORTED_AT_ONCE: usize = 2;

/// Tickets that a user may ask for: each writes a row.
const TICKETS_PER_SECOND: u32 = 10;

/// The API's state as handlers take it.
#[derive(Clone)]
pub struct Api(Arc<State>);

/// State of the API, one for all its worker threads.
pub struct State {
    pub shop: Arc<Shop>,
    pub tokens: Tokens,
    pub order_limit: UserLimit,
    /// Previews have a share of their own, as large.
    pub preview_limit: UserLimit,
    pub ticket_limit: UserLimit,
    /// Placements that may still begin.
    pub placements: Arc<Semaphore>,
    /// Reads without a token at the same time.
    pub public_reads: Arc<Semaphore>,
    /// Pages of exports that may be read at the same time: an export holds none while its client reads.
    pub exports: Arc<Semaphore>,
    pub followers: Arc<Followers>,
    /// How long a body may take.
    pub read_timeout: Duration,
    pub metrics: Option<PrometheusHandle>,
    pub documents: Documents,
    pub origins: Origins,
    /// Ends status streams.
    pub stop: CancellationToken,
    draining: AtomicBool,
    /// Services run here and not on an HTTP worker's thread: connections they open outlive the listeners.
    runtime: Handle,
}

impl Deref for Api {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl FromRequest for Api {
    type Error = Problem;
    type Future = Ready<Answer<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let missing = || Problem::internal(&std::io::Error::other("the application has no state"));
        ready(Self::of(request).cloned().ok_or_else(missing))
    }
}

impl Api {
    pub fn new(state: State) -> Self {
        Self(Arc::new(state))
    }

    /// The state of the application a request came to.
    pub fn of(request: &HttpRequest) -> Option<&Self> {
        request.app_data::<web::Data<Self>>().map(web::Data::get_ref)
    }
}

impl State {
    pub fn new(shop: Shop, settings: &ApiSettings, documents: Documents, stop: CancellationToken) -> Self {
        Self {
            shop: Arc::new(shop),
            tokens: Tokens::new(&settings.tokens),
            order_limit: UserLimit::per_second(settings.orders_per_second_per_user),
            preview_limit: UserLimit::per_second(settings.orders_per_second_per_user),
            ticket_limit: UserLimit::per_second(TICKETS_PER_SECOND),
            placements: Arc::new(Semaphore::new(settings.max_in_flight)),
            public_reads: Arc::new(Semaphore::new(settings.max_public_reads)),
            exports: Arc::new(Semaphore::new(EXPORTED_AT_ONCE)),
            followers: Followers::new(settings.max_streams, settings.max_streams_per_user),
            read_timeout: settings.read_timeout,
            metrics: settings.metrics.clone(),
            documents,
            origins: Origins::of(&settings.cors_origins),
            stop,
            draining: AtomicBool::new(false),
            runtime: Handle::current(),
        }
    }

    /// Runs calls of the shop to their end, whatever becomes of the connection that asked for them.
    pub async fn call<T, E, F>(&self, work: impl FnOnce(Arc<Shop>) -> F) -> Answer<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
    {
        let work = TraceContext::within(TraceContext::current(), work(self.shop.clone()));
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
