//! The UDP sockets of a shard.

use crate::config::SfuConfig;
use crate::error::StartError;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// Where a connection's packets go, and from where: replies leave from the address that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// Which of the shard's sockets.
    pub(crate) socket: usize,
    /// The viewer's address.
    pub(crate) peer: SocketAddr,
    /// This machine's address on the path.
    pub(crate) local: Option<IpAddr>,
}

/// Sends datagrams; the sockets of a shard, or a stand-in.
pub(crate) trait Wire {
    /// Datagrams that one send may hold.
    fn max_segments(&self) -> usize;

    /// Sends `data` as datagrams of `segment` bytes, the last of which may be shorter. Tells whether the system took
    /// it; what it did not take is as lost as on any network.
    fn send(&mut self, path: &Path, data: &[u8], segment: usize) -> bool;
}

/// Segments in one send: the kernel takes 64 and no more than 64 KiB.
const MAX_SEGMENTS: usize = 44;

/// Bytes of a receive buffer: the kernel may hand over several datagrams of a flow at once.
const RECEIVE_BUFFER: usize = 64 << 10;

/// Receive buffers, thus reads with one system call.
const RECEIVE_BATCH: usize = if BATCH_SIZE < 8 { BATCH_SIZE } else { 8 };

#[derive(Debug)]
struct MediaSocket {
    socket: UdpSocket,
    state: UdpSocketState,
    /// Bound to one address, which is then the source of whatever is sent.
    bound_to_one: bool,
}

/// The sockets of one shard, one for each address that the SFU listens on.
#[derive(Debug)]
pub(crate) struct Sockets {
    sockets: Vec<MediaSocket>,
    buffers: Vec<Vec<u8>>,
}

/// A socket bound so that other shards may bind the same address.
fn bind(address: SocketAddr, buffer_bytes: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    // The kernel's limit may be lower; it takes what it allows.
    let _ = socket.set_send_buffer_size(buffer_bytes);
    let _ = socket.set_recv_buffer_size(buffer_bytes);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Binds the sockets of all shards: `[shard][address]`, and the addresses that could be bound.
pub(crate) fn bind_all(config: &SfuConfig) -> Result<(Vec<Sockets>, Vec<SocketAddr>), StartError> {
    let mut port = None;
    let mut bound = Vec::new();
    let mut first: Vec<UdpSocket> = Vec::new();
    for &wanted in &config.listen {
        let mut address = wanted;
        if address.port() == 0 {
            address.set_port(port.unwrap_or(0));
        }
        match bind(address, config.socket_buffer_bytes) {
            Ok(socket) => {
                let local =
                    socket.local_addr().map_err(|source| StartError::Bind { address: wanted, source })?;
                port.get_or_insert(local.port());
                bound.push(local);
                first.push(socket);
            }
            // A machine without IPv6 is no reason to refuse.
            Err(source) if wanted.is_ipv6() && wanted.ip().is_unspecified() && !bound.is_empty() => {
                tracing::info!(address = %wanted, error = %source, "not listening on IPv6");
            }
            Err(source) => return Err(StartError::Bind { address: wanted, source }),
        }
    }
    if bound.is_empty() {
        return Err(StartError::NoAddress);
    }
    let mut shards = vec![Sockets::new(first)?];
    for _ in 1..config.shard_count() {
        let sockets = bound
            .iter()
            .map(|&address| {
                bind(address, config.socket_buffer_bytes)
                    .map_err(|source| StartError::Bind { address, source })
            })
            .collect::<Result<_, _>>()?;
        shards.push(Sockets::new(sockets)?);
    }
    Ok((shards, bound))
}

/// A datagram as it came.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    pub(crate) path: Path,
    pub(crate) data: &'a [u8],
}

impl Sockets {
    fn new(sockets: Vec<UdpSocket>) -> Result<Self, StartError> {
        let sockets = sockets
            .into_iter()
            .map(|socket| {
                let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
                let bound_to_one = !socket.local_addr()?.ip().is_unspecified();
                Ok(MediaSocket { socket, state, bound_to_one })
            })
            .collect::<io::Result<_>>()
            .map_err(StartError::Thread)?;
        Ok(Self { sockets, buffers: vec![vec![0; RECEIVE_BUFFER]; RECEIVE_BATCH] })
    }

    pub(crate) fn register(&self, registry: &Registry) -> io::Result<()> {
        for (token, socket) in self.sockets.iter().enumerate() {
            registry.register(&mut SourceFd(&socket.socket.as_raw_fd()), Token(token), Interest::READABLE)?;
        }
        Ok(())
    }

    /// Gives `handle` what has arrived, at most `batches` reads of each socket so that sending is never starved.
    /// Tells whether something may be left.
    pub(crate) fn receive(
        &mut self,
        batches: usize,
        mut handle: impl FnMut(&mut SendOnly<'_>, &Received<'_>),
    ) -> bool {
        let mut more = false;
        for index in 0..self.sockets.len() {
            more |= self.receive_on(index, batches, &mut handle);
        }
        more
    }

    fn receive_on(
        &mut self,
        index: usize,
        batches: usize,
        handle: &mut impl FnMut(&mut SendOnly<'_>, &Received<'_>),
    ) -> bool {
        let mut metas = [RecvMeta::default(); RECEIVE_BATCH];
        for _ in 0..batches {
            let socket = &self.sockets[index];
            let mut slices: Vec<IoSliceMut<'_>> =
                self.buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
            let count = match socket.state.recv(UdpSockRef::from(&socket.socket), &mut slices, &mut metas) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // An earlier send to a port that nobody listens on: the error of another connection.
                Err(_) => continue,
            };
            drop(slices);
            for (meta, buffer) in metas[..count].iter().zip(&self.buffers) {
                let path = Path { socket: index, peer: meta.addr, local: meta.dst_ip };
                for data in buffer[..meta.len].chunks(meta.stride.max(1)) {
                    handle(&mut SendOnly { sockets: &self.sockets }, &Received { path, data });
                }
            }
        }
        true
    }

    pub(crate) const fn sender(&self) -> SendOnly<'_> {
        SendOnly { sockets: self.sockets.as_slice() }
    }
}

/// The sending half of a shard's sockets.
#[derive(Debug)]
pub(crate) struct SendOnly<'a> {
    sockets: &'a [MediaSocket],
}

impl Wire for SendOnly<'_> {
    fn max_segments(&self) -> usize {
        // Falls to 1 when the kernel or the card refuses segmentation.
        self.sockets.iter().map(|socket| socket.state.max_gso_segments()).min().unwrap_or(1).min(MAX_SEGMENTS)
    }

    fn send(&mut self, path: &Path, data: &[u8], segment: usize) -> bool {
        let Some(MediaSocket { socket, state, bound_to_one }) = self.sockets.get(path.socket) else {
            return false;
        };
        let transmit = Transmit {
            destination: path.peer,
            ecn: None,
            contents: data,
            segment_size: (segment < data.len()).then_some(segment),
            src_ip: path.local.filter(|_| !bound_to_one),
        };
        match state.try_send(UdpSockRef::from(socket), &transmit) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            // The kernel would not segment; from now on it won't be asked to.
            Err(_) if transmit.segment_size.is_some() && state.max_gso_segments() == 1 => {
                data.chunks(segment).all(|contents| {
                    let one = Transmit { contents, segment_size: None, ..transmit.clone() };
                    state.try_send(UdpSockRef::from(socket), &one).is_ok()
                })
            }
            Err(_) => false,
        }
    }
}
