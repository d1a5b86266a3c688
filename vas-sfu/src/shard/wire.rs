//! The sockets of a shard: UDP here, TCP in [`super::tcp`].

use super::tcp::{self, Connection, TcpKey, TcpPorts};
use super::tcp_limits::Admission;
use crate::config::SfuConfig;
use crate::error::StartError;
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Instant;

/// What carries the datagrams of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// A UDP socket of the shard, by its place.
    Udp(u32),
    /// A TCP connection of the shard.
    Tcp(TcpKey),
}

/// Where a connection's packets go, and from where: replies leave from the address that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// The socket.
    pub(crate) carrier: Carrier,
    /// The viewer's address.
    pub(crate) peer: SocketAddr,
    /// This machine's address on the path.
    pub(crate) local: Option<IpAddr>,
}

/// Where datagrams come from, by which a shard tells viewers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// An address that sends over UDP.
    Udp(SocketAddr),
    /// A TCP connection, whose address may be somebody else's on UDP.
    Tcp(TcpKey),
}

impl Path {
    /// A path on a UDP socket of the shard.
    pub(crate) const fn udp(socket: u32, peer: SocketAddr, local: Option<IpAddr>) -> Self {
        Self { carrier: Carrier::Udp(socket), peer, local }
    }

    /// Where datagrams on this path come from.
    pub(crate) const fn origin(&self) -> Origin {
        match self.carrier {
            Carrier::Udp(_) => Origin::Udp(self.peer),
            Carrier::Tcp(key) => Origin::Tcp(key),
        }
    }
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

    /// Nothing more will be sent on this path. What was sent still leaves.
    fn release(&mut self, _path: &Path) {}
}

/// Segments in one send: the kernel takes 64 and no more than 64 KiB.
const MAX_SEGMENTS: usize = 44;

/// Bytes of a receive buffer: the kernel may hand over several datagrams of a flow at once.
const RECEIVE_BUFFER: usize = 64 << 10;

/// The longest datagram of a viewer that is looked at: checks, handshakes and reports stay well below.
pub(super) const MAX_DATAGRAM: usize = 2_048;

/// Receive buffers, thus reads with one system call.
const RECEIVE_BATCH: usize = if BATCH_SIZE < 8 { BATCH_SIZE } else { 8 };

#[derive(Debug)]
pub(super) struct MediaSocket {
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
    tcp: TcpPorts,
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

/// Attempts to find a port that is free on UDP and on TCP, where none was asked for.
const PORT_ATTEMPTS: usize = 16;

/// Sockets and listeners of one shard.
#[derive(Debug, Default)]
struct Ports {
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
    /// The addresses that could be bound.
    bound: Vec<SocketAddr>,
}

impl Ports {
    /// Binds what is configured, each address on the same port with both protocols.
    fn bind(config: &SfuConfig) -> Result<Self, StartError> {
        let mut ports = Self::default();
        for &wanted in &config.listen {
            let mut address = wanted;
            if address.port() == 0
                && let Some(first) = ports.bound.first()
            {
                address.set_port(first.port());
            }
            match bind(address, config.socket_buffer_bytes) {
                Ok(socket) => {
                    let local =
                        socket.local_addr().map_err(|source| StartError::Bind { address: wanted, source })?;
                    if config.tcp {
                        ports.tcp.push(listen(local)?);
                    }
                    ports.bound.push(local);
                    ports.udp.push(socket);
                }
                // A machine without IPv6 is no reason to refuse.
                Err(source)
                    if wanted.is_ipv6() && wanted.ip().is_unspecified() && !ports.bound.is_empty() =>
                {
                    tracing::info!(address = %wanted, error = %source, "not listening on IPv6");
                }
                Err(source) => return Err(StartError::Bind { address: wanted, source }),
            }
        }
        if ports.bound.is_empty() { Err(StartError::NoAddress) } else { Ok(ports) }
    }

    /// The same; a free port is looked for anew when another program has it on TCP.
    fn find(config: &SfuConfig) -> Result<Self, StartError> {
        let mut attempts = PORT_ATTEMPTS;
        loop {
            attempts -= 1;
            match Self::bind(config) {
                Err(StartError::Listen { .. })
                    if attempts > 0 && config.listen.iter().all(|a| a.port() == 0) => {}
                other => return other,
            }
        }
    }

    /// The same addresses for one more shard.
    fn again(&self, config: &SfuConfig) -> Result<Self, StartError> {
        let bind = |&address| {
            bind(address, config.socket_buffer_bytes).map_err(|source| StartError::Bind { address, source })
        };
        let udp = self.bound.iter().map(bind).collect::<Result<_, _>>()?;
        let listeners = self.bound.iter().filter(|_| config.tcp);
        let tcp = listeners.map(|&address| listen(address)).collect::<Result<_, _>>()?;
        Ok(Self { udp, tcp, bound: self.bound.clone() })
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    tcp::listen(address).map_err(|source| StartError::Listen { address, source })
}

/// Binds the sockets of all shards: `[shard]`, and the addresses that could be bound.
pub(crate) fn bind_all(config: &SfuConfig) -> Result<(Vec<Sockets>, Vec<SocketAddr>), StartError> {
    let admission = Admission::new(config.max_tcp_connections, config.max_tcp_connections_per_address);
    let first = Ports::find(config)?;
    let bound = first.bound.clone();
    let others = (1..config.shard_count()).map(|_| first.again(config)).collect::<Result<Vec<_>, _>>()?;
    let shards = std::iter::once(first).chain(others);
    let shards = shards.map(|ports| Sockets::new(ports, admission.clone())).collect::<Result<_, _>>()?;
    Ok((shards, bound))
}

/// A datagram as it came.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    pub(crate) path: Path,
    pub(crate) data: &'a [u8],
}

impl Sockets {
    fn new(ports: Ports, admission: Arc<Admission>) -> Result<Self, StartError> {
        let sockets = ports
            .udp
            .into_iter()
            .map(|socket| {
                let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
                let bound_to_one = !socket.local_addr()?.ip().is_unspecified();
                Ok(MediaSocket { socket, state, bound_to_one, readable: false })
            })
            .collect::<io::Result<_>>()
            .map_err(StartError::Thread)?;
        let tcp = TcpPorts::new(ports.tcp, admission);
        Ok(Self { sockets, buffers: vec![vec![0; RECEIVE_BUFFER]; RECEIVE_BATCH], tcp })
    }

    pub(crate) fn register(&mut self, registry: &Registry) -> io::Result<()> {
        for (token, socket) in self.sockets.iter().enumerate() {
            registry.register(&mut SourceFd(&socket.socket.as_raw_fd()), Token(token), Interest::READABLE)?;
        }
        self.tcp.register(registry)
    }

    /// The poll set says that a socket has something to read, or may be written to again.
    pub(crate) fn set_ready(&mut self, event: &Event) {
        match self.sockets.get_mut(event.token().0) {
            Some(socket) => socket.readable = true,
            None => self.tcp.set_ready(event),
        }
    }

    /// Whether TCP connections are open, which want [`Self::sweep`] now and then.
    pub(crate) fn has_connections(&self) -> bool {
        !self.tcp.is_empty()
    }

    /// Whether something waits to be handled that no event will tell of.
    pub(crate) fn has_unread(&self) -> bool {
        self.tcp.has_unread()
    }

    /// Takes a TCP connection over from another shard.
    pub(crate) fn adopt(&mut self, connection: Connection) {
        self.tcp.adopt(connection);
    }

    /// The TCP connections that go to other shards, by their number.
    pub(crate) fn departures(&mut self) -> impl Iterator<Item = (usize, Connection)> {
        self.tcp.departures()
    }

    /// A TCP connection of a viewer that has ended.
    pub(crate) fn lost(&mut self) -> Option<Origin> {
        self.tcp.lost().map(Origin::Tcp)
    }

    /// Closes TCP connections that are not used.
    pub(crate) fn sweep(&mut self, now: Instant) {
        self.tcp.sweep(now);
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
        now: Instant,
        mut handle: impl FnMut(&mut SendOnly<'_>, &Received<'_>),
    ) -> bool {
        let mut more = self.tcp.receive(&self.sockets, now, &mut handle);
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
                let path = Path::udp(index as u32, meta.addr, meta.dst_ip);
                let datagrams = buffer[..meta.len].chunks(meta.stride.max(1));
                for data in datagrams.filter(|data| data.len() <= MAX_DATAGRAM) {
                    let mut wire = SendOnly { sockets: &self.sockets, tcp: &mut self.tcp };
                    handle(&mut wire, &Received { path, data });
                }
            }
        }
        true
    }

    pub(crate) const fn sender(&mut self) -> SendOnly<'_> {
        SendOnly { sockets: self.sockets.as_slice(), tcp: &mut self.tcp }
    }
}

/// The sending half of a shard's sockets.
#[derive(Debug)]
pub(crate) struct SendOnly<'a> {
    pub(super) sockets: &'a [MediaSocket],
    pub(super) tcp: &'a mut TcpPorts,
}

impl SendOnly<'_> {
    /// A valid check has come on this path.
    pub(super) fn prove(&mut self, path: &Path) {
        if let Carrier::Tcp(key) = path.carrier {
            self.tcp.prove(key);
        }
    }

    /// Moves the TCP connection of this path, if it is one and may move, to the shard that owns its viewer, which will
    /// read again what is being handled.
    pub(super) fn hand_over(&mut self, path: &Path, shard: usize) -> bool {
        matches!(path.carrier, Carrier::Tcp(key) if self.tcp.hand_over(key, shard))
    }
}

impl Wire for SendOnly<'_> {
    fn max_segments(&self, path: &Path) -> usize {
        match path.carrier {
            // Falls to 1 when the kernel or the card refuses segmentation.
            Carrier::Udp(socket) => self
                .sockets
                .get(socket as usize)
                .map_or(1, |socket| socket.state.max_gso_segments())
                .min(MAX_SEGMENTS),
            Carrier::Tcp(_) => tcp::MAX_SEGMENTS,
        }
    }

    fn send(&mut self, path: &Path, data: &[u8], segment: usize) -> Sent {
        match path.carrier {
            Carrier::Udp(socket) => match self.sockets.get(socket as usize) {
                Some(socket) => socket.send(path, data, segment),
                None => Sent::Failed,
            },
            Carrier::Tcp(key) => self.tcp.send(key, data, segment),
        }
    }

    fn release(&mut self, path: &Path) {
        if let Carrier::Tcp(key) = path.carrier {
            self.tcp.end(key);
        }
    }
}

impl MediaSocket {
    fn send(&self, path: &Path, data: &[u8], segment: usize) -> Sent {
        let Self { socket, state, bound_to_one, .. } = self;
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
