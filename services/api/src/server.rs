//! Listening, and stopping in order: `/readyz` says 503, requests in flight finish, then the listeners are gone.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use actix_server::Server;
use actix_web::{App, middleware::from_fn, web};
use sluice_app::Shop;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;

use crate::{
    ApiSettings,
    connection::{TimeLimits, over_http},
    documents::Documents,
    endpoint::Routes,
    observe::observe,
    openapi, routes,
    state::{Api, State},
};

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("{address} cannot be listened on")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("the HTTP server ended with an error")]
    Run(#[source] std::io::Error),
}

/// Which routes a process serves.
#[derive(Debug, Clone, Copy)]
enum Served {
    All,
    /// All but `/readyz` and `/metrics`, which another listener serves.
    Public,
    /// `/livez`, `/readyz`, `/metrics`: what a worker offers.
    Health,
}

impl Served {
    fn endpoints(self) -> Routes {
        match self {
            Self::All => routes::all(),
            Self::Public => routes::public(),
            Self::Health => routes::health(),
        }
    }

    fn document(self) -> OpenApi {
        match self {
            Self::All => openapi::openapi(),
            Self::Public => openapi::of_api(routes::public()),
            Self::Health => openapi::document(routes::health()),
        }
    }

    /// Paths of the pages, as patterns.
    fn page_paths(self) -> &'static [&'static str] {
        match self {
            Self::All | Self::Public => &routes::PAGES,
            Self::Health => &[],
        }
    }

    fn pages(self, config: &mut web::ServiceConfig) {
        match self {
            Self::All | Self::Public => routes::pages(config),
            Self::Health => {}
        }
    }
}

/// Listeners that are open; nothing is served before [`BoundApi::run`].
pub struct BoundApi {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    shop: Shop,
    settings: ApiSettings,
    routes: Served,
}

/// Opens the listeners of the whole API.
pub fn bind(shop: Shop, settings: ApiSettings) -> Result<BoundApi, ServeError> {
    let served = if settings.health_is_apart { Served::Public } else { Served::All };
    open(shop, settings, served)
}

/// Opens the listeners for health and metrics alone.
pub fn bind_health(shop: Shop, settings: ApiSettings) -> Result<BoundApi, ServeError> {
    open(shop, settings, Served::Health)
}

fn open(shop: Shop, settings: ApiSettings, routes: Served) -> Result<BoundApi, ServeError> {
    let mut listeners = Vec::new();
    let mut addresses = Vec::new();
    for address in &settings.listen {
        let failed = |source| ServeError::Listen { address: *address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        addresses.push(listener.local_addr().map_err(failed)?);
        listeners.push(listener);
    }
    Ok(BoundApi { listeners, addresses, shop, settings, routes })
}

/// How often idle limits are forgotten and the metrics recorder tidies up.
const UPKEEP: Duration = Duration::from_secs(5);

async fn upkeep(api: Api, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(UPKEEP) => {}
        }
        api.order_limit.forget_idle();
        api.preview_limit.forget_idle();
        api.ticket_limit.forget_idle();
        if let Some(handle) = &api.metrics {
            handle.run_upkeep();
        }
    }
}

impl BoundApi {
    /// Where it listens; real ports where 0 was asked for.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The server over its listeners. Apart from [`BoundApi::run`], whose future stays free to move between threads.
    fn server(self, api: &Api) -> Result<Server, ServeError> {
        let (served, shared) = (self.routes, api.clone());
        let app = move || {
            App::new()
                .configure(|config| served.endpoints().serve(config))
                .configure(|config| served.pages(config))
                .app_data(web::Data::new(shared.clone()))
                .default_service(web::to(routes::unmatched))
                .wrap(from_fn(observe))
        };
        let (workers, limits) = (self.settings.workers.max(1), TimeLimits::from(&self.settings));
        let mut server = Server::build()
            .workers(workers)
            .max_concurrent_connections(self.settings.max_connections.div_ceil(workers))
            .shutdown_timeout(self.settings.shutdown_timeout.as_secs().max(1))
            .disable_signals();
        for (listener, address) in self.listeners.into_iter().zip(self.addresses) {
            let (app, stopping) = (app.clone(), server.graceful_shutdown_signal());
            let service = move || over_http(app(), limits, stopping.clone());
            server = server.listen(format!("http {address}"), listener, service).map_err(ServeError::Run)?;
        }
        Ok(server.run())
    }

    /// Serves until `stop`, then drains and returns.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ServeError> {
        let ended = CancellationToken::new();
        let _end = ended.clone().drop_guard();
        let documents = Documents::of(&self.routes.document(), self.routes.page_paths());
        let api = Api::new(State::new(self.shop.clone(), &self.settings, documents, ended.clone()));
        tokio::spawn(upkeep(api.clone(), ended.clone()));
        tokio::spawn(api.followers.clone().poll(api.shop.orders.clone(), ended.clone()));
        let drain_delay = self.settings.drain_delay;
        let running = self.server(&api)?;
        let handle = running.handle();
        let mut running = std::pin::pin!(running);
        tokio::select! {
            outcome = &mut running => return outcome.map_err(ServeError::Run),
            () = stop.cancelled() => {}
        }
        api.drain();
        tokio::select! {
            outcome = &mut running => return outcome.map_err(ServeError::Run),
            () = tokio::time::sleep(drain_delay) => {}
        }
        // Status streams would never end by themselves.
        ended.cancel();
        let (outcome, ()) = tokio::join!(running, handle.stop(true));
        outcome.map_err(ServeError::Run)
    }
}
