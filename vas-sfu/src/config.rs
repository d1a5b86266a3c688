//! Configuration of the SFU.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Default UDP port of media.
pub const DEFAULT_PORT: u16 = 8189;

/// How the SFU listens and what it allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SfuConfig {
    /// Addresses to receive media connections on. Default: port 8189 of every IPv4 and IPv6 address; a wildcard IPv6
    /// address is passed over on machines without IPv6. Port 0 takes a free one, the same for all addresses.
    pub listen: Vec<SocketAddr>,
    /// Addresses under which viewers reach this machine from outside, such as the public address of a NAT with the
    /// port forwarded. Offered to viewers before the local ones.
    pub public_addresses: Vec<IpAddr>,
    /// Whether the addresses of the local interfaces are offered to viewers, loopback included. Default true.
    pub announce_local: bool,
    /// Threads that carry media; 0 (the default) means one per core.
    pub shards: usize,
    /// Whether each thread is pinned to a core. Never done on machines of two cores or fewer. Default true.
    pub pin_threads: bool,
    /// Connections at the same time. Default 20,000.
    pub max_transports: usize,
    /// How long a viewer may take to connect, in seconds. Default 30.
    pub connect_timeout_secs: u64,
    /// A viewer that has sent no valid STUN check for so long is gone (RFC 7675, section 5.1), in seconds. Default 30.
    pub consent_timeout_secs: u64,
    /// Send and receive buffer of each socket, in bytes; the kernel may allow less. Default 4 MiB.
    pub socket_buffer_bytes: usize,
}

impl Default for SfuConfig {
    fn default() -> Self {
        Self {
            listen: vec![
                (Ipv4Addr::UNSPECIFIED, DEFAULT_PORT).into(),
                (Ipv6Addr::UNSPECIFIED, DEFAULT_PORT).into(),
            ],
            public_addresses: Vec::new(),
            announce_local: true,
            shards: 0,
            pin_threads: true,
            max_transports: 20_000,
            connect_timeout_secs: 30,
            consent_timeout_secs: 30,
            socket_buffer_bytes: 4 << 20,
        }
    }
}

impl SfuConfig {
    /// The default configuration on one UDP port of all addresses; 0 takes a free one.
    #[must_use]
    pub fn on_port(port: u16) -> Self {
        let mut config = Self::default();
        for address in &mut config.listen {
            address.set_port(port);
        }
        config
    }

    /// Listens on these addresses only.
    #[must_use]
    pub fn listen(mut self, addresses: Vec<SocketAddr>) -> Self {
        self.listen = addresses;
        self
    }

    /// Offers these addresses to viewers before the local ones.
    #[must_use]
    pub fn public_addresses(mut self, addresses: Vec<IpAddr>) -> Self {
        self.public_addresses = addresses;
        self
    }

    /// Uses so many threads; 0 means one per core.
    #[must_use]
    pub const fn shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }

    pub(crate) fn shard_count(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if self.shards == 0 { cores } else { self.shards.min(256) }
    }

    pub(crate) const fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_secs)
    }

    pub(crate) const fn consent_timeout(&self) -> Duration {
        Duration::from_secs(self.consent_timeout_secs)
    }
}
