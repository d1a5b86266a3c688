//! The whole server: started, driven and stopped as one.

mod settings;

pub(crate) use settings::supervisor_for_checks;

use crate::auth::{Auth, AuthStartError};
use crate::config::{Config, Invalid, LiveConfig, Loaded, Sources};
#[cfg(feature = "test-camera")]
use crate::control::NewDevice;
use crate::control::captures::Captures;
use crate::control::dashboard::Dashboard;
use crate::control::events::Events;
use crate::control::{Control, Live, Parts, Recordings};
use crate::db::{Database, DatabaseError};
use crate::http::{self, HttpParts, HttpState, ListenError, Listeners};
use crate::instance::Instance;
use crate::reload::{Reloader, Statuses};
use settings::{Renewable, ingest_config, sfu_config, whip_config};
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use vas_core::hub::StreamHub;
use vas_core::ports::RepoError;
use vas_core::{ErrorKind, HasKind, SharedClock, SystemClock, TaskScope};
use vas_ingest::Supervisor;
use vas_sfu::Sfu;
use vas_sfu::whip::WhipServer;

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
    /// There are no accounts.
    #[error(transparent)]
    Accounts(#[from] AuthStartError),
    /// What is stored can't be read.
    #[error("can't read the streams that are to run")]
    Resume(#[source] RepoError),
    /// The media port can't be used.
    #[error("media port: {0}")]
    Media(#[source] vas_sfu::StartError),
    /// A port of HTTP can't be used.
    #[error(transparent)]
    Http(#[from] ListenError),
}

impl HasKind for StartError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(_) => ErrorKind::InvalidInput,
            Self::Database(error) => error.kind(),
            Self::Accounts(error) => error.kind(),
            Self::Resume(error) => error.kind(),
            Self::Media(error) => error.kind(),
            Self::Http(error) => error.kind(),
        }
    }
}

/// Where a running server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Addresses {
    /// Pages and API.
    pub http: SocketAddr,
    /// WebSockets alone, besides.
    pub ws: Option<SocketAddr>,
    /// Where clients are sent to TLS.
    pub redirect: Option<SocketAddr>,
    /// SHA-256 of the certificate, where pages and API come with TLS.
    pub fingerprint: Option<String>,
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
        let scheme = if self.fingerprint.is_some() { "https" } else { "http" };
        format!("{scheme}://{address}/")
    }

    /// Every port on which something answers.
    fn ports(&self) -> Vec<u16> {
        let http = [Some(self.http), self.ws, self.redirect].into_iter().flatten();
        http.chain(self.media.iter().copied()).map(|address| address.port()).collect()
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
    settings: LiveConfig,
    reloads: Statuses,
    clock: SharedClock,
    instance: Option<Instance>,
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
        let database = Database::open(config).await?;
        // Bound early: a server that can't be reached must not touch cameras.
        let listeners = Listeners::bind(config, &clock).await?;

        let scopes = Scopes::default();
        let hub = StreamHub::default();
        let sfu =
            Sfu::start(sfu_config(config), &scopes.viewers, clock.clone()).map_err(StartError::Media)?;
        let addresses = Addresses {
            http: listeners.address(),
            ws: listeners.ws_address(),
            redirect: listeners.redirect_address(),
            fingerprint: listeners.fingerprint(),
            media: sfu.local_addresses().to_vec(),
        };
        let ingest = ingest_config(config, addresses.ports())?;
        let supervisor = Supervisor::new(hub.clone(), &scopes.ingest, clock.clone(), ingest);
        let live = Live::new(sfu.create_router(), hub.clone(), scopes.viewers.child());
        let whip = WhipServer::new(hub.clone(), whip_config(config), &scopes.viewers, clock.clone());
        let recordings =
            Recordings::start(config, &database, hub.clone(), clock.clone(), &scopes.recordings)?;
        recordings.settled(RECORDINGS_PATIENCE).await;
        let events = Events::new(clock.clone());
        let parts = Parts {
            devices: database.devices(),
            options: database.device_options(),
            streams: database.streams(),
            supervisor: supervisor.clone(),
            live,
            whip,
            captures: Captures::start(
                &database,
                recordings.clone(),
                hub.clone(),
                events.clone(),
                clock.clone(),
                &scopes.recordings,
            ),
            events,
            dashboard: Dashboard::new(&database, recordings.clone(), sfu.clone(), hub.clone(), clock.clone()),
            recordings,
            clock: clock.clone(),
        };
        let control = Control::new(parts, scopes.http.child(), &scopes.history);
        control.serve_dashboard(&scopes.http);
        let instance = Instance::take(&config.data_dir, &addresses.page());
        let app = Self {
            addresses,
            control,
            supervisor,
            sfu,
            database,
            settings: LiveConfig::new(config.clone()),
            reloads: Statuses::default(),
            clock: clock.clone(),
            instance,
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
        let auth = match Auth::start(&config.auth, &app.database, clock.clone(), &app.scopes.history).await {
            Ok(auth) => auth,
            Err(error) => {
                app.stop().await;
                return Err(error.into());
            }
        };
        let state = HttpState::new(HttpParts {
            control: app.control.clone(),
            auth: auth.clone(),
            database: app.database.clone(),
            hub,
            clock,
            settings: app.settings.clone(),
            reloads: app.reloads.clone(),
            sfu: app.sfu.clone(),
        });
        listeners.serve(&http::router(&state), &app.settings, &app.scopes.http);
        if auth.is_open() && !app.addresses.http.ip().is_loopback() {
            tracing::warn!(
                address = %app.addresses.http,
                "auth.mode is open: whoever reaches this address may see and change everything"
            );
        }
        if let Some(fingerprint) = &app.addresses.fingerprint {
            tracing::info!(fingerprint, "SHA-256 of the certificate");
        }
        tracing::info!(http = %app.addresses.http, media = ?app.addresses.media, "started");
        Ok(app)
    }

    /// Reads the settings anew on SIGHUP and when the configuration file changes. `loaded` is what the server was started
    /// with, out of `sources`. What can change while it runs does; no viewer notices.
    pub fn follow(&self, sources: Sources, loaded: &Loaded) {
        let parts = Renewable {
            supervisor: self.supervisor.clone(),
            sfu: self.sfu.clone(),
            recordings: self.control.recordings().clone(),
            own_ports: self.addresses.ports(),
        };
        let (live, reloads, clock) = (self.settings.clone(), self.reloads.clone(), self.clock.clone());
        Reloader::new(sources, loaded, live, reloads, clock, parts).run(&self.scopes.http);
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
        let new = NewDevice { name, url, sub_url, description, ..NewDevice::default() };
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
        // For whoever comes next, though handles of this one may still be about.
        if let Some(instance) = self.instance {
            instance.release();
        }
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

/// Runs the server with what was loaded out of `sources` until `shutdown` completes, then stops it in order. Changes of
/// the settings are followed.
///
/// # Errors
/// As for [`App::start`].
pub async fn run(
    sources: Sources,
    loaded: &Loaded,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let app = App::start(&loaded.config).await?;
    app.follow(sources, loaded);
    shutdown.await;
    app.stop().await;
    Ok(())
}
