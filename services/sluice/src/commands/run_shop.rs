//! `sluice serve`, `api` and `worker`: processes that run until they are told to stop.
//!
//! An orderly stop: `/readyz` says 503, requests in flight finish, then consumers finish their batches and commit,
//! then leases go back. What has not finished within [`GRACE`] is broken off: everything that was acknowledged is on disk.

use std::{error::Error, net::SocketAddr, process::ExitCode, time::Duration};

use sluice_api::{ApiSettings, BoundApi, ServeError, TokenSettings};
use sluice_app::{Config, OpenOptions, OpenShop, Role, Secrets, TokenRequest, algorithm, make_token};
use sluice_events::Topic;
use sluice_worker::{Hints, WorkerSettings};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Outcome, resolve_secrets};
use crate::{logging, output::say};

type Failure = Box<dyn Error + Send + Sync>;

/// How long a process takes to end at most; whoever sent SIGTERM usually kills after 30 s.
const GRACE: Duration = Duration::from_secs(20);

pub async fn serve(config: Config) -> Outcome {
    logging::start(&config)?;
    warn_of_settings(&config);
    let metrics = sluice_api::install_metrics()?;
    let secrets = resolve_secrets(&config)?;
    let address = resolve_address("listen", &config.listen)?;
    secrets.check_listen(address)?;
    let inside = resolve_inside(&config, &secrets)?;
    let public_url = config.public_base(address);
    let options = OpenOptions { migrate: true, demo: true, ..OpenOptions::default() };
    let mut open = OpenShop::open(&config, &secrets, &public_url, options).await?;
    open.bring_back_future_times();

    let (api_stop, worker_stop) = (CancellationToken::new(), CancellationToken::new());
    stop_on_signal(api_stop.clone())?;
    let bound = bind(&open, inside, api_settings(&config, &secrets, address, metrics))?;
    let worker = start_worker(&open, Vec::new(), worker_stop.clone());
    if secrets.generated {
        greet(&config, &secrets, &public_url, inside)?;
    }
    tracing::info!(url = %public_url, "The shop is open.");
    let served = run(bound, api_stop).await;
    worker_stop.cancel();
    worker.await?;
    open.close().await;
    served?;
    Ok(ExitCode::SUCCESS)
}

pub async fn api(config: Config) -> Outcome {
    logging::start(&config)?;
    warn_of_settings(&config);
    let metrics = sluice_api::install_metrics()?;
    let secrets = resolve_secrets(&config)?;
    let address = resolve_address("listen", &config.listen)?;
    secrets.check_listen(address)?;
    let inside = resolve_inside(&config, &secrets)?;
    let public_url = config.public_base(address);
    let mut open = OpenShop::open(&config, &secrets, &public_url, OpenOptions::default()).await?;
    open.follow_gate();
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let bound = bind(&open, inside, api_settings(&config, &secrets, address, metrics))?;
    tracing::info!(url = %public_url, "The API is open.");
    let served = run(bound, stop).await;
    open.close().await;
    served?;
    Ok(ExitCode::SUCCESS)
}

pub async fn worker(config: Config, only: Vec<Topic>) -> Outcome {
    logging::start(&config)?;
    warn_of_settings(&config);
    let metrics = sluice_api::install_metrics()?;
    let secrets = resolve_secrets(&config)?;
    let address = resolve_address("listen", &config.listen)?;
    let public_url = config.public_base(address);
    let mut open = OpenShop::open(&config, &secrets, &public_url, OpenOptions::default()).await?;
    open.bring_back_future_times();
    let (health_stop, worker_stop) = (CancellationToken::new(), CancellationToken::new());
    stop_on_signal(health_stop.clone())?;
    let bound = sluice_api::bind_health(open.shop.clone(), api_settings(&config, &secrets, address, metrics))?;
    let worker = start_worker(&open, only, worker_stop.clone());
    tracing::info!(health.address = %address, "The worker is at work.");
    let served = bound.run(health_stop).await;
    worker_stop.cancel();
    worker.await?;
    open.close().await;
    served?;
    Ok(ExitCode::SUCCESS)
}

/// The API, and health and metrics beside it where they have an address of their own.
fn bind(open: &OpenShop, inside: Option<SocketAddr>, mut settings: ApiSettings) -> Result<(BoundApi, Option<BoundApi>), Failure> {
    let Some(address) = inside else { return Ok((sluice_api::bind(open.shop.clone(), settings)?, None)) };
    let inside = sluice_api::bind_health(open.shop.clone(), ApiSettings { listen: vec![address], ..settings.clone() })?;
    settings.health_is_apart = true;
    tracing::info!(health.address = %address, "Health and metrics are served here.");
    Ok((sluice_api::bind(open.shop.clone(), settings)?, Some(inside)))
}

async fn run((api, inside): (BoundApi, Option<BoundApi>), stop: CancellationToken) -> Result<(), ServeError> {
    match inside {
        None => api.run(stop).await,
        Some(inside) => tokio::try_join!(api.run(stop.clone()), inside.run(stop)).map(|((), ())| ()),
    }
}

fn warn_of_settings(config: &Config) {
    if config.parts().kafka && config.bus.replication == 1 {
        tracing::warn!(
            "bus.replication is 1: topics that are created have one copy, and what stands in them is lost with its broker; production wants 3."
        );
    }
}

fn start_worker(open: &OpenShop, only: Vec<Topic>, stop: CancellationToken) -> JoinHandle<()> {
    let hints = Hints { outbox: open.outbox.clone(), effects: open.effects.clone(), points: open.points.clone() };
    let settings = WorkerSettings { only, ..WorkerSettings::default() };
    tokio::spawn(sluice_worker::run(open.shop.clone(), open.bus.clone(), hints, settings, stop))
}

/// Port 0 becomes a free port, so that URLs can name it before the API listens.
fn resolve_address(setting: &str, listen: &str) -> Result<SocketAddr, Failure> {
    let invalid = |error: &dyn Error| format!("setting {setting}: `{listen}` is not an address such as 127.0.0.1:8080: {error}");
    let address: SocketAddr = listen.parse().map_err(|error| invalid(&error))?;
    if address.port() != 0 {
        return Ok(address);
    }
    let probe = std::net::TcpListener::bind(address).map_err(|error| invalid(&error))?;
    Ok(probe.local_addr()?)
}

/// Where health and metrics have an address of their own.
fn resolve_inside(config: &Config, secrets: &Secrets) -> Result<Option<SocketAddr>, Failure> {
    let Some(listen) = &config.listen_internal else { return Ok(None) };
    let address = resolve_address("listen_internal", listen)?;
    secrets.check_listen(address)?;
    Ok(Some(address))
}

fn api_settings(
    config: &Config,
    secrets: &Secrets,
    address: SocketAddr,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
) -> ApiSettings {
    let tokens = TokenSettings {
        algorithm: algorithm(config),
        secret: secrets.jwt.expose().as_bytes().to_vec(),
        issuer: config.auth.issuer.clone(),
        audience: config.auth.audience.clone(),
    };
    let mut settings = ApiSettings::new(address, tokens);
    settings.orders_per_second_per_user = config.limits.orders_per_second;
    settings.max_in_flight = usize::try_from(config.limits.placements_in_flight).unwrap_or(usize::MAX);
    settings.max_streams = usize::try_from(config.limits.streams).unwrap_or(usize::MAX);
    settings.max_streams_per_user = usize::try_from(config.limits.streams_per_user).unwrap_or(usize::MAX);
    settings.max_connections = usize::try_from(config.limits.connections).unwrap_or(usize::MAX);
    (settings.read_timeout, settings.idle_timeout) = (config.http.read_timeout.0, config.http.idle_timeout.0);
    settings.cors_origins.clone_from(&config.http.cors_origins.0);
    if config.limits.http_workers > 0 {
        settings.workers = usize::try_from(config.limits.http_workers).unwrap_or(1);
    }
    settings.metrics = Some(metrics);
    settings
}

/// SIGTERM and SIGINT cancel `stop`.
fn stop_on_signal(stop: CancellationToken) -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("Stopping: requests in flight finish first.");
        // Counted by a thread of its own: a part that hangs may also keep the runtime from ending.
        std::thread::spawn(end_after_grace);
        stop.cancel();
    });
    Ok(())
}

/// The process has ended before this does, unless something waits for a part that is silent.
fn end_after_grace() {
    std::thread::sleep(GRACE);
    tracing::warn!(stop.grace_seconds = GRACE.as_secs(), "Something did not finish in time; the process ends without it.");
    std::process::exit(1);
}

/// Where to click, and the tokens of the demo.
fn greet(config: &Config, secrets: &Secrets, public_url: &str, inside: Option<SocketAddr>) -> Result<(), Failure> {
    use sluice_kernel::{Clock as _, SystemClock};
    let token = |user: &str, role: Role| {
        let request = TokenRequest { store: 1, user: user.to_owned(), role, life: std::time::Duration::from_hours(24) };
        make_token(config, &secrets.jwt, &request, SystemClock.now())
    };
    say(&format!("\n  Sluice is open: {public_url}"));
    say(&format!("  API browser     {public_url}/docs"));
    let health = inside.map_or_else(|| public_url.to_owned(), |address| format!("http://{address}"));
    say(&format!("  Health          {health}/readyz"));
    say(&format!("  Data folder     {}", config.data_dir.display()));
    say(&format!("\n  Customer token (store 1, user 42, a day):\n  {}", token("42", Role::Customer)?));
    say(&format!("\n  Staff token (store 1, a day):\n  {}\n", token("staff-1", Role::Staff)?));
    Ok(())
}
