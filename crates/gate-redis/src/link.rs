//! A few shared connections: requests in flight travel in one pipeline. A broken connection is replaced by the next
//! call; while the server is away, calls fail at once instead of queueing for connects.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool_redis::redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, Value,
    aio::MultiplexedConnection,
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo, SingleNodeRoutingInfo},
    cmd,
};

use crate::{address::Target, errors::spoils_connection};

/// Longest time a call takes, its reconnect included.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(1);
/// Shorter than a call, so that its failure is noted and the next call need not find out.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// After a connect that failed, calls fail for this long without trying again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);
const LANES: usize = 2;
/// Requests that wait for one connection's writer.
const PIPELINE: usize = 1_024;

#[derive(Clone)]
enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// What is sent; it may be sent twice.
#[derive(Clone, Copy)]
enum Request<'a> {
    /// Routed by its first key.
    Command(&'a Cmd),
    /// Routed by the first key of its first command.
    Pipeline(&'a Pipeline),
    On(&'a Node, &'a Cmd),
    /// In a cluster the answers of all primaries by address.
    Everywhere(&'a Cmd),
}

impl Connection {
    async fn send(self, request: Request<'_>) -> RedisResult<Value> {
        match (self, request) {
            (Self::Server(mut connection), Request::Pipeline(commands)) => {
                commands.exec_async(&mut connection).await.map(|()| Value::Okay)
            }
            (Self::Cluster(mut connection), Request::Pipeline(commands)) => {
                commands.exec_async(&mut connection).await.map(|()| Value::Okay)
            }
            (Self::Cluster(mut connection), Request::On(Node(Some((host, port))), command)) => {
                let routing = SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port };
                connection.route_command(command.clone(), RoutingInfo::SingleNode(routing)).await?.extract_error()
            }
            (Self::Cluster(mut connection), Request::Everywhere(command)) => {
                let all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, Some(ResponsePolicy::Special)));
                connection.route_command(command.clone(), all).await?.extract_error()
            }
            (Self::Server(mut connection), Request::Command(command) | Request::On(_, command) | Request::Everywhere(command)) => {
                command.query_async(&mut connection).await
            }
            (Self::Cluster(mut connection), Request::Command(command) | Request::On(Node(None), command)) => {
                command.query_async(&mut connection).await
            }
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

/// A primary of the installation; `None` where there is only one.
#[derive(Debug, Clone)]
pub(crate) struct Node(Option<(String, u16)>);

pub(crate) struct Link {
    target: Target,
    lanes: Vec<Lane>,
    next: AtomicUsize,
}

impl Link {
    pub(crate) fn new(target: Target) -> Self {
        let lanes = std::iter::repeat_with(Lane::default).take(LANES).collect();
        Self { target, lanes, next: AtomicUsize::new(0) }
    }

    pub(crate) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        Ok(T::from_redis_value(self.send(Request::Command(command)).await?)?)
    }

    /// Commands of one store (one cluster slot).
    pub(crate) async fn pipeline(&self, commands: &Pipeline) -> RedisResult<()> {
        self.send(Request::Pipeline(commands)).await.map(|_| ())
    }

    /// Runs a command that no key routes.
    pub(crate) async fn query_on<T: FromRedisValue>(&self, node: &Node, command: &Cmd) -> RedisResult<T> {
        Ok(T::from_redis_value(self.send(Request::On(node, command)).await?)?)
    }

    pub(crate) async fn nodes(&self) -> RedisResult<Vec<Node>> {
        match self.target {
            Target::Single(_) | Target::Sentinel(_) => Ok(vec![Node(None)]),
            Target::Cluster(_) => Ok(self.infos().await?.into_iter().map(|(node, _)| node).collect()),
        }
    }

    /// Every primary with what its INFO says.
    pub(crate) async fn infos(&self) -> RedisResult<Vec<(Node, String)>> {
        let answer = self.send(Request::Everywhere(&cmd("INFO"))).await?;
        if !matches!(self.target, Target::Cluster(_)) {
            return Ok(vec![(Node(None), String::from_redis_value(answer)?)]);
        }
        let mut nodes = Vec::new();
        for (address, info) in Vec::<(String, String)>::from_redis_value(answer)? {
            let (host, port) = address.rsplit_once(':').ok_or((ErrorKind::Client, "a node has no port"))?;
            let port = port.parse().map_err(|_| (ErrorKind::Client, "a node's port is no number"))?;
            nodes.push((Node(Some((host.to_owned(), port))), info));
        }
        Ok(nodes)
    }

    async fn send(&self, request: Request<'_>) -> RedisResult<Value> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % LANES;
        let lane = self.lanes.get(turn).ok_or((ErrorKind::Client, "no connection"))?;
        let mut used = None;
        let attempts = async {
            let known = lane.present().1.is_some();
            let (generation, connection) = self.connection(lane).await?;
            used = Some(generation);
            match connection.send(request).await {
                // A connection that was found broken says little of the server: ask again on a new one.
                Err(error) if known && error.is_connection_dropped() => {
                    lane.drop_generation(generation);
                    let (generation, connection) = self.connection(lane).await?;
                    used = Some(generation);
                    connection.send(request).await
                }
                answer => answer,
            }
        };
        let result = match tokio::time::timeout(CALL_TIMEOUT, attempts).await {
            Ok(result) => result,
            Err(_) => Err(RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut))),
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
        match self.connect().await {
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

    async fn connect(&self) -> RedisResult<Connection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(CALL_TIMEOUT))
            .set_pipeline_buffer_size(PIPELINE);
        match &self.target {
            Target::Single(client) => client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Server),
            Target::Sentinel(client) => client.lock().await.get_async_connection_with_config(&config).await.map(Connection::Server),
            Target::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    }
}
