//! The host candidates offered to viewers (RFC 8445, section 5.1.1).

use crate::config::SfuConfig;
use crate::sdp::Candidate;
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

/// Candidates in an answer; more would only slow the viewer's checks.
const MAX_CANDIDATES: usize = 16;

/// The candidates of sockets bound to `bound`: configured public addresses first, then local ones.
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
    candidates(&config.public_addresses, &local, bound)
}

fn candidates(public: &[IpAddr], local: &[IpAddr], bound: &[SocketAddr]) -> Vec<Candidate> {
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
    addresses.truncate(MAX_CANDIDATES);
    addresses.into_iter().enumerate().map(|(n, address)| Candidate::host(n, address)).collect()
}

/// IPv6 link-local addresses need a zone, which candidates can't carry.
fn is_link_local(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if (v6.segments()[0] & 0xffc0) == 0xfe80)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(public: &[&str], local: &[&str], bound: &[&str]) -> Vec<String> {
        let ips = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<IpAddr>>();
        let bound: Vec<SocketAddr> = bound.iter().map(|t| t.parse().unwrap()).collect();
        candidates(&ips(public), &ips(local), &bound).iter().map(|c| c.address.to_string()).collect()
    }

    #[test]
    fn public_addresses_come_first_and_local_ones_fit_the_socket() {
        let got = addresses(
            &["203.0.113.7"],
            &["10.0.0.2", "fe80::1", "2001:db8::2", "127.0.0.1"],
            &["0.0.0.0:8189", "[::]:8189"],
        );
        assert_eq!(got, ["203.0.113.7:8189", "10.0.0.2:8189", "127.0.0.1:8189", "[2001:db8::2]:8189"]);
    }

    #[test]
    fn a_socket_of_one_address_offers_that_address() {
        assert_eq!(addresses(&[], &["10.0.0.2"], &["127.0.0.1:7000"]), ["127.0.0.1:7000"]);
    }
}
