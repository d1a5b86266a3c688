//! Configuration of the publishers' door.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

/// How publishers are received and what they may do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WhipConfig {
    /// Addresses to receive media on. A wildcard stands for every interface's address, loopback included. Default:
    /// all IPv4 and IPv6 addresses.
    pub listen: Vec<IpAddr>,
    /// UDP ports to take sockets from, one for each publisher and address; 0 to 0 (the default) takes any free one.
    pub ports: RangeInclusive<u16>,
    /// Addresses under which publishers reach this machine from outside, such as that of a NAT which forwards the
    /// ports. Offered before the local ones.
    pub public_addresses: Vec<IpAddr>,
    /// Whether the addresses of the local interfaces are offered. Default true.
    pub announce_local: bool,
    /// Publishers at the same time. Default 64.
    pub max_sessions: usize,
    /// How long a publisher may take to connect. Default 30 s.
    pub connect_timeout: Duration,
    /// A publisher whose pictures stay away for so long is gone. Default 10 s.
    pub media_timeout: Duration,
    /// Longest time between key pictures: then one is asked for. Default 4 s.
    pub key_interval: Duration,
    /// How long a missing packet is waited for before what it belongs to is given up. Default 300 ms.
    pub patience: Duration,
    /// Largest picture in bytes. Default 4 MiB.
    pub max_unit_bytes: usize,
}

impl Default for WhipConfig {
    fn default() -> Self {
        Self {
            listen: vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            ports: 0..=0,
            public_addresses: Vec::new(),
            announce_local: true,
            max_sessions: 64,
            connect_timeout: Duration::from_secs(30),
            media_timeout: Duration::from_secs(10),
            key_interval: Duration::from_secs(4),
            patience: Duration::from_millis(300),
            max_unit_bytes: 4 << 20,
        }
    }
}
