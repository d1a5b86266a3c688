//! The SFU: its shards and what they share.

use crate::admission::{Admission, admit_egress, admit_to_stream};
use crate::candidates;
use crate::config::SfuConfig;
use crate::dtls::DtlsIdentity;
use crate::error::{AdmissionError, PlainError, StartError, TransportError};
use crate::plain::PlainTransport;
use crate::producer::Producer;
use crate::router::Router;
use crate::sdp::Candidate;
use crate::shard::{Routes, Shard, ShardCounters, ShardParts, bind_all};
use crate::transport::WebRtcTransport;
use crate::turn::{self, IceServer};
use parking_lot::Mutex;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use vas_core::{SharedClock, TaskScope};

/// How long the list of local addresses is believed.
const CANDIDATES_FRESH: Duration = Duration::from_secs(10);

/// The media server. `Clone` hands out the same one; it runs until [`Self::shutdown`] or until the last handle and
/// everything made from it is dropped.
#[derive(Clone, Debug)]
pub struct Sfu {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: SfuConfig,
    clock: SharedClock,
    scope: TaskScope,
    routes: Arc<Routes>,
    identity: Arc<DtlsIdentity>,
    bound: Vec<SocketAddr>,
    /// Threads that still run.
    running: watch::Receiver<usize>,
    candidates: Mutex<(Instant, Vec<Candidate>)>,
    admission: Arc<Admission>,
    /// Who is let in and what viewers are told of; see [`Sfu::renew`].
    renewed: Mutex<Arc<SfuConfig>>,
    counters: Vec<Arc<ShardCounters>>,
}

/// Figures of a media thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardStats {
    /// Viewers' connections.
    pub transports: usize,
    /// Consumers on them.
    pub consumers: usize,
    /// Bytes of RTP payload sent, repairs apart.
    pub bytes: u64,
    /// Bits of them a second, of late.
    pub bps: u64,
}

impl Sfu {
    /// Binds the sockets and starts the threads.
    ///
    /// # Errors
    /// An address can't be bound, or the machine has no thread or randomness to give.
    pub fn start(config: SfuConfig, scope: &TaskScope, clock: SharedClock) -> Result<Self, StartError> {
        let identity = Arc::new(DtlsIdentity::generate()?);
        let (sockets, bound) = bind_all(&config)?;
        let routes = Arc::new(Routes::new(config.max_transports));
        let (count, running) = watch::channel(0);
        let count = Arc::new(count);

        let mut shards = Vec::new();
        let mut counters = Vec::new();
        let mut handles = Vec::new();
        for (index, sockets) in sockets.into_iter().enumerate() {
            let parts = ShardParts {
                index,
                sockets,
                routes: routes.clone(),
                identity: identity.clone(),
                clock: clock.clone(),
                connect_timeout: config.connect_timeout(),
                consent_timeout: config.consent_timeout(),
                counters: Arc::default(),
            };
            counters.push(parts.counters.clone());
            let (shard, handle) = Shard::new(parts)?;
            shards.push(shard);
            handles.push(handle);
        }
        routes.set_shards(handles);

        let cores = core_affinity::get_core_ids().unwrap_or_default();
        let pin = config.pin_threads && cores.len() > 2;
        for (index, shard) in shards.into_iter().enumerate() {
            let core = pin.then(|| cores[index % cores.len()]);
            let thread = Running::new(count.clone(), routes.clone(), index);
            std::thread::Builder::new()
                .name(format!("vas-sfu-{index}"))
                .spawn(move || {
                    let _running = thread;
                    if let Some(core) = core {
                        core_affinity::set_for_current(core);
                    }
                    shard.run();
                })
                .map_err(|error| {
                    routes.shut_down();
                    StartError::Thread(error)
                })?;
        }
        let fresh = (clock.now(), candidates::gather(&config, &bound));
        let inner = Inner {
            renewed: Mutex::new(Arc::new(config.clone())),
            config,
            clock,
            scope: scope.child(),
            routes,
            identity,
            bound,
            running,
            candidates: Mutex::new(fresh),
            admission: Arc::default(),
            counters,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Makes a router.
    #[must_use]
    pub fn create_router(&self) -> Router {
        Router::new(self)
    }

    /// The addresses that media is received on.
    #[must_use]
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.inner.bound
    }

    /// Viewers' connections now, those included that have not connected yet.
    #[must_use]
    pub fn transports(&self) -> usize {
        self.inner.routes.len()
    }

    /// The STUN and TURN servers to tell the viewer `user` of, with credentials made for it where they are made from a
    /// secret. Of its name letters, digits and `-_.` count.
    #[must_use]
    pub fn ice_servers(&self, user: &str) -> Vec<IceServer> {
        let Inner { clock, identity, .. } = &*self.inner;
        turn::ice_servers(&self.renewed().ice_servers, user, clock.wall(), &**identity.provider())
    }

    /// Has from now on what `config` says of STUN and TURN servers, of viewers of one stream and from one address, and of
    /// what leaves this machine. Its other settings hold from the start to the end. No viewer is sent away.
    pub fn renew(&self, config: SfuConfig) {
        *self.inner.renewed.lock() = Arc::new(config);
    }

    fn renewed(&self) -> Arc<SfuConfig> {
        self.inner.renewed.lock().clone()
    }

    pub(crate) fn scope(&self) -> &TaskScope {
        &self.inner.scope
    }

    pub(crate) fn routes(&self) -> &Arc<Routes> {
        &self.inner.routes
    }

    pub(crate) fn clock(&self) -> &SharedClock {
        &self.inner.clock
    }

    pub(crate) fn create_transport(
        &self,
        router: &Router,
        client: Option<IpAddr>,
    ) -> Result<WebRtcTransport, TransportError> {
        let Inner { routes, identity, config, clock, admission, .. } = &*self.inner;
        let admitted = admission.admit(&self.renewed(), client)?;
        WebRtcTransport::new(router, routes, identity, config.max_transports, admitted, clock.now())
    }

    pub(crate) fn create_plain_transport(
        &self,
        router: &Router,
        rtp: SocketAddr,
        rtcp_mux: bool,
    ) -> Result<PlainTransport, PlainError> {
        let Inner { routes, config, bound, .. } = &*self.inner;
        PlainTransport::new(router, routes, config, bound, rtp, rtcp_mux)
    }

    /// Whether one more viewer of a producer is let in.
    pub(crate) fn admit_consumer(&self, producer: &Producer) -> Result<(), AdmissionError> {
        let config = &*self.renewed();
        admit_to_stream(config, producer.consumers())?;
        if config.max_egress_bps == 0 {
            return Ok(());
        }
        let present = self.stats().iter().map(|shard| shard.bps).sum();
        // The least that it may get: under pressure it is sent no more.
        let wanted = producer.layers().iter().map(|layer| layer.bitrate_bps).min().unwrap_or(0);
        admit_egress(config, present, wanted)
    }

    /// Figures of each media thread.
    #[must_use]
    pub fn stats(&self) -> Vec<ShardStats> {
        let read = |counters: &Arc<ShardCounters>| ShardStats {
            transports: counters.transports.load(Ordering::Relaxed),
            consumers: counters.consumers.load(Ordering::Relaxed),
            bytes: counters.bytes.load(Ordering::Relaxed),
            bps: counters.bps.load(Ordering::Relaxed),
        };
        self.inner.counters.iter().map(read).collect()
    }

    /// The candidates to offer. Interfaces come and go, so they are looked up anew now and then.
    pub(crate) fn candidates(&self) -> Vec<Candidate> {
        let now = self.inner.clock.now();
        let mut cached = self.inner.candidates.lock();
        if now.saturating_duration_since(cached.0) > CANDIDATES_FRESH {
            *cached = (now, candidates::gather(&self.inner.config, &self.inner.bound));
        }
        cached.1.clone()
    }

    /// Closes every connection, telling the viewers, and ends the threads. Tells whether all ended within `deadline`.
    pub async fn shutdown(&self, deadline: Duration) -> bool {
        let start = self.inner.clock.now();
        self.inner.routes.shut_down();
        let mut running = self.inner.running.clone();
        let threads = tokio::time::timeout(deadline, running.wait_for(|threads| *threads == 0)).await;
        let threads = threads.is_ok_and(|ended| ended.is_ok());
        // Producers last: viewers are to hear that the server ends, not that their stream has.
        let left = deadline.saturating_sub(self.inner.clock.now().saturating_duration_since(start));
        self.inner.scope.shutdown(left).await && threads
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.routes.shut_down();
        self.scope.cancel();
    }
}

/// Counts a thread for as long as it runs; also one that panics.
struct Running {
    count: Arc<watch::Sender<usize>>,
    routes: Arc<Routes>,
    index: usize,
}

impl Running {
    fn new(count: Arc<watch::Sender<usize>>, routes: Arc<Routes>, index: usize) -> Self {
        count.send_modify(|threads| *threads += 1);
        Self { count, routes, index }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(shard = self.index, "a media thread panicked; its viewers are disconnected");
        }
        self.routes.shard_ended(self.index);
        self.count.send_modify(|threads| *threads -= 1);
    }
}
