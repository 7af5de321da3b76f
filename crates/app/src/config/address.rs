//! Addresses that others are told: links of the cashier, the target of callbacks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::ConfigError;

/// A base that a client can follow: `http://` or `https://`, a host that names a machine, no password, no query.
pub(super) fn check_base(key: &'static str, url: &str) -> Result<(), ConfigError> {
    let invalid = |reason: &str| Err(ConfigError::Invalid { key, reason: format!("`{url}` {reason}") });
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return invalid("does not start with http:// or https://");
    };
    if rest.contains(|letter: char| {
        letter.is_whitespace() || letter.is_control() || matches!(letter, '?' | '#' | '\\' | '"' | '<' | '>')
    }) {
        return invalid("is not an address without a query");
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return invalid("takes no user or password");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() {
        return invalid("names no host");
    }
    if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
        return invalid("has a port that is none");
    }
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    if address.is_ok_and(|address| address.is_unspecified()) {
        return invalid("is an address to listen on, which no client can reach");
    }
    Ok(())
}

/// The base for whoever is on this machine, where no other was set: a listener on every address is reached on loopback.
pub(super) fn base_of(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_no_client_can_follow_is_refused() {
        for url in [
            "http://",
            "https://",
            "http:///pay",
            "http://:8080",
            "shop.example",
            "ftp://shop.example",
            "http://0.0.0.0:8080",
            "http://[::]:8080",
            "http://user:pw@shop.example",
            "http://shop.example?x=1",
            "http://shop example",
            "http://a:99999",
            "http://a:0",
            "//shop.example",
            "http://a#b",
        ] {
            let line = check_base("public_url", url).unwrap_err().to_string();
            assert!(line.contains("public_url") && !line.contains('\n'), "{url}: {line}");
        }
        for url in
            ["http://127.0.0.1:8080", "https://shop.example", "https://shop.example/base/", "http://[::1]:8080", "http://shop"]
        {
            assert!(check_base("public_url", url).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_listener_on_every_address_is_linked_on_loopback() {
        for (listen, base) in
            [("0.0.0.0:8080", "http://127.0.0.1:8080"), ("[::]:8080", "http://[::1]:8080"), ("192.0.2.7:80", "http://192.0.2.7:80")]
        {
            assert_eq!(base_of(listen.parse().unwrap()), base);
        }
    }
}
