//! A test camera: sources, a hub and an RTSP server on one address, which can be cut off and come back.

use super::replay::{ReplayError, replay};
use super::synthetic::{SyntheticConfig, SyntheticError, synthetic};
use crate::rtsp::server::{AuthConfig, BindError, RtspServer, RtspServerConfig, RtspServerStats};
use parking_lot::Mutex;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use vas_core::hub::StreamHub;
use vas_core::{Credentials, ErrorKind, HasKind, SharedClock, StreamId, SystemClock, TaskScope};

/// How long a stop may take; sources look up every 20 ms.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// What a path of a test camera shows.
#[derive(Clone, Debug)]
pub enum CameraSource {
    /// The synthetic picture.
    Synthetic(SyntheticConfig),
    /// An MP4 file with H.264 and perhaps AAC, in a loop.
    File(PathBuf),
}

/// A test camera to be started.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TestCameraConfig {
    /// The address to listen on; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// The paths and what they show.
    pub sources: Vec<(String, CameraSource)>,
    /// Asked for by digest authentication; `None`: everybody may watch.
    pub auth: Option<Credentials>,
    /// How the server behaves in all but authentication.
    pub server: RtspServerConfig,
    /// Where time comes from.
    pub clock: SharedClock,
}

impl TestCameraConfig {
    /// A camera on `listen` that shows nothing yet.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            sources: Vec::new(),
            auth: None,
            server: RtspServerConfig::default(),
            clock: SystemClock::shared(),
        }
    }
}

/// Why a test camera can't run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestCameraError {
    /// The address can't be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A synthetic source can't run.
    #[error("camera path {path}: {source}")]
    Synthetic {
        /// The path.
        path: String,
        /// What is wrong.
        source: SyntheticError,
    },
    /// A file can't be replayed.
    #[error("camera path {path}: {source}")]
    Replay {
        /// The path.
        path: String,
        /// What is wrong.
        source: ReplayError,
    },
}

impl HasKind for TestCameraError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Bind(error) => error.kind(),
            Self::Synthetic { source, .. } => source.kind(),
            Self::Replay { source, .. } => source.kind(),
        }
    }
}

/// A test camera. Dropping it cuts it off.
#[derive(Debug)]
pub struct TestCamera {
    config: TestCameraConfig,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    scope: TaskScope,
    server: RtspServer,
    hub: StreamHub,
    streams: Vec<(String, StreamId)>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

impl TestCamera {
    /// Starts a camera. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The address is taken, a setting is out of range, or a file can't be replayed.
    pub fn start(mut config: TestCameraConfig) -> Result<Self, TestCameraError> {
        let running = Running::start(&config)?;
        // A camera that comes back does so on the same port.
        config.listen = running.server.local_addr();
        Ok(Self { config, running: Mutex::new(Some(running)) })
    }

    /// The address that it listens on, also while it is stopped.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.config.listen
    }

    /// The URL of a path, without credentials. An address that stands for all is given as this machine's own.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        let mut address = self.config.listen;
        if address.ip().is_unspecified() {
            let own: IpAddr =
                if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
            address.set_ip(own);
        }
        format!("rtsp://{address}/{}", path.trim_matches('/'))
    }

    /// Cuts the camera off as if its power failed: connections drop at once, without a goodbye, and the port is
    /// closed when this returns. Does nothing when it is stopped already.
    pub async fn stop(&self) {
        let running = self.running.lock().take();
        if let Some(running) = running {
            running.scope.shutdown(STOP_DEADLINE).await;
        }
    }

    /// Starts the camera again on the same port; frame numbers and media time begin anew. Does nothing when it
    /// runs.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn resume(&self) -> Result<(), TestCameraError> {
        let mut running = self.running.lock();
        if running.is_none() {
            *running = Some(Running::start(&self.config)?);
        }
        Ok(())
    }

    /// Counters of the RTSP server; zeros while the camera is stopped.
    #[must_use]
    pub fn stats(&self) -> RtspServerStats {
        self.running.lock().as_ref().map(|running| running.server.stats()).unwrap_or_default()
    }

    /// The hub that the camera publishes in and the stream of a path, for tests that look inside; `None` while the
    /// camera is stopped or when it has no such path.
    #[must_use]
    pub fn stream(&self, path: &str) -> Option<(StreamHub, StreamId)> {
        let running = self.running.lock();
        let running = running.as_ref()?;
        let stream = running.streams.iter().find(|(name, _)| name == path)?.1;
        Some((running.hub.clone(), stream))
    }
}

impl Running {
    fn start(config: &TestCameraConfig) -> Result<Self, TestCameraError> {
        let (hub, scope, clock) = (StreamHub::default(), TaskScope::new(), &config.clock);
        let mut server_config = config.server.clone();
        if let Some(credentials) = &config.auth {
            server_config.auth = AuthConfig::Digest(credentials.clone());
        }
        let server = RtspServer::bind(config.listen, server_config, hub.clone(), &scope, clock.clone())?;
        // From here on, whatever fails also stops what has been started.
        let mut running = Self { scope, server, hub, streams: Vec::new() };
        for (path, source) in &config.sources {
            let stream = StreamId::random();
            let (hub, scope) = (&running.hub, &running.scope);
            match source {
                CameraSource::Synthetic(settings) => {
                    synthetic(hub, stream, settings.clone(), scope, clock)
                        .map_err(|source| TestCameraError::Synthetic { path: path.clone(), source })?;
                }
                CameraSource::File(file) => {
                    replay(hub, stream, file, scope, clock)
                        .map_err(|source| TestCameraError::Replay { path: path.clone(), source })?;
                }
            }
            running.server.mount(path, stream);
            running.streams.push((path.clone(), stream));
        }
        Ok(running)
    }
}
