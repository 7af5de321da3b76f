//! Which addresses a push may be sent to: those of the public internet alone.
//!
//! A subscription's URL is chosen by a store's staff, who must not reach through us what stands beside us: loopback,
//! private networks, the cloud's metadata service. Names are judged by the addresses they resolve to, at the moment of
//! sending, and the connection goes to the very address that was judged.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why nothing is sent to this address; `None` where it is a public one.
pub fn refusal(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => refusal_v4(address),
        IpAddr::V6(address) => refusal_v6(address),
    }
}

/// The special-purpose blocks of IPv4 (IANA's registry).
fn refusal_v4(address: Ipv4Addr) -> Option<&'static str> {
    let reason = match address.octets() {
        [0, ..] => "an address of this network",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "a private address",
        [100, 64..=127, ..] => "a carrier's shared address",
        [127, ..] => "a loopback address",
        [169, 254, ..] => "a link-local address",
        [192, 0, 0, _] => "an address for protocols",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "an address for documentation",
        [192, 88, 99, _] => "a relay's address",
        [198, 18..=19, ..] => "an address for benchmarks",
        [224..=239, ..] => "a multicast address",
        [240..=255, ..] => "a reserved address",
        _ => return None,
    };
    Some(reason)
}

/// Of IPv6 only global unicast (2000::/3) is public, less what is set aside in it. Addresses that carry an IPv4 address
/// which a gateway would take out again are judged by that.
fn refusal_v6(address: Ipv6Addr) -> Option<&'static str> {
    let reason = match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => "the unspecified address",
        [0, 0, 0, 0, 0, 0, 0, 1] => "a loopback address",
        // v4-mapped, and NAT64's well-known prefix.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => return refusal_v4(embedded(high, low)),
        [0xfe80..=0xfebf, ..] => "a link-local address",
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => "a private address",
        [0xff00..=0xffff, ..] => "a multicast address",
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => "an address for documentation",
        // Teredo, ORCHID, benchmarks and other protocols.
        [0x2001, 0..=0x01ff, ..] => "an address for protocols",
        [0x2002, ..] => "a relay's address",
        [0x2000..=0x3fff, ..] => return None,
        _ => "a reserved address",
    };
    Some(reason)
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Option<&'static str> {
        refusal(address.parse().unwrap_or_else(|_| panic!("{address} is no address")))
    }

    #[test]
    fn public_addresses_are_allowed() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2000::",
            "2001:200::1",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "3ffe:ffff::1",
            "3fff:1000::",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert_eq!(of(address), None, "{address}");
        }
    }

    #[test]
    fn each_class_is_refused_to_its_edges() {
        for (class, addresses) in [
            ("an address of this network", &["0.0.0.0", "0.255.255.255", "::ffff:0.0.0.0"][..]),
            (
                "a private address",
                &[
                    "10.0.0.0",
                    "10.255.255.255",
                    "172.16.0.0",
                    "172.31.255.255",
                    "192.168.0.0",
                    "192.168.255.255",
                    "fc00::",
                    "fd12::1",
                    "fdff:ffff::",
                    "fec0::1",
                    "::ffff:10.0.0.1",
                    "::ffff:192.168.1.1",
                    "64:ff9b::10.0.0.1",
                ],
            ),
            ("a carrier's shared address", &["100.64.0.0", "100.127.255.255"]),
            ("a loopback address", &["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1"]),
            (
                "a link-local address",
                &["169.254.0.0", "169.254.169.254", "169.254.255.255", "fe80::1", "febf:ffff::", "::ffff:169.254.169.254"],
            ),
            ("an address for protocols", &["192.0.0.0", "192.0.0.255", "2001::1", "2001:10::", "2001:1ff:ffff::"]),
            (
                "an address for documentation",
                &["192.0.2.0", "198.51.100.255", "203.0.113.1", "2001:db8::1", "2001:db8:ffff::", "3fff::1", "3fff:fff:ffff::"],
            ),
            ("a relay's address", &["192.88.99.1", "2002:7f00:1::", "2002::"]),
            ("an address for benchmarks", &["198.18.0.0", "198.19.255.255"]),
            ("a multicast address", &["224.0.0.1", "239.255.255.255", "ff02::1", "ff00::"]),
            (
                "a reserved address",
                &["240.0.0.0", "255.255.255.255", "::2", "::7f00:1", "64:ff9b:1::1", "100::1", "4000::", "5f00::1", "fbff::"],
            ),
            ("the unspecified address", &["::"]),
        ] {
            for address in addresses {
                assert_eq!(of(address), Some(class), "{address}");
            }
        }
    }
}
