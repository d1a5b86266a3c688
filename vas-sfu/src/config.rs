//! Configuration of the SFU.

use crate::plain::Network;
use crate::turn::IceServerConfig;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Default port of media, on UDP and TCP.
pub const DEFAULT_PORT: u16 = 8189;

/// How the SFU listens and what it allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SfuConfig {
    /// Addresses to receive media connections on. Default: port 8189 of every IPv4 and IPv6 address; a wildcard IPv6
    /// address is passed over on machines without IPv6. Port 0 takes a free one, the same for all addresses.
    pub listen: Vec<SocketAddr>,
    /// Whether viewers may also connect over TCP, on the same addresses and port (RFC 6544); some networks let nothing
    /// else out. Default true.
    pub tcp: bool,
    /// TCP connections of viewers at the same time. Default 4,096.
    pub max_tcp_connections: usize,
    /// The same of one IPv4 address or one /64 of IPv6, which may be that of a company. Default 256.
    pub max_tcp_connections_per_address: usize,
    /// Addresses under which viewers reach this machine from outside, such as the public address of a NAT with the
    /// port forwarded. Offered to viewers before the local ones.
    pub public_addresses: Vec<IpAddr>,
    /// Whether the addresses of the local interfaces are offered to viewers, loopback included. Default true.
    pub announce_local: bool,
    /// STUN and TURN servers that viewers are told of. Where viewers reach the addresses offered to them, they need none.
    pub ice_servers: Vec<IceServerConfig>,
    /// Threads that carry media; 0 (the default) means one per core.
    pub shards: usize,
    /// Whether each thread is pinned to a core. Never done on machines of two cores or fewer. Default true.
    pub pin_threads: bool,
    /// Connections at the same time. Default 20,000.
    pub max_transports: usize,
    /// Viewers of one stream at the same time. Default 10,000.
    pub max_viewers_per_stream: usize,
    /// Viewers that one client address (of IPv6: one /64) has at the same time, which may be that of a company. Default
    /// 1,000.
    pub max_viewers_per_address: usize,
    /// Bits per second that viewers are sent in all before no more are let in; 0 (the default) sets no limit.
    pub max_egress_bps: u64,
    /// Addresses and networks (`10.1.0.0/16`) that plain RTP may be sent to; none by default. Only an administrator can
    /// tell who wants it: nothing asks the receiver.
    pub plain_rtp_allow: Vec<Network>,
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
            tcp: true,
            max_tcp_connections: 4_096,
            max_tcp_connections_per_address: 256,
            public_addresses: Vec::new(),
            announce_local: true,
            ice_servers: Vec::new(),
            shards: 0,
            pin_threads: true,
            max_transports: 20_000,
            max_viewers_per_stream: 10_000,
            max_viewers_per_address: 1_000,
            max_egress_bps: 0,
            plain_rtp_allow: Vec::new(),
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

    /// Lets viewers connect over TCP, too, or not.
    #[must_use]
    pub const fn tcp(mut self, tcp: bool) -> Self {
        self.tcp = tcp;
        self
    }

    /// Tells viewers of these STUN and TURN servers.
    #[must_use]
    pub fn ice_servers(mut self, servers: Vec<IceServerConfig>) -> Self {
        self.ice_servers = servers;
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
