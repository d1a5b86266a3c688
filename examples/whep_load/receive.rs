//! A viewer's UDP socket: whole runs of datagrams in one call where the kernel can, one by one where asked.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::UdpSocket;
use quinn_udp::{RecvMeta, UdpSocketState};

/// A burst at a join is a whole group of pictures; the kernel gives as much of this as its limit allows.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Runs taken in one call, and the longest a run can be.
const RUNS: usize = 8;
const LONGEST_RUN: usize = 65_535;

/// A socket that does not block.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) socket: UdpSocket,
    /// Unset: one datagram per call, and no joining by the kernel.
    batched: Option<UdpSocketState>,
}

impl Socket {
    /// A socket on a free port of all interfaces of one address family.
    pub(crate) fn bind(ipv4: bool, gro: bool) -> io::Result<Self> {
        let ip = if ipv4 { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
        let socket = UdpSocket::bind(SocketAddr::new(ip, 0))?;
        // Less than asked for is no error: the report shows what overflowed.
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
        let batched = if gro { Some(UdpSocketState::new((&socket).into())?) } else { None };
        Ok(Self { socket, batched })
    }

    /// Takes everything that waits and calls `handle` for each datagram.
    pub(crate) fn drain(
        &self,
        buffers: &mut Buffers,
        mut handle: impl FnMut(SocketAddr, &[u8]),
    ) -> io::Result<()> {
        let Some(state) = &self.batched else {
            loop {
                match self.socket.recv_from(&mut buffers.bytes) {
                    Ok((length, from)) => handle(from, &buffers.bytes[..length]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    // An ICMP message about an earlier datagram: a server that is gone is found by its
                    // silence.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                    Err(error) => return Err(error),
                }
            }
        };
        let mut meta = [RecvMeta::default(); RUNS];
        loop {
            let mut chunks = buffers.bytes.chunks_exact_mut(LONGEST_RUN);
            let mut slices: [IoSliceMut<'_>; RUNS] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            let runs = match state.recv((&self.socket).into(), &mut slices, &mut meta) {
                Ok(runs) => runs,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            for (slice, meta) in slices.iter().zip(&meta[..runs]) {
                for datagram in slice[..meta.len].chunks(meta.stride.max(1)) {
                    handle(meta.addr, datagram);
                }
            }
            // Fewer runs than there was room for: the socket is empty, and the next arrival will wake the
            // poll.
            if runs < RUNS {
                return Ok(());
            }
        }
    }
}

/// Room for what one call receives; one for each thread.
#[derive(Debug)]
pub(crate) struct Buffers {
    bytes: Vec<u8>,
}

impl Buffers {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; RUNS * LONGEST_RUN] }
    }
}
