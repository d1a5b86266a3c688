//! Where a publisher's media is received, and what the answer says of it.

use super::config::WhipConfig;
use super::error::WhipError;
use rand::Rng;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Sockets of one publisher.
const MAX_SOCKETS: usize = 8;
/// Attempts at finding a port of the range that is free on all addresses.
const MAX_ATTEMPTS: usize = 32;
/// Priority of the first public candidate (RFC 8445, section 5.1.2.1): type preference of a host candidate and
/// everything else at its highest.
const PUBLIC_PRIORITY: u32 = 0x7eff_ffff;

/// The addresses to bind for a new publisher, each with a port that was free a moment ago.
pub(super) fn choose(config: &WhipConfig) -> Result<Vec<SocketAddr>, WhipError> {
    let ips = expand(&config.listen);
    let bind_all = |port: u16| ips.iter().all(|&ip| UdpSocket::bind((ip, port)).is_ok());
    let (low, high) = (*config.ports.start(), *config.ports.end());
    let port = if low == 0 || low > high {
        Some(0)
    } else {
        let mut rng = rand::rng();
        (0..MAX_ATTEMPTS).map(|_| rng.random_range(low..=high)).find(|&port| bind_all(port))
    };
    let addresses: Vec<_> =
        port.into_iter().flat_map(|port| ips.iter().map(move |&ip| (ip, port).into())).collect();
    if addresses.is_empty() { Err(WhipError::NoSocket) } else { Ok(addresses) }
}

/// The addresses that `listen` stands for. The library would leave loopback out of a wildcard, where this machine's own
/// publishers are.
fn expand(listen: &[IpAddr]) -> Vec<IpAddr> {
    let mut ips = BTreeSet::new();
    for &ip in listen {
        if ip.is_unspecified() {
            let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
            let same_family = |other: &IpAddr| other.is_ipv4() == ip.is_ipv4() && !is_link_local(other);
            ips.extend(interfaces.iter().map(if_addrs::Interface::ip).filter(same_family));
        } else {
            ips.insert(ip);
        }
    }
    let mut ips: Vec<_> = ips.into_iter().collect();
    ips.sort_by_key(IpAddr::is_loopback);
    ips.truncate(MAX_SOCKETS);
    ips
}

/// IPv6 link-local addresses need a zone, which candidates can't carry.
fn is_link_local(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if (v6.segments()[0] & 0xffc0) == 0xfe80)
}

/// The library's description with candidates as configured: public addresses first, with the ports of the sockets that
/// a NAT in front forwards to; the local ones where they may be told.
pub(super) fn announce(description: &str, config: &WhipConfig) -> String {
    let mut out = String::with_capacity(description.len() + 128 * config.public_addresses.len());
    let mut told = false;
    let ports = ports(description);
    for line in description.lines() {
        let is_candidate = line.starts_with("a=candidate:");
        if is_candidate && !std::mem::replace(&mut told, true) {
            for (n, ip) in config.public_addresses.iter().take(MAX_SOCKETS).enumerate() {
                if let Some((_, port)) = ports.iter().find(|(is_ipv4, _)| *is_ipv4 == ip.is_ipv4()) {
                    let priority = PUBLIC_PRIORITY - n as u32;
                    out.push_str(&format!("a=candidate:public{n} 1 udp {priority} {ip} {port} typ host\r\n"));
                }
            }
        }
        if !is_candidate || config.announce_local {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    out
}

/// The ports of the local candidates: whether IPv4, and the number. Loopback last.
fn ports(description: &str) -> Vec<(bool, u16)> {
    let candidate = |line: &str| {
        let mut words = line.strip_prefix("a=candidate:")?.split(' ').skip(4);
        Some((words.next()?.parse::<IpAddr>().ok()?, words.next()?.parse::<u16>().ok()?))
    };
    let mut found: Vec<(IpAddr, u16)> = description.lines().filter_map(candidate).collect();
    found.sort_by_key(|(ip, _)| ip.is_loopback());
    found.into_iter().map(|(ip, port)| (ip.is_ipv4(), port)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n\
        a=candidate:1 1 udp 2130706431 127.0.0.1 4001 typ host\r\n\
        a=candidate:2 1 udp 2130706431 10.0.0.2 4000 typ host\r\na=end-of-candidates\r\n";

    fn config(public: &[&str], announce_local: bool) -> WhipConfig {
        let public_addresses = public.iter().map(|ip| ip.parse().unwrap()).collect();
        WhipConfig { public_addresses, announce_local, ..WhipConfig::default() }
    }

    #[test]
    fn public_addresses_come_first_with_the_port_that_is_forwarded() {
        let answer = announce(ANSWER, &config(&["203.0.113.7", "2001:db8::7"], false));
        let candidates: Vec<_> = answer.lines().filter(|line| line.contains("candidate:")).collect();
        assert_eq!(candidates, ["a=candidate:public0 1 udp 2130706431 203.0.113.7 4000 typ host"]);
        assert!(answer.ends_with("a=end-of-candidates\r\n"));
    }

    #[test]
    fn without_public_addresses_nothing_changes() {
        assert_eq!(announce(ANSWER, &config(&[], true)), ANSWER);
    }

    #[test]
    fn ports_are_taken_from_the_range() {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = vec!["127.0.0.1".parse().unwrap()];
        let config = WhipConfig { listen, ports: free..=free, ..WhipConfig::default() };
        assert_eq!(choose(&config).unwrap(), [SocketAddr::from(([127, 0, 0, 1], free))]);
        let _taken = UdpSocket::bind(("127.0.0.1", free)).unwrap();
        assert!(matches!(choose(&config), Err(WhipError::NoSocket)));
    }
}
