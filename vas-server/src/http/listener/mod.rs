//! The listeners: connections with a bound on their number, in all and from one client, and on the time that handshakes
//! and the heads of requests may take, which `axum::serve` does not have.

mod activity;
mod admission;
mod connection;
mod redirect;
mod self_signed;
mod stream;
mod tls;

pub use tls::TlsError;

use super::layers;
use crate::config::{Config, LiveConfig};
use admission::Admission;
use axum::Router;
use connection::Serving;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tls::Tls;
use tokio::net::TcpListener;
use vas_core::{ErrorKind, HasKind, SharedClock, TaskScope};

/// Pause after a failed accept: usually there are no file descriptors left, and trying at once changes nothing.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server can't be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// A port can't be used.
    #[error(
        "can't listen on {address} for HTTP: {source}; choose another with {setting} or stop what uses it"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What sets it.
        setting: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// There is no certificate.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
}

impl HasKind for ListenError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Bind { .. } => ErrorKind::Conflict,
            Self::Tls(error) => error.kind(),
        }
    }
}

/// A port that was opened.
#[derive(Debug)]
struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

impl Port {
    async fn bind(address: SocketAddr, setting: &'static str) -> Result<Self, ListenError> {
        let bind = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        bind.await.map_err(|source| ListenError::Bind { address, setting, source })
    }
}

/// All ports of HTTP, opened; nothing is answered on them yet.
#[derive(Debug)]
pub(crate) struct Listeners {
    main: Port,
    sockets: Option<Port>,
    redirect: Option<Port>,
    tls: Option<Tls>,
}

impl Listeners {
    /// Opens what the configuration asks for.
    ///
    /// # Errors
    /// A port is taken, or the certificate can't be used.
    pub(crate) async fn bind(config: &Config, clock: &SharedClock) -> Result<Self, ListenError> {
        let http = &config.http;
        let tls = Tls::open(config, clock)?;
        let main = Port::bind(http.listen, "--http-listen").await?;
        let sockets = match http.ws_listen {
            Some(address) => Some(Port::bind(address, "http.ws_listen").await?),
            None => None,
        };
        let redirect = match http.redirect_listen.filter(|_| tls.is_some()) {
            Some(address) => Some(Port::bind(address, "http.redirect_listen").await?),
            None => None,
        };
        Ok(Self { main, sockets, redirect, tls })
    }

    /// Where pages and API are.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.main.address
    }

    /// Where WebSockets are besides.
    pub(crate) fn ws_address(&self) -> Option<SocketAddr> {
        self.sockets.as_ref().map(|port| port.address)
    }

    /// Where clients are sent to TLS.
    pub(crate) fn redirect_address(&self) -> Option<SocketAddr> {
        self.redirect.as_ref().map(|port| port.address)
    }

    /// SHA-256 of the certificate, where there is TLS.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        self.tls.as_ref().map(Tls::fingerprint)
    }

    /// Serves `router` until the scope is cancelled; requests under way are finished then.
    pub(crate) fn serve(self, router: &Router, settings: &LiveConfig, scope: &TaskScope) {
        let Self { main, sockets, redirect, tls } = self;
        let http = &settings.current().http;
        if let Some(tls) = &tls {
            tls.follow(scope);
        }
        let admission = Admission::new(http);
        let serve = |port: Port, router, tls| {
            let serving = Serving::new(router, tls, http, scope);
            scope.spawn_until_cancelled("http listener", accept(port.listener, serving, admission.clone()));
        };
        if let Some(port) = sockets {
            serve(port, layers::only_below("/ws/", router.clone()), tls.clone());
        }
        if let Some(port) = redirect {
            serve(port, redirect::router(settings, main.address.port()), None);
        }
        serve(main, router.clone(), tls);
    }
}

async fn accept(listener: TcpListener, serving: Serving, admission: Admission) {
    loop {
        let place = admission.place().await;
        match listener.accept().await {
            Ok((stream, peer)) => match admission.admit(peer.ip()) {
                Some(admitted) => {
                    let connection = serving.clone().connection(stream, peer, place, admitted);
                    serving.scope.spawn("http connection", connection);
                }
                None => tracing::debug!(%peer, "the client has as many connections as it may have"),
            },
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
