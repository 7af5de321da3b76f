//! A few shared connections for the calls of placing: requests in flight travel in one pipeline. A broken connection is
//! replaced by the next call; while the server is away, calls fail at once instead of queueing for connects. Whatever
//! takes long goes over connections of its own (`long_work`).

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool_redis::redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, Value,
    aio::MultiplexedConnection,
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType},
};

use crate::{
    address::{Place, tcp},
    bounds::{CALL_TIMEOUT, CONNECT_TIMEOUT},
    errors::{spoils_connection, timed_out},
};

/// After a connect that failed, calls fail for this long without trying again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);
const LANES: usize = 2;
/// Requests that wait for one connection's writer.
const PIPELINE: usize = 1_024;

/// Where connections come from.
enum Target {
    Single(Client),
    /// Asked anew for the present master at every reconnect.
    Sentinel(tokio::sync::Mutex<SentinelClient>),
    Cluster(ClusterClient),
}

impl Target {
    fn new(place: &Place) -> RedisResult<Self> {
        match place {
            Place::Single(server) => Client::open(server.clone()).map(Self::Single),
            Place::Sentinel { sentinels, master, login } => {
                let node = SentinelNodeConnectionInfo::default().set_redis_connection_info(login.clone()).set_tcp_settings(tcp());
                let client = SentinelClient::build(sentinels.clone(), master.clone(), Some(node), SentinelServerType::Master)?;
                Ok(Self::Sentinel(tokio::sync::Mutex::new(client)))
            }
            Place::Cluster(nodes) => {
                let client = ClusterClient::builder(nodes.clone())
                    .connection_timeout(CONNECT_TIMEOUT)
                    .response_timeout(CALL_TIMEOUT)
                    .tcp_settings(tcp());
                client.build().map(Self::Cluster)
            }
        }
    }

    async fn connect(&self) -> RedisResult<Connection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(CALL_TIMEOUT))
            .set_pipeline_buffer_size(PIPELINE);
        match self {
            Self::Single(client) => client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Server),
            Self::Sentinel(client) => client.lock().await.get_async_connection_with_config(&config).await.map(Connection::Server),
            Self::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    }
}

#[derive(Clone)]
enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    async fn send(self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Server(mut connection) => command.query_async(&mut connection).await,
            Self::Cluster(mut connection) => command.query_async(&mut connection).await,
        }
    }
}

/// One connection and its generation; a call that failed drops only the generation it used.
#[derive(Default)]
struct Lane {
    current: Mutex<(u64, Option<Connection>)>,
    /// Held while connecting: when the last attempt failed, and why.
    connecting: tokio::sync::Mutex<Option<(Instant, RedisError)>>,
}

impl Lane {
    fn present(&self) -> (u64, Option<Connection>) {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, connection: Connection) -> u64 {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.0 += 1;
        current.1 = Some(connection);
        current.0
    }

    fn drop_generation(&self, generation: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 == generation {
            current.1 = None;
        }
    }
}

pub(crate) struct Link {
    target: Target,
    lanes: Vec<Lane>,
    next: AtomicUsize,
}

impl Link {
    /// Connects when first asked.
    pub(crate) fn new(place: &Place) -> RedisResult<Self> {
        let lanes = std::iter::repeat_with(Lane::default).take(LANES).collect();
        Ok(Self { target: Target::new(place)?, lanes, next: AtomicUsize::new(0) })
    }

    /// Sends a command that is routed by its first key; it may be sent twice.
    pub(crate) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        Ok(T::from_redis_value(self.send(command).await?)?)
    }

    async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % LANES;
        let lane = self.lanes.get(turn).ok_or((ErrorKind::Client, "no connection"))?;
        let mut used = None;
        let attempts = async {
            let known = lane.present().1.is_some();
            let (generation, connection) = self.connection(lane).await?;
            used = Some(generation);
            match connection.send(command).await {
                // A connection that was found broken says little of the server: ask again on a new one.
                Err(error) if known && error.is_connection_dropped() => {
                    lane.drop_generation(generation);
                    let (generation, connection) = self.connection(lane).await?;
                    used = Some(generation);
                    connection.send(command).await
                }
                answer => answer,
            }
        };
        let result = match tokio::time::timeout(CALL_TIMEOUT, attempts).await {
            Ok(result) => result,
            Err(_) => Err(timed_out("Redis did not answer")),
        };
        if let (Err(error), Some(generation)) = (&result, used)
            && spoils_connection(error)
        {
            lane.drop_generation(generation);
        }
        result
    }

    async fn connection(&self, lane: &Lane) -> RedisResult<(u64, Connection)> {
        if let (generation, Some(connection)) = lane.present() {
            return Ok((generation, connection));
        }
        let mut failed = lane.connecting.lock().await;
        if let (generation, Some(connection)) = lane.present() {
            return Ok((generation, connection));
        }
        if let Some((at, error)) = &*failed
            && at.elapsed() < RECONNECT_PAUSE
        {
            return Err(error.clone());
        }
        match self.target.connect().await {
            Ok(connection) => {
                *failed = None;
                Ok((lane.put(connection.clone()), connection))
            }
            Err(error) => {
                *failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}
