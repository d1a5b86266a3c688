//! Where the packets of a track go: channels of the connection, or a pair of UDP sockets.

use super::rtp;
use bytes::{BufMut, BytesMut};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;

/// Datagrams that are sent in one go, and the pause after them: a key picture that leaves at once overflows the
/// receive buffers that systems give by default.
const BURST: usize = 16;
const PAUSE: Duration = Duration::from_millis(1);
/// Attempts to find two ports in a row.
const PORT_ATTEMPTS: usize = 64;

/// Where the packets of a track go.
#[derive(Debug)]
pub(super) enum Link {
    /// Channels of RTP and RTCP on the connection.
    Tcp(u8, u8),
    /// Sockets of RTP and RTCP, connected to the client's.
    Udp(UdpPair),
}

/// An even port for RTP and the next for RTCP (RFC 3550, section 11).
#[derive(Debug)]
pub(super) struct UdpPair {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    ports: (u16, u16),
}

impl UdpPair {
    /// Binds two ports of `local` and connects them to the client's ports at `peer`, so that nothing from anybody
    /// else is received.
    ///
    /// # Errors
    /// The system has no such ports left.
    pub(super) async fn open(local: IpAddr, peer: IpAddr, client_ports: (u16, u16)) -> io::Result<Self> {
        for _ in 0..PORT_ATTEMPTS {
            let rtp = UdpSocket::bind((local, 0)).await?;
            let port = rtp.local_addr()?.port();
            if port % 2 != 0 || port == u16::MAX - 1 {
                continue;
            }
            if let Ok(rtcp) = UdpSocket::bind((local, port + 1)).await {
                rtp.connect(SocketAddr::new(peer, client_ports.0)).await?;
                rtcp.connect(SocketAddr::new(peer, client_ports.1)).await?;
                return Ok(Self { rtp, rtcp, ports: (port, port + 1) });
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "no two UDP ports in a row are free"))
    }

    pub(super) const fn ports(&self) -> (u16, u16) {
        self.ports
    }

    /// Reads what the client has reported; tells whether there was anything.
    pub(super) fn drain_reports(&self) -> bool {
        let mut buffer = [0; 2048];
        let mut heard = false;
        for _ in 0..BURST {
            match self.rtcp.try_recv(&mut buffer) {
                Ok(_) => heard = true,
                Err(_) => break,
            }
        }
        heard
    }
}

/// Packets of one access unit for UDP, one after the other.
#[derive(Debug, Default)]
pub(super) struct Datagrams {
    pub(super) bytes: BytesMut,
    /// Where each packet ends.
    pub(super) ends: Vec<usize>,
}

impl Datagrams {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Ends the packet that was written last.
    pub(super) fn end(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// Sends all packets as RTP. What the network refuses is lost, as on any network: only the client knows
    /// whether it still listens.
    pub(super) async fn send(&self, pair: &UdpPair) {
        let mut start = 0;
        for (n, &end) in self.ends.iter().enumerate() {
            let _ = pair.rtp.send(&self.bytes[start..end]).await;
            start = end;
            if n % BURST == BURST - 1 {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Writes the frame of an interleaved packet of `length` bytes (RFC 2326, section 10.12); the packet follows.
pub(super) fn put_interleaved(channel: u8, length: usize, out: &mut BytesMut) {
    out.put_u8(b'$');
    out.put_u8(channel);
    out.put_u16(length as u16);
}

impl Link {
    /// Sends a compound RTCP packet that `write` makes; nothing when it makes none.
    pub(super) fn send_report(&self, out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
        let mut report = BytesMut::with_capacity(rtp::MAX_PACKET);
        write(&mut report);
        if report.is_empty() {
            return;
        }
        match self {
            Self::Tcp(_, channel) => {
                put_interleaved(*channel, report.len(), out);
                out.put_slice(&report);
            }
            // A report that finds no room is made up for by the next.
            Self::Udp(pair) => drop(pair.rtcp.try_send(&report)),
        }
    }
}
