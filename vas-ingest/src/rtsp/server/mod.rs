//! An RTSP server (RFC 2326) that serves streams of the hub to any number of clients: over the connection itself
//! and over UDP, with digest authentication.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use vas_core::{StreamId, SystemClock, TaskScope, hub::StreamHub};
//! use vas_ingest::rtsp::server::{RtspServer, RtspServerConfig};
//!
//! let (hub, scope) = (StreamHub::default(), TaskScope::new());
//! let config = RtspServerConfig::default();
//! let server = RtspServer::bind("127.0.0.1:8554".parse()?, config, hub, &scope, SystemClock::shared())?;
//! server.mount("/gate", StreamId::random());
//! # Ok(()) }
//! ```
//!
//! A client starts at the cached group of pictures with true timestamps, or at the next key picture. The restart
//! of a source is no end: RTP time goes on by the time of capture, unless the codec has changed, which ends the
//! session. RTP goes to the address that the connection came from and to no other.
//!
//! Deliberately absent: RTSP 2.0, multicast, recording (ANNOUNCE), TLS, sessions that outlive their connection.

mod auth;
mod connection;
mod framer;
mod link;
mod payload;
mod requests;
mod response;
mod rtp;
mod sdp;
mod session;
mod timeline;
mod transport;

pub use auth::AuthConfig;

use connection::Connection;
use parking_lot::RwLock;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use vas_core::hub::StreamHub;
use vas_core::{ErrorKind, HasKind, SharedClock, StreamId, TaskScope};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 256;
/// Pause after the system refuses to accept, as it does when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where a client starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartMode {
    /// At the cached group of pictures: a picture at once, up to one keyframe interval old. When none is cached, at
    /// the next key picture.
    #[default]
    CachedGroup,
    /// At the next key picture to arrive.
    NextKey,
}

/// How a server behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RtspServerConfig {
    /// What clients must prove. Default: nothing.
    pub auth: AuthConfig,
    /// Where clients start. Default: at the cached group of pictures.
    pub start: StartMode,
    /// Whether media may go over UDP. Default: it may.
    pub allow_udp: bool,
    /// Connections at once; others are closed on arrival. Default 256.
    pub max_connections: usize,
    /// Bytes that may wait for one client before no more units are taken for it; one unit comes on top.
    /// Default 512 KiB.
    pub max_queue: usize,
    /// How old a unit may be when its turn comes, before the client goes on at the newest key picture instead.
    /// Default 3 s.
    pub max_lag: Duration,
    /// How long a session lives without a sign of its client (section 12.37). Default 60 s.
    pub session_timeout: Duration,
}

impl Default for RtspServerConfig {
    fn default() -> Self {
        Self {
            auth: AuthConfig::None,
            start: StartMode::default(),
            allow_udp: true,
            max_connections: 256,
            max_queue: 512 << 10,
            max_lag: Duration::from_secs(3),
            session_timeout: Duration::from_secs(60),
        }
    }
}

/// Counters of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RtspServerStats {
    /// Connections now.
    pub connections: usize,
    /// Connections that were refused because there were too many.
    pub refused: u64,
    /// Sessions now.
    pub sessions: usize,
    /// Units that clients missed because they were too slow.
    pub units_skipped: u64,
}

/// Why a server can't be started.
#[derive(Debug, thiserror::Error)]
#[error("can't listen for RTSP clients on {address}: {source}; choose a free address of this machine")]
pub struct BindError {
    /// The address asked for.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

impl HasKind for BindError {
    fn kind(&self) -> ErrorKind {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => ErrorKind::Conflict,
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::PermissionDenied => ErrorKind::InvalidInput,
            _ => ErrorKind::Internal,
        }
    }
}

/// A stream at a path.
#[derive(Clone, Debug)]
struct Mount {
    stream: StreamId,
    name: String,
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicUsize,
    refused: AtomicU64,
    sessions: AtomicUsize,
    units_skipped: AtomicU64,
}

/// What the connections share.
#[derive(Debug)]
struct Shared {
    config: RtspServerConfig,
    hub: StreamHub,
    clock: SharedClock,
    scope: TaskScope,
    mounts: RwLock<HashMap<String, Mount>>,
    counters: Counters,
    /// Whether clients are told when the server stops.
    polite: AtomicBool,
    /// The name of this sender in reports (RFC 3550, section 6.5.1); random, as RFC 7022 recommends.
    cname: String,
    /// Session number of descriptions.
    clock_id: u64,
}

/// A running server. `Clone` hands out the same server; it runs until [`Self::shutdown`] or until its scope is
/// cancelled.
#[derive(Clone, Debug)]
pub struct RtspServer {
    shared: Arc<Shared>,
    local: SocketAddr,
}

impl RtspServer {
    /// Listens on `address`; port 0 takes any that is free. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The system refuses the address.
    pub fn bind(
        address: SocketAddr,
        config: RtspServerConfig,
        hub: StreamHub,
        scope: &TaskScope,
        clock: SharedClock,
    ) -> Result<Self, BindError> {
        let listener = listen(address).map_err(|source| BindError { address, source })?;
        let local = listener.local_addr().map_err(|source| BindError { address, source })?;
        let clock_id = clock.wall().to_ntp();
        let shared = Arc::new(Shared {
            config,
            hub,
            clock,
            scope: scope.child(),
            mounts: RwLock::default(),
            counters: Counters::default(),
            polite: AtomicBool::new(false),
            cname: format!("{:016x}", rand::random::<u64>()),
            clock_id,
        });
        let accepting = accept(listener, shared.clone());
        drop(shared.scope.spawn_until_cancelled("rtsp-accept", accepting));
        Ok(Self { shared, local })
    }

    /// The address that clients connect to.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Serves `stream` at `path` (percent-encoded as in URLs), in place of what was there. The stream need not be
    /// published yet.
    pub fn mount(&self, path: &str, stream: StreamId) {
        let path = normal(path);
        let name = path.trim_start_matches('/').to_owned();
        self.shared.mounts.write().insert(path, Mount { stream, name });
    }

    /// Serves nothing at `path` from now on. Sessions that play go on. Tells whether there was anything.
    pub fn unmount(&self, path: &str) -> bool {
        self.shared.mounts.write().remove(&normal(path)).is_some()
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> RtspServerStats {
        let counters = &self.shared.counters;
        RtspServerStats {
            connections: counters.connections.load(Ordering::Relaxed),
            refused: counters.refused.load(Ordering::Relaxed),
            sessions: counters.sessions.load(Ordering::Relaxed),
            units_skipped: counters.units_skipped.load(Ordering::Relaxed),
        }
    }

    /// Says goodbye to all clients, closes their connections and stops listening; waits for it, at most
    /// `deadline`. Tells whether all was done in time. To stop as a machine without power does, cancel the scope.
    pub async fn shutdown(&self, deadline: Duration) -> bool {
        self.shared.polite.store(true, Ordering::Release);
        self.shared.scope.shutdown(deadline).await
    }
}

/// A path with one slash in front and none at the end.
fn normal(path: &str) -> String {
    format!("/{}", path.trim_matches('/'))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // So that a server can start again on its port while connections of its last life fade.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => welcome(stream, peer, &shared),
            Err(error) => {
                tracing::warn!(%error, "can't accept RTSP clients at present");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn welcome(stream: TcpStream, peer: SocketAddr, shared: &Arc<Shared>) {
    let counters = &shared.counters;
    if counters.connections.load(Ordering::Relaxed) >= shared.config.max_connections {
        counters.refused.fetch_add(1, Ordering::Relaxed);
        return;
    }
    // A peer that has gone already has no address any more.
    let Ok(local) = stream.local_addr() else { return };
    // Responses and the ends of pictures must not wait for more.
    let _ = stream.set_nodelay(true);
    counters.connections.fetch_add(1, Ordering::Relaxed);
    let connection = Connection::new(shared.clone(), peer, local);
    let guard = ConnectionGuard(shared.clone());
    let serving = async move {
        let _guard = guard;
        connection.run(stream).await;
    };
    drop(shared.scope.spawn("rtsp-connection", serving));
}

/// Counts a connection for as long as it lives, also where its task panics.
struct ConnectionGuard(Arc<Shared>);

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.counters.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
