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

/// An origin as browsers send it: scheme, host and a port that is not the scheme's own, in small letters.
pub(super) fn check_origin(key: &'static str, origin: &str) -> Result<(), ConfigError> {
    check_base(key, origin)?;
    let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
    let own_port = if origin.starts_with("https:") { ":443" } else { ":80" };
    if authority.contains(['/', '*'])
        || authority.ends_with(own_port)
        || authority.chars().any(|letter| !matches!(letter, '!'..='~') || letter.is_ascii_uppercase())
    {
        let reason =
            format!("`{origin}` is not an origin as browsers send it, such as https://shop.example or http://localhost:3000");
        return Err(ConfigError::Invalid { key, reason });
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
    fn an_origin_is_written_as_browsers_send_it() {
        for origin in [
            "https://shop.example/",
            "https://shop.example:443",
            "http://shop.example:80",
            "https://Shop.example",
            "https://*.example",
            "*",
            "null",
            "https://käse.example",
            "ftp://shop.example",
        ] {
            let line = check_origin("http.cors_origins", origin).unwrap_err().to_string();
            assert!(line.contains("http.cors_origins") && !line.contains('\n'), "{origin}: {line}");
        }
        for origin in ["https://shop.example", "http://localhost:3000", "http://[::1]:5173", "http://shop.example:443"] {
            assert!(check_origin("http.cors_origins", origin).is_ok(), "{origin}");
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
