//! Connections for whatever takes long or is no part of placing: scans, rebuilds, clearing, watching, administration.
//!
//! Contract: a connection is lent for one call and carries nothing else meanwhile, so a call that takes long delays
//! nobody who places (docs/adr/0020). Every pool has a bounded number of connections, and every wait an end: for a free
//! connection, for a new one, for the sign of life of one that was idle, for the answer. A connection that a call spoiled
//! is thrown away, and with it those that lie idle: they lead to the same server. Errors are Redis's own or a time-out,
//! which the table of `errors` calls unavailable.

use deadpool_redis::{
    BuildError, HookError, PoolConfig, PoolError, Runtime, TimeoutType, Timeouts, cluster,
    redis::{
        AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, Value,
        aio::ConnectionLike,
        cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo, SingleNodeRoutingInfo},
        cmd,
    },
    sentinel,
};

use crate::{
    address::Place,
    bounds::{CALL_TIMEOUT, CONNECT_TIMEOUT},
    errors::{spoils_connection, timed_out},
};

/// Connections of a process to one server, or to each node of a cluster.
const MAX_CONNECTIONS: usize = 8;
/// How much of that a rebuild uses at once for loading stores; the rest is for its lease and for everybody else.
pub(crate) const MAX_LOADING: usize = MAX_CONNECTIONS / 2;
/// Longest time until a connection is lent, however many idle ones turn out to be dead before.
const LENDING_TIMEOUT: std::time::Duration = CALL_TIMEOUT.saturating_mul(2);

/// The pools by what the address names.
enum Pool {
    Single(deadpool_redis::Pool),
    Sentinel(sentinel::Pool),
    Cluster(cluster::Pool),
}

/// A connection for long work, until it is dropped.
enum Lent {
    Single(deadpool_redis::Connection),
    Sentinel(sentinel::Connection),
    Cluster(cluster::Connection),
}

/// A primary of the installation; `None` where there is only one.
#[derive(Debug, Clone)]
pub(crate) struct Node(Option<(String, u16)>);

enum Request<'a> {
    /// Routed by its first key.
    Command(&'a Cmd),
    /// Routed by the first key of its first command.
    Pipeline(&'a Pipeline),
    On(&'a Node, &'a Cmd),
    /// In a cluster the answers of all primaries by address.
    Everywhere(&'a Cmd),
}

pub(crate) struct LongWork {
    pool: Pool,
}

impl LongWork {
    /// Connects when first asked.
    pub(crate) fn new(place: &Place) -> RedisResult<Self> {
        let pool = match place {
            Place::Single(server) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_TIMEOUT))
                    .set_response_timeout(Some(CALL_TIMEOUT));
                let manager = deadpool_redis::Manager::new_with_config(server.clone(), config)?;
                let pool = deadpool_redis::Pool::builder(manager).config(bounds()).runtime(Runtime::Tokio1);
                pool.build().map(Pool::Single)
            }
            Place::Sentinel { sentinels, master, login } => {
                let node =
                    sentinel::SentinelNodeConnectionInfo { tls_mode: None, redis_connection_info: Some(login.clone().into()) };
                let kind = sentinel::SentinelServerType::Master;
                let manager = sentinel::Manager::new(sentinels.clone(), master.clone(), Some(node), kind)?;
                // The library's own bound on answers is shorter than that of a call.
                let answers_within = sentinel::Hook::sync_fn(|connection, _| {
                    connection.set_response_timeout(CALL_TIMEOUT);
                    Ok(())
                });
                let pool = sentinel::Pool::builder(manager).config(bounds()).runtime(Runtime::Tokio1);
                pool.post_create(answers_within).build().map(Pool::Sentinel)
            }
            Place::Cluster(nodes) => {
                let manager = cluster::Manager::new(nodes.clone(), false)?;
                let pool = cluster::Pool::builder(manager).config(bounds()).runtime(Runtime::Tokio1);
                pool.build().map(Pool::Cluster)
            }
        };
        Ok(Self { pool: pool.map_err(|BuildError::NoRuntimeSpecified| (ErrorKind::Client, "the pool has no runtime"))? })
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
        match self.pool {
            Pool::Single(_) | Pool::Sentinel(_) => Ok(vec![Node(None)]),
            Pool::Cluster(_) => Ok(self.infos().await?.into_iter().map(|(node, _)| node).collect()),
        }
    }

    /// Every primary with what its INFO says.
    pub(crate) async fn infos(&self) -> RedisResult<Vec<(Node, String)>> {
        let answer = self.send(Request::Everywhere(&cmd("INFO"))).await?;
        if !matches!(self.pool, Pool::Cluster(_)) {
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
        // On the heap: connecting takes kilobytes, which every future that asks anything would hold otherwise.
        let lent = tokio::time::timeout(LENDING_TIMEOUT, Box::pin(self.lend())).await;
        let mut connection = match lent.unwrap_or_else(|_| Err(timed_out("no connection to Redis answered"))) {
            Ok(connection) => connection,
            Err(error) => {
                self.drop_idle();
                return Err(error);
            }
        };
        let answer = tokio::time::timeout(CALL_TIMEOUT, connection.send(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(timed_out("Redis did not answer")));
        if let Err(error) = &answer
            && spoils_connection(error)
        {
            connection.throw_away();
            self.drop_idle();
        }
        answer
    }

    async fn lend(&self) -> RedisResult<Lent> {
        let lent = match &self.pool {
            Pool::Single(pool) => pool.get().await.map(Lent::Single),
            Pool::Sentinel(pool) => pool.get().await.map(Lent::Sentinel),
            Pool::Cluster(pool) => pool.get().await.map(Lent::Cluster),
        };
        lent.map_err(not_lent)
    }

    fn drop_idle(&self) {
        match &self.pool {
            Pool::Single(pool) => drop(pool.retain(|_, _| false)),
            Pool::Sentinel(pool) => drop(pool.retain(|_, _| false)),
            Pool::Cluster(pool) => drop(pool.retain(|_, _| false)),
        }
    }
}

impl Lent {
    async fn send(&mut self, request: Request<'_>) -> RedisResult<Value> {
        match self {
            Self::Single(connection) => send_to_server(connection, request).await,
            Self::Sentinel(connection) => send_to_server(connection, request).await,
            Self::Cluster(connection) => send_to_cluster(connection, request).await,
        }
    }

    /// Instead of giving it back.
    fn throw_away(self) {
        match self {
            Self::Single(connection) => drop(deadpool_redis::Connection::take(connection)),
            Self::Sentinel(connection) => drop(sentinel::Connection::take(connection)),
            Self::Cluster(connection) => drop(cluster::Connection::take(connection)),
        }
    }
}

async fn send_to_server(connection: &mut impl ConnectionLike, request: Request<'_>) -> RedisResult<Value> {
    match request {
        Request::Pipeline(commands) => commands.exec_async(connection).await.map(|()| Value::Okay),
        Request::Command(command) | Request::On(_, command) | Request::Everywhere(command) => command.query_async(connection).await,
    }
}

async fn send_to_cluster(connection: &mut cluster::Connection, request: Request<'_>) -> RedisResult<Value> {
    match request {
        Request::Pipeline(commands) => commands.exec_async(connection).await.map(|()| Value::Okay),
        Request::Command(command) | Request::On(Node(None), command) => command.query_async(connection).await,
        Request::On(Node(Some((host, port))), command) => {
            let routing = SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port };
            connection.route_command(command.clone(), RoutingInfo::SingleNode(routing)).await?.extract_error()
        }
        Request::Everywhere(command) => {
            let all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, Some(ResponsePolicy::Special)));
            connection.route_command(command.clone(), all).await?.extract_error()
        }
    }
}

fn bounds() -> PoolConfig {
    // Making the connection of a cluster takes several connects: as long as a call on the shared connections may take.
    let timeouts = Timeouts { wait: Some(CALL_TIMEOUT), create: Some(CALL_TIMEOUT), recycle: Some(CONNECT_TIMEOUT) };
    PoolConfig { timeouts, ..PoolConfig::new(MAX_CONNECTIONS) }
}

fn not_lent(error: PoolError) -> RedisError {
    match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => error,
        PoolError::Timeout(TimeoutType::Wait) => timed_out("all connections for long work are in use"),
        PoolError::Timeout(TimeoutType::Create | TimeoutType::Recycle) => timed_out("no connection to Redis could be made in time"),
        PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(HookError::Message(_)) => {
            (ErrorKind::Client, "the pool of connections can't be used").into()
        }
    }
}
