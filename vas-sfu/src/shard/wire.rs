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

/// What became of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The system took it.
    Taken,
    /// The system's buffer is full: nothing has left, and the same may be tried again.
    Full,
    /// It can't be sent; it is as lost as on any network.
    Failed,
}

/// Sends datagrams; the sockets of a shard, or a stand-in.
pub(crate) trait Wire {
    /// Datagrams that one send on this path may hold.
    fn max_segments(&self, path: &Path) -> usize;

    /// Sends `data` as datagrams of `segment` bytes, the last of which may be shorter.
    fn send(&mut self, path: &Path, data: &[u8], segment: usize) -> Sent;
}

/// Segments in one send: the kernel takes 64 and no more than 64 KiB.
const MAX_SEGMENTS: usize = 44;

/// Bytes of a receive buffer: the kernel may hand over several datagrams of a flow at once.
const RECEIVE_BUFFER: usize = 64 << 10;

/// The longest datagram of a viewer that is looked at: checks, handshakes and reports stay well below.
const MAX_DATAGRAM: usize = 2_048;

/// Receive buffers, thus reads with one system call.
const RECEIVE_BATCH: usize = if BATCH_SIZE < 8 { BATCH_SIZE } else { 8 };

#[derive(Debug)]
struct MediaSocket {
    socket: UdpSocket,
    state: UdpSocketState,
    /// Bound to one address, which is then the source of whatever is sent.
    bound_to_one: bool,
    /// Whether something may be waiting to be read.
    readable: bool,
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
    // The kernel's limit may be lower; it takes what it allows, and counts the double of it.
    let _ = socket.set_send_buffer_size(buffer_bytes);
    let _ = socket.set_recv_buffer_size(buffer_bytes);
    let granted = socket.send_buffer_size().unwrap_or(0) / 2;
    if granted < buffer_bytes {
        tracing::warn!(
            granted,
            wanted = buffer_bytes,
            "small send buffer; raise net.core.wmem_max for many viewers"
        );
    }
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
                Ok(MediaSocket { socket, state, bound_to_one, readable: false })
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

    /// The poll set says that a socket has something to read.
    pub(crate) fn set_readable(&mut self, token: Token) {
        if let Some(socket) = self.sockets.get_mut(token.0) {
            socket.readable = true;
        }
    }

    /// Asks again for segmentation where it was given up: a single path can be to blame.
    pub(crate) fn renew_segmentation(&mut self) {
        for MediaSocket { socket, state, .. } in &mut self.sockets {
            if state.max_gso_segments() == 1
                && let Ok(fresh) = UdpSocketState::new(UdpSockRef::from(&*socket))
            {
                *state = fresh;
            }
        }
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
            if self.sockets[index].readable {
                let left = self.receive_on(index, batches, &mut handle);
                self.sockets[index].readable = left;
                more |= left;
            }
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
            let mut buffers = self.buffers.iter_mut();
            let mut slices: [IoSliceMut<'_>; RECEIVE_BATCH] =
                std::array::from_fn(|_| IoSliceMut::new(buffers.next().map_or(&mut [], Vec::as_mut_slice)));
            let count = match socket.state.recv(UdpSockRef::from(&socket.socket), &mut slices, &mut metas) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // An earlier send to a port that nobody listens on: the error of another connection.
                Err(_) => continue,
            };
            for (meta, buffer) in metas[..count].iter().zip(&self.buffers) {
                // Nobody can be answered at port 0, and trying to makes the kernel refuse segmentation.
                if meta.addr.port() == 0 {
                    continue;
                }
                let path = Path { socket: index, peer: meta.addr, local: meta.dst_ip };
                let datagrams = buffer[..meta.len].chunks(meta.stride.max(1));
                for data in datagrams.filter(|data| data.len() <= MAX_DATAGRAM) {
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
    fn max_segments(&self, path: &Path) -> usize {
        // Falls to 1 when the kernel or the card refuses segmentation.
        self.sockets.get(path.socket).map_or(1, |socket| socket.state.max_gso_segments()).min(MAX_SEGMENTS)
    }

    fn send(&mut self, path: &Path, data: &[u8], segment: usize) -> Sent {
        let Some(MediaSocket { socket, state, bound_to_one, .. }) = self.sockets.get(path.socket) else {
            return Sent::Failed;
        };
        let transmit = Transmit {
            destination: path.peer,
            ecn: None,
            contents: data,
            segment_size: (segment < data.len()).then_some(segment),
            src_ip: path.local.filter(|_| !bound_to_one),
        };
        match state.try_send(UdpSockRef::from(socket), &transmit) {
            Ok(()) => Sent::Taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Sent::Full,
            // The kernel would not segment; from now on it won't be asked to.
            Err(_) if transmit.segment_size.is_some() && state.max_gso_segments() == 1 => {
                let all = data.chunks(segment).all(|contents| {
                    let one = Transmit { contents, segment_size: None, ..transmit.clone() };
                    state.try_send(UdpSockRef::from(socket), &one).is_ok()
                });
                if all { Sent::Taken } else { Sent::Failed }
            }
            Err(_) => Sent::Failed,
        }
    }
}
