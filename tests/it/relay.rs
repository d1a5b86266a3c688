//! A lossy network between a viewer and the SFU: a UDP relay in a thread of the test's own process.
//!
//! Its address stands in for the SFU's in the answer ([`Relay::rewrite`]). Each viewer's address that it hears from
//! gets a socket of its own towards the SFU, as behind a NAT. All of them share the two directions of one network,
//! which can be changed while it runs: loss, delay, jitter, reordering, a bottleneck with a bounded queue
//! ([`Link`]), a black hole, and a NAT that gives its clients new ports. Times are kept to well under a millisecond
//! on a machine that is not busy.

mod way;

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, Socket, Type};

use way::Way;
pub(crate) use way::{Bottleneck, Counters, HEADERS, Link};

/// Viewers' addresses at the same time; others are not served.
const MAX_CLIENTS: usize = 64;
/// Datagrams read from one socket before the others have their turn.
const BATCH: usize = 64;
/// Room for a burst while the thread is not scheduled.
const SOCKET_BUFFER: usize = 4 << 20;
/// The longest UDP payload.
const LONGEST: usize = 65_535;

/// The two directions, as the viewer sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the SFU to viewers.
    Down,
    /// From viewers to the SFU.
    Up,
}

/// A running relay; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    waker: UnixDatagram,
    thread: Option<JoinHandle<()>>,
}

/// What the test and the thread share.
#[derive(Debug)]
struct Shared {
    down: Way<Datagram>,
    up: Way<Datagram>,
    /// The NAT is to give its clients new ports.
    rebind: bool,
    stop: bool,
}

/// A datagram of a client.
#[derive(Debug)]
struct Datagram {
    client: usize,
    bytes: Vec<u8>,
}

impl Shared {
    fn way(&mut self, direction: Direction) -> &mut Way<Datagram> {
        match direction {
            Direction::Down => &mut self.down,
            Direction::Up => &mut self.up,
        }
    }
}

impl Relay {
    /// Starts a relay on a free port of 127.0.0.1, perfect in both directions. Its chances follow from `seed`.
    ///
    /// # Errors
    /// The system has no port or thread to give.
    pub(crate) fn start(server: SocketAddr, seed: u64) -> Result<Self> {
        let clients = bind().context("no socket for the relay")?;
        let address = clients.local_addr()?;
        let (waker, wakes) = UnixDatagram::pair()?;
        waker.set_nonblocking(true)?;
        wakes.set_nonblocking(true)?;
        let shared = Shared { down: Way::new(seed), up: Way::new(seed ^ 1), rebind: false, stop: false };
        let shared = Arc::new(Mutex::new(shared));
        let pump = Pump {
            server,
            shared: shared.clone(),
            wakes,
            clients,
            ports: Vec::new(),
            known: HashMap::new(),
            buffer: vec![0; LONGEST],
        };
        let thread = thread::Builder::new().name("relay".to_owned()).spawn(move || pump.run())?;
        Ok(Self { address, shared, waker, thread: Some(thread) })
    }

    /// Where viewers send to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The answer with this relay as its only candidate, of UDP (RFC 8839, section 5.1).
    pub(crate) fn rewrite(&self, answer: &str) -> String {
        let (ip, port) = (self.address.ip(), self.address.port());
        let mut candidate = Some(format!("a=candidate:1 1 udp 2130706431 {ip} {port} typ host\r\n"));
        let line = |line: &str| match line.starts_with("a=candidate:") {
            true => candidate.take().unwrap_or_default(),
            false => line.to_owned(),
        };
        answer.split_inclusive('\n').map(line).collect()
    }

    /// Changes a direction.
    pub(crate) fn set(&self, direction: Direction, link: Link) {
        lock(&self.shared).way(direction).set(Instant::now(), link);
        self.wake();
    }

    /// Changes both directions.
    pub(crate) fn set_both(&self, link: Link) {
        self.set(Direction::Down, link);
        self.set(Direction::Up, link);
    }

    /// Begins or ends to swallow everything, in both directions.
    pub(crate) fn set_black_hole(&self, black_hole: bool) {
        let mut shared = lock(&self.shared);
        shared.down.black_hole = black_hole;
        shared.up.black_hole = black_hole;
    }

    /// Gives each client another port towards the SFU, as a NAT does that has forgotten it. What the SFU sends to
    /// the old ports is lost.
    pub(crate) fn rebind(&self) {
        lock(&self.shared).rebind = true;
        self.wake();
    }

    /// What happened in a direction so far.
    pub(crate) fn counters(&self, direction: Direction) -> Counters {
        lock(&self.shared).way(direction).counters.clone()
    }

    fn wake(&self) {
        // A full pipe means that it wakes anyhow.
        let _ = self.waker.send(&[0]);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        lock(&self.shared).stop = true;
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread that moves datagrams.
#[derive(Debug)]
struct Pump {
    server: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    wakes: UnixDatagram,
    clients: UdpSocket,
    /// Each client's socket towards the SFU, and its address.
    ports: Vec<(UdpSocket, SocketAddr)>,
    /// Where in `ports` a client is.
    known: HashMap<SocketAddr, usize>,
    buffer: Vec<u8>,
}

impl Pump {
    fn run(mut self) {
        let shared = self.shared.clone();
        loop {
            let due = {
                let mut shared = lock(&shared);
                if shared.stop {
                    return;
                }
                if std::mem::take(&mut shared.rebind) {
                    self.rebind();
                }
                self.send(&mut shared)
            };
            self.wait(due);
            self.receive();
        }
    }

    /// Sends what is due; gives when the next is.
    fn send(&self, shared: &mut Shared) -> Option<Instant> {
        let now = Instant::now();
        // Errors tell of earlier datagrams that nobody took, as after the end of either side.
        while let Some(Datagram { client, bytes }) = shared.down.take(now) {
            let _ = self.clients.send_to(&bytes, self.ports[client].1);
        }
        while let Some(Datagram { client, bytes }) = shared.up.take(now) {
            let _ = self.ports[client].0.send_to(&bytes, self.server);
        }
        shared.down.due().into_iter().chain(shared.up.due()).min()
    }

    /// Sleeps until `due`, until a datagram comes or until the test wants something.
    fn wait(&self, due: Option<Instant>) {
        let timeout = due.map(|due| {
            let left = due.saturating_duration_since(Instant::now());
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() }
        });
        let readable = PollFlags::IN;
        let mut sockets = vec![PollFd::new(&self.wakes, readable), PollFd::new(&self.clients, readable)];
        sockets.extend(self.ports.iter().map(|(socket, _)| PollFd::new(socket, readable)));
        // An interruption is a wake-up like any other.
        let _ = poll(&mut sockets, timeout.as_ref());
    }

    fn receive(&mut self) {
        while self.wakes.recv(&mut self.buffer).is_ok() {}
        for _ in 0..BATCH {
            let Some((size, from)) = receive(&self.clients, &mut self.buffer) else { break };
            let Some(client) = self.client(from) else { continue };
            self.offer(Direction::Up, client, size);
        }
        for client in 0..self.ports.len() {
            for _ in 0..BATCH {
                let Some((size, from)) = receive(&self.ports[client].0, &mut self.buffer) else { break };
                if from == self.server {
                    self.offer(Direction::Down, client, size);
                }
            }
        }
    }

    fn offer(&self, direction: Direction, client: usize, size: usize) {
        let bytes = self.buffer[..size].to_vec();
        lock(&self.shared).way(direction).offer(Instant::now(), Datagram { client, bytes }, size);
    }

    /// The client at an address, which may be new.
    fn client(&mut self, address: SocketAddr) -> Option<usize> {
        if let Some(client) = self.known.get(&address) {
            return Some(*client);
        }
        if self.ports.len() == MAX_CLIENTS {
            return None;
        }
        self.ports.push((bind().ok()?, address));
        self.known.insert(address, self.ports.len() - 1);
        Some(self.ports.len() - 1)
    }

    fn rebind(&mut self) {
        for (socket, _) in &mut self.ports {
            // Bound before the old one closes, so that it has another port.
            if let Ok(other) = bind() {
                *socket = other;
            }
        }
    }
}

/// The next datagram that waits. Errors of earlier sends are passed over.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    loop {
        match socket.recv_from(buffer) {
            Ok(received) => return Some(received),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(_) => return None,
        }
    }
}

fn bind() -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    Ok(socket.into())
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
