//! The gate's URL.
//!
//! `redis://[user:password@]host:port[/db]`, `redis+sentinel://[user:password@]host:port,…/MASTER[/db]` (the password
//! is the Redis servers') or `redis+cluster://[user:password@]host:port,…`. `?prefix=` lets shops share a server.

use deadpool_redis::redis::{
    Client, ConnectionInfo, IntoConnectionInfo, RedisResult,
    cluster::ClusterClient,
    io::tcp::TcpSettings,
    sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType},
};
use sluice_kernel::{PortError, PortResult};
use tokio::sync::Mutex;

use crate::link::{CALL_TIMEOUT, CONNECT_TIMEOUT};

const DEFAULT_PREFIX: &str = "sluice:gate:";
const LONGEST_PREFIX: usize = 64;

/// Where connections come from.
pub(crate) enum Target {
    Single(Client),
    /// Asked anew for the present master at every reconnect.
    Sentinel(Mutex<SentinelClient>),
    Cluster(ClusterClient),
}

pub(crate) struct Address {
    pub(crate) target: Target,
    pub(crate) prefix: String,
}

fn refuse(reason: impl Into<String>) -> PortError {
    PortError::internal("the stock gate's URL", reason.into())
}

/// Small requests go out at once instead of waiting for an acknowledgement.
fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn connection_info(url: &str) -> RedisResult<ConnectionInfo> {
    Ok(url.into_connection_info()?.set_tcp_settings(tcp()))
}

impl Address {
    pub(crate) fn parse(url: &str) -> PortResult<Self> {
        let (url, query) = url.split_once('?').unwrap_or((url, ""));
        let mut prefix = DEFAULT_PREFIX.to_owned();
        for setting in query.split('&').filter(|setting| !setting.is_empty()) {
            match setting.split_once('=') {
                Some(("prefix", name)) => prefix = checked_prefix(name)?,
                _ => return Err(refuse(format!("the only setting is prefix, not {setting}"))),
            }
        }
        let (scheme, rest) = url.split_once("://").ok_or_else(|| refuse("it has no scheme"))?;
        let target = match scheme {
            "redis+cluster" => cluster(rest),
            "redis+sentinel" => sentinel(rest)?,
            _ => connection_info(url).and_then(Client::open).map(Target::Single),
        };
        let target = target.map_err(|error| PortError::internal("the stock gate's URL", error))?;
        Ok(Self { target, prefix })
    }
}

fn checked_prefix(name: &str) -> PortResult<String> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.'));
    if name.is_empty() || name.len() > LONGEST_PREFIX || !plain {
        return Err(refuse(format!("a prefix has 1 to {LONGEST_PREFIX} letters, digits or :-_.")));
    }
    Ok(name.to_owned())
}

/// `user:password@` with the `@`, or nothing, and what follows.
fn credentials(rest: &str) -> (&str, &str) {
    rest.rfind('@').map_or(("", rest), |at| rest.split_at(at + 1))
}

fn cluster(rest: &str) -> RedisResult<Target> {
    let (credentials, hosts) = credentials(rest);
    let nodes: Vec<String> = hosts.trim_end_matches('/').split(',').map(|host| format!("redis://{credentials}{host}")).collect();
    let client = ClusterClient::builder(nodes)
        .connection_timeout(CONNECT_TIMEOUT)
        .response_timeout(CALL_TIMEOUT)
        .tcp_settings(tcp())
        .build()?;
    Ok(Target::Cluster(client))
}

fn sentinel(rest: &str) -> PortResult<RedisResult<Target>> {
    let (credentials, rest) = credentials(rest);
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (master, db) = path.split_once('/').unwrap_or((path, "0"));
    if master.is_empty() {
        return Err(refuse("Sentinel needs the master's name after the hosts"));
    }
    let sentinels: Vec<String> = hosts.split(',').map(|host| format!("redis://{host}")).collect();
    Ok(connection_info(&format!("redis://{credentials}master/{db}")).and_then(|info| {
        let node =
            SentinelNodeConnectionInfo::default().set_redis_connection_info(info.redis_settings().clone()).set_tcp_settings(tcp());
        let client = SentinelClient::build(sentinels, master.to_owned(), Some(node), SentinelServerType::Master)?;
        Ok(Target::Sentinel(Mutex::new(client)))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_the_kind_of_redis_and_the_prefix() {
        let plain = Address::parse("redis://:secret@127.0.0.1:6379/2").unwrap();
        assert!(matches!(plain.target, Target::Single(_)));
        assert_eq!(plain.prefix, DEFAULT_PREFIX);
        let cluster = Address::parse("redis+cluster://a:1,b:2?prefix=shop:").unwrap();
        assert!(matches!(cluster.target, Target::Cluster(_)));
        assert_eq!(cluster.prefix, "shop:");
        let sentinel = Address::parse("redis+sentinel://user:p@a:26379,b:26379/shop/1").unwrap();
        assert!(matches!(sentinel.target, Target::Sentinel(_)));
    }

    #[test]
    fn wrong_urls_are_refused() {
        for wrong in ["localhost", "http://a", "redis://a?prefix=", "redis://a?prefix=a*", "redis://a?x=1", "redis+sentinel://a:1"]
        {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }
}
