//! The whole server: started, driven and stopped as one.

use crate::config::{Config, Invalid};
#[cfg(feature = "test-camera")]
use crate::control::NewDevice;
use crate::control::captures::Captures;
use crate::control::{Control, Live, Parts, Recordings};
use crate::db::{Database, DatabaseError};
use crate::http::{self, HttpState};
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use vas_core::hub::StreamHub;
use vas_core::ports::RepoError;
use vas_core::{ErrorKind, HasKind, SharedClock, SystemClock, TaskScope};
use vas_ingest::{BackoffConfig, IngestConfig, Supervisor};
use vas_sfu::whip::{WhipConfig, WhipServer};
use vas_sfu::{IceServerConfig, Sfu, SfuConfig};

/// Bounds on the steps of a shutdown: 10 s in all.
const HTTP_DEADLINE: Duration = Duration::from_secs(2);
const VIEWERS_DEADLINE: Duration = Duration::from_millis(1_500);
const INGEST_DEADLINE: Duration = Duration::from_secs(3);
const RECORDINGS_DEADLINE: Duration = Duration::from_millis(2_500);
const DATABASE_DEADLINE: Duration = Duration::from_millis(500);

/// How long a start waits for what an earlier run left to be recorded whole; beyond, that goes on in the background.
const RECORDINGS_PATIENCE: Duration = Duration::from_secs(5);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is out of the question.
    #[error("configuration: {0}")]
    Config(#[from] Invalid),
    /// The database can't be opened.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// What is stored can't be read.
    #[error("can't read the streams that are to run")]
    Resume(#[source] RepoError),
    /// The media port can't be used.
    #[error("media port: {0}")]
    Media(#[source] vas_sfu::StartError),
    /// The HTTP port can't be used.
    #[error(
        "can't listen on {address} for HTTP: {source}; choose another with --http-listen or stop what uses it"
    )]
    Http {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

impl HasKind for StartError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(_) => ErrorKind::InvalidInput,
            Self::Database(error) => error.kind(),
            Self::Resume(error) => error.kind(),
            Self::Media(error) => error.kind(),
            Self::Http { .. } => ErrorKind::Conflict,
        }
    }
}

/// Where a running server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Addresses {
    /// Pages and API.
    pub http: SocketAddr,
    /// Media, UDP.
    pub media: Vec<SocketAddr>,
}

impl Addresses {
    /// The address of the first page, for a browser on this machine where the server listens on all addresses.
    #[must_use]
    pub fn page(&self) -> String {
        let mut address = self.http;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                std::net::Ipv4Addr::LOCALHOST.into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            });
        }
        format!("http://{address}/")
    }
}

/// A running server.
#[derive(Debug)]
#[must_use = "a server that is dropped is not shut down in order; call stop"]
pub struct App {
    addresses: Addresses,
    control: Control,
    supervisor: Supervisor,
    sfu: Sfu,
    database: Database,
    scopes: Scopes,
}

/// Tasks by the step of the shutdown in which they end.
#[derive(Debug, Default)]
struct Scopes {
    http: TaskScope,
    viewers: TaskScope,
    ingest: TaskScope,
    recordings: TaskScope,
    history: TaskScope,
}

impl App {
    /// Starts everything: the database, the media port, the streams that ran before, HTTP. Returns when requests are
    /// answered.
    ///
    /// # Errors
    /// What can't be started, and what to do about it. Nothing runs on then.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        config.validate()?;
        // Whoever links two providers of cryptography must choose one; this is the only one here.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let clock: SharedClock = SystemClock::shared();
        let database = Database::connect(&config.database_url()).await?;
        // Bound early: a server that can't be reached must not touch cameras.
        let address = config.http.listen;
        let listener =
            TcpListener::bind(address).await.map_err(|source| StartError::Http { address, source })?;
        let http = listener.local_addr().map_err(|source| StartError::Http { address, source })?;

        let scopes = Scopes::default();
        let hub = StreamHub::default();
        let sfu =
            Sfu::start(sfu_config(config), &scopes.viewers, clock.clone()).map_err(StartError::Media)?;
        let supervisor = Supervisor::new(hub.clone(), &scopes.ingest, clock.clone(), ingest_config(config));
        let live = Live::new(sfu.create_router(), hub.clone(), scopes.viewers.child());
        let whip = WhipServer::new(hub.clone(), whip_config(config), &scopes.viewers, clock.clone());
        let recordings =
            Recordings::start(config, &database, hub.clone(), clock.clone(), &scopes.recordings)?;
        recordings.settled(RECORDINGS_PATIENCE).await;
        let parts = Parts {
            devices: database.devices(),
            streams: database.streams(),
            supervisor: supervisor.clone(),
            live,
            whip,
            captures: Captures::start(
                &database,
                recordings.clone(),
                hub.clone(),
                clock.clone(),
                &scopes.recordings,
            ),
            recordings,
            clock: clock.clone(),
        };
        let control = Control::new(parts, scopes.http.child(), &scopes.history);
        let app = Self {
            addresses: Addresses { http, media: sfu.local_addresses().to_vec() },
            control,
            supervisor,
            sfu,
            database,
            scopes,
        };
        match app.control.resume().await {
            Ok(0) => {}
            Ok(streams) => tracing::info!(streams, "streams that ran before run again"),
            Err(error) => {
                app.stop().await;
                return Err(StartError::Resume(error));
            }
        }
        let state = HttpState::new(app.control.clone(), app.database.clone(), hub, clock, config);
        http::serve(listener, http::router(&state), &config.http, &app.scopes.http);
        if !app.addresses.http.ip().is_loopback() {
            tracing::warn!(
                address = %app.addresses.http,
                "whoever reaches this address may see and change everything: there are no accounts yet"
            );
        }
        tracing::info!(http = %app.addresses.http, media = ?app.addresses.media, "started");
        Ok(app)
    }

    /// Where it listens.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Adds a camera and starts its stream, as the API would.
    #[cfg(feature = "test-camera")]
    pub(crate) async fn add_camera(
        &self,
        name: String,
        url: String,
        sub_url: Option<String>,
    ) -> Result<(), crate::control::ControlError> {
        let description = Some("built-in test camera".to_owned());
        let new = NewDevice { name, url, sub_url, description, location: None };
        let device = self.control.add_device(new).await?;
        self.control.start(device.id).await?;
        Ok(())
    }

    /// Stops everything in order: HTTP takes no more requests and finishes those under way, viewers are told, cameras
    /// get their TEARDOWN, recordings end their files, the last changes of state are written, the database is closed.
    /// Takes 10 s at most; tells whether everything had ended by itself.
    pub async fn stop(self) -> bool {
        let http = self.scopes.http.shutdown(HTTP_DEADLINE).await;
        self.control.live().close_all();
        let media = self.sfu.shutdown(VIEWERS_DEADLINE).await;
        let viewers = self.scopes.viewers.shutdown(Duration::from_millis(500)).await;
        let ingest = self.supervisor.shutdown(INGEST_DEADLINE).await;
        let recorded = self.control.recordings().shutdown(RECORDINGS_DEADLINE).await;
        let recordings = self.scopes.recordings.shutdown(Duration::from_millis(500)).await;
        let history = self.scopes.history.shutdown(DATABASE_DEADLINE).await;
        let database = tokio::time::timeout(DATABASE_DEADLINE, self.database.close()).await.is_ok();
        let ended = http && media && viewers && ingest && recorded && recordings && history && database;
        if ended {
            tracing::info!("stopped");
        } else {
            tracing::warn!(
                http,
                media,
                viewers,
                ingest,
                recorded,
                recordings,
                history,
                database,
                "stopped; not everything ended in time"
            );
        }
        ended
    }
}

/// Runs the server until `shutdown` completes, then stops it in order.
///
/// # Errors
/// As for [`App::start`].
pub async fn run(config: &Config, shutdown: impl Future<Output = ()>) -> Result<(), StartError> {
    let app = App::start(config).await?;
    shutdown.await;
    app.stop().await;
    Ok(())
}

fn sfu_config(config: &Config) -> SfuConfig {
    let media = &config.media;
    let mut sfu = SfuConfig::on_port(media.port)
        .public_addresses(media.public_addresses.clone())
        .shards(media.threads as usize);
    sfu.announce_local = media.announce_local;
    sfu.tcp = media.tcp;
    sfu.ice_servers = ice_servers(config);
    sfu.max_transports = media.max_viewers as usize;
    sfu.max_viewers_per_stream = media.max_viewers_per_stream as usize;
    sfu.max_viewers_per_address = match media.max_viewers_per_address {
        0 => usize::MAX,
        limit => limit as usize,
    };
    sfu.max_egress_bps = u64::from(media.max_egress_mbps) * 1_000_000;
    sfu
}

fn ice_servers(config: &Config) -> Vec<IceServerConfig> {
    let (stun, turn) = (&config.media.ice_servers, &config.turn);
    let mut servers = Vec::new();
    if !stun.is_empty() {
        servers.push(IceServerConfig::open(stun.clone()));
    }
    if !turn.urls.is_empty() {
        let (urls, secret) = (turn.urls.clone(), turn.secret.secret().clone());
        servers.push(if turn.secret.is_empty() {
            IceServerConfig::with_password(urls, turn.username.clone(), turn.password.secret().clone())
        } else {
            IceServerConfig::with_secret(urls, secret, turn.ttl_seconds.into())
        });
    }
    servers
}

fn whip_config(config: &Config) -> WhipConfig {
    let mut whip = WhipConfig::default();
    whip.public_addresses = config.media.public_addresses.clone();
    whip.announce_local = config.media.announce_local;
    whip.ports = config.publishers.first_port..=config.publishers.last_port;
    whip.max_sessions = config.publishers.max as usize;
    whip.media_timeout = Duration::from_secs(config.ingest.media_timeout_seconds.into());
    whip
}

fn ingest_config(config: &Config) -> IngestConfig {
    let limits = &config.ingest;
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let mut ingest = IngestConfig::default();
    ingest.connect_timeout = seconds(limits.connect_timeout_seconds);
    ingest.request_timeout = seconds(limits.request_timeout_seconds);
    ingest.media_timeout = seconds(limits.media_timeout_seconds);
    ingest.max_connects = limits.max_connects as usize;
    ingest.max_connects_per_host = limits.max_connects_per_host as usize;
    ingest.backoff =
        BackoffConfig::between(seconds(limits.backoff_min_seconds), seconds(limits.backoff_max_seconds));
    ingest
}
