//! The host candidates offered to viewers (RFC 8445, section 5.1.1).

use crate::config::SfuConfig;
use crate::sdp::Candidate;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

/// Addresses in an answer; more would only slow the viewer's checks.
const MAX_ADDRESSES: usize = 12;
/// Addresses that are also offered over TCP: one of them gets through where UDP is what is in the way.
const MAX_TCP: usize = 6;

/// The candidates of sockets bound to `bound`: configured public addresses first, then local ones; UDP before TCP.
pub(crate) fn gather(config: &SfuConfig, bound: &[SocketAddr]) -> Vec<Candidate> {
    let local: Vec<IpAddr> = if config.announce_local {
        let mut found: Vec<IpAddr> = if_addrs::get_if_addrs()
            .map(|interfaces| interfaces.iter().map(if_addrs::Interface::ip).collect())
            .unwrap_or_default();
        // Loopback last: it is of use on this machine alone.
        found.sort_by_key(IpAddr::is_loopback);
        found
    } else {
        Vec::new()
    };
    let addresses = addresses(&config.public_addresses, &local, bound);
    let on_tcp = if config.tcp { MAX_TCP } else { 0 };
    let udp = addresses.iter().enumerate().map(|(n, &address)| Candidate::host(n, address));
    let tcp = addresses.iter().enumerate().take(on_tcp);
    udp.chain(tcp.map(|(n, &address)| Candidate::passive_tcp(n, address))).collect()
}

fn addresses(public: &[IpAddr], local: &[IpAddr], bound: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut seen = HashSet::new();
    let mut addresses = Vec::new();
    let mut add = |address: SocketAddr| {
        if seen.insert(address) {
            addresses.push(address);
        }
    };
    for ip in public {
        if let Some(socket) = bound.iter().find(|socket| socket.is_ipv4() == ip.is_ipv4()) {
            add(SocketAddr::new(*ip, socket.port()));
        }
    }
    for socket in bound {
        if socket.ip().is_unspecified() {
            for ip in local.iter().filter(|ip| ip.is_ipv4() == socket.is_ipv4() && !is_link_local(ip)) {
                add(SocketAddr::new(*ip, socket.port()));
            }
        } else {
            add(*socket);
        }
    }
    addresses.truncate(MAX_ADDRESSES);
    addresses
}

/// IPv6 link-local addresses need a zone, which candidates can't carry.
fn is_link_local(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if (v6.segments()[0] & 0xffc0) == 0xfe80)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(public: &[&str], local: &[&str], bound: &[&str]) -> Vec<String> {
        let ips = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<IpAddr>>();
        let bound: Vec<SocketAddr> = bound.iter().map(|t| t.parse().unwrap()).collect();
        addresses(&ips(public), &ips(local), &bound).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn public_addresses_come_first_and_local_ones_fit_the_socket() {
        let got = texts(
            &["203.0.113.7"],
            &["10.0.0.2", "fe80::1", "2001:db8::2", "127.0.0.1"],
            &["0.0.0.0:8189", "[::]:8189"],
        );
        assert_eq!(got, ["203.0.113.7:8189", "10.0.0.2:8189", "127.0.0.1:8189", "[2001:db8::2]:8189"]);
    }

    #[test]
    fn a_socket_of_one_address_offers_that_address() {
        assert_eq!(texts(&[], &["10.0.0.2"], &["127.0.0.1:7000"]), ["127.0.0.1:7000"]);
    }

    #[test]
    fn tcp_stands_behind_udp_on_the_same_port() {
        let bound = ["127.0.0.1:7000".parse().unwrap(), "[::1]:7000".parse().unwrap()];
        let lines =
            |config: SfuConfig| gather(&config, &bound).iter().map(ToString::to_string).collect::<Vec<_>>();
        let both = [
            "candidate:1 1 udp 2130706431 127.0.0.1 7000 typ host",
            "candidate:2 1 udp 2130706175 ::1 7000 typ host",
            "candidate:65537 1 tcp 1520435199 127.0.0.1 7000 typ host tcptype passive",
            "candidate:65538 1 tcp 1520434943 ::1 7000 typ host tcptype passive",
        ];
        assert_eq!(lines(SfuConfig::default()), both);
        assert_eq!(lines(SfuConfig::default().tcp(false)), both[..2]);
    }
}
