//! The SFU: its shards and what they share.

use crate::candidates;
use crate::config::SfuConfig;
use crate::dtls::DtlsIdentity;
use crate::error::{StartError, TransportError};
use crate::router::Router;
use crate::sdp::Candidate;
use crate::shard::{Routes, Shard, ShardParts, bind_all};
use crate::transport::WebRtcTransport;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
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
            };
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
            config,
            clock,
            scope: scope.child(),
            routes,
            identity,
            bound,
            running,
            candidates: Mutex::new(fresh),
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

    pub(crate) fn scope(&self) -> &TaskScope {
        &self.inner.scope
    }

    pub(crate) fn routes(&self) -> &Arc<Routes> {
        &self.inner.routes
    }

    pub(crate) fn create_transport(&self, router: &Router) -> Result<WebRtcTransport, TransportError> {
        let Inner { routes, identity, config, clock, .. } = &*self.inner;
        WebRtcTransport::new(router, routes, identity, config.max_transports, clock.now())
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
