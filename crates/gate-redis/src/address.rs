//! The gate's URL.
//!
//! `redis://[user:password@]host:port[/db]`, `redis+sentinel://[user:password@]host:port,…/MASTER[/db]` (the password
//! is the Redis servers') or `redis+cluster://[user:password@]host:port,…`. `?prefix=` lets shops share a server.

use deadpool_redis::redis::{
    ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisError, RedisResult, io::tcp::TcpSettings,
};
use sluice_kernel::{PortError, PortResult};

const DEFAULT_PREFIX: &str = "sluice:gate:";
const LONGEST_PREFIX: usize = 64;

/// Where Redis is.
pub(crate) enum Place {
    Single(ConnectionInfo),
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        master: String,
        /// How to log in at the master.
        login: RedisConnectionInfo,
    },
    /// Some of the cluster's nodes.
    Cluster(Vec<ConnectionInfo>),
}

pub(crate) struct Address {
    pub(crate) place: Place,
    pub(crate) prefix: String,
}

fn refuse(reason: impl Into<String>) -> PortError {
    PortError::internal("the stock gate's URL", reason.into())
}

pub(crate) fn refused(error: RedisError) -> PortError {
    PortError::internal("the stock gate's URL", error)
}

/// Small requests go out at once instead of waiting for an acknowledgement.
pub(crate) fn tcp() -> TcpSettings {
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
        let place = match scheme {
            "redis+cluster" => cluster(rest).map_err(refused)?,
            "redis+sentinel" => sentinel(rest)?,
            _ => Place::Single(connection_info(url).map_err(refused)?),
        };
        Ok(Self { place, prefix })
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

fn cluster(rest: &str) -> RedisResult<Place> {
    let (credentials, hosts) = credentials(rest);
    let nodes = hosts.trim_end_matches('/').split(',').map(|host| connection_info(&format!("redis://{credentials}{host}")));
    Ok(Place::Cluster(nodes.collect::<RedisResult<_>>()?))
}

fn sentinel(rest: &str) -> PortResult<Place> {
    let (credentials, rest) = credentials(rest);
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (master, db) = path.split_once('/').unwrap_or((path, "0"));
    if master.is_empty() {
        return Err(refuse("Sentinel needs the master's name after the hosts"));
    }
    let sentinels = hosts.split(',').map(|host| connection_info(&format!("redis://{host}")));
    let sentinels = sentinels.collect::<RedisResult<_>>().map_err(refused)?;
    let at_master = connection_info(&format!("redis://{credentials}master/{db}")).map_err(refused)?;
    Ok(Place::Sentinel { sentinels, master: master.to_owned(), login: at_master.redis_settings().clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_the_kind_of_redis_and_the_prefix() {
        let plain = Address::parse("redis://:secret@127.0.0.1:6379/2").unwrap();
        assert!(matches!(plain.place, Place::Single(_)));
        assert_eq!(plain.prefix, DEFAULT_PREFIX);
        let cluster = Address::parse("redis+cluster://a:1,b:2?prefix=shop:").unwrap();
        assert!(matches!(cluster.place, Place::Cluster(nodes) if nodes.len() == 2));
        assert_eq!(cluster.prefix, "shop:");
        let sentinel = Address::parse("redis+sentinel://user:p@a:26379,b:26379/shop/1").unwrap();
        assert!(matches!(sentinel.place, Place::Sentinel { sentinels, master, .. } if sentinels.len() == 2 && master == "shop"));
    }

    #[test]
    fn wrong_urls_are_refused() {
        for wrong in ["localhost", "http://a", "redis://a?prefix=", "redis://a?prefix=a*", "redis://a?x=1", "redis+sentinel://a:1"]
        {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }
}
