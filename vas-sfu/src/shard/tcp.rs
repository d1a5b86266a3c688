//! ICE over TCP (RFC 6544): passive candidates, to which viewers connect when UDP does not get through, with a
//! length before each datagram (RFC 4571, section 2).
//!
//! Anybody can connect, so everything is bounded: connections in all and of one address, the time until a first
//! valid check, what is read at a time and what waits to be sent. A connection belongs to the shard of its viewer;
//! where another one accepted it, the socket itself moves there before anything is answered.

use super::tcp_limits::{Admission, Admitted};
use super::wire::{Carrier, MAX_DATAGRAM, MediaSocket, Path, Received, SendOnly, Sent};
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use slab::Slab;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tokens of the listeners; UDP sockets have the ones below.
const LISTENERS: usize = 1 << 16;
/// Tokens of the connections.
const CONNECTIONS: usize = 1 << 20;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;
/// Connections accepted before media has its turn.
const ACCEPTS: usize = 16;
/// Bytes of one read.
const READ: usize = 16 << 10;
/// Reads of a connection before others have their turn.
const READS: usize = 4;
/// Bytes that may wait for a viewer here.
const MAX_QUEUED: usize = 256 << 10;
/// Bytes that the kernel may hold unsent. Its own bound grows to megabytes, which would be seconds of delay.
const MAX_UNSENT: u32 = 64 << 10;
/// Datagrams in one send.
pub(super) const MAX_SEGMENTS: usize = 16;
/// How long a connection may take to its first valid check.
const PROOF: Duration = Duration::from_secs(10);
/// A connection on which nothing has come for so long is closed; agents check each 2.5 to 25 s.
const IDLE: Duration = Duration::from_secs(60);

/// A connection of a shard. Its serial number tells it from the ones that had the slot before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TcpKey {
    slot: u32,
    serial: u32,
}

/// The start of what was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    /// A whole frame.
    Frame(&'a [u8]),
    /// The rest has not come yet.
    Partial,
    /// A frame longer than anything that a viewer has to say.
    TooLong,
}

/// Bytes of the length before each datagram.
const PREFIX: usize = 2;

pub(crate) fn next_frame(bytes: &[u8]) -> Next<'_> {
    let Some(prefix) = bytes.first_chunk::<PREFIX>() else { return Next::Partial };
    let length = usize::from(u16::from_be_bytes(*prefix));
    if length > MAX_DATAGRAM {
        return Next::TooLong;
    }
    bytes.get(PREFIX..PREFIX + length).map_or(Next::Partial, Next::Frame)
}

/// Gives `data`, cut into datagrams of `segment` bytes, with their lengths. A datagram has less than 64 KiB.
pub(crate) fn frames(data: &[u8], segment: usize) -> impl Iterator<Item = ([u8; PREFIX], &[u8])> {
    data.chunks(segment.max(1)).map(|datagram| ((datagram.len() as u16).to_be_bytes(), datagram))
}

/// A connection of a viewer, or of somebody who is still to prove to be one.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    local: IpAddr,
    /// Its place among the connections, held while it lives.
    _admitted: Admitted,
    /// What was read of a frame whose rest is still to come.
    unread: Vec<u8>,
    /// What waits until the kernel takes it, beginning anywhere in a frame.
    queue: VecDeque<u8>,
    opened: Instant,
    heard: Instant,
    /// A valid check has come on it.
    proved: bool,
    /// It has come from another shard, and does not move twice.
    moved: bool,
    /// The shard that it moves to.
    leaving: Option<usize>,
    /// It closes as soon as what waits has left.
    ending: bool,
    serial: u32,
}

#[derive(Debug)]
struct Listener {
    socket: TcpListener,
    /// Whether somebody may be waiting.
    ready: bool,
}

/// The listeners and connections of a shard.
#[derive(Debug)]
pub(crate) struct TcpPorts {
    listeners: Vec<Listener>,
    connections: Slab<Connection>,
    serial: u32,
    admission: Arc<Admission>,
    /// Absent until the shard has its poll set.
    registry: Option<Registry>,
    /// Connections on which something may be waiting to be read.
    readable: Vec<TcpKey>,
    departures: Vec<(usize, Connection)>,
    /// Connections with a viewer that have ended.
    lost: Vec<TcpKey>,
    buffer: Vec<u8>,
    framed: Vec<u8>,
}

/// A listener bound so that other shards may listen on the same address.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of an earlier run that wait to be forgotten keep nobody from starting again.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl TcpPorts {
    pub(super) fn new(listeners: Vec<TcpListener>, admission: Arc<Admission>) -> Self {
        let listeners = listeners.into_iter().map(|socket| Listener { socket, ready: false }).collect();
        Self {
            listeners,
            connections: Slab::new(),
            serial: 0,
            admission,
            registry: None,
            readable: Vec::new(),
            departures: Vec::new(),
            lost: Vec::new(),
            buffer: Vec::new(),
            framed: Vec::new(),
        }
    }

    pub(super) fn register(&mut self, registry: &Registry) -> io::Result<()> {
        for (index, listener) in self.listeners.iter().enumerate() {
            let fd = listener.socket.as_raw_fd();
            registry.register(&mut SourceFd(&fd), Token(LISTENERS + index), Interest::READABLE)?;
        }
        self.registry = Some(registry.try_clone()?);
        Ok(())
    }

    /// Whether there is any connection.
    pub(super) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Whether something waits that no event will tell of.
    pub(super) fn has_unread(&self) -> bool {
        !self.readable.is_empty()
    }

    /// The poll set says that something has happened.
    pub(super) fn set_ready(&mut self, event: &Event) {
        let token = event.token().0;
        if let Some(slot) = token.checked_sub(CONNECTIONS) {
            let Some(connection) = self.connections.get(slot) else { return };
            let key = TcpKey { slot: slot as u32, serial: connection.serial };
            if event.is_writable() {
                self.flush(key);
            }
            if event.is_readable() && !self.readable.contains(&key) {
                self.readable.push(key);
            }
        } else if let Some(listener) = token.checked_sub(LISTENERS).and_then(|at| self.listeners.get_mut(at))
        {
            listener.ready = true;
        }
    }

    fn get_mut(&mut self, key: TcpKey) -> Option<&mut Connection> {
        self.connections.get_mut(key.slot as usize).filter(|connection| connection.serial == key.serial)
    }

    fn insert(&mut self, mut connection: Connection) -> io::Result<()> {
        let Some(registry) = &self.registry else { return Ok(()) };
        self.serial = self.serial.wrapping_add(1);
        connection.serial = self.serial;
        let entry = self.connections.vacant_entry();
        let (fd, token) = (connection.stream.as_raw_fd(), Token(CONNECTIONS + entry.key()));
        registry.register(&mut SourceFd(&fd), token, Interest::READABLE | Interest::WRITABLE)?;
        self.readable.push(TcpKey { slot: entry.key() as u32, serial: self.serial });
        entry.insert(connection);
        Ok(())
    }

    /// Takes a connection over from another shard.
    pub(super) fn adopt(&mut self, mut connection: Connection) {
        connection.moved = true;
        connection.leaving = None;
        if let Err(error) = self.insert(connection) {
            tracing::debug!(%error, "a viewer's TCP connection is lost between shards");
        }
    }

    fn accept(&mut self, now: Instant) {
        for index in 0..self.listeners.len() {
            for _ in 0..ACCEPTS {
                let listener = &mut self.listeners[index];
                if !listener.ready {
                    break;
                }
                match listener.socket.accept() {
                    // Whoever is too many finds the connection closed.
                    Ok((stream, peer)) => {
                        if let Some(admitted) = self.admission.admit(peer.ip())
                            && let Err(error) = self.admit(stream, peer, admitted, now)
                        {
                            tracing::debug!(%peer, %error, "a TCP connection can't be set up");
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // Out of file descriptors, or a connection that has ended already: the next look is
                    // [`Self::sweep`]'s or the next event's.
                    Err(_) => listener.ready = false,
                }
            }
        }
    }

    fn admit(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        admitted: Admitted,
        now: Instant,
    ) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_tcp_notsent_lowat(MAX_UNSENT)?;
        let local = stream.local_addr()?.ip();
        self.insert(Connection {
            stream,
            peer,
            local,
            _admitted: admitted,
            unread: Vec::new(),
            queue: VecDeque::new(),
            opened: now,
            heard: now,
            proved: false,
            moved: false,
            leaving: None,
            ending: false,
            serial: 0,
        })
    }

    /// Gives `handle` what has arrived, some of each connection. Tells whether something may be left.
    pub(super) fn receive(
        &mut self,
        sockets: &[MediaSocket],
        now: Instant,
        handle: &mut impl FnMut(&mut SendOnly<'_>, &Received<'_>),
    ) -> bool {
        self.accept(now);
        if self.readable.is_empty() {
            return false;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        for key in std::mem::take(&mut self.readable) {
            if self.receive_on(key, sockets, &mut buffer, now, handle) {
                self.readable.push(key);
            }
        }
        self.buffer = buffer;
        self.has_unread()
    }

    fn receive_on(
        &mut self,
        key: TcpKey,
        sockets: &[MediaSocket],
        buffer: &mut Vec<u8>,
        now: Instant,
        handle: &mut impl FnMut(&mut SendOnly<'_>, &Received<'_>),
    ) -> bool {
        for _ in 0..READS {
            let Some(connection) = self.get_mut(key) else { return false };
            buffer.clear();
            buffer.append(&mut connection.unread);
            let before = buffer.len();
            buffer.resize(before + READ, 0);
            let read = connection.stream.read(&mut buffer[before..]);
            let count = *read.as_ref().unwrap_or(&0);
            buffer.truncate(before + count);
            if count > 0 {
                connection.heard = now;
            }
            let path =
                Path { carrier: Carrier::Tcp(key), peer: connection.peer, local: Some(connection.local) };
            let mut at = 0;
            loop {
                match next_frame(&buffer[at..]) {
                    Next::Frame(data) => {
                        handle(&mut SendOnly { sockets, tcp: self }, &Received { path, data });
                        if self.depart(key, &buffer[at..]) {
                            return false;
                        }
                        at += PREFIX + data.len();
                    }
                    Next::Partial => break,
                    Next::TooLong => {
                        self.close(key);
                        return false;
                    }
                }
            }
            let Some(connection) = self.get_mut(key) else { return false };
            connection.unread.extend_from_slice(&buffer[at..]);
            match read {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => {
                    self.close(key);
                    return false;
                }
            }
        }
        true
    }

    /// Another shard owns the viewer of this connection: it moves there once what is being handled is handled, if it
    /// may. Tells whether it does.
    pub(super) fn hand_over(&mut self, key: TcpKey, shard: usize) -> bool {
        let Some(connection) = self.get_mut(key) else { return false };
        let moves = !connection.proved && !connection.moved;
        connection.leaving = moves.then_some(shard);
        moves
    }

    /// Takes a connection out that is to move, with the bytes from the frame on that told where to.
    fn depart(&mut self, key: TcpKey, unread: &[u8]) -> bool {
        let Some((connection, shard)) = self.get_mut(key).and_then(|own| own.leaving.map(|to| (own, to)))
        else {
            return false;
        };
        connection.unread = unread.to_vec();
        let connection = self.connections.remove(key.slot as usize);
        if let Some(registry) = &self.registry
            && registry.deregister(&mut SourceFd(&connection.stream.as_raw_fd())).is_ok()
        {
            self.departures.push((shard, connection));
        }
        true
    }

    /// The connections that are to go to other shards.
    pub(super) fn departures(&mut self) -> impl Iterator<Item = (usize, Connection)> {
        self.departures.drain(..)
    }

    /// The connections that have ended and had a viewer.
    pub(super) fn lost(&mut self) -> Option<TcpKey> {
        self.lost.pop()
    }

    /// A valid check has come on it.
    pub(super) fn prove(&mut self, key: TcpKey) {
        if let Some(connection) = self.get_mut(key) {
            connection.proved = true;
        }
    }

    /// Sends `data` as datagrams of `segment` bytes; all of it waits where the kernel does not take it.
    pub(super) fn send(&mut self, key: TcpKey, data: &[u8], segment: usize) -> Sent {
        let mut framed = std::mem::take(&mut self.framed);
        framed.clear();
        for (length, datagram) in frames(data, segment) {
            framed.extend_from_slice(&length);
            framed.extend_from_slice(datagram);
        }
        let sent = self.send_framed(key, &framed);
        self.framed = framed;
        sent
    }

    fn send_framed(&mut self, key: TcpKey, framed: &[u8]) -> Sent {
        let Some(connection) = self.get_mut(key).filter(|connection| !connection.ending) else {
            return Sent::Failed;
        };
        if connection.queue.len() + framed.len() > MAX_QUEUED {
            return Sent::Full;
        }
        let mut taken = 0;
        if connection.queue.is_empty() {
            match connection.stream.write(framed) {
                Ok(count) => taken = count,
                Err(error) if is_busy(&error) => {}
                Err(_) => {
                    self.close(key);
                    return Sent::Failed;
                }
            }
        }
        connection.queue.extend(&framed[taken..]);
        Sent::Taken
    }

    /// Sends what waits.
    fn flush(&mut self, key: TcpKey) {
        let Some(connection) = self.get_mut(key) else { return };
        while !connection.queue.is_empty() {
            match connection.stream.write(connection.queue.as_slices().0) {
                Ok(count) => drop(connection.queue.drain(..count)),
                Err(error) if is_busy(&error) => return,
                Err(_) => return self.close(key),
            }
        }
        if connection.ending {
            self.close(key);
        }
    }

    /// Nothing more will be sent on it: it closes once what waits has left.
    pub(super) fn end(&mut self, key: TcpKey) {
        if let Some(connection) = self.get_mut(key) {
            connection.ending = true;
            self.flush(key);
        }
    }

    fn close(&mut self, key: TcpKey) {
        if self.get_mut(key).is_some() {
            // Closing takes it out of the poll set.
            let connection = self.connections.remove(key.slot as usize);
            if connection.proved {
                self.lost.push(key);
            }
        }
    }

    /// Closes connections that have proved nothing in time or are idle, and looks at the listeners again.
    pub(super) fn sweep(&mut self, now: Instant) {
        for listener in &mut self.listeners {
            listener.ready = true;
        }
        let overdue: Vec<TcpKey> = self
            .connections
            .iter()
            .filter(|(_, connection)| {
                let since = |at| now.saturating_duration_since(at);
                (!connection.proved && since(connection.opened) > PROOF) || since(connection.heard) > IDLE
            })
            .map(|(slot, connection)| TcpKey { slot: slot as u32, serial: connection.serial })
            .collect();
        for key in overdue {
            self.close(key);
        }
    }
}

fn is_busy(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
#[path = "tcp_tests.rs"]
mod tests;
